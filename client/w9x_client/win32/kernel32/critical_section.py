r"""CRITICAL_SECTION: the documented fields in guest memory are the whole lock, so that code of the program that
looks at them, and guest code that takes a free section without calling here, agree with these functions.

LockCount is -1 when free and counts every Enter from there, recursive and waiting ones too; a thread that finds it
taken waits on an auto-reset event of the section, and the Leave that leaves LockCount >= 0 sets that event once,
which hands the section to one waiter. The events are kept here, by address: LockSemaphore stays 0.

Layout: SDK winnt.h (RTL_CRITICAL_SECTION).
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from w9x_client.abi.types import BOOL, DWORD, PTR, VOID
from w9x_client.process.objects import Event

from .dll import kernel32

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

INFINITE = 0xFFFFFFFF


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


class _Waits:
    """The events of the process's contended sections, by section address."""

    def __init__(self, process: Process) -> None:
        self.events: dict[int, Event] = {}

    def event(self, section: int) -> Event:
        found = self.events.get(section)
        if found is None:
            found = self.events[section] = Event(manual=False, state=False)
        return found


def initialize(t: Task, address: int, spin: int) -> None:
    """Make a free section at ``address``."""
    section = t.mem.struct(CRITICAL_SECTION, address)
    section.DebugInfo = 0
    section.LockCount = -1
    section.RecursionCount = 0
    section.OwningThread = 0
    section.LockSemaphore = 0
    section.SpinCount = spin
    t.process.state(_Waits).events.pop(address, None)


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
    t.process.state(_Waits).events.pop(lpCriticalSection, None)


kernel32.alias("UninitializeCriticalSection", "DeleteCriticalSection")


@kernel32.stub("sections are known in one process only; success without effect there")
def MakeCriticalSectionGlobal(t: Task, lpCriticalSection: PTR) -> VOID:
    """Undocumented 9x export: other processes may use the section too."""


@kernel32.api(guest="EnterCriticalSection")
async def EnterCriticalSection(t: Task, lpCriticalSection: PTR) -> VOID:
    """Own the section, waiting as long as another thread does."""
    section = t.mem.struct(CRITICAL_SECTION, lpCriticalSection)
    section.LockCount += 1
    if section.LockCount == 0:
        section.OwningThread = t.id
        section.RecursionCount = 1
        return
    if section.OwningThread == t.id:
        section.RecursionCount += 1
        return
    del section
    await t.wait([t.process.state(_Waits).event(lpCriticalSection)])
    section = t.mem.struct(CRITICAL_SECTION, lpCriticalSection)
    section.OwningThread = t.id
    section.RecursionCount = 1


@kernel32.api(since="98")
def TryEnterCriticalSection(t: Task, lpCriticalSection: PTR) -> BOOL:
    """Own the section if no other thread does."""
    section = t.mem.struct(CRITICAL_SECTION, lpCriticalSection)
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


@kernel32.api(guest="LeaveCriticalSection")
def LeaveCriticalSection(t: Task, lpCriticalSection: PTR) -> VOID:
    """Give up one Enter; the last one hands the section to a waiting thread."""
    section = t.mem.struct(CRITICAL_SECTION, lpCriticalSection)
    section.RecursionCount -= 1
    if section.RecursionCount > 0:
        section.LockCount -= 1
        return
    section.OwningThread = 0
    section.LockCount -= 1
    if section.LockCount >= 0:
        t.process.state(_Waits).event(lpCriticalSection).set()


@kernel32.api(since="98")
def SetCriticalSectionSpinCount(t: Task, lpCriticalSection: PTR, dwSpinCount: DWORD) -> DWORD:
    """Store a spin count; returns the old one."""
    section = t.mem.struct(CRITICAL_SECTION, lpCriticalSection)
    old = int(section.SpinCount)
    section.SpinCount = dwSpinCount
    return old
