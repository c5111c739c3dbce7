"""Safe arrays (SDK oaidl.h).

A descriptor in guest memory: dimensions, features, element size, locks, data, then one bound {count, first index} per
dimension, the last dimension first. Sixteen bytes in front of it (where Windows keeps its own) hold the element type.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from w9x_client.abi import WinError
from w9x_client.abi.types import DWORD, LONG, LPDWORD, LPWORD, PTR, UINT, WORD

from . import bstr
from .dll import oleaut32
from .hresult import HRESULT, result, result_of
from .variant_data import (
    DISP_E_ARRAYISLOCKED,
    DISP_E_BADINDEX,
    E_INVALIDARG,
    E_OUTOFMEMORY,
    SIZES,
    VT_BSTR,
    VT_DISPATCH,
    VT_UNKNOWN,
    VT_VARIANT,
    HResult,
)

if TYPE_CHECKING:
    from w9x_client.process import Task

FADF_AUTO, FADF_STATIC, FADF_EMBEDDED, FADF_FIXEDSIZE = 0x1, 0x2, 0x4, 0x10
FADF_HAVEVARTYPE, FADF_BSTR, FADF_UNKNOWN, FADF_DISPATCH, FADF_VARIANT = 0x80, 0x100, 0x200, 0x400, 0x800
_FEATURES = {VT_BSTR: FADF_BSTR, VT_UNKNOWN: FADF_UNKNOWN, VT_DISPATCH: FADF_DISPATCH, VT_VARIANT: FADF_VARIANT}
_HIDDEN = 16
_HEADER = 16
DIMENSIONS_MAX, BYTES_MAX = 64, 0x1000_0000
LOCKS_MAX = 0xFFFF


class Array:
    """A descriptor, read from guest memory; E_INVALIDARG for one that cannot be."""

    def __init__(self, t: Task, address: int) -> None:
        if not address:
            raise HResult(E_INVALIDARG)
        self._t, self.address = t, address
        mem = t.mem
        self.dimensions, self.features = mem.u16(address), mem.u16(address + 2)
        self.element, self.locks, self.data = mem.u32(address + 4), mem.u32(address + 8), mem.u32(address + 12)
        if not 0 < self.dimensions <= DIMENSIONS_MAX:
            raise HResult(E_INVALIDARG)
        self.bounds = [
            (mem.u32(address + _HEADER + 8 * n), mem.i32(address + _HEADER + 8 * n + 4)) for n in range(self.dimensions)
        ]
        self.count = math.prod(count for count, _ in self.bounds)
        if self.count * self.element > BYTES_MAX:
            raise HResult(E_INVALIDARG)

    def offset_of(self, indices: int) -> int:
        """Byte offset of the element whose indices stand at ``indices``, leftmost dimension first; DISP_E_BADINDEX."""
        place, stride = 0, 1
        for number in range(self.dimensions):
            # The leftmost dimension varies fastest (column-major); its bound stands last in the descriptor.
            count, first = self.bounds[self.dimensions - 1 - number]
            index = self._t.mem.i32(indices + 4 * number) - first
            if not 0 <= index < count:
                raise HResult(DISP_E_BADINDEX)
            place += index * stride
            stride *= count
        return place * self.element

    def lock(self, change: int) -> None:
        """Count a lock up or down."""
        if not 0 <= self.locks + change <= LOCKS_MAX:
            raise HResult(0x8000_FFFF)
        self.locks += change
        self._t.mem.put32(self.address + 8, self.locks)


def _type(t: Task, array: Array) -> int:
    """The element type: kept in front of the descriptor, or known from the features."""
    if array.features & FADF_HAVEVARTYPE:
        return t.mem.u32(array.address - 4) & 0xFFFF
    for vt, feature in _FEATURES.items():
        if array.features & feature:
            return vt
    return 0


def _descriptor(t: Task, dimensions: int, vt: int) -> int:
    if not 0 < dimensions <= DIMENSIONS_MAX:
        raise HResult(E_INVALIDARG)
    block = t.process.heap_alloc(_HIDDEN + _HEADER + 8 * dimensions, True)
    address = block + _HIDDEN
    features = _FEATURES.get(vt, 0) | (FADF_HAVEVARTYPE if vt else 0)
    t.mem.put32(address - 4, vt)
    t.mem.put16(address, dimensions)
    t.mem.put16(address + 2, features)
    t.mem.put32(address + 4, SIZES.get(vt, 0))
    return address


def _allocate_data(t: Task, address: int) -> None:
    array = Array(t, address)
    t.mem.put32(address + 12, t.process.heap_alloc(max(array.count * array.element, 1), True))


def create(t: Task, vt: int, bounds: list[tuple[int, int]]) -> int:
    """A new array; ``bounds`` leftmost dimension first. HResult or WinError on failure."""
    if vt not in SIZES:
        raise HResult(E_INVALIDARG)
    if math.prod(count for count, _ in bounds) * SIZES[vt] > BYTES_MAX:
        raise HResult(E_OUTOFMEMORY)
    address = _descriptor(t, len(bounds), vt)
    for number, (count, first) in enumerate(reversed(bounds)):
        t.mem.put32(address + _HEADER + 8 * number, count)
        t.mem.put32(address + _HEADER + 8 * number + 4, first)
    try:
        _allocate_data(t, address)
    except WinError:
        t.process.heap_free(address - _HIDDEN)
        raise
    return address


async def _release(t: Task, array: Array, start: int, end: int) -> None:
    """Release what the elements ``start`` to ``end`` own."""
    from .variant import _RELEASE, call_method, clear

    for index in range(start, end):
        at = array.data + index * array.element
        if array.features & FADF_BSTR:
            bstr.free(t, t.mem.u32(at))
            t.mem.put32(at, 0)
        elif array.features & FADF_VARIANT:
            await clear(t, at)
        elif array.features & (FADF_UNKNOWN | FADF_DISPATCH):
            await call_method(t, t.mem.u32(at), _RELEASE)
            t.mem.put32(at, 0)
        else:
            return


async def _copy_elements(t: Task, source: Array, target: int) -> None:
    from .variant import _ADDREF, call_method, copy_into

    for index in range(source.count):
        at, to = source.data + index * source.element, target + index * source.element
        if source.features & FADF_BSTR:
            old = t.mem.u32(at)
            t.mem.put32(to, bstr.alloc(t.process, t.mem.read(old, bstr.byte_length(t, old))) if old else 0)
        elif source.features & FADF_VARIANT:
            await copy_into(t, to, at)
        elif source.features & (FADF_UNKNOWN | FADF_DISPATCH):
            await call_method(t, t.mem.u32(at), _ADDREF)
            t.mem.put32(to, t.mem.u32(at))
        else:
            t.mem.move(target, source.data, source.count * source.element)
            return


async def destroy(t: Task, address: int) -> None:
    """Release the elements and free data and descriptor; NULL is fine, a locked array is not."""
    if not address:
        return
    array = Array(t, address)
    if array.locks:
        raise HResult(DISP_E_ARRAYISLOCKED)
    await _destroy_data(t, array)
    if not array.features & (FADF_AUTO | FADF_STATIC | FADF_EMBEDDED):
        t.process.heap_free(address - _HIDDEN)


async def _destroy_data(t: Task, array: Array) -> None:
    if not array.data:
        return
    await _release(t, array, 0, array.count)
    if array.features & (FADF_AUTO | FADF_STATIC | FADF_EMBEDDED):
        t.mem.fill(array.data, array.count * array.element)
        return
    t.process.heap_free(array.data)
    t.mem.put32(array.address + 12, 0)


async def duplicate(t: Task, address: int) -> int:
    """A copy of an array with copies of its elements; NULL gives NULL."""
    if not address:
        return 0
    source = Array(t, address)
    new = _descriptor(t, source.dimensions, _type(t, source))
    t.mem.write(new + 4, t.mem.read(address + 4, 4) + bytes(8) + t.mem.read(address + _HEADER, 8 * source.dimensions))
    try:
        _allocate_data(t, new)
    except WinError:
        t.process.heap_free(new - _HIDDEN)
        raise
    await _copy_elements(t, source, t.mem.u32(new + 12))
    return new


@oleaut32.api()
def SafeArrayCreate(t: Task, vt: WORD, cDims: UINT, rgsabound: PTR) -> PTR:
    """A new array with ``cDims`` bounds {count, first index}; NULL on failure."""
    if not 0 < cDims <= DIMENSIONS_MAX or not rgsabound:
        return 0
    bounds = [(t.mem.u32(rgsabound + 8 * n), t.mem.i32(rgsabound + 8 * n + 4)) for n in range(cDims)]
    try:
        return create(t, vt, bounds)
    except (HResult, WinError):
        return 0


@oleaut32.api()
def SafeArrayCreateVector(t: Task, vt: WORD, lLbound: LONG, cElements: DWORD) -> PTR:
    """A new array of one dimension; NULL on failure."""
    try:
        return create(t, vt, [(cElements, lLbound)])
    except (HResult, WinError):
        return 0


@oleaut32.api()
def SafeArrayAllocDescriptor(t: Task, cDims: UINT, ppsaOut: LPDWORD) -> HRESULT:
    """A descriptor without data, for the caller to fill in."""
    return result(lambda: ppsaOut.set(_descriptor(t, cDims, 0)))


@oleaut32.api()
def SafeArrayAllocData(t: Task, psa: PTR) -> HRESULT:
    """Data for a descriptor that is filled in."""
    return result(lambda: _allocate_data(t, psa))


@oleaut32.api()
async def SafeArrayDestroy(t: Task, psa: PTR) -> HRESULT:
    """Free an array with its elements."""
    return await result_of(destroy(t, psa))


@oleaut32.api()
async def SafeArrayDestroyData(t: Task, psa: PTR) -> HRESULT:
    """Free an array's data only."""

    async def run() -> None:
        array = Array(t, psa)
        if array.locks:
            raise HResult(DISP_E_ARRAYISLOCKED)
        await _destroy_data(t, array)

    return await result_of(run())


