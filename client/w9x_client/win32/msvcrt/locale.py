"""Locales (locale.h) and the conversion between bytes and wide characters that they define.

Only the "C" locale has categories of its own. Other names are accepted with their code page ("", ".1252",
"English_United States.1252"...): LC_CTYPE then chooses the code page of conversions, and everything else stays as in
"C".

Interface: `encode(t, text)`, `decode(t, data)`, `code_page(t)`. In the "C" locale a byte and the character of its
number are the same, and characters above 255 have no byte.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from w9x_client.abi import codepage
from w9x_client.abi.types import INT, PSZ, PTR, SIZE_T, UINT, WORD

from . import ctype, state
from .dll import msvcrt
from .state import STR, WSTR
from .stdio_format import unit_bytes, units

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

CATEGORIES = ("LC_ALL", "LC_COLLATE", "LC_CTYPE", "LC_MONETARY", "LC_NUMERIC", "LC_TIME")
LC_ALL, LC_CTYPE = 0, 2

LEAD_BYTES: dict[int, tuple[tuple[int, int], ...]] = {
    932: ((0x81, 0x9F), (0xE0, 0xFC)),
    936: ((0x81, 0xFE),),
    949: ((0x81, 0xFE),),
    950: ((0x81, 0xFE),),
    1361: ((0x84, 0xD3), (0xD8, 0xDE), (0xE0, 0xF9)),
}
"""Lead bytes of the double-byte code pages (MSDN, "Code Pages")."""

msvcrt.data("__lc_handle", 24)
msvcrt.data("__lc_codepage", 4)
msvcrt.data("__lc_collate", 4)
msvcrt.data("__setlc_active", 4)
msvcrt.data("__unguarded_readlc_active", 4)


class Locale:
    """The current locale of a process (``process.state(Locale)``)."""

    def __init__(self, process: Process) -> None:
        self.names = ["C"] * len(CATEGORIES)
        self.page = 0
        """Code page of LC_CTYPE; 0 for "C"."""


def locale(t: Task) -> Locale:
    """This process's locale."""
    return t.process.state(Locale)


def code_page(t: Task) -> int:
    """Code page of conversions; 0 in the "C" locale."""
    return locale(t).page


def is_lead(page: int, byte: int) -> bool:
    """Whether ``byte`` begins a double-byte character of ``page``."""
    return any(low <= byte <= high for low, high in LEAD_BYTES.get(page, ()))


def encode(t: Task, text: str) -> bytes:
    """Characters to bytes; what has no byte is left out in the "C" locale, and '?' in others."""
    page = locale(t).page
    if page:
        return codepage.encode(unit_bytes(text).decode("utf-16-le", "replace"), page)
    return text.encode("latin-1", "ignore")


def decode(t: Task, data: bytes) -> str:
    """Bytes to UTF-16 units."""
    page = locale(t).page
    if page:
        return units(codepage.decode(data, page).encode("utf-16-le", "surrogatepass"))
    return data.decode("latin-1")


def _page_of(t: Task, name: str) -> int | None:
    """The code page that a locale name means; 0 for "C", None for a name we do not know."""
    if name in ("C", "POSIX"):
        return 0
    if name == "":
        return t.process.acp
    suffix = name.rpartition(".")[2] if "." in name else ""
    if suffix == "ACP":
        return t.process.acp
    if suffix == "OCP":
        return t.process.oemcp
    if suffix:
        return int(suffix) if suffix.isdigit() and codepage.codec_name(int(suffix)) else None
    return t.process.acp if re.match(r"(?i)(english|american|us|usa|enu)([-_].*)?$", name) else None


def _full_name(t: Task, name: str) -> str:
    page = _page_of(t, name)
    return "C" if not page else f"English_United States.{page}"


