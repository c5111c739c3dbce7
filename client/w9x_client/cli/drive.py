"""`w9x drive`: persistent drive letters."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, cast

import click

from .daemon import connect
from .errors import USAGE, fail
from .output import print_json, print_table

if TYPE_CHECKING:
    from w9x_arena.messages import DriveLetter

EPILOG = """\b
C: is always there: it is the folder drive_c of the data directory.
A drive for one run only: w9x run --drive X:=PATH ...
Examples:
  w9x drive list
  w9x drive add D:=/media/cdrom:ro
  w9x drive remove D:
"""


@click.group(epilog=EPILOG)
def drive() -> None:
    """Show and change the drive letters that every program sees."""


@drive.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_drives(as_json: bool) -> None:
    """List the drives."""
    from w9x_arena import messages, paths

    with connect(start=True) as connection:
        rows = connection.call(messages.ListDrives()).rows
    drives = {"C": (os.fspath(paths.data_dir() / "drive_c"), False)}
    drives |= {row.letter: (row.path, row.read_only) for row in rows}
    if as_json:
        print_json([{"letter": letter, "path": p, "read_only": ro} for letter, (p, ro) in sorted(drives.items())])
        return
    print_table(
        ("DRIVE", "ACCESS", "PATH"),
        [(f"{letter}:", "read" if ro else "read, write", path) for letter, (path, ro) in sorted(drives.items())],
    )


def parse_drive(text: str) -> tuple[str, str, bool]:
    """(letter, absolute path, read only) of X:=PATH[:ro]; fails with one line."""
    match = re.fullmatch(r"([A-Za-z]):?=(.+?)(:ro)?", text, re.DOTALL)
    if match is None:
        fail(f"{text!r} is no drive; write X:=PATH or X:=PATH:ro", USAGE)
    _not_c(match[1].upper())
    path = os.path.abspath(os.path.expanduser(match[2]))
    if not os.path.isdir(path):
        fail(f"{path} is not a directory")
    return match[1].upper(), path, match[3] is not None


def _not_c(letter: str) -> None:
    if letter == "C":
        fail("C: is w9x's own drive; another one for a single run: w9x run --drive C:=PATH ...", USAGE)


@drive.command()
@click.argument("mapping", metavar="X:=PATH[:ro]")
def add(mapping: str) -> None:
    """Put the directory PATH behind the letter X."""
    from w9x_arena import messages

    letter, path, read_only = parse_drive(mapping)
    with connect(start=True) as connection:
        connection.call(messages.SetDrive(cast("DriveLetter", letter), path, read_only))


@drive.command()
@click.argument("letter", metavar="X:")
def remove(letter: str) -> None:
    """Forget a drive. The directory stays as it is."""
    from w9x_arena import messages

    name = letter.rstrip(":").upper()
    if len(name) != 1 or not "A" <= name <= "Z":
        fail(f"{letter!r} is no drive; write a letter, such as D:", USAGE)
    _not_c(name)
    with connect(start=True) as connection:
        connection.call(messages.RemoveDrive(cast("DriveLetter", name)))
