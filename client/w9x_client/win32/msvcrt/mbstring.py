"""Multibyte strings (mbstring.h): like the functions of `string`, but a double-byte character is one character.

The code page is `_setmbcp`'s, at first the process's ANSI page. Characters travel as the original does: a single
byte, or lead * 256 + trail.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from w9x_client.abi import codepage
from w9x_client.abi.types import INT, PTR, SIZE_T, UINT

from . import state
from .dll import msvcrt
from .locale import LEAD_BYTES, Multibyte, code_page, is_lead
from .state import STR

if TYPE_CHECKING:
    from w9x_client.process import Task

_MS, _MP, _M1, _M2, _SBUP, _SBLOW = 1, 2, 4, 8, 0x10, 0x20
"""Bits of ``_mbctype`` (mbctype.h)."""


def _page(t: Task) -> int:
    return t.process.state(Multibyte).page


def split(page: int, data: bytes) -> list[bytes]:
    """The characters of ``data``; a lead byte at the end stands alone."""
    if page not in LEAD_BYTES:
        return [data[i : i + 1] for i in range(len(data))]
    out = []
    at = 0
    while at < len(data):
        size = 2 if is_lead(page, data[at]) and at + 1 < len(data) else 1
        out.append(data[at : at + size])
        at += size
    return out


def _chars(t: Task, data: bytes) -> list[bytes]:
    return split(_page(t), data)


def _number(char: bytes) -> int:
    return int.from_bytes(char, "big")


def _bytes(c: int) -> bytes:
    return bytes((c >> 8 & 0xFF, c & 0xFF)) if c & 0xFF00 else bytes((c & 0xFF,))


def _lower(char: bytes) -> bytes:
    return char.lower() if len(char) == 1 else char


def _upper(char: bytes) -> bytes:
    return char.upper() if len(char) == 1 else char


def _type_table(page: int) -> bytes:
    table = bytearray(257)
    for code in range(256):
        bits = _M1 if is_lead(page, code) else 0
        if page == 932:
            bits |= _MS if 0xA6 <= code <= 0xDF else _MP if 0xA1 <= code <= 0xA5 else 0
        if page in LEAD_BYTES and (0x40 <= code <= 0xFE and code != 0x7F):
            bits |= _M2
        if 0x41 <= code <= 0x5A:
            bits |= _SBUP
        elif 0x61 <= code <= 0x7A:
            bits |= _SBLOW
        table[code + 1] = bits
    return bytes(table)


msvcrt.data("_mbctype", 257, _type_table(1252))


def show_page(t: Task) -> None:
    """Make ``_mbctype`` describe the code page."""
    t.mem.write(state.crt(t).variable("_mbctype"), _type_table(_page(t)))


@msvcrt.api()
def __p__mbctype(t: Task) -> PTR:
    """Address of ``_mbctype``."""
    return state.crt(t).variable("_mbctype")


@msvcrt.api()
def _setmbcp(t: Task, codepage_: INT) -> INT:
    """Choose the code page: a number, 0 single-byte, -2 OEM, -3 ANSI, -4 the locale's; 0 or -1."""
    named = {-2: t.process.oemcp, -3: t.process.acp, -4: code_page(t), 0: 0}
    page = named.get(codepage_, codepage_)
    if page and (page < 0 or codepage.codec_name(page) is None):
        state.set_errno(t, state.EINVAL)
        return -1
    t.process.state(Multibyte).page = page
    show_page(t)
    return 0


@msvcrt.api()
def _getmbcp(t: Task) -> INT:
    """The multibyte code page, 0 for a single-byte one."""
    page = _page(t)
    return page if page in LEAD_BYTES else 0


