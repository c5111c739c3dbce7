"""VirtualAlloc and its family, and IsBad*. Expected values: SDK documentation."""

from __future__ import annotations

import struct

import pytest

from ..harness import Guest

COMMIT, RESERVE, DECOMMIT, RELEASE, FREE, TOP_DOWN, RESET = 0x1000, 0x2000, 0x4000, 0x8000, 0x10000, 0x100000, 0x80000
NOACCESS, READONLY, READWRITE, EXECUTE_READWRITE = 1, 2, 4, 0x40


def query(guest: Guest, address: int) -> tuple[int, ...]:
    """BaseAddress, AllocationBase, AllocationProtect, RegionSize, State, Protect, Type."""
    info = guest.buffer(28)
    assert guest.call("kernel32.VirtualQuery", address, info, 28) == 28
    return struct.unpack("<7I", info.bytes)


def test_committed_memory_is_zero_writable_and_64k_aligned(guest: Guest) -> None:
    base = guest.call("kernel32.VirtualAlloc", 0, 5000, RESERVE | COMMIT, READWRITE)
    assert base % 0x10000 == 0
    assert guest.mem.read(base, 8192) == bytes(8192)
    guest.mem.write(base, b"x" * 8192)


def test_query_tells_reserved_from_committed_and_free(guest: Guest) -> None:
    base = guest.call("kernel32.VirtualAlloc", 0, 0x10000, RESERVE, READWRITE)
    assert guest.call("kernel32.VirtualAlloc", base + 0x3001, 1, COMMIT, READONLY) == base + 0x3000
    assert query(guest, base) == (base, base, READWRITE, 0x3000, RESERVE, 0, 0x20000)
    assert query(guest, base + 0x3ABC) == (base + 0x3000, base, READWRITE, 0x1000, COMMIT, READONLY, 0x20000)
    assert query(guest, base + 0x4000)[3:5] == (0xC000, RESERVE)
    guest.call("kernel32.VirtualFree", base, 0, RELEASE)
    assert query(guest, base)[4] == FREE


def test_a_reservation_at_an_address_is_rounded_down_to_64k(guest: Guest) -> None:
    free = guest.call("kernel32.VirtualAlloc", 0, 0x100000, RESERVE, READWRITE)
    guest.call("kernel32.VirtualFree", free, 0, RELEASE)
    base = guest.call("kernel32.VirtualAlloc", free + 0x12345, 0x1000, RESERVE, READWRITE)
    assert base == free + 0x10000
    assert query(guest, base)[3] == 0x4000, "the range covers the page of the last byte asked for"


@pytest.mark.parametrize(
    "address,size,kind,protect,error",
    [
        (0, 0, COMMIT, READWRITE, 87),
        (0, 0x1000, 0, READWRITE, 87),
        (0, 0x1000, COMMIT, 0, 87),
        (0, 0x1000, COMMIT, 3, 87),
        (0, 0x1000, 0x4000000, READWRITE, 87),
        (0x60000000, 0x1000, COMMIT, READWRITE, 487),
        (0xD0000000, 0x1000, RESERVE, READWRITE, 487),
        (0, 0x7FFFFFFF, RESERVE, READWRITE, 8),
    ],
)
def test_bad_requests_have_their_documented_errors(
    guest: Guest, address: int, size: int, kind: int, protect: int, error: int
) -> None:
    assert guest.call("kernel32.VirtualAlloc", address, size, kind, protect) == 0
    assert guest.last_error == error


def test_taken_addresses_cannot_be_reserved_again(guest: Guest) -> None:
    base = guest.call("kernel32.VirtualAlloc", 0, 0x20000, RESERVE, READWRITE)
    assert guest.call("kernel32.VirtualAlloc", base + 0x10000, 0x1000, RESERVE, READWRITE) == 0
    assert guest.last_error == 487


def test_top_down_reserves_above_an_ordinary_one(guest: Guest) -> None:
    low = guest.call("kernel32.VirtualAlloc", 0, 0x1000, RESERVE, READWRITE)
    high = guest.call("kernel32.VirtualAlloc", 0, 0x1000, RESERVE | TOP_DOWN, READWRITE)
    assert low < high < 0x80000000


@pytest.mark.parametrize(
    "offset,size,kind,error",
    [
        (0, 0x1000, RELEASE, 87), (0, 0, RELEASE | DECOMMIT, 87), (0, 0, 0, 87), (0x1000, 0, RELEASE, 487),
        (0x1000, 0, DECOMMIT, 487),
    ],
)  # fmt: skip
def test_virtual_free_checks_its_arguments(guest: Guest, offset: int, size: int, kind: int, error: int) -> None:
    base = guest.call("kernel32.VirtualAlloc", 0, 0x10000, RESERVE | COMMIT, READWRITE)
    assert guest.call("kernel32.VirtualFree", base + offset, size, kind) == 0
    assert guest.last_error == error
    assert query(guest, base)[4] == COMMIT


def test_decommitted_pages_come_back_zero(guest: Guest) -> None:
    base = guest.call("kernel32.VirtualAlloc", 0, 0x4000, RESERVE | COMMIT, READWRITE)
    guest.mem.write(base + 0x1000, b"dirty")
    assert guest.call("kernel32.VirtualFree", base + 0x1000, 0x1000, DECOMMIT) == 1
    assert not guest.mem.readable(base + 0x1000, 1)
    assert guest.mem.readable(base, 0x1000)
    guest.call("kernel32.VirtualAlloc", base + 0x1000, 0x1000, COMMIT, READWRITE)
    assert guest.mem.read(base + 0x1000, 5) == bytes(5)


