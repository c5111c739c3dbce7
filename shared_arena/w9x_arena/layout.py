"""The guest's 32-bit address map and the arena file's layout.

Every constant that two processes must agree on stands here and nowhere else. Addresses and sizes are bytes; ranges
are half open ``[start, end)``. The map itself is explained in ``docs/design/architecture.md``.
"""

from __future__ import annotations

PAGE = 0x1000
GRANULARITY = 0x10000
"""VirtualAlloc's allocation granularity (documented: 64 KB)."""

NULL_GUARD_END = 0x0001_0000
LOW_START, LOW_END = 0x0001_0000, 0x0040_0000
SYSTEM_START, SYSTEM_END = 0x0040_0000, 0x8000_0000
DLL_START, DLL_END = 0x8000_0000, 0xC000_0000
PRIVATE_START, PRIVATE_END = 0xC000_0000, 0x1_0000_0000

# --- private area, the same in every process ---------------------------------
GATE = 0xC000_0000
"""Page of engine-written code: the API gate and the return points."""
GATE_API = GATE + 0x000
GATE_CALLBACK_RETURN = GATE + 0x010
CLOCK_PAGE = 0xC000_1000
"""Read-only for the guest: dword 0 = GetTickCount milliseconds."""
DYNAMIC_STUBS, DYNAMIC_STUBS_END = 0xC001_0000, 0xC008_0000
"""Stubs of imports that no module exports, one process's own."""
PROCESS_DATABASE = 0xC008_0000
TIB_START, TIB_END = 0xC010_0000, 0xC030_0000
TIB_STRIDE = 0x2000
PRIVATE_HEAP_START, PRIVATE_HEAP_END = 0xC040_0000, 0xFF00_0000
ENGINE_START = 0xFF00_0000
"""Page tables and descriptor tables of an engine; never visible to the guest."""

# --- arena file ---------------------------------------------------------------
ARENA_FILE_SIZE = DLL_END
"""Offset in the file == guest address for [SYSTEM_START, DLL_END)."""
PAGE_MAP_OFFSET = DLL_END
"""One byte per page of [0, DLL_END): 0 = not committed, else PROT_* bits."""
PAGE_MAP_SIZE = DLL_END // PAGE
HEADER_OFFSET = PAGE_MAP_OFFSET + PAGE_MAP_SIZE
HEADER_SIZE = PAGE
FILE_SIZE = HEADER_OFFSET + HEADER_SIZE

# --- page protection bits (page map, AddressSpace.prot) ------------------------
PROT_READ, PROT_WRITE, PROT_EXEC, PROT_GUARD = 1, 2, 4, 8
PROT_COMMITTED = 0x80
"""Set on every committed page, so that a committed no-access page differs from a free one."""


def page_down(address: int) -> int:
    """The start of the page that holds ``address``."""
    return address & ~(PAGE - 1)


def page_up(address: int) -> int:
    """``address`` rounded up to a page."""
    return (address + PAGE - 1) & ~(PAGE - 1)


def granule_up(size: int) -> int:
    """``size`` rounded up to the allocation granularity."""
    return (size + GRANULARITY - 1) & ~(GRANULARITY - 1)


def in_arena(address: int) -> bool:
    """Whether ``address`` lies in the system or DLL arena."""
    return SYSTEM_START <= address < DLL_END
