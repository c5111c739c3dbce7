"""Wide strings (wchar.h): characters are UTF-16 units. The twins of `string`; the same rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi.types import INT, PTR, SIZE_T, WORD

from . import state
from .dll import msvcrt
from .state import WSTR
from .stdio_format import unit_bytes, units
from .string import error_text, order, span

if TYPE_CHECKING:
    from w9x_client.process import Task

_LOWER = {i: i + 32 for i in range(0x41, 0x5B)}
_UPPER = {i: i - 32 for i in range(0x61, 0x7B)}


def _get(t: Task, address: int, limit: int = 0x2000_0000) -> str:
    return units(t.mem.wcstr(address, limit))


def _put(t: Task, address: int, text: str) -> None:
    t.mem.write(address, unit_bytes(text))


@msvcrt.api(guest="wcslen")
def wcslen(t: Task, string: PTR) -> SIZE_T:
    """Characters before the terminator."""
    return len(t.mem.wcstr(string, 0x2000_0000)) >> 1


@msvcrt.not_on_9x()
def wcsnlen(t: Task, string: PTR, count: SIZE_T) -> SIZE_T:
    """Characters before the terminator, at most ``count``."""
    return len(t.mem.wcstr(string, count)) >> 1


@msvcrt.api(guest="wcscpy")
def wcscpy(t: Task, dest: PTR, src: PTR) -> PTR:
    """Copy with the terminator."""
    t.mem.write(dest, t.mem.wcstr(src) + b"\0\0")
    return dest


@msvcrt.api()
def wcsncpy(t: Task, dest: PTR, src: PTR, count: SIZE_T) -> PTR:
    """Copy at most ``count`` characters; the rest is zeros."""
    data = t.mem.wcstr(src, count)
    t.mem.write(dest, data)
    t.mem.fill(dest + len(data), 2 * count - len(data))
    return dest


@msvcrt.api(guest="wcscat")
def wcscat(t: Task, dest: PTR, src: PTR) -> PTR:
    """Append with the terminator."""
    t.mem.write(dest + len(t.mem.wcstr(dest)), t.mem.wcstr(src) + b"\0\0")
    return dest


@msvcrt.api()
def wcsncat(t: Task, dest: PTR, src: PTR, count: SIZE_T) -> PTR:
    """Append at most ``count`` characters and a terminator."""
    t.mem.write(dest + len(t.mem.wcstr(dest)), t.mem.wcstr(src, count) + b"\0\0")
    return dest


@msvcrt.api()
def _wcsdup(t: Task, string: PTR) -> PTR:
    """A copy on the heap."""
    if not string:
        return 0
    data = t.mem.wcstr(string) + b"\0\0"
    copy = t.process.heap_alloc(len(data))
    if copy:
        t.mem.write(copy, data)
    return copy


@msvcrt.api(guest="wcscmp")
def wcscmp(t: Task, string1: WSTR, string2: WSTR) -> INT:
    """Compare by unit."""
    return order(string1, string2)


@msvcrt.api()
def wcsncmp(t: Task, string1: PTR, string2: PTR, count: SIZE_T) -> INT:
    """Compare at most ``count`` units."""
    return _difference(_get(t, string1, count), _get(t, string2, count))


@msvcrt.api()
def wcscoll(t: Task, string1: WSTR, string2: WSTR) -> INT:
    """Compare in the order of the "C" locale."""
    return order(string1, string2)


@msvcrt.api()
def _wcsncoll(t: Task, string1: PTR, string2: PTR, count: SIZE_T) -> INT:
    """`wcscoll` of at most ``count`` units."""
    return order(_get(t, string1, count), _get(t, string2, count))


def _difference(a: str, b: str) -> int:
    """Difference of the first units that differ: what the C versions of these functions return."""
    for x, y in zip(a, b, strict=False):
        if x != y:
            return ord(x) - ord(y)
    if len(a) == len(b):
        return 0
    return ord(a[len(b)]) if len(a) > len(b) else -ord(b[len(a)])


@msvcrt.api()
def _wcsicmp(t: Task, string1: WSTR, string2: WSTR) -> INT:
    """Compare without regard to ASCII case."""
    return _difference(string1.translate(_LOWER), string2.translate(_LOWER))


msvcrt.alias("_wcsicoll", "_wcsicmp")


@msvcrt.api()
def _wcsnicmp(t: Task, string1: PTR, string2: PTR, count: SIZE_T) -> INT:
    """`_wcsicmp` of at most ``count`` units."""
    return _difference(_get(t, string1, count).translate(_LOWER), _get(t, string2, count).translate(_LOWER))


msvcrt.alias("_wcsnicoll", "_wcsnicmp")


@msvcrt.api()
def wcsxfrm(t: Task, strDest: PTR, strSource: WSTR, count: SIZE_T) -> SIZE_T:
    """The string itself, in the "C" locale."""
    if count:
        _put(t, strDest, (strSource + "\0")[:count])
    return len(strSource)


@msvcrt.api(guest="wcschr")
def wcschr(t: Task, string: PTR, c: WORD) -> PTR:
    """The first ``c`` (the terminator counts), or NULL."""
    at = (_get(t, string) + "\0").find(chr(c))
    return string + 2 * at if at >= 0 else 0


@msvcrt.api()
def wcsrchr(t: Task, string: PTR, c: WORD) -> PTR:
    """The last ``c`` (the terminator counts), or NULL."""
    at = (_get(t, string) + "\0").rfind(chr(c))
    return string + 2 * at if at >= 0 else 0


@msvcrt.api()
def wcsstr(t: Task, string: PTR, strCharSet: WSTR) -> PTR:
    """The first occurrence of a string, or NULL."""
    at = _get(t, string).find(strCharSet)
    return string + 2 * at if at >= 0 else 0


@msvcrt.api()
def wcsspn(t: Task, string: WSTR, strCharSet: WSTR) -> SIZE_T:
    """Length of the prefix made of the set's characters."""
    return span(string, strCharSet, True)


