"""The entry point of `w9x`: finds the sub-command, and turns every failure into one line and an exit code.

Sub-commands are listed in `COMMANDS` and imported when they are used: the start of a program must not pay for tables,
settings editors or registries it does not need. `main` is the last line of defence against tracebacks: what reaches
it is reported as a defect in one line, in full only with W9X_DEBUG set.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("run", "Run a Windows program."),
    "trace": ("run", "Run a program and log its API calls."),
    "triage": ("triage", "Say what a program needs, without running it."),
    "start": ("daemon", "Start the daemon."),
    "stop": ("daemon", "Stop the daemon."),
    "restart": ("daemon", "Stop the daemon and start it again."),
    "status": ("daemon", "Show the daemon, the engines and the arena."),
    "ps": ("processes", "List running programs."),
    "kill": ("processes", "End a running program."),
    "arena": ("memory", "Show the map of the shared arena."),
    "peek": ("memory", "Dump memory of the shared arena."),
    "reg": ("reg", "Read and change the registry."),
    "drive": ("drive", "Show and change drive letters."),
    "config": ("config", "Show and change settings."),
    "service": ("service", "Manage the systemd user units."),
    "doctor": ("doctor", "Check this machine."),
    "completion": ("completion", "Print a shell completion script."),
}
"""Name -> (module of this package, the line `w9x --help` shows). The module has a click command of that name."""


def _group() -> click.Group:
    from . import group

    return group.cli


def main() -> int:
    """The command `w9x`: run the process's command line and end the process."""
    code = run(None)
    if os.environ.get("W9X_DEBUG"):
        return code  # profilers and coverage tools write at exit
    # Nothing is left to be closed or written. Taking the interpreter apart would cost every program 20 ms (measured).
    os._exit(code)


def run(arguments: Sequence[str] | None) -> int:
    """Run a command line (None: the process's); returns the exit code and raises nothing."""
    try:
        try:
            code = _run(arguments)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # `w9x arena | head`: the reader has seen enough. Nothing may be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    except Exception as error:  # noqa: BLE001  # the boundary to the user: a defect is one line, never a traceback
        return _defect(error)
    return code


def _run(arguments: Sequence[str] | None) -> int:
    import click

    from .errors import USAGE, CommandError

    try:
        result = _group().main(arguments, prog_name="w9x", standalone_mode=False)
    except CommandError as error:
        return _say(str(error), error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return USAGE
    except click.UsageError as error:
        # The option or command that is meant is often a letter away: click's text says which.
        where = error.ctx.command_path if error.ctx is not None else "w9x"
        return _say(f"{error.format_message()} ('{where} --help' shows the usage)", USAGE)
    except click.ClickException as error:
        return _say(error.format_message(), error.exit_code)
    except click.Abort:
        return 130
    except BrokenPipeError:
        raise
    except Exception as error:
        text = _expected(error)
        if text is None:
            raise
        return _say(text, 1)
    return result if isinstance(result, int) else 0


def _expected(error: Exception) -> str | None:
    """The line for a failure that is nobody's defect: the daemon is away, a directory is not usable, the disk is
    full.
    """
    from w9x_arena.paths import PathError

    if isinstance(error, PathError):
        return str(error)
    rpc, segment = sys.modules.get("w9x_arena.rpc"), sys.modules.get("w9x_arena.segment")
    if rpc is not None and isinstance(error, (rpc.DaemonUnavailable, rpc.ProtocolMismatch, rpc.RpcError)):
        return str(error)
    if segment is not None and isinstance(error, segment.ArenaError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return None


def _say(text: str, code: int) -> int:
    line = "".join(c if c.isprintable() else " " if c == "\n" else f"\\x{ord(c):02x}" for c in text)
    try:
        print(f"w9x: {line}", file=sys.stderr)
    except (OSError, ValueError, AttributeError):
        pass  # standard error is closed: the exit code has to do
    return code


def _defect(error: Exception) -> int:
    if os.environ.get("W9X_DEBUG"):
        import traceback

        traceback.print_exception(error)
    return _say(f"internal error: {type(error).__name__}: {error} (please report it; W9X_DEBUG=1 shows more)", 125)


__all__ = ["COMMANDS", "main", "run"]
