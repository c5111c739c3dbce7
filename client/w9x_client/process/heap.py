"""Heaps: guest memory in blocks, with every bit of book-keeping in Python.

Owns the allocator behind HeapAlloc, GlobalAlloc, LocalAlloc and the C runtime's malloc. Nothing about a block is
stored in guest memory, so a guest that writes past its block or frees a wild pointer cannot damage a heap: it can
only damage its own data, and a bad free is told from a good one.

Three tiers by size:
* up to `SMALL_MAX`: 64 KB *slabs*, each cut into equal blocks of one size class;
* below `LARGE_MIN`: *regions* of 1 MB, runs of 1 KB units, best fit with coalescing;
* from there: an allocation of the address space each.

Blocks are aligned to 16 bytes (Windows promises 8). An empty slab or region is given back when another one of its
sort is free.

Not safe for host threads: one process has one interpreter thread, and guest threads take turns.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from w9x_arena.layout import GRANULARITY, granule_up
from w9x_client.abi import Err, WinError

if TYPE_CHECKING:
    from .process import Process

SMALL_MAX = 8192
LARGE_MIN = 0x80000
"""Blocks of 512 KB and more come from the address space directly."""
MAX_BLOCK = 0x0FFF_FF98
"""Largest block of a Windows 9x heap: 256 MB less 104 bytes (KB Q198959)."""
SLAB = GRANULARITY
REGION = 0x10_0000
UNIT = 1024
_REGION_UNITS = REGION // UNIT
_FREE = 0xFFFF
_FIXED_OVERHEAD = 8
"""What each block of a fixed-size heap counts beside its bytes, so that such a heap fills up as it did."""


def _size_classes() -> tuple[list[int], bytes]:
    """Block sizes, and the class index for each multiple of 16 up to `SMALL_MAX`: steps of 16, then an eighth."""
    sizes = list(range(16, 257, 16))
    while sizes[-1] < SMALL_MAX:
        sizes.append((sizes[-1] + sizes[-1] // 8 + 15) & ~15)
    sizes[-1] = SMALL_MAX
    table = bytearray()
    for rounded in range(0, SMALL_MAX + 1, 16):
        table.append(next(index for index, size in enumerate(sizes) if size >= rounded))
    return sizes, bytes(table)


CLASS_SIZES, _CLASS_OF = _size_classes()


def _units(size: int) -> int:
    """Units of a medium block; a block shrunk to nothing keeps one, so that its address stays its own."""
    return (size + UNIT - 1) // UNIT or 1


class Space(Protocol):
    """Where a heap gets its memory from: the part of `AddressSpace` it uses."""

    def allocate(self, size: int, label: str) -> int: ...

    def release(self, base: int) -> None: ...


class Bytes(Protocol):
    """The part of `Memory` a heap uses."""

    def fill(self, address: int, size: int, value: int = 0) -> None: ...

    def move(self, target: int, source: int, size: int) -> None: ...


class _Slab:
    """64 KB of equal blocks. ``sizes`` holds the requested size of each block, `_FREE` where it is free."""

    __slots__ = ("base", "block", "count", "free", "kind", "sizes")

    def __init__(self, base: int, kind: int) -> None:
        self.base, self.kind = base, kind
        self.block = CLASS_SIZES[kind]
        self.count = SLAB // self.block
        self.free = array("H", range(self.count - 1, -1, -1))
        # one entry more, for addresses in the tail that no block uses
        self.sizes = array("H", [_FREE]) * (self.count + 1)


class _Regions:
    """1 MB regions of 1 KB units: best fit, neighbours merged at once."""

    def __init__(self, space: Space, label: str) -> None:
        self._space, self._label = space, label
        self._starts: dict[int, int] = {}
        """Free run: its address -> units."""
        self._ends: dict[int, int] = {}
        """Free run: the address behind it -> its address."""
        self._bins: list[set[int]] = [set() for _ in range(_REGION_UNITS + 1)]
        self._mask = 0
        """Bit n is set while a free run of n units exists."""
        self.bases: set[int] = set()

    def take(self, units: int) -> int:
        """Address of a run of ``units``; WinError(ERROR_NOT_ENOUGH_MEMORY) when the address space is full."""
        fit = self._mask >> units
        if not fit:
            base = self._space.allocate(REGION, self._label)
            self.bases.add(base)
            self._insert(base, _REGION_UNITS)
            fit = self._mask >> units
        have = units + (fit & -fit).bit_length() - 1
        address = next(iter(self._bins[have]))
        self._remove(address, have)
        if have > units:
            self._insert(address + units * UNIT, have - units)
        return address

    def give(self, address: int, units: int) -> None:
        """Free a run."""
        end = address + units * UNIT
        after = self._starts.get(end)
        if after is not None and end not in self.bases:  # two regions may be neighbours
            self._remove(end, after)
            units += after
        if address not in self.bases:
            before = self._ends.get(address)
            if before is not None:
                size = self._starts[before]
                self._remove(before, size)
                address, units = before, units + size
        if units == _REGION_UNITS and self._bins[units]:
            self.bases.discard(address)
            self._space.release(address)
            return
        self._insert(address, units)

    def extend(self, address: int, units: int, wanted: int) -> bool:
        """Grow the used run at ``address`` from ``units`` to ``wanted`` in place; False where no free run follows."""
        end = address + units * UNIT
        after = self._starts.get(end)
        if after is None or end in self.bases or units + after < wanted:
            return False
        self._remove(end, after)
        if units + after > wanted:
            self._insert(address + wanted * UNIT, units + after - wanted)
        return True

    def largest(self) -> int:
        """Units of the longest free run."""
        return max(self._mask.bit_length() - 1, 0)

    def _insert(self, address: int, units: int) -> None:
        self._starts[address] = units
        self._ends[address + units * UNIT] = address
        self._bins[units].add(address)
        self._mask |= 1 << units

    def _remove(self, address: int, units: int) -> None:
        del self._starts[address]
        del self._ends[address + units * UNIT]
        same = self._bins[units]
        same.discard(address)
        if not same:
            self._mask &= ~(1 << units)


class Heap:
    """One heap.

    Args:
        space: gives and takes back address space.
        mem: guest memory.
        label: what `w9x arena` shows for its ranges.
        maximum: 0 for a growable heap; otherwise the most bytes its blocks may take together.
    """

    def __init__(self, space: Space, mem: Bytes, label: str = "heap", maximum: int = 0) -> None:
        self._space, self._mem, self._label = space, mem, label
        self.maximum = maximum
        self.used = 0
        """Bytes counted against `maximum` (fixed-size heaps only)."""
        self._slabs: dict[int, _Slab] = {}
        self._partial: list[list[_Slab]] = [[] for _ in CLASS_SIZES]
        """Per size class the slabs that have a free block."""
        self._regions = _Regions(space, label)
        self._medium: dict[int, int] = {}
        """Address -> requested size."""
        self._large: dict[int, int] = {}

    # --- blocks ---------------------------------------------------------------------
    def alloc(self, size: int, zero: bool = False) -> int:
        """Address of a new block.

        WinError(ERROR_NOT_ENOUGH_MEMORY) when there is no room. Size 0 is a valid block.
        """
        if self.maximum:
            self._check_room(size)
        if size <= SMALL_MAX:
            kind = _CLASS_OF[(size + 15) >> 4]
            partial = self._partial[kind]
            slab = partial[-1] if partial else self._new_slab(kind)
            free = slab.free
            index = free.pop()
            slab.sizes[index] = size
            if not free:
                partial.pop()
            address = slab.base + index * slab.block
        else:
            address = self._alloc_big(size)
        if self.maximum:
            self.used += size + _FIXED_OVERHEAD
        if zero and size and size < LARGE_MIN:
            self._mem.fill(address, size)
        return address

    def free(self, address: int) -> bool:
        """Release a block; False, and nothing changed, when ``address`` is not one."""
        slab = self._slabs.get(address >> 16)
        if slab is None:
            return self._free_big(address)
        index, rest = divmod(address - slab.base, slab.block)
        sizes = slab.sizes
        size = sizes[index]
        if rest or size == _FREE:
            return False
        sizes[index] = _FREE
        free = slab.free
        partial = self._partial[slab.kind]
        if not free:
            partial.append(slab)
        free.append(index)
        if len(free) == slab.count and len(partial) > 1:
            partial.remove(slab)
            del self._slabs[slab.base >> 16]
            self._space.release(slab.base)
        if self.maximum:
            self.used -= size + _FIXED_OVERHEAD
        return True

    def size(self, address: int) -> int:
        """The requested size of the block at ``address``; -1 when there is none."""
        slab = self._slabs.get(address >> 16)
        if slab is not None:
            index, rest = divmod(address - slab.base, slab.block)
            size = slab.sizes[index]
            return -1 if rest or size == _FREE else size
        size = self._medium.get(address, -1)
        return size if size >= 0 else self._large.get(address, -1)

    def realloc(self, address: int, size: int, zero: bool = False, in_place: bool = False) -> int:
        """The address of the block after changing its size; contents are kept up to the smaller size.

        WinError(ERROR_INVALID_PARAMETER) for a wild pointer, WinError(ERROR_NOT_ENOUGH_MEMORY) when it cannot grow
        (in place, when asked so); the block is then as before.
        """
        old = self.size(address)
        if old < 0:
            raise WinError(Err.INVALID_PARAMETER)
        if self._resize(address, old, size, in_place):
            if zero and size > old:
                self._mem.fill(address + old, size - old)
            return address
        if in_place:
            raise WinError(Err.NOT_ENOUGH_MEMORY)
        new = self.alloc(size)
        self._mem.move(new, address, min(old, size))
        if zero and size > old:
            self._mem.fill(new + old, size - old)
        self.free(address)
        return new

    def blocks(self) -> Iterator[tuple[int, int]]:
        """(address, requested size) of every block in use, by tier and address."""
        for _, slab in sorted(self._slabs.items()):
            for index in range(slab.count):
                size = slab.sizes[index]
                if size != _FREE:
                    yield slab.base + index * slab.block, size
        yield from sorted(self._medium.items())
        yield from sorted(self._large.items())

    def largest_free(self) -> int:
        """HeapCompact's answer: the largest block that would need no further address space (bytes)."""
        run = self._regions.largest() * UNIT
        small = max((CLASS_SIZES[kind] for kind, partial in enumerate(self._partial) if partial), default=0)
        best = max(run, small)
        return min(best, self.maximum - self.used - _FIXED_OVERHEAD) if self.maximum else best

    def destroy(self) -> None:
        """Give every range back; the heap must not be used afterwards."""
        for slab in self._slabs.values():
            self._space.release(slab.base)
        for base in (*self._regions.bases, *self._large):
            self._space.release(base)
        self._slabs.clear()
        self._medium.clear()
        self._large.clear()
        self._regions.bases.clear()

    # --- inside ---------------------------------------------------------------------
    def _check_room(self, size: int) -> None:
        """Whether a fixed-size heap takes the block; it never takes one of `LARGE_MIN` (SDK, HeapCreate)."""
        if size >= LARGE_MIN - 8 or self.used + size + _FIXED_OVERHEAD > self.maximum:
            raise WinError(Err.NOT_ENOUGH_MEMORY)

    def _new_slab(self, kind: int) -> _Slab:
        slab = _Slab(self._space.allocate(SLAB, self._label), kind)
        self._slabs[slab.base >> 16] = slab
        self._partial[kind].append(slab)
        return slab

    def _alloc_big(self, size: int) -> int:
        if size < LARGE_MIN:
            address = self._regions.take(_units(size))
            self._medium[address] = size
        elif size > MAX_BLOCK:
            raise WinError(Err.NOT_ENOUGH_MEMORY)
        else:
            address = self._space.allocate(granule_up(size), self._label)
            self._large[address] = size
        return address

    def _free_big(self, address: int) -> bool:
        size = self._medium.pop(address, -1)
        if size >= 0:
            self._regions.give(address, _units(size))
            if self.maximum:
                self.used -= size + _FIXED_OVERHEAD
            return True
        if self._large.pop(address, -1) >= 0:
            self._space.release(address)
            return True
        return False

    def _resize(self, address: int, old: int, size: int, in_place: bool) -> bool:
        """Change the size without moving the block, where its place allows and no large part of it would lie idle."""
        if self.maximum and self.used + size - old > self.maximum:
            return False
        slab = self._slabs.get(address >> 16)
        if slab is not None:
            if size > slab.block or (not in_place and size * 2 < slab.block and slab.block > 64):
                return False
            slab.sizes[(address - slab.base) // slab.block] = size
        elif address in self._medium:
            units, wanted = _units(old), _units(size)
            if size >= LARGE_MIN or (size <= SMALL_MAX and not in_place):
                return False
            if wanted > units and not self._regions.extend(address, units, wanted):
                return False
            self._medium[address] = size
            if wanted < units:
                self._regions.give(address + wanted * UNIT, units - wanted)
        else:
            room = granule_up(old)
            if size > room or size > MAX_BLOCK or (not in_place and size * 2 < room):
                return False
            self._large[address] = size
        if self.maximum:
            self.used += size - old
        return True


class Heaps:
    """The heaps of one process: the default heap and those of HeapCreate, by handle.

    A handle is the address of a small block, as on Windows, where it is the address of the heap's header.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self._handles = Heap(process.space, process.mem, "heap handles")
        self.default = Heap(process.space, process.mem, "heap")
        self.default_handle = self._handles.alloc(64, zero=True)
        self.by_handle: dict[int, Heap] = {self.default_handle: self.default}

    def create(self, maximum: int) -> int:
        """HeapCreate: a new heap's handle."""
        handle = self._handles.alloc(64, zero=True)
        self.by_handle[handle] = Heap(self._process.space, self._process.mem, "heap", maximum)
        return handle

    def destroy(self, handle: int) -> None:
        """HeapDestroy; WinError(ERROR_INVALID_HANDLE) for what is no heap, and for the default heap."""
        heap = self.by_handle.get(handle)
        if heap is None or heap is self.default:
            raise WinError(Err.INVALID_HANDLE)
        del self.by_handle[handle]
        self._handles.free(handle)
        heap.destroy()
