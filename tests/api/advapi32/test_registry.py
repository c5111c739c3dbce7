"""The registry functions over a registry of the process's own. Codes: SDK winreg.h; Windows 9x particulars as noted."""

from __future__ import annotations

import struct

import pytest

from tests.api.harness import Buffer, Guest
from w9x_client.abi import Err

HKCR, HKCU, HKLM = 0x80000000, 0x80000001, 0x80000002
REG_SZ, REG_BINARY, REG_DWORD, REG_MULTI_SZ = 1, 3, 4, 7


def dword(guest: Guest, value: int = 0) -> Buffer:
    return guest.buffer(struct.pack("<I", value))


@pytest.fixture
def key(guest: Guest) -> int:
    handle = dword(guest)
    assert guest.call("advapi32.RegCreateKeyA", HKLM, "Software\\Test", handle) == 0
    return handle.u32()


def test_a_missing_key_is_not_found_until_it_is_created(guest: Guest) -> None:
    handle, made = dword(guest), dword(guest)
    arguments = (HKLM, "Software\\A\\B")
    assert guest.call("advapi32.RegOpenKeyExA", *arguments, 0, 0, handle) == Err.FILE_NOT_FOUND
    assert guest.call("advapi32.RegCreateKeyExA", *arguments, 0, None, 0, 0, None, handle, made) == 0
    assert made.u32() == 1  # REG_CREATED_NEW_KEY
    assert guest.call("advapi32.RegCreateKeyExA", *arguments, 0, None, 0, 0, None, handle, made) == 0
    assert made.u32() == 2  # REG_OPENED_EXISTING_KEY
    assert guest.call("advapi32.RegOpenKeyExA", HKLM, "SOFTWARE\\a", 0, 0, handle) == 0


def test_values_are_sized_and_read(guest: Guest, key: int) -> None:
    kind, size, data = dword(guest), dword(guest), guest.buffer(16)
    assert guest.call("advapi32.RegSetValueExA", key, "Name", 0, REG_SZ, b"h\xe9y", 4) == 0
    assert guest.call("advapi32.RegQueryValueExA", key, "NAME", None, kind, None, size) == 0
    assert (kind.u32(), size.u32()) == (REG_SZ, 4)
    size.set(struct.pack("<I", 3))
    assert guest.call("advapi32.RegQueryValueExA", key, "Name", None, kind, data, size) == Err.MORE_DATA
    assert size.u32() == 4
    assert guest.call("advapi32.RegQueryValueExA", key, "Name", None, None, data, size) == 0
    assert data.cstr == b"h\xe9y"
    assert guest.call("advapi32.RegQueryValueExA", key, "Name", None, None, data, None) == Err.INVALID_PARAMETER
    assert guest.call("advapi32.RegQueryValueExA", key, "Other", None, None, None, None) == Err.FILE_NOT_FOUND


def test_text_is_stored_in_ansi_and_read_in_both_widths(guest: Guest, key: int) -> None:
    size, data = dword(guest, 32), guest.buffer(32)
    assert guest.call("advapi32.RegSetValueExW", key, "N", 0, REG_SZ, guest.wide("h\u00e9"), 6) == 0
    assert guest.call("advapi32.RegQueryValueExA", key, "N", None, None, data, size) == 0
    assert (data.cstr, size.u32()) == (b"h\xe9", 3)
    size.set(struct.pack("<I", 32))
    assert guest.call("advapi32.RegQueryValueExW", key, "N", None, None, data, size) == 0
    assert (data.wide, size.u32()) == ("h\u00e9", 6)


def test_other_types_are_stored_as_given(guest: Guest, key: int) -> None:
    size, data = dword(guest, 8), guest.buffer(8)
    assert guest.call("advapi32.RegSetValueExA", key, "b", 0, REG_BINARY, b"\1\2\0\3", 4) == 0
    assert guest.call("advapi32.RegQueryValueExA", key, "b", None, None, data, size) == 0
    assert data.bytes[: size.u32()] == b"\1\2\0\3"


def test_keys_and_values_are_enumerated_to_the_end(guest: Guest, key: int) -> None:
    handle, size, name = dword(guest), dword(guest, 20), guest.buffer(20)
    for child in ("One", "Two"):
        assert guest.call("advapi32.RegCreateKeyA", key, child, handle) == 0
    assert guest.call("advapi32.RegSetValueExA", key, "Val", 0, REG_DWORD, dword(guest, 5), 4) == 0
    assert guest.call("advapi32.RegEnumKeyExA", key, 1, name, size, None, None, None, None) == 0
    assert (name.cstr, size.u32()) == (b"Two", 3)
    assert guest.call("advapi32.RegEnumKeyExA", key, 1, name, size, None, None, None, None) == Err.MORE_DATA
    assert guest.call("advapi32.RegEnumKeyA", key, 2, name, 20) == Err.NO_MORE_ITEMS
    size.set(struct.pack("<I", 20))
    kind, data, bytes_ = dword(guest), dword(guest), dword(guest, 4)
    assert guest.call("advapi32.RegEnumValueA", key, 0, name, size, None, kind, data, bytes_) == 0
    assert (name.cstr, kind.u32(), data.u32(), bytes_.u32()) == (b"Val", REG_DWORD, 5, 4)
    assert guest.call("advapi32.RegEnumValueA", key, 1, name, size, None, None, None, None) == Err.NO_MORE_ITEMS
    counts = [dword(guest) for _ in range(6)]
    assert (
        guest.call(
            "advapi32.RegQueryInfoKeyA",
            key,
            None,
            None,
            None,
            counts[0],
            counts[1],
            None,
            counts[2],
            counts[3],
            counts[4],
            None,
            None,
        )
        == 0
    )
    assert [c.u32() for c in counts[:5]] == [2, 3, 1, 3, 4]


