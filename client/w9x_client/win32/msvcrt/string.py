"""Byte strings and memory blocks (string.h).

Comparisons return -1, 0 or 1 as the runtime's assembly routines did. Case folding is ASCII's: that of the "C" locale.
Nothing here blocks; hot routines are meant to be replaced by guest code, and these handlers remain their reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi.types import INT, PTR, SIZE_T

from . import state
from .dll import msvcrt
from .state import STR

if TYPE_CHECKING:
    from w9x_client.process import Task


def order(a: bytes | str, b: bytes | str) -> int:
    """-1, 0 or 1."""
    return (a > b) - (a < b)  # type: ignore[operator]  # both are of one type


# --- memory -----------------------------------------------------------------------
@msvcrt.api(guest="memcpy")
def memcpy(t: Task, dest: PTR, src: PTR, count: SIZE_T) -> PTR:
    """Copy ``count`` bytes (overlap is handled, as in the original)."""
    t.mem.move(dest, src, count)
    return dest


@msvcrt.api(guest="memmove")
def memmove(t: Task, dest: PTR, src: PTR, count: SIZE_T) -> PTR:
    """Copy ``count`` bytes, overlapping or not."""
    t.mem.move(dest, src, count)
    return dest


@msvcrt.api(guest="memset")
def memset(t: Task, dest: PTR, c: INT, count: SIZE_T) -> PTR:
    """Fill with the low byte of ``c``."""
    t.mem.fill(dest, count, c & 0xFF)
    return dest


@msvcrt.api(guest="memcmp")
def memcmp(t: Task, buf1: PTR, buf2: PTR, count: SIZE_T) -> INT:
    """Compare two blocks."""
    return order(t.mem.read(buf1, count), t.mem.read(buf2, count))


@msvcrt.api()
def _memicmp(t: Task, buf1: PTR, buf2: PTR, count: SIZE_T) -> INT:
    """Compare two blocks without regard to ASCII case."""
    return order(t.mem.read(buf1, count).lower(), t.mem.read(buf2, count).lower())


@msvcrt.api(guest="memchr")
def memchr(t: Task, buf: PTR, c: INT, count: SIZE_T) -> PTR:
    """The first byte equal to ``c``, or NULL; stops reading at the match, so a huge ``count`` is legal."""
    byte = c & 0xFF
    at, end = buf, min(buf + count, 0x1_0000_0000)
    while at < end:
        step = min((at | 0xFFF) + 1, end) - at
        found = t.mem.read(at, step).find(byte)
        if found >= 0:
            return at + found
        at += step
    return 0


@msvcrt.api()
def _memccpy(t: Task, dest: PTR, src: PTR, c: INT, count: SIZE_T) -> PTR:
    """Copy up to and including the first ``c``; returns the byte after it in ``dest``, or NULL."""
    found = memchr(t, src, c, count)
    size = found - src + 1 if found else count
    t.mem.move(dest, src, size)
    return dest + size if found else 0


@msvcrt.api()
def _swab(t: Task, src: PTR, dest: PTR, n: INT) -> None:
    """Copy ``n`` bytes (an even number), exchanging the bytes of each pair."""
    if n > 1:
        data = bytearray(t.mem.read(src, n & ~1))
        data[0::2], data[1::2] = data[1::2], data[0::2]
        t.mem.write(dest, data)


# --- length, copy, concatenate ----------------------------------------------------
@msvcrt.api(guest="strlen")
def strlen(t: Task, s: STR) -> SIZE_T:
    """Bytes before the terminator."""
    return len(s)


@msvcrt.not_on_9x()
def strnlen(t: Task, s: PTR, count: SIZE_T) -> SIZE_T:
    """Bytes before the terminator, at most ``count``."""
    return len(t.mem.cstr(s, count))


@msvcrt.api(guest="strcpy")
def strcpy(t: Task, dest: PTR, src: STR) -> PTR:
    """Copy with the terminator."""
    t.mem.write(dest, src + b"\0")
    return dest


@msvcrt.api(guest="strncpy")
def strncpy(t: Task, dest: PTR, src: PTR, count: SIZE_T) -> PTR:
    """Copy at most ``count`` bytes; the rest is zeros, and a longer source leaves no terminator."""
    data = t.mem.cstr(src, count)
    t.mem.write(dest, data)
    t.mem.fill(dest + len(data), count - len(data))
    return dest


@msvcrt.api(guest="strcat")
def strcat(t: Task, dest: PTR, src: STR) -> PTR:
    """Append with the terminator."""
    t.mem.write(dest + len(t.mem.cstr(dest)), src + b"\0")
    return dest


@msvcrt.api(guest="strncat")
def strncat(t: Task, dest: PTR, src: PTR, count: SIZE_T) -> PTR:
    """Append at most ``count`` bytes and a terminator."""
    t.mem.write(dest + len(t.mem.cstr(dest)), t.mem.cstr(src, count) + b"\0")
    return dest


@msvcrt.api()
def _strdup(t: Task, s: PTR) -> PTR:
    """A copy on the heap; NULL for NULL or when memory is short."""
    if not s:
        return 0
    data = t.mem.cstr(s) + b"\0"
    copy = t.process.heap_alloc(len(data))
    if copy:
        t.mem.write(copy, data)
    return copy


for _alias, _name in (("_mbscpy", "strcpy"), ("_mbscat", "strcat"), ("_mbsdup", "_strdup")):
    msvcrt.alias(_alias, _name)


# --- compare ----------------------------------------------------------------------
@msvcrt.api(guest="strcmp")
def strcmp(t: Task, string1: STR, string2: STR) -> INT:
    """Compare as unsigned bytes."""
    return (string1 > string2) - (string1 < string2)


@msvcrt.api(guest="strncmp")
def strncmp(t: Task, string1: PTR, string2: PTR, count: SIZE_T) -> INT:
    """Compare at most ``count`` bytes."""
    return order(t.mem.cstr(string1, count), t.mem.cstr(string2, count))


@msvcrt.api()
def strcoll(t: Task, string1: STR, string2: STR) -> INT:
    """Compare in the locale's order: byte order, that of the "C" locale."""
    return order(string1, string2)


