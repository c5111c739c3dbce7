"""The scanf engine and the functions over it.

The engine (`scan`) is pure: it reads a string of units and says how far it came. A stream's functions run it over
what is buffered; where it would need to see more it raises `NeedMore`, the stream is read on, and it starts again, so
nothing is consumed that scanf would not consume. Results are stored only at the end.

Source: MSDN "scanf Format Specification Fields" (Visual C++ 6).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from w9x_client.abi.types import INT, PTR, VARARGS

from . import locale, stream
from .dll import msvcrt
from .number_text import SPACES
from .state import STR, WSTR
from .stdio_file import standard
from .stdio_format import unit_bytes

if TYPE_CHECKING:
    from w9x_client.process import Task

_SPEC = re.compile(r"%(\*)?(\d+)?((?:I64|ll|[hlLwFN])*)(\[\^?\]?[^\]]*\]|.)", re.DOTALL)


class NeedMore(Exception):
    """The engine met the end of a text that goes on."""


class Converter(Protocol):
    """The runtime's locale."""

    def to_wide(self, text: str) -> str:
        """Bytes (Latin-1 text) to characters."""

    def to_narrow(self, text: str) -> str:
        """Characters to bytes (Latin-1 text)."""


@dataclass(frozen=True, slots=True)
class _Field:
    suppress: bool
    width: int
    size: str
    kind: str
    members: frozenset[str] | None = None
    negated: bool = False


@dataclass(slots=True)
class Scanned:
    """What a scan did."""

    result: int
    used: int
    """Units of the text consumed."""
    stores: list[tuple[int, bytes]]
    """(index of the pointer argument, bytes to put there)."""


_WHITE = object()


@lru_cache(maxsize=256)
def _parse(fmt: str) -> tuple[object, ...]:
    pieces: list[object] = []
    at = 0
    while at < len(fmt):
        char = fmt[at]
        if char in SPACES:
            pieces.append(_WHITE)
            at += 1
            continue
        match = _SPEC.match(fmt, at) if char == "%" else None
        if match is None:
            pieces.append(char)
            at += 1
            continue
        at = match.end()
        star, width, size, kind = match.groups()
        if kind == "%":
            pieces.append("%")
            continue
        members, negated = None, False
        if kind[0] == "[" and len(kind) > 1:
            negated, members = _set(kind[1:-1])
            kind = "["
        size = "I64" if "I64" in size or "ll" in size else size.replace("F", "").replace("N", "")[-1:]
        limit = min(int(width[:9]), 1 << 24) if width else 0
        pieces.append(_Field(star is not None, limit, size, kind, members, negated))
    return tuple(pieces)


def _set(text: str) -> tuple[bool, frozenset[str]]:
    negated = text.startswith("^")
    text = text[negated:]
    members: set[str] = set()
    at = 0
    while at < len(text):
        if at + 2 < len(text) and text[at + 1] == "-":
            low, high = sorted((ord(text[at]), ord(text[at + 2])))
            members.update(map(chr, range(low, high + 1)))
            at += 3
        else:
            members.add(text[at])
            at += 1
    return negated, frozenset(members)


class _Reader:
    __slots__ = ("at", "complete", "text")

    def __init__(self, text: str, complete: bool) -> None:
        self.text, self.at, self.complete = text, 0, complete

    def peek(self) -> str:
        """The next unit, "" at the end."""
        if self.at < len(self.text):
            return self.text[self.at]
        if not self.complete:
            raise NeedMore
        return ""

    def take(self, allowed: str, limit: int) -> str:
        """Units out of ``allowed``, at most ``limit`` (0: any number)."""
        start = self.at
        while (not limit or self.at - start < limit) and (unit := self.peek()) and unit in allowed:
            self.at += 1
        return self.text[start : self.at]

    def skip_white(self) -> None:
        while (unit := self.peek()) and unit in SPACES:
            self.at += 1


