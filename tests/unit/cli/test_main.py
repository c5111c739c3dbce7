"""The last line of defence: every failure is one line and an exit code."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from w9x_client.cli import group
from w9x_client.cli import main as cli_main
from w9x_client.cli.errors import CommandError
from w9x_client.cli.main import COMMANDS
from w9x_client.cli.main import run as main


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """`w9x status` raises what a test puts in here."""
    raises: list[BaseException] = []

    def status() -> None:
        raise raises[0]

    monkeypatch.setattr(group.LazyGroup, "get_command", lambda *_: click.Command("status", callback=status))
    return raises


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (CommandError("no such thing", 3), 3, "w9x: no such thing\n"),
        (ZeroDivisionError("oops\nmore"), 125, "w9x: internal error: ZeroDivisionError: oops more (please report it;"),
        (FileNotFoundError(2, "No such file or directory", "x.reg"), 1, "w9x: x.reg: No such file or directory\n"),
        (RecursionError("deep"), 125, "w9x: internal error: RecursionError"),
    ],
)
def test_a_failure_is_one_line(
    failing: list[BaseException], capsys: pytest.CaptureFixture[str], error: BaseException, code: int, said: str
) -> None:
    failing.append(error)
    assert main(["status"]) == code
    text = capsys.readouterr().err
    assert text.startswith(said)
    assert text.count("\n") == 1
    assert "Traceback" not in text


def test_ctrl_c_ends_a_command_with_130(failing: list[BaseException]) -> None:
    failing.append(KeyboardInterrupt())
    assert main(["status"]) == 130


@pytest.mark.parametrize("arguments", [["nope"], ["run"], ["run", "--engine", "x", "y"], ["peek"], ["status", "extra"]])
def test_wrong_usage_is_exit_code_2_and_points_to_the_help(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    text = capsys.readouterr().err
    assert text.count("\n") == 1
    assert "--help" in text


def test_a_program_without_run_is_told_how(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["setup.exe"]) == 2
    assert "w9x run setup.exe" in capsys.readouterr().err


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help_with_a_description(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"Usage: w9x {name}")
    assert len(text.splitlines()) > 4


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - {"start", "restart"}))
def test_every_command_that_takes_something_has_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    main([name, "--help"])
    assert "Examples:" in capsys.readouterr().out


def test_a_closed_pipe_is_no_traceback() -> None:
    command = f"{sys.executable} -m w9x_client.cli --help | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode in (0, 1, 141)  # it may have finished writing; click's own answer is 1


def test_a_closed_standard_output_and_error_are_no_traceback() -> None:
    done = subprocess.run(["bash", "-c", f"{sys.executable} -m w9x_client.cli nope >&- 2>&-"], check=False)
    assert done.returncode == 2


def test_the_start_of_a_program_imports_nothing_heavy() -> None:
    code = "import sys; import w9x_client.cli.run; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"rich", "tomlkit", "zmq", "pefile", "unicorn", "sqlite3", "numpy", "asyncio", "tomllib"}
    assert heavy.isdisjoint(done.stdout.split())


def test_the_summaries_are_those_of_the_commands() -> None:
    assert cli_main.COMMANDS.keys() == set(group.cli.list_commands(click.Context(group.cli)))
