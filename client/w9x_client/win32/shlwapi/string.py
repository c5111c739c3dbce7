"""The Str functions (SDK shlwapi.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import WinError
from w9x_client.abi.types import BOOL, DWORD, FLAGS, INT, IS_WIDE, LONGLONG, LPDWORD, LPTSTR, PTR, UINT, VARARGS, WORD
from w9x_client.win32.kernel32.collation_data import NORM_IGNORECASE, compare
from w9x_client.win32.kernel32.simple_printf import expand
from w9x_client.win32.user32.text import StackArguments

from .dll import shlwapi
from .text import at, encode, read, write

if TYPE_CHECKING:
    from w9x_client.process import Task


def _found(address: int, index: int, wide: bool) -> int:
    return 0 if index < 0 else at(address, index, wide)


def _fold(text: str) -> str:
    """Without ASCII and Latin-1 case, length unchanged."""
    return "".join(c if len(c.lower()) != 1 else c.lower() for c in text)


@shlwapi.api(aw=True)
def StrChr(t: Task, pszStart: PTR, wMatch: WORD, W: IS_WIDE) -> PTR:
    """The first occurrence of a character."""
    return _found(pszStart, read(t, pszStart, W).find(chr(wMatch if W else wMatch & 0xFF)), W) if pszStart else 0


@shlwapi.api(aw=True)
def StrChrI(t: Task, pszStart: PTR, wMatch: WORD, W: IS_WIDE) -> PTR:
    """The first occurrence of a character, without regard to case."""
    wanted = _fold(chr(wMatch if W else wMatch & 0xFF))
    return _found(pszStart, _fold(read(t, pszStart, W)).find(wanted), W) if pszStart else 0


def _limit(text: str, start: int, end: int, wide: bool) -> str:
    return text[: max((end - start) // (2 if wide else 1), 0)] if end else text


@shlwapi.api(aw=True)
def StrRChr(t: Task, pszStart: PTR, pszEnd: PTR, wMatch: WORD, W: IS_WIDE) -> PTR:
    """The last occurrence of a character before pszEnd (NULL: the whole string)."""
    if not pszStart:
        return 0
    text = _limit(read(t, pszStart, W), pszStart, pszEnd, W)
    return _found(pszStart, text.rfind(chr(wMatch if W else wMatch & 0xFF)), W)


@shlwapi.api(aw=True)
def StrStr(t: Task, pszFirst: PTR, pszSrch: PTR, W: IS_WIDE) -> PTR:
    """The first occurrence of a string."""
    return _found(pszFirst, read(t, pszFirst, W).find(read(t, pszSrch, W)), W) if pszFirst and pszSrch else 0


@shlwapi.api(aw=True)
def StrStrI(t: Task, pszFirst: PTR, pszSrch: PTR, W: IS_WIDE) -> PTR:
    """The first occurrence of a string, without regard to case."""
    if not pszFirst or not pszSrch:
        return 0
    return _found(pszFirst, _fold(read(t, pszFirst, W)).find(_fold(read(t, pszSrch, W))), W)


@shlwapi.api(aw=True)
def StrRStrI(t: Task, pszSource: PTR, pszLast: PTR, pszSrch: PTR, W: IS_WIDE) -> PTR:
    """The last occurrence of a string before pszLast, without regard to case."""
    if not pszSource or not pszSrch:
        return 0
    text, wanted = _fold(read(t, pszSource, W)), _fold(read(t, pszSrch, W))
    end = len(text) if not pszLast else (pszLast - pszSource) // (2 if W else 1)
    return _found(pszSource, text.rfind(wanted, 0, max(end - 1, 0) + len(wanted)), W)


@shlwapi.api(aw=True)
def StrSpn(t: Task, psz: PTR, pszSet: PTR, W: IS_WIDE) -> INT:
    """How many characters at the start are of a set."""
    text, members = read(t, psz, W), read(t, pszSet, W)
    return next((index for index, char in enumerate(text) if char not in members), len(text))


@shlwapi.api(aw=True)
def StrCSpn(t: Task, pszStr: PTR, pszSet: PTR, W: IS_WIDE) -> INT:
    """How many characters at the start are not of a set."""
    text, members = read(t, pszStr, W), read(t, pszSet, W)
    return next((index for index, char in enumerate(text) if char in members), len(text))


@shlwapi.api(aw=True)
def StrPBrk(t: Task, psz: PTR, pszSet: PTR, W: IS_WIDE) -> PTR:
    """The first character of a set."""
    text, members = read(t, psz, W), read(t, pszSet, W)
    return _found(psz, next((index for index, char in enumerate(text) if char in members), -1), W)


@shlwapi.api(aw=True)
def StrCmpN(t: Task, psz1: PTR, psz2: PTR, nChar: INT, W: IS_WIDE) -> INT:
    """Compare at most nChar characters by their codes."""
    a, b = read(t, psz1, W)[: max(nChar, 0)], read(t, psz2, W)[: max(nChar, 0)]
    return (a > b) - (a < b)


@shlwapi.api(aw=True)
def StrCmpNI(t: Task, psz1: PTR, psz2: PTR, nChar: INT, W: IS_WIDE) -> INT:
    """Compare at most nChar characters without regard to case."""
    a, b = _fold(read(t, psz1, W)[: max(nChar, 0)]), _fold(read(t, psz2, W)[: max(nChar, 0)])
    return (a > b) - (a < b)


@shlwapi.api(wide=True)
def StrCmpW(t: Task, psz1: PTR, psz2: PTR) -> INT:
    """Compare by the locale's word sort."""
    return compare(t.mem.wide(psz1), t.mem.wide(psz2))


