"""Path and string helpers through real calls (SDK shlwapi.h)."""

from __future__ import annotations

import struct

from tests.api.harness import Guest


def test_paths_are_edited_in_place(guest: Guest) -> None:
    path = guest.buffer(b"C:\\dir\0".ljust(260, b"\0"))
    assert guest.call("shlwapi.PathAppendA", path, b"file.txt") == 1
    assert path.cstr == b"C:\\dir\\file.txt"
    assert guest.call("shlwapi.PathFindFileNameA", path) == path.address + 7
    assert guest.call("shlwapi.PathFindExtensionA", path) == path.address + 11
    assert guest.call("shlwapi.PathRenameExtensionA", path, b".c") == 1
    assert guest.call("shlwapi.PathRemoveFileSpecA", path) == 1
    assert path.cstr == b"C:\\dir"
    assert guest.call("shlwapi.PathAddBackslashA", path) == path.address + 7
    assert guest.call("shlwapi.PathStripToRootA", path) == 1
    assert path.cstr == b"C:\\"


def test_paths_are_looked_up_on_the_drives(guest: Guest) -> None:
    assert guest.call("shlwapi.PathFileExistsA", b"C:\\WINDOWS") == 1
    assert guest.call("shlwapi.PathIsDirectoryA", b"c:\\windows") == 0x10
    assert guest.call("shlwapi.PathFileExistsA", b"C:\\no such file") == 0
    assert guest.call("shlwapi.PathMatchSpecA", b"readme.txt", b"*.doc; *.TXT") == 1


def test_strings_are_searched(guest: Guest) -> None:
    text = guest.buffer(b"Hello World\0")
    assert guest.call("shlwapi.StrStrIA", text, b"WORLD") == text.address + 6
    assert guest.call("shlwapi.StrStrA", text, b"WORLD") == 0
    assert guest.call("shlwapi.StrRChrA", text, None, ord("o")) == text.address + 7
    assert guest.call("shlwapi.StrToIntA", b"-12x") == 0xFFFFFFF4
    out = guest.buffer(10)
    assert guest.call("shlwapi.wnsprintfA", out, 10, b"%d-%s", 5, b"abc") == 5
    assert out.cstr == b"5-abc"
    assert guest.call("shlwapi.wnsprintfA", out, 4, b"%d-%s", 5, b"abc") == 0xFFFFFFFF
    assert out.cstr == b"5-a"


def test_registry_shortcuts(guest: Guest) -> None:
    hklm, size, out = 0x80000002, guest.buffer(struct.pack("<I", 20)), guest.buffer(20)
    assert guest.call("shlwapi.SHSetValueA", hklm, b"Software\\S", b"v", 1, b"text", 5) == 0
    assert guest.call("shlwapi.SHGetValueA", hklm, b"Software\\S", b"v", None, out, size) == 0
    assert out.cstr == b"text"
    assert guest.call("shlwapi.SHDeleteValueA", hklm, b"Software\\S", b"v") == 0
    assert guest.call("shlwapi.SHGetValueA", hklm, b"Software\\S", b"v", None, out, size) == 2
    assert guest.call("shlwapi.SHDeleteKeyA", hklm, b"Software\\S") == 0
