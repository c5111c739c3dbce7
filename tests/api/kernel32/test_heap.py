"""HeapAlloc and its family. Expected values: SDK documentation of each function; limits: KB Q198959, HeapCreate."""

from __future__ import annotations

import struct

import pytest

from ..harness import FAILED, Guest

ZERO, IN_PLACE, EXCEPTIONS = 8, 0x10, 4


@pytest.fixture
def heap(guest: Guest) -> int:
    return guest.call("kernel32.GetProcessHeap")


def test_a_block_can_be_written_sized_and_freed(guest: Guest, heap: int) -> None:
    block = guest.call("kernel32.HeapAlloc", heap, 0, 100)
    assert block % 8 == 0
    guest.mem.write(block, b"x" * 100)
    assert guest.call("kernel32.HeapSize", heap, 0, block) == 100
    assert guest.call("kernel32.HeapValidate", heap, 0, block) == 1
    assert guest.call("kernel32.HeapFree", heap, 0, block) == 1


@pytest.mark.parametrize("size", [1, 64, 5000, 60_000, 0x90000])
def test_zeroed_blocks_read_as_zero_where_dirty_ones_were_freed(guest: Guest, heap: int, size: int) -> None:
    block = guest.call("kernel32.HeapAlloc", heap, 0, size)
    guest.mem.fill(block, size, 0xAA)
    guest.call("kernel32.HeapFree", heap, 0, block)
    block = guest.call("kernel32.HeapAlloc", heap, ZERO, size)
    assert not any(guest.mem.read(block, size))


def test_a_double_free_fails_with_invalid_parameter(guest: Guest, heap: int) -> None:
    block = guest.call("kernel32.HeapAlloc", heap, 0, 40)
    guest.call("kernel32.HeapFree", heap, 0, block)
    assert guest.call("kernel32.HeapFree", heap, 0, block) == 0
    assert guest.last_error == 87


@pytest.mark.parametrize("pointer", [1, 0x12345678, 0xFFFFFFFF])
def test_wild_pointers_are_told(guest: Guest, heap: int, pointer: int) -> None:
    assert guest.call("kernel32.HeapFree", heap, 0, pointer) == 0
    assert guest.last_error == 87
    assert guest.call("kernel32.HeapSize", heap, 0, pointer) == FAILED
    assert guest.call("kernel32.HeapValidate", heap, 0, pointer) == 0
    assert guest.call("kernel32.HeapReAlloc", heap, 0, pointer, 8) == 0
    assert guest.last_error == 87


def test_growing_keeps_the_content_and_zeroes_the_growth(guest: Guest, heap: int) -> None:
    block = guest.call("kernel32.HeapAlloc", heap, 0, 10)
    guest.mem.write(block, b"0123456789")
    block = guest.call("kernel32.HeapReAlloc", heap, ZERO, block, 40_000)
    assert guest.mem.read(block, 40_000) == b"0123456789" + bytes(39_990)


def test_in_place_growth_either_stays_or_fails(guest: Guest, heap: int) -> None:
    block = guest.call("kernel32.HeapAlloc", heap, 0, 16)
    assert guest.call("kernel32.HeapReAlloc", heap, IN_PLACE, block, 1_000_000) == 0
    assert guest.call("kernel32.HeapSize", heap, 0, block) == 16
    assert guest.call("kernel32.HeapReAlloc", heap, IN_PLACE, block, 4) == block


def test_a_heap_of_its_own_is_gone_after_heap_destroy(guest: Guest) -> None:
    handle = guest.call("kernel32.HeapCreate", 0, 0, 0)
    assert guest.call("kernel32.HeapAlloc", handle, 0, 3_000_000)
    assert guest.call("kernel32.HeapDestroy", handle) == 1
    assert guest.call("kernel32.HeapAlloc", handle, 0, 8) == 0
    assert guest.last_error == 6


def test_the_process_heap_cannot_be_destroyed(guest: Guest, heap: int) -> None:
    assert guest.call("kernel32.HeapDestroy", heap) == 0
    assert guest.call("kernel32.HeapAlloc", heap, 0, 8)


def test_a_fixed_heap_is_full_at_its_maximum(guest: Guest) -> None:
    handle = guest.call("kernel32.HeapCreate", 0, 0x1000, 0x10000)
    assert guest.call("kernel32.HeapAlloc", handle, 0, 0x8000)
    assert guest.call("kernel32.HeapAlloc", handle, 0, 0x8000) == 0
    assert guest.last_error == 8


def test_no_heap_takes_more_than_256_megabytes_at_once(guest: Guest, heap: int) -> None:
    assert guest.call("kernel32.HeapAlloc", heap, 0, 0x1000_0000) == 0
    assert guest.last_error == 8


def test_generate_exceptions_raises_no_memory_in_the_caller(guest: Guest, heap: int) -> None:
    from ..harness import GuestDied

    with pytest.raises(GuestDied) as died:
        guest.call("kernel32.HeapAlloc", heap, EXCEPTIONS, 0x7000_0000)
    assert died.value.code == 0xC0000017


def test_heap_walk_tells_every_block_once(guest: Guest) -> None:
    handle = guest.call("kernel32.HeapCreate", 0, 0, 0)
    sizes = [8, 8, 300, 20_000, 0x90000]
    blocks = {guest.call("kernel32.HeapAlloc", handle, 0, size): size for size in sizes}
    entry = guest.buffer(bytes(28))
    seen = {}
    while guest.call("kernel32.HeapWalk", handle, entry):
        address, size = struct.unpack_from("<II", entry.bytes)
        assert address not in seen
        seen[address] = size
    assert guest.last_error == 259
    assert seen == blocks


def test_process_heaps_counts_even_without_room(guest: Guest, heap: int) -> None:
    other = guest.call("kernel32.HeapCreate", 0, 0, 0)
    count = guest.call("kernel32.GetProcessHeaps", 0, 0)
    handles = guest.buffer(4 * count)
    assert guest.call("kernel32.GetProcessHeaps", count, handles) == count
    assert {heap, other} <= set(struct.unpack(f"<{count}I", handles.bytes))


def test_unlocking_what_is_not_locked_fails(guest: Guest, heap: int) -> None:
    assert guest.call("kernel32.HeapLock", heap) == 1
    assert guest.call("kernel32.HeapUnlock", heap) == 1
    assert guest.call("kernel32.HeapUnlock", heap) == 0
