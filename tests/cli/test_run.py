"""`w9x run` and `w9x trace`, as a user meets them."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.guest.run import Runner, shown
from w9x_client.engine import native

Start = Callable[..., "subprocess.Popen[bytes]"]


def lines(output: bytes) -> list[str]:
    return output.decode("latin-1").splitlines()


def test_the_exit_code_is_the_guests_and_nothing_is_added(world: Runner, holder: Path) -> None:
    done = world.run(holder, stdin=b"exit 37\n")
    assert done.returncode == 37, shown(done)
    assert done.stderr == b""
    assert len(lines(done.stdout)) == 1


def test_the_exit_code_is_cut_to_8_bits(world: Runner, holder: Path) -> None:
    assert world.run(holder, stdin=b"exit 259\n").returncode == 3


def test_everything_after_the_program_belongs_to_it(world: Runner, holder: Path) -> None:
    arguments = ["args", "--help", "--timeout", "5", "--", "-x", "", "a b", 'say "x"', "back\\slash\\"]
    done = world.run(holder, arguments)
    assert lines(done.stdout) == [f"[{text}]" for text in arguments[1:]], shown(done)


def test_the_program_may_be_a_windows_path_on_a_drive(world: Runner, holder: Path) -> None:
    done = world.run("X:\\HOLDER.EXE", ["args", "ok"], options=["--drive", f"X:={holder.parent}:ro"])
    assert lines(done.stdout) == ["[ok]"], shown(done)


def test_the_extension_may_be_left_out(world: Runner, holder: Path) -> None:
    assert lines(world.run(holder.with_suffix(""), ["args", "ok"]).stdout) == ["[ok]"]


@pytest.mark.parametrize(
    ("options", "value"), [(["--env", "FOO=bar"], "bar"), ([], "(none)"), (["--env", "FOO"], "host")]
)
def test_variables_come_from_the_command_line_only(world: Runner, holder: Path, options: list[str], value: str) -> None:
    done = world.run(holder, ["env", "foo"], options=options, env={"FOO": "host"})
    assert lines(done.stdout) == [value], shown(done)


def test_the_guests_path_is_windows_own(world: Runner, holder: Path) -> None:
    assert lines(world.run(holder, ["env", "PATH"]).stdout) == ["C:\\WINDOWS;C:\\WINDOWS\\COMMAND"]
    assert lines(world.run(holder, ["env", "PATH"], options=["--env", "PATH=C:\\X"]).stdout) == ["C:\\X"]


@pytest.mark.parametrize(
    "path", ["..\\..\\..\\..\\..\\etc\\passwd", "/etc/passwd", "\\\\?\\C:\\..\\..\\etc\\passwd", "Z:\\etc\\passwd"]
)
def test_the_hosts_files_are_out_of_reach(world: Runner, holder: Path, path: str) -> None:
    done = world.run(holder, ["type", path])
    assert (done.returncode, done.stdout) == (2, b""), shown(done)


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (None, 127, "no such file"),
        (b"#!/bin/sh\n", 126, "not a Windows program"),
        (b"MZ" + bytes(30), 126, "damaged"),
        (b"\x7fELF" + bytes(100), 126, "Linux program"),
    ],
)
def test_what_cannot_run_is_one_line_and_126_or_127(
    world: Runner, tmp_path: Path, content: bytes | None, code: int, said: str
) -> None:
    program = tmp_path / "x.exe"
    if content is not None:
        program.write_bytes(content)
    done = world.run(program)
    assert done.returncode == code, shown(done)
    assert len(lines(done.stderr)) == 1
    assert said in done.stderr.decode()


@pytest.mark.parametrize(
    "options", [["--windows", "3.1"], ["--arena", "mine"], ["--timeout", "0"], ["--timeout", "x"], ["--nope"]]
)
def test_wrong_options_are_usage_errors(world: Runner, holder: Path, options: list[str]) -> None:
    done = world.run(holder, options=options)
    assert done.returncode == 2
    assert len(lines(done.stderr)) == 1


def test_the_native_engine_runs_the_program_or_says_why_not(world: Runner, holder: Path) -> None:
    possible, reason = native.available()
    done = world.run(holder, ["args", "one"], options=["--engine", "native"])
    if possible:
        assert (done.returncode, lines(done.stdout)) == (0, ["[one]"]), shown(done)
    else:
        assert done.returncode == 126
        assert reason in done.stderr.decode()


def test_a_timeout_ends_the_program_with_124(world: Runner, holder: Path) -> None:
    done = world.run(holder, ["sleep"], options=["--timeout", "0.5"])
    assert done.returncode == 124, shown(done)


def test_ctrl_c_reaches_the_guests_handler_and_a_second_one_ends_it(start: Start) -> None:
    guest = start("control")
    assert guest.stdout is not None
    assert guest.stdout.readline()
    os.kill(guest.pid, signal.SIGINT)
    assert guest.stdout.readline().strip() == b"event 0"
    os.kill(guest.pid, signal.SIGINT)
    guest.wait(timeout=30)  # before communicate closes its input, which would end it too
    out, err = guest.communicate()
    assert guest.returncode == 0x3A  # the low 8 bits of STATUS_CONTROL_C_EXIT
    assert (out, err) == (b"", b"")


def test_settings_apply_and_the_command_line_goes_before_them(world: Runner, holder: Path) -> None:
    assert world.w9x("config", "set", "env.FOO", "default").returncode == 0
    assert world.w9x("config", "set", "--program", "HOLDER.EXE", "env.Foo", "own").returncode == 0
    assert lines(world.run(holder, ["env", "FOO"]).stdout) == ["own"]
    assert lines(world.run(holder, ["env", "FOO"], options=["--env", "foo=line"]).stdout) == ["line"]


def test_a_damaged_settings_file_stops_a_run_with_one_line(world: Runner, holder: Path) -> None:
    path = Path(world.w9x("config", "path").stdout.decode().strip())
    path.write_text("[defaults]\ncolour = 1\n")
    done = world.run(holder)
    assert done.returncode == 2
    assert "unknown setting 'colour'" in done.stderr.decode()


def test_a_trace_has_calls_with_arguments_and_leaves_the_output_alone(
    world: Runner, holder: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    done = world.w9x("trace", "--filter", "kernel32,-kernel32.heap", "-o", str(log), str(holder), "args", "ok")
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, [b"[ok]"], b""), shown(done)
    text = log.read_text()
    assert "kernel32.GetModuleHandleA(lpModuleName=" in text or "kernel32.SetUnhandledExceptionFilter(" in text
    assert "msvcrt." not in text
    assert "  ret holder.exe+" in text


def test_a_filter_without_sense_is_a_usage_error(world: Runner, holder: Path) -> None:
    done = world.w9x("trace", "--filter", "*,,", str(holder))
    assert done.returncode == 2
    assert b"--filter" in done.stderr