# --- comparing ----------------------------------------------------------------------------
def _declare_compare(name: str, fold: bool, limit: str) -> None:
    """``limit``: "" whole strings, "chars" or "bytes" the third argument."""

    def compare(t: Task, a: bytes, b: bytes, count: int) -> int:
        left, right = _chars(t, a), _chars(t, b)
        if limit == "chars":
            left, right = left[:count], right[:count]
        elif limit == "bytes":
            left, right = _chars(t, a[:count]), _chars(t, b[:count])
        key: Callable[[bytes], int] = (lambda c: _number(_lower(c))) if fold else _number
        x, y = [*map(key, left)], [*map(key, right)]
        return (x > y) - (x < y)

    def whole(t: Task, string1: STR, string2: STR) -> INT:
        return compare(t, string1, string2, 0)

    def limited(t: Task, string1: PTR, string2: PTR, count: SIZE_T) -> INT:
        most = 2 * count
        return compare(t, t.mem.cstr(string1, most), t.mem.cstr(string2, most), count)

    handler = limited if limit else whole
    handler.__doc__ = "Compare multibyte strings" + (", ASCII case ignored." if fold else ".")
    msvcrt.api(name=name)(handler)


for _name, _fold, _limit in (
    ("_mbscmp", False, ""), ("_mbsicmp", True, ""), ("_mbscoll", False, ""), ("_mbsicoll", True, ""),
    ("_mbsncmp", False, "chars"), ("_mbsnicmp", True, "chars"), ("_mbsncoll", False, "chars"),
    ("_mbsnicoll", True, "chars"), ("_mbsnbcmp", False, "bytes"), ("_mbsnbicmp", True, "bytes"),
    ("_mbsnbcoll", False, "bytes"), ("_mbsnbicoll", True, "bytes"),
):  # fmt: skip
    _declare_compare(_name, _fold, _limit)


# --- searching ----------------------------------------------------------------------------
def _position(t: Task, string: int, found: Callable[[list[bytes]], int]) -> int:
    """Address of the character whose index ``found`` gives, 0 for -1."""
    chars = _chars(t, t.mem.cstr(string))
    index = found(chars)
    return string + sum(map(len, chars[:index])) if index >= 0 else 0


@msvcrt.api()
def _mbschr(t: Task, string: PTR, c: UINT) -> PTR:
    """The first character ``c``, or NULL."""
    wanted = _bytes(c)
    return _position(t, string, lambda chars: [*chars, b"\0"].index(wanted) if wanted in [*chars, b"\0"] else -1)


@msvcrt.api()
def _mbsrchr(t: Task, string: PTR, c: UINT) -> PTR:
    """The last character ``c``, or NULL."""
    wanted = _bytes(c)


    def find(chars: list[bytes]) -> int:
        return max((index for index, char in enumerate([*chars, b"\0"]) if char == wanted), default=-1)

    return _position(t, string, find)


@msvcrt.api()
def _mbsstr(t: Task, string: PTR, strCharSet: STR) -> PTR:
    """The first occurrence of a string, or NULL."""
    wanted = _chars(t, strCharSet)

    def find(chars: list[bytes]) -> int:
        for index in range(len(chars) - len(wanted) + 1):
            if chars[index : index + len(wanted)] == wanted:
                return index
        return -1

    return _position(t, string, find)


def _prefix(t: Task, string: int, charset: bytes, inside: bool) -> tuple[int, bool]:
    """Bytes of the prefix of characters all in (or all not in) the set, and whether the string ends there."""
    members = frozenset(_chars(t, charset))
    size = 0
    for char in _chars(t, t.mem.cstr(string)):
        if (char in members) != inside:
            return size, False
        size += len(char)
    return size, True


@msvcrt.api()
def _mbsspn(t: Task, string: PTR, strCharSet: STR) -> SIZE_T:
    """Bytes of the prefix made of the set's characters."""
    return _prefix(t, string, strCharSet, True)[0]


@msvcrt.api()
def _mbscspn(t: Task, string: PTR, strCharSet: STR) -> SIZE_T:
    """Bytes of the prefix without the set's characters."""
    return _prefix(t, string, strCharSet, False)[0]


@msvcrt.api()
def _mbsspnp(t: Task, string: PTR, strCharSet: STR) -> PTR:
    """The first character not in the set, or NULL."""
    size, end = _prefix(t, string, strCharSet, True)
    return 0 if end else string + size


