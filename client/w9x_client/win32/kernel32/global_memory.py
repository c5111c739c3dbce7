"""GlobalAlloc, LocalAlloc and their families, over the default heap.

In Win32 the two families are one. Fixed memory is a heap block and its handle is the pointer. A moveable handle
points into a small
*entry* block whose dword at the handle is the block's address, as on Windows 9x: programs written for Windows 3.1
dereference handles. Entries begin 2 bytes before the handle, so that no moveable handle looks like a pointer.
"""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from w9x_arena.layout import SYSTEM_END, SYSTEM_START
from w9x_client.abi import Err, WinError
from w9x_client.abi.types import BOOL, FLAGS, HANDLE, PTR, SIZE_T, UINT, VOID, pointer_to
from w9x_client.process.heap import Heap, Heaps

from .dll import kernel32

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

MOVEABLE = 0x0002
ZEROINIT = 0x0040
MODIFY = 0x0080
LOCAL_DISCARDABLE = 0x0F00
GMEM_DISCARDABLE = 0x0100
DISCARDED = 0x4000
INVALID_HANDLE = 0x8000
MAX_LOCKS = 0xFF
ERROR_DISCARDED = 157
GMEM_DDESHARE = 0x2000


@dataclass(slots=True)
class _Moveable:
    """One moveable handle's block; address 0 = discarded."""

    address: int
    flags: int
    locks: int = 0


class Blocks:
    """The process's moveable blocks; kept in ``process.state(Blocks)``."""

    def __init__(self, process: Process) -> None:
        self.mem = process.mem
        self.heap = process.state(Heaps).default
        self._entries = Heap(process.space, process.mem, "memory handles")
        self.moveable: dict[int, _Moveable] = {}
        self.handle_of: dict[int, int] = {}
        """Block address -> moveable handle."""

    def alloc(self, flags: int, size: int) -> int:
        """A new handle."""
        zero = flags & ZEROINIT != 0
        if not flags & MOVEABLE:
            return self.heap.alloc(size, zero)
        handle = self._entries.alloc(8, zero=True) + 2
        self.moveable[handle] = _Moveable(0, flags & (LOCAL_DISCARDABLE | GMEM_DDESHARE))
        if size:
            try:
                self.place(handle, self.heap.alloc(size, zero))
            except WinError:
                self.free(handle)
                raise
        return handle

    def place(self, handle: int, address: int) -> None:
        """Let a moveable handle stand for the block at ``address`` (0: discarded)."""
        block = self.moveable[handle]
        self.handle_of.pop(block.address, None)
        block.address = address
        if address:
            self.handle_of[address] = handle
        self.mem.put32(handle, address)

    def free(self, handle: int) -> None:
        """Free a block; WinError(ERROR_INVALID_HANDLE) where there is none."""
        block = self.moveable.pop(handle, None)
        if block is not None:
            if block.address:
                del self.handle_of[block.address]
                self.heap.free(block.address)
            self._entries.free(handle - 2)
        elif handle in self.handle_of or not self.heap.free(handle):
            raise WinError(Err.INVALID_HANDLE)

    def lookup(self, handle: int) -> _Moveable | int:
        """The moveable block, or the address of the fixed one; a moveable block's own address counts as its handle.

        WinError(ERROR_INVALID_HANDLE) where there is neither.
        """
        block = self.moveable.get(handle)
        if block is None:
            block = self.moveable.get(self.handle_of.get(handle, 0))
        if block is not None:
            return block
        if self.heap.size(handle) < 0:
            raise WinError(Err.INVALID_HANDLE)
        return handle

    def size(self, handle: int) -> int:
        """The block's size; 0 for a discarded one."""
        block = self.lookup(handle)
        address = block.address if isinstance(block, _Moveable) else block
        return self.heap.size(address) if address else 0

    def lock(self, handle: int) -> int:
        """The block's address, one more lock held on it."""
        block = self.lookup(handle)
        if not isinstance(block, _Moveable):
            return block
        if not block.address:
            raise WinError(ERROR_DISCARDED)
        block.locks = min(block.locks + 1, MAX_LOCKS)
        return block.address

    def unlock(self, t: Task, handle: int, fixed_result: bool) -> bool:
        """Whether locks remain; last error ERROR_SUCCESS tells "none now" from ERROR_NOT_LOCKED "there was none"."""
        block = self.lookup(handle)
        if not isinstance(block, _Moveable):
            if not fixed_result:
                raise WinError(Err.NOT_LOCKED)
            return True
        if not block.locks:
            raise WinError(Err.NOT_LOCKED)
        block.locks -= 1
        if not block.locks:
            t.last_error = 0
        return block.locks > 0

    def flags(self, handle: int) -> int:
        """GlobalFlags: lock count in the low byte, GMEM_DISCARDABLE, GMEM_DISCARDED."""
        block = self.lookup(handle)
        if not isinstance(block, _Moveable):
            return 0
        return block.locks | block.flags | (0 if block.address else DISCARDED)

    def realloc(self, handle: int, size: int, flags: int) -> int:
        """GlobalReAlloc and LocalReAlloc."""
        block = self.lookup(handle)
        zero = flags & ZEROINIT != 0
        if not isinstance(block, _Moveable):
            return self._realloc_fixed(block, size, flags, zero)
        if flags & MODIFY:
            block.flags = block.flags & ~LOCAL_DISCARDABLE | flags & LOCAL_DISCARDABLE
            return handle
        if not size:
            if block.locks:
                raise WinError(Err.INVALID_HANDLE)
            if block.address:
                old = block.address
                self.place(handle, 0)
                self.heap.free(old)
        elif not block.address:
            self.place(handle, self.heap.alloc(size, zero))
        else:
            # a locked block must stay where its pointer says, unless the caller allows the move
            fixed = block.locks > 0 and not flags & MOVEABLE
            old = block.address
            new = self.heap.realloc(old, size, zero, in_place=fixed)
            if new != old:
                self.place(handle, new)
        return handle

    def _realloc_fixed(self, address: int, size: int, flags: int, zero: bool) -> int:
        if flags & MODIFY:
            if not flags & MOVEABLE:
                return address
            handle = self._entries.alloc(8, zero=True) + 2
            self.moveable[handle] = _Moveable(0, flags & LOCAL_DISCARDABLE)
            self.place(handle, address)
            return handle
        return self.heap.realloc(address, size, zero, in_place=not flags & MOVEABLE)


