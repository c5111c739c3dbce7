"""Command lines, special folders, file operations."""

from __future__ import annotations

import struct
from pathlib import Path

from tests.api.harness import Guest


def test_a_command_line_becomes_an_array(guest: Guest) -> None:
    count = guest.buffer(4)
    array = guest.call("shell32.CommandLineToArgvW", guest.wide('prog "a b" c'), count)
    pointers = struct.unpack("<4I", guest.mem.read(array, 16))
    assert count.u32() == 3
    assert [guest.mem.wide(p) for p in pointers[:3]] == ["prog", "a b", "c"]
    assert pointers[3] == 0
    assert guest.call("kernel32.LocalFree", array) == 0


def test_special_folders_have_paths_and_lists(guest: Guest) -> None:
    path, pidl = guest.buffer(260), guest.buffer(4)
    assert guest.call("shell32.SHGetSpecialFolderPathA", 0, path, 0x1A, 1) == 1
    assert path.cstr == rb"C:\WINDOWS\Application Data"
    assert Path(guest.process.drives.resolve(path.cstr.decode()).path).is_dir()
    assert guest.call("shell32.SHGetSpecialFolderLocation", 0, 2, pidl) == 0
    assert guest.call("shell32.SHGetPathFromIDListA", pidl.u32(), path) == 1
    assert path.cstr == rb"C:\WINDOWS\Start Menu\Programs"
    guest.call("ole32.CoTaskMemFree", pidl.u32())
    assert guest.call("shell32.SHGetSpecialFolderPathA", 0, path, 0x77, 0) == 0


def operation(guest: Guest, function: int, source: bytes, target: bytes = b"") -> int:
    parts = [guest.buffer(text + b"\0\0").address for text in (source, target)]
    return guest.call(
        "shell32.SHFileOperationA", guest.buffer(struct.pack("<IIIIHIII", 0, function, *parts, 0x10, 0, 0, 0))
    )


def test_files_are_copied_moved_and_deleted_in_groups(guest: Guest) -> None:
    root = Path(guest.process.drives.drives["C"].root)
    (root / "src").mkdir()
    (root / "src" / "a.txt").write_bytes(b"a")
    (root / "src" / "b.txt").write_bytes(b"b")
    assert operation(guest, 2, b"C:\\src\\*.txt", b"C:\\out") == 0
    assert sorted(p.name for p in (root / "out").iterdir()) == ["a.txt", "b.txt"]
    assert operation(guest, 1, b"C:\\src", b"C:\\moved") == 0
    assert (root / "moved" / "a.txt").read_bytes() == b"a"
    assert not (root / "src").exists()
    assert operation(guest, 3, b"C:\\moved\0C:\\out") == 0
    assert not (root / "moved").exists()
    assert not (root / "out").exists()
    assert operation(guest, 3, b"C:\\nothing") == 2


def test_nothing_is_opened_and_that_is_said(guest: Guest) -> None:
    assert guest.call("shell32.ShellExecuteA", 0, None, b"C:\\nothing.txt", None, None, 1) == 2  # SE_ERR_FNF
    assert guest.call("shell32.ShellExecuteA", 0, None, b"C:\\WINDOWS", None, None, 1) == 31  # SE_ERR_NOASSOC