@msvcrt.api()
def _mbspbrk(t: Task, string: PTR, strCharSet: STR) -> PTR:
    """The first character in the set, or NULL."""
    size, end = _prefix(t, string, strCharSet, False)
    return 0 if end else string + size


@msvcrt.api()
def _mbstok(t: Task, strToken: PTR, strDelimit: STR) -> PTR:
    """The next token; the position is kept per thread."""
    own = state.thread(t)
    at = strToken or own.mbs_token
    if not at:
        return 0
    at += _prefix(t, at, strDelimit, True)[0]
    size, end = _prefix(t, at, strDelimit, False)
    if not size and end:
        own.mbs_token = 0
        return 0
    after = at + size
    if end:
        own.mbs_token = after
    else:
        delimiter = _chars(t, t.mem.cstr(after))[0]
        t.mem.put8(after, 0)
        own.mbs_token = after + len(delimiter)
    return at


# --- moving and counting ---------------------------------------------------------------------
def _length_at(t: Task, at: int) -> int:
    """Bytes of the character there (a lead byte before the terminator counts as one)."""
    return 2 if is_lead(_page(t), t.mem.u8(at)) and t.mem.u8(at + 1) else 1


@msvcrt.api()
def _mbclen(t: Task, c: PTR) -> SIZE_T:
    """Bytes of the character at ``c``."""
    return 2 if is_lead(_page(t), t.mem.u8(c)) else 1


@msvcrt.api()
def _mbsinc(t: Task, current: PTR) -> PTR:
    """The next character."""
    return current + _mbclen(t, current)


@msvcrt.api()
def _mbsdec(t: Task, start: PTR, current: PTR) -> PTR:
    """The previous character, or NULL at the start."""
    if start >= current:
        return 0
    chars = _chars(t, t.mem.read(start, current - start))
    return current - len(chars[-1])


@msvcrt.api()
def _mbsninc(t: Task, string: PTR, count: SIZE_T) -> PTR:
    """``count`` characters on, at most to the terminator."""
    return string + sum(map(len, _chars(t, t.mem.cstr(string))[:count])) if string else 0


@msvcrt.api()
def _mbsnextc(t: Task, string: PTR) -> UINT:
    """The character there as a number."""
    return _number(t.mem.read(string, _length_at(t, string)))


@msvcrt.api()
def _mbslen(t: Task, string: STR) -> SIZE_T:
    """Characters in a string."""
    return len(_chars(t, string))


@msvcrt.api()
def _mbsnccnt(t: Task, string: PTR, count: SIZE_T) -> SIZE_T:
    """Characters in the first ``count`` bytes."""
    return len(_chars(t, t.mem.cstr(string, count)))


@msvcrt.api()
def _mbsnbcnt(t: Task, string: PTR, count: SIZE_T) -> SIZE_T:
    """Bytes of the first ``count`` characters."""
    return sum(map(len, _chars(t, t.mem.cstr(string, 2 * count))[:count]))


# --- copying ---------------------------------------------------------------------------------
def _copy(t: Task, dest: int, data: bytes, room: int) -> None:
    t.mem.write(dest, data)
    t.mem.fill(dest + len(data), room - len(data))


@msvcrt.api()
def _mbsncpy(t: Task, dest: PTR, src: PTR, count: SIZE_T) -> PTR:
    """Copy at most ``count`` characters; the rest is zero bytes."""
    chars = _chars(t, t.mem.cstr(src, 2 * count))[:count]
    data = b"".join(chars)
    _copy(t, dest, data, len(data) + count - len(chars))
    return dest


@msvcrt.api()
def _mbsnbcpy(t: Task, dest: PTR, src: PTR, count: SIZE_T) -> PTR:
    """Copy at most ``count`` bytes, never half a character; the rest is zero bytes."""
    _copy(t, dest, _whole(t, t.mem.cstr(src, count)), count)
    return dest


