"""CreateFile, reading, writing, positions, sharing, locks."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from tests.api.harness import FAILED, POISON, Guest
from w9x_client.abi import Err

READ, WRITE, BOTH = 0x80000000, 0x40000000, 0xC0000000
NEW, CREATE, OPEN, ALWAYS, TRUNCATE = 1, 2, 3, 4, 5


def create(guest: Guest, path: str, access: int = BOTH, share: int = 0, how: int = CREATE, flags: int = 0x80) -> int:
    return guest.call("kernel32.CreateFileA", path, access, share, 0, how, flags, 0)


def write(guest: Guest, handle: int, data: bytes) -> int:
    done = guest.buffer(4)
    assert guest.call("kernel32.WriteFile", handle, data, len(data), done, 0), guest.last_error
    return done.u32()


def read(guest: Guest, handle: int, size: int) -> bytes:
    data, done = guest.buffer(max(size, 1)), guest.buffer(4)
    assert guest.call("kernel32.ReadFile", handle, data, size, done, 0), guest.last_error
    return data.bytes[: done.u32()]


def close(guest: Guest, handle: int) -> None:
    assert guest.call("kernel32.CloseHandle", handle)


@pytest.fixture
def c(guest: Guest) -> Path:
    return Path(guest.process.drives.drives["C"].root)


def test_what_is_written_is_read_back_and_is_on_the_host_at_once(guest: Guest, c: Path) -> None:
    handle = create(guest, "C:\\Data.bin")
    assert write(guest, handle, b"hello\r\nworld\x1a\0end") == 17
    assert (c / "Data.bin").read_bytes() == b"hello\r\nworld\x1a\0end"
    assert guest.call("kernel32.SetFilePointer", handle, 5, 0, 0) == 5
    assert read(guest, handle, 100) == b"\r\nworld\x1a\0end"
    assert read(guest, handle, 100) == b""
    close(guest, handle)
    assert guest.call("kernel32.ReadFile", handle, guest.buffer(4), 4, guest.buffer(4), 0) == 0
    assert guest.last_error == Err.INVALID_HANDLE


def test_the_wide_twin_opens_names_beyond_the_code_page(guest: Guest, c: Path) -> None:
    handle = guest.call("kernel32.CreateFileW", "C:\\日本 😀.txt", BOTH, 0, 0, NEW, 0, 0)
    assert handle != FAILED
    assert (c / "日本 😀.txt").exists()


# CreateFile's dispositions (Platform SDK): (file exists, disposition) -> last error and whether the contents stay.
@pytest.mark.parametrize(
    ("exists", "how", "error", "content"),
    [
        (False, NEW, 0, b""),
        (True, NEW, Err.FILE_EXISTS, b"old"),
        (False, CREATE, 0, b""),
        (True, CREATE, Err.ALREADY_EXISTS, b""),
        (False, OPEN, Err.FILE_NOT_FOUND, None),
        (True, OPEN, 0, b"old"),
        (False, ALWAYS, 0, b""),
        (True, ALWAYS, Err.ALREADY_EXISTS, b"old"),
        (False, TRUNCATE, Err.FILE_NOT_FOUND, None),
        (True, TRUNCATE, 0, b""),
        (True, 0, Err.INVALID_PARAMETER, b"old"),
        (True, 6, Err.INVALID_PARAMETER, b"old"),
    ],
)
def test_dispositions(guest: Guest, c: Path, exists: bool, how: int, error: int, content: bytes | None) -> None:
    if exists:
        (c / "f").write_bytes(b"old")
    handle = create(guest, "C:\\F", how=how)
    assert guest.last_error == error
    assert (handle == FAILED) is (error not in (0, Err.ALREADY_EXISTS))
    assert ((c / "f").read_bytes() if exists else (c / "F").read_bytes() if (c / "F").exists() else None) == content


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("C:\\no\\such", Err.PATH_NOT_FOUND),
        ("Q:\\x", Err.PATH_NOT_FOUND),
        ("", Err.PATH_NOT_FOUND),
        ("C:\\a*b", Err.INVALID_NAME),
        ("C:\\WINDOWS", Err.ACCESS_DENIED),
        ("\\\\server\\share", Err.BAD_NETPATH),
        ("\\\\.\\NOVXD", Err.FILE_NOT_FOUND),
        ("\\\\.\\C:", Err.FILE_NOT_FOUND),
        ("LPT1", Err.FILE_NOT_FOUND),
        ("C:\\" + "x" * 250 + "\\" + "y" * 20, Err.FILENAME_EXCED_RANGE),
    ],
)
def test_what_cannot_be_opened_says_why(guest: Guest, path: str, error: int) -> None:
    assert create(guest, path, how=ALWAYS) == FAILED
    assert guest.last_error == error


def test_a_device_registered_for_a_vxd_is_opened_by_name(guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    from w9x_client.abi import devices
    from w9x_client.process.objects import Event

    monkeypatch.setitem(devices.factories, "VTEST", lambda t, name: Event(True, True))
    for spelling in ("\\\\.\\VTEST", "\\\\.\\vtest.vxd"):
        handle = create(guest, spelling, how=0)  # Win9x: disposition 0 is accepted for a VxD
        assert handle != FAILED
        assert guest.call("kernel32.WaitForSingleObject", handle, 0) == 0


def test_nul_takes_everything_and_gives_nothing_in_any_directory(guest: Guest) -> None:
    handle = create(guest, "C:\\WINDOWS\\nul.txt", how=OPEN)
    assert write(guest, handle, b"x" * 1000) == 1000
    assert read(guest, handle, 10) == b""
    assert guest.call("kernel32.GetFileType", handle) == 2


def test_access_rights_of_the_handle_count(guest: Guest, c: Path) -> None:
    (c / "f").write_bytes(b"abc")
    handle = create(guest, "C:\\f", READ, how=OPEN)
    assert guest.call("kernel32.WriteFile", handle, b"x", 1, guest.buffer(4), 0) == 0
    assert guest.last_error == Err.ACCESS_DENIED
    assert guest.call("kernel32.SetEndOfFile", handle) == 0
    assert guest.last_error == Err.ACCESS_DENIED
    close(guest, handle)
    handle = create(guest, "C:\\f", WRITE, how=OPEN)
    assert guest.call("kernel32.ReadFile", handle, guest.buffer(4), 4, guest.buffer(4), 0) == 0
    assert guest.last_error == Err.ACCESS_DENIED


def test_a_read_only_file_is_not_opened_for_writing(guest: Guest, c: Path) -> None:
    (c / "f").write_bytes(b"abc")
    os.chmod(c / "f", 0o444)
    for how in (OPEN, CREATE):
        assert create(guest, "C:\\f", how=how) == FAILED
        assert guest.last_error == Err.ACCESS_DENIED
    assert create(guest, "C:\\f", READ, how=OPEN) != FAILED


def test_positions(guest: Guest) -> None:
    handle = create(guest, "C:\\f")
    write(guest, handle, b"0123456789")
    move = "kernel32.SetFilePointer"
    assert guest.call(move, handle, -3, 0, 2) == 7
    assert guest.call(move, handle, -2, 0, 1) == 5
    assert guest.call(move, handle, -6, 0, 1) == FAILED
    assert guest.last_error == Err.NEGATIVE_SEEK
    assert guest.call(move, handle, 0, 0, 1) == 5
    assert guest.call(move, handle, 0, 0, 3) == FAILED
    assert guest.last_error == Err.INVALID_PARAMETER
    high = guest.buffer(struct.pack("<i", 1))
    assert guest.call(move, handle, 5, high, 0) == 5
    assert high.u32() == 1
    high.set(struct.pack("<i", -1))
    assert guest.call(move, handle, -10, high, 1) == 0xFFFFFFFB
    assert high.u32() == 0
    assert guest.call(move, handle, -1, 0, 0) == FAILED
    assert guest.last_error == Err.NEGATIVE_SEEK
    assert guest.call(move, handle, -1, high, 0) == FAILED
    assert guest.last_error == 0  # FFFFFFFF is the position, not a failure


def test_the_end_of_file_moves_both_ways(guest: Guest, c: Path) -> None:
    handle = create(guest, "C:\\f")
    write(guest, handle, b"0123456789")
    guest.call("kernel32.SetFilePointer", handle, 4, 0, 0)
    assert guest.call("kernel32.SetEndOfFile", handle)
    assert guest.call("kernel32.GetFileSize", handle, 0) == 4
    guest.call("kernel32.SetFilePointer", handle, 0x1_0000, 0, 0)
    assert guest.call("kernel32.SetEndOfFile", handle)
    assert (c / "f").read_bytes() == b"0123" + bytes(0xFFFC)
    size = guest.buffer(8)
    assert guest.call("kernel32.GetFileSizeEx", handle, size)
    assert size.bytes == struct.pack("<Q", 0x1_0000)


def test_a_file_beyond_4_gb_reports_both_halves(guest: Guest, c: Path) -> None:
    with open(c / "big", "wb") as file:
        file.truncate(0x1_FFFF_FFFF)
    handle = create(guest, "C:\\big", READ, how=OPEN)
    high = guest.buffer(4)
    assert guest.call("kernel32.GetFileSize", handle, high) == FAILED
    assert guest.last_error == 0
    assert high.u32() == 1


def test_zero_bytes_change_nothing(guest: Guest, c: Path) -> None:
    handle = create(guest, "C:\\f")
    write(guest, handle, b"0123456789")
    guest.call("kernel32.SetFilePointer", handle, 4, 0, 0)
    assert write(guest, handle, b"") == 0
    assert (c / "f").read_bytes() == b"0123456789"


def test_a_read_may_state_more_than_its_buffer_holds_when_the_file_is_short(guest: Guest, c: Path) -> None:
    (c / "f").write_bytes(b"abc")
    handle = create(guest, "C:\\f", READ, how=OPEN)
    page = guest.process.space.allocate(0x1000, "test")
    done = guest.buffer(4)
    assert guest.call("kernel32.ReadFile", handle, page + 0xFF0, 0x1_0000_00, done, 0)
    assert done.u32() == 3
    assert guest.mem.read(page + 0xFF0, 3) == b"abc"


def test_an_offset_in_an_overlapped_structure_is_obeyed(guest: Guest, c: Path) -> None:
    (c / "f").write_bytes(b"0123456789")
    handle = create(guest, "C:\\f", how=OPEN)
    overlapped = guest.buffer(struct.pack("<5I", 0, 0, 6, 0, 0))
    data, done = guest.buffer(10), guest.buffer(4)
    assert guest.call("kernel32.ReadFile", handle, data, 10, done, overlapped)
    assert data.bytes[: done.u32()] == b"6789"
    overlapped.set(struct.pack("<5I", 0, 0, 2, 0, 0))
    assert guest.call("kernel32.WriteFile", handle, b"XY", 2, done, overlapped)
    assert (c / "f").read_bytes() == b"01XY456789"
    overlapped.set(struct.pack("<5I", 0, 0, 10, 0, 0))
    assert guest.call("kernel32.ReadFile", handle, data, 10, done, overlapped) == 0
    assert guest.last_error == Err.HANDLE_EOF


def test_duplicated_handles_share_a_position(guest: Guest) -> None:
    handle = create(guest, "C:\\f")
    other = guest.buffer(4)
    process = guest.call("kernel32.GetCurrentProcess")
    assert guest.call("kernel32.DuplicateHandle", process, handle, process, other, 0, 0, 2)
    write(guest, handle, b"abc")
    close(guest, handle)
    write(guest, other.u32(), b"def")
    guest.call("kernel32.SetFilePointer", other.u32(), 0, 0, 0)
    assert read(guest, other.u32(), 9) == b"abcdef"


def test_information_by_handle(guest: Guest, c: Path) -> None:
    (c / "f").write_bytes(b"0123456789")
    os.utime(c / "f", ns=(0, 1_000_000_000))
    handle = create(guest, "C:\\f", READ, how=OPEN)
    info = guest.buffer(52)
    assert guest.call("kernel32.GetFileInformationByHandle", handle, info)
    fields = struct.unpack("<I6I6I", info.bytes)
    st = os.stat(c / "f")
    assert fields[0] == 0x20
    assert fields[6] << 32 | fields[5] == 116_444_736_010_000_000  # 1970-01-01 00:00:01
    assert fields[8:10] == (0, 10)
    assert fields[10] == st.st_nlink
    assert fields[11] << 32 | fields[12] == st.st_ino


# --- sharing --------------------------------------------------------------------------------------
# First opener's access and share, second's, and whether both can have their way (Platform SDK, CreateFile).
@pytest.mark.parametrize(
    ("first", "second", "allowed"),
    [
        ((READ, 1), (READ, 1), True),
        ((READ, 0), (READ, 1), False),
        ((READ, 1), (READ, 0), False),
        ((READ, 1), (WRITE, 3), False),
        ((READ, 2), (WRITE, 1), True),
        ((READ, 2), (WRITE, 2), False),
        ((BOTH, 3), (BOTH, 3), True),
        ((BOTH, 3), (BOTH, 1), False),
        ((0, 0), (BOTH, 0), True),
    ],
)
@pytest.mark.parametrize("across", [False, True], ids=["one process", "two processes"])
def test_sharing_modes(
    make_guest: object, first: tuple[int, int], second: tuple[int, int], allowed: bool, across: bool
) -> None:
    one = make_guest()  # type: ignore[operator]
    two = make_guest() if across else one  # type: ignore[operator]
    assert create(one, "C:\\f", *first, how=ALWAYS) != FAILED
    result = create(two, "C:\\F", *second, how=OPEN)
    assert (result != FAILED) is allowed
    if not allowed:
        assert two.last_error == Err.SHARING_VIOLATION


def test_an_open_file_is_neither_deleted_nor_renamed(guest: Guest, c: Path) -> None:
    handle = create(guest, "C:\\f", share=3)
    assert guest.call("kernel32.DeleteFileA", "C:\\f") == 0
    assert guest.last_error == Err.SHARING_VIOLATION
    assert guest.call("kernel32.MoveFileA", "C:\\f", "C:\\g") == 0
    assert guest.last_error == Err.SHARING_VIOLATION
    close(guest, handle)
    assert guest.call("kernel32.DeleteFileA", "C:\\f")
    assert not (c / "f").exists()


def test_delete_on_close_waits_for_the_last_handle(guest: Guest, c: Path) -> None:
    one = create(guest, "C:\\f", share=7, flags=0x04000000)
    two = create(guest, "C:\\f", share=7, how=OPEN)
    assert FAILED not in (one, two)
    close(guest, two)
    assert (c / "f").exists()
    close(guest, one)
    assert not (c / "f").exists()


# --- locks ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("across", [False, True], ids=["one process", "two processes"])
def test_a_locked_range_belongs_to_its_handle(make_guest: object, across: bool) -> None:
    one = make_guest()  # type: ignore[operator]
    two = make_guest() if across else one  # type: ignore[operator]
    first = create(one, "C:\\f", share=3, how=ALWAYS)
    second = create(two, "C:\\f", share=3, how=OPEN)
    assert one.call("kernel32.LockFile", first, 10, 0, 10, 0)
    assert two.call("kernel32.LockFile", second, 15, 0, 1, 0) == 0
    assert two.last_error == Err.LOCK_VIOLATION
    assert two.call("kernel32.LockFile", second, 20, 0, 5, 0)
    assert two.call("kernel32.UnlockFile", second, 20, 0, 4, 0) == 0
    assert two.last_error == Err.NOT_LOCKED
    assert two.call("kernel32.UnlockFile", second, 20, 0, 5, 0)
    close(one, first)
    assert two.call("kernel32.LockFile", second, 15, 0, 1, 0)


def test_reading_and_writing_anothers_locked_range_fails(guest: Guest) -> None:
    first = create(guest, "C:\\f", share=3)
    write(guest, first, b"0123456789")
    second = create(guest, "C:\\f", share=3, how=OPEN)
    assert guest.call("kernel32.LockFile", first, 4, 0, 2, 0)
    assert read(guest, second, 4) == b"0123"
    assert guest.call("kernel32.ReadFile", second, guest.buffer(4), 1, guest.buffer(4), 0) == 0
    assert guest.last_error == Err.LOCK_VIOLATION
    assert guest.call("kernel32.WriteFile", second, b"x", 1, guest.buffer(4), 0) == 0
    assert guest.last_error == Err.LOCK_VIOLATION
    guest.call("kernel32.SetFilePointer", first, 4, 0, 0)
    assert read(guest, first, 1) == b"4"


def test_a_lock_may_lie_beyond_the_end_and_beyond_4_gb(guest: Guest) -> None:
    handle = create(guest, "C:\\f")
    assert guest.call("kernel32.LockFile", handle, 0, 0x4000_0000, 1, 0)
    assert guest.call("kernel32.LockFile", handle, 0, 0, FAILED, FAILED) == 0
    assert guest.last_error == Err.LOCK_VIOLATION
    assert guest.call("kernel32.UnlockFile", handle, 0, 0x4000_0000, 1, 0)
    assert guest.call("kernel32.LockFile", handle, 0, 0, FAILED, FAILED)


def test_shared_locks_share_and_exclusive_ones_do_not(guest: Guest) -> None:
    first = create(guest, "C:\\f", share=3)
    second = create(guest, "C:\\f", share=3, how=OPEN)
    where = guest.buffer(bytes(20))
    assert guest.call("kernel32.LockFileEx", first, 1, 0, 10, 0, where)
    assert guest.call("kernel32.LockFileEx", second, 1, 0, 10, 0, where)
    assert guest.call("kernel32.LockFileEx", second, 3, 0, 10, 0, where) == 0
    assert guest.last_error == Err.LOCK_VIOLATION


# --- standard handles and odd ones -----------------------------------------------------------------
def test_standard_handles_can_be_replaced(guest: Guest) -> None:
    assert guest.call("kernel32.GetStdHandle", -13) == FAILED
    assert guest.last_error == Err.INVALID_HANDLE
    assert guest.call("kernel32.SetStdHandle", -11, 0x1234)
    assert guest.call("kernel32.GetStdHandle", -11) == 0x1234


def test_handles_of_other_kinds_are_no_files(guest: Guest) -> None:
    event = guest.call("kernel32.CreateEventA", 0, 0, 0, 0)
    for name, *arguments in (
        ("ReadFile", 0, 0, 0, 0), ("SetFilePointer", 0, 0, 0), ("GetFileSize", 0), ("SetEndOfFile",), ("GetFileType",),
        ("FlushFileBuffers",), ("LockFile", 0, 0, 1, 0), ("GetFileInformationByHandle", 0), ("FindClose",),
    ):  # fmt: skip
        guest.call(f"kernel32.{name}", event, *arguments)
        assert guest.last_error == Err.INVALID_HANDLE, name


def test_success_leaves_last_error_alone(guest: Guest) -> None:
    handle = create(guest, "C:\\f")
    guest.call("kernel32.WriteFile", handle, b"x", 1, guest.buffer(4), 0)
    assert guest.last_error == POISON


# --- Windows 3's functions --------------------------------------------------------------------------
def test_the_l_functions(guest: Guest, c: Path) -> None:
    handle = guest.call("kernel32._lcreat", "C:\\f", 0)
    assert guest.call("kernel32._lwrite", handle, b"0123456789", 10) == 10
    assert guest.call("kernel32._llseek", handle, -4, 2) == 6
    assert guest.call("kernel32._hwrite", handle, b"", 0) == 0  # documented: ends the file here
    assert guest.call("kernel32._lclose", handle) == 0
    assert (c / "f").read_bytes() == b"012345"
    handle = guest.call("kernel32._lopen", "C:\\f", 0)
    data = guest.buffer(10)
    assert guest.call("kernel32._lread", handle, data, 10) == 6
    assert guest.call("kernel32._hread", handle, data, 10) == 0
    assert guest.call("kernel32._lwrite", handle, b"x", 1) == FAILED
    assert guest.call("kernel32._lclose", handle) == 0
    assert guest.call("kernel32._lclose", handle) == FAILED
    assert guest.call("kernel32._lopen", "C:\\none", 0) == FAILED
    assert guest.last_error == Err.FILE_NOT_FOUND


def test_open_file_fills_its_structure(guest: Guest, c: Path) -> None:
    info = guest.buffer(136)
    assert guest.call("kernel32.OpenFile", "C:\\none", info, 0) == FAILED
    assert struct.unpack_from("<H", info.bytes, 2)[0] == Err.FILE_NOT_FOUND
    handle = guest.call("kernel32.OpenFile", "C:\\sub\\..\\f", info, 0x1002)
    assert handle != FAILED
    assert info.bytes[0] == 136
    assert info.bytes[8:].split(b"\0")[0] == b"C:\\f"
    close(guest, handle)
    assert guest.call("kernel32.OpenFile", "C:\\f", info, 0x4000) == 1
    assert guest.call("kernel32.OpenFile", 0, info, 0x8000) != FAILED
    (c / "WINDOWS" / "found.ini").write_bytes(b"x")
    assert guest.call("kernel32.OpenFile", "found.ini", info, 0) != FAILED
    assert info.bytes[8:].split(b"\0")[0] == b"C:\\WINDOWS\\found.ini"
