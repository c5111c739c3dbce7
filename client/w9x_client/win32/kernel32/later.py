"""Functions that Windows got after the 9x family and that today's compilers import into every program.

They bind when a program imports them and stay invisible to GetProcAddress, so that programs which look for them see
a Windows 9x.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Annotated

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import (
    BOOL,
    DWORD,
    DWORD_INVALID,
    FLAGS,
    HANDLE,
    IS_WIDE,
    LONGLONG,
    PTR,
    SIZE_T,
    VOID,
    pointer_to,
)
from w9x_client.process.clock import tick_count
from w9x_client.process.tls import TlsSlots

from .critical_section import initialize
from .dll import kernel32
from .global_memory import MEMORYSTATUS, fill_memory_status
from .module import module_of

if TYPE_CHECKING:
    from w9x_client.process import Task

GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT = 2
GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS = 4


class MEMORYSTATUSEX(ctypes.LittleEndianStructure):
    """SDK sysinfoapi.h; 64 bytes."""

    _fields_ = (
        ("dwLength", ctypes.c_uint32), ("dwMemoryLoad", ctypes.c_uint32), ("ullTotalPhys", ctypes.c_uint64),
        ("ullAvailPhys", ctypes.c_uint64), ("ullTotalPageFile", ctypes.c_uint64), ("ullAvailPageFile",
        ctypes.c_uint64), ("ullTotalVirtual", ctypes.c_uint64), ("ullAvailVirtual", ctypes.c_uint64),
        ("ullAvailExtendedVirtual", ctypes.c_uint64),
    )  # fmt: skip


LPMEMORYSTATUSEX = Annotated["MEMORYSTATUSEX | None", pointer_to(MEMORYSTATUSEX)]


@kernel32.not_on_9x()
def GlobalMemoryStatusEx(t: Task, lpBuffer: LPMEMORYSTATUSEX) -> BOOL:
    """As GlobalMemoryStatus, with the same amounts."""
    if lpBuffer is None or lpBuffer.dwLength != ctypes.sizeof(MEMORYSTATUSEX):
        raise WinError(Err.INVALID_PARAMETER)
    status = MEMORYSTATUS()
    fill_memory_status(t, status)
    lpBuffer.dwMemoryLoad = status.dwMemoryLoad
    for name in ("TotalPhys", "AvailPhys", "TotalPageFile", "AvailPageFile", "TotalVirtual", "AvailVirtual"):
        setattr(lpBuffer, "ull" + name, getattr(status, "dw" + name))
    lpBuffer.ullAvailExtendedVirtual = 0
    return True


@kernel32.not_on_9x()
def EncodePointer(t: Task, Ptr: PTR) -> PTR:
    """The pointer itself: obfuscation is a hardening measure, not a behaviour."""
    return Ptr


@kernel32.not_on_9x()
def DecodePointer(t: Task, Ptr: PTR) -> PTR:
    """The pointer itself."""
    return Ptr


@kernel32.not_on_9x()
def GetTickCount64(t: Task) -> LONGLONG:
    """Milliseconds since the host started."""
    return tick_count()


@kernel32.not_on_9x()
def HeapSetInformation(
    t: Task, HeapHandle: HANDLE, HeapInformationClass: DWORD, HeapInformation: PTR, HeapInformationLength: SIZE_T
) -> BOOL:
    """Success without effect: it only chooses among allocators and their hardening."""
    return True


@kernel32.not_on_9x()
def InitializeCriticalSectionEx(t: Task, lpCriticalSection: PTR, dwSpinCount: DWORD, Flags: FLAGS) -> BOOL:
    """Make a free critical section."""
    initialize(t, lpCriticalSection, dwSpinCount)
    return True


@kernel32.not_on_9x(aw=True)
def GetModuleHandleEx(t: Task, dwFlags: FLAGS, lpModuleName: PTR, phModule: PTR, W: IS_WIDE) -> BOOL:
    """A module by name or by an address inside it, counting a reference unless told otherwise."""
    t.mem.check(phModule, 4, True)
    table = t.process.modules
    if dwFlags & GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS:
        module = table.by_address(lpModuleName)
    elif not lpModuleName:
        module = module_of(t, 0)
    else:
        module = table.by_name(t.mem.wide(lpModuleName) if W else t.ansi(lpModuleName))
    if module is None:
        t.mem.put32(phModule, 0)
        raise WinError(Err.MOD_NOT_FOUND)
    if not dwFlags & GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT:
        module.load_count += 1
    t.mem.put32(phModule, module.base)
    return True


# --- fiber-local storage, as thread-local storage ----------------------------------------
@kernel32.not_on_9x("as thread-local storage: callbacks are not called, fibers share their thread's")
def FlsAlloc(t: Task, lpCallback: PTR) -> DWORD_INVALID:
    """A new index."""
    return t.process.state(TlsSlots).allocate()


@kernel32.not_on_9x("as thread-local storage")
def FlsFree(t: Task, dwFlsIndex: DWORD) -> BOOL:
    """Give an index back."""
    t.process.state(TlsSlots).free(dwFlsIndex)
    return True


@kernel32.not_on_9x("as thread-local storage")
def FlsGetValue(t: Task, dwFlsIndex: DWORD) -> PTR:
    """The calling thread's value."""
    if not t.process.state(TlsSlots).valid(dwFlsIndex):
        raise WinError(Err.INVALID_PARAMETER)
    t.last_error = 0
    return t.mem.u32(t.tls_array + 4 * dwFlsIndex)


