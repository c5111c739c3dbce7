"""The runtime's heap: malloc and relatives, operator new and delete.

The runtime's blocks are blocks of the process heap (from version 6 on Windows 98 it uses HeapAlloc on a heap of its
own; no program can tell, and HeapSize works on both).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import WinError
from w9x_client.abi.types import INT, PTR, SIZE_T

from . import state
from .dll import msvcrt

if TYPE_CHECKING:
    from w9x_client.process import Task

_MAX_REQUEST = 0xFFFF_FFE0
"""_HEAP_MAXREQ of malloc.h."""


def allocate(t: Task, size: int, zero: bool = False) -> int:
    """A block of the process heap, or 0 with errno ENOMEM."""
    if size <= _MAX_REQUEST:
        try:
            if address := t.process.heap_alloc(size, zero):
                return address
        except WinError:
            pass
    state.set_errno(t, state.ENOMEM)
    return 0


async def _allocate_or_ask(t: Task, size: int) -> int:
    """Allocate, asking the new handler (set_new_handler) for memory as long as it answers nonzero."""
    while True:
        address = allocate(t, size)
        handler = state.crt(t).new_handler
        if address or not handler or not await t.call(handler, size, convention="cdecl"):
            return address


@msvcrt.api()
def malloc(t: Task, size: SIZE_T) -> PTR:
    """``size`` bytes; malloc(0) is a valid block."""
    return allocate(t, size)


@msvcrt.api()
def calloc(t: Task, num: SIZE_T, size: SIZE_T) -> PTR:
    """A zeroed array."""
    return allocate(t, num * size, True)


@msvcrt.api()
def free(t: Task, memblock: PTR) -> None:
    """Give a block back; NULL and strangers are ignored."""
    if memblock:
        t.process.heap_free(memblock)


@msvcrt.api()
def realloc(t: Task, memblock: PTR, size: SIZE_T) -> PTR:
    """Resize; NULL allocates, size 0 frees."""
    if not memblock:
        return allocate(t, size)
    if not size:
        t.process.heap_free(memblock)
        return 0
    if size <= _MAX_REQUEST:
        try:
            if address := t.process.heap_realloc(memblock, size):
                return address
        except WinError:
            pass
    state.set_errno(t, state.ENOMEM)
    return 0


@msvcrt.api()
def _msize(t: Task, memblock: PTR) -> SIZE_T:
    """Size of a block; FFFFFFFF for a stranger, as HeapSize answers."""
    return t.process.heap_size(memblock)


@msvcrt.partial("never grows a block in place beyond its rounded size")
def _expand(t: Task, memblock: PTR, size: SIZE_T) -> PTR:
    """Resize without moving, or NULL."""
    return memblock if 0 <= size <= t.process.heap_size(memblock) else 0


@msvcrt.api(name="??2@YAPAXI@Z")
async def operator_new(t: Task, size: SIZE_T) -> PTR:
    """``void *operator new(unsigned int)``."""
    return await _allocate_or_ask(t, size)


@msvcrt.api(name="??3@YAXPAX@Z")
def operator_delete(t: Task, memblock: PTR) -> None:
    """``void operator delete(void *)``."""
    if memblock:
        t.process.heap_free(memblock)


@msvcrt.not_on_9x(name="??_U@YAPAXI@Z")
async def operator_new_array(t: Task, size: SIZE_T) -> PTR:
    """``void *operator new[](unsigned int)``."""
    return await _allocate_or_ask(t, size)


@msvcrt.not_on_9x(name="??_V@YAXPAX@Z")
def operator_delete_array(t: Task, memblock: PTR) -> None:
    """``void operator delete[](void *)``."""
    if memblock:
        t.process.heap_free(memblock)


@msvcrt.api(name="?_set_new_handler@@YAP6AHI@ZP6AHI@Z@Z")
def set_new_handler(t: Task, pNewHandler: PTR) -> PTR:
    """``_PNH _set_new_handler(_PNH)``: returns the previous handler."""
    own = state.crt(t)
    previous, own.new_handler = own.new_handler, pNewHandler
    return previous


@msvcrt.api(name="?_query_new_handler@@YAP6AHI@ZXZ")
def query_new_handler(t: Task) -> PTR:
    """``_PNH _query_new_handler(void)``."""
    return state.crt(t).new_handler


@msvcrt.partial("accepts only NULL, as documented", name="?set_new_handler@@YAP6AXXZP6AXXZ@Z")
def ansi_set_new_handler(t: Task, pNewHandler: PTR) -> PTR:
    """``new_handler set_new_handler(new_handler)``: documented to remove the handler."""
    state.crt(t).new_handler = 0
    return 0


@msvcrt.api(name="?_set_new_mode@@YAHH@Z")
def set_new_mode(t: Task, newhandlermode: INT) -> INT:
    """``int _set_new_mode(int)``: whether malloc calls the new handler; -1 for a bad mode."""
    if newhandlermode not in (0, 1):
        return -1
    own = state.crt(t)
    previous, own.new_mode = own.new_mode, newhandlermode
    return previous


@msvcrt.api(name="?_query_new_mode@@YAHXZ")
def query_new_mode(t: Task) -> INT:
    """``int _query_new_mode(void)``."""
    return state.crt(t).new_mode


@msvcrt.partial("reports a sound heap without walking it")
def _heapchk(t: Task) -> INT:
    """_HEAPOK."""
    return -2


@msvcrt.partial("fills nothing")
def _heapset(t: Task, fill: INT) -> INT:
    """_HEAPOK."""
    return -2


@msvcrt.api()
def _heapmin(t: Task) -> INT:
    """Release unused heap memory: nothing to do."""
    return 0


@msvcrt.stub("_HEAPEND: an empty walk")
def _heapwalk(t: Task, entryinfo: PTR) -> INT:
    """_HEAPEND."""
    return -5


@msvcrt.stub("-1: the heap grows by itself")
def _heapadd(t: Task, memblock: PTR, size: SIZE_T) -> INT:
    """Not supported, as on every Win32."""
    return -1


@msvcrt.stub("0: not supported, as on every Win32")
def _heapused(t: Task, used: PTR, commit: PTR) -> SIZE_T:
    """Not supported."""
    return 0


@msvcrt.api()
async def _callnewh(t: Task, size: SIZE_T) -> INT:
    """Call the new handler; nonzero when it made room."""
    handler = state.crt(t).new_handler
    return int(bool(handler and await t.call(handler, size, convention="cdecl")))
