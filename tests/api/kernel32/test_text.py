"""lstr*, the environment, messages, atoms, profiles, versions."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.api.harness import POISON, Guest
from w9x_client.abi import Err

MINUS_ONE = 0xFFFFFFFF
BAD = 5
"""An address in the null guard."""


# --- lstr* -------------------------------------------------------------------------------
def test_lstr_functions_survive_bad_pointers(guest: Guest) -> None:
    good = guest.buffer(b"abc\0")
    assert guest.call("kernel32.lstrlenA", BAD) == 0  # SDK: an invalid pointer gives 0 or NULL
    assert guest.call("kernel32.lstrlenA", None) == 0
    assert guest.call("kernel32.lstrcpyA", BAD, good) == 0
    assert guest.call("kernel32.lstrcatA", good, BAD) == 0
    assert guest.call("kernel32.lstrcpynA", good, BAD, 2) == 0


def test_lstr_functions_copy_and_measure(guest: Guest) -> None:
    out = guest.buffer(20)
    assert guest.call("kernel32.lstrcpyA", out, b"hello") == out.address
    assert guest.call("kernel32.lstrcatA", out, b" you") == out.address
    assert out.cstr == b"hello you"
    assert guest.call("kernel32.lstrcpynA", out, b"hello", 3) == out.address
    assert out.bytes[:3] == b"he\0"
    assert guest.call("kernel32.lstrlenW", "h\u00e9") == 2


def test_lstrcmp_puts_lower_case_first(guest: Guest) -> None:
    assert guest.call("kernel32.lstrcmpA", b"abc", b"ABC") == MINUS_ONE
    assert guest.call("kernel32.lstrcmpiA", b"abc", b"ABC") == 0
    assert guest.call("kernel32.lstrcmpA", b"b", b"a") == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [((7, 3, 2), 11), ((-7, 3, 2), -11), ((1, 1, 0), -1), ((0x7FFFFFFF, 2, 1), -1), ((5, -4, 3), -7)],
)
def test_muldiv_rounds_to_the_nearest(guest: Guest, arguments: tuple[int, int, int], expected: int) -> None:
    assert guest.call("kernel32.MulDiv", *arguments) == expected & MINUS_ONE


# --- environment -----------------------------------------------------------------------------
def test_a_variable_is_set_read_and_deleted(guest: Guest) -> None:
    out = guest.buffer(20)
    assert guest.call("kernel32.SetEnvironmentVariableA", "MyVar", "value") == 1
    assert guest.call("kernel32.GetEnvironmentVariableA", "MYVAR", out, 20) == 5
    assert out.cstr == b"value"
    assert guest.call("kernel32.GetEnvironmentVariableA", "MYVAR", out, 5) == 6  # the size needed, terminator included
    assert guest.call("kernel32.SetEnvironmentVariableA", "MyVar", None) == 1
    assert guest.call("kernel32.GetEnvironmentVariableA", "MYVAR", out, 20) == 0
    assert guest.last_error == Err.ENVVAR_NOT_FOUND


def test_the_block_shows_every_change(guest: Guest) -> None:
    first = guest.call("kernel32.GetEnvironmentStrings")
    guest.call("kernel32.SetEnvironmentVariableA", "ZZ", "1")
    second = guest.call("kernel32.GetEnvironmentStringsA")
    block = guest.mem.read(second, 4000).split(b"\0\0")[0].split(b"\0")
    assert b"ZZ=1" in block
    assert guest.call("kernel32.GetEnvironmentStringsA") == second
    for address in (first, second, second):
        assert guest.call("kernel32.FreeEnvironmentStringsA", address) == 1
    assert guest.call("kernel32.FreeEnvironmentStringsA", 0x1234) == 0


def test_environment_strings_expand(guest: Guest) -> None:
    guest.call("kernel32.SetEnvironmentVariableA", "A", "1")
    out = guest.buffer(20)
    assert guest.call("kernel32.ExpandEnvironmentStringsA", "x%a%%nope%", out, 20) == 9
    assert out.cstr == b"x1%nope%"


# --- FormatMessage -----------------------------------------------------------------------------
def message(guest: Guest, flags: int, source: object, number: int = 0, arguments: object = None) -> bytes:
    out = guest.buffer(400)
    count = guest.call("kernel32.FormatMessageA", flags, source, number, 0, out, 400, arguments)
    return out.bytes[:count]


def test_system_messages(guest: Guest) -> None:
    assert message(guest, 0x1200, None, 2) == b"The system cannot find the file specified.\r\n"
    assert message(guest, 0x12FF, None, 2) == b"The system cannot find the file specified. "
    assert message(guest, 0x1000, None, 0x7777777) == b""
    assert guest.last_error == 317  # ERROR_MR_MID_NOT_FOUND


def test_an_allocated_message_is_freed_by_localfree(guest: Guest) -> None:
    pointer = guest.buffer(4)
    assert guest.call("kernel32.FormatMessageA", 0x1100, None, 5, 0, pointer, 0, None) == 19
    assert guest.mem.cstr(pointer.u32()) == b"Access is denied.\r\n"
    assert guest.call("kernel32.LocalFree", pointer.u32()) == 0


def test_inserts_take_printf_formats(guest: Guest) -> None:
    # SDK, FormatMessage: the example prints "  Bi Bob   Bill"
    texts = [guest.buffer(t).address for t in (b"Bill\0", b"Bob\0", b"Bill\0")]
    array = guest.buffer(struct.pack("<6I", 4, 2, texts[0], texts[1], 6, texts[2]))
    assert message(guest, 0x2400, b"%1!*.*s! %4 %5!*s!", 0, array) == b"  Bi Bob   Bill"
    va_list = guest.buffer(struct.pack("<I", array.address))
    assert message(guest, 0x0400, b"%1!*.*s! %4 %5!*s!", 0, va_list) == b"  Bi Bob   Bill"
    assert message(guest, 0x2600, b"%1 stays%n%0gone") == b"%1 stays\r\n"
    assert message(guest, 0x2400, b"%1") == b""
    assert guest.last_error == Err.INVALID_PARAMETER


def test_a_message_longer_than_the_buffer_fails(guest: Guest) -> None:
    assert guest.call("kernel32.FormatMessageA", 0x1200, None, 2, 0, guest.buffer(10), 10, None) == 0
    assert guest.last_error == Err.INSUFFICIENT_BUFFER


# --- atoms ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("prefix", ["", "Global"])
def test_atoms_are_counted(guest: Guest, prefix: str) -> None:
    out = guest.buffer(20)
    atom = guest.call(f"kernel32.{prefix}AddAtomA", "Name")
    assert atom >= 0xC000
    assert guest.call(f"kernel32.{prefix}AddAtomA", "NAME") == atom
    assert guest.call(f"kernel32.{prefix}FindAtomA", "name") == atom
    assert guest.call(f"kernel32.{prefix}GetAtomNameA", atom, out, 20) == 4
    assert out.cstr == b"Name"
    assert (
        guest.call(f"kernel32.{prefix}GetAtomNameA", atom, out, 3) == 2
    )  # Windows 9x truncates and leaves last error alone
    assert (out.cstr, guest.last_error) == (b"Na", POISON)
    assert guest.call(f"kernel32.{prefix}DeleteAtom", atom) == 0
    assert guest.call(f"kernel32.{prefix}DeleteAtom", atom) == 0
    assert guest.call(f"kernel32.{prefix}DeleteAtom", atom) == atom
    assert guest.last_error == Err.INVALID_HANDLE
    assert guest.call(f"kernel32.{prefix}FindAtomA", "name") == 0


def test_integer_atoms_need_no_table(guest: Guest) -> None:
    out = guest.buffer(20)
    assert guest.call("kernel32.AddAtomA", "#123") == 123
    assert guest.call("kernel32.AddAtomA", 456) == 456
    assert guest.call("kernel32.GetAtomNameA", 123, out, 20) == 4
    assert out.cstr == b"#123"
    assert guest.call("kernel32.AddAtomA", 0xC000) == 0
    assert guest.last_error == Err.INVALID_PARAMETER


# --- profiles ------------------------------------------------------------------------------------
def test_a_private_profile_is_a_file_in_the_windows_directory(guest: Guest) -> None:
    out = guest.buffer(60)
    assert guest.call("kernel32.WritePrivateProfileStringA", "Sec", "Key", '"v a l"', "test.ini") == 1
    assert guest.call("kernel32.WritePrivateProfileStringA", "Sec", "N", "0x12", "test.ini") == 1
    file = Path(guest.process.drives.resolve("C:\\WINDOWS\\test.ini").path)
    assert file.read_bytes() == b'[Sec]\r\nKey="v a l"\r\nN=0x12\r\n'
    assert guest.call("kernel32.GetPrivateProfileStringA", "SEC", "key", "", out, 60, "test.ini") == 5
    assert out.cstr == b"v a l"  # SDK: enclosing quotation marks are taken off
    assert guest.call("kernel32.GetPrivateProfileIntA", "sec", "n", 7, "test.ini") == 18
    assert guest.call("kernel32.GetPrivateProfileIntA", "sec", "none", 7, "test.ini") == 7
    assert guest.call("kernel32.GetPrivateProfileStringA", "sec", "none", "def  ", out, 60, "test.ini") == 3
    assert guest.call("kernel32.WritePrivateProfileStringA", "Sec", "Key", None, "test.ini") == 1
    assert file.read_bytes() == b"[Sec]\r\nN=0x12\r\n"


def test_lists_of_names_end_in_two_zeros_even_when_cut(guest: Guest) -> None:
    for key in ("One", "Two"):
        guest.call("kernel32.WritePrivateProfileStringA", "S", key, "x", "l.ini")
    out = guest.buffer(20)
    assert guest.call("kernel32.GetPrivateProfileStringA", "S", None, "", out, 20, "l.ini") == 8
    assert out.bytes[:9] == b"One\0Two\0\0"
    assert guest.call("kernel32.GetPrivateProfileStringA", "S", None, "", out, 6, "l.ini") == 4  # SDK: nSize - 2
    assert out.bytes[:6] == b"One\0\0\0"
    assert guest.call("kernel32.GetPrivateProfileSectionA", "S", out, 20, "l.ini") == 12
    assert out.bytes[:13] == b"One=x\0Two=x\0\0"
    assert guest.call("kernel32.GetPrivateProfileSectionNamesA", out, 20, "l.ini") == 2


def test_a_profile_changed_by_others_is_read_again(guest: Guest) -> None:
    out = guest.buffer(20)
    guest.call("kernel32.WritePrivateProfileStringA", "S", "K", "1", "c.ini")
    file = Path(guest.process.drives.resolve("C:\\WINDOWS\\c.ini").path)
    file.write_bytes(b"[S]\nK=changed\n")
    assert guest.call("kernel32.GetPrivateProfileStringA", "S", "K", "", out, 20, "c.ini") == 7


def test_a_profile_structure_has_a_check_sum(guest: Guest) -> None:
    data, out = guest.buffer(b"\x01\xfe\x10"), guest.buffer(3)
    assert guest.call("kernel32.WritePrivateProfileStructA", "S", "K", data, 3, "s.ini") == 1
    assert guest.call("kernel32.GetPrivateProfileStructA", "S", "K", out, 3, "s.ini") == 1
    assert out.bytes == data.bytes
    guest.call("kernel32.WritePrivateProfileStringA", "S", "K", "01FE1000", "s.ini")
    assert guest.call("kernel32.GetPrivateProfileStructA", "S", "K", out, 3, "s.ini") == 0


def test_a_profile_on_a_missing_path_fails(guest: Guest) -> None:
    assert guest.call("kernel32.WritePrivateProfileStringA", "S", "K", "1", "C:\\nowhere\\x.ini") == 0
    assert guest.last_error == Err.PATH_NOT_FOUND


# --- system ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("windows", "version", "build", "csd"),
    # SDK, GetVersion and OSVERSIONINFO
    [
        ("95", 0xC0000004, 950, b""),
        ("95osr2", 0xC0000004, 1111, b" B"),
        ("98se", 0xC0000A04, 2222, b" A "),
        ("me", 0xC0005A04, 3000, b""),
    ],
)
def test_versions(make_guest: Callable[..., Guest], windows: str, version: int, build: int, csd: bytes) -> None:
    guest = make_guest(windows=windows)
    assert guest.call("kernel32.GetVersion") == version
    info = guest.buffer(struct.pack("<I", 148) + b"\xcc" * 144)
    assert guest.call("kernel32.GetVersionExA", info) == 1
    _, major, minor, number, platform = struct.unpack_from("<5I", info.bytes)
    assert (major, minor, platform) == (version & 0xFF, version >> 8 & 0xFF, 1)
    assert number == major << 24 | minor << 16 | build
    assert info.bytes[20:].split(b"\0")[0] == csd


def test_the_extended_version_structure_is_refused(guest: Guest) -> None:
    info = guest.buffer(struct.pack("<I", 156) + bytes(152))
    assert guest.call("kernel32.GetVersionExA", info) == 0
    assert guest.last_error == Err.INSUFFICIENT_BUFFER


def test_system_info_reports_windows_95s_addresses(guest: Guest) -> None:
    info = guest.buffer(36)
    guest.call("kernel32.GetSystemInfo", info)
    assert struct.unpack("<HHIIIIIIIHH", info.bytes)[2:9] == (4096, 0x400000, 0x7FFFFFFF, 1, 1, 586, 65536)


def test_the_computer_has_a_netbios_name(guest: Guest) -> None:
    out, size = guest.buffer(16), guest.buffer(struct.pack("<I", 16))
    assert guest.call("kernel32.GetComputerNameA", out, size) == 1
    assert size.u32() == len(out.cstr) <= 15
    size.set(struct.pack("<I", 1))
    assert guest.call("kernel32.GetComputerNameA", out, size) == 0
    assert guest.last_error == Err.BUFFER_OVERFLOW
