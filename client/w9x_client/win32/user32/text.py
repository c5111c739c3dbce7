"""Character and string functions of USER32 (SDK winuser.h).

The ANSI functions work on bytes of the ANSI code page; case and classes come from KERNEL32's tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError, codepage
from w9x_client.abi.types import BOOL, DWORD, INT, IS_WIDE, PTR, VARARGS, WORD
from w9x_client.win32.kernel32 import collation_data as tables
from w9x_client.win32.kernel32.code_page_data import CodePage, find_page
from w9x_client.win32.kernel32.codepage import code_page
from w9x_client.win32.kernel32.simple_printf import expand

from .dll import user32

if TYPE_CHECKING:
    from collections.abc import Callable

    from w9x_client.process import Task

WSPRINTF_MAX = 1024
"""Longest output of wsprintf in characters, with its terminator (SDK)."""


def _ansi_page(t: Task) -> CodePage:
    page = find_page(t.process.acp)
    if page is None:
        raise WinError(Err.INVALID_PARAMETER)
    return page


def _map_bytes(t: Task, data: bytes, function: Callable[[str], str]) -> bytes:
    """Map ANSI text; a character whose image the code page lacks stays as it is."""
    if data.isascii():
        return function(data.decode("ascii")).encode("ascii")
    page = _ansi_page(t)
    text = page.decode(data).decode("utf-16-le", "surrogatepass")
    out = bytearray()
    for char in text:
        mapped, missing = page.encode(function(char).encode("utf-16-le", "surrogatepass"), best_fit=False)
        out += page.encode(char.encode("utf-16-le", "surrogatepass"))[0] if missing else mapped
    return bytes(out) if len(out) == len(data) else data


def _map_buffer(t: Task, address: int, count: int, wide: bool, function: Callable[[str], str]) -> int:
    """Map ``count`` characters at ``address`` in place (negative: to the terminator); returns how many."""
    if wide:
        raw = t.mem.wcstr(address) if count < 0 else t.mem.read(address, 2 * count)
        mapped = function(raw.decode("utf-16-le", "surrogatepass")).encode("utf-16-le", "surrogatepass")
    else:
        raw = t.mem.cstr(address) if count < 0 else t.mem.read(address, count)
        mapped = _map_bytes(t, raw, function)
    if mapped != raw:
        t.mem.write(address, mapped)
    return len(raw) // 2 if wide else len(raw)


def _map_char_or_string(t: Task, value: int, wide: bool, function: Callable[[str], str]) -> int:
    if value >> 16:
        _map_buffer(t, value, -1, wide, function)
        return value
    if wide:
        return ord(function(chr(value)))
    return int.from_bytes(_map_bytes(t, bytes([value & 0xFF]), function), "little")


@user32.api(aw=True)
def CharUpper(t: Task, lpsz: PTR, W: IS_WIDE) -> PTR:
    """Capitals in place; a value below 64 K is one character to convert."""
    return _map_char_or_string(t, lpsz, W, tables.upper)


@user32.api(aw=True)
def CharLower(t: Task, lpsz: PTR, W: IS_WIDE) -> PTR:
    """Small letters in place; a value below 64 K is one character to convert."""
    return _map_char_or_string(t, lpsz, W, tables.lower)


@user32.api(aw=True)
def CharUpperBuff(t: Task, lpsz: PTR, cchLength: DWORD, W: IS_WIDE) -> DWORD:
    """Capitals in a buffer; returns the characters processed."""
    return _map_buffer(t, lpsz, cchLength, W, tables.upper) if lpsz else 0


@user32.api(aw=True)
def CharLowerBuff(t: Task, lpsz: PTR, cchLength: DWORD, W: IS_WIDE) -> DWORD:
    """Small letters in a buffer; returns the characters processed."""
    return _map_buffer(t, lpsz, cchLength, W, tables.lower) if lpsz else 0


def _next(t: Task, page: CodePage | None, address: int) -> int:
    first = t.mem.u8(address)
    if not first:
        return address
    if page is not None and page.is_lead(first) and t.mem.u8(address + 1):
        return address + 2
    return address + 1


def _previous(t: Task, page: CodePage | None, start: int, current: int) -> int:
    if page is None or not page.lead:
        return current - 1 if current > start else start
    at = start
    while at < current:
        following = _next(t, page, at)
        if following >= current or following == at:
            return at
        at = following
    return start


@user32.api()
def CharNextA(t: Task, lpsz: PTR) -> PTR:
    """The next character; the terminator has none."""
    return _next(t, find_page(t.process.acp), lpsz)


@user32.api(wide=True)
def CharNextW(t: Task, lpsz: PTR) -> PTR:
    """The next character; the terminator has none."""
    return lpsz + 2 if t.mem.u16(lpsz) else lpsz


@user32.api()
def CharPrevA(t: Task, lpszStart: PTR, lpszCurrent: PTR) -> PTR:
    """The character before, or the start."""
    return _previous(t, find_page(t.process.acp), lpszStart, lpszCurrent)


@user32.api(wide=True)
def CharPrevW(t: Task, lpszStart: PTR, lpszCurrent: PTR) -> PTR:
    """The character before, or the start."""
    return lpszCurrent - 2 if lpszCurrent > lpszStart else lpszStart


@user32.api()
def CharNextExA(t: Task, CodePage: WORD, lpCurrentChar: PTR, dwFlags: DWORD) -> PTR:
    """CharNext in a given code page."""
    return _next(t, code_page(t, CodePage), lpCurrentChar)


@user32.api()
def CharPrevExA(t: Task, CodePage: WORD, lpStart: PTR, lpCurrentChar: PTR, dwFlags: DWORD) -> PTR:
    """CharPrev in a given code page."""
    return _previous(t, code_page(t, CodePage), lpStart, lpCurrentChar)


def _class(t: Task, code: int, wide: bool) -> int:
    """CT_CTYPE1 bits of a character argument."""
    if wide:
        return tables.ctype1(chr(code & 0xFFFF))
    text = codepage.decode(bytes([code & 0xFF]), t.process.acp)
    return tables.ctype1(text[0]) if text else 0


@user32.api(aw=True)
def IsCharAlpha(t: Task, ch: DWORD, W: IS_WIDE) -> BOOL:
    """Whether a character is a letter."""
    return bool(_class(t, ch, W) & tables.C1_ALPHA)


@user32.api(aw=True)
def IsCharAlphaNumeric(t: Task, ch: DWORD, W: IS_WIDE) -> BOOL:
    """Whether a character is a letter or digit."""
    return bool(_class(t, ch, W) & (tables.C1_ALPHA | tables.C1_DIGIT))


@user32.api(aw=True)
def IsCharUpper(t: Task, ch: DWORD, W: IS_WIDE) -> BOOL:
    """Whether a character is a capital."""
    return bool(_class(t, ch, W) & tables.C1_UPPER)


@user32.api(aw=True)
def IsCharLower(t: Task, ch: DWORD, W: IS_WIDE) -> BOOL:
    """Whether a character is a small letter."""
    return bool(_class(t, ch, W) & tables.C1_LOWER)


def _oem(t: Task, data: bytes, to_oem: bool) -> bytes:
    """OEM <-> ANSI, byte for byte."""
    if data.isascii():
        return data
    process = t.process
    source, target = (process.acp, process.oemcp) if to_oem else (process.oemcp, process.acp)
    source_page, target_page = find_page(source), find_page(target)
    if source_page is None or target_page is None:
        return data
    return target_page.encode(source_page.decode(data), b"?" if to_oem else b"_")[0]


@user32.api()
def CharToOemA(t: Task, lpszSrc: PTR, lpszDst: PTR) -> BOOL:
    """ANSI text to OEM text; source and target may be the same."""
    t.mem.write(lpszDst, _oem(t, t.mem.cstr(lpszSrc), True) + b"\0")
    return True


@user32.api()
def OemToCharA(t: Task, lpszSrc: PTR, lpszDst: PTR) -> BOOL:
    """OEM text to ANSI text; source and target may be the same."""
    t.mem.write(lpszDst, _oem(t, t.mem.cstr(lpszSrc), False) + b"\0")
    return True


@user32.api()
def CharToOemBuffA(t: Task, lpszSrc: PTR, lpszDst: PTR, cchDstLength: DWORD) -> BOOL:
    """A counted piece of ANSI text to OEM text."""
    t.mem.write(lpszDst, _oem(t, t.mem.read(lpszSrc, cchDstLength), True))
    return True


@user32.api()
def OemToCharBuffA(t: Task, lpszSrc: PTR, lpszDst: PTR, cchDstLength: DWORD) -> BOOL:
    """A counted piece of OEM text to ANSI text."""
    t.mem.write(lpszDst, _oem(t, t.mem.read(lpszSrc, cchDstLength), False))
    return True


def _wide_to_oem(t: Task, units: bytes) -> bytes:
    page = find_page(t.process.oemcp)
    return page.encode(units)[0] if page else b"?" * (len(units) // 2)


def _oem_to_wide(t: Task, data: bytes) -> bytes:
    page = find_page(t.process.oemcp)
    return page.decode(data) if page else b"?\0" * len(data)


@user32.api(wide=True)
def CharToOemW(t: Task, lpszSrc: PTR, lpszDst: PTR) -> BOOL:
    """UTF-16 text to OEM text."""
    t.mem.write(lpszDst, _wide_to_oem(t, t.mem.wcstr(lpszSrc)) + b"\0")
    return True


@user32.api(wide=True)
def OemToCharW(t: Task, lpszSrc: PTR, lpszDst: PTR) -> BOOL:
    """OEM text to UTF-16 text."""
    t.mem.write(lpszDst, _oem_to_wide(t, t.mem.cstr(lpszSrc)) + b"\0\0")
    return True


@user32.api(wide=True)
def CharToOemBuffW(t: Task, lpszSrc: PTR, lpszDst: PTR, cchDstLength: DWORD) -> BOOL:
    """A counted piece of UTF-16 text to OEM text."""
    t.mem.write(lpszDst, _wide_to_oem(t, t.mem.read(lpszSrc, 2 * cchDstLength)))
    return True


@user32.api(wide=True)
def OemToCharBuffW(t: Task, lpszSrc: PTR, lpszDst: PTR, cchDstLength: DWORD) -> BOOL:
    """A counted piece of OEM text to UTF-16 text."""
    t.mem.write(lpszDst, _oem_to_wide(t, t.mem.read(lpszSrc, cchDstLength)))
    return True


class StackArguments:
    """Arguments of wsprintf: consecutive dwords in guest memory.

    Args:
        t: the calling thread.
        address: of the first variable argument.
        wide: whether the output is UTF-16 (its texts are str) or ANSI (its texts are bytes seen as Latin-1).
    """

    def __init__(self, t: Task, address: int, wide: bool) -> None:
        self._t, self.address, self._wide = t, address, wide

    def number(self) -> int:
        """The next dword."""
        value = self._t.mem.u32(self.address)
        self.address += 4
        return value

    def text(self, pointer: int, wide: bool, limit: int) -> str:
        """A guest string in the width of the output."""
        mem, page = self._t.mem, self._t.process.acp
        count = limit if limit >= 0 else 0x40_0000
        if wide:
            text = mem.wide(pointer, count)
            return text if self._wide else codepage.encode(text, page).decode("latin-1")
        raw = mem.cstr(pointer, count)
        return codepage.decode(raw, page) if self._wide else raw.decode("latin-1")

    def char(self, code: int, wide: bool) -> str:
        """A character in the width of the output."""
        page = self._t.process.acp
        if wide == self._wide:
            return chr(code)
        if wide:
            return codepage.encode(chr(code), page).decode("latin-1")
        return codepage.decode(bytes([code]), page)


def _wvsprintf(t: Task, target: int, fmt: int, args: int, wide: bool) -> int:
    reader = StackArguments(t, args, wide)
    source = t.mem.wide(fmt) if wide else t.mem.cstr(fmt).decode("latin-1")
    text = expand(source, reader, wide)[: WSPRINTF_MAX - 1]
    if wide:
        t.mem.write(target, text.encode("utf-16-le", "surrogatepass") + b"\0\0")
    else:
        t.mem.write(target, text.encode("latin-1") + b"\0")
    return len(text)


@user32.api(aw=True, convention="cdecl")
def wsprintf(t: Task, lpOut: PTR, lpFmt: PTR, va: VARARGS, W: IS_WIDE) -> INT:
    """Format into a buffer that must hold 1024 characters; returns the length."""
    return _wvsprintf(t, lpOut, lpFmt, va, W)


@user32.api(aw=True)
def wvsprintf(t: Task, lpOut: PTR, lpFmt: PTR, arglist: PTR, W: IS_WIDE) -> INT:
    """wsprintf with its arguments in memory."""
    return _wvsprintf(t, lpOut, lpFmt, arglist, W)
