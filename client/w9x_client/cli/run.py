"""`w9x run` and `w9x trace`.

Options stand before PROGRAM; everything after it belongs to the program. Order of precedence: command line, the
program's settings, the defaults. On success nothing is printed that is not the guest's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from . import settings
from .errors import USAGE, fail

if TYPE_CHECKING:
    from w9x_client.process.launch import RunOptions

WINDOWS = ("95", "95osr2", "98", "98se", "me")
"""`process.version.PROFILES`, spelled out to keep `--help` and start-up light; a test compares them."""
_PROGRAM_CONTEXT = {"allow_interspersed_args": False, "ignore_unknown_options": False}


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how a program runs."""
    for option in reversed(
        [
            click.option("--engine", type=click.Choice(settings.ENGINES, False), help="CPU engine [auto]."),
            click.option("--windows", type=click.Choice(WINDOWS, False), help="Windows the program sees [98se]."),
            click.option(
                "--arena", type=click.Choice(settings.ARENAS, False),
                help="shared: memory is visible to all programs, as this product promises; "
                "private: 4 MB-2 GB is the program's own, as Microsoft documents [shared].",
            ),
            click.option(
                "--drive", "drives", metavar="X:=PATH[:ro]", multiple=True,
                help="Put a directory behind a drive letter.",
            ),
            click.option(
                "--env", "environment", metavar="NAME=VALUE", multiple=True,
                help="Set a variable; NAME alone passes the host's value on, NAME= removes it.",
            ),
            click.option(
                "--timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS",
                help="End the program after this time, with exit code 124.",
            ),
        ]
    ):  # fmt: skip
        command = option(command)
    return command


def merge(
    program: str, arguments: Sequence[str], *, engine: str | None, windows: str | None, arena: str | None,
    drives: Sequence[str], environment: Sequence[str], timeout: float | None,
) -> RunOptions:  # fmt: skip
    """What the command line says, completed by the settings."""
    from w9x_client.process.launch import RunOptions

    stored = settings.load().for_program(program)
    options = RunOptions(program, list(arguments))
    options.engine = engine or stored.engine or options.engine
    options.windows = windows or stored.windows or options.windows
    options.arena = arena or stored.arena or options.arena
    options.timeout = timeout if timeout is not None else stored.timeout
    given = {text.partition(":")[0].upper() for text in drives}
    options.drives = [f"{letter}:={path}" for letter, path in stored.drives.items() if letter not in given] + list(
        drives
    )
    options.environment = [f"{name}={value}" for name, value in stored.env.items()] + list(environment)
    return options


def _launch(options: RunOptions) -> int:
    from w9x_client.process.launch import LaunchError, launch

    try:
        return launch(options)
    except LaunchError as error:
        fail(str(error), error.exit_code)


RUN_EPILOG = """\b
Examples:
  w9x run hello.exe a "b c"
  w9x run 'C:\\Program Files\\Tool\\tool.exe' /?
  w9x run --drive D:=/media/cdrom:ro D:\\setup.exe
  w9x run --windows 95 --env 'PATH=C:\\WINDOWS;C:\\BIN' game.exe

The exit code is the program's (its low 8 bits); 124 after --timeout, 126 when the program cannot be run,
127 when it is not there.
Ctrl-C reaches the program as CTRL_C_EVENT; a second one ends it.
"""


@click.command(context_settings=_PROGRAM_CONTEXT, epilog=RUN_EPILOG)
@run_options
@click.argument("program", type=click.Path())
@click.argument("arguments", metavar="[ARGS]...", nargs=-1, type=click.UNPROCESSED)
def run(program: str, arguments: tuple[str, ...], **how: Any) -> int:
    """Run the Windows program PROGRAM, a Linux path or a Windows path on one of its drives.

    Its standard input, output and error are this command's. The daemon is started when none runs.
    """
    return _launch(merge(program, arguments, **how))


TRACE_EPILOG = """\b
Filters are lists of items separated by commas; the last item that fits a call decides:
  *                    everything
  kernel32             all of a DLL
  kernel32.heap        a topic: the functions of one source file of w9x
  kernel32.CreateFileA one function
  -ITEM                not these
\b
Examples:
  w9x trace hello.exe
  w9x trace --filter '*,-kernel32.heap' -o log.txt setup.exe
  w9x trace --filter kernel32.file,advapi32 setup.exe
"""


@click.command(context_settings=_PROGRAM_CONTEXT, epilog=TRACE_EPILOG)
@run_options
@click.option("--filter", "filter_text", metavar="LIST", default="*", show_default=True, help="Which calls are logged.")
@click.option("-o", "--output", metavar="FILE", type=click.Path(), help="Write the log there, not to standard error.")
@click.argument("program", type=click.Path())
@click.argument("arguments", metavar="[ARGS]...", nargs=-1, type=click.UNPROCESSED)
def trace(program: str, arguments: tuple[str, ...], filter_text: str, output: str | None, **how: Any) -> int:
    """Run PROGRAM and log its API calls: thread, function, arguments, result, last error where it changed, and
    caller.
    """
    from w9x_client.process.trace import FilterError, parse_filter

    try:
        parse_filter(filter_text)
    except FilterError as error:
        fail(f"--filter: {error}", USAGE)
    options = merge(program, arguments, **how)
    options.trace, options.trace_file = filter_text, output
    # Routines that run as guest code never come by the relay: a traced program (and its children) gets the handlers
    # instead.
    os.environ["W9X_NO_GUEST_CODE"] = "1"
    return _launch(options)