_DIGITS = "0123456789"
_ALL_DIGITS = {8: "01234567", 10: _DIGITS, 16: _DIGITS + "abcdefABCDEF"}


def _integer(reader: _Reader, base: int, width: int) -> int | None:
    """An integer field, or None where there is none; ``base`` 0 reads the prefix."""
    limit = width or 1 << 24
    start = reader.at
    sign = reader.take("+-", min(limit, 1))

    def left() -> int:
        return limit - (reader.at - start)

    digits = ""
    if base in (0, 16) and left() > 0 and reader.peek() == "0":
        reader.at += 1
        digits = "0"
        if left() > 0 and reader.peek() in ("x", "X"):
            reader.at += 1
            base = 16
        elif base == 0:
            base = 8
    base = base or 10
    if left() > 0:
        digits += reader.take(_ALL_DIGITS[base], left())
    if not digits:
        return None
    value = int(digits[-64:], base)
    return -value if sign == "-" else value


def _real(reader: _Reader, width: int) -> float | None:
    limit = width or 1 << 12
    start = reader.at

    def some(allowed: str, most: int = 1 << 12) -> str:
        room = min(most, limit - (reader.at - start))
        return reader.take(allowed, room) if room > 0 else ""

    sign = some("+-", 1)
    whole = some(_DIGITS)
    point = some(".", 1)
    fraction = some(_DIGITS) if point else ""
    if not whole and not fraction:
        return None
    exponent = ""
    if some("eE", 1):
        exponent_sign = some("+-", 1)
        power = some(_DIGITS)
        exponent = f"e{exponent_sign}{power[:6]}" if power else ""
    return float(f"{sign}{whole or '0'}.{fraction}{exponent}")


def scan(text: str, complete: bool, fmt: str, wide: bool, converter: Converter) -> Scanned:
    """Read ``text`` by ``fmt``; ``complete`` says that nothing follows. Raises `NeedMore`."""
    reader = _Reader(text, complete)
    stores: list[tuple[int, bytes]] = []
    count = pointer = 0
    matched_input = False
    for piece in _parse(fmt):
        if piece is _WHITE:
            reader.skip_white()
            continue
        if isinstance(piece, str):
            if piece == "%":
                reader.skip_white()
            if reader.peek() != piece:
                if not reader.peek() and not matched_input:
                    return Scanned(count or -1, reader.at, stores)
                break
            reader.at += 1
            continue
        assert isinstance(piece, _Field)
        if piece.kind == "n":
            if not piece.suppress:
                stores.append((pointer, _packed(reader.at, piece.size)))
                pointer += 1
            continue
        if piece.kind not in "cC[":
            reader.skip_white()
        if not reader.peek():
            return Scanned(count if matched_input else -1, reader.at, stores)
        data = _convert(reader, piece, wide, converter)
        if data is None:
            break
        matched_input = True
        if not piece.suppress:
            stores.append((pointer, data))
            pointer += 1
            count += 1
    return Scanned(count, reader.at, stores)


def _packed(value: int, size: str) -> bytes:
    width = {"h": 2, "I64": 8}.get(size, 4)
    return (value & (1 << 8 * width) - 1).to_bytes(width, "little")


_BASES = {"d": 10, "u": 10, "i": 0, "o": 8, "x": 16, "X": 16, "p": 16}


