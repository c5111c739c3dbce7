"""Who is logged on, and what kind of text a buffer holds (SDK winbase.h)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import BOOL, INT, LPDWORD, LPTSTR, PTR

from .dll import advapi32

if TYPE_CHECKING:
    from w9x_client.process import Task

UNLEN = 256


def user_name() -> str:
    """The host user's login name; "user" where the host knows none."""
    import os
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name[:UNLEN] or "user"
    except KeyError:
        return "user"


@advapi32.api(aw=True)
def GetUserName(t: Task, lpBuffer: LPTSTR, nSize: LPDWORD) -> BOOL:
    """The user's name; nSize becomes its length with terminator."""
    if not nSize:
        raise WinError(Err.INVALID_PARAMETER)
    name = user_name()
    needed = lpBuffer.length(name) + 1
    capacity = nSize.get()
    nSize.set(needed)
    if capacity < needed or not lpBuffer:
        raise WinError(Err.INSUFFICIENT_BUFFER)
    lpBuffer.put(name, capacity)
    return True


_ASCII16, _STATISTICS, _CONTROLS, _SIGNATURE = 0x1, 0x2, 0x4, 0x8
_REVERSE_ASCII16, _REVERSE_CONTROLS, _REVERSE_SIGNATURE = 0x10, 0x40, 0x80
_ILLEGAL, _ODD_LENGTH, _NULL_BYTES = 0x100, 0x200, 0x1000
TEST_MAX = 0x1_0000
"""Bytes looked at: enough to judge a text by."""


@advapi32.partial("the statistical test is a simple one")
def IsTextUnicode(t: Task, lpv: PTR, iSize: INT, lpiResult: LPDWORD) -> BOOL:
    """Guess whether a buffer is UTF-16; the result holds the tests (IS_TEXT_UNICODE_*) to run and then those that were
    passed.
    """
    data = t.mem.read(lpv, min(max(iSize, 0), TEST_MAX))
    found = _tests(data, iSize)
    wanted = lpiResult.get() if lpiResult else 0xFFFF_FFFF
    lpiResult.set(found & wanted)
    if found & (_REVERSE_SIGNATURE | _ILLEGAL | _ODD_LENGTH):
        return False
    return bool(found & wanted & (_SIGNATURE | _ASCII16 | _STATISTICS | _CONTROLS | _NULL_BYTES))


def _tests(data: bytes, size: int) -> int:
    """The tests that ``data`` passes (SDK: IsTextUnicode)."""
    units = struct.unpack_from(f"<{len(data) // 2}H", data)
    if not units:
        return _ODD_LENGTH if size & 1 else 0
    found = _ODD_LENGTH if size & 1 else 0
    if units[0] == 0xFEFF:
        found |= _SIGNATURE
    if units[0] == 0xFFFE:
        found |= _REVERSE_SIGNATURE
    body = units[1:] if found & _SIGNATURE else units
    if body and all(0 < unit < 0x80 for unit in body):
        found |= _ASCII16
    if any(unit in (0x0D, 0x0A, 0x20, 0x09, 0x3000) for unit in body):
        found |= _CONTROLS
    if any(unit in (0x0D00, 0x0A00, 0x2000, 0x0900) for unit in body):
        found |= _REVERSE_CONTROLS
    if any(unit in (0xFFFF, 0xFFFE) for unit in body):
        found |= _ILLEGAL
    if b"\0" in data:
        found |= _NULL_BYTES
    low, high = data[0::2], data[1::2]
    if len(set(low)) > 2 * len(set(high)) and len(units) > 2:
        found |= _STATISTICS
    return found
