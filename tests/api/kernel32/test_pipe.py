"""Anonymous pipes, and reads and writes that must wait."""

from __future__ import annotations

import os
import struct

import pytest

from tests.api.harness import FAILED, Guest
from w9x_client.abi import Err
from w9x_client.process.files import from_descriptor


def pipe(guest: Guest) -> tuple[int, int]:
    out = guest.buffer(8)
    assert guest.call("kernel32.CreatePipe", out, out.address + 4, 0, 0)
    return out.u32(0), out.u32(1)


def test_bytes_come_out_as_they_went_in_until_the_writer_closes(guest: Guest) -> None:
    reader, writer = pipe(guest)
    done, data = guest.buffer(4), guest.buffer(100)
    assert guest.call("kernel32.GetFileType", reader) == 3
    assert guest.call("kernel32.WriteFile", writer, b"hello world", 11, done, 0)
    assert guest.call("kernel32.ReadFile", reader, data, 5, done, 0)
    assert data.bytes[: done.u32()] == b"hello"
    guest.call("kernel32.CloseHandle", writer)
    assert guest.call("kernel32.ReadFile", reader, data, 100, done, 0)
    assert data.bytes[: done.u32()] == b" world"
    assert guest.call("kernel32.ReadFile", reader, data, 100, done, 0) == 0
    assert guest.last_error == Err.BROKEN_PIPE
    assert done.u32() == 0


def test_a_writer_without_reader_learns_so(guest: Guest) -> None:
    reader, writer = pipe(guest)
    guest.call("kernel32.CloseHandle", reader)
    assert guest.call("kernel32.WriteFile", writer, b"x", 1, guest.buffer(4), 0) == 0
    assert guest.last_error == Err.BROKEN_PIPE


def test_each_end_has_one_direction(guest: Guest) -> None:
    reader, writer = pipe(guest)
    assert guest.call("kernel32.WriteFile", reader, b"x", 1, guest.buffer(4), 0) == 0
    assert guest.last_error == Err.ACCESS_DENIED
    assert guest.call("kernel32.ReadFile", writer, guest.buffer(4), 1, guest.buffer(4), 0) == 0
    assert guest.last_error == Err.ACCESS_DENIED
    assert guest.call("kernel32.SetFilePointer", reader, 0, 0, 0) == FAILED


def test_peeking_takes_nothing(guest: Guest) -> None:
    reader, writer = pipe(guest)
    data, counts = guest.buffer(8), guest.buffer(12)
    a = counts.address
    assert guest.call("kernel32.PeekNamedPipe", reader, data, 8, a, a + 4, a + 8)
    assert struct.unpack("<3I", counts.bytes) == (0, 0, 0)
    guest.call("kernel32.WriteFile", writer, b"0123456789", 10, guest.buffer(4), 0)
    for _ in range(2):
        assert guest.call("kernel32.PeekNamedPipe", reader, data, 8, a, a + 4, a + 8)
        assert struct.unpack("<3I", counts.bytes) == (8, 10, 0)
        assert data.bytes == b"01234567"
    assert guest.call("kernel32.PeekNamedPipe", reader, 0, 0, 0, a, 0)
    assert counts.u32() == 10
    guest.call("kernel32.CloseHandle", writer)
    done = guest.buffer(4)
    assert guest.call("kernel32.ReadFile", reader, guest.buffer(10), 10, done, 0)
    assert guest.call("kernel32.PeekNamedPipe", reader, 0, 0, 0, a, 0) == 0
    assert guest.last_error == Err.BROKEN_PIPE


def test_a_thread_that_waits_for_a_pipe_lets_the_others_run(guest: Guest) -> None:
    """The second thread writes what the first waits for, and more than a pipe holds the other way round."""
    reader, writer = pipe(guest)
    size = 0x3_0000  # three times a Linux pipe
    source, target, done = guest.buffer(os.urandom(size)), guest.buffer(size), guest.buffer(4)
    write = guest.address("kernel32.WriteFile")
    code = b"".join(
        [
            b"\x6a\x00",  # push 0
            b"\x68" + struct.pack("<I", done.address),
            b"\x68" + struct.pack("<I", size),
            b"\x68" + struct.pack("<I", source.address),
            b"\x68" + struct.pack("<I", writer),
            b"\xb8" + struct.pack("<I", write) + b"\xff\xd0",  # mov eax, WriteFile; call eax
            b"\xc2\x04\x00",  # ret 4
        ]
    )
    thread = guest.call("kernel32.CreateThread", 0, 0, guest.code(code), 0, 0, guest.buffer(4))
    got = 0
    count = guest.buffer(4)
    while got < size:
        assert guest.call("kernel32.ReadFile", reader, target.address + got, size - got, count, 0)
        got += count.u32()
    assert guest.call("kernel32.WaitForSingleObject", thread, 10_000) == 0
    assert target.bytes == source.bytes
    assert done.u32() == size


def test_named_pipe_servers_fail_as_on_windows_9x(guest: Guest) -> None:
    assert guest.call("kernel32.CreateNamedPipeA", "\\\\.\\pipe\\x", 3, 0, 1, 0, 0, 0, 0) == FAILED
    assert guest.last_error == Err.CALL_NOT_IMPLEMENTED


@pytest.mark.parametrize("kind", ["pipe", "file", "null"])
def test_inherited_descriptors_are_what_they_are(guest: Guest, tmp_path: object, kind: str) -> None:
    if kind == "pipe":
        fd, other = os.pipe()
        os.write(other, b"input")
        os.close(other)
    elif kind == "file":
        path = f"{tmp_path}/in"
        with open(path, "wb") as file:
            file.write(b"input")
        fd = os.open(path, os.O_RDONLY)
    else:
        fd = os.open("/dev/null", os.O_RDONLY)
    item = from_descriptor(guest.process, fd, readable=True, writable=False)
    handle = guest.process.handles.add(item)
    data, done, mode = guest.buffer(10), guest.buffer(4), guest.buffer(4)
    assert guest.call("kernel32.GetFileType", handle) == {"pipe": 3, "file": 1, "null": 2}[kind]
    assert guest.call("kernel32.GetConsoleMode", handle, mode) == 0
    assert guest.last_error == Err.INVALID_HANDLE
    assert guest.call("kernel32.ReadFile", handle, data, 10, done, 0)
    assert data.bytes[: done.u32()] == (b"" if kind == "null" else b"input")
    guest.call("kernel32.CloseHandle", handle)
    os.close(fd)  # still ours: a standard descriptor is borrowed
