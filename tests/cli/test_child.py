"""A program starts another one, through the command."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.guest.build import build_exe
from tests.guest.run import Runner, shown


@pytest.fixture
def parent(holder: Path, tmp_path: Path) -> Path:
    """A program that starts another, with that other beside it."""
    program = build_exe("parent", [Path(__file__).parent / "programs/parent.c"])
    shutil.copy(program, tmp_path)
    shutil.copy(holder, tmp_path)
    return tmp_path / program.name


def lines(output: bytes) -> list[str]:
    return output.decode("latin-1").splitlines()


def test_a_child_has_its_arguments_and_the_parents_output(world: Runner, parent: Path) -> None:
    done = world.run(parent, ['holder.exe args one "two three"'])
    assert lines(done.stdout) == ["[one]", "[two three]", "child returned 0"], shown(done)


def test_a_child_inherits_the_environment(world: Runner, parent: Path) -> None:
    done = world.run(parent, ["holder.exe env FROM_PARENT"])
    assert lines(done.stdout) == ["yes", "child returned 0"], shown(done)


def test_the_parent_gets_all_32_bits_of_the_exit_code(world: Runner, parent: Path) -> None:
    done = world.run(parent, ["holder.exe"], stdin=b"exit 70000\n")
    assert lines(done.stdout)[-1] == "child returned 70000", shown(done)


def test_a_program_that_is_not_there_is_an_error_of_create_process(world: Runner, parent: Path) -> None:
    done = world.run(parent, ["nothing.exe"])
    assert lines(done.stdout) == ["error 2"], shown(done)


def test_a_file_that_is_no_program_is_an_error_of_create_process(world: Runner, parent: Path) -> None:
    (parent.parent / "bad.exe").write_bytes(b"no program at all")
    done = world.run(parent, ["bad.exe"])
    assert lines(done.stdout) in (["error 193"], ["error 11"]), shown(done)  # BAD_EXE_FORMAT or BAD_FORMAT

