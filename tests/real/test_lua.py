"""Lua 5.4.4, its library in a DLL: every script prints what the same source prints when built for the host."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.guest.run import Runner, shown
from tests.real.programs import lua

SCRIPTS = sorted((Path(__file__).parent / "lua").glob("*.lua"))
ARGS = ["first", "with space", 'quo"te', ""]
STDIN = b"12.5 rest of line\nsecond\nthird\n\nlast"
ENV = {"W9X_LUA_TEST": "from outside", "TZ": "UTC", "LC_ALL": "C"}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_script_prints_what_the_native_build_prints(w9x: Runner, script: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "guest", tmp_path / "native"
    for folder in (here, there):
        folder.mkdir()
        (folder / script.name).write_bytes(script.read_bytes())
    program = lua()
    wanted = subprocess.run(
        [program.reference, script.name, *ARGS],
        cwd=there,
        env={**os.environ, **ENV},
        input=STDIN,
        capture_output=True,
        timeout=60,
        check=False,
    )
    options = [word for name, value in ENV.items() for word in ("--env", f"{name}={value}")]
    done = w9x.run(program.exe, [script.name, *ARGS], cwd=here, options=options, env=ENV, stdin=STDIN)
    assert done.stdout.replace(b"\r\n", b"\n").decode("latin-1") == wanted.stdout.decode("latin-1"), shown(done)
    assert done.stderr.replace(b"\r\n", b"\n") == wanted.stderr, shown(done)
    assert done.returncode == wanted.returncode
    assert sorted(p.name for p in here.iterdir()) == sorted(p.name for p in there.iterdir())


def test_interactive_mode_reads_statements_from_a_pipe(w9x: Runner) -> None:
    done = w9x.run(lua().exe, ["-i"], stdin=b"x = 6\nprint(x * 7)\n= x\nerror('oops')\nprint('still here')\n")
    assert done.returncode == 0, shown(done)
    assert b"42" in done.stdout, shown(done)
    assert b"still here" in done.stdout, shown(done)
    assert b"oops" in done.stderr, shown(done)


def test_an_uncaught_error_ends_with_code_1_and_a_traceback(w9x: Runner) -> None:
    done = w9x.run(lua().exe, ["-e", "local function f() error('boom') end f()"])
    assert done.returncode == 1, shown(done)
    assert b"boom" in done.stderr, shown(done)
    assert b"stack traceback:" in done.stderr, shown(done)
    assert done.stdout == b""