@oleaut32.api()
def SafeArrayDestroyDescriptor(t: Task, psa: PTR) -> HRESULT:
    """Free a descriptor only."""

    def run() -> None:
        if psa:
            if Array(t, psa).locks:
                raise HResult(DISP_E_ARRAYISLOCKED)
            t.process.heap_free(psa - _HIDDEN)

    return result(run)


@oleaut32.api()
def SafeArrayGetDim(t: Task, psa: PTR) -> UINT:
    """How many dimensions; 0 for NULL."""
    return t.mem.u16(psa) if psa else 0


@oleaut32.api()
def SafeArrayGetElemsize(t: Task, psa: PTR) -> UINT:
    """Bytes of an element; 0 for NULL."""
    return t.mem.u32(psa + 4) if psa else 0


def _bound(t: Task, psa: int, dimension: int) -> tuple[int, int]:
    """Count and first index of a dimension, counted from 1, leftmost first."""
    array = Array(t, psa)
    if not 1 <= dimension <= array.dimensions:
        raise HResult(DISP_E_BADINDEX)
    return array.bounds[array.dimensions - dimension]


@oleaut32.api()
def SafeArrayGetLBound(t: Task, psa: PTR, nDim: UINT, plLbound: LPDWORD) -> HRESULT:
    """The first index of a dimension."""
    return result(lambda: plLbound.set(_bound(t, psa, nDim)[1]))


