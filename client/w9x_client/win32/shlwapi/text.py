"""Guest strings as sequences of units, so that an index in the text is an offset in guest memory.

An ANSI string's bytes are seen as Latin-1, a wide string's 16-bit units one by one: nothing is merged or lost.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from w9x_client.process import Task

MAX_PATH = 260


def read(t: Task, address: int, wide: bool) -> str:
    """The zero-terminated string at ``address``, a character per unit."""
    if not wide:
        return t.mem.cstr(address).decode("latin-1")
    raw = t.mem.wcstr(address)
    return "".join(map(chr, struct.unpack(f"<{len(raw) // 2}H", raw)))


def write(t: Task, address: int, text: str, wide: bool) -> None:
    """Store a string with its terminator."""
    t.mem.write(address, encode(text + "\0", wide))


def encode(text: str, wide: bool) -> bytes:
    """The bytes of a unit string; a unit too large for ANSI becomes '?'."""
    if wide:
        return struct.pack(f"<{len(text)}H", *map(ord, text))
    return text.encode("latin-1", "replace")


def at(address: int, index: int, wide: bool) -> int:
    """Address of the ``index``-th unit."""
    return address + (2 * index if wide else index)
