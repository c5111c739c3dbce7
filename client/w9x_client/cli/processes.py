"""`w9x ps` and `w9x kill`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from .daemon import connect, lock_holder
from .errors import USAGE, fail
from .output import age_text, print_json, print_table

if TYPE_CHECKING:
    from w9x_arena.messages import ProcessRow
    from w9x_arena.rpc import Connection


def processes(connection: Connection) -> Iterator[ProcessRow]:
    """All guest processes, by guest pid."""
    from w9x_arena import messages

    start = 0
    while True:
        page = connection.call(messages.ListProcesses(start))
        yield from page.rows
        start = page.next
        if not start:
            return


def pid_text(pid: int) -> str:
    """A guest pid as it is shown: eight hexadecimal digits."""
    return f"{pid:08X}"


PS_EPILOG = """\b
PID is the guest's process id (GetCurrentProcessId), LINUX the process that executes it; `w9x kill` takes either.
Examples:
  w9x ps
  w9x ps --json
"""


@click.command(epilog=PS_EPILOG)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def ps(as_json: bool) -> None:
    """List running programs."""
    rows: list[ProcessRow] = []
    if lock_holder():
        with connect() as connection:
            rows = list(processes(connection))
    if as_json:
        print_json(
            [
                {
                    "pid": row.pid, "linux_pid": row.linux_pid, "parent": row.parent, "program": row.program,
                    "command_line": row.command_line, "engine": row.engine, "windows": row.windows,
                    "state": row.state, "started": row.started_ms / 1000,
                }
                for row in rows
            ]
        )  # fmt: skip
        return
    now = time.time()
    print_table(
        ("PID", "LINUX", "AGE", "STATE", "WINDOWS", "ENGINE", "PROGRAM", "COMMAND LINE"),
        [
            (
                pid_text(row.pid), str(row.linux_pid), age_text(now - row.started_ms / 1000), row.state, row.windows,
                row.engine, row.program, row.command_line,
            )
            for row in rows
        ],
        right=("LINUX", "AGE"),
    )  # fmt: skip


def find(rows: list[ProcessRow], text: str) -> ProcessRow:
    """The process that ``text`` names: a guest pid in hexadecimal (decimal too), or a Linux pid. Fails with one
    line.
    """
    numbers = set()
    try:
        numbers.add(int(text, 10))
    except ValueError:
        pass
    for row in rows:
        if row.linux_pid in numbers or row.pid in numbers:
            return row
    try:
        wanted = int(text.lower().removeprefix("0x").removesuffix("h"), 16)
    except ValueError:
        fail(f"{text!r} is no process id; `w9x ps` lists them", USAGE)
    for row in rows:
        if row.pid == wanted:
            return row
    fail(f"no program has the process id {text}; `w9x ps` lists them")


KILL_EPILOG = """\b
Examples:
  w9x kill F0000004           by guest pid
  w9x kill 4711               by Linux pid
  w9x kill --force 4711       at once, whatever it is doing
"""


@click.command(epilog=KILL_EPILOG)
@click.option("-f", "--force", is_flag=True, help="Do not give the program a chance to end by itself.")
@click.argument("pids", metavar="PID...", nargs=-1, required=True)
def kill(force: bool, pids: tuple[str, ...]) -> None:
    """End running programs, by guest or Linux process id."""
    from w9x_arena import messages

    with connect() as connection:
        rows = list(processes(connection))
        for row in [find(rows, text) for text in pids]:
            connection.call(messages.KillProcess(row.pid, force))
