"""Placing an image in guest memory.

Owns the decision which pages of an image are shared and which are one copy per process, base relocation, and
page protection. Interface: `map_image`, `page_bits`. Nobody else writes into an image's pages before its
imports are bound.

Sharing (as Windows 9x): read-only pages are shared by all processes that have the image at this base. Writable
sections are one copy per process, except those marked IMAGE_SCN_MEM_SHARED and all of a module in the DLL
arena. Pages that hold an import address table or the TLS index are always one copy per process, because their
values differ from process to process.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from w9x_arena.layout import DLL_START, PAGE, PROT_EXEC, PROT_READ, PROT_WRITE, page_up

from .directories import REL_HIGH, REL_HIGHADJ, REL_HIGHLOW
from .image import SCN_CODE, SCN_EXECUTE, SCN_SHARED, SCN_WRITE, PeImage, Section

if TYPE_CHECKING:
    from w9x_client.engine.records import Placement

    from .host import Space


def page_bits(section: Section, entry: int) -> int:
    """Protection of a section's pages.

    Windows 9x executes any readable page; execution is left out of plain data only because engines are faster
    without it, and granted at the first fetch (`AddressSpace.page_in_exec`).
    """
    bits = PROT_READ
    if section.flags & SCN_WRITE:
        bits |= PROT_WRITE
    if section.flags & (SCN_EXECUTE | SCN_CODE) or section.rva <= entry < section.end:
        bits |= PROT_EXEC
    return bits


class Plan:
    """What happens to each page of an image at ``base``; computed before any page is touched."""

    def __init__(self, image: PeImage, base: int, data_only: bool = False) -> None:
        pages = image.size_of_image // PAGE
        self.image, self.base = image, base
        self.bits = bytearray(pages)
        """layout.PROT_* per page; 0 = not committed."""
        self.private = bytearray(pages)
        """1 = one copy per process."""
        self._cover(0, image.header_size, PROT_READ, False)
        for section in image.sections:
            private = bool(section.flags & SCN_WRITE) and not section.flags & SCN_SHARED and base < DLL_START
            self._cover(section.rva, section.size, page_bits(section, image.entry), private)
        if not data_only:
            for dll in image.imports:
                self._cover(dll.iat_rva, 4 * len(dll.functions), 0, True)
            if image.tls is not None:
                self._cover(image.tls.index, 4, 0, True)
        self.chunks: list[tuple[int, memoryview]] = []
        """(rva, bytes) of everything that comes from the file."""
        view = memoryview(image.data)
        self.chunks.append((0, view[: image.header_size]))
        for section in image.sections:
            if section.raw_size:
                self.chunks.append((section.rva, view[section.raw_offset : section.raw_offset + section.raw_size]))
        if base != image.image_base and not data_only:
            self._relocate()

    def _cover(self, rva: int, size: int, bits: int, private: bool) -> None:
        for page in range(rva // PAGE, page_up(rva + size) // PAGE):
            self.bits[page] |= bits
            if private:
                self.private[page] = 1

    def _relocate(self) -> None:
        """Apply the base relocations to copies of the chunks."""
        image = self.image
        delta = self.base - image.image_base
        memory = bytearray(max(rva + len(chunk) for rva, chunk in self.chunks) + 4)
        for rva, chunk in self.chunks:
            memory[rva : rva + len(chunk)] = chunk
        dword, word = struct.Struct("<I"), struct.Struct("<H")
        limit = len(memory) - 4
        for rva, kind, low in image.relocations():
            if rva > limit:
                continue  # zero-filled memory behind the file's data
            if kind == REL_HIGHLOW:
                dword.pack_into(memory, rva, (dword.unpack_from(memory, rva)[0] + delta) & 0xFFFFFFFF)
                continue
            (value,) = word.unpack_from(memory, rva)
            if kind == REL_HIGHADJ:
                signed_low = (low ^ 0x8000) - 0x8000
                value = ((value << 16) + signed_low + delta + 0x8000) >> 16
            elif kind == REL_HIGH:
                value = ((value << 16) + delta) >> 16
            else:
                value += delta
            word.pack_into(memory, rva, value & 0xFFFF)
        view = memoryview(memory)
        self.chunks = [(rva, view[rva : rva + len(chunk)]) for rva, chunk in self.chunks]

    def runs(self, wanted: bytearray) -> list[tuple[int, int, int]]:
        """(rva, size, value) of each run of equal non-zero bytes in a per-page table."""
        found: list[tuple[int, int, int]] = []
        page, count = 0, len(wanted)
        while page < count:
            value = wanted[page]
            start = page
            page += 1
            while page < count and wanted[page] == value:
                page += 1
            if value:
                found.append((start * PAGE, (page - start) * PAGE, value))
        return found


def map_image(space: Space, image: PeImage, key: str, label: str, data_only: bool = False) -> Placement:
    """Put ``image`` into guest memory; ImageError (damaged relocations) or WinError (no room) leave nothing behind.

    Args:
        key: identity of the file's content; equal keys share pages between processes.
        label: what `w9x arena` shows.
        data_only: for LOAD_LIBRARY_AS_DATAFILE: not relocated, no page kept back for imports; needs a key of its own.
    """
    placement = space.place_image(key, image.image_base, image.size_of_image, image.relocatable, label)
    try:
        plan = Plan(image, placement.base, data_only)
        base = placement.base
        private_runs = plan.runs(plan.private)
        if placement.shared:
            for rva, size, _value in private_runs:
                space.back_private(base + rva, size)
        if placement.shared and not placement.fresh:
            targets = [(rva, rva + size) for rva, size, _value in private_runs]
        else:
            targets = [(0, image.size_of_image)]
        for rva, chunk in plan.chunks:
            for start, end in targets:
                low, high = max(start, rva), min(end, rva + len(chunk))
                if low < high:
                    space.poke(base + low, chunk[low - rva : high - rva])
        for rva, size, bits in plan.runs(plan.bits):
            space.protect_image(base + rva, size, bits)
        if placement.shared and placement.fresh:
            space.image_ready(placement)
    except BaseException:
        space.release_image(placement)
        raise
    return placement
