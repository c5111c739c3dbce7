"""VARIANTs in guest memory (SDK oaidl.h): 16 bytes, type at 0, value at 8.

Clearing and copying call Release and AddRef of the objects inside, hence ``async``.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from w9x_client.abi.types import DWORD, PTR, VOID, WORD
from w9x_client.win32.kernel32.locale_data import Locale, find_locale

from . import bstr
from .dll import oleaut32
from .hresult import HRESULT, result_of
from .variant_data import (
    DISP_E_BADVARTYPE,
    E_INVALIDARG,
    INTEGERS,
    SIZES,
    VT_ARRAY,
    VT_BOOL,
    VT_BSTR,
    VT_BYREF,
    VT_CY,
    VT_DATE,
    VT_DECIMAL,
    VT_DISPATCH,
    VT_EMPTY,
    VT_ERROR,
    VT_NULL,
    VT_R4,
    VT_R8,
    VT_TYPEMASK,
    VT_UNKNOWN,
    VT_VARIANT,
    HResult,
    Value,
    convert,
)

if TYPE_CHECKING:
    from w9x_client.process import Task

VARIANT_SIZE = 16
_ADDREF, _RELEASE = 4, 8
"""Offsets in IUnknown's vtable."""


def locale_for(t: Task, lcid: int) -> Locale:
    """The locale of a conversion; an unknown one falls back to the user's, as Automation does."""
    found = find_locale(lcid, t.process.lcid) or find_locale(0, t.process.lcid)
    if found is None:
        raise HResult(E_INVALIDARG)
    return found


def read_value(t: Task, address: int, vt: int) -> Value:
    """The value of simple type ``vt`` at ``address``; DISP_E_BADVARTYPE for others."""
    mem = t.mem
    if vt in INTEGERS:
        size = SIZES[vt]
        return int.from_bytes(mem.read(address, size), "little", signed=INTEGERS[vt][0] < 0)
    if vt == VT_BOOL:
        return -1 if mem.u16(address) else 0
    if vt == VT_R4:
        return float(struct.unpack("<f", mem.read(address, 4))[0])
    if vt in (VT_R8, VT_DATE):
        return mem.f64(address)
    if vt == VT_CY:
        return int.from_bytes(mem.read(address, 8), "little", signed=True)
    if vt == VT_BSTR:
        return bstr.read(t, mem.u32(address))
    if vt in (VT_EMPTY, VT_NULL):
        return None
    if vt in (VT_ERROR, VT_DISPATCH, VT_UNKNOWN):
        return mem.u32(address)
    raise HResult(DISP_E_BADVARTYPE)


def write_value(t: Task, address: int, vt: int, value: Value) -> None:
    """Store a value of simple type ``vt``; a text becomes a new BSTR."""
    if vt == VT_BSTR:
        t.mem.put32(address, bstr.alloc_text(t.process, str(value)))
    elif vt == VT_R4:
        t.mem.write(address, struct.pack("<f", value))
    elif vt in (VT_R8, VT_DATE):
        t.mem.putf64(address, float(value or 0))
    elif vt not in (VT_EMPTY, VT_NULL):
        size = SIZES[vt]
        number = -1 if vt == VT_BOOL and value else int(value or 0)
        t.mem.write(address, (number & ((1 << 8 * size) - 1)).to_bytes(size, "little"))


async def call_method(t: Task, pointer: int, offset: int) -> int:
    """Call an IUnknown method of a guest object."""
    if not pointer:
        return 0
    return await t.call(t.mem.u32(t.mem.u32(pointer) + offset), pointer)


def check_type(vt: int) -> int:
    """The base type of a VARTYPE; DISP_E_BADVARTYPE for a combination no VARIANT can hold."""
    base = vt & VT_TYPEMASK
    if vt & ~(VT_TYPEMASK | VT_ARRAY | VT_BYREF) or (base not in SIZES and base not in (VT_EMPTY, VT_NULL)):
        raise HResult(DISP_E_BADVARTYPE)
    if vt & (VT_ARRAY | VT_BYREF) and base in (VT_EMPTY, VT_NULL):
        raise HResult(DISP_E_BADVARTYPE)
    return base


async def clear(t: Task, address: int) -> None:
    """Release what a VARIANT owns and make it VT_EMPTY."""
    vt = t.mem.u16(address)
    base = check_type(vt)
    if not vt & VT_BYREF:
        pointer = t.mem.u32(address + 8)
        if vt & VT_ARRAY:
            from .safearray import destroy

            await destroy(t, pointer)
        elif base == VT_BSTR:
            bstr.free(t, pointer)
        elif base in (VT_DISPATCH, VT_UNKNOWN):
            await call_method(t, pointer, _RELEASE)
    t.mem.put16(address, VT_EMPTY)