# --- Global ---------------------------------------------------------------------------
@kernel32.api()
def GlobalAlloc(t: Task, uFlags: FLAGS, dwBytes: SIZE_T) -> HANDLE:
    """Fixed memory (its address), or a moveable block's handle."""
    return t.process.state(Blocks).alloc(uFlags, dwBytes)


@kernel32.api()
def GlobalReAlloc(t: Task, hMem: HANDLE, dwBytes: SIZE_T, uFlags: FLAGS) -> HANDLE:
    """Change a block's size, or with GMEM_MODIFY its attributes."""
    return t.process.state(Blocks).realloc(hMem, dwBytes, uFlags)


def _free(t: Task, handle: int) -> int:
    """GlobalFree and LocalFree return the handle when they fail, so the failure is reported by hand."""
    if handle:
        try:
            t.process.state(Blocks).free(handle)
        except WinError as error:
            t.last_error = error.code
            return handle
    return 0


@kernel32.api()
def GlobalFree(t: Task, hMem: HANDLE) -> HANDLE:
    """Free a block: NULL on success, else the handle."""
    return _free(t, hMem)


@kernel32.api()
def GlobalLock(t: Task, hMem: HANDLE) -> PTR:
    """The block's address, until as many GlobalUnlock calls."""
    return t.process.state(Blocks).lock(hMem)


@kernel32.api()
def GlobalUnlock(t: Task, hMem: HANDLE) -> BOOL:
    """Whether the block is still locked; always TRUE for fixed memory."""
    return t.process.state(Blocks).unlock(t, hMem, True)


@kernel32.api()
def GlobalSize(t: Task, hMem: HANDLE) -> SIZE_T:
    """The block's size in bytes; 0 for a discarded or bad one."""
    return t.process.state(Blocks).size(hMem)


def _handle(t: Task, address: int) -> int:
    blocks = t.process.state(Blocks)
    handle = blocks.handle_of.get(address)
    if handle is not None:
        return handle
    blocks.lookup(address)
    return address


@kernel32.api()
def GlobalHandle(t: Task, pMem: PTR) -> HANDLE:
    """The handle of the block at ``pMem``."""
    return _handle(t, pMem)


def _flags(t: Task, handle: int) -> int:
    try:
        return t.process.state(Blocks).flags(handle)
    except WinError as error:
        t.last_error = error.code
        return INVALID_HANDLE


@kernel32.api()
def GlobalFlags(t: Task, hMem: HANDLE) -> UINT:
    """Lock count and attributes; GMEM_INVALID_HANDLE for a bad handle."""
    return _flags(t, hMem)


@kernel32.api()
def GlobalCompact(t: Task, dwMinFree: SIZE_T) -> SIZE_T:
    """The largest free block; nothing needs compacting."""
    return t.process.state(Heaps).default.largest_free()


@kernel32.api()
def GlobalWire(t: Task, hMem: HANDLE) -> PTR:
    """As GlobalLock."""
    return t.process.state(Blocks).lock(hMem)


@kernel32.api()
def GlobalUnWire(t: Task, hMem: HANDLE) -> BOOL:
    """As GlobalUnlock."""
    return t.process.state(Blocks).unlock(t, hMem, True)


@kernel32.api()
def GlobalFix(t: Task, hMem: HANDLE) -> VOID:
    """As GlobalLock, without a result."""
    t.process.state(Blocks).lock(hMem)


