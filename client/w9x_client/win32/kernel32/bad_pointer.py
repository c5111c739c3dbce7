"""IsBad*: whether the calling process may use a pointer. TRUE means it may not.

A range of zero bytes is never bad. The checks touch nothing, except that pages of other processes in the shared
arena get attached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import GuestFault
from w9x_client.abi.types import BOOL, IS_WIDE, PTR, SIZE_T

from .dll import kernel32

if TYPE_CHECKING:
    from w9x_client.process import Task


def _bad(t: Task, address: int, size: int, write: bool) -> bool:
    return size != 0 and not (t.mem.writable(address, size) if write else t.mem.readable(address, size))


@kernel32.api()
def IsBadReadPtr(t: Task, lp: PTR, ucb: SIZE_T) -> BOOL:
    """Whether any of ``ucb`` bytes cannot be read."""
    return _bad(t, lp, ucb, False)


@kernel32.api()
def IsBadWritePtr(t: Task, lp: PTR, ucb: SIZE_T) -> BOOL:
    """Whether any of ``ucb`` bytes cannot be written."""
    return _bad(t, lp, ucb, True)


@kernel32.api()
def IsBadHugeReadPtr(t: Task, lp: PTR, ucb: SIZE_T) -> BOOL:
    """As IsBadReadPtr."""
    return _bad(t, lp, ucb, False)


@kernel32.api()
def IsBadHugeWritePtr(t: Task, lp: PTR, ucb: SIZE_T) -> BOOL:
    """As IsBadWritePtr."""
    return _bad(t, lp, ucb, True)


@kernel32.api()
def IsBadCodePtr(t: Task, lpfn: PTR) -> BOOL:
    """Whether the byte there cannot be read, which is all the function ever checked."""
    return _bad(t, lpfn, 1, False)


@kernel32.api(aw=True)
def IsBadStringPtr(t: Task, lpsz: PTR, ucchMax: SIZE_T, W: IS_WIDE) -> BOOL:
    """Whether the string, up to its terminator or ``ucchMax`` characters, cannot be read."""
    if not ucchMax:
        return False
    try:
        if W:
            t.mem.wcstr(lpsz, ucchMax)
        else:
            t.mem.cstr(lpsz, ucchMax)
    except GuestFault:
        return True
    return False