async def copy_into(t: Task, target: int, source: int) -> None:
    """Overwrite a VARIANT without clearing it, by a copy of its own of ``source``."""
    data = t.mem.read(source, VARIANT_SIZE)
    vt = int.from_bytes(data[:2], "little")
    base = check_type(vt)
    pointer = int.from_bytes(data[8:12], "little")
    if not vt & VT_BYREF:
        if vt & VT_ARRAY:
            from .safearray import duplicate

            pointer = await duplicate(t, pointer)
        elif base == VT_BSTR and pointer:
            pointer = bstr.alloc(t.process, t.mem.read(pointer, bstr.byte_length(t, pointer)))
        elif base in (VT_DISPATCH, VT_UNKNOWN):
            await call_method(t, pointer, _ADDREF)
    if vt & VT_BYREF or vt & VT_ARRAY or base in (VT_BSTR, VT_DISPATCH, VT_UNKNOWN):
        data = data[:8] + pointer.to_bytes(4, "little") + data[12:]
    t.mem.write(target, data)


async def copy_indirect(t: Task, target: int, source: int) -> None:
    """Copy with one level of VT_BYREF followed (two for a VARIANT by reference)."""
    vt = t.mem.u16(source)
    if not vt & VT_BYREF:
        await copy_into(t, target, source)
        return
    base = check_type(vt)
    at = t.mem.u32(source + 8)
    if base == VT_VARIANT and not vt & VT_ARRAY:
        if t.mem.u16(at) == VT_VARIANT | VT_BYREF:
            raise HResult(E_INVALIDARG)
        await copy_indirect(t, target, at)
        return
    size = 4 if vt & VT_ARRAY else SIZES[base]
    block = t.process.heap_alloc(VARIANT_SIZE, True)
    try:
        if base == VT_DECIMAL and not vt & VT_ARRAY:
            t.mem.write(block, t.mem.read(at, 16))
        else:
            t.mem.write(block + 8, t.mem.read(at, size))
        t.mem.put16(block, vt & ~VT_BYREF)
        await copy_into(t, target, block)
    finally:
        t.process.heap_free(block)


@oleaut32.api()
def VariantInit(t: Task, pvarg: PTR) -> VOID:
    """Make a VARIANT empty without looking at what it was."""
    t.mem.write(pvarg, bytes(8))


@oleaut32.api()
async def VariantClear(t: Task, pvarg: PTR) -> HRESULT:
    """Release what a VARIANT owns and make it empty."""
    return await result_of(clear(t, pvarg))


@oleaut32.api()
async def VariantCopy(t: Task, pvargDest: PTR, pvargSrc: PTR) -> HRESULT:
    """Free the target and copy the source."""

    async def run() -> None:
        if pvargDest == pvargSrc:
            return
        check_type(t.mem.u16(pvargSrc))
        await clear(t, pvargDest)
        await copy_into(t, pvargDest, pvargSrc)

    return await result_of(run())


@oleaut32.api()
async def VariantCopyInd(t: Task, pvarDest: PTR, pvargSrc: PTR) -> HRESULT:
    """Free the target and copy what the source refers to."""

    async def run() -> None:
        if pvarDest == pvargSrc and not t.mem.u16(pvargSrc) & VT_BYREF:
            return
        block = t.process.heap_alloc(VARIANT_SIZE, True)
        try:
            await copy_indirect(t, block, pvargSrc)
            await clear(t, pvarDest)
            t.mem.write(pvarDest, t.mem.read(block, VARIANT_SIZE))
        finally:
            t.process.heap_free(block)

    return await result_of(run())


async def _change(t: Task, target: int, source: int, lcid: int, flags: int, vt: int) -> None:
    check_type(vt)
    block = t.process.heap_alloc(VARIANT_SIZE, True)
    try:
        await copy_indirect(t, block, source)
        have = t.mem.u16(block)
        if have != vt:
            value = convert(read_value(t, block + 8, check_type(have)), have, vt, locale_for(t, lcid), flags)
            await clear(t, block)
            write_value(t, block + 8, vt, value)
            t.mem.put16(block, vt)
        await clear(t, target)
        t.mem.write(target, t.mem.read(block, VARIANT_SIZE))
    finally:
        t.process.heap_free(block)


@oleaut32.partial("no default property of an object, no DECIMAL, no arrays")
async def VariantChangeType(t: Task, pvargDest: PTR, pvarSrc: PTR, wFlags: WORD, vt: WORD) -> HRESULT:
    """Convert a VARIANT; source and target may be the same."""
    return await result_of(_change(t, pvargDest, pvarSrc, 0, wFlags, vt))


@oleaut32.partial("no default property of an object, no DECIMAL, no arrays")
async def VariantChangeTypeEx(t: Task, pvargDest: PTR, pvarSrc: PTR, lcid: DWORD, wFlags: WORD, vt: WORD) -> HRESULT:
    """VariantChangeType in a given locale."""
    return await result_of(_change(t, pvargDest, pvarSrc, lcid, wFlags, vt))