def set_locale(t: Task, category: int, name: str | None) -> str | None:
    """setlocale: the locale's name after the change, None where it is refused."""
    if not 0 <= category < len(CATEGORIES):
        return None
    own = locale(t)
    if name is not None:
        chosen = range(1, len(CATEGORIES)) if category == LC_ALL else (category,)
        parts = dict(part.split("=", 1) for part in name.split(";") if "=" in part) if "=" in name else {}
        wanted = {index: parts.get(CATEGORIES[index], own.names[index]) if parts else name for index in chosen}
        if any(_page_of(t, one) is None for one in wanted.values()):
            return None
        for index, one in wanted.items():
            own.names[index] = _full_name(t, one)
        if LC_CTYPE in wanted:
            own.page = _page_of(t, wanted[LC_CTYPE]) or 0
            _apply_page(t, own.page)
    if category != LC_ALL:
        return own.names[category]
    if len(set(own.names[1:])) == 1:
        return own.names[1]
    return ";".join(f"{CATEGORIES[i]}={own.names[i]}" for i in range(1, len(CATEGORIES)))


def _apply_page(t: Task, page: int) -> None:
    """Make the exported variables and the class table those of ``page``."""
    own = state.crt(t)
    t.mem.put32(own.variable("__lc_codepage"), page)
    t.mem.put32(own.variable("__mb_cur_max"), 2 if page in LEAD_BYTES else 1)
    words = [_class(page, code) for code in range(256)]
    t.mem.write(own.variable("_ctype"), struct.pack("<257H", 0, *words))


def _class(page: int, code: int) -> int:
    if code < 128 or not page:
        return ctype.CLASSES[code]
    if is_lead(page, code):
        return ctype.LEADBYTE
    text = codepage.decode(bytes((code,)), page)
    return ctype.wide_class(ord(text)) if len(text) == 1 and ord(text) >= 256 else ctype.unicode_class(text[:1])


@msvcrt.partial("names of English locales and code pages only; all categories but LC_CTYPE behave as in \"C\"")
def setlocale(t: Task, category: INT, name: PSZ) -> PTR:
    """Choose or ask the locale; its name in a static buffer, or NULL."""
    result = set_locale(t, category, None if name is None else name.decode("latin-1"))
    if result is None:
        return 0
    at = state.crt(t).keep("setlocale", bytes(512))
    t.mem.write(at, result.encode()[:511] + b"\0")
    return at


@msvcrt.partial("as setlocale")
def _wsetlocale(t: Task, category: INT, name: PTR) -> PTR:
    """`setlocale` with wide names."""
    result = set_locale(t, category, units(t.mem.wcstr(name)) if name else None)
    if result is None:
        return 0
    at = state.crt(t).keep("_wsetlocale", bytes(1024))
    t.mem.write(at, unit_bytes(result[:511] + "\0"))
    return at


@msvcrt.api()
def localeconv(t: Task) -> PTR:
    """``struct lconv`` of the "C" locale: a point, empty strings, CHAR_MAX."""
    own = state.crt(t)
    texts = own.keep("lconv texts", b".\0\0")
    empty = texts + 2
    return own.keep("lconv", struct.pack("<10I", texts, *[empty] * 9) + b"\x7f" * 8)


@msvcrt.api()
def __lconv_init(t: Task) -> INT:  # the export's name
    """Use UCHAR_MAX for CHAR_MAX in lconv (programs built with unsigned char)."""
    at = localeconv(t)
    t.mem.fill(at + 40, 8, 0xFF)
    return 0


@msvcrt.not_on_9x()
def ___lc_codepage_func(t: Task) -> UINT:
    """Code page of LC_CTYPE."""
    return code_page(t)


@msvcrt.api()
def ___lc_handle_func(t: Task) -> PTR:
    """Locale identifiers by category: zeros, the "C" locale."""
    return state.crt(t).variable("__lc_handle")


class Multibyte:
    """The code page of the _mbs functions (``process.state(Multibyte)``)."""

    def __init__(self, process: Process) -> None:
        self.page = process.acp


