"""DOS attributes and times on host files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from w9x_client.drives import attributes as dos


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "f"
    path.write_text("x")
    try:
        os.setxattr(path, "user.w9x.probe", b"1")
        os.removexattr(path, "user.w9x.probe")
    except OSError:
        pytest.skip("the host file system has no user extended attributes")
    return path


def get(path: Path) -> int:
    return dos.attributes(str(path), os.stat(path))


def put(path: Path, bits: int) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        dos.set_attributes(fd, bits)
    finally:
        os.close(fd)


def test_a_new_file_is_archive_and_a_directory_is_directory(file: Path) -> None:
    assert get(file) == dos.ARCHIVE
    assert get(file.parent) == dos.DIRECTORY


@pytest.mark.parametrize("bits", [0x20, 0x21, 0x22, 0x24, 0x27, 0x01, 0x02, 0x06])
def test_attributes_come_back_as_they_were_set(file: Path, bits: int) -> None:
    put(file, bits)
    assert get(file) == bits
    put(file, 0x20)
    assert get(file) == 0x20


def test_no_attribute_at_all_reads_as_normal(file: Path) -> None:
    put(file, dos.NORMAL)
    assert get(file) == dos.NORMAL


def test_read_only_is_the_hosts_write_permission(file: Path) -> None:
    put(file, dos.READONLY | dos.ARCHIVE)
    assert os.stat(file).st_mode & 0o222 == 0
    os.chmod(file, 0o644)
    assert get(file) == dos.ARCHIVE


def test_a_creation_time_that_was_set_is_kept_beside_attributes(file: Path) -> None:
    created = dos.EPOCH + 123_456_789_0
    fd = os.open(file, os.O_RDWR)
    try:
        dos.set_times(fd, created, 0, dos.EPOCH + 10_000_000)
        dos.set_attributes(fd, dos.HIDDEN)
    finally:
        os.close(fd)
    times = dos.times(str(file), os.stat(file))
    assert times[0] == created
    assert times[2] == dos.EPOCH + 10_000_000
    assert os.stat(file).st_mtime_ns == 1_000_000_000
    assert get(file) == dos.HIDDEN
