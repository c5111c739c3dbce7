"""Comparing, mapping and classifying strings by locale (SDK winnls.h). The tables are in `collation_data`."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import BOOL, DWORD, FLAGS, INT, IS_WIDE, LPWORD, PTR

from . import collation_data as data
from .code_page_data import find_page
from .dll import kernel32
from .locale_data import find_locale

if TYPE_CHECKING:
    from w9x_client.process import Task

CSTR_LESS_THAN, CSTR_EQUAL, CSTR_GREATER_THAN = 1, 2, 3
LOCALE_USE_CP_ACP = 0x4000_0000
LCMAP_LOWERCASE, LCMAP_UPPERCASE, LCMAP_SORTKEY, LCMAP_BYTEREV = 0x100, 0x200, 0x400, 0x800
LCMAP_HIRAGANA, LCMAP_KATAKANA, LCMAP_HALFWIDTH, LCMAP_FULLWIDTH = 0x10_0000, 0x20_0000, 0x40_0000, 0x80_0000
LCMAP_LINGUISTIC_CASING = 0x100_0000
_NORM = (
    data.NORM_IGNORECASE | data.NORM_IGNORENONSPACE | data.NORM_IGNORESYMBOLS
    | data.NORM_IGNOREKANATYPE | data.NORM_IGNOREWIDTH
)  # fmt: skip
_SORT_FLAGS = LCMAP_SORTKEY | LCMAP_BYTEREV | _NORM | data.SORT_STRINGSORT
_MAP_FLAGS = (
    LCMAP_LOWERCASE | LCMAP_UPPERCASE | LCMAP_BYTEREV | LCMAP_LINGUISTIC_CASING | LCMAP_HALFWIDTH | LCMAP_FULLWIDTH
    | LCMAP_HIRAGANA | LCMAP_KATAKANA | data.NORM_IGNORENONSPACE | data.NORM_IGNORESYMBOLS
)  # fmt: skip
CT_CTYPE1, CT_CTYPE2, CT_CTYPE3 = 1, 2, 4


def locale_page(t: Task, lcid: int) -> int:
    """The ANSI code page an A function uses for ``lcid``; WinError(ERROR_INVALID_PARAMETER) for an unknown locale."""
    if lcid & LOCALE_USE_CP_ACP:
        return t.process.acp
    locale = find_locale(lcid & 0x3FFF_FFFF, t.process.lcid)
    if locale is None:
        raise WinError(Err.INVALID_PARAMETER)
    return locale.ansi_page


def read_text(t: Task, address: int, count: int, wide: bool, page: int) -> str:
    """The string at ``address``: ``count`` characters, or up to its terminator when negative."""
    if wide:
        raw = t.mem.wcstr(address) if count < 0 else t.mem.read(address, 2 * count)
    else:
        raw = t.mem.cstr(address) if count < 0 else t.mem.read(address, count)
        found = find_page(page)
        raw = found.decode(raw) if found else raw.decode("latin-1").encode("utf-16-le")
    return raw.decode("utf-16-le", "surrogatepass")


def write_text(t: Task, address: int, capacity: int, text: str, wide: bool, page: int) -> int:
    """Store ``text`` in ``capacity`` characters, or only measure it when that is 0; returns characters.

    WinError(ERROR_INSUFFICIENT_BUFFER) when it does not fit. No terminator is added.
    """
    raw = text.encode("utf-16-le", "surrogatepass")
    if not wide:
        found = find_page(page)
        raw = found.encode(raw)[0] if found else text.encode("latin-1", "replace")
    count = len(raw) // 2 if wide else len(raw)
    if not capacity:
        return count
    if count > capacity:
        raise WinError(Err.INSUFFICIENT_BUFFER)
    t.mem.write(address, raw)
    return count


@kernel32.api(aw=True)
def CompareString(
    t: Task,
    Locale: DWORD,
    dwCmpFlags: FLAGS,
    lpString1: PTR,
    cchCount1: INT,
    lpString2: PTR,
    cchCount2: INT,
    W: IS_WIDE,
) -> INT:
    """Order two strings: 1 less, 2 equal, 3 greater; 0 on failure."""
    if not lpString1 or not lpString2:
        raise WinError(Err.INVALID_PARAMETER)
    if dwCmpFlags & ~(_NORM | data.SORT_STRINGSORT | LOCALE_USE_CP_ACP | 0x1000_0000):
        raise WinError(Err.INVALID_FLAGS)
    page = t.process.acp if dwCmpFlags & LOCALE_USE_CP_ACP else locale_page(t, Locale)
    first = read_text(t, lpString1, cchCount1, W, page)
    second = read_text(t, lpString2, cchCount2, W, page)
    return CSTR_EQUAL + data.compare(first, second, dwCmpFlags)


@kernel32.partial("no Chinese simplification or kana mapping", aw=True)
def LCMapString(
    t: Task, Locale: DWORD, dwMapFlags: FLAGS, lpSrcStr: PTR, cchSrc: INT, lpDestStr: PTR, cchDest: INT, W: IS_WIDE
) -> INT:
    """Change case or width, or make a sort key (whose size is in bytes)."""
    if not lpSrcStr or not cchSrc or cchDest < 0 or (cchDest and not lpDestStr):
        raise WinError(Err.INVALID_PARAMETER)
    flags = dwMapFlags & ~LOCALE_USE_CP_ACP
    sort = flags & LCMAP_SORTKEY
    allowed = _SORT_FLAGS if sort else _MAP_FLAGS
    both_cases = LCMAP_LOWERCASE | LCMAP_UPPERCASE
    if not flags or flags & ~allowed or flags & both_cases == both_cases:
        raise WinError(Err.INVALID_FLAGS)
    if lpSrcStr == lpDestStr and cchDest and (sort or not flags & both_cases):
        raise WinError(Err.INVALID_PARAMETER)
    page = t.process.acp if dwMapFlags & LOCALE_USE_CP_ACP else locale_page(t, Locale)
    text = read_text(t, lpSrcStr, cchSrc, W, page)
    if sort:
        key = data.sort_key(text, flags & (_NORM | data.SORT_STRINGSORT))
        if flags & LCMAP_BYTEREV:
            key = _byte_reversed(key)
        if cchDest:
            if len(key) > cchDest:
                raise WinError(Err.INSUFFICIENT_BUFFER)
            t.mem.write(lpDestStr, key)
        return len(key)
    if cchSrc < 0:
        text += "\0"
    if flags & both_cases:
        mapped = data.lower(text) if flags & LCMAP_LOWERCASE else data.upper(text)
        text = mapped if W else _encodable(text, mapped, page)
    if flags & (LCMAP_HALFWIDTH | LCMAP_FULLWIDTH):
        text = _width(text, bool(flags & LCMAP_FULLWIDTH))
    if flags & LCMAP_BYTEREV:
        text = _byte_reversed(text.encode("utf-16-le", "surrogatepass")).decode("utf-16-le", "surrogatepass")
    return write_text(t, lpDestStr, cchDest, text, W, page)


def _encodable(text: str, mapped: str, page: int) -> str:
    """``mapped`` with the characters that the code page lacks as they were in ``text``."""
    found = find_page(page)
    if found is None or mapped.isascii():
        return mapped
    return "".join(
        old if new != old and found.encode(new.encode("utf-16-le", "surrogatepass"), best_fit=False)[1] else new
        for old, new in zip(text, mapped, strict=True)
    )


def _byte_reversed(raw: bytes) -> bytes:
    count = len(raw) // 2
    return struct.pack(f">{count}H", *struct.unpack_from(f"<{count}H", raw)) + raw[2 * count :]


def _width(text: str, full: bool) -> str:
    """ASCII <-> fullwidth forms (U+FF01..FF5E) and the ideographic space."""
    if full:
        return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else "\u3000" if c == " " else c for c in text)
    return "".join(chr(ord(c) - 0xFEE0) if "\uff01" <= c <= "\uff5e" else " " if c == "\u3000" else c for c in text)


@kernel32.api(aw=True)
def FoldString(t: Task, dwMapFlags: FLAGS, lpSrcStr: PTR, cchSrc: INT, lpDestStr: PTR, cchDest: INT, W: IS_WIDE) -> INT:
    """Fold compatibility characters, digits and composition (MAP_*)."""
    if not lpSrcStr or not cchSrc or cchDest < 0 or (cchDest and not lpDestStr) or lpSrcStr == lpDestStr:
        raise WinError(Err.INVALID_PARAMETER)
    known = data.MAP_FOLDCZONE | data.MAP_PRECOMPOSED | data.MAP_COMPOSITE | data.MAP_FOLDDIGITS
    both = data.MAP_PRECOMPOSED | data.MAP_COMPOSITE
    if not dwMapFlags or dwMapFlags & ~known or dwMapFlags & both == both:
        raise WinError(Err.INVALID_FLAGS)
    text = read_text(t, lpSrcStr, cchSrc, W, t.process.acp) + ("\0" if cchSrc < 0 else "")
    return write_text(t, lpDestStr, cchDest, data.fold(text, dwMapFlags), W, t.process.acp)


def _store_types(t: Task, kind: int, text: str, lpCharType: int, per_unit: list[int]) -> bool:
    classify = {CT_CTYPE1: data.ctype1, CT_CTYPE2: data.ctype2, CT_CTYPE3: data.ctype3}.get(kind)
    if classify is None:
        raise WinError(Err.INVALID_FLAGS)
    words: list[int] = []
    for char, count in zip(text, per_unit, strict=True):
        words += [classify(char)] * count
    t.mem.write(lpCharType, struct.pack(f"<{len(words)}H", *words))
    return True


@kernel32.api(wide=True)
def GetStringTypeW(t: Task, dwInfoType: DWORD, lpSrcStr: PTR, cchSrc: INT, lpCharType: LPWORD) -> BOOL:
    """Classify every character (one word each)."""
    return _classify(t, dwInfoType, lpSrcStr, cchSrc, lpCharType.addr, True, 0)


@kernel32.api()
def GetStringTypeA(t: Task, Locale: DWORD, dwInfoType: DWORD, lpSrcStr: PTR, cchSrc: INT, lpCharType: LPWORD) -> BOOL:
    """Classify every byte; both bytes of a double-byte character get the character's class."""
    return _classify(t, dwInfoType, lpSrcStr, cchSrc, lpCharType.addr, False, locale_page(t, Locale))