@kernel32.api()
def GlobalUnfix(t: Task, hMem: HANDLE) -> VOID:
    """As GlobalUnlock, without a result."""
    t.process.state(Blocks).unlock(t, hMem, True)


# --- Local ----------------------------------------------------------------------------
@kernel32.api()
def LocalAlloc(t: Task, uFlags: FLAGS, uBytes: SIZE_T) -> HANDLE:
    """As GlobalAlloc."""
    return t.process.state(Blocks).alloc(uFlags & ~GMEM_DDESHARE, uBytes)


@kernel32.api()
def LocalReAlloc(t: Task, hMem: HANDLE, uBytes: SIZE_T, uFlags: FLAGS) -> HANDLE:
    """As GlobalReAlloc."""
    return t.process.state(Blocks).realloc(hMem, uBytes, uFlags)


@kernel32.api()
def LocalFree(t: Task, hMem: HANDLE) -> HANDLE:
    """As GlobalFree."""
    return _free(t, hMem)


@kernel32.api()
def LocalLock(t: Task, hMem: HANDLE) -> PTR:
    """As GlobalLock."""
    return t.process.state(Blocks).lock(hMem)


@kernel32.api()
def LocalUnlock(t: Task, hMem: HANDLE) -> BOOL:
    """Whether the block is still locked; FALSE and ERROR_NOT_LOCKED for fixed memory (SDK, LocalUnlock)."""
    return t.process.state(Blocks).unlock(t, hMem, False)


@kernel32.api()
def LocalSize(t: Task, hMem: HANDLE) -> SIZE_T:
    """As GlobalSize."""
    return t.process.state(Blocks).size(hMem)


@kernel32.api()
def LocalHandle(t: Task, pMem: PTR) -> HANDLE:
    """As GlobalHandle."""
    return _handle(t, pMem)


@kernel32.api()
def LocalFlags(t: Task, hMem: HANDLE) -> UINT:
    """As GlobalFlags."""
    return _flags(t, hMem)


@kernel32.api()
def LocalCompact(t: Task, uMinFree: SIZE_T) -> SIZE_T:
    """As GlobalCompact."""
    return t.process.state(Heaps).default.largest_free()


@kernel32.api()
def LocalShrink(t: Task, hMem: HANDLE, cbNewSize: SIZE_T) -> SIZE_T:
    """Obsolete; the size the heap has now, for which the largest free block stands."""
    return t.process.state(Heaps).default.largest_free()


# --- amounts --------------------------------------------------------------------------
class MEMORYSTATUS(ctypes.LittleEndianStructure):
    """SDK winbase.h; 32 bytes."""

    _fields_ = tuple(
        (name, ctypes.c_uint32)
        for name in (
            "dwLength", "dwMemoryLoad", "dwTotalPhys", "dwAvailPhys", "dwTotalPageFile", "dwAvailPageFile",
            "dwTotalVirtual", "dwAvailVirtual",
        )
    )  # fmt: skip


LPMEMORYSTATUS = Annotated["MEMORYSTATUS | None", pointer_to(MEMORYSTATUS)]
_MOST = 0x7FFF_F000
"""Amounts stay below 2 GB: programs of the time read them as signed numbers."""


def _host_memory() -> dict[str, int]:
    """/proc/meminfo in bytes."""
    found: dict[str, int] = {}
    with open("/proc/meminfo", encoding="ascii") as lines:
        for line in lines:
            name, _, rest = line.partition(":")
            found[name] = int(rest.split()[0]) * 1024
    return found


@kernel32.api()
def GlobalMemoryStatus(t: Task, lpBuffer: LPMEMORYSTATUS) -> VOID:
    """The machine's memory, below 2 GB each, and the process's 2 GB less 4 MB of address space."""
    if lpBuffer is not None:
        fill_memory_status(t, lpBuffer)


def fill_memory_status(t: Task, lpBuffer: MEMORYSTATUS) -> None:
    """Store the amounts of this moment."""
    host = _host_memory()
    page = os.sysconf("SC_PAGE_SIZE")
    total = min(host.get("MemTotal", 64 << 20), _MOST) // page * page
    available = min(host.get("MemAvailable", total), total) // page * page
    lpBuffer.dwLength = ctypes.sizeof(MEMORYSTATUS)
    lpBuffer.dwMemoryLoad = 100 - available * 100 // total
    lpBuffer.dwTotalPhys = total
    lpBuffer.dwAvailPhys = available
    lpBuffer.dwTotalPageFile = _MOST
    lpBuffer.dwAvailPageFile = min(host.get("MemAvailable", 0) + host.get("SwapFree", 0), _MOST) // page * page
    lpBuffer.dwTotalVirtual = SYSTEM_END - SYSTEM_START
    used = sum(item.size for item in t.process.space.reservations() if item.base < SYSTEM_END)
    lpBuffer.dwAvailVirtual = max(SYSTEM_END - SYSTEM_START - used, 0)
