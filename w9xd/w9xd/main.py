"""The command ``w9xd``: the daemon in the foreground, and ``w9xd service`` for its systemd units."""

from __future__ import annotations

import argparse
import fcntl
import gc
import os
import resource
import signal
import sys
from collections.abc import Sequence

from w9x_arena import paths
from w9xd import __version__


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="w9xd", description="Keeps what this user's Windows programs share.")
    parser.add_argument("--version", action="version", version=f"w9xd {__version__}")
    parser.add_argument("--foreground", action="store_true", help="stay in the foreground (the default)")
    parser.add_argument("--runtime-dir", metavar="DIR", help="for socket and arena (default: $XDG_RUNTIME_DIR/w9x)")
    parser.add_argument("--ready-fd", type=int, metavar="N", help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command")
    service = commands.add_parser("service", help="manage the systemd user units")
    service.add_argument("action", choices=["install", "uninstall", "status"])
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the daemon until a signal or a Shutdown request; returns the exit code."""
    options = _parser().parse_args(arguments)
    if options.runtime_dir:
        os.environ["W9X_RUNTIME_DIR"] = os.path.abspath(options.runtime_dir)
    try:
        if options.command == "service":
            from w9xd import service

            return service.command(options.action)
        return _serve(options.ready_fd)
    except paths.PathError as error:
        print(f"w9xd: {error}", file=sys.stderr)
    except OSError as error:
        print(f"w9xd: {error}", file=sys.stderr)
    return 1


def _serve(ready_fd: int | None) -> int:
    lock = _lock()
    if lock is None:
        print(f"w9xd: a daemon already runs in {paths.runtime_dir()}", file=sys.stderr)
        return 75  # EX_TEMPFAIL (sysexits.h)
    from w9xd.notify import listen_fd
    from w9xd.server import Server

    _raise_descriptor_limit()
    server = Server(paths.socket_path(), listen_fd())
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: server.stop())
    # The objects made so far live as long as the daemon; leaving them out keeps collections short.
    gc.freeze()
    if ready_fd is not None:
        os.write(ready_fd, b"1")
        os.close(ready_fd)
    try:
        server.run()
    finally:
        server.close()
        os.close(lock)
    return 0


def _lock() -> int | None:
    """Hold the daemon lock for this process's life; None when another daemon has it."""
    fd = os.open(paths.daemon_lock_path(), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


def _raise_descriptor_limit() -> None:
    """One connection and one pidfd per client: the usual soft limit of 1024 is 500 clients."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