@oleaut32.api()
def SafeArrayGetUBound(t: Task, psa: PTR, nDim: UINT, plUbound: LPDWORD) -> HRESULT:
    """The last index of a dimension."""
    return result(lambda: plUbound.set(sum(_bound(t, psa, nDim)) - 1))


@oleaut32.api()
def SafeArrayLock(t: Task, psa: PTR) -> HRESULT:
    """Keep the data where it is."""
    return result(lambda: Array(t, psa).lock(1))


@oleaut32.api()
def SafeArrayUnlock(t: Task, psa: PTR) -> HRESULT:
    """Undo one lock."""
    return result(lambda: Array(t, psa).lock(-1))


@oleaut32.api()
def SafeArrayAccessData(t: Task, psa: PTR, ppvData: LPDWORD) -> HRESULT:
    """Lock the array and get the address of its data."""

    def run() -> None:
        array = Array(t, psa)
        array.lock(1)
        ppvData.set(array.data)

    return result(run)


@oleaut32.api()
def SafeArrayUnaccessData(t: Task, psa: PTR) -> HRESULT:
    """Undo SafeArrayAccessData."""
    return result(lambda: Array(t, psa).lock(-1))


@oleaut32.api()
def SafeArrayPtrOfIndex(t: Task, psa: PTR, rgIndices: PTR, ppvData: LPDWORD) -> HRESULT:
    """The address of an element."""

    def run() -> None:
        array = Array(t, psa)
        ppvData.set(array.data + array.offset_of(rgIndices))

    return result(run)


