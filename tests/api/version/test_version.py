"""Version information of files (SDK winver.h)."""

from __future__ import annotations

import struct

from tests.api.harness import Guest
from w9x_client.abi import Err


def test_a_system_module_has_version_information_in_both_widths(guest: Guest) -> None:
    handle, pointer, size = guest.buffer(4), guest.buffer(4), guest.buffer(4)
    needed = guest.call("version.GetFileVersionInfoSizeA", "kernel32.dll", handle)
    assert needed > 52
    assert handle.u32() == 0
    block = guest.buffer(needed)
    assert guest.call("version.GetFileVersionInfoA", "C:\\WINDOWS\\SYSTEM\\KERNEL32.DLL", 0, needed, block) == 1
    assert guest.call("version.VerQueryValueA", block, "\\", pointer, size) == 1
    assert (size.u32(), guest.mem.u32(pointer.u32())) == (52, 0xFEEF04BD)  # VS_FIXEDFILEINFO
    assert guest.call("version.VerQueryValueA", block, "\\VarFileInfo\\Translation", pointer, size) == 1
    assert struct.unpack("<HH", guest.mem.read(pointer.u32(), size.u32())) == (0x409, 1252)
    path = "\\StringFileInfo\\040904E4\\FileVersion"
    assert guest.call("version.VerQueryValueA", block, path, pointer, size) == 1
    narrow = guest.mem.cstr(pointer.u32())
    assert block.address <= pointer.u32() < block.address + needed
    assert narrow.startswith(b"4.10.")
    assert size.u32() == len(narrow) + 1
    assert guest.call("version.VerQueryValueW", block, path, pointer, size) == 1
    assert guest.mem.wide(pointer.u32()) == narrow.decode()


def test_what_is_missing_is_said(guest: Guest) -> None:
    assert guest.call("version.GetFileVersionInfoSizeA", "no such file.dll", None) == 0
    assert guest.last_error == Err.FILE_NOT_FOUND
    block = guest.buffer(4000)
    assert guest.call("version.GetFileVersionInfoA", "kernel32.dll", 0, 4000, block) == 1
    assert guest.call("version.VerQueryValueA", block, "\\StringFileInfo\\none", guest.buffer(4), guest.buffer(4)) == 0


def test_a_damaged_block_is_no_crash(guest: Guest) -> None:
    block = guest.buffer(struct.pack("<HHH", 60, 52, 0) + b"\xff" * 60)
    assert guest.call("version.VerQueryValueA", block, "\\StringFileInfo\\x", guest.buffer(4), guest.buffer(4)) == 0
