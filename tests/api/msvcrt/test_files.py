"""Descriptors, streams and directories on a real folder."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.api.harness import Guest

EOF = 0xFFFFFFFF
ENOENT, EBADF, EEXIST, EACCES, ENOTEMPTY, EINVAL = 2, 9, 17, 13, 41, 22
O_RDONLY, O_WRONLY, O_RDWR, O_APPEND, O_CREAT, O_TRUNC, O_EXCL, O_TEXT, O_BINARY = (
    0, 1, 2, 8, 0x100, 0x200, 0x400, 0x4000, 0x8000,
)  # fmt: skip


def errno(guest: Guest) -> int:
    return guest.mem.u32(guest.call("msvcrt._errno"))


def read_all(guest: Guest, fd: int, step: int) -> bytes:
    buffer = guest.buffer(step)
    out = b""
    while 0 < (count := guest.call("msvcrt._read", fd, buffer, step)) <= step:
        out += buffer.bytes[:count]
    return out


# --- descriptors ------------------------------------------------------------------------
@pytest.mark.parametrize("step", [1, 2, 3, 7, 100])
def test_text_mode_reads_lf_for_cr_lf_however_it_is_cut(guest: Guest, folder: Path, step: int) -> None:
    (folder / "f").write_bytes(b"a\r\nb\rc\r\r\nd\r")
    fd = guest.call("msvcrt._open", b"f", O_RDONLY | O_TEXT)
    assert read_all(guest, fd, step) == b"a\nb\rc\r\nd\r"


def test_ctrl_z_ends_a_text_file_but_not_a_binary_one(guest: Guest, folder: Path) -> None:
    (folder / "f").write_bytes(b"ab\x1acd")
    fd = guest.call("msvcrt._open", b"f", O_RDONLY | O_TEXT)
    assert read_all(guest, fd, 10) == b"ab"
    assert guest.call("msvcrt._setmode", fd, O_BINARY) == O_TEXT
    guest.call("msvcrt._lseek", fd, 0, 0)
    assert read_all(guest, fd, 10) == b"ab\x1acd"


def test_text_mode_writes_cr_lf_and_counts_what_it_was_given(guest: Guest, folder: Path) -> None:
    fd = guest.call("msvcrt._open", b"f", O_WRONLY | O_CREAT | O_TEXT, 0x180)
    assert guest.call("msvcrt._write", fd, b"a\nb\n", 4) == 4
    assert guest.call("msvcrt._close", fd) == 0
    assert (folder / "f").read_bytes() == b"a\r\nb\r\n"


def test_append_writes_at_the_end(guest: Guest, folder: Path) -> None:
    (folder / "f").write_bytes(b"12345")
    fd = guest.call("msvcrt._open", b"f", O_RDWR | O_APPEND | O_BINARY)
    guest.call("msvcrt._lseek", fd, 0, 0)
    guest.call("msvcrt._write", fd, b"67", 2)
    assert (folder / "f").read_bytes() == b"1234567"


@pytest.mark.parametrize(
    ("name", "flags", "number"),
    [(b"none", O_RDONLY, ENOENT), (b"no\\dir", O_CREAT | O_WRONLY, ENOENT),
    (b"f", O_CREAT | O_EXCL | O_WRONLY, EEXIST), (b"f", 3, EINVAL)],
)
def test_a_failing_open_sets_errno(guest: Guest, folder: Path, name: bytes, flags: int, number: int) -> None:
    (folder / "f").touch()
    assert guest.call("msvcrt._open", name, flags, 0x180) == EOF
    assert errno(guest) == number


def test_a_file_created_without_write_permission_is_read_only(guest: Guest, folder: Path) -> None:
    fd = guest.call("msvcrt._open", b"f", O_CREAT | O_WRONLY, 0x100)
    guest.call("msvcrt._close", fd)
    assert guest.call("msvcrt._access", b"f", 0) == 0
    assert guest.call("msvcrt._access", b"f", 2) == EOF
    assert errno(guest) == EACCES
    assert guest.call("msvcrt._chmod", b"f", 0x80) == 0
    assert guest.call("msvcrt._access", b"f", 2) == 0


def test_descriptors_are_the_lowest_free_numbers(guest: Guest, folder: Path) -> None:
    (folder / "f").touch()
    first = guest.call("msvcrt._open", b"f", O_RDONLY)
    second = guest.call("msvcrt._open", b"f", O_RDONLY)
    assert second == first + 1
    guest.call("msvcrt._close", first)
    assert guest.call("msvcrt._open", b"f", O_RDONLY) == first
    assert guest.call("msvcrt._close", 77) == EOF
    assert errno(guest) == EBADF


def test_dup_shares_the_position(guest: Guest, folder: Path) -> None:
    (folder / "f").write_bytes(b"abcdef")
    fd = guest.call("msvcrt._open", b"f", O_RDONLY | O_BINARY)
    other = guest.call("msvcrt._dup", fd)
    buffer = guest.buffer(3)
    guest.call("msvcrt._read", fd, buffer, 3)
    guest.call("msvcrt._read", other, buffer, 3)
    assert buffer.bytes == b"def"
    guest.call("msvcrt._close", fd)
    assert guest.call("msvcrt._tell", other) == 6
    assert guest.call("msvcrt._eof", other) == 1


def test_chsize_and_filelength(guest: Guest, folder: Path) -> None:
    fd = guest.call("msvcrt._open", b"f", O_CREAT | O_RDWR | O_BINARY, 0x180)
    guest.call("msvcrt._write", fd, b"abcdef", 6)
    assert guest.call("msvcrt._chsize", fd, 3) == 0
    assert guest.call("msvcrt._filelength", fd) == 3
    assert guest.call("msvcrt._chsize", fd, 5) == 0
    assert (folder / "f").read_bytes() == b"abc\0\0"


def test_a_pipe_carries_bytes_and_ends(guest: Guest) -> None:
    ends = guest.buffer(8)
    assert guest.call("msvcrt._pipe", ends, 512, O_BINARY) == 0
    assert guest.call("msvcrt._write", ends.u32(1), b"hello", 5) == 5
    guest.call("msvcrt._close", ends.u32(1))
    assert read_all(guest, ends.u32(0), 3) == b"hello"
    assert guest.call("msvcrt._lseek", ends.u32(0), 0, 0) == EOF
    assert errno(guest) == 29  # ESPIPE


# --- streams ---------------------------------------------------------------------------
PTR, CNT, BASE, FLAG = 0, 4, 8, 12


def test_the_putc_and_getc_macros_work_on_the_structure(guest: Guest, folder: Path) -> None:
    """What programs compiled with the macros do: count down, store or load, call _flsbuf or _filbuf below zero."""
    f = guest.call("msvcrt.fopen", b"f", b"wb")
    data = bytes(i * 7 & 0xFF for i in range(10_000))
    mem = guest.mem
    for byte in data:
        mem.put32(f + CNT, mem.u32(f + CNT) - 1)
        if mem.i32(f + CNT) >= 0:
            mem.put8(mem.u32(f + PTR), byte)
            mem.put32(f + PTR, mem.u32(f + PTR) + 1)
        else:
            assert guest.call("msvcrt._flsbuf", byte, f) == byte
    assert guest.call("msvcrt.fclose", f) == 0
    assert (folder / "f").read_bytes() == data
    f = guest.call("msvcrt.fopen", b"f", b"rb")
    out = bytearray()
    while True:
        mem.put32(f + CNT, mem.u32(f + CNT) - 1)
        if mem.i32(f + CNT) >= 0:
            out.append(mem.u8(mem.u32(f + PTR)))
            mem.put32(f + PTR, mem.u32(f + PTR) + 1)
        elif (byte := guest.call("msvcrt._filbuf", f)) == EOF:
            break
        else:
            out.append(byte)
    assert bytes(out) == data
    assert mem.u32(f + FLAG) & 0x10


def test_ftell_in_text_mode_is_the_offset_in_the_file(guest: Guest, folder: Path) -> None:
    (folder / "f").write_bytes(b"one\r\ntwo\nthree\r\nend")
    f = guest.call("msvcrt.fopen", b"f", b"r")
    buffer = guest.buffer(32)
    places = []
    while guest.call("msvcrt.fgets", buffer, 32, f):
        places.append((buffer.cstr, guest.call("msvcrt.ftell", f)))
    assert places == [(b"one\n", 5), (b"two\n", 9), (b"three\n", 16), (b"end", 19)]
    for line, place in zip([b"two\n", b"three\n", b"end"], [5, 9, 16], strict=True):
        assert guest.call("msvcrt.fseek", f, place, 0) == 0
        guest.call("msvcrt.fgets", buffer, 32, f)
        assert buffer.cstr == line


def test_ftell_while_writing_text_counts_the_carriage_returns(guest: Guest, folder: Path) -> None:
    f = guest.call("msvcrt.fopen", b"f", b"w")
    guest.call("msvcrt.fputs", b"a\nb\n", f)
    assert guest.call("msvcrt.ftell", f) == 6
    assert (folder / "f").read_bytes() == b""  # still in the buffer
    guest.call("msvcrt.fflush", f)
    assert (folder / "f").read_bytes() == b"a\r\nb\r\n"


def test_reading_and_writing_alternate_over_seeks(guest: Guest, folder: Path) -> None:
    (folder / "f").write_bytes(b"0123456789")
    f = guest.call("msvcrt.fopen", b"f", b"r+b")
    assert guest.call("msvcrt.fgetc", f) == ord("0")
    guest.call("msvcrt.fseek", f, 0, 1)
    guest.call("msvcrt.fputs", b"AB", f)
    guest.call("msvcrt.fseek", f, 0, 1)
    assert guest.call("msvcrt.fgetc", f) == ord("3")
    guest.call("msvcrt.fclose", f)
    assert (folder / "f").read_bytes() == b"0AB3456789"


def test_ungetc_gives_the_byte_back_and_ends_the_end(guest: Guest, folder: Path) -> None:
    (folder / "f").write_bytes(b"x")
    f = guest.call("msvcrt.fopen", b"f", b"rb")
    assert guest.call("msvcrt.fgetc", f) == ord("x")
    assert guest.call("msvcrt.fgetc", f) == EOF
    assert guest.call("msvcrt.feof", f)
    assert guest.call("msvcrt.ungetc", ord("y"), f) == ord("y")
    assert not guest.call("msvcrt.feof", f)
    assert guest.call("msvcrt.fgetc", f) == ord("y")


@pytest.mark.parametrize("size", [1, 3, 4095, 4096, 4097, 20_000])
def test_fread_and_fwrite_of_any_size(guest: Guest, folder: Path, size: int) -> None:
    data = bytes(i * 13 & 0xFF for i in range(20_000))
    f = guest.call("msvcrt.fopen", b"f", b"wb")
    for at in range(0, len(data), size):
        piece = data[at : at + size]
        block = guest.buffer(piece)
        assert guest.call("msvcrt.fwrite", block, 1, len(piece), f) == len(piece)
        guest.process.heap_free(block.address)
        if size == 1 and at > 5000:
            break
    guest.call("msvcrt.fclose", f)
    written = (folder / "f").read_bytes()
    assert written == data[: len(written)] and len(written) > 5000
    f = guest.call("msvcrt.fopen", b"f", b"rb")
    target = guest.buffer(30_000)
    assert guest.call("msvcrt.fread", target, 2, 15_000, f) == len(written) // 2
    assert target.bytes[: len(written)] == written


def test_an_unbuffered_stream_writes_at_once(guest: Guest, folder: Path) -> None:
    f = guest.call("msvcrt.fopen", b"f", b"wb")
    assert guest.call("msvcrt.setvbuf", f, 0, 4, 0) == 0
    guest.call("msvcrt.fputc", ord("x"), f)
    assert (folder / "f").read_bytes() == b"x"


def test_a_buffer_of_the_programs_own_is_used(guest: Guest, folder: Path) -> None:
    buffer = guest.buffer(16)
    f = guest.call("msvcrt.fopen", b"f", b"wb")
    assert guest.call("msvcrt.setvbuf", f, buffer, 0, 16) == 0
    guest.call("msvcrt.fputs", b"hello", f)
    assert buffer.bytes[:5] == b"hello"
    guest.call("msvcrt.fputs", b"x" * 20, f)
    guest.call("msvcrt.fclose", f)
    assert (folder / "f").read_bytes() == b"hello" + b"x" * 20


def test_fscanf_consumes_no_more_than_it_reads(guest: Guest, folder: Path) -> None:
    (folder / "f").write_bytes(b"12 abc\r\n3.5;rest")
    f = guest.call("msvcrt.fopen", b"f", b"r")
    number, text, real = guest.buffer(4), guest.buffer(10), guest.buffer(4)
    assert guest.call("msvcrt.fscanf", f, b"%d %s %f", number, text, real) == 3
    assert (number.u32(), text.cstr, struct.unpack("<f", real.bytes)[0]) == (12, b"abc", 3.5)
    assert guest.call("msvcrt.fgetc", f) == ord(";")


def test_fscanf_goes_on_over_the_edge_of_a_buffer(guest: Guest, folder: Path) -> None:
    (folder / "f").write_bytes(b" " * 4094 + b"123456 7")
    f = guest.call("msvcrt.fopen", b"f", b"rb")
    first, second = guest.buffer(4), guest.buffer(4)
    assert guest.call("msvcrt.fscanf", f, b"%d%d", first, second) == 2
    assert (first.u32(), second.u32()) == (123456, 7)


def test_freopen_keeps_the_stream(guest: Guest, folder: Path) -> None:
    f = guest.call("msvcrt.fopen", b"one", b"w")
    guest.call("msvcrt.fputs", b"1", f)
    assert guest.call("msvcrt.freopen", b"two", b"w", f) == f
    guest.call("msvcrt.fputs", b"2", f)
    guest.call("msvcrt.fclose", f)
    assert ((folder / "one").read_bytes(), (folder / "two").read_bytes()) == (b"1", b"2")


def test_fopen_modes(guest: Guest, folder: Path) -> None:
    (folder / "f").write_bytes(b"old")
    assert guest.call("msvcrt.fopen", b"f", b"q") == 0
    assert errno(guest) == EINVAL
    f = guest.call("msvcrt.fopen", b"f", b"a")
    guest.call("msvcrt.fputs", b"new", f)
    guest.call("msvcrt.fclose", f)
    assert (folder / "f").read_bytes() == b"oldnew"
    f = guest.call("msvcrt.fopen", b"f", b"r")
    assert guest.call("msvcrt.fputc", ord("x"), f) == EOF
    assert guest.call("msvcrt.ferror", f)


def test_tmpfile_goes_away(guest: Guest, folder: Path) -> None:
    guest.process.environment["TEMP"] = "C:\\"
    f = guest.call("msvcrt.tmpfile")
    assert f and len(list(folder.iterdir())) == 1
    guest.call("msvcrt.fputs", b"x", f)
    assert guest.call("msvcrt._rmtmp") == 1
    assert list(folder.iterdir()) == []


def test_wide_streams_hold_bytes_in_text_mode_and_utf16_in_binary(guest: Guest, folder: Path) -> None:
    for mode, expected in ((b"w", b"h\xe9\r\n"), (b"wb", "hé\n".encode("utf-16-le"))):
        f = guest.call("msvcrt.fopen", b"f", mode)
        guest.call("msvcrt.fputws", guest.wide("hé\n"), f)
        guest.call("msvcrt.fclose", f)
        assert (folder / "f").read_bytes() == expected


# --- directories ---------------------------------------------------------------------------
def test_stat_describes_files_and_directories(guest: Guest, folder: Path) -> None:
    (folder / "prog.exe").write_bytes(b"12345")
    record = guest.buffer(36)
    assert guest.call("msvcrt._stat", b"prog.exe", record) == 0
    device, _ino, mode, links, _uid, _gid, _rdev, size, accessed, modified, _created = struct.unpack(
        "<IHHhhh2xI4i", record.bytes
    )
    assert (device, mode, links, size) == (2, 0o100777, 1, 5)
    assert modified == int((folder / "prog.exe").stat().st_mtime) and accessed > 0
    assert guest.call("msvcrt._stat", b"C:\\", record) == 0
    assert struct.unpack_from("<H", record.bytes, 6)[0] & 0xF000 == 0x4000
    assert guest.call("msvcrt._stat", b"nothing", record) == EOF
    assert errno(guest) == ENOENT


def test_findfirst_lists_matches(guest: Guest, folder: Path) -> None:
    for name in ("a.txt", "b.txt", "c.dat"):
        (folder / name).write_bytes(b"xy")
    data = guest.buffer(280)
    search = guest.call("msvcrt._findfirst", b"*.txt", data)
    found = []
    result = 0
    while result == 0:
        found.append((guest.mem.cstr(data.address + 20), struct.unpack_from("<I", data.bytes, 16)[0]))
        result = guest.call("msvcrt._findnext", search, data)
    assert sorted(found) == [(b"a.txt", 2), (b"b.txt", 2)]
    assert errno(guest) == ENOENT
    assert guest.call("msvcrt._findclose", search) == 0
    assert guest.call("msvcrt._findclose", search) == EOF


def test_directories_and_files_come_and_go(guest: Guest, folder: Path) -> None:
    assert guest.call("msvcrt._mkdir", b"d") == 0
    assert guest.call("msvcrt._mkdir", b"d") == EOF
    assert errno(guest) == EEXIST
    (folder / "d" / "f").touch()
    assert guest.call("msvcrt._rmdir", b"d") == EOF
    assert errno(guest) == ENOTEMPTY
    assert guest.call("msvcrt.rename", b"d\\f", b"g") == 0
    (folder / "h").touch()
    assert guest.call("msvcrt.rename", b"g", b"h") == EOF
    assert errno(guest) == EEXIST
    assert guest.call("msvcrt.remove", b"g") == 0
    assert guest.call("msvcrt._rmdir", b"d") == 0
    assert sorted(p.name for p in folder.iterdir()) == ["h"]


def test_the_current_directory(guest: Guest, folder: Path) -> None:
    (folder / "sub").mkdir()
    assert guest.call("msvcrt._chdir", b"sub") == 0
    buffer = guest.buffer(64)
    assert guest.call("msvcrt._getcwd", buffer, 64) == buffer.address
    assert buffer.cstr.lower() == b"c:\\sub"
    assert guest.call("msvcrt._getcwd", buffer, 3) == 0
    assert errno(guest) == 34
    block = guest.call("msvcrt._fullpath", 0, b"..\\x", 0)
    assert guest.mem.cstr(block).lower() == b"c:\\x"
    assert guest.call("msvcrt._getdrive") == 3


def test_paths_are_split_and_made(guest: Guest) -> None:
    parts = [guest.buffer(260) for _ in range(4)]
    guest.call("msvcrt._splitpath", b"C:\\a\\b.c\\name.tar.gz", *parts)
    assert [p.cstr for p in parts] == [b"C:", b"\\a\\b.c\\", b"name.tar", b".gz"]
    made = guest.buffer(260)
    guest.call("msvcrt._makepath", made, b"C", b"dir/x", b"f", b"e")
    assert made.cstr == b"C:dir/x\\f.e"


def test_getdiskfree_describes_a_drive(guest: Guest) -> None:
    record = guest.buffer(16)
    assert guest.call("msvcrt._getdiskfree", 3, record) == 0
    total, free, sectors, size = struct.unpack("<4I", record.bytes)
    assert total >= free > 0
    assert sectors > 0
    assert size == 512
    assert guest.call("msvcrt._getdiskfree", 20, record) == 15  # ERROR_INVALID_DRIVE
