"""HeapAlloc and its family, over the allocator of `w9x_client.process.heap`.

Windows 9x validates heap handles and block pointers and fails with FALSE or NULL where Windows NT may crash.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from itertools import dropwhile
from typing import TYPE_CHECKING, Annotated

from w9x_client.abi import Err, WinError
from w9x_client.abi.errors import GuestException
from w9x_client.abi.flags import HEAP_FLAGS
from w9x_client.abi.types import BOOL, DWORD, HANDLE, PTR, SIZE_T, Arg, Ret, pointer_to
from w9x_client.process.heap import Heap, Heaps
from w9x_client.process.objects import Mutex

from .dll import kernel32

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

HEAP_GENERATE_EXCEPTIONS = 0x4
HEAP_ZERO_MEMORY = 0x8
HEAP_REALLOC_IN_PLACE_ONLY = 0x10
STATUS_NO_MEMORY = 0xC0000017
PROCESS_HEAP_ENTRY_BUSY = 0x4

SIZE_INVALID = Annotated[int, Arg("I", show="dec"), Ret(failure=0xFFFFFFFF)]
"""A size whose failure value is FFFFFFFF (HeapSize)."""


class PROCESS_HEAP_ENTRY(ctypes.LittleEndianStructure):
    """SDK winbase.h, with the Block arm of its union."""

    _fields_ = (
        ("lpData", ctypes.c_uint32),
        ("cbData", ctypes.c_uint32),
        ("cbOverhead", ctypes.c_uint8),
        ("iRegionIndex", ctypes.c_uint8),
        ("wFlags", ctypes.c_uint16),
        ("hMem", ctypes.c_uint32),
        ("dwReserved", ctypes.c_uint32 * 3),
    )


LPPROCESS_HEAP_ENTRY = Annotated["PROCESS_HEAP_ENTRY | None", pointer_to(PROCESS_HEAP_ENTRY)]


class _HeapUse:
    """What the exports keep about heaps, by handle."""

    def __init__(self, process: Process) -> None:
        self.flags: dict[int, int] = {}
        """HeapCreate's options."""
        self.locks: dict[int, Mutex] = {}
        """HeapLock."""
        self.walks: dict[int, tuple[int, Iterator[tuple[int, int]]]] = {}
        """HeapWalk: the block last told, and where to go on."""

    def forget(self, handle: int) -> None:
        self.flags.pop(handle, None)
        self.locks.pop(handle, None)
        self.walks.pop(handle, None)


def _heap(t: Task, handle: int) -> Heap:
    heap = t.process.state(Heaps).by_handle.get(handle)
    if heap is None:
        raise WinError(Err.INVALID_HANDLE)
    return heap


def _raise_no_memory(t: Task, handle: int, flags: int) -> None:
    """Under HEAP_GENERATE_EXCEPTIONS, of the call or of the heap: raise STATUS_NO_MEMORY in the caller."""
    if (flags | t.process.state(_HeapUse).flags.get(handle, 0)) & HEAP_GENERATE_EXCEPTIONS:
        raise GuestException(STATUS_NO_MEMORY, 0, [])


@kernel32.api()
def GetProcessHeap(t: Task) -> HANDLE:
    """The default heap."""
    return t.process.state(Heaps).default_handle


@kernel32.api()
def GetProcessHeaps(t: Task, NumberOfHeaps: DWORD, ProcessHeaps: PTR) -> DWORD:
    """How many heaps there are; fills in the handles when there is room for all."""
    handles = list(t.process.state(Heaps).by_handle)
    if len(handles) <= NumberOfHeaps:
        t.mem.write(ProcessHeaps, b"".join(handle.to_bytes(4, "little") for handle in handles))
    return len(handles)


@kernel32.api()
def HeapCreate(t: Task, flOptions: HEAP_FLAGS, dwInitialSize: SIZE_T, dwMaximumSize: SIZE_T) -> HANDLE:
    """A new heap: growable when ``dwMaximumSize`` is 0, else limited to it (rounded up to a page)."""
    if dwMaximumSize and dwInitialSize > dwMaximumSize:
        raise WinError(Err.INVALID_PARAMETER)
    handle = t.process.state(Heaps).create(min((dwMaximumSize + 0xFFF) & ~0xFFF, 0x7FFF0000))
    t.process.state(_HeapUse).flags[handle] = flOptions
    return handle


@kernel32.api()
def HeapDestroy(t: Task, hHeap: HANDLE) -> BOOL:
    """Free a heap and all its blocks; the default heap cannot be destroyed."""
    t.process.state(Heaps).destroy(hHeap)
    t.process.state(_HeapUse).forget(hHeap)
    return True


