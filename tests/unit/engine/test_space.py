"""The address space on its own (no daemon): VirtualAlloc's rules, protection, stacks, images."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from w9x_arena import layout
from w9x_arena.layout import PAGE, PROT_EXEC, PROT_GUARD, PROT_READ, PROT_WRITE
from w9x_client.abi import Err, GuestFault, WinError
from w9x_client.engine.space import AddressSpace

RW = PROT_READ | PROT_WRITE


@pytest.fixture
def space() -> AddressSpace:
    return AddressSpace()


class Recorder:
    """A page listener that keeps the protection it was told."""

    def __init__(self) -> None:
        self.pages: dict[int, int] = {}

    def set_pages(self, first: int, count: int, bits: int) -> None:
        self.pages.update(dict.fromkeys(range(first, first + count), bits))

    def code_written(self, address: int, size: int) -> None:
        self.written = (address, size)


def error_of(call: object, *arguments: object, **options: object) -> int:
    with pytest.raises(WinError) as caught:
        call(*arguments, **options)  # type: ignore[operator]  # any bound method
    return caught.value.code


def test_reserved_memory_faults_until_it_is_committed(space: AddressSpace) -> None:
    base = space.reserve(0x20000)
    assert base % layout.GRANULARITY == 0
    with pytest.raises(GuestFault):
        space.mem.read(base, 1)
    space.commit(base + PAGE, PAGE)
    assert space.mem.read(base + PAGE, PAGE) == bytes(PAGE)
    with pytest.raises(GuestFault) as fault:
        space.mem.write(base + 2 * PAGE - 2, b"1234")
    assert fault.value.address == base + 2 * PAGE and fault.value.write
    assert space.mem.read(base + 2 * PAGE - 2, 2) == b"\0\0", "a failing write leaves nothing behind"


def test_a_fixed_address_is_rounded_down_to_64k(space: AddressSpace) -> None:
    assert space.reserve(0x100, 0x10012345) == 0x10010000
    assert error_of(space.reserve, 0x100, 0x10010000) == Err.INVALID_ADDRESS


@pytest.mark.parametrize("address", [0x1000, 0x3FFF0000 + 0x90000000, 0x7FFF0000])
def test_a_range_outside_one_arena_is_refused(space: AddressSpace, address: int) -> None:
    assert error_of(space.reserve, 0x20000, address) == Err.INVALID_ADDRESS


def test_decommitted_pages_come_back_as_zero(space: AddressSpace) -> None:
    base = space.allocate(4 * PAGE, "t")
    space.mem.write(base, b"x" * 4 * PAGE)
    space.decommit(base + PAGE, PAGE)
    assert not space.mem.readable(base + PAGE, 1)
    space.commit(base + PAGE, PAGE)
    assert space.mem.read(base, 2 * PAGE) == b"x" * PAGE + bytes(PAGE)


def test_release_needs_the_base(space: AddressSpace) -> None:
    base = space.allocate(0x30000, "t")
    assert error_of(space.release, base + 0x10000) == Err.INVALID_ADDRESS
    space.release(base)
    assert error_of(space.release, base) == Err.INVALID_ADDRESS
    assert space.reserve(0x30000, base) == base


def test_protect_answers_with_the_old_bits_and_wants_committed_pages(space: AddressSpace) -> None:
    base = space.reserve(0x10000)
    assert error_of(space.protect, base, 1, PROT_READ) == Err.INVALID_ADDRESS
    space.commit(base, 2 * PAGE)
    assert space.protect(base, 1, PROT_READ) == RW
    with pytest.raises(GuestFault):
        space.mem.put8(base, 1)
    space.mem.put8(base + PAGE, 1)


def test_the_engine_hears_of_every_page(space: AddressSpace) -> None:
    early = space.allocate(PAGE, "early")
    recorder = Recorder()
    space.attach_engine(recorder)
    late = space.allocate(PAGE, "late", RW | PROT_EXEC)
    assert recorder.pages[early // PAGE] & 7 == RW
    assert recorder.pages[late // PAGE] & 7 == RW | PROT_EXEC
    space.mem.write(late + 5, b"\x90")
    assert recorder.written == (late + 5, 1)
    space.release(late)
    assert recorder.pages[late // PAGE] == 0


def test_query_reports_runs_inside_one_reservation(space: AddressSpace) -> None:
    base = space.reserve(0x20000, 0x20000000)
    space.commit(base + PAGE, 2 * PAGE, PROT_READ)
    first, second, third = (space.query(base + n * PAGE) for n in (0, 2, 3))
    assert (first.state, first.size, first.allocation_base) == ("reserved", PAGE, base)
    assert (second.state, second.base, second.size, second.prot) == ("committed", base + 2 * PAGE, PAGE, PROT_READ)
    assert (third.state, third.size) == ("reserved", 0x20000 - 3 * PAGE)
    free = space.query(base + 0x20000)
    assert free.state == "free" and free.size >= PAGE


def test_guard_pages_ask_the_stack_to_grow(space: AddressSpace) -> None:
    base = space.reserve(0x10000)
    space.commit(base, PAGE, RW | PROT_GUARD)
    asked: list[int] = []

    def grow(address: int) -> bool:
        asked.append(address)
        space.commit(base, PAGE, RW)
        return True

    space.grow_stack = grow
    space.mem.put32(base + 8, 7)
    assert asked == [base + 8] and space.mem.u32(base + 8) == 7


def test_a_readable_page_becomes_executable_on_demand(space: AddressSpace) -> None:
    base = space.allocate(PAGE, "t", PROT_READ)
    assert space.page_in_exec(base)
    assert space.prot[base // PAGE] & PROT_EXEC
    assert not space.page_in_exec(base + 0x10000)


def test_two_images_with_one_base(space: AddressSpace) -> None:
    first = space.place_image("a", 0x400000, 0x5000, False, "A.EXE")
    assert first.base == 0x400000
    assert error_of(space.place_image, "b", 0x400000, 0x5000, False, "B.DLL") == Err.INVALID_ADDRESS
    moved = space.place_image("c", 0x400000, 0x5000, True, "C.DLL")
    assert moved.base not in (0, 0x400000)


def test_a_file_view_shows_the_file_and_writes_through(space: AddressSpace, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"hello" + bytes(0x10000))
    fd = os.open(path, os.O_RDWR)
    base = space.map_file(fd, 0, 0x2000, RW, shared=True, label="view")
    assert base >= layout.DLL_START
    assert space.mem.cstr(base) == b"hello"
    space.mem.write(base, b"J")
    space.release(base)
    os.close(fd)
    assert path.read_bytes()[:5] == b"Jello"
    assert not space.mem.readable(base, 1)


def test_the_null_page_is_never_readable(space: AddressSpace) -> None:
    for address in (0, 0xFFFF):
        with pytest.raises(GuestFault):
            space.mem.read(address, 1)


@pytest.mark.parametrize(("address", "size"), [(0xFFFFFFFF, 2), (-1, 1), (0xFFFFF000, 0x10000000)])
def test_ranges_that_wrap_fault(space: AddressSpace, address: int, size: int) -> None:
    with pytest.raises(GuestFault):
        space.mem.read(address, size)


def test_strings_end_at_their_terminator_even_across_pages(space: AddressSpace) -> None:
    base = space.allocate(2 * PAGE, "t")
    space.mem.write(base + PAGE - 3, b"abcdef\0")
    assert space.mem.cstr(base + PAGE - 3) == b"abcdef"
    space.mem.write(base + PAGE - 3, "xyz".encode("utf-16-le") + b"\0\0")
    assert space.mem.wide(base + PAGE - 3) == "xyz"
    space.mem.write(base + 2 * PAGE - 3, b"abc")
    with pytest.raises(GuestFault):
        space.mem.cstr(base + 2 * PAGE - 3)
