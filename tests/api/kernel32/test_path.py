"""Paths, well-known directories, temporary names, drives and volumes."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.api.harness import POISON, Guest
from w9x_client.abi import Err


@pytest.fixture
def c(guest: Guest) -> Path:
    return Path(guest.process.drives.drives["C"].root)


def text(guest: Guest, name: str, *arguments: object, size: int = 260, after: tuple[object, ...] = ()) -> str:
    """Call NAME(arguments..., size, buffer, after...) and return what it wrote."""
    buffer = guest.buffer(size)
    count = guest.call(f"kernel32.{name}", *arguments, size, buffer, *after)
    assert 0 < count < size, guest.last_error
    assert len(buffer.cstr) == count
    return buffer.cstr.decode("cp1252")


@pytest.mark.parametrize(
    ("path", "expected", "part"),
    [
        ("file.txt", "C:\\WINDOWS\\file.txt", "file.txt"),
        ("..\\a\\.\\b\\", "C:\\a\\b\\", ""),
        ("C:x", "C:\\WINDOWS\\x", "x"),
        ("q:\\a/b", "Q:\\a\\b", "b"),
        ("*.*", "C:\\WINDOWS\\*.*", "*.*"),
        ("\\\\server\\share\\dir\\..\\f", "\\\\server\\share\\f", "f"),
        ("..\\..\\..", "C:\\", ""),
    ],
)
def test_full_path_names(guest: Guest, path: str, expected: str, part: str) -> None:
    guest.call("kernel32.SetCurrentDirectoryA", "c:\\windows")
    buffer, where = guest.buffer(260), guest.buffer(4)
    assert guest.call("kernel32.GetFullPathNameA", path, 260, buffer, where) == len(expected)
    assert buffer.cstr.decode() == expected
    assert (where.u32() == 0) if not part else guest.mem.cstr(where.u32()).decode() == part


def test_a_short_buffer_is_left_alone_and_the_size_needed_comes_back(guest: Guest) -> None:
    buffer = guest.buffer(10)
    for name, arguments in (
        ("GetCurrentDirectoryA", (3, buffer)), ("GetFullPathNameA", ("x", 4, buffer, 0)), ("GetTempPathA", (8, buffer)),
    ):  # fmt: skip
        needed = guest.call(f"kernel32.{name}", *arguments)
        assert needed == {"GetCurrentDirectoryA": 4, "GetFullPathNameA": 5, "GetTempPathA": 17}[name]
    for name in ("GetWindowsDirectoryA", "GetSystemDirectoryA"):
        needed = guest.call(f"kernel32.{name}", buffer, 5)
        assert needed == len("C:\\WINDOWS" if "Win" in name else "C:\\WINDOWS\\SYSTEM") + 1
    assert buffer.bytes == b"\xcc" * 10


def test_short_and_long_path_names(guest: Guest, c: Path) -> None:
    (c / "Long Directory").mkdir()
    (c / "Long Directory" / "Long File.text").write_bytes(b"")
    buffer = guest.buffer(260)
    guest.call("kernel32.GetShortPathNameA", "C:\\long directory\\long file.TEXT", buffer, 260)
    assert buffer.cstr == b"C:\\LONGDI~1\\LONGFI~1.TEX"
    guest.call("kernel32.GetLongPathNameA", "c:\\LONGDI~1\\..\\longdi~1\\LONGFI~1.TEX", buffer, 260)
    assert buffer.cstr == b"c:\\Long Directory\\..\\Long Directory\\Long File.text"
    guest.call("kernel32.SetCurrentDirectoryA", "C:\\LONGDI~1")
    guest.call("kernel32.GetShortPathNameA", "Long File.text", buffer, 260)
    assert buffer.cstr == b"LONGFI~1.TEX"
    assert guest.call("kernel32.GetShortPathNameA", "C:\\none", buffer, 260) == 0
    assert guest.last_error == Err.FILE_NOT_FOUND


def test_the_current_directory(guest: Guest, c: Path) -> None:
    (c / "f").write_bytes(b"")
    assert guest.call("kernel32.SetCurrentDirectoryA", "c:\\windows\\SYSTEM\\")
    buffer = guest.buffer(260)
    assert guest.call("kernel32.GetCurrentDirectoryA", 260, buffer) == 17
    assert buffer.cstr == b"C:\\WINDOWS\\SYSTEM"
    for path in ("C:\\none", "C:\\f", "Q:\\"):
        assert guest.call("kernel32.SetCurrentDirectoryA", path) == 0
        assert guest.last_error == Err.PATH_NOT_FOUND  # Win9x, as DOS function 3Bh
    assert guest.call("kernel32.GetCurrentDirectoryW", 260, buffer) == 17
    assert buffer.wide == "C:\\WINDOWS\\SYSTEM"


def test_well_known_directories(guest: Guest) -> None:
    buffer = guest.buffer(260)
    assert guest.call("kernel32.GetWindowsDirectoryA", buffer, 260) == 10
    assert buffer.cstr == b"C:\\WINDOWS"
    assert guest.call("kernel32.GetSystemDirectoryW", buffer, 130) == 17
    assert buffer.wide == "C:\\WINDOWS\\SYSTEM"
    assert text(guest, "GetTempPathA") == "C:\\WINDOWS\\TEMP\\"
    guest.process.environment.pop("TMP", None)
    guest.process.environment["TEMP"] = "C:\\t"
    assert text(guest, "GetTempPathA") == "C:\\t\\"
    guest.process.environment.pop("TEMP", None)
    assert text(guest, "GetTempPathA") == "C:\\"


def test_temporary_names_are_new_files(guest: Guest, c: Path) -> None:
    buffer = guest.buffer(260)
    name = "kernel32.GetTempFileNameA"
    assert guest.call(name, "C:\\WINDOWS\\TEMP", "prefix", 0x12345, buffer) == 0x2345
    assert buffer.cstr == b"C:\\WINDOWS\\TEMP\\pre2345.TMP"
    assert not (c / "WINDOWS" / "TEMP" / "pre2345.TMP").exists()
    guest.call("kernel32.SetCurrentDirectoryA", "C:\\WINDOWS")
    assert guest.call(name, ".", "ab", 1, buffer)
    assert buffer.cstr == b".\\ab1.TMP"
    made = set()
    for _ in range(5):
        assert guest.call(name, "C:\\", "ab", 0, buffer)
        made.add(buffer.cstr)
        assert (c / buffer.cstr[3:].decode()).stat().st_size == 0
    assert len(made) == 5
    assert guest.call(name, "C:\\none", "ab", 0, buffer) == 0


def test_the_search_path(guest: Guest, c: Path) -> None:
    (c / "WINDOWS" / "SYSTEM" / "both.dll").write_bytes(b"")
    (c / "WINDOWS" / "both.dll").write_bytes(b"")
    (c / "tools").mkdir()
    (c / "tools" / "tool.exe").write_bytes(b"")
    guest.process.environment["PATH"] = "C:\\none;C:\\tools"

    def search(path: str | None, name: str, extension: str | None) -> str:
        buffer = guest.buffer(260)
        guest.call("kernel32.SearchPathA", path, name, extension, 260, buffer, 0)
        return buffer.cstr.decode() if buffer.bytes[0] != 0xCC else ""

    assert search(None, "both", ".dll") == "C:\\WINDOWS\\SYSTEM\\both.dll"
    assert search("C:\\WINDOWS", "both.dll", None) == "C:\\WINDOWS\\both.dll"
    assert search(None, "TOOL", ".EXE") == "C:\\tools\\TOOL.EXE"
    assert search(None, "tool.com", ".exe") == ""
    assert guest.last_error == Err.FILE_NOT_FOUND


# --- drives -----------------------------------------------------------------------------------------
def test_drives_are_listed_and_typed(guest: Guest, tmp_path: Path) -> None:
    (tmp_path / "e").mkdir()
    from w9x_client.drives import DriveType

    guest.process.drives.add("E", tmp_path / "e", kind=DriveType.CDROM)
    assert guest.call("kernel32.GetLogicalDrives") == 0b10100
    buffer = guest.buffer(20)
    assert guest.call("kernel32.GetLogicalDriveStringsA", 20, buffer) == 8
    assert buffer.bytes[:9] == b"C:\\\0E:\\\0\0"
    assert guest.call("kernel32.GetLogicalDriveStringsA", 8, buffer) == 9
    types = [guest.call("kernel32.GetDriveTypeA", path) for path in ("C:\\", "e:", None, "Q:\\", "C:\\WINDOWS", "\\")]
    assert types == [3, 5, 3, 1, 1, 3]


def test_free_space_is_capped_for_the_old_function_only(guest: Guest) -> None:
    out = guest.buffer(16)
    a = out.address
    assert guest.call("kernel32.GetDiskFreeSpaceA", "C:\\", a, a + 4, a + 8, a + 12)
    sectors, size, free, total = struct.unpack("<4I", out.bytes)
    assert free <= total
    assert sectors * size * total <= 2_147_155_968
    big = guest.buffer(24)
    assert guest.call("kernel32.GetDiskFreeSpaceExA", "C:\\WINDOWS", big, big.address + 8, big.address + 16)
    available, all_bytes, _ = struct.unpack("<3Q", big.bytes)
    assert sectors * size * free <= available <= all_bytes
    assert guest.call("kernel32.GetDiskFreeSpaceA", "Q:\\", a, a + 4, a + 8, a + 12) == 0
    assert guest.last_error == Err.INVALID_DRIVE


def test_volume_information(guest: Guest) -> None:
    label, system, numbers = guest.buffer(12), guest.buffer(12), guest.buffer(12)
    n = numbers.address
    call = ("kernel32.GetVolumeInformationA", "C:\\", label, 12, n, n + 4, n + 8, system)
    assert guest.call(*call, 12)
    assert guest.last_error == POISON
    assert system.cstr == b"FAT32"
    serial = numbers.u32()
    assert numbers.u32(1) == 255
    assert guest.call(*call, 12)
    assert numbers.u32() == serial
    assert guest.call(*call, 5) == 0
    assert guest.last_error == Err.MORE_DATA
    if guest.call("kernel32.SetVolumeLabelA", "C:\\", "my disk"):
        assert guest.call(*call, 12)
        assert label.cstr == b"MY DISK"
    assert guest.call("kernel32.SetVolumeLabelA", "C:\\", "a*b") == 0
    assert guest.last_error == Err.INVALID_NAME