@shlwapi.api(wide=True)
def StrCmpIW(t: Task, psz1: PTR, psz2: PTR) -> INT:
    """Compare by the locale's word sort without regard to case."""
    return compare(t.mem.wide(psz1), t.mem.wide(psz2), NORM_IGNORECASE)


@shlwapi.api(wide=True)
def StrCpyW(t: Task, psz1: PTR, psz2: PTR) -> PTR:
    """Copy a string."""
    t.mem.write(psz1, t.mem.wcstr(psz2) + b"\0\0")
    return psz1


@shlwapi.api(wide=True)
def StrCpyNW(t: Task, psz1: PTR, psz2: PTR, cchMax: INT) -> PTR:
    """Copy at most cchMax-1 characters and terminate."""
    if cchMax > 0:
        t.mem.write(psz1, t.mem.wcstr(psz2, cchMax - 1) + b"\0\0")
    return psz1


@shlwapi.api(wide=True)
def StrCatW(t: Task, psz1: PTR, psz2: PTR) -> PTR:
    """Append a string."""
    t.mem.write(psz1 + len(t.mem.wcstr(psz1)), t.mem.wcstr(psz2) + b"\0\0")
    return psz1


@shlwapi.api(aw=True)
def StrNCat(t: Task, psz1: PTR, psz2: PTR, cchMax: INT, W: IS_WIDE) -> PTR:
    """Append at most cchMax-1 characters and terminate."""
    if cchMax > 0:
        write(t, at(psz1, len(read(t, psz1, W)), W), read(t, psz2, W)[: cchMax - 1], W)
    return psz1


@shlwapi.api(aw=True)
def StrCatBuff(t: Task, pszDest: PTR, pszSrc: PTR, cchDestBuffSize: INT, W: IS_WIDE) -> PTR:
    """Append what fits in the buffer."""
    text = read(t, pszDest, W)
    room = cchDestBuffSize - len(text) - 1
    if room > 0:
        write(t, at(pszDest, len(text), W), read(t, pszSrc, W)[:room], W)
    return pszDest


@shlwapi.api(aw=True)
def StrDup(t: Task, pszSrch: PTR, W: IS_WIDE) -> PTR:
    """A copy for LocalFree; NULL when memory is short."""
    data = encode((read(t, pszSrch, W) if pszSrch else "") + "\0", W)
    try:
        block = t.process.heap_alloc(len(data))
    except WinError:
        return 0
    t.mem.write(block, data)
    return block


@shlwapi.api(aw=True)
def StrToInt(t: Task, pszSrc: PTR, W: IS_WIDE) -> INT:
    """The decimal number at the start of a string."""
    return _parse(read(t, pszSrc, W) if pszSrc else "", 0) or 0