@oleaut32.api()
async def SafeArrayGetElement(t: Task, psa: PTR, rgIndices: PTR, pv: PTR) -> HRESULT:
    """A copy of an element, the caller's own."""

    async def run() -> None:
        from .variant import _ADDREF, call_method, copy_into

        array = Array(t, psa)
        at = array.data + array.offset_of(rgIndices)
        if array.features & FADF_BSTR:
            old = t.mem.u32(at)
            t.mem.put32(pv, bstr.alloc(t.process, t.mem.read(old, bstr.byte_length(t, old))) if old else 0)
        elif array.features & FADF_VARIANT:
            await copy_into(t, pv, at)
        else:
            t.mem.move(pv, at, array.element)
            if array.features & (FADF_UNKNOWN | FADF_DISPATCH):
                await call_method(t, t.mem.u32(at), _ADDREF)

    return await result_of(run())


@oleaut32.api()
async def SafeArrayPutElement(t: Task, psa: PTR, rgIndices: PTR, pv: PTR) -> HRESULT:
    """Store a copy of a value; for strings and objects ``pv`` is the value itself, else its address."""

    async def run() -> None:
        from .variant import _ADDREF, _RELEASE, call_method, clear, copy_into

        array = Array(t, psa)
        at = array.data + array.offset_of(rgIndices)
        if array.features & FADF_BSTR:
            new = bstr.alloc(t.process, t.mem.read(pv, bstr.byte_length(t, pv))) if pv else 0
            bstr.free(t, t.mem.u32(at))
            t.mem.put32(at, new)
        elif array.features & FADF_VARIANT:
            await clear(t, at)
            await copy_into(t, at, pv)
        elif array.features & (FADF_UNKNOWN | FADF_DISPATCH):
            await call_method(t, pv, _ADDREF)
            await call_method(t, t.mem.u32(at), _RELEASE)
            t.mem.put32(at, pv)
        else:
            t.mem.move(at, pv, array.element)

    return await result_of(run())


@oleaut32.api()
async def SafeArrayRedim(t: Task, psa: PTR, psaboundNew: PTR) -> HRESULT:
    """Change the bound of the last dimension, keeping the elements that remain."""

    async def run() -> None:
        array = Array(t, psa)
        if array.locks:
            raise HResult(DISP_E_ARRAYISLOCKED)
        if array.features & FADF_FIXEDSIZE or not psaboundNew:
            raise HResult(E_INVALIDARG)
        count, first = t.mem.u32(psaboundNew), t.mem.u32(psaboundNew + 4)
        total = math.prod(n for n, _ in array.bounds[1:]) * count
        if total * array.element > BYTES_MAX:
            raise HResult(E_OUTOFMEMORY)
        await _release(t, array, total, array.count)
        new = t.process.heap_alloc(max(total * array.element, 1), True)
        t.mem.move(new, array.data, min(total, array.count) * array.element)
        if array.data:
            t.process.heap_free(array.data)
        t.mem.put32(psa + 12, new)
        t.mem.put32(psa + _HEADER, count)
        t.mem.put32(psa + _HEADER + 4, first)

    return await result_of(run())


@oleaut32.api()
async def SafeArrayCopy(t: Task, psa: PTR, ppsaOut: LPDWORD) -> HRESULT:
    """A copy of an array with its elements."""

    async def run() -> None:
        ppsaOut.set(await duplicate(t, psa))

    return await result_of(run())


@oleaut32.api()
def SafeArrayGetVartype(t: Task, psa: PTR, pvt: LPWORD) -> HRESULT:
    """The type of the elements."""

    def run() -> None:
        vt = _type(t, Array(t, psa))
        if not vt:
            raise HResult(E_INVALIDARG)
        pvt.set(vt)

    return result(run)