@kernel32.not_on_9x("as thread-local storage")
def FlsSetValue(t: Task, dwFlsIndex: DWORD, lpFlsData: PTR) -> BOOL:
    """Set the calling thread's value."""
    if not t.process.state(TlsSlots).valid(dwFlsIndex):
        raise WinError(Err.INVALID_PARAMETER)
    t.mem.put32(t.tls_array + 4 * dwFlsIndex, lpFlsData)
    return True


# --- singly linked lists: header = first entry, depth (word), sequence (word) --------------
@kernel32.not_on_9x()
def InitializeSListHead(t: Task, ListHead: PTR) -> VOID:
    """An empty list."""
    t.mem.put64(ListHead, 0)


@kernel32.not_on_9x()
def InterlockedPushEntrySList(t: Task, ListHead: PTR, ListEntry: PTR) -> PTR:
    """Put an entry in front; returns the old first one."""
    head = t.mem.u64(ListHead)
    t.mem.put32(ListEntry, head & 0xFFFFFFFF)
    depth, sequence = (head >> 32) + 1 & 0xFFFF, (head >> 48) + 1 & 0xFFFF
    t.mem.put64(ListHead, ListEntry | depth << 32 | sequence << 48)
    return head & 0xFFFFFFFF


@kernel32.not_on_9x()
def InterlockedPopEntrySList(t: Task, ListHead: PTR) -> PTR:
    """Take the first entry; NULL when there is none."""
    head = t.mem.u64(ListHead)
    first = head & 0xFFFFFFFF
    if first:
        depth = (head >> 32) - 1 & 0xFFFF
        t.mem.put64(ListHead, t.mem.u32(first) | depth << 32 | head >> 48 << 48)
    return first


@kernel32.not_on_9x()
def InterlockedFlushSList(t: Task, ListHead: PTR) -> PTR:
    """Take all entries; returns the first."""
    head = t.mem.u64(ListHead)
    t.mem.put64(ListHead, head >> 48 << 48)
    return head & 0xFFFFFFFF


@kernel32.not_on_9x()
def QueryDepthSList(t: Task, ListHead: PTR) -> DWORD:
    """How many entries there are."""
    return t.mem.u64(ListHead) >> 32 & 0xFFFF