@kernel32.partial("HeapLock by another thread is not waited for")
def HeapAlloc(t: Task, hHeap: HANDLE, dwFlags: HEAP_FLAGS, dwBytes: SIZE_T) -> PTR:
    """A new block, aligned to 16 bytes. Without memory: NULL, or STATUS_NO_MEMORY under HEAP_GENERATE_EXCEPTIONS."""
    heap = t.process.state(Heaps).by_handle.get(hHeap)
    if heap is None:
        raise WinError(Err.INVALID_HANDLE)
    try:
        return heap.alloc(dwBytes, dwFlags & HEAP_ZERO_MEMORY != 0)
    except WinError:
        _raise_no_memory(t, hHeap, dwFlags)
        raise


@kernel32.api()
def HeapFree(t: Task, hHeap: HANDLE, dwFlags: HEAP_FLAGS, lpMem: PTR) -> BOOL:
    """Free a block; FALSE and ERROR_INVALID_PARAMETER for what is none. NULL is accepted."""
    heap = t.process.state(Heaps).by_handle.get(hHeap)
    if heap is None:
        raise WinError(Err.INVALID_HANDLE)
    if not heap.free(lpMem) and lpMem:
        raise WinError(Err.INVALID_PARAMETER)
    return True


@kernel32.api()
def HeapReAlloc(t: Task, hHeap: HANDLE, dwFlags: HEAP_FLAGS, lpMem: PTR, dwBytes: SIZE_T) -> PTR:
    """Change a block's size, moving it unless HEAP_REALLOC_IN_PLACE_ONLY is given."""
    heap = _heap(t, hHeap)
    try:
        return heap.realloc(
            lpMem, dwBytes, dwFlags & HEAP_ZERO_MEMORY != 0, dwFlags & HEAP_REALLOC_IN_PLACE_ONLY != 0
        )
    except WinError as error:
        if error.code == Err.NOT_ENOUGH_MEMORY:
            _raise_no_memory(t, hHeap, dwFlags)
        raise


@kernel32.api()
def HeapSize(t: Task, hHeap: HANDLE, dwFlags: HEAP_FLAGS, lpMem: PTR) -> SIZE_INVALID:
    """The size a block was asked for; FFFFFFFF for what is none."""
    size = _heap(t, hHeap).size(lpMem)
    if size < 0:
        raise WinError(Err.INVALID_PARAMETER)
    return size


@kernel32.api()
def HeapValidate(t: Task, hHeap: HANDLE, dwFlags: HEAP_FLAGS, lpMem: PTR) -> BOOL:
    """Whether ``lpMem`` is a block of the heap.

    A whole heap (NULL) is always sound, as guests cannot reach its records.
    """
    return not lpMem or _heap(t, hHeap).size(lpMem) >= 0


@kernel32.api()
def HeapCompact(t: Task, hHeap: HANDLE, dwFlags: HEAP_FLAGS) -> SIZE_T:
    """The largest free block (bytes)."""
    return _heap(t, hHeap).largest_free()


@kernel32.partial("blocks in use only: no regions, no free blocks")
def HeapWalk(t: Task, hHeap: HANDLE, lpEntry: LPPROCESS_HEAP_ENTRY) -> BOOL:
    """The block after ``lpEntry``'s (the first for lpData NULL); FALSE and ERROR_NO_MORE_ITEMS at the end."""
    heap = _heap(t, hHeap)
    if lpEntry is None:
        raise WinError(Err.INVALID_PARAMETER)
    walks = t.process.state(_HeapUse).walks
    previous = int(lpEntry.lpData)
    last, blocks = walks.pop(hHeap, (0, iter(())))
    if last != previous or not previous:
        blocks = heap.blocks()
        if previous:
            blocks = dropwhile(lambda block: block[0] != previous, blocks)
            next(blocks, None)
    for address, size in blocks:
        walks[hHeap] = (address, blocks)
        lpEntry.lpData = address
        lpEntry.cbData = size
        lpEntry.cbOverhead = 0
        lpEntry.iRegionIndex = 0
        lpEntry.wFlags = PROCESS_HEAP_ENTRY_BUSY
        lpEntry.hMem = 0
        return True
    raise WinError(Err.NO_MORE_ITEMS)


@kernel32.partial("keeps out other callers of HeapLock only")
async def HeapLock(t: Task, hHeap: HANDLE) -> BOOL:
    """Own the heap's lock, waiting for it; the same thread may take it again."""
    _heap(t, hHeap)
    await t.wait([t.process.state(_HeapUse).locks.setdefault(hHeap, Mutex())])
    return True


@kernel32.api()
def HeapUnlock(t: Task, hHeap: HANDLE) -> BOOL:
    """Give up the heap's lock; FALSE for a thread that does not own it."""
    _heap(t, hHeap)
    lock = t.process.state(_HeapUse).locks.get(hHeap)
    if lock is None:
        raise WinError(Err.NOT_LOCKED)
    lock.release(t)
    return True
