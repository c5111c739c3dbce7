"""The arena file: layout, commit, punch, page map, epoch."""

from __future__ import annotations

import errno
import mmap
import os
from pathlib import Path

import pytest

from w9x_arena import layout
from w9x_arena.segment import ArenaError, ArenaFile

BASE = layout.SYSTEM_START


@pytest.fixture
def arena(tmp_path: Path) -> ArenaFile:
    return ArenaFile.create(tmp_path / "arena")


def test_new_file_is_private_sparse_and_complete(arena: ArenaFile) -> None:
    info = os.stat(arena.path)
    assert info.st_mode & 0o777 == 0o600
    assert info.st_size == layout.FILE_SIZE
    assert arena.allocated_bytes() < 2 << 20
    assert bytes(arena.page_map) == bytes(layout.PAGE_MAP_SIZE)


def test_open_sees_the_same_file(arena: ArenaFile) -> None:
    with ArenaFile.open(arena.path) as other:
        assert other.creation_id == arena.creation_id
        other.page_map[BASE // layout.PAGE] = 0x83
        assert arena.page_map[BASE // layout.PAGE] == 0x83


def test_create_replaces_an_older_file(arena: ArenaFile) -> None:
    again = ArenaFile.create(arena.path)
    assert again.creation_id != arena.creation_id
    assert os.fstat(again.fd).st_ino != os.fstat(arena.fd).st_ino


def test_commit_allocates_blocks_and_punch_returns_them(arena: ArenaFile) -> None:
    before = arena.allocated_bytes()
    arena.commit(BASE, 1 << 20)
    assert arena.allocated_bytes() >= before + (1 << 20)
    os.pwrite(arena.fd, b"data", BASE)
    arena.punch(BASE, 1 << 20)
    assert arena.allocated_bytes() == before
    assert os.pread(arena.fd, 4, BASE) == bytes(4)
    assert os.fstat(arena.fd).st_size == layout.FILE_SIZE


def test_offset_in_the_file_is_the_guest_address(arena: ArenaFile) -> None:
    arena.commit(layout.DLL_START, layout.PAGE)
    with mmap.mmap(arena.fd, layout.PAGE, offset=layout.DLL_START) as page:
        page[0:4] = b"here"
        assert os.pread(arena.fd, 4, 0x8000_0000) == b"here"


def test_commit_on_a_full_disk_raises_enospc(arena: ArenaFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_fd: int, _offset: int, _length: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError) as caught:
        arena.commit(BASE, layout.PAGE)
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.parametrize(
    ("address", "size"),
    [
        (BASE + 1, layout.PAGE),
        (BASE, 100),
        (BASE, 0),
        (BASE, -layout.PAGE),
        (layout.LOW_START, layout.PAGE),
        (layout.DLL_END - layout.PAGE, 2 * layout.PAGE),
        (layout.HEADER_OFFSET, layout.PAGE),
    ],
)
def test_addresses_outside_the_arena_are_refused(arena: ArenaFile, address: int, size: int) -> None:
    for operation in (arena.commit, arena.punch, arena.clear_pages):
        with pytest.raises(ValueError, match="not "):
            operation(address, size)


def test_epoch_changes_for_everybody(arena: ArenaFile) -> None:
    with ArenaFile.open(arena.path) as other:
        seen = {other.epoch}
        for _ in range(20):
            arena.bump_epoch()
            assert other.epoch == arena.epoch
            seen.add(other.epoch)
    assert len(seen) == 21


def test_clear_pages_clears_exactly_its_pages(arena: ArenaFile) -> None:
    first = BASE // layout.PAGE
    arena.page_map[first - 1 : first + 40_001] = b"\x81" * 40_002
    arena.clear_pages(BASE, 40_000 * layout.PAGE)
    assert arena.page_map[first - 1] == arena.page_map[first + 40_000] == 0x81
    assert not any(arena.page_map[first : first + 40_000])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "cannot open"),
        (lambda path: os.truncate(path, 1 << 20), "has 1048576 bytes"),
        (lambda path: path.chmod(0o644), "not a private file"),
        (lambda path: _overwrite(path, layout.HEADER_OFFSET, b"notarena"), "not a w9x arena"),
        (lambda path: _overwrite(path, layout.HEADER_OFFSET + 8, b"\xff"), "version"),
        (lambda path: (path.rename(path.with_name("x")), path.symlink_to("x")), "cannot open"),
        (lambda path: (path.unlink(), path.mkdir()), "cannot open"),
    ],
    ids=["missing", "short", "readable", "magic", "version", "symlink", "directory"],
)
def test_unusable_file_is_one_clear_error(arena: ArenaFile, damage, message: str) -> None:
    damage(arena.path)
    with pytest.raises(ArenaError, match=message):
        ArenaFile.open(arena.path)


def _overwrite(path: Path, offset: int, data: bytes) -> None:
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def test_close_keeps_views_usable(arena: ArenaFile) -> None:
    view = arena.page_map[0:16]
    arena.close()
    assert bytes(view) == bytes(16)
