"""Compressed files (SDK lzexpand.h)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.harness import Guest

# Format SZDD: flag byte FFh = eight literals; then a copy of 3+4 bytes from where they went (window position 4080)
COMPRESSED = b"SZDD\x88\xf0\x27\x33Ae" + (15).to_bytes(4, "little") + b"\xffabcdefgh\x00" + bytes([0xF0, 0xF4])
ORIGINAL = b"abcdefghabcdefg"


@pytest.fixture
def root(guest: Guest) -> Path:
    return Path(guest.process.drives.drives["C"].root)


def test_a_compressed_file_is_read_expanded(guest: Guest, root: Path) -> None:
    (root / "setup.ex_").write_bytes(COMPRESSED)
    handle = guest.call("lz32.LZOpenFileA", "C:\\setup.exe", guest.buffer(136), 0)
    assert 0x400 <= handle < 0x410
    out = guest.buffer(20)
    assert guest.call("lz32.LZSeek", handle, 4, 0) == 4
    assert guest.call("lz32.LZRead", handle, out, 20) == 11
    assert out.bytes[:11] == ORIGINAL[4:]
    guest.call("lz32.LZClose", handle)
    assert guest.call("lz32.GetExpandedNameA", "C:\\setup.ex_", out) == 1
    assert out.cstr == b"C:\\setup.exe"


@pytest.mark.parametrize(("content", "expected"), [(COMPRESSED, ORIGINAL), (b"plain", b"plain")])
def test_a_copy_is_the_original(guest: Guest, root: Path, content: bytes, expected: bytes) -> None:
    (root / "in.dat").write_bytes(content)
    source = guest.call("lz32.LZOpenFileA", "C:\\in.dat", guest.buffer(136), 0)
    target = guest.call("lz32.LZOpenFileA", "C:\\out.dat", guest.buffer(136), 0x1000)
    assert guest.call("lz32.LZCopy", source, target) == len(expected)
    for handle in (source, target):
        guest.call("lz32.LZClose", handle)
    assert (root / "out.dat").read_bytes() == expected


def test_a_missing_file_is_a_bad_handle(guest: Guest) -> None:
    assert guest.call("lz32.LZOpenFileA", "C:\\none", guest.buffer(136), 0) == 0xFFFFFFFF  # LZERROR_BADINHANDLE
