"""Runs guest programs the way a user does, through the command `w9x run`, in a world of its own.

A `Runner` owns a private runtime folder and home, so its daemon, arena, registry and drive C: are shared with nobody;
`stop` ends that daemon. Set W9X_TEST_RUNNER to a command (for instance a script around Wine) to run the same tests
on a reference implementation instead: that is how an expectation is checked before it is believed.

W9X_TEST_ENGINE chooses the engine for all of them.

Callers must not start a daemon of their own in the runner's folders.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.guest.build import cache_root

REPO = Path(__file__).resolve().parents[2]
SOURCE_ROOTS = ("client", "shared_arena", "w9xd", "vxd", "thunk16")
DEFAULT_TIMEOUT = 60.0


class GuestTimeout(AssertionError):
    """The program was still running after the time allowed; the text holds what it had printed."""


def source_path() -> str:
    """PYTHONPATH that makes this checkout's packages importable, ahead of what is set already."""
    roots = [str(REPO / root) for root in SOURCE_ROOTS]
    return os.pathsep.join([*roots, *filter(None, [os.environ.get("PYTHONPATH")])])


class Runner:
    """Runs programs in one isolated world. `folder` must be short enough for a socket path (about 60 characters)."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or Path(tempfile.mkdtemp(prefix="w9xt-"))
        (self.folder / "run").mkdir(mode=0o700, exist_ok=True)
        (self.folder / "home").mkdir(exist_ok=True)
        reference = os.environ.get("W9X_TEST_RUNNER")
        self.reference = shlex.split(reference) if reference else None
        self.env = {
            **os.environ,
            "PYTHONPATH": source_path(),
            "W9X_RUNTIME_DIR": str(self.folder / "run"),
            "W9X_HOME": str(self.folder / "home"),
            "TZ": "UTC",
            # Installed packages have their byte code. So has this checkout, without littering it, and whatever the
            # environment says: compiling all modules again would double the start-up that tests and bench measure.
            "PYTHONPYCACHEPREFIX": str(cache_root() / "pycache"),
        }
        self.env.pop("PYTHONDONTWRITEBYTECODE", None)

    @property
    def is_reference(self) -> bool:
        """True when the programs run on a reference implementation and not on w9x."""
        return self.reference is not None

    def w9x(self, *words: str, timeout: float = DEFAULT_TIMEOUT) -> subprocess.CompletedProcess[bytes]:
        """One `w9x` command in this world, for instance w9x("status", "--json")."""
        command = [sys.executable, "-m", "w9x_client.cli", *words]
        return subprocess.run(command, env=self.env, capture_output=True, timeout=timeout, check=False)

    def command(self, program: Path | str, args: Sequence[str] = (), options: Sequence[str] = ()) -> list[str]:
        """The command line that runs `program`; `options` are options of `w9x run` (ignored by a reference)."""
        if self.reference:
            return [*self.reference, str(program), *args]
        engine = os.environ.get("W9X_TEST_ENGINE")
        chosen = ["--engine", engine] if engine and "--engine" not in options else []
        return [sys.executable, "-m", "w9x_client.cli", "run", *chosen, *options, str(program), *args]

    def popen(
        self,
        program: Path | str,
        args: Sequence[str] = (),
        *,
        cwd: Path | None = None,
        options: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        stderr: int | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a program with pipes for input and output, in a process group of its own."""
        return subprocess.Popen(
            self.command(program, args, options),
            cwd=cwd,
            env={**self.env, **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
        )

    def run(
        self,
        program: Path | str,
        args: Sequence[str] = (),
        *,
        stdin: bytes = b"",
        timeout: float = DEFAULT_TIMEOUT,
        cwd: Path | None = None,
        options: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a program to its end and return its output, error output and exit code (low 8 bits) as bytes.

        timeout is in seconds; when it is over, the whole process group is killed and GuestTimeout raised.
        """
        guest = self.popen(program, args, cwd=cwd, options=options, env=env, stderr=subprocess.PIPE)
        try:
            out, err = guest.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired:
            kill_group(guest)
            out, err = guest.communicate()
            raise GuestTimeout(
                f"{Path(program).name} {list(args)} ran longer than {timeout:g} s\n"
                f"output: {out[-2000:]!r}\nerror output: {err[-2000:]!r}"
            ) from None
        return subprocess.CompletedProcess(guest.args, guest.returncode, out, err)

    def stop(self) -> None:
        """End the daemon and remove the world. Raises nothing when the daemon is gone already."""
        if not self.reference:
            try:
                self.w9x("stop", timeout=20)
            except subprocess.TimeoutExpired:
                pass  # what is left is killed below; a daemon that ignores `stop` is another test's failure
            for pid in self._left_over():
                with contextlib.suppress(ProcessLookupError):  # it ended by itself
                    os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _left_over(self) -> list[int]:
        """Processes of this world that still run: those that carry its runtime folder in their environment."""
        mark = f"W9X_RUNTIME_DIR={self.env['W9X_RUNTIME_DIR']}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue  # another user's, or gone
            if mark in words:
                found.append(int(folder.name))
        return found


def kill_group(guest: subprocess.Popen[bytes]) -> None:
    """SIGKILL a process started by `Runner.popen` and all its children that stayed in its group."""
    try:
        os.killpg(guest.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it ended between the time-out and here


def shown(done: subprocess.CompletedProcess[bytes]) -> str:
    """What a failed assertion should show of a run."""
    return (
        f"{done.args}\nexit code {done.returncode}\n"
        f"output: {done.stdout[-3000:].decode('latin-1')}\nerror output: {done.stderr[-3000:].decode('latin-1')}"
    )
