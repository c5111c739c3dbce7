"""GlobalAlloc and LocalAlloc. Expected values: SDK documentation of each function."""

from __future__ import annotations

import struct

import pytest

from ..harness import Guest

MOVEABLE, ZEROINIT, MODIFY, DISCARDABLE, DISCARDED, INVALID = 2, 0x40, 0x80, 0x100, 0x4000, 0x8000
FAMILIES = pytest.mark.parametrize("family", ["Global", "Local"])


@FAMILIES
def test_fixed_memory_is_its_own_handle(guest: Guest, family: str) -> None:
    address = guest.call(f"kernel32.{family}Alloc", ZEROINIT, 50)
    assert guest.mem.read(address, 50) == bytes(50)
    assert guest.call(f"kernel32.{family}Lock", address) == address
    assert guest.call(f"kernel32.{family}Handle", address) == address
    assert guest.call(f"kernel32.{family}Size", address) == 50
    assert guest.call(f"kernel32.{family}Free", address) == 0


@FAMILIES
def test_a_moveable_handle_is_not_its_pointer_but_points_to_it(guest: Guest, family: str) -> None:
    handle = guest.call(f"kernel32.{family}Alloc", MOVEABLE | ZEROINIT, 50)
    address = guest.call(f"kernel32.{family}Lock", handle)
    assert address not in (0, handle)
    assert guest.mem.u32(handle) == address
    assert guest.call(f"kernel32.{family}Handle", address) == handle
    assert guest.call(f"kernel32.{family}Free", handle) == 0
    assert guest.call(f"kernel32.{family}Lock", handle) == 0
    assert guest.last_error == 6


@FAMILIES
def test_locks_are_counted(guest: Guest, family: str) -> None:
    handle = guest.call(f"kernel32.{family}Alloc", MOVEABLE, 50)
    guest.call(f"kernel32.{family}Lock", handle)
    guest.call(f"kernel32.{family}Lock", handle)
    assert guest.call(f"kernel32.{family}Flags", handle) == 2
    assert guest.call(f"kernel32.{family}Unlock", handle) == 1
    assert guest.call(f"kernel32.{family}Unlock", handle) == 0
    assert guest.last_error == 0
    assert guest.call(f"kernel32.{family}Unlock", handle) == 0
    assert guest.last_error == 158


def test_unlocking_fixed_memory_differs_between_the_families(guest: Guest) -> None:
    address = guest.call("kernel32.GlobalAlloc", 0, 8)
    assert guest.call("kernel32.GlobalUnlock", address) == 1
    assert guest.call("kernel32.LocalUnlock", address) == 0
    assert guest.last_error == 158


@FAMILIES
def test_growing_keeps_content(guest: Guest, family: str) -> None:
    handle = guest.call(f"kernel32.{family}Alloc", MOVEABLE, 4)
    guest.mem.write(guest.call(f"kernel32.{family}Lock", handle), b"abcd")
    guest.call(f"kernel32.{family}Unlock", handle)
    assert guest.call(f"kernel32.{family}ReAlloc", handle, 9000, ZEROINIT) == handle
    address = guest.call(f"kernel32.{family}Lock", handle)
    assert guest.mem.read(address, 9000) == b"abcd" + bytes(8996)


@FAMILIES
def test_fixed_memory_moves_only_where_that_is_allowed(guest: Guest, family: str) -> None:
    address = guest.call(f"kernel32.{family}Alloc", 0, 16)
    assert guest.call(f"kernel32.{family}ReAlloc", address, 100_000, 0) == 0
    assert guest.last_error == 8
    assert guest.call(f"kernel32.{family}Size", address) == 16
    moved = guest.call(f"kernel32.{family}ReAlloc", address, 100_000, MOVEABLE)
    assert guest.call(f"kernel32.{family}Size", moved) == 100_000


@FAMILIES
def test_size_zero_discards_and_a_new_size_brings_back(guest: Guest, family: str) -> None:
    handle = guest.call(f"kernel32.{family}Alloc", MOVEABLE, 100)
    assert guest.call(f"kernel32.{family}ReAlloc", handle, 0, MOVEABLE) == handle
    assert guest.call(f"kernel32.{family}Flags", handle) == DISCARDED
    assert guest.call(f"kernel32.{family}Lock", handle) == 0
    assert guest.last_error == 157
    assert guest.call(f"kernel32.{family}ReAlloc", handle, 10, MOVEABLE) == handle
    assert guest.call(f"kernel32.{family}Lock", handle)


@FAMILIES
def test_a_locked_block_is_not_discarded(guest: Guest, family: str) -> None:
    handle = guest.call(f"kernel32.{family}Alloc", MOVEABLE, 100)
    address = guest.call(f"kernel32.{family}Lock", handle)
    assert guest.call(f"kernel32.{family}ReAlloc", handle, 0, MOVEABLE) == 0
    assert guest.mem.u32(handle) == address


@FAMILIES
def test_modify_makes_fixed_memory_moveable(guest: Guest, family: str) -> None:
    address = guest.call(f"kernel32.{family}Alloc", 0, 16)
    handle = guest.call(f"kernel32.{family}ReAlloc", address, 0, MODIFY | MOVEABLE)
    assert handle not in (0, address)
    assert guest.call(f"kernel32.{family}Lock", handle) == address


@FAMILIES
def test_bad_handles_have_documented_answers(guest: Guest, family: str) -> None:
    assert guest.call(f"kernel32.{family}Free", 0x12340) == 0x12340
    assert guest.last_error == 6
    assert guest.call(f"kernel32.{family}Flags", 0x12340) == INVALID
    assert guest.call(f"kernel32.{family}Size", 0x12340) == 0
    assert guest.call(f"kernel32.{family}Free", 0) == 0


def test_memory_status_fits_signed_numbers(guest: Guest) -> None:
    status = guest.buffer(32)
    guest.call("kernel32.GlobalMemoryStatus", status)
    length, load, *amounts = struct.unpack("<8I", status.bytes)
    assert length == 32
    assert 0 <= load <= 100
    assert all(0 < amount < 0x80000000 for amount in amounts)
    total, available = amounts[0], amounts[1]
    assert available <= total
    assert amounts[4] == 0x7FC00000, "2 GB less the 4 MB below the private arena"
