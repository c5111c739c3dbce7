"""Whole .reg files through the daemon, which takes and gives them in parts that fit a message.

:func:`import_registry` sends a REGEDIT4 file in parts cut between values; each part is applied whole or not at all,
and errors name the file's own line numbers. :func:`export_registry` yields the parts of a file.
"""

from __future__ import annotations

from collections.abc import Iterator

from w9x_arena import messages as m
from w9x_arena.rpc import Connection

_HEADER = b"REGEDIT4"
PART_BYTES = m.REG_CHUNK_MAX * 3 // 4


def export_registry(connection: Connection, root: m.RootName, path: str) -> Iterator[bytes]:
    """The REGEDIT4 text of a key and everything below it. Raises ``rpc.RpcError``."""
    start = 0
    while True:
        part = connection.call(m.RegExport(root, path, start))
        yield part.data
        start = part.next
        if not start:
            return


def import_registry(connection: Connection, data: bytes) -> tuple[int, int]:
    """Import a file; the numbers of keys and values in it. Raises ``rpc.RpcError`` (INVALID names the line)."""
    keys = values = 0
    for part, first_line, repeated in split(data):
        done = connection.call(m.RegImport(part, first_line))
        keys += done.keys - repeated
        values += done.values
    return keys, values


def split(data: bytes, limit: int = PART_BYTES) -> Iterator[tuple[bytes, int, bool]]:
    """Parts of a REGEDIT4 file, each a complete file, with the number that its first line stands for.

    A part that does not begin with a key repeats the last key's line (the third item says so); a value is never
    cut. A value longer than the limit makes a longer part.
    """
    if len(data) <= limit:
        yield data, 1, False
        return
    lines = data.split(b"\n")
    part: list[bytes] = []
    size = 0
    first_line = 1
    section = b""
    continued = repeated = False
    for number, line in enumerate(lines, 1):
        text = line.strip(b" \t\r")
        heading = not continued and text.startswith(b"[")
        if not continued and size + len(line) > limit // 2 and size + _next_break(lines, number - 1) > limit:
            yield b"\n".join(part), first_line, repeated
            repeated = bool(section) and not heading
            part = [_HEADER, section] if repeated else [_HEADER]
            first_line = number - len(part)
            size = sum(map(len, part)) + len(part)
        if heading:
            section = text
        continued = text.endswith(b"\\") and not heading and not (text.startswith(b";") and not continued)
        part.append(line)
        size += len(line) + 1
    yield b"\n".join(part), first_line, repeated


def _next_break(lines: list[bytes], index: int) -> int:
    """Bytes of the logical line that begins at an index."""
    size = 0
    for line in lines[index:]:
        size += len(line) + 1
        if not line.strip(b" \t\r").endswith(b"\\"):
            break
    return size
