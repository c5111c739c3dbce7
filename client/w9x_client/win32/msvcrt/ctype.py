"""Character classes (ctype.h, wctype.h) and the exported class tables.

``_pctype`` points at the class word of character 0 in a table whose entry -1 is EOF's; ``_pwctype`` likewise. The "C"
locale classifies ASCII only. Wide characters above 255 are classified by Unicode, as GetStringTypeW does.

Source of the bits: ctype.h of the SDK (_UPPER 1, _LOWER 2, _DIGIT 4, _SPACE 8, _PUNCT 10h, _CONTROL 20h, _BLANK 40h,
_HEX 80h, _ALPHA 100h).
"""

from __future__ import annotations

import struct
import unicodedata
from typing import TYPE_CHECKING

from w9x_client.abi.types import INT, PTR, WORD

from . import state
from .dll import msvcrt

if TYPE_CHECKING:
    from w9x_client.process import Task

UPPER, LOWER, DIGIT, SPACE, PUNCT, CONTROL, BLANK, HEX, ALPHA = 1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x100
LEADBYTE = 0x8000
LETTER = ALPHA | UPPER | LOWER


def _ascii_class(code: int) -> int:
    char = chr(code)
    if code < 32 or code == 127:
        return CONTROL | (SPACE if 9 <= code <= 13 else 0)
    if char == " ":
        return SPACE | BLANK
    if char.isdigit():
        return DIGIT | HEX
    if char.isalpha():
        return (UPPER if char.isupper() else LOWER) | (HEX if char in "abcdefABCDEF" else 0)
    return PUNCT


CLASSES: tuple[int, ...] = tuple(_ascii_class(code) if code < 128 else 0 for code in range(256))
"""Class bits of bytes 0..255 in the "C" locale. Letters carry UPPER or LOWER; ALPHA itself is only set for letters
without case."""

_TABLE = struct.pack("<257H", 0, *CLASSES)

msvcrt.data("_ctype", len(_TABLE), _TABLE)
msvcrt.data("_pctype", 4)
msvcrt.data("_pwctype", 4)
msvcrt.data("__mb_cur_max", 4, struct.pack("<I", 1))


def wide_class(code: int) -> int:
    """Class bits of a UTF-16 unit."""
    if code < 256:
        return CLASSES[code]
    return 0 if code == 0xFFFF else unicode_class(chr(code))


def unicode_class(char: str) -> int:
    """Class bits of a character by its Unicode category."""
    if char.isspace():
        return SPACE | (BLANK if unicodedata.category(char) == "Zs" else CONTROL)
    category = unicodedata.category(char)
    if category == "Cc":
        return CONTROL
    if category in ("Lu", "Lt"):
        return ALPHA | UPPER
    if category == "Ll":
        return ALPHA | LOWER
    if category[0] == "L":
        return ALPHA
    if category == "Nd":
        return DIGIT
    return PUNCT if category[0] in "PS" else 0


def byte_class(t: Task, c: int) -> int:
    """The class word of ``c`` (-1..255) in the exported table; other values have none."""
    if -1 <= c <= 255:
        return t.mem.u16(t.mem.u32(state.crt(t).variable("_pctype")) + 2 * c)
    return 0


@msvcrt.api()
def _isctype(t: Task, c: INT, desc: INT) -> INT:
    """The bits of ``desc`` that character ``c`` has."""
    return byte_class(t, c) & desc


def _declare(name: str, mask: int) -> None:
    def narrow(t: Task, c: INT) -> INT:
        return byte_class(t, c) & mask

    def wide(t: Task, c: WORD) -> INT:
        return wide_class(c) & mask

    narrow.__doc__ = wide.__doc__ = f"Nonzero when the character has class bits {mask:#x}."
    narrow.__name__, wide.__name__ = "is" + name, "isw" + name
    msvcrt.api()(narrow)
    msvcrt.api()(wide)


for _name, _mask in (
    ("alpha", LETTER), ("upper", UPPER), ("lower", LOWER), ("digit", DIGIT), ("xdigit", HEX), ("space", SPACE),
    ("punct", PUNCT), ("alnum", LETTER | DIGIT), ("print", BLANK | PUNCT | LETTER | DIGIT),
    ("graph", PUNCT | LETTER | DIGIT), ("cntrl", CONTROL),
):  # fmt: skip
    _declare(_name, _mask)


@msvcrt.api()
def iswctype(t: Task, c: WORD, desc: WORD) -> INT:
    """The bits of ``desc`` that wide character ``c`` has."""
    return wide_class(c) & desc


msvcrt.alias("is_wctype", "iswctype")


@msvcrt.api()
def isleadbyte(t: Task, c: INT) -> INT:
    """Nonzero for the first byte of a multibyte character of the locale's code page."""
    return byte_class(t, c) & LEADBYTE


@msvcrt.api()
def iswascii(t: Task, c: WORD) -> INT:
    """Below 80h."""
    return c < 0x80


@msvcrt.api()
def __isascii(t: Task, c: INT) -> INT:  # the export's name
    """0..7F."""
    return 0 <= c < 0x80


@msvcrt.api()
def __toascii(t: Task, c: INT) -> INT:  # the export's name
    """The low seven bits."""
    return c & 0x7F


@msvcrt.api()
def __iscsym(t: Task, c: INT) -> INT:  # the export's name
    """Letter, digit or underscore."""
    return c == 0x5F or byte_class(t, c) & (LETTER | DIGIT) != 0


@msvcrt.api()
def __iscsymf(t: Task, c: INT) -> INT:  # the export's name
    """Letter or underscore."""
    return c == 0x5F or byte_class(t, c) & LETTER != 0


@msvcrt.api()
def tolower(t: Task, c: INT) -> INT:
    """ASCII upper case to lower."""
    return c + 32 if 0x41 <= c <= 0x5A else c


@msvcrt.api()
def toupper(t: Task, c: INT) -> INT:
    """ASCII lower case to upper."""
    return c - 32 if 0x61 <= c <= 0x7A else c


@msvcrt.api()
def _tolower(t: Task, c: INT) -> INT:
    """An upper-case letter to lower case, unchecked."""
    return c + 32


@msvcrt.api()
def _toupper(t: Task, c: INT) -> INT:
    """A lower-case letter to upper case, unchecked."""
    return c - 32


@msvcrt.api()
def __p__pctype(t: Task) -> PTR:  # the export's name
    """Address of ``_pctype``."""
    return state.crt(t).variable("_pctype")


@msvcrt.api()
def __p__pwctype(t: Task) -> PTR:  # the export's name
    """Address of ``_pwctype``."""
    return state.crt(t).variable("_pwctype")


@msvcrt.api()
def __p___mb_cur_max(t: Task) -> PTR:  # the export's name
    """Address of ``__mb_cur_max``."""
    return state.crt(t).variable("__mb_cur_max")


@msvcrt.not_on_9x()
def ___mb_cur_max_func(t: Task) -> INT:
    """Longest multibyte character of the locale, in bytes."""
    return t.mem.i32(state.crt(t).variable("__mb_cur_max"))


@msvcrt.not_on_9x()
def __pctype_func(t: Task) -> PTR:  # the export's name
    """The class table."""
    return t.mem.u32(state.crt(t).variable("_pctype"))