def _whole(t: Task, data: bytes) -> bytes:
    """``data`` without a lead byte cut from its trail byte."""
    chars = _chars(t, data)
    if chars and len(chars[-1]) == 1 and is_lead(_page(t), chars[-1][0]):
        return data[:-1]
    return data


@msvcrt.api()
def _mbsncat(t: Task, dest: PTR, src: PTR, count: SIZE_T) -> PTR:
    """Append at most ``count`` characters."""
    data = b"".join(_chars(t, t.mem.cstr(src, 2 * count))[:count])
    t.mem.write(dest + len(t.mem.cstr(dest)), data + b"\0")
    return dest


@msvcrt.api()
def _mbsnbcat(t: Task, dest: PTR, src: PTR, count: SIZE_T) -> PTR:
    """Append at most ``count`` bytes, never half a character."""
    t.mem.write(dest + len(t.mem.cstr(dest)), _whole(t, t.mem.cstr(src, count)) + b"\0")
    return dest


@msvcrt.api()
def _mbccpy(t: Task, dest: PTR, src: PTR) -> None:
    """Copy one character."""
    t.mem.write(dest, t.mem.read(src, _length_at(t, src)))


@msvcrt.api()
def _mbslwr(t: Task, string: PTR) -> PTR:
    """ASCII letters to lower case."""
    t.mem.write(string, b"".join(map(_lower, _chars(t, t.mem.cstr(string)))))
    return string


@msvcrt.api()
def _mbsupr(t: Task, string: PTR) -> PTR:
    """ASCII letters to upper case."""
    t.mem.write(string, b"".join(map(_upper, _chars(t, t.mem.cstr(string)))))
    return string


@msvcrt.api()
def _mbsrev(t: Task, string: PTR) -> PTR:
    """Reverse the characters."""
    t.mem.write(string, b"".join(reversed(_chars(t, t.mem.cstr(string)))))
    return string


# --- one character ---------------------------------------------------------------------------
@msvcrt.api()
def _ismbblead(t: Task, c: UINT) -> INT:
    """Whether a byte begins a double-byte character."""
    return _M1 if is_lead(_page(t), c & 0xFF) else 0


@msvcrt.api()
def _ismbbtrail(t: Task, c: UINT) -> INT:
    """Whether a byte can end a double-byte character."""
    return t.mem.u8(state.crt(t).variable("_mbctype") + 1 + (c & 0xFF)) & _M2


@msvcrt.api()
def _ismbslead(t: Task, string: PTR, current: PTR) -> INT:
    """-1 when the byte at ``current`` begins a double-byte character of the string."""
    if current < string:
        return 0
    at = string
    while at < current:
        at += _mbclen(t, at)
    return -1 if at == current and is_lead(_page(t), t.mem.u8(current)) else 0


@msvcrt.api()
def _ismbstrail(t: Task, string: PTR, current: PTR) -> INT:
    """-1 when the byte at ``current`` ends a double-byte character of the string."""
    at = string
    while at < current:
        at += _mbclen(t, at)
    return -1 if at > current >= string else 0


@msvcrt.api()
def _mbctolower(t: Task, c: UINT) -> UINT:
    """ASCII upper case to lower."""
    return c + 32 if 0x41 <= c <= 0x5A else c


@msvcrt.api()
def _mbctoupper(t: Task, c: UINT) -> UINT:
    """ASCII lower case to upper."""
    return c - 32 if 0x61 <= c <= 0x7A else c


@msvcrt.api()
def _mbsbtype(t: Task, mbstr: STR, count: SIZE_T) -> INT:
    """Type of the byte at ``count``: 0 single, 1 lead, 2 trail, -1 past the end."""
    if count >= len(mbstr):
        return -1
    at = 0
    for char in _chars(t, mbstr):
        if at <= count < at + len(char):
            return 0 if len(char) == 1 else 1 + count - at
        at += len(char)
    return -1