@shlwapi.api(aw=True)
def StrToIntEx(t: Task, pszString: PTR, dwFlags: FLAGS, piRet: LPDWORD, W: IS_WIDE) -> BOOL:
    """The number at the start of a string, hexadecimal after 0x if STIF_SUPPORT_HEX (1) is set."""
    number = _parse(read(t, pszString, W).lstrip(" \t\r\n"), dwFlags) if pszString else None
    piRet.set(number or 0)
    return number is not None


def _parse(text: str, flags: int) -> int | None:
    negative = text[:1] == "-"
    if text[:1] in ("-", "+"):
        text = text[1:]
    digits, base = "0123456789", 10
    if flags & 1 and text[:2].lower() == "0x":
        digits, base, text = "0123456789abcdefABCDEF", 16, text[2:]
    end = next((index for index, char in enumerate(text) if char not in digits), len(text))
    if not end:
        return None
    number = int(text[:end][-32:], base)
    return -number if negative else number


@shlwapi.api(aw=True)
def StrTrim(t: Task, psz: PTR, pszTrimChars: PTR, W: IS_WIDE) -> BOOL:
    """Cut characters of a set off both ends; whether there were any."""
    text = read(t, psz, W)
    trimmed = text.strip(read(t, pszTrimChars, W))
    if trimmed == text:
        return False
    write(t, psz, trimmed, W)
    return True


_UNITS = ("KB", "MB", "GB", "TB", "PB", "EB")


def byte_size(number: int) -> str:
    """A size in three significant digits: "532 bytes", "1.30 KB", "0.99 MB"; the digits are cut, not rounded."""
    if number < 1024:
        return f"{number} bytes"
    unit = 0
    while number >= 1000 << 10 and unit + 1 < len(_UNITS):
        number >>= 10
        unit += 1
    whole, rest = divmod(number, 1024)
    decimals = 2 if whole < 10 else 1 if whole < 100 else 0
    cut = rest * 10**decimals // 1024
    return f"{whole}.{cut:0{decimals}d} {_UNITS[unit]}" if decimals else f"{whole} {_UNITS[unit]}"


@shlwapi.api()
def StrFormatByteSizeA(t: Task, dw: DWORD, pszBuf: LPTSTR, cchBuf: UINT) -> PTR:
    """A size in bytes for people."""
    pszBuf.put(byte_size(dw), cchBuf)
    return pszBuf.addr


@shlwapi.api(wide=True)
def StrFormatByteSizeW(t: Task, qdw: LONGLONG, pszBuf: LPTSTR, cchBuf: UINT) -> PTR:
    """A size in bytes for people; 64 bits wide."""
    pszBuf.put(byte_size(max(qdw, 0)), cchBuf)
    return pszBuf.addr


@shlwapi.api()
def StrFormatByteSize64A(t: Task, qdw: LONGLONG, pszBuf: LPTSTR, cchBuf: UINT) -> PTR:
    """A size in bytes for people; 64 bits wide."""
    pszBuf.put(byte_size(max(qdw, 0)), cchBuf)
    return pszBuf.addr


def _wvnsprintf(t: Task, target: int, size: int, fmt: int, args: int, wide: bool) -> int:
    text = expand(read(t, fmt, wide), StackArguments(t, args, wide), wide)
    if size <= 0:
        return -1
    if wide:
        units = text.encode("utf-16-le", "surrogatepass")[: 2 * (size - 1)]
        t.mem.write(target, units + b"\0\0")
    else:
        t.mem.write(target, text.encode("latin-1", "replace")[: size - 1] + b"\0")
    return len(text) if len(text) < size else -1


@shlwapi.api(aw=True, convention="cdecl")
def wnsprintf(t: Task, pszDest: PTR, cchDest: INT, pszFmt: PTR, va: VARARGS, W: IS_WIDE) -> INT:
    """wsprintf into a buffer of cchDest characters; -1 when it does not fit."""
    return _wvnsprintf(t, pszDest, cchDest, pszFmt, va, W)


@shlwapi.api(aw=True)
def wvnsprintf(t: Task, pszDest: PTR, cchDest: INT, pszFmt: PTR, arglist: PTR, W: IS_WIDE) -> INT:
    """wnsprintf with its arguments in memory."""
    return _wvnsprintf(t, pszDest, cchDest, pszFmt, arglist, W)