def _convert(reader: _Reader, field: _Field, wide: bool, converter: Converter) -> bytes | None:
    """One conversion: the bytes to store, or None where the input does not match."""
    kind = field.kind
    if kind in _BASES:
        value = _integer(reader, _BASES[kind], field.width)
        return None if value is None else _packed(value, "" if kind == "p" else field.size)
    if kind in "eEfgG":
        real = _real(reader, field.width)
        if real is None:
            return None
        if field.size in ("l", "L"):
            return struct.pack("<d", real)
        try:
            return struct.pack("<f", real)
        except OverflowError:
            return struct.pack("<f", float("inf") if real > 0 else float("-inf"))
    if kind not in "cCsS[":
        return None
    start = reader.at
    if kind in "cC":
        wanted = field.width or 1
        while reader.at - start < wanted and reader.peek():
            reader.at += 1
    else:
        while (not field.width or reader.at - start < field.width) and (unit := reader.peek()):
            if (unit in SPACES) if field.members is None else ((unit in field.members) == field.negated):
                break
            reader.at += 1
    text = reader.text[start : reader.at]
    if not text:
        return None
    if kind not in "cC":
        text += "\0"
    if field.size == "h":
        target_wide = False
    elif field.size in ("l", "w"):
        target_wide = True
    else:
        target_wide = wide if kind in "cs[" else not wide
    if target_wide:
        return unit_bytes(text if wide else converter.to_wide(text))
    return (converter.to_narrow(text) if wide else text).encode("latin-1", "replace")


class _Locale:
    def __init__(self, t: Task) -> None:
        self.t = t

    def to_wide(self, text: str) -> str:
        return locale.decode(self.t, text.encode("latin-1", "replace"))

    def to_narrow(self, text: str) -> str:
        return locale.encode(self.t, text).decode("latin-1")


def _apply(t: Task, done: Scanned, arguments: int) -> int:
    for index, data in done.stores:
        t.mem.write(t.mem.u32(arguments + 4 * index), data)
    return done.result


async def _scan_stream(t: Task, s: stream.Stream, fmt: str, arguments: int, wide: bool = False) -> int:
    carry = ""
    while True:
        ptr, cnt = s.head()
        ahead = s.mem.read(ptr, cnt).decode("latin-1") if cnt > 0 else ""
        try:
            done = scan(carry + ahead, False, fmt, wide, _Locale(t))
        except NeedMore:
            s.buffer(ptr + len(ahead), 0)
            carry += ahead
            first = await stream.fill(t, s)
            if first == stream.EOF:
                done = scan(carry, True, fmt, wide, _Locale(t))
                break
            stream_ptr, stream_cnt = s.head()
            s.buffer(stream_ptr - 1, stream_cnt + 1)
            continue
        used = max(0, done.used - len(carry))
        s.buffer(ptr + used, cnt - used if cnt > 0 else 0)
        break
    return _apply(t, done, arguments)


@msvcrt.api()
def sscanf(t: Task, buffer: STR, format: STR, va: VARARGS) -> INT:
    """Read a string by a format; the fields assigned, or EOF."""
    done = scan(buffer.decode("latin-1"), True, format.decode("latin-1"), False, _Locale(t))
    return _apply(t, done, va)


@msvcrt.api()
def swscanf(t: Task, buffer: WSTR, format: WSTR, va: VARARGS) -> INT:
    """`sscanf`, wide."""
    return _apply(t, scan(buffer, True, format, True, _Locale(t)), va)


@msvcrt.api()
async def fscanf(t: Task, file: PTR, format: STR, va: VARARGS) -> INT:
    """Read a stream by a format."""
    return await _scan_stream(t, stream.stream(t, file), format.decode("latin-1"), va)


@msvcrt.api()
async def scanf(t: Task, format: STR, va: VARARGS) -> INT:
    """Read stdin by a format."""
    return await _scan_stream(t, standard(t, 0), format.decode("latin-1"), va)


@msvcrt.partial("text-mode streams of single-byte code pages")
async def fwscanf(t: Task, file: PTR, format: WSTR, va: VARARGS) -> INT:
    """`fscanf`, wide."""
    return await _scan_stream(t, stream.stream(t, file), format, va, wide=True)


@msvcrt.partial("text-mode streams of single-byte code pages")
async def wscanf(t: Task, format: WSTR, va: VARARGS) -> INT:
    """`scanf`, wide."""
    return await _scan_stream(t, standard(t, 0), format, va, wide=True)
