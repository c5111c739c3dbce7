"""Interlocked*: atomic between guest threads, because an export runs to its end before another thread does.

Windows 95 documents only the sign of InterlockedIncrement's and InterlockedDecrement's result; Windows 98 returns
the new value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi.types import LONG, PTR

from .dll import kernel32

if TYPE_CHECKING:
    from w9x_client.process import Task


@kernel32.api(guest="InterlockedIncrement")
def InterlockedIncrement(t: Task, lpAddend: PTR) -> LONG:
    """Add one to the LONG at ``lpAddend``; returns the new value."""
    value = t.mem.u32(lpAddend) + 1
    t.mem.put32(lpAddend, value)
    return value


@kernel32.api(guest="InterlockedDecrement")
def InterlockedDecrement(t: Task, lpAddend: PTR) -> LONG:
    """Subtract one from the LONG at ``lpAddend``; returns the new value."""
    value = t.mem.u32(lpAddend) - 1
    t.mem.put32(lpAddend, value)
    return value


@kernel32.api(guest="InterlockedExchange")
def InterlockedExchange(t: Task, Target: PTR, Value: LONG) -> LONG:
    """Store ``Value``; returns the old value."""
    old = t.mem.u32(Target)
    t.mem.put32(Target, Value)
    return old


@kernel32.api(since="98", guest="InterlockedExchangeAdd")
def InterlockedExchangeAdd(t: Task, Addend: PTR, Value: LONG) -> LONG:
    """Add ``Value``; returns the old value."""
    old = t.mem.u32(Addend)
    t.mem.put32(Addend, old + Value)
    return old


@kernel32.api(since="98", guest="InterlockedCompareExchange")
def InterlockedCompareExchange(t: Task, Destination: PTR, Exchange: LONG, Comperand: LONG) -> LONG:
    """Store ``Exchange`` if the value equals ``Comperand``; returns the old value."""
    old = t.mem.i32(Destination)
    if old == Comperand:
        t.mem.put32(Destination, Exchange)
    return old
