"""CRITICAL_SECTION: the documented fields in guest memory are the whole lock, so that code of the program that looks at
them, and guest code that takes a free section or leaves an uncontended one without calling here, agree with these
functions.

LockCount is -1 when free, 0 when owned, and one more for each recursive Enter and each waiting thread. A free section
is taken by an atomic -1 -> 0 and left by an atomic 0 -> -1; everything else happens here, where no other thread runs.
Waiting threads are kept here, by the section's address: LockSemaphore stays 0.

Whoever leaves a contended section frees it and lets all waiting threads try again in their next turns, since handing
it over would cost two thread switches for each Enter of a loop. A thread that tried in vain is served first: the next
Leave hands the section to it, so that nobody starves.

Layout: SDK winnt.h (RTL_CRITICAL_SECTION).
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import TYPE_CHECKING

from w9x_client.abi.types import BOOL, DWORD, PTR, VOID
from w9x_client.process.objects import Event

from .dll import kernel32

if TYPE_CHECKING:
    from w9x_client.process import Process, Task



class CRITICAL_SECTION(ctypes.LittleEndianStructure):
    """SDK winnt.h; 24 bytes."""

    _fields_ = (
        ("DebugInfo", ctypes.c_uint32),
        ("LockCount", ctypes.c_int32),
        ("RecursionCount", ctypes.c_int32),
        ("OwningThread", ctypes.c_uint32),
        ("LockSemaphore", ctypes.c_uint32),
        ("SpinCount", ctypes.c_uint32),
    )


@dataclass(slots=True)
class _Waiter:
    """A thread that waits for a section."""

    task: Task
    event: Event
    tried: bool = False
    """It was let try once and found the section taken again."""


class _Waits:
    """The waiting threads of the process's sections, by section address."""

    def __init__(self, process: Process) -> None:
        self.by_section: dict[int, list[_Waiter]] = {}


def initialize(t: Task, address: int, spin: int) -> None:
    """Make a free section at ``address``."""
    section = t.mem.struct(CRITICAL_SECTION, address)
    section.DebugInfo = 0
    section.LockCount = -1
    section.RecursionCount = 0
    section.OwningThread = 0
    section.LockSemaphore = 0
    section.SpinCount = spin
    t.process.state(_Waits).by_section.pop(address, None)


@kernel32.api()
def InitializeCriticalSection(t: Task, lpCriticalSection: PTR) -> VOID:
    """Make a free section."""
    initialize(t, lpCriticalSection, 0)


@kernel32.api(since="98")
def InitializeCriticalSectionAndSpinCount(t: Task, lpCriticalSection: PTR, dwSpinCount: DWORD) -> BOOL:
    """Make a free section; the spin count is kept and, as on one processor, not used."""
    initialize(t, lpCriticalSection, dwSpinCount)
    return True


@kernel32.api()
def ReinitializeCriticalSection(t: Task, lpCriticalSection: PTR) -> VOID:
    """Undocumented 9x export that system DLLs use on statically made sections: as InitializeCriticalSection."""
    initialize(t, lpCriticalSection, 0)


@kernel32.api()
def DeleteCriticalSection(t: Task, lpCriticalSection: PTR) -> VOID:
    """Forget a section; its memory reads as zero."""
    t.mem.fill(lpCriticalSection, ctypes.sizeof(CRITICAL_SECTION))
    t.process.state(_Waits).by_section.pop(lpCriticalSection, None)


kernel32.alias("UninitializeCriticalSection", "DeleteCriticalSection")


@kernel32.stub("sections are known in one process only; success without effect there")
def MakeCriticalSectionGlobal(t: Task, lpCriticalSection: PTR) -> VOID:
    """Undocumented 9x export: other processes may use the section too."""


def _take(t: Task, address: int) -> bool:
    """Own the section if it is free or the thread's already."""
    section = t.mem.struct(CRITICAL_SECTION, address)
    if section.LockCount == -1:
        section.LockCount = 0
        section.OwningThread = t.id
        section.RecursionCount = 1
        return True
    if section.OwningThread != t.id:
        return False
    section.LockCount += 1
    section.RecursionCount += 1
    return True


@kernel32.api(guest="EnterCriticalSection")
async def EnterCriticalSection(t: Task, lpCriticalSection: PTR) -> VOID:
    """Own the section, waiting as long as another thread does."""
    if _take(t, lpCriticalSection):
        return
    waiter = _Waiter(t, Event(manual=False, state=False))
    by_section = t.process.state(_Waits).by_section
    while True:
        by_section.setdefault(lpCriticalSection, []).append(waiter)
        t.mem.struct(CRITICAL_SECTION, lpCriticalSection).LockCount += 1
        await t.wait([waiter.event])
        section = t.mem.struct(CRITICAL_SECTION, lpCriticalSection)
        if section.OwningThread == t.id:  # handed over
            return
        del section
        if _take(t, lpCriticalSection):
            return
        waiter.tried = True


@kernel32.api(since="98")
def TryEnterCriticalSection(t: Task, lpCriticalSection: PTR) -> BOOL:
    """Own the section if no other thread does."""
    return _take(t, lpCriticalSection)


@kernel32.api(guest="LeaveCriticalSection")
def LeaveCriticalSection(t: Task, lpCriticalSection: PTR) -> VOID:
    """Give up one Enter; after the last one the section is free, or a starving thread's."""
    section = t.mem.struct(CRITICAL_SECTION, lpCriticalSection)
    section.RecursionCount -= 1
    if section.RecursionCount > 0:
        section.LockCount -= 1
        return
    waiting = [w for w in t.process.state(_Waits).by_section.pop(lpCriticalSection, ()) if not w.task.ended]
    first = next((w for w in waiting if w.tried), None)
    if first is None:
        section.OwningThread = 0
        section.LockCount = -1
        for waiter in waiting:
            waiter.event.set()
        return
    waiting.remove(first)
    if waiting:
        t.process.state(_Waits).by_section[lpCriticalSection] = waiting
    section.OwningThread = first.task.id
    section.RecursionCount = 1
    section.LockCount = len(waiting)
    first.event.set()


@kernel32.api(since="98")
def SetCriticalSectionSpinCount(t: Task, lpCriticalSection: PTR, dwSpinCount: DWORD) -> DWORD:
    """Store a spin count; returns the old one."""
    section = t.mem.struct(CRITICAL_SECTION, lpCriticalSection)
    old = int(section.SpinCount)
    section.SpinCount = dwSpinCount
    return old
