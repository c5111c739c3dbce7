"""PAE page tables for an emulated CPU, in guest-physical memory that the guest cannot see.

Linear == physical for every present page, so the tables carry only protection. No-execute data is what makes stores
fast in Unicorn: a page that cannot hold code needs no check for self- modification (measured 30–46 ns per store
without, 4–5 ns with).
"""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Iterator

from w9x_arena import layout
from w9x_arena.layout import PROT_COMMITTED, PROT_EXEC, PROT_GUARD, PROT_READ, PROT_WRITE

_P, _W, _U, _NX = 1, 2, 4, 1 << 63
PDPT = layout.ENGINE_START
_DIRECTORIES = PDPT + 0x1000
_TABLES = PDPT + 0x8000
_TABLES_SIZE = 0x80_0000
DESCRIPTORS = _TABLES + _TABLES_SIZE
"""First free address behind the tables: GDT and LDT."""
ENGINE_END = DESCRIPTORS + 0x2_0000


def _entry_flags(bits: int) -> int:
    """Low and high bits of a page table entry for `layout.PROT_*` bits; 0 = not present."""
    if not bits & PROT_COMMITTED or bits & PROT_GUARD or not bits & (PROT_READ | PROT_WRITE | PROT_EXEC):
        return 0
    flags = _P | _U
    if bits & PROT_WRITE:
        flags |= _W
    if not bits & PROT_EXEC:
        flags |= _NX
    return flags


_FLAGS = tuple(_entry_flags(bits) for bits in range(256))


class PageTables:
    """The tables, over the process's view of its whole memory."""

    def __init__(self, ram: memoryview) -> None:
        self._entries = ram[_TABLES : _TABLES + _TABLES_SIZE].cast("Q")
        pdpt = ram[PDPT : PDPT + 32].cast("Q")
        for index in range(4):
            pdpt[index] = (_DIRECTORIES + index * 0x1000) | _P
        directories = ram[_DIRECTORIES : _DIRECTORIES + 4 * 0x1000].cast("Q")
        step = 0x1000
        first = _TABLES | _P | _W | _U
        directories[:] = memoryview(array("Q", range(first, first + 2048 * step, step)))
        system = range(PDPT | _P | _W, ENGINE_END | _P | _W, step)
        low = PDPT // step
        for index, value in enumerate(system):
            self._entries[low + index] = value  # supervisor; executable for the way into ring 3

    @contextlib.contextmanager
    def user_page(self, address: int) -> Iterator[None]:
        """Let ring 3 fetch from a system page, for the moment the engine enters ring 3."""
        entry = self._entries[address >> 12]
        self._entries[address >> 12] = entry | _U
        yield
        self._entries[address >> 12] = entry

    def set(self, first: int, count: int, bits: int) -> bool:
        """Set ``count`` pages; True when the processor may hold older entries and must flush."""
        entries = self._entries
        flags = _FLAGS[bits]
        if count == 1:
            had = entries[first] & _P
            entries[first] = (first << 12) | flags if flags else 0
            return bool(had)
        had = any(entries[page] & _P for page in (first, first + count - 1, first + count // 2))
        if count > 64 or not had:
            had = had or any(value & _P for value in entries[first : first + count])
        if flags:
            start = (first << 12) | flags
            entries[first : first + count] = memoryview(array("Q", range(start, start + (count << 12), 0x1000)))
        else:
            entries[first : first + count] = memoryview(array("Q", bytes(8 * count)))
        return bool(had)
