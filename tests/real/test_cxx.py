"""A C++ program with exceptions, iostreams, containers, RTTI and static objects prints what its native build prints."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.guest.run import Runner, shown
from tests.real.programs import cxx

STDIN = b"alpha 10 beta 20\ngamma 12\n"
ARGS = ["one", "two words", 'a"b', "c\\", "", "*.none"]


def test_output_and_exit_code_equal_the_native_build(w9x: Runner, tmp_path: Path) -> None:
    program = cxx()
    (tmp_path / "native").mkdir()
    wanted = subprocess.run(
        [program.reference, *ARGS], cwd=tmp_path / "native", input=STDIN, capture_output=True, timeout=60, check=False
    )
    assert wanted.returncode == 23
    done = w9x.run(program.exe, ARGS, cwd=tmp_path, stdin=STDIN)
    assert done.stdout.replace(b"\r\n", b"\n").decode() == wanted.stdout.decode(), shown(done)
    assert done.stderr.replace(b"\r\n", b"\n") == wanted.stderr, shown(done)
    assert done.returncode == 23


def test_an_exception_that_nobody_catches_ends_the_program_with_code_3(w9x: Runner) -> None:
    """libstdc++ says what it was and calls abort, and the C runtime's abort exits with code 3."""
    done = w9x.run(cxx().exe, ["terminate"])
    assert b"std::runtime_error" in done.stderr, shown(done)
    assert b"nobody catches this" in done.stderr, shown(done)
    assert done.returncode == 3, shown(done)