@kernel32.api(aw=True)
def GetStringTypeEx(
    t: Task, Locale: DWORD, dwInfoType: DWORD, lpSrcStr: PTR, cchSrc: INT, lpCharType: LPWORD, W: IS_WIDE
) -> BOOL:
    """GetStringType with the same parameters in both twins."""
    return _classify(t, dwInfoType, lpSrcStr, cchSrc, lpCharType.addr, W, locale_page(t, Locale))


def _classify(t: Task, kind: int, source: int, count: int, target: int, wide: bool, page: int) -> bool:
    if not source or not count or not target or source == target:
        raise WinError(Err.INVALID_PARAMETER)
    if wide:
        raw = t.mem.wcstr(source) + b"\0\0" if count < 0 else t.mem.read(source, 2 * count)
        text = "".join(map(chr, struct.unpack(f"<{len(raw) // 2}H", raw)))
        return _store_types(t, kind, text, target, [1] * len(text))
    raw = t.mem.cstr(source) + b"\0" if count < 0 else t.mem.read(source, count)
    found = find_page(page)
    if found is None:
        raise WinError(Err.INVALID_PARAMETER)
    if not found.lead:
        return _store_types(t, kind, found.decode(raw).decode("utf-16-le", "surrogatepass"), target, [1] * len(raw))
    chars: list[str] = []
    sizes: list[int] = []
    at = 0
    while at < len(raw):
        size = 2 if found.is_lead(raw[at]) and at + 1 < len(raw) else 1
        chars.append(found.decode(raw[at : at + size]).decode("utf-16-le", "surrogatepass")[:1])
        sizes.append(size)
        at += size
    return _store_types(t, kind, "".join(chars), target, sizes)
