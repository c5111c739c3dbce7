"""File mappings and views."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.api.harness import FAILED, Guest, GuestDied
from w9x_client.abi import Err

COPY, WRITE, READ = 1, 2, 4
BOTH = 0xC0000000


@pytest.fixture
def c(guest: Guest) -> Path:
    return Path(guest.process.drives.drives["C"].root)


def open_file(guest: Guest, access: int = BOTH) -> int:
    handle = guest.call("kernel32.CreateFileA", "C:\\f", access, 3, 0, 3, 0, 0)
    assert handle != FAILED
    return handle


def mapping(guest: Guest, file: int, protect: int, size: int = 0, name: str | None = None) -> int:
    return guest.call("kernel32.CreateFileMappingA", file, 0, protect, 0, size, name)


def view(guest: Guest, handle: int, access: int, offset: int = 0, size: int = 0) -> int:
    return guest.call("kernel32.MapViewOfFile", handle, access, 0, offset, size)


def test_writes_to_a_view_reach_the_file_and_the_files_reach_the_view(guest: Guest, c: Path) -> None:
    (c / "f").write_bytes(b"x" * 0x1_8000)
    file = open_file(guest)
    handle = mapping(guest, file, 4)
    base = view(guest, handle, WRITE)
    assert base >= 0x8000_0000  # Win9x: views lie in the shared arena
    guest.mem.write(base + 0x1_0000, b"hello")
    assert (c / "f").read_bytes()[0x1_0000:0x1_0005] == b"hello"
    guest.call("kernel32.SetFilePointer", file, 3, 0, 0)
    guest.call("kernel32.WriteFile", file, b"abc", 3, guest.buffer(4), 0)
    assert guest.mem.read(base, 8) == b"xxxabcxx"
    assert guest.call("kernel32.FlushViewOfFile", base, 0)
    second = view(guest, handle, READ, 0x1_0000)
    assert guest.mem.read(second, 5) == b"hello"


def test_a_view_outlives_the_handles(guest: Guest, c: Path) -> None:
    (c / "f").write_bytes(b"abc")
    file = open_file(guest)
    handle = mapping(guest, file, 4)
    base = view(guest, handle, WRITE)
    guest.call("kernel32.CloseHandle", file)
    guest.call("kernel32.CloseHandle", handle)
    guest.mem.write(base, b"X")
    assert (c / "f").read_bytes() == b"Xbc"
    assert guest.mem.read(base, 6) == b"Xbc\0\0\0"
    assert guest.call("kernel32.UnmapViewOfFile", base + 1) == 0  # Win9x: the exact base only
    assert guest.last_error == Err.INVALID_PARAMETER
    assert guest.call("kernel32.UnmapViewOfFile", base)
    assert guest.call("kernel32.UnmapViewOfFile", base) == 0
    assert not guest.mem.readable(base, 1)


def test_copy_on_write_stays_out_of_the_file(guest: Guest, c: Path) -> None:
    (c / "f").write_bytes(b"abc")
    handle = mapping(guest, open_file(guest, 0x80000000), 8)
    base = view(guest, handle, COPY)
    guest.mem.write(base, b"X")
    assert guest.mem.read(base, 3) == b"Xbc"
    assert (c / "f").read_bytes() == b"abc"


def test_a_read_only_view_faults_on_writing(guest: Guest, c: Path) -> None:
    (c / "f").write_bytes(b"abc")
    handle = mapping(guest, open_file(guest, 0x80000000), 0)  # Win9x: protection 0 is PAGE_READONLY
    base = view(guest, handle, READ)
    assert guest.mem.read(base, 3) == b"abc"
    store = guest.code(b"\xc6\x05" + struct.pack("<I", base) + b"\x01\xc3")  # mov byte [base], 1; ret
    with pytest.raises(GuestDied) as died:
        guest.call_at(store)
    assert died.value.code == 0xC0000005


def test_a_mapping_larger_than_its_file_extends_it(guest: Guest, c: Path) -> None:
    (c / "f").write_bytes(b"abc")
    file = open_file(guest)
    assert mapping(guest, file, 2, 0x5000) == 0
    assert guest.last_error == Err.NOT_ENOUGH_MEMORY
    assert mapping(guest, file, 4, 0x5000)
    assert (c / "f").read_bytes() == b"abc" + bytes(0x4FFD)


def test_pagefile_mappings_start_zeroed_and_are_shared_by_name(guest: Guest) -> None:
    one = mapping(guest, FAILED, 4, 0x2_0000, "w9x test")
    assert guest.last_error == 0
    two = mapping(guest, FAILED, 4, 0x1000, "w9x test")
    assert guest.last_error == Err.ALREADY_EXISTS
    three = guest.call("kernel32.OpenFileMappingA", 0xF001F, 0, "w9x test")
    bases = [view(guest, handle, 0xF001F) for handle in (one, two, three)]
    assert all(bases)
    assert guest.mem.read(bases[0], 0x2_0000) == bytes(0x2_0000)
    guest.mem.put32(bases[0] + 0x1_FFFC, 0x12345678)
    assert [guest.mem.u32(base + 0x1_FFFC) for base in bases] == [0x12345678] * 3
    assert guest.call("kernel32.OpenFileMappingA", 4, 0, "no such") == 0
    assert guest.last_error == Err.FILE_NOT_FOUND


def test_bad_requests_say_why(guest: Guest, c: Path) -> None:
    (c / "f").write_bytes(b"")
    file = open_file(guest)
    assert mapping(guest, file, 4) == 0
    assert guest.last_error == Err.FILE_INVALID
    assert mapping(guest, 0x7777_0000, 4, 10) == 0
    assert guest.last_error == Err.INVALID_HANDLE
    assert mapping(guest, FAILED, 4) == 0
    assert guest.last_error == Err.INVALID_PARAMETER
    assert mapping(guest, file, 0x40, 10) == 0
    assert guest.last_error == Err.INVALID_PARAMETER
    handle = mapping(guest, FAILED, 2, 0x1_0000)
    for arguments, error in (
        ((WRITE,), Err.ACCESS_DENIED), ((READ, 0x1000), Err.INVALID_PARAMETER), ((0,), Err.INVALID_PARAMETER),
        ((READ, 0, 0x2_0000), Err.ACCESS_DENIED), ((READ, 0x1_0000), Err.INVALID_PARAMETER),
    ):  # fmt: skip
        assert view(guest, handle, *arguments) == 0
        assert guest.last_error == error, arguments
    assert guest.call("kernel32.MapViewOfFileEx", handle, READ, 0, 0, 0, 0x1000_0000) == 0
    assert guest.last_error == Err.INVALID_ADDRESS


def test_a_view_goes_where_it_was_asked_to(guest: Guest) -> None:
    handle = mapping(guest, FAILED, 4, 0x1_0000)
    base = view(guest, handle, WRITE)
    guest.call("kernel32.UnmapViewOfFile", base)
    assert guest.call("kernel32.MapViewOfFileEx", handle, WRITE, 0, 0, 0, base) == base


def test_a_mapped_file_does_not_become_shorter(guest: Guest, c: Path) -> None:
    (c / "f").write_bytes(b"x" * 0x2000)
    file = open_file(guest)
    handle = mapping(guest, file, 4)
    base = view(guest, handle, WRITE)
    assert guest.call("kernel32.SetEndOfFile", file) == 0
    assert guest.last_error == 1224  # ERROR_USER_MAPPED_FILE
    assert guest.call("kernel32.CreateFileA", "C:\\f", BOTH, 3, 0, 2, 0, 0) == FAILED
    assert guest.mem.read(base + 0x1000, 1) == b"x"
    guest.call("kernel32.UnmapViewOfFile", base)
    guest.call("kernel32.CloseHandle", handle)
    assert guest.call("kernel32.SetEndOfFile", file)