def _declare_class(name: str, test: Callable[[str], bool]) -> None:
    def handler(t: Task, c: UINT) -> INT:
        text = codepage.decode(_bytes(c & 0xFFFF), _page(t) or t.process.acp)
        if c < 0x80 or len(text) == 1:
            return test(text[:1])
        return 0

    handler.__doc__ = "Class of a multibyte character."
    msvcrt.api(name=name)(handler)


def _graphic(c: str) -> bool:
    return c.isprintable() and not c.isspace()


def _punctuation(c: str) -> bool:
    return _graphic(c) and not c.isalnum()


for _name, _test in (
    ("_ismbcalpha", str.isalpha), ("_ismbcdigit", lambda c: "0" <= c <= "9"), ("_ismbcalnum", str.isalnum),
    ("_ismbcspace", lambda c: c in "\t\n\v\f\r \u3000" and c != ""), ("_ismbcupper", str.isupper),
    ("_ismbclower", str.islower), ("_ismbcprint", str.isprintable), ("_ismbcgraph", _graphic),
    ("_ismbcpunct", _punctuation), ("_ismbbalpha", str.isalpha), ("_ismbbalnum", str.isalnum),
    ("_ismbbprint", str.isprintable), ("_ismbbgraph", _graphic), ("_ismbbpunct", _punctuation),
):  # fmt: skip
    _declare_class(_name, _test)


@msvcrt.api()
def _ismbclegal(t: Task, c: UINT) -> INT:
    """Whether a number is a character: a single byte, or lead and trail."""
    page = _page(t)
    return c < 0x100 or (is_lead(page, c >> 8) and 0x40 <= (c & 0xFF) <= 0xFE and c & 0xFF != 0x7F)



def _fill(t: Task, string: int, c: int, count: int, limit: str) -> int:
    """Replace characters by ``c``; a double-byte ``c`` never splits one, a byte left over becomes a space."""
    size = len(t.mem.cstr(string))
    if limit == "bytes":
        size = min(size, count)
    elif limit == "chars":
        size = sum(map(len, _chars(t, t.mem.cstr(string))[:count]))
    char = _bytes(c)
    t.mem.write(string, char * (size // len(char)) + b" " * (size % len(char)))
    return string


@msvcrt.api()
def _mbsset(t: Task, string: PTR, c: UINT) -> PTR:
    """Every character becomes ``c``."""
    return _fill(t, string, c, 0, "")


@msvcrt.api()
def _mbsnset(t: Task, string: PTR, c: UINT, count: SIZE_T) -> PTR:
    """At most ``count`` characters become ``c``."""
    return _fill(t, string, c, count, "chars")


@msvcrt.api()
def _mbsnbset(t: Task, string: PTR, c: UINT, count: SIZE_T) -> PTR:
    """At most ``count`` bytes become ``c``."""
    return _fill(t, string, c, count, "bytes")


@msvcrt.api()
def _mbstrlen(t: Task, string: STR) -> SIZE_T:
    """Characters of a string in the locale's code page."""
    return len(split(code_page(t), string))


@msvcrt.api()
def _mbbtype(t: Task, c: UINT, type: INT) -> INT:
    """Type of a byte after one of ``type`` (1: a lead byte): 0 single, 1 lead, 2 trail, -1 illegal."""
    byte = c & 0xFF
    flags = t.mem.u8(state.crt(t).variable("_mbctype") + 1 + byte)
    if type == 1:
        return 2 if flags & _M2 else -1
    if flags & _M1:
        return 1
    return 0 if 0x20 <= byte <= 0x7E or flags & (_MS | _MP) else -1


def _declare_kana(name: str, bits: int) -> None:
    def handler(t: Task, c: UINT) -> INT:
        return t.mem.u8(state.crt(t).variable("_mbctype") + 1 + (c & 0xFF)) & bits

    handler.__doc__ = "Class of a katakana byte of code page 932."
    msvcrt.api(name=name)(handler)


for _name, _bits in (
    ("_ismbbkana", _MS | _MP), ("_ismbbkpunct", _MP), ("_ismbbkalnum", _MS), ("_ismbbkprint", _MS | _MP),
):  # fmt: skip
    _declare_kana(_name, _bits)
