"""The arena file: one sparse file that every process maps at the same guest addresses.

Interface: :meth:`ArenaFile.create` (the daemon), :meth:`ArenaFile.open` (everybody), then ``commit``, ``punch``,
``page_map``, ``epoch``. The file's layout is ``w9x_arena.layout``: guest memory at offset == guest address, then
the page map (one byte per page), then the header page.

Who may write what: a client commits, punches and sets page-map bytes only inside ranges that the daemon's ledger
gave it; the daemon clears and punches a range when its owner gives it back or dies. Nobody truncates the file.
The daemon never maps it: a process that shrinks the file would kill every process that touches the lost pages
with SIGBUS, and the daemon must survive that. So everything the daemon uses here goes through pread and pwrite,
which are coherent with MAP_SHARED mappings on Linux.
"""

from __future__ import annotations

import errno
import mmap
import os
import stat
import struct
from pathlib import Path

from w9x_arena import layout

MAGIC = b"w9xarena"
VERSION = 1
"""Raised when the meaning of the header or the page map changes."""

_HEADER = struct.Struct("<8sIIQ16s")
"""magic, version, epoch, file size, creation id"""
_EPOCH_OFFSET = layout.HEADER_OFFSET + 12
_ZERO_PAGES = bytes(layout.DLL_END // layout.PAGE // 64)

_FALLOC_FL_KEEP_SIZE, _FALLOC_FL_PUNCH_HOLE = 1, 2


class ArenaError(RuntimeError):
    """The arena file is missing, foreign or damaged; the message is one line for the user."""


class ArenaFile:
    """An open arena file. ``fd`` is a read-write descriptor, closed by :meth:`close`."""

    def __init__(self, fd: int, path: Path, creation_id: bytes) -> None:
        self.fd = fd
        self.path = path
        self.creation_id = creation_id
        self._map: mmap.mmap | None = None
        self._page_map: memoryview | None = None
        self._epoch: memoryview | None = None

    @classmethod
    def create(cls, path: Path) -> ArenaFile:
        """Make a new empty arena file (0600), replacing any other at ``path``. Raises OSError."""
        temporary = path.with_name(path.name + ".new")
        temporary.unlink(missing_ok=True)
        fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.fchmod(fd, 0o600)
            os.ftruncate(fd, layout.FILE_SIZE)
            # The page map and the header are written by everybody; with their blocks allocated here, a full
            # disk cannot become a SIGBUS later.
            os.posix_fallocate(fd, layout.PAGE_MAP_OFFSET, layout.FILE_SIZE - layout.PAGE_MAP_OFFSET)
            creation_id = os.urandom(16)
            header = _HEADER.pack(MAGIC, VERSION, 1, layout.FILE_SIZE, creation_id)
            os.pwrite(fd, header, layout.HEADER_OFFSET)
            os.rename(temporary, path)
        except BaseException:
            os.close(fd)
            temporary.unlink(missing_ok=True)
            raise
        return cls(fd, path, creation_id)

    @classmethod
    def open(cls, path: Path) -> ArenaFile:
        """Open an existing arena file. Raises :class:`ArenaError` when it is not one or not safe to use."""
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError as error:
            raise ArenaError(f"cannot open the arena file {path}: {error.strerror}") from None
        try:
            info = os.fstat(fd)
            if not stat.S_ISREG(info.st_mode) or info.st_uid != os.getuid() or stat.S_IMODE(info.st_mode) & 0o077:
                raise ArenaError(f"the arena file {path} is not a private file of this user")
            if info.st_size != layout.FILE_SIZE:
                raise ArenaError(f"the arena file {path} has {info.st_size} bytes, not {layout.FILE_SIZE}")
            header = os.pread(fd, _HEADER.size, layout.HEADER_OFFSET)
            magic, version, _epoch, size, creation_id = _HEADER.unpack(header)
            if magic != MAGIC or size != layout.FILE_SIZE:
                raise ArenaError(f"{path} is not a w9x arena file")
            if version != VERSION:
                raise ArenaError(f"the arena file {path} has version {version}, this w9x uses {VERSION}")
        except BaseException:
            os.close(fd)
            raise
        return cls(fd, path, creation_id)

    def _mapping(self) -> mmap.mmap:
        if self._map is None:
            length = layout.FILE_SIZE - layout.PAGE_MAP_OFFSET
            self._map = mmap.mmap(self.fd, length, mmap.MAP_SHARED, offset=layout.PAGE_MAP_OFFSET)
        return self._map

    @property
    def page_map(self) -> memoryview:
        """One writable byte per page of [0, DLL_END): 0, or PROT_COMMITTED | PROT_* (mapped at first use)."""
        if self._page_map is None:
            self._page_map = memoryview(self._mapping())[: layout.PAGE_MAP_SIZE]
        return self._page_map

    @property
    def epoch(self) -> int:
        """A 32-bit token that changes whenever pages somewhere lost their commitment or protection.

        It is compared for equality only. A count would lose bumps: two processes that increment at once write
        the same value, and a reader between the two stores would miss the second.
        """
        if self._epoch is None:
            start = _EPOCH_OFFSET - layout.PAGE_MAP_OFFSET
            self._epoch = memoryview(self._mapping())[start : start + 4].cast("I")
        return self._epoch[0]

    def bump_epoch(self) -> None:
        """Make every client's next look at :attr:`epoch` differ from its last."""
        os.pwrite(self.fd, os.urandom(4), _EPOCH_OFFSET)

    def commit(self, address: int, size: int) -> None:
        """Allocate the file's blocks behind guest pages. Raises OSError (ENOSPC when the disk is full)."""
        _check(address, size)
        os.posix_fallocate(self.fd, address, size)

    def punch(self, address: int, size: int) -> None:
        """Give the blocks behind guest pages back; the pages read as zero afterwards. Raises OSError."""
        _check(address, size)
        _punch_hole(self.fd, address, size)

    def clear_pages(self, address: int, size: int) -> None:
        """Mark pages as not committed, for the daemon; punching and bumping the epoch are the caller's."""
        _check(address, size)
        offset = layout.PAGE_MAP_OFFSET + address // layout.PAGE
        count = size // layout.PAGE
        while count:
            part = min(count, len(_ZERO_PAGES))
            os.pwrite(self.fd, _ZERO_PAGES[:part], offset)
            offset += part
            count -= part

    def allocated_bytes(self) -> int:
        """Bytes of disk (or tmpfs memory) the file occupies now."""
        return os.fstat(self.fd).st_blocks * 512

    def close(self) -> None:
        """Unmap and close. Views of ``page_map`` that a caller still holds keep the mapping alive."""
        self._page_map = self._epoch = self._map = None  # unmapped with the last view
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> ArenaFile:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


def _check(address: int, size: int) -> None:
    if (address | size) & (layout.PAGE - 1) or size <= 0:
        raise ValueError(f"not whole pages: {address:#x}+{size:#x}")
    if not layout.SYSTEM_START <= address <= layout.DLL_END - size:
        raise ValueError(f"not in the arena: {address:#x}+{size:#x}")


_fallocate = None


def _punch_hole(fd: int, offset: int, length: int) -> None:
    global _fallocate
    if _fallocate is None:
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        function = libc.fallocate64 if hasattr(libc, "fallocate64") else libc.fallocate
        function.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
        function.restype = ctypes.c_int
        get_errno = ctypes.get_errno

        def call(fd: int, offset: int, length: int) -> int:
            if function(fd, _FALLOC_FL_KEEP_SIZE | _FALLOC_FL_PUNCH_HOLE, offset, length) == 0:
                return 0
            return get_errno()

        _fallocate = call
    while True:
        code = _fallocate(fd, offset, length)
        if code == 0:
            return
        if code != errno.EINTR:
            raise OSError(code, os.strerror(code))