def test_deleting_a_key_deletes_what_is_below(guest: Guest, key: int) -> None:
    handle = dword(guest)
    assert guest.call("advapi32.RegCreateKeyA", key, "Sub\\Deep", handle) == 0
    assert guest.call("advapi32.RegDeleteKeyA", key, "Sub") == 0  # Windows 9x: with its sub-keys
    assert guest.call("advapi32.RegOpenKeyA", key, "Sub", handle) == Err.FILE_NOT_FOUND
    assert guest.call("advapi32.RegDeleteKeyA", key, "Sub") == Err.FILE_NOT_FOUND
    assert guest.call("advapi32.RegDeleteKeyA", key, None) == Err.INVALID_PARAMETER
    assert guest.call("advapi32.RegDeleteKeyA", HKLM, "Software\\Test") == 0
    assert guest.call("advapi32.RegSetValueExA", key, "x", 0, REG_SZ, b"x", 2) == Err.KEY_DELETED


def test_the_windows_3_functions_use_the_default_value(guest: Guest, key: int) -> None:
    size, data = dword(guest, 20), guest.buffer(20)
    assert guest.call("advapi32.RegQueryValueA", key, None, data, size) == 0
    assert (data.cstr, size.u32()) == (b"", 1)  # a key without a default value has the empty text
    assert guest.call("advapi32.RegSetValueA", key, "Sub", REG_SZ, b"text", 4) == 0
    size.set(struct.pack("<I", 20))
    assert guest.call("advapi32.RegQueryValueA", key, "Sub", data, size) == 0
    assert (data.cstr, size.u32()) == (b"text", 5)


def test_handles_are_checked(guest: Guest, key: int) -> None:
    assert guest.call("advapi32.RegCloseKey", HKCR) == 0
    assert guest.call("advapi32.RegCloseKey", key) == 0
    assert guest.call("advapi32.RegCloseKey", key) == Err.BADKEY
    assert guest.call("advapi32.RegDeleteValueA", 0x12345, "x") == Err.BADKEY


def test_predefined_keys_share_their_trees(guest: Guest) -> None:
    handle = dword(guest)
    assert guest.call("advapi32.RegCreateKeyA", HKCR, ".xyz", handle) == 0
    assert guest.call("advapi32.RegOpenKeyA", HKLM, "Software\\Classes\\.xyz", handle) == 0
    assert guest.call("advapi32.RegOpenKeyA", HKCU, None, handle) == 0
    assert handle.u32() == HKCU


def test_another_computers_registry_cannot_be_reached(guest: Guest) -> None:
    handle = dword(guest)
    assert guest.call("advapi32.RegConnectRegistryA", "\\\\NOSUCH", HKLM, handle) == Err.BAD_NETPATH
    assert guest.call("advapi32.RegConnectRegistryA", None, HKLM, handle) == 0


def test_security_functions_are_not_implemented_as_on_9x(guest: Guest) -> None:
    assert guest.call("advapi32.OpenProcessToken", 0xFFFFFFFF, 8, dword(guest)) == 0
    assert guest.last_error == Err.CALL_NOT_IMPLEMENTED
    assert guest.call("advapi32.OpenSCManagerA", None, None, 1) == 0
    assert guest.last_error == Err.CALL_NOT_IMPLEMENTED


def test_the_user_has_a_name(guest: Guest) -> None:
    out, size = guest.buffer(257), dword(guest, 257)
    assert guest.call("advapi32.GetUserNameA", out, size) == 1
    assert size.u32() == len(out.cstr) + 1 > 1


def test_hashes_are_those_of_the_standards(guest: Guest) -> None:
    provider, hash_, size, out = dword(guest), dword(guest), dword(guest, 16), guest.buffer(16)
    assert guest.call("advapi32.CryptAcquireContextA", provider, None, None, 1, 0xF0000000) == 1
    assert guest.call("advapi32.CryptCreateHash", provider.u32(), 0x8003, 0, 0, hash_) == 1
    assert guest.call("advapi32.CryptHashData", hash_.u32(), b"abc", 3, 0) == 1
    assert guest.call("advapi32.CryptGetHashParam", hash_.u32(), 2, out, size, 0) == 1
    assert out.bytes.hex() == "900150983cd24fb0d6963f7d28e17f72"  # RFC 1321
    assert guest.call("advapi32.CryptDestroyHash", hash_.u32()) == 1
    assert guest.call("advapi32.CryptGenRandom", provider.u32(), 16, out) == 1
    assert guest.call("advapi32.CryptReleaseContext", provider.u32(), 0) == 1
    assert guest.call("advapi32.CryptGenRandom", provider.u32(), 16, out) == 0
