"""Which pages of an image are shared, what is written where, and with which protection."""

from __future__ import annotations

import struct

import pytest

from w9x_arena.layout import PAGE, PROT_EXEC, PROT_READ, PROT_WRITE
from w9x_client.abi import Err, WinError
from w9x_client.engine.space import Placement
from w9x_client.loader import ImageError, image, mapper, parse, pewriter

from .support import CODE, DATA, RDATA, make_pe

R, RW, RX, RWX = PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC, PROT_READ | PROT_WRITE | PROT_EXEC


class FakeSpace:
    """Records what the mapper does; memory is a dictionary of pages."""

    def __init__(self, base: int, *, fresh: bool = True, shared: bool = True) -> None:
        self.answer = (base, fresh, shared)
        self.private: set[int] = set()
        self.written: dict[int, int] = {}
        """Address -> byte."""
        self.bits: dict[int, int] = {}
        self.events: list[str] = []

    def place_image(self, key: str, preferred: int, size: int, relocatable: bool, label: str) -> Placement:
        base, fresh, shared = self.answer
        self.events.append("place")
        return Placement(base, size, fresh, shared, key)

    def image_ready(self, placement: Placement) -> None:
        self.events.append("ready")

    def release_image(self, placement: Placement) -> None:
        self.events.append("release")

    def back_private(self, address: int, size: int) -> None:
        assert address % PAGE == 0
        assert size % PAGE == 0
        self.private |= set(range(address, address + size, PAGE))

    def protect_image(self, address: int, size: int, prot: int) -> None:
        assert address % PAGE == 0
        for page in range(address, address + size, PAGE):
            self.bits[page] = prot

    def poke(self, address: int, data: bytes | memoryview) -> None:
        for offset, byte in enumerate(data):
            self.written[address + offset] = byte

    def dword(self, address: int) -> int:
        return int.from_bytes(bytes(self.written[address + n] for n in range(4)), "little")

    @property
    def pages_written(self) -> set[int]:
        return {address & ~(PAGE - 1) for address in self.written}


BASE = 0x40_0000
BUILT = make_pe(imports={"a.dll": ["F"]}, relocations=[0x2000], data=struct.pack("<I", BASE + 0x1234))


def mapped(space: FakeSpace, data: bytes = BUILT.data, **options: bool) -> Placement:
    return mapper.map_image(space, parse(data), "key", "label", **options)


def test_a_fresh_shared_image_gets_its_pages_and_is_then_announced() -> None:
    space = FakeSpace(BASE)
    mapped(space)
    assert space.pages_written == {BASE + n * PAGE for n in range(5)}
    assert space.events == ["place", "ready"]
    assert space.dword(BASE + 0x2000) == BASE + 0x1234


def test_writable_sections_and_the_import_table_are_one_copy_per_process() -> None:
    space = FakeSpace(BASE)
    mapped(space)
    assert space.private == {BASE + 0x2000, BASE + 0x3000}


def test_of_an_image_that_is_there_already_only_the_private_pages_are_written() -> None:
    space = FakeSpace(BASE, fresh=False)
    mapped(space)
    assert space.pages_written == {BASE + 0x2000, BASE + 0x3000}
    assert "ready" not in space.events
    assert space.bits[BASE + 0x1000] == RX


def test_an_overlay_is_written_whole_and_needs_no_private_pages() -> None:
    space = FakeSpace(BASE, shared=False)
    mapped(space)
    assert space.private == set()
    assert BASE + 0x1000 in space.pages_written
    assert space.events == ["place"]


def test_a_module_in_the_dll_arena_shares_its_data_but_not_its_import_table() -> None:
    space = FakeSpace(0xB000_0000)
    mapped(space)
    assert space.private == {0xB000_3000}
    assert space.dword(0xB000_2000) == 0xB000_1234


def test_a_section_marked_shared_is_shared() -> None:
    space = FakeSpace(BASE)
    mapped(space, make_pe(data_flags=DATA | image.SCN_SHARED).data)
    assert space.private == set()


def test_the_page_of_the_tls_index_is_private_even_in_the_dll_arena() -> None:
    data = make_pe(base=0xB000_0000, tls=(b"x", 0)).data
    tls = parse(data).tls
    assert tls is not None
    space = FakeSpace(0xB000_0000)
    mapped(space, data)
    assert space.private == {0xB000_0000 + (tls.index & ~(PAGE - 1))}