def _cased(t: Task, c: int, change: Callable[[str], str]) -> int:
    """A character in the other case: ASCII only in the "C" locale, else by Unicode's simple mapping."""
    if c >= 0x80 and not code_page(t):
        return c
    changed = change(chr(c))
    return ord(changed) if len(changed) == 1 and ord(changed) <= 0xFFFF else c


@msvcrt.api()
def towlower(t: Task, c: WORD) -> WORD:
    """Lower case."""
    return _cased(t, c, str.lower)


@msvcrt.api()
def towupper(t: Task, c: WORD) -> WORD:
    """Upper case."""
    return _cased(t, c, str.upper)


# --- characters and strings ---------------------------------------------------------------
def _char_bytes(t: Task, data: bytes) -> int:
    """Length of the first multibyte character of ``data``."""
    return 2 if len(data) > 1 and is_lead(code_page(t), data[0]) else 1


@msvcrt.api()
def mblen(t: Task, mbstr: PTR, count: SIZE_T) -> INT:
    """Bytes of a multibyte character; 0 for the terminator or NULL, -1 for a bad one."""
    return _mbtowc(t, 0, mbstr, count)


@msvcrt.api()
def mbtowc(t: Task, wchar: PTR, mbchar: PTR, count: SIZE_T) -> INT:
    """One multibyte character to a wide one."""
    return _mbtowc(t, wchar, mbchar, count)


def _mbtowc(t: Task, wchar: int, mbchar: int, count: int) -> int:
    if not mbchar or not count:
        return 0
    first = t.mem.read(mbchar, 1)
    if first == b"\0":
        if wchar:
            t.mem.put16(wchar, 0)
        return 0
    size = 1
    if is_lead(code_page(t), first[0]):
        if count < 2 or not t.mem.u8(mbchar + 1):
            state.set_errno(t, state.EILSEQ)
            return -1
        size = 2
    if wchar:
        t.mem.put16(wchar, ord(decode(t, t.mem.read(mbchar, size))[0]))
    return size


@msvcrt.api()
def wctomb(t: Task, mbchar: PTR, wchar: WORD) -> INT:
    """One wide character to multibyte; 0 for a NULL buffer, -1 with EILSEQ where there is none."""
    if not mbchar:
        return 0
    data = encode(t, chr(wchar))
    if not data or (data == b"?" and wchar != 0x3F):
        state.set_errno(t, state.EILSEQ)
        return -1
    t.mem.write(mbchar, data)
    return len(data)


@msvcrt.api()
def mbstowcs(t: Task, wcstr: PTR, mbstr: STR, count: SIZE_T) -> SIZE_T:
    """Convert at most ``count`` characters; a NULL target asks for the length."""
    text = decode(t, mbstr)
    if not wcstr:
        return len(text)
    t.mem.write(wcstr, unit_bytes((text + "\0")[:count]))
    return min(len(text), count)


@msvcrt.api()
def wcstombs(t: Task, mbstr: PTR, wcstr: WSTR, count: SIZE_T) -> SIZE_T:
    """Convert at most ``count`` bytes; FFFFFFFF with EILSEQ for a character that has none in the "C" locale."""
    limit = len(wcstr) if not mbstr else min(len(wcstr), count)
    if not code_page(t) and any(ord(c) > 255 for c in wcstr[:limit]):
        state.set_errno(t, state.EILSEQ)
        return 0xFFFFFFFF
    data = encode(t, wcstr)
    if not mbstr:
        return len(data)
    if len(data) < count:
        t.mem.write(mbstr, data + b"\0")
        return len(data)
    if code_page(t) in LEAD_BYTES:
        at = 0
        while at < len(data) and at + _char_bytes(t, data[at:]) <= count:
            at += _char_bytes(t, data[at:])
        data = data[:at]
    t.mem.write(mbstr, data[:count])
    return min(len(data), count)
