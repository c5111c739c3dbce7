"""The SDK's PAGE_* constants and their translation to the page bits of `w9x_arena.layout`.

Windows 9x knows three protections, no-access, read-only and read-write, because its page tables have no execute
bit: the PAGE_EXECUTE_* and PAGE_*COPY constants are accepted and mean the nearest of them (SDK, "Working with
Pages": VirtualQuery tells PAGE_READONLY, PAGE_READWRITE and PAGE_NOACCESS apart). PROT_EXEC still follows what the
program asked for, since engines keep data pages non-executable for speed; `AddressSpace.page_in_exec` grants it to
any readable page at its first fetch, so it is no property of a page that a program may see.
"""

from __future__ import annotations

from w9x_arena.layout import PROT_EXEC, PROT_GUARD, PROT_READ, PROT_WRITE

PAGE_NOACCESS = 0x01
PAGE_READONLY = 0x02
PAGE_READWRITE = 0x04
PAGE_WRITECOPY = 0x08
PAGE_EXECUTE = 0x10
PAGE_EXECUTE_READ = 0x20
PAGE_EXECUTE_READWRITE = 0x40
PAGE_EXECUTE_WRITECOPY = 0x80
PAGE_GUARD = 0x100
PAGE_NOCACHE = 0x200

_TO_BITS = {
    PAGE_NOACCESS: 0,
    PAGE_READONLY: PROT_READ,
    PAGE_READWRITE: PROT_READ | PROT_WRITE,
    PAGE_WRITECOPY: PROT_READ | PROT_WRITE,
    PAGE_EXECUTE: PROT_READ | PROT_EXEC,
    PAGE_EXECUTE_READ: PROT_READ | PROT_EXEC,
    PAGE_EXECUTE_READWRITE: PROT_READ | PROT_WRITE | PROT_EXEC,
    PAGE_EXECUTE_WRITECOPY: PROT_READ | PROT_WRITE | PROT_EXEC,
}


def to_bits(protect: int) -> int | None:
    """The PROT_* bits of a PAGE_* value; None where it is no valid protection.

    PAGE_GUARD and PAGE_NOCACHE may be added to anything but PAGE_NOACCESS (SDK, VirtualAlloc).
    """
    bits = _TO_BITS.get(protect & 0xFF)
    if bits is None or protect & ~0x3FF or (protect & 0x300 and protect & PAGE_NOACCESS):
        return None
    return bits | PROT_GUARD if protect & PAGE_GUARD else bits


def from_bits(bits: int) -> int:
    """The PAGE_* value that VirtualQuery and VirtualProtect report for PROT_* ``bits``."""
    if not bits & PROT_READ:
        return PAGE_NOACCESS
    page = PAGE_READWRITE if bits & PROT_WRITE else PAGE_READONLY
    return page | PAGE_GUARD if bits & PROT_GUARD else page