def test_images_are_not_freed_by_virtual_free(guest: Guest) -> None:
    kernel = guest.call("kernel32.GetModuleHandleA", "KERNEL32")
    assert guest.call("kernel32.VirtualFree", kernel, 0, RELEASE) == 0
    assert guest.call("kernel32.GetModuleHandleA", "KERNEL32") == kernel


def test_protect_returns_the_old_protection_of_the_first_page(guest: Guest) -> None:
    base = guest.call("kernel32.VirtualAlloc", 0, 0x2000, RESERVE | COMMIT, READWRITE)
    old = guest.buffer(4)
    assert guest.call("kernel32.VirtualProtect", base, 0x1000, READONLY, old) == 1
    assert old.u32() == READWRITE
    assert not guest.mem.writable(base, 1)
    assert guest.mem.writable(base + 0x1000, 1)
    assert guest.call("kernel32.VirtualProtect", base, 0x2000, NOACCESS, old) == 1
    assert old.u32() == READONLY
    assert not guest.mem.readable(base, 1)


def test_a_null_old_protection_pointer_is_taken(guest: Guest) -> None:
    base = guest.call("kernel32.VirtualAlloc", 0, 0x1000, RESERVE | COMMIT, READWRITE)
    assert guest.call("kernel32.VirtualProtect", base, 0x1000, READONLY, 0) == 1


def test_protecting_what_is_not_committed_fails(guest: Guest) -> None:
    base = guest.call("kernel32.VirtualAlloc", 0, 0x2000, RESERVE, READWRITE)
    assert guest.call("kernel32.VirtualProtect", base, 0x1000, READONLY, 0) == 0
    assert guest.last_error == 487


def test_windows_9x_has_no_execute_protection_to_report(guest: Guest) -> None:
    base = guest.call("kernel32.VirtualAlloc", 0, 0x1000, RESERVE | COMMIT, EXECUTE_READWRITE)
    assert query(guest, base)[5] == READWRITE


def test_code_in_writable_memory_runs(guest: Guest) -> None:
    base = guest.call("kernel32.VirtualAlloc", 0, 0x1000, RESERVE | COMMIT, READWRITE)
    guest.mem.write(base, bytes.fromhex("b878563412 c3"))
    assert guest.call_at(base) == 0x12345678


def test_reset_keeps_the_range_committed(guest: Guest) -> None:
    base = guest.call("kernel32.VirtualAlloc", 0, 0x2000, RESERVE | COMMIT, READWRITE)
    assert guest.call("kernel32.VirtualAlloc", base, 0x2000, RESET, READWRITE) == base
    assert query(guest, base)[4] == COMMIT


def test_a_short_query_buffer_gets_nothing(guest: Guest) -> None:
    info = guest.buffer(28)
    assert guest.call("kernel32.VirtualQuery", 0x10000, info, 27) == 0


def test_only_this_process_is_reached_by_the_ex_functions(guest: Guest) -> None:
    base = guest.call("kernel32.VirtualAllocEx", 0x7FFFFFFF, 0, 0x1000, RESERVE | COMMIT, READWRITE)
    assert base
    assert guest.call("kernel32.VirtualFreeEx", FAKE_HANDLE, base, 0, RELEASE) == 0
    assert guest.last_error == 6
    assert guest.call("kernel32.VirtualFreeEx", 0xFFFFFFFF, base, 0, RELEASE) == 1


FAKE_HANDLE = 0x1234568


def test_locking_needs_committed_pages(guest: Guest) -> None:
    base = guest.call("kernel32.VirtualAlloc", 0, 0x4000, RESERVE, READWRITE)
    guest.call("kernel32.VirtualAlloc", base, 0x2000, COMMIT, READWRITE)
    assert guest.call("kernel32.VirtualLock", base, 0x2000) == 1
    assert guest.call("kernel32.VirtualLock", base, 0x3000) == 0


@pytest.mark.parametrize("name,arguments", [("IsBadReadPtr", (0,)), ("IsBadWritePtr", (0,)), ("IsBadCodePtr", ())])
def test_bad_pointers_are_told(guest: Guest, name: str, arguments: tuple[int, ...]) -> None:
    size = tuple(16 for _ in arguments)
    good = guest.buffer(16)
    assert guest.call(f"kernel32.{name}", good, *size) == 0
    for bad in (0, 0xFFF0, 0x5000_0000, 0xFFFFFFFF):
        assert guest.call(f"kernel32.{name}", bad, *size) == 1


def test_read_only_pages_are_bad_for_writing_only(guest: Guest) -> None:
    base = guest.call("kernel32.VirtualAlloc", 0, 0x2000, RESERVE | COMMIT, READWRITE)
    guest.call("kernel32.VirtualProtect", base + 0x1000, 0x1000, READONLY, 0)
    assert guest.call("kernel32.IsBadReadPtr", base, 0x2000) == 0
    assert guest.call("kernel32.IsBadWritePtr", base, 0x1000) == 0
    assert guest.call("kernel32.IsBadWritePtr", base + 0xFFF, 2) == 1


def test_an_empty_range_is_never_bad(guest: Guest) -> None:
    assert guest.call("kernel32.IsBadReadPtr", 0, 0) == 0


def test_a_string_is_bad_only_where_it_would_be_read(guest: Guest) -> None:
    base = guest.call("kernel32.VirtualAlloc", 0, 0x1000, RESERVE | COMMIT, READWRITE)
    guest.mem.write(base + 0xFFC, b"abcd")
    assert guest.call("kernel32.IsBadStringPtrA", base + 0xFFC, 4) == 0
    assert guest.call("kernel32.IsBadStringPtrA", base + 0xFFC, 5) == 1
    guest.mem.write(base + 0xFFF, b"\0")
    assert guest.call("kernel32.IsBadStringPtrA", base + 0xFFC, 500) == 0
