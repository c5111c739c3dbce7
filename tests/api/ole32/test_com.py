"""COM's start, memory, GUIDs and classes. Codes: SDK winerror.h."""

from __future__ import annotations

import struct

from tests.api.harness import Guest

IID_IUNKNOWN = bytes.fromhex("0000000000000000c000000000000046")


def test_com_counts_its_users_per_thread(guest: Guest) -> None:
    assert guest.call("ole32.CoInitialize", None) == 0
    assert guest.call("ole32.CoInitialize", None) == 1  # S_FALSE
    assert guest.call("ole32.CoInitializeEx", None, 0) == 0x80010106  # RPC_E_CHANGED_MODE
    guest.call("ole32.CoUninitialize")
    guest.call("ole32.CoUninitialize")
    assert guest.call("ole32.CoInitializeEx", None, 0) == 0


def test_the_allocator_is_an_object(guest: Guest) -> None:
    out = guest.buffer(4)
    assert guest.call("ole32.CoGetMalloc", 1, out) == 0
    allocator = out.u32()
    methods = struct.unpack("<9I", guest.mem.read(guest.mem.u32(allocator), 36))
    block = guest.call_at(methods[3], allocator, 40)
    assert guest.call_at(methods[6], allocator, block) == 40
    assert guest.call_at(methods[7], allocator, block) == 1
    bigger = guest.call_at(methods[4], allocator, block, 80)
    assert guest.call_at(methods[6], allocator, bigger) == 80
    guest.call("ole32.CoTaskMemFree", bigger)
    assert guest.call_at(methods[0], allocator, guest.buffer(IID_IUNKNOWN), out) == 0
    assert out.u32() == allocator
    assert guest.call_at(methods[0], allocator, guest.buffer(b"\1" * 16), out) == 0x80004002  # E_NOINTERFACE


def test_guids_and_texts(guest: Guest) -> None:
    out, text = guest.buffer(16), guest.buffer(78)
    assert guest.call("ole32.CLSIDFromString", guest.wide("{00020400-0000-0000-C000-000000000046}"), out) == 0
    assert out.bytes.hex() == "0004020000000000c000000000000046"
    assert guest.call("ole32.StringFromGUID2", out, text, 39) == 39
    assert text.wide == "{00020400-0000-0000-C000-000000000046}"
    assert guest.call("ole32.StringFromGUID2", out, text, 38) == 0
    assert guest.call("ole32.CLSIDFromString", guest.wide("No.Such"), out) == 0x800401F3  # CO_E_CLASSSTRING
    first, second = guest.buffer(16), guest.buffer(16)
    assert guest.call("ole32.CoCreateGuid", first) == guest.call("ole32.CoCreateGuid", second) == 0
    assert first.bytes != second.bytes


def test_an_unregistered_class_cannot_be_created(guest: Guest) -> None:
    out = guest.buffer(4)
    code = guest.call("ole32.CoCreateInstance", guest.buffer(b"\7" * 16), None, 1, guest.buffer(IID_IUNKNOWN), out)
    assert (code, out.u32()) == (0x80040154, 0)  # REGDB_E_CLASSNOTREG
