"""lstr* and MulDiv (SDK winbase.h).

Windows 95's lstr functions run under an exception handler: a bad pointer makes them answer 0 or NULL instead of
faulting (SDK: lstrcpy, lstrlen remarks). They work on bytes or 16-bit units and never convert.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import GuestFault
from w9x_client.abi.types import INT, IS_WIDE, PTR

from .collation_data import NORM_IGNORECASE, compare
from .dll import kernel32

if TYPE_CHECKING:
    from w9x_client.process import Task


def _bytes(t: Task, address: int, wide: bool) -> bytes:
    return t.mem.wcstr(address) if wide else t.mem.cstr(address)


@kernel32.api(aw=True)
def lstrlen(t: Task, lpString: PTR, W: IS_WIDE) -> INT:
    """Length in bytes (A) or 16-bit units (W); 0 for a bad pointer."""
    if not lpString:
        return 0
    try:
        data = _bytes(t, lpString, W)
    except GuestFault:
        return 0
    return len(data) // 2 if W else len(data)


@kernel32.api(aw=True)
def lstrcpy(t: Task, lpString1: PTR, lpString2: PTR, W: IS_WIDE) -> PTR:
    """Copy a string; NULL for a bad pointer."""
    try:
        t.mem.write(lpString1, _bytes(t, lpString2, W) + bytes(1 + W))
    except GuestFault:
        return 0
    return lpString1


@kernel32.api(aw=True)
def lstrcpyn(t: Task, lpString1: PTR, lpString2: PTR, iMaxLength: INT, W: IS_WIDE) -> PTR:
    """Copy at most iMaxLength-1 characters and terminate; NULL for a bad pointer."""
    if iMaxLength <= 0:
        return 0
    try:
        if W:
            data = t.mem.wcstr(lpString2, iMaxLength - 1) + b"\0\0"
        else:
            data = t.mem.cstr(lpString2, iMaxLength - 1) + b"\0"
        t.mem.write(lpString1, data)
    except GuestFault:
        return 0
    return lpString1


@kernel32.api(aw=True)
def lstrcat(t: Task, lpString1: PTR, lpString2: PTR, W: IS_WIDE) -> PTR:
    """Append a string; NULL for a bad pointer."""
    try:
        end = lpString1 + len(_bytes(t, lpString1, W))
        t.mem.write(end, _bytes(t, lpString2, W) + bytes(1 + W))
    except GuestFault:
        return 0
    return lpString1


def _compare(t: Task, first: int, second: int, flags: int, wide: bool) -> int:
    """Word-sort comparison; NULL sorts before every string (SDK: lstrcmp calls CompareString)."""
    try:
        if not first or not second:
            return (first != 0) - (second != 0)
        if wide:
            return compare(t.mem.wide(first), t.mem.wide(second), flags)
        return compare(t.ansi(first), t.ansi(second), flags)
    except GuestFault:
        return 0


@kernel32.api(aw=True)
def lstrcmp(t: Task, lpString1: PTR, lpString2: PTR, W: IS_WIDE) -> INT:
    """Compare by the locale's word sort, case-sensitive: lower case sorts first."""
    return _compare(t, lpString1, lpString2, 0, W)


@kernel32.api(aw=True)
def lstrcmpi(t: Task, lpString1: PTR, lpString2: PTR, W: IS_WIDE) -> INT:
    """Compare by the locale's word sort without regard to case."""
    return _compare(t, lpString1, lpString2, NORM_IGNORECASE, W)


for _name in ("lstrlen", "lstrcpy", "lstrcpyn", "lstrcat", "lstrcmp", "lstrcmpi"):
    kernel32.alias(_name, of=_name + "A")  # the undecorated names are exports too (98 export table)


@kernel32.api()
def MulDiv(t: Task, nNumber: INT, nNumerator: INT, nDenominator: INT) -> INT:
    """nNumber * nNumerator / nDenominator, rounded to the nearest; -1 on overflow or division by zero."""
    if not nDenominator:
        return -1
    product = nNumber * nNumerator
    quotient = (abs(product) + abs(nDenominator) // 2) // abs(nDenominator)
    if (product < 0) != (nDenominator < 0):
        quotient = -quotient
    return quotient if -0x8000_0000 < quotient <= 0x7FFF_FFFF else -1
