"""The task allocator as a COM object (SDK objidl.h, IMalloc).

Its methods are exports that only the vtable refers to. The object lives as long as the process.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from w9x_client import loader
from w9x_client.abi.types import DWORD, INT, LPDWORD, PTR, VOID
from w9x_client.win32.oleaut32.hresult import HRESULT
from w9x_client.win32.oleaut32.variant_data import E_INVALIDARG, S_OK

from .dll import ole32
from .guid import GUID_SIZE, parse_guid
from .initialize import alloc, realloc

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

E_NOINTERFACE = 0x8000_4002
_METHODS = ("QueryInterface", "AddRef", "Release", "Alloc", "Realloc", "Free", "GetSize", "DidAlloc", "HeapMinimize")
_KNOWN = {
    parse_guid("{00000000-0000-0000-C000-000000000046}"),
    parse_guid("{00000002-0000-0000-C000-000000000046}"),
}
"""IUnknown and IMalloc."""


class MallocObject:
    """Where the process's IMalloc is; 0 until somebody asks."""

    def __init__(self, process: Process) -> None:
        self.address = 0


async def malloc_object(t: Task) -> int:
    """The process's IMalloc, made on first use."""
    state = t.process.state(MallocObject)
    if not state.address:
        module = await loader.load_library(t, "OLE32.DLL")
        methods = [module.find_hidden(f"IMalloc.{name}") or 0 for name in _METHODS]
        block = t.process.heap_alloc(4 + 4 * len(methods))
        t.mem.write(block, struct.pack(f"<I{len(methods)}I", block + 4, *methods))
        state.address = block
    return state.address


@ole32.api()
async def CoGetMalloc(t: Task, dwMemContext: DWORD, ppMalloc: LPDWORD) -> HRESULT:
    """The task allocator."""
    if dwMemContext != 1 or not ppMalloc:
        return E_INVALIDARG
    ppMalloc.set(await malloc_object(t))
    return S_OK


@ole32.not_on_9x("a method of IMalloc", name="IMalloc.QueryInterface")
def IMalloc_QueryInterface(t: Task, this: PTR, riid: PTR, ppvObject: LPDWORD) -> HRESULT:
    """IUnknown and IMalloc are all there is."""
    if t.mem.read(riid, GUID_SIZE) not in _KNOWN:
        ppvObject.set(0)
        return E_NOINTERFACE
    ppvObject.set(this)
    return S_OK


@ole32.not_on_9x("a method of IMalloc", name="IMalloc.AddRef")
def IMalloc_AddRef(t: Task, this: PTR) -> DWORD:
    """The object is not counted."""
    return 1


@ole32.not_on_9x("a method of IMalloc", name="IMalloc.Release")
def IMalloc_Release(t: Task, this: PTR) -> DWORD:
    """The object is not counted."""
    return 1


@ole32.not_on_9x("a method of IMalloc", name="IMalloc.Alloc")
def IMalloc_Alloc(t: Task, this: PTR, cb: DWORD) -> PTR:
    """CoTaskMemAlloc."""
    return alloc(t, cb)


@ole32.not_on_9x("a method of IMalloc", name="IMalloc.Realloc")
def IMalloc_Realloc(t: Task, this: PTR, pv: PTR, cb: DWORD) -> PTR:
    """CoTaskMemRealloc."""
    return realloc(t, pv, cb)


@ole32.not_on_9x("a method of IMalloc", name="IMalloc.Free")
def IMalloc_Free(t: Task, this: PTR, pv: PTR) -> VOID:
    """CoTaskMemFree."""
    if pv:
        t.process.heap_free(pv)


@ole32.not_on_9x("a method of IMalloc", name="IMalloc.GetSize")
def IMalloc_GetSize(t: Task, this: PTR, pv: PTR) -> DWORD:
    """A block's size; FFFFFFFF for what is none."""
    return t.process.heap_size(pv) if pv else 0xFFFF_FFFF


@ole32.not_on_9x("a method of IMalloc", name="IMalloc.DidAlloc")
def IMalloc_DidAlloc(t: Task, this: PTR, pv: PTR) -> INT:
    """1 for one of our blocks, 0 for another address, -1 for NULL."""
    if not pv:
        return -1
    return 1 if t.process.heap_size(pv) >= 0 else 0


@ole32.not_on_9x("a method of IMalloc", name="IMalloc.HeapMinimize")
def IMalloc_HeapMinimize(t: Task, this: PTR) -> VOID:
    """Nothing is held back."""
