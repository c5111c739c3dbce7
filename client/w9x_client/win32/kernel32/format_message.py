"""FormatMessage: message texts from the system, a module's message table or the caller, with inserts (SDK
winbase.h).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError, codepage
from w9x_client.abi.types import DWORD, FLAGS, IS_WIDE, PTR
from w9x_client.loader.image import ImageError

from .dll import kernel32
from .simple_printf import expand
from .system_messages import text_of

if TYPE_CHECKING:
    from w9x_client.loader.module import Module
    from w9x_client.process import Task

ALLOCATE_BUFFER, IGNORE_INSERTS, FROM_STRING = 0x100, 0x200, 0x400
FROM_HMODULE, FROM_SYSTEM, ARGUMENT_ARRAY, MAX_WIDTH_MASK = 0x800, 0x1000, 0x2000, 0xFF
RT_MESSAGETABLE = 11
MESSAGE_RESOURCE_UNICODE = 1
ERROR_MR_MID_NOT_FOUND = 317
OUTPUT_MAX = 0x10000
"""Bytes of a formatted message (SDK: FormatMessage works with 64 KB)."""


class _Arguments:
    """The caller's inserts: dwords from ``base`` on (both forms of the Arguments parameter come down to that on x86).

    Texts are str in the wide twin and bytes seen as Latin-1 in the ANSI twin.
    """

    def __init__(self, t: Task, base: int, wide: bool) -> None:
        self._t, self._base, self._wide = t, base, wide
        self._at = base

    def start(self, index: int) -> None:
        """The next value is insert ``index``, counted from 1."""
        if not self._base:
            raise WinError(Err.INVALID_PARAMETER)
        self._at = self._base + 4 * (index - 1)

    def number(self) -> int:
        """The next dword."""
        value = self._t.mem.u32(self._at)
        self._at += 4
        return value

    def text(self, pointer: int, wide: bool, limit: int) -> str:
        """A guest string in the width of the output."""
        count = limit if limit >= 0 else OUTPUT_MAX
        page = self._t.process.acp
        if wide:
            text = self._t.mem.wide(pointer, count)
            return text if self._wide else codepage.encode(text, page).decode("latin-1")
        raw = self._t.mem.cstr(pointer, count)
        return codepage.decode(raw, page) if self._wide else raw.decode("latin-1")

    def char(self, code: int, wide: bool) -> str:
        """A character in the width of the output."""
        page = self._t.process.acp
        if wide == self._wide:
            return chr(code)
        return codepage.encode(chr(code), page).decode("latin-1") if wide else codepage.decode(bytes([code]), page)


@kernel32.api(aw=True)
def FormatMessage(
    t: Task,
    dwFlags: FLAGS,
    lpSource: PTR,
    dwMessageId: DWORD,
    dwLanguageId: DWORD,
    lpBuffer: PTR,
    nSize: DWORD,
    Arguments: PTR,
    W: IS_WIDE,
) -> DWORD:
    """Format a message; returns its characters without terminator."""
    if not lpBuffer:
        raise WinError(Err.INVALID_PARAMETER)
    source = _source(t, dwFlags, lpSource, dwMessageId, dwLanguageId, W)
    base = Arguments
    if base and not dwFlags & ARGUMENT_ARRAY:
        base = t.mem.u32(base)  # a va_list is passed by address
    text = _format(source, dwFlags, _Arguments(t, base, W), W)
    data = text.encode("utf-16-le", "surrogatepass") if W else text.encode("latin-1")
    unit = 2 if W else 1
    if len(data) > OUTPUT_MAX:
        raise WinError(Err.MORE_DATA)
    if dwFlags & ALLOCATE_BUFFER:
        block = t.process.heap_alloc(max(min(nSize, OUTPUT_MAX) * unit, len(data) + unit))
        t.mem.put32(lpBuffer, block)
        t.mem.write(block, data + bytes(unit))
    else:
        if len(data) // unit + 1 > nSize:
            raise WinError(Err.INSUFFICIENT_BUFFER)
        t.mem.write(lpBuffer, data + bytes(unit))
    return len(data) // unit


def _source(t: Task, flags: int, source: int, number: int, language: int, wide: bool) -> str:
    """The unformatted message, in the width of the output."""
    if flags & FROM_STRING:
        if not source:
            raise WinError(Err.INVALID_PARAMETER)
        return t.mem.wide(source) if wide else t.mem.cstr(source).decode("latin-1")
    if not flags & (FROM_HMODULE | FROM_SYSTEM):
        raise WinError(Err.INVALID_PARAMETER)
    text: str | None = None
    failure = ERROR_MR_MID_NOT_FOUND
    if flags & FROM_HMODULE:
        try:
            text = _module_message(t, source, number, language)
        except WinError as error:
            failure = error.code
    if text is None and flags & FROM_SYSTEM:
        if language & 0x3FF not in (0, 0x09) and language != t.process.lcid:
            raise WinError(Err.RESOURCE_LANG_NOT_FOUND)
        text = text_of(number)
    if text is None:
        raise WinError(failure)
    return text if wide else codepage.encode(text, t.process.acp).decode("latin-1")


def _module_message(t: Task, handle: int, number: int, language: int) -> str | None:
    module: Module | None = t.process.modules.by_base(handle)
    if module is None:
        raise WinError(Err.INVALID_HANDLE)
    try:
        resources = module.resources
        entry = resources.find(RT_MESSAGETABLE, 1, language or None) if resources is not None else None
        data = resources.read(entry) if resources is not None and entry is not None else None
    except ImageError:
        raise WinError(Err.INVALID_DATA) from None
    if resources is None:
        raise WinError(Err.RESOURCE_DATA_NOT_FOUND)
    if data is None:
        raise WinError(Err.RESOURCE_TYPE_NOT_FOUND)
    return table_message(data, number, t.process.acp)


def table_message(data: bytes, number: int, page: int) -> str | None:
    """Message ``number`` of a MESSAGE_RESOURCE_DATA, or None; damaged tables have no messages.

    Format (SDK winnt.h): count; blocks of {low id, high id, offset}; entries of {WORD length, WORD flags, text}.
    """
    if len(data) < 4:
        return None
    (count,) = struct.unpack_from("<I", data)
    for index in range(min(count, (len(data) - 4) // 12)):
        low, high, offset = struct.unpack_from("<III", data, 4 + 12 * index)
        if not low <= number <= high:
            continue
        for _ in range(number - low):
            if offset + 4 > len(data):
                return None
            (length,) = struct.unpack_from("<H", data, offset)
            if length < 4:
                return None
            offset += length
        if offset + 4 > len(data):
            return None
        length, flags = struct.unpack_from("<HH", data, offset)
        raw = data[offset + 4 : offset + max(length, 4)]
        if flags & MESSAGE_RESOURCE_UNICODE:
            return raw[: len(raw) & ~1].decode("utf-16-le", "replace").split("\0")[0]
        return codepage.decode(raw.split(b"\0")[0], page)
    return None


_NEWLINE, _SOFT = "\r\n", "\n"
"""Inside `_format` a hard line break is CR LF, a soft one (from the message's own text) a lone LF, until `_fill`."""


def _format(source: str, flags: int, args: _Arguments, wide: bool) -> str:
    out: list[str] = []
    at, end = 0, len(source)
    size = 0
    while at < end:
        char = source[at]
        at += 1
        if char == "\r":
            if source[at : at + 1] == "\n":
                at += 1
            piece = _SOFT
        elif char == "\n":
            piece = _SOFT
        elif char != "%":
            piece = char
        else:
            if at >= end:
                raise WinError(Err.INVALID_PARAMETER)
            if source[at] == "0":
                break
            piece, at = _escape(source, at, flags, args, wide)
        out.append(piece)
        size += len(piece)
        if size > OUTPUT_MAX:
            raise WinError(Err.MORE_DATA)
    return _fill(out, flags & MAX_WIDTH_MASK)


def _escape(source: str, at: int, flags: int, args: _Arguments, wide: bool) -> tuple[str, int]:
    """The expansion of what follows a '%' at ``at``, and where the text goes on."""
    char = source[at]
    if flags & IGNORE_INSERTS and char not in "nrt":
        return "%" + char, at + 1
    if not "1" <= char <= "9":
        return {"n": _NEWLINE, "r": "\r", "t": "\t"}.get(char, char), at + 1
    start = at
    at += 1
    if source[at : at + 1].isascii() and source[at : at + 1].isdigit():
        at += 1
    index = int(source[start:at])
    spec = "s"
    if source[at : at + 1] == "!":
        close = source.find("!", at + 1)
        if close < 0:
            raise WinError(Err.INVALID_PARAMETER)
        spec = source[at + 1 : close]
        at = close + 1
    args.start(index)
    return expand("%" + spec, args, wide, star=True), at


def _fill(pieces: list[str], width: int) -> str:
    """Lay out soft breaks: kept when ``width`` is 0, spaces otherwise; lines wrap at ``width`` unless it is FFh."""
    if not width:
        return "".join(_NEWLINE if piece == _SOFT else piece for piece in pieces)
    text = "".join(" " if piece == _SOFT else piece for piece in pieces)
    if width == MAX_WIDTH_MASK:
        return text
    return _NEWLINE.join(_wrap(line, width) for line in text.split(_NEWLINE))


def _wrap(line: str, width: int) -> str:
    lines: list[str] = []
    while len(line) > width:
        space = line.rfind(" ", 0, width + 1)
        if space <= 0:
            lines.append(line[:width])
            line = line[width:]
        else:
            lines.append(line[:space])
            line = line[space + 1 :]
    return _NEWLINE.join([*lines, line])
