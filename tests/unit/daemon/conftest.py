"""A daemon of one's own: a private runtime directory and home for each test."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from w9x_arena import rpc


def wait_gone(pidfd: int, seconds: float = 15) -> None:
    """Wait for the process behind a pidfd to end."""
    ready, _, _ = select.select([pidfd], [], [], seconds)
    assert ready, "the process still runs"


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory for everything w9x keeps; any daemon started in it is ended with the test."""
    # Not tmp_path: a socket's path may have 107 bytes.
    base = Path(tempfile.mkdtemp(prefix="w9xt"))
    monkeypatch.setenv("W9X_RUNTIME_DIR", str(base / "run"))
    monkeypatch.setenv("W9X_HOME", str(base / "home"))
    yield base
    # The lock file names the daemon even when the test left it in the middle of something.
    try:
        pid = int((base / "run" / "w9xd.lock").read_text() or 0)
        pidfd = os.pidfd_open(pid) if pid else -1
    except (OSError, ValueError):
        pidfd = -1
    if pidfd >= 0:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        wait_gone(pidfd)
        os.close(pidfd)
    shutil.rmtree(base)


@pytest.fixture
def connect(home: Path) -> Iterator[Callable[..., rpc.Connection]]:
    """``connect()`` opens a registered connection; all are closed at the end."""
    opened: list[rpc.Connection] = []

    def open_(program: str = "a.exe", engine: str = "test", **options: object) -> rpc.Connection:
        connection = rpc.Connection.open(program, engine, **options)
        opened.append(connection)
        return connection

    yield open_
    for connection in opened:
        connection.close()


@pytest.fixture
def spawn_daemon(home: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """``spawn_daemon()`` runs ``python -m w9xd`` in the foreground and returns when it is ready."""
    children: list[subprocess.Popen[bytes]] = []

    def spawn(**environment: str) -> subprocess.Popen[bytes]:
        ready_read, ready_write = os.pipe()
        child = subprocess.Popen(
            [sys.executable, "-m", "w9xd", "--ready-fd", str(ready_write)],
            pass_fds=(ready_write,),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
            stderr=subprocess.PIPE,
        )
        os.close(ready_write)
        children.append(child)
        assert os.read(ready_read, 1) == b"1", child.communicate()[1].decode()
        os.close(ready_read)
        return child

    yield spawn
    for child in children:
        child.kill()
        child.communicate()


@pytest.fixture
def python_client(home: Path) -> Callable[..., subprocess.Popen[bytes]]:
    """``python_client(text)`` runs Python source in another process, with the connection open as ``c``."""

    def run(source: str) -> subprocess.Popen[bytes]:
        head = "import os, signal, sys\nfrom w9x_arena import rpc, paths, segment, messages as m\n"
        head += "c = rpc.Connection.open('other.exe', 'test', command_line='other.exe /x')\n"
        return subprocess.Popen(
            [sys.executable, "-c", head + source],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    return run