@msvcrt.api()
def _strncoll(t: Task, string1: PTR, string2: PTR, count: SIZE_T) -> INT:
    """`strcoll` of at most ``count`` bytes."""
    return order(t.mem.cstr(string1, count), t.mem.cstr(string2, count))


@msvcrt.api()
def _stricmp(t: Task, string1: STR, string2: STR) -> INT:
    """Compare without regard to ASCII case."""
    return order(string1.lower(), string2.lower())


msvcrt.alias("_strcmpi", "_stricmp")
msvcrt.alias("_stricoll", "_stricmp")


@msvcrt.api()
def _strnicmp(t: Task, string1: PTR, string2: PTR, count: SIZE_T) -> INT:
    """`_stricmp` of at most ``count`` bytes."""
    return order(t.mem.cstr(string1, count).lower(), t.mem.cstr(string2, count).lower())


msvcrt.alias("_strnicoll", "_strnicmp")


@msvcrt.api()
def strxfrm(t: Task, strDest: PTR, strSource: STR, count: SIZE_T) -> SIZE_T:
    """A string whose byte order is the locale's order: the string itself in the "C" locale."""
    if count:
        t.mem.write(strDest, (strSource + b"\0")[:count])
    return len(strSource)


# --- search -----------------------------------------------------------------------
@msvcrt.api(guest="strchr")
def strchr(t: Task, string: PTR, c: INT) -> PTR:
    """The first ``c`` (the terminator counts), or NULL."""
    data = t.mem.cstr(string)
    at = (data + b"\0").find(c & 0xFF)
    return string + at if at >= 0 else 0


@msvcrt.api(guest="strrchr")
def strrchr(t: Task, string: PTR, c: INT) -> PTR:
    """The last ``c`` (the terminator counts), or NULL."""
    data = t.mem.cstr(string)
    at = (data + b"\0").rfind(c & 0xFF)
    return string + at if at >= 0 else 0


