"""Files as directory entries: searching, deleting, moving, copying, attributes, directories."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from tests.api.harness import FAILED, Guest
from w9x_client.abi import Err
from w9x_client.drives import DriveTable


@pytest.fixture
def c(guest: Guest) -> Path:
    return Path(guest.process.drives.drives["C"].root)


def find(guest: Guest, pattern: str) -> list[tuple[str, str]]:
    """(name, alternate name) of every hit; [] with the last error poisoned where nothing is found."""
    data = guest.buffer(320)
    handle = guest.call("kernel32.FindFirstFileA", pattern, data)
    if handle == FAILED:
        return []
    hits = []
    while True:
        raw = data.bytes
        hits.append((raw[44:304].split(b"\0")[0].decode("cp1252"), raw[304:318].split(b"\0")[0].decode("cp1252")))
        if not guest.call("kernel32.FindNextFileA", handle, data):
            assert guest.last_error == Err.NO_MORE_FILES
            break
    assert guest.call("kernel32.FindClose", handle)
    return hits


# --- searching ------------------------------------------------------------------------------------
def test_a_search_gives_names_aliases_sizes_and_dots(guest: Guest, c: Path) -> None:
    (c / "d").mkdir()
    (c / "d" / "Readme.txt").write_bytes(b"12345")
    (c / "d" / "Long File Name.html").write_bytes(b"")
    (c / "d" / "UPPER.TXT").write_bytes(b"")
    assert find(guest, "C:\\D\\*.*") == [
        (".", ""),
        ("..", ""),
        ("Long File Name.html", "LONGFI~1.HTM"),
        ("Readme.txt", "README.TXT"),
        ("UPPER.TXT", ""),
    ]
    data = guest.buffer(592)
    os.utime(c / "d" / "Readme.txt", ns=(0, 2_000_000_000))
    assert guest.call("kernel32.FindFirstFileW", "c:\\d\\README.TXT", data) != FAILED
    fields = struct.unpack_from("<11I", data.bytes)
    assert fields[0] == 0x20
    assert fields[6] << 32 | fields[5] == 116_444_736_020_000_000
    assert fields[7:9] == (0, 5)
    assert data.bytes[44:].decode("utf-16-le").split("\0")[0] == "Readme.txt"
    assert data.bytes[564:590].decode("utf-16-le").split("\0")[0] == "README.TXT"


def test_a_root_has_no_dots_and_a_pattern_matches_aliases_too(guest: Guest, c: Path) -> None:
    assert ".." not in [name for name, _ in find(guest, "C:\\*")]
    (c / "LongFileName.extension").write_bytes(b"")
    assert [name for name, _ in find(guest, "C:\\LONGFI~1.*")] == ["LongFileName.extension"]
    assert [name for name, _ in find(guest, "C:\\*.ext")] == ["LongFileName.extension"]


@pytest.mark.parametrize(
    ("pattern", "error"),
    [
        ("C:\\none", Err.FILE_NOT_FOUND),
        ("C:\\*.none", Err.FILE_NOT_FOUND),
        ("C:\\WINDOWS\\", Err.FILE_NOT_FOUND),
        ("C:\\", Err.FILE_NOT_FOUND),
        ("C:\\none\\*", Err.PATH_NOT_FOUND),
        ("Q:\\*", Err.PATH_NOT_FOUND),
        ("C:\\W*\\x", Err.INVALID_NAME),
    ],
)
def test_a_search_that_finds_nothing_says_why(guest: Guest, pattern: str, error: int) -> None:
    assert guest.call("kernel32.FindFirstFileA", pattern, guest.buffer(320)) == FAILED
    assert guest.last_error == error


def test_relative_and_drive_relative_patterns(guest: Guest, c: Path) -> None:
    (c / "d").mkdir()
    (c / "d" / "f.txt").write_bytes(b"")
    guest.call("kernel32.SetCurrentDirectoryA", "C:\\d")
    for pattern in ("*.txt", "C:*.txt", ".\\*.txt", "f.txt", "..\\d\\F.TXT"):
        assert [name for name, _ in find(guest, pattern)] == ["f.txt"]


def test_what_cannot_be_opened_is_not_shown(guest: Guest, c: Path, tmp_path: Path) -> None:
    (c / "d").mkdir()
    (c / "d" / "outside").symlink_to(tmp_path)
    (c / "d" / "dangling").symlink_to("nothing")
    os.mkfifo(c / "d" / "fifo")
    (c / "d" / "inside").symlink_to("../WINDOWS")
    (c / "d" / "ancestor").symlink_to("../d")
    assert [name for name, _ in find(guest, "C:\\d\\*")] == [".", "..", "inside"]


def test_a_name_the_code_page_lacks_is_shown_by_its_alias_and_opens_by_it(guest: Guest, c: Path) -> None:
    (c / "d").mkdir()
    (c / "d" / "日本語テキスト.txt").write_bytes(b"x")
    [_, _, (name, alias)] = find(guest, "C:\\d\\*")
    assert name == "______~1.TXT"
    assert alias == ""
    assert guest.call("kernel32.GetFileAttributesA", "C:\\d\\" + name) == 0x20


def test_file_apis_can_use_the_oem_code_page(guest: Guest, c: Path) -> None:
    (c / "é.txt").write_bytes(b"")
    assert guest.call("kernel32.AreFileApisANSI")
    assert guest.call("kernel32.GetFileAttributesA", b"C:\\\xe9.txt") == 0x20
    guest.call("kernel32.SetFileApisToOEM")
    assert not guest.call("kernel32.AreFileApisANSI")
    assert guest.call("kernel32.GetFileAttributesA", b"C:\\\x82.txt") == 0x20
    data = guest.buffer(320)
    assert guest.call("kernel32.FindFirstFileA", b"C:\\?.txt", data) != FAILED
    assert data.bytes[44:50] == b"\x82.txt\0"


# --- deleting, moving, copying --------------------------------------------------------------------------
def test_deleting(guest: Guest, c: Path) -> None:
    (c / "File").write_bytes(b"")
    assert guest.call("kernel32.DeleteFileA", "C:\\FILE")
    assert guest.call("kernel32.DeleteFileA", "C:\\FILE") == 0
    assert guest.last_error == Err.FILE_NOT_FOUND
    assert guest.call("kernel32.DeleteFileA", "C:\\WINDOWS") == 0
    assert guest.last_error == Err.ACCESS_DENIED
    (c / "ro").write_bytes(b"")
    assert guest.call("kernel32.SetFileAttributesA", "C:\\ro", 1)
    assert guest.call("kernel32.DeleteFileA", "C:\\ro") == 0
    assert guest.last_error == Err.ACCESS_DENIED
    assert guest.call("kernel32.DeleteFileA", "nul") == 0


def test_deleting_a_link_leaves_what_it_leads_to(guest: Guest, c: Path) -> None:
    (c / "target").write_bytes(b"x")
    (c / "link").symlink_to("target")
    assert guest.call("kernel32.DeleteFileA", "C:\\link")
    assert (c / "target").exists()
    assert not os.path.lexists(c / "link")


def test_moving(guest: Guest, c: Path, tmp_path: Path) -> None:
    (c / "a").write_bytes(b"a")
    (c / "b").write_bytes(b"b")
    (c / "dir" / "sub").mkdir(parents=True)
    move = "kernel32.MoveFileA"
    assert guest.call(move, "C:\\a", "C:\\b") == 0
    assert guest.last_error == Err.ALREADY_EXISTS
    assert guest.call(move, "C:\\A", "C:\\dir\\New Name")
    assert (c / "dir" / "New Name").read_bytes() == b"a"
    assert guest.call(move, "C:\\b", "C:\\B")  # a change of case is a change of name
    assert "B" in os.listdir(c)
    assert guest.call(move, "C:\\dir", "C:\\dir\\sub\\x") == 0
    assert guest.call(move, "C:\\dir", "C:\\moved")
    assert guest.call("kernel32.GetFileAttributesA", "C:\\MOVED\\new name") == 0x20
    (tmp_path / "e").mkdir()
    guest.process.drives.add("E", tmp_path / "e")
    assert guest.call(move, "C:\\B", "E:\\b")
    assert (tmp_path / "e" / "b").read_bytes() == b"b"
    assert not (c / "B").exists()
    assert guest.call(move, "C:\\moved", "E:\\moved") == 0
    assert guest.last_error == Err.NOT_SAME_DEVICE


def test_moving_with_options(guest: Guest, c: Path) -> None:
    (c / "a").write_bytes(b"a")
    (c / "b").write_bytes(b"b")
    assert guest.call("kernel32.MoveFileExA", "C:\\a", "C:\\b", 0) == 0
    assert guest.last_error == Err.ALREADY_EXISTS
    assert guest.call("kernel32.MoveFileExA", "C:\\a", "C:\\b", 1)
    assert (c / "b").read_bytes() == b"a"
    assert guest.call("kernel32.MoveFileExA", "C:\\b", "C:\\x", 4) == 0
    assert guest.last_error == Err.CALL_NOT_IMPLEMENTED


def test_copying_keeps_contents_attributes_and_write_time(guest: Guest, c: Path) -> None:
    content = os.urandom(3_000_001)
    (c / "a").write_bytes(content)
    os.utime(c / "a", ns=(0, 5_000_000_000))
    assert guest.call("kernel32.SetFileAttributesA", "C:\\a", 3)
    assert guest.call("kernel32.CopyFileA", "C:\\a", "C:\\b", 1)
    assert (c / "b").read_bytes() == content
    assert os.stat(c / "b").st_mtime_ns == 5_000_000_000
    assert guest.call("kernel32.GetFileAttributesA", "C:\\b") & 3 == 3
    assert guest.call("kernel32.CopyFileA", "C:\\a", "C:\\b", 1) == 0
    assert guest.last_error == Err.FILE_EXISTS
    assert guest.call("kernel32.CopyFileA", "C:\\a", "C:\\b", 0) == 0
    assert guest.last_error == Err.ACCESS_DENIED  # the target is read-only
    assert guest.call("kernel32.CopyFileA", "C:\\none", "C:\\x", 0) == 0
    assert guest.last_error == Err.FILE_NOT_FOUND
    assert guest.call("kernel32.CopyFileA", "C:\\a", "C:\\A", 0) == 0
    assert (c / "a").read_bytes() == content


def test_a_copy_that_its_callback_cancels_leaves_nothing(guest: Guest, c: Path) -> None:
    (c / "a").write_bytes(bytes(3_000_000))
    # mov eax, 1; ret 52: LPPROGRESS_ROUTINE has 13 dwords of arguments; 1 is PROGRESS_CANCEL
    cancel = guest.code(bytes.fromhex("b801000000 c23400"))
    carry_on = guest.code(bytes.fromhex("31c0 c23400"))
    assert guest.call("kernel32.CopyFileExA", "C:\\a", "C:\\b", cancel, 0, 0, 0) == 0
    assert guest.last_error == 1235  # ERROR_REQUEST_ABORTED
    assert not (c / "b").exists()
    assert guest.call("kernel32.CopyFileExA", "C:\\a", "C:\\b", carry_on, 0, 0, 0)
    assert (c / "b").stat().st_size == 3_000_000


# --- attributes and times -------------------------------------------------------------------------
def test_attributes(guest: Guest, c: Path) -> None:
    (c / "f").write_bytes(b"123")
    assert guest.call("kernel32.GetFileAttributesA", "C:\\WINDOWS\\") == 0x10
    assert guest.call("kernel32.GetFileAttributesA", "C:\\") == 0x10
    assert guest.call("kernel32.SetFileAttributesA", "C:\\f", 0x80)
    assert guest.call("kernel32.GetFileAttributesA", "C:\\f") == 0x80
    assert guest.call("kernel32.SetFileAttributesA", "C:\\f", 0x27)
    assert guest.call("kernel32.GetFileAttributesW", "C:\\f") == 0x27
    assert guest.call("kernel32.GetFileAttributesA", "C:\\none") == FAILED
    assert guest.last_error == Err.FILE_NOT_FOUND
    data = guest.buffer(36)
    assert guest.call("kernel32.GetFileAttributesExA", "C:\\f", 0, data)
    assert struct.unpack_from("<I", data.bytes)[0] == 0x27
    assert struct.unpack_from("<II", data.bytes, 28) == (0, 3)


def test_times_of_a_file_and_of_a_directory(guest: Guest, c: Path) -> None:
    (c / "f").write_bytes(b"")
    epoch = 116_444_736_000_000_000
    for path, flags in (("C:\\f", 0), ("C:\\WINDOWS", 0x02000000)):
        handle = guest.call("kernel32.CreateFileA", path, 0xC0000000, 3, 0, 3, flags, 0)
        assert handle != FAILED
        made = guest.buffer(struct.pack("<Q", epoch + 10_000_000))
        wrote = guest.buffer(struct.pack("<Q", epoch + 30_000_000))
        assert guest.call("kernel32.SetFileTime", handle, made, 0, wrote)
        out = guest.buffer(24)
        assert guest.call("kernel32.GetFileTime", handle, out, out.address + 8, out.address + 16)
        created, _accessed, written = struct.unpack("<3Q", out.bytes)
        assert (created, written) == (epoch + 10_000_000, epoch + 30_000_000)
    handle = guest.call("kernel32.CreateFileA", "C:\\f", 0x80000000, 3, 0, 3, 0, 0)
    assert guest.call("kernel32.SetFileTime", handle, 0, 0, wrote) == 0
    assert guest.last_error == Err.ACCESS_DENIED


# --- directories ----------------------------------------------------------------------------------
def test_directories_are_made_and_removed(guest: Guest, c: Path) -> None:
    make, remove = "kernel32.CreateDirectoryA", "kernel32.RemoveDirectoryA"
    assert guest.call(make, "C:\\New Dir\\", 0)
    assert (c / "New Dir").is_dir()
    for path, error in (
        ("C:\\NEW DIR", Err.ALREADY_EXISTS), ("C:\\a\\b", Err.PATH_NOT_FOUND), ("C:\\", Err.ALREADY_EXISTS),
        ("C:\\x?", Err.INVALID_NAME), ("C:\\aux", Err.ACCESS_DENIED), ("", Err.PATH_NOT_FOUND),
    ):  # fmt: skip
        assert guest.call(make, path, 0) == 0
        assert guest.last_error == error, path
    (c / "New Dir" / "f").write_bytes(b"")
    assert guest.call(remove, "C:\\NEWDIR~1") == 0
    assert guest.last_error == Err.DIR_NOT_EMPTY
    (c / "New Dir" / "f").unlink()
    assert guest.call(remove, "C:\\NEWDIR~1")
    assert not (c / "New Dir").exists()
    assert guest.call(remove, "C:\\") == 0
    assert guest.call(remove, "C:\\none") == 0
    assert guest.last_error == Err.FILE_NOT_FOUND


def test_a_directory_made_from_a_template_has_its_attributes(guest: Guest) -> None:
    guest.call("kernel32.CreateDirectoryA", "C:\\t", 0)
    assert guest.call("kernel32.SetFileAttributesA", "C:\\t", 2)
    assert guest.call("kernel32.CreateDirectoryExA", "C:\\t", "C:\\n", 0)
    assert guest.call("kernel32.GetFileAttributesA", "C:\\n") == 0x12


def test_a_read_only_drive_is_write_protected(make_guest: object, tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "ro").mkdir()
    (tmp_path / "ro" / "f").write_bytes(b"x")
    table = DriveTable(tmp_path / "c")
    table.add("E", tmp_path / "ro", read_only=True)
    guest = make_guest(drives=table)  # type: ignore[operator]
    for name, *arguments in (
        ("CreateFileA", "E:\\f", 0x40000000, 0, 0, 3, 0, 0), ("CreateFileA", "E:\\n", 0x80000000, 0, 0, 4, 0, 0),
        ("DeleteFileA", "E:\\f"), ("MoveFileA", "E:\\f", "E:\\g"), ("CreateDirectoryA", "E:\\d", 0),
        ("SetFileAttributesA", "E:\\f", 0), ("CopyFileA", "E:\\f", "E:\\g", 0),
    ):  # fmt: skip
        guest.call(f"kernel32.{name}", *arguments)
        assert guest.last_error == Err.WRITE_PROTECT, name
    assert guest.call("kernel32.CreateFileA", "E:\\f", 0x80000000, 0, 0, 3, 0, 0) != FAILED
