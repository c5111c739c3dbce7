"""`w9x start`, `stop`, `restart`, `status`."""

from __future__ import annotations

import fcntl
import os
import select
import signal
from typing import TYPE_CHECKING, Any

import click

from .errors import NOT_RUNNING, fail
from .output import age_text, print_json, size_text

if TYPE_CHECKING:
    from w9x_arena.rpc import Connection

STOP_SECONDS = 20.0


def lock_holder() -> int:
    """Linux pid of the daemon that runs now; 0 when none does."""
    from w9x_arena import paths

    try:
        fd = os.open(paths.daemon_lock_path(), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return 0
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(os.pread(fd, 32, 0) or b"0")
        return 0
    except ValueError:
        return 0
    finally:
        os.close(fd)


def connect(*, start: bool = False) -> Connection:
    """A tool's connection to the daemon. Fails with one line when none runs and ``start`` is false."""
    from w9x_arena import rpc

    return rpc.Connection.open(tool=True, start=start)


def _stop(kill: bool) -> bool:
    """Stop the daemon and wait for its end; False when none ran."""
    from w9x_arena import messages, rpc

    pid = lock_holder()
    if not pid:
        return False
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        try:
            with rpc.Connection.open(tool=True, start=False) as connection:
                connection.call(messages.Shutdown(kill))
        except rpc.RpcError as error:
            fail(f"the daemon refuses to stop: {error}")
        except (rpc.ProtocolMismatch, rpc.DaemonUnavailable):
            # Another version, or a daemon that hangs: a signal needs no common language.
            signal.pidfd_send_signal(pidfd, signal.SIGTERM)
        if not select.select([pidfd], [], [], STOP_SECONDS)[0]:
            fail(f"the daemon (Linux pid {pid}) does not end; to end it without its consent: kill -KILL {pid}")
    finally:
        os.close(pidfd)
    return True


def _start() -> int:
    """Make sure a daemon runs; its Linux pid."""
    from w9x_arena import rpc

    rpc.ensure_daemon()
    with connect() as connection:
        return connection.daemon_pid


@click.command(epilog="`w9x run` does this by itself; `w9x service install` lets systemd do it.")
def start() -> None:
    """Start the daemon, unless one runs."""
    before = lock_holder()
    pid = _start()
    if before == pid:
        click.echo(f"the daemon runs already (Linux pid {pid})")
    else:
        click.echo(f"the daemon runs (Linux pid {pid})")


STOP_EPILOG = """\b
Examples:
  w9x stop
  w9x stop --kill     end the programs that still run as well
"""


@click.command(epilog=STOP_EPILOG)
@click.option("--kill", is_flag=True, help="End running programs too.")
def stop(kill: bool) -> None:
    """Stop the daemon. While programs run this needs --kill: they would start it again when they next need it."""
    if not lock_holder():
        click.echo("no daemon runs")
        return
    if not kill:
        running = _running_programs()
        if running:
            names = ", ".join(running[:3]) + (", ..." if len(running) > 3 else "")
            fail(f"programs are running ({names}); end them first, or use: w9x stop --kill")
    _stop(kill)
    from w9x_arena import rpc

    click.echo("the daemon has ended" + (" (systemd starts it again when needed)" if rpc.daemon_running() else ""))


def _running_programs() -> list[str]:
    from w9x_arena import rpc

    from .processes import processes

    try:
        with connect() as connection:
            return [row.program for row in processes(connection)]
    except (rpc.ProtocolMismatch, rpc.DaemonUnavailable):
        return []


@click.command()
def restart() -> None:
    """Stop the daemon and start it again, for instance after an update. Running programs go on."""
    _stop(kill=False)
    click.echo(f"the daemon runs (Linux pid {_start()})")


STATUS_EPILOG = """\b
Exit code: 0 when the daemon runs, 3 when it does not.
Examples:
  w9x status
  w9x status --json | jq .arena.allocated_bytes
"""


@click.command(epilog=STATUS_EPILOG)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> int:
    """Show the daemon, the engines (and why one is not available), and the use of the arena."""
    from w9x_arena import __version__, paths
    from w9x_client.engine.probe import probe_engines

    found = _daemon_status()
    engines = probe_engines()
    arena = _arena_status()
    if as_json:
        print_json(
            {
                "version": __version__,
                "daemon": found,
                "engines": [
                    {"name": e.name, "available": e.available, "version": e.version, "detail": e.detail}
                    for e in engines
                ],
                "arena": arena,
            }
        )
        return 0 if found else NOT_RUNNING
    if found:
        click.echo(
            f"daemon   {found['version']}, Linux pid {found['pid']}, up {age_text(found['uptime_seconds'])},"
            f" {found['processes']} programs, {found['sessions']} connections"
        )
    else:
        click.echo(f"daemon   does not run ({paths.runtime_dir()}); `w9x run` and `w9x start` start it")
    for engine in engines:
        word = "available" if engine.available else "not available"
        click.echo(f"engine   {engine.name} {engine.version}".rstrip() + f": {word}; {engine.detail}")
    if arena:
        reserved = f", {size_text(found['reserved_bytes'])} reserved in {found['ranges']} ranges" if found else ""
        click.echo(f"arena    {arena['path']}, {size_text(arena['allocated_bytes'])} in use{reserved}")
    else:
        click.echo("arena    no file; the daemon makes it")
    return 0 if found else NOT_RUNNING


def _daemon_status() -> dict[str, Any] | None:
    from w9x_arena import messages

    if not lock_holder():
        return None
    with connect() as connection:
        answer = connection.call(messages.Ping())
    return {
        "version": answer.version,
        "pid": answer.daemon_pid,
        "uptime_seconds": answer.uptime_ms / 1000,
        "processes": answer.processes,
        "sessions": answer.sessions,
        "ranges": answer.ranges,
        "images": answer.images,
        "atoms": answer.atoms,
        "reserved_bytes": answer.reserved_bytes,
        "reclaiming_bytes": answer.reclaiming_bytes,
    }


def _arena_status() -> dict[str, Any] | None:
    from w9x_arena import paths

    try:
        info = os.stat(paths.arena_path())
    except FileNotFoundError:
        return None
    return {
        "path": os.fspath(paths.arena_path()),
        "size_bytes": info.st_size,
        "allocated_bytes": info.st_blocks * 512,
    }