@msvcrt.api(guest="strstr")
def strstr(t: Task, string: PTR, strCharSet: STR) -> PTR:
    """The first occurrence of a string, or NULL."""
    at = t.mem.cstr(string).find(strCharSet)
    return string + at if at >= 0 else 0


def span(data: bytes | str, charset: bytes | str, inside: bool) -> int:
    """Length of the prefix of ``data`` whose characters are all in (or all not in) ``charset``."""
    members = frozenset(charset)
    for index, unit in enumerate(data):
        if (unit in members) != inside:
            return index
    return len(data)


@msvcrt.api(guest="strspn")
def strspn(t: Task, string: STR, strCharSet: STR) -> SIZE_T:
    """Length of the prefix made of the set's bytes."""
    return span(string, strCharSet, True)


@msvcrt.api(guest="strcspn")
def strcspn(t: Task, string: STR, strCharSet: STR) -> SIZE_T:
    """Length of the prefix without any of the set's bytes."""
    return span(string, strCharSet, False)


@msvcrt.api(guest="strpbrk")
def strpbrk(t: Task, string: PTR, strCharSet: STR) -> PTR:
    """The first byte that is in the set, or NULL."""
    data = t.mem.cstr(string)
    at = span(data, strCharSet, False)
    return string + at if at < len(data) else 0


@msvcrt.api()
def strtok(t: Task, strToken: PTR, strDelimit: STR) -> PTR:
    """The next token; the position is kept per thread."""
    own = state.thread(t)
    at = strToken or own.str_token
    if not at:
        return 0
    data = t.mem.cstr(at)
    start = span(data, strDelimit, True)
    if start == len(data):
        own.str_token = 0 if strToken == 0 else at + start
        return 0
    end = start + span(data[start:], strDelimit, False)
    if end < len(data):
        t.mem.put8(at + end, 0)
        own.str_token = at + end + 1
    else:
        own.str_token = at + end
    return at + start


# --- change in place --------------------------------------------------------------
@msvcrt.api()
def _strlwr(t: Task, string: PTR) -> PTR:
    """ASCII letters to lower case."""
    t.mem.write(string, t.mem.cstr(string).lower())
    return string


@msvcrt.api()
def _strupr(t: Task, string: PTR) -> PTR:
    """ASCII letters to upper case."""
    t.mem.write(string, t.mem.cstr(string).upper())
    return string


@msvcrt.api()
def _strrev(t: Task, string: PTR) -> PTR:
    """Reverse the bytes."""
    t.mem.write(string, t.mem.cstr(string)[::-1])
    return string


@msvcrt.api()
def _strset(t: Task, string: PTR, c: INT) -> PTR:
    """Every byte becomes ``c``."""
    t.mem.fill(string, len(t.mem.cstr(string)), c & 0xFF)
    return string


@msvcrt.api()
def _strnset(t: Task, string: PTR, c: INT, count: SIZE_T) -> PTR:
    """At most ``count`` bytes become ``c``."""
    t.mem.fill(string, len(t.mem.cstr(string, count)), c & 0xFF)
    return string


# --- error texts ------------------------------------------------------------------
@msvcrt.api()
def strerror(t: Task, errnum: INT) -> PTR:
    """The text of an errno number, in this thread's static buffer."""
    at = state.thread(t).address + state.STRERROR
    t.mem.write(at, error_text(errnum).encode() + b"\0")
    return at


@msvcrt.api()
def _strerror(t: Task, strErrMsg: PTR) -> PTR:
    """``strErrMsg: text of errno`` and a line end, in this thread's static buffer."""
    at = state.thread(t).address + state.STRERROR
    text = error_text(state.get_errno(t)).encode() + b"\n\0"
    if strErrMsg:
        text = t.mem.cstr(strErrMsg, 94) + b": " + text
    t.mem.write(at, text)
    return at


def error_text(number: int) -> str:
    """The runtime's text for an errno number."""
    texts = state.ERRNO_TEXT
    return texts[number] if 0 <= number < len(texts) else texts[-1]


msvcrt.data("_sys_nerr", 4, (len(state.ERRNO_TEXT) - 1).to_bytes(4, "little"))
msvcrt.data("_sys_errlist", 4 * len(state.ERRNO_TEXT))