@msvcrt.api()
def wcscspn(t: Task, string: WSTR, strCharSet: WSTR) -> SIZE_T:
    """Length of the prefix without any of the set's characters."""
    return span(string, strCharSet, False)


@msvcrt.api()
def wcspbrk(t: Task, string: PTR, strCharSet: WSTR) -> PTR:
    """The first character that is in the set, or NULL."""
    text = _get(t, string)
    at = span(text, strCharSet, False)
    return string + 2 * at if at < len(text) else 0


@msvcrt.api()
def wcstok(t: Task, strToken: PTR, strDelimit: WSTR) -> PTR:
    """The next token; the position is kept per thread."""
    own = state.thread(t)
    at = strToken or own.wcs_token
    if not at:
        return 0
    text = _get(t, at)
    start = span(text, strDelimit, True)
    if start == len(text):
        own.wcs_token = 0
        return 0
    end = start + span(text[start:], strDelimit, False)
    if end < len(text):
        t.mem.put16(at + 2 * end, 0)
        own.wcs_token = at + 2 * end + 2
    else:
        own.wcs_token = at + 2 * end
    return at + 2 * start


@msvcrt.api()
def _wcslwr(t: Task, string: PTR) -> PTR:
    """ASCII letters to lower case."""
    _put(t, string, _get(t, string).translate(_LOWER))
    return string


@msvcrt.api()
def _wcsupr(t: Task, string: PTR) -> PTR:
    """ASCII letters to upper case."""
    _put(t, string, _get(t, string).translate(_UPPER))
    return string


@msvcrt.api()
def _wcsrev(t: Task, string: PTR) -> PTR:
    """Reverse the units."""
    _put(t, string, _get(t, string)[::-1])
    return string


@msvcrt.api()
def _wcsset(t: Task, string: PTR, c: WORD) -> PTR:
    """Every character becomes ``c``."""
    _put(t, string, chr(c) * len(_get(t, string)))
    return string


@msvcrt.api()
def _wcsnset(t: Task, string: PTR, c: WORD, count: SIZE_T) -> PTR:
    """At most ``count`` characters become ``c``."""
    _put(t, string, chr(c) * len(_get(t, string, count)))
    return string


@msvcrt.not_on_9x()
def _wcserror(t: Task, errnum: INT) -> PTR:
    """The text of an errno number, in this thread's static buffer."""
    at = state.thread(t).address + state.WSTRERROR
    _put(t, at, error_text(errnum) + "\0")
    return at

