"""`w9x arena` and `w9x peek`: looking at the shared arena from outside."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from .daemon import connect
from .errors import USAGE, fail
from .output import print_json, print_table, size_text
from .processes import find, pid_text, processes

if TYPE_CHECKING:
    from w9x_arena.messages import RangeRow
    from w9x_arena.rpc import Connection
    from w9x_arena.segment import ArenaFile

PEEK_MAX = 1 << 24


def ranges(connection: Connection) -> Iterator[RangeRow]:
    """All ranges of the ledger, by address."""
    from w9x_arena import messages

    start = 0
    while True:
        page = connection.call(messages.ListArena(start))
        yield from page.rows
        start = page.next
        if not start:
            return


def prot_text(prot: int) -> str:
    """Protection bits as r, w, x and g (guard), '-' for what is missing."""
    return "".join(letter if prot & bit else "-" for letter, bit in (("r", 1), ("w", 2), ("x", 4), ("g", 8)))


def _committed(arena: ArenaFile | None, row: RangeRow) -> int:
    """Bytes of a shared range that are committed, by the page map."""
    from w9x_arena import layout

    if arena is None:
        return 0
    first, count = row.start // layout.PAGE, row.size // layout.PAGE
    pages = os.pread(arena.fd, count, layout.PAGE_MAP_OFFSET + first)
    return (len(pages) - pages.count(0)) * layout.PAGE


ARENA_EPILOG = """\b
KIND is shared (one copy, visible to all), image (a loaded module) or overlay (an address taken by several programs;
each has pages of its own there). COMMITTED counts the pages of the shared copy that exist.
\b
Examples:
  w9x arena
  w9x arena --pid F0000004
  w9x arena --json | jq '.[] | select(.kind == "overlay")'
"""


@click.command(epilog=ARENA_EPILOG)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--pid", metavar="PID", help="Only what this program owns (guest or Linux pid).")
def arena(as_json: bool, pid: str | None) -> None:
    """Show the map of the shared arena: address range, kind, protection, owners, label."""
    from w9x_arena import paths, segment

    with connect() as connection:
        running = list(processes(connection))
        rows = list(ranges(connection))
    if pid is not None:
        wanted = find(running, pid).pid
        rows = [row for row in rows if wanted in row.owners]
    names = {row.pid: row.program for row in running}
    file: ArenaFile | None = None
    try:
        file = segment.ArenaFile.open(paths.arena_path())
        found = [(row, _committed(file, row)) for row in rows]
    finally:
        if file is not None:
            file.close()
    if as_json:
        print_json([_as_json(row, committed) for row, committed in found])
        return
    print_table(
        ("RANGE", "SIZE", "COMMITTED", "KIND", "PROT", "OWNER", "LABEL"),
        [
            (
                f"{row.start:08X}-{row.start + row.size - 1:08X}", size_text(row.size), size_text(committed), row.kind,
                prot_text(row.prot), _owners(row, names), row.label,
            )
            for row, committed in found
        ],
        right=("SIZE", "COMMITTED"),
    )  # fmt: skip


def _as_json(row: RangeRow, committed: int) -> dict[str, Any]:
    return {
        "start": row.start, "size": row.size, "committed": committed, "kind": row.kind, "prot": prot_text(row.prot),
        "owners": list(row.owners), "label": row.label,
    }  # fmt: skip


def _owners(row: RangeRow, names: dict[int, str]) -> str:
    shown = [f"{pid_text(pid)} {names.get(pid, '')}".rstrip() for pid in row.owners[:3]]
    if len(row.owners) > 3:
        shown.append(f"and {len(row.owners) - 3} more")
    return ", ".join(shown) or "system"


def parse_address(text: str) -> int:
    """A guest address as people write it: hexadecimal, with or without 0x or h."""
    digits = text.lower().removeprefix("0x").removesuffix("h").replace("_", "").replace("`", "")
    try:
        value = int(digits, 16)
    except ValueError:
        value = -1
    if not 0 <= value < 1 << 32:
        fail(f"{text!r} is no 32-bit address; write it in hexadecimal, such as 00401000", USAGE)
    return value


def parse_length(text: str) -> int:
    """A number of bytes: decimal, hexadecimal with 0x, or with K or M behind it."""
    factor = {"k": 1 << 10, "m": 1 << 20}.get(text[-1:].lower(), 1)
    try:
        value = int(text[:-1] if factor > 1 else text, 0) * factor
    except ValueError:
        value = 0
    if not 0 < value <= PEEK_MAX:
        fail(f"{text!r} is no length: write 1 to {PEEK_MAX} bytes, such as 256, 0x100 or 4K", USAGE)
    return value


PEEK_EPILOG = """\b
What is shown is the shared copy: a program's overlay and its writable image sections are its own.
\b
Examples:
  w9x peek 81230000
  w9x peek 0x00410000 4K
  w9x peek --raw 81230000 65536 > dump.bin
"""


@click.command(epilog=PEEK_EPILOG)
@click.option("--raw", is_flag=True, help="Write the bytes themselves.")
@click.argument("address")
@click.argument("length", default="256")
def peek(raw: bool, address: str, length: str) -> None:
    """Dump LENGTH bytes (256) of shared memory at the guest ADDRESS (hexadecimal)."""
    from w9x_arena import layout, paths, segment

    start, size = parse_address(address), parse_length(length)
    end = min(start + size, 1 << 32)
    if not (layout.in_arena(start) and layout.in_arena(end - 1)):
        shared = f"{layout.SYSTEM_START:08X}-{layout.DLL_END - 1:08X}"
        fail(f"{start:08X}-{end - 1:08X} is not shared memory: each program has its own outside {shared}")
    if not os.path.exists(paths.arena_path()):
        fail("there is no arena; start the daemon with: w9x start")
    with segment.ArenaFile.open(paths.arena_path()) as arena_file:
        first, last = start // layout.PAGE, (end - 1) // layout.PAGE
        pages = os.pread(arena_file.fd, last - first + 1, layout.PAGE_MAP_OFFSET + first)
        if 0 in pages:
            hole = (first + pages.index(0)) * layout.PAGE
            fail(f"the page at {hole:08X} is not committed; `w9x arena` shows what is in use")
        data = os.pread(arena_file.fd, end - start, start)
    if raw:
        sys.stdout.buffer.write(data)
        return
    for line in dump_lines(start, data):
        click.echo(line)


def dump_lines(address: int, data: bytes) -> Iterator[str]:
    """A hex dump in lines of 16 bytes that begin at multiples of 16; equal lines are shown once, then as '*'."""
    previous: bytes | None = None
    starred = False
    at = address & ~15
    while at < address + len(data):
        begin, stop = max(at, address), min(at + 16, address + len(data))
        part = data[begin - address : stop - address]
        if part == previous and len(part) == 16 and stop < address + len(data):
            if not starred:
                yield "*"
            starred = True
        else:
            before, after = begin - at, at + 16 - stop
            cells = ["  "] * before + [f"{byte:02X}" for byte in part] + ["  "] * after
            text = " " * before + "".join(chr(b) if 32 <= b < 127 else "." for b in part)
            yield f"{at:08X}  {' '.join(cells[:8])}  {' '.join(cells[8:])}  {text}"
            starred = False
        previous = part
        at += 16