def test_protection_follows_the_section_flags() -> None:
    sections = [
        pewriter.SectionSpec("code", 0x1000, b"\xc3", CODE),
        pewriter.SectionSpec("const", 0x2000, b"x", RDATA),
        pewriter.SectionSpec("data", 0x3000, b"x", DATA),
        pewriter.SectionSpec("packed", 0x4000, b"\xc3", 0xE000_0040),
        pewriter.SectionSpec("entry", 0x5000, b"\xc3", DATA),
        pewriter.SectionSpec("none", 0x6000, b"x", 0),
    ]
    space = FakeSpace(BASE)
    mapped(space, pewriter.write_pe(sections, base=BASE, directories={}, entry=0x5000, size_of_image=0x9000))
    assert [space.bits.get(BASE + n * PAGE, 0) for n in range(9)] == [R, RX, R, RW, RWX, RWX, R, 0, 0]


def test_sections_that_share_a_page_have_the_rights_of_both() -> None:
    sections = [pewriter.SectionSpec("a", 0x400, b"A" * 16, CODE), pewriter.SectionSpec("b", 0x600, b"B" * 16, DATA)]
    data = pewriter.write_pe(
        sections, base=BASE, directories={}, entry=0x400, section_alignment=0x200, size_of_image=0x800
    )
    space = FakeSpace(BASE)
    mapped(space, data)
    assert space.bits == {BASE: RWX}
    assert space.private == {BASE}
    assert space.written[BASE + 0x400] == ord("A")
    assert space.written[BASE + 0x600] == ord("B")
    assert space.written[BASE] == ord("M")


@pytest.mark.parametrize(
    ("kind", "low", "before", "delta", "after"),
    # PE/COFF specification 8.3, section 6.6.2: what each type adds to the 16- or 32-bit field
    [
        (3, None, 0x0040_1234, 0x0123_4000, 0x0163_5234),
        (1, None, 0x0040, 0x0123_0000, 0x0163),
        (2, None, 0x1234, 0x0123_0000, 0x1234),
        (4, 0x7FFF, 0x0040, 0x0123_0000, 0x0163),
        (4, 0x8000, 0x0040, 0x0123_0000, 0x0163),
    ],
)
def test_relocation_types(kind: int, low: int | None, before: int, delta: int, after: int) -> None:
    entries = [kind << 12, *([] if low is None else [low])]
    entries += [0] * (len(entries) & 1)
    table = struct.pack(f"<II{len(entries)}H", 0x1000, 8 + 2 * len(entries), *entries)
    sections = [
        pewriter.SectionSpec(".text", 0x1000, struct.pack("<I", before), CODE),
        pewriter.SectionSpec(".reloc", 0x2000, table, RDATA),
    ]
    data = pewriter.write_pe(sections, base=BASE, directories={image.DIR_RELOC: (0x2000, len(table))}, entry=0x1000)
    space = FakeSpace(BASE + delta)
    mapped(space, data)
    assert space.dword(BASE + delta + 0x1000) == after


def test_damaged_relocations_matter_only_when_the_image_moves() -> None:
    data = make_pe(relocations=[0x2000]).data
    broken = parse(data)
    rva, size = broken.directory_table[image.DIR_RELOC]
    offset = broken.extent(rva)[0]
    bad = data[:offset] + struct.pack("<II", 0x2000, 5) + data[offset + 8 :]
    mapped(FakeSpace(BASE), bad)
    space = FakeSpace(BASE + 0x10_0000)
    with pytest.raises(ImageError):
        mapped(space, bad)
    assert space.events == ["place", "release"]
    space = FakeSpace(BASE + 0x10_0000)
    mapped(space, bad, data_only=True)
    assert size
    assert space.dword(BASE + 0x10_0000 + 0x1000) == 0xC3C3C3C3


def test_no_room_leaves_nothing_behind() -> None:
    class Full(FakeSpace):
        def place_image(self, *_: object) -> Placement:
            raise WinError(Err.NOT_ENOUGH_MEMORY)

    space = Full(BASE)
    with pytest.raises(WinError):
        mapped(space)
    assert space.events == []
