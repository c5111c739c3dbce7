"""Which disk files this process has open, and what their handles forbid others: sharing modes and byte-range locks.

Inside the process `OpenFiles` judges. Between w9x processes both are carried by open-file-description locks
(fcntl(2)): byte ranges as they are, sharing modes as shared locks on four bytes past any data (`_ACCESS_AT`). They
are advisory: a host program that does not look is not stopped.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections import Counter
from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.drives import HostPath, win_error

if TYPE_CHECKING:
    from .files import DiskFile
    from .process import Process

FILE_SHARE_READ, FILE_SHARE_WRITE, FILE_SHARE_DELETE = 1, 2, 4
ERROR_USER_MAPPED_FILE = 1224

_OFFSET_MAX = (1 << 63) - 1
_ACCESS_AT = _OFFSET_MAX - 16
"""Lock bytes of sharing modes: +0 reads, +2 writes, +4 denies reading, +6 denies writing. Not adjacent: the host joins
adjacent locks of one file description, and then reports neither."""
_FLOCK = struct.Struct("hhqqi4x")


class ByteLock:
    """One LockFile range."""

    __slots__ = ("end", "exclusive", "owner", "start")

    def __init__(self, owner: DiskFile, start: int, end: int, exclusive: bool) -> None:
        self.owner, self.start, self.end, self.exclusive = owner, start, end, exclusive


def _ofd(fd: int, command: int, kind: int, start: int, length: int) -> tuple[int, ...]:
    record = _FLOCK.pack(kind, os.SEEK_SET, start, length, 0)
    return _FLOCK.unpack(fcntl.fcntl(fd, command, record))


class OpenFiles:
    """The disk files that this process has open, by host file; one per process (``p.state(OpenFiles)``)."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._open: dict[tuple[int, int], list[DiskFile]] = {}
        self._locks: dict[tuple[int, int], list[ByteLock]] = {}
        self.mapped: Counter[tuple[int, int]] = Counter()
        """Mappings of each host file."""

    def users(self, key: tuple[int, int]) -> list[DiskFile]:
        """The open objects of one host file."""
        return self._open.get(key, [])

    def check_sharing(self, key: tuple[int, int], readable: bool, writable: bool, share: int) -> None:
        """WinError SHARING_VIOLATION where an open file forbids the access, or would be forbidden its own."""
        if not (readable or writable):
            return
        for other in self._open.get(key, ()):
            if not (other.readable or other.writable):
                continue  # opened for its attributes only: neither forbids nor is forbidden
            if (
                (readable and not other.share & FILE_SHARE_READ)
                or (writable and not other.share & FILE_SHARE_WRITE)
                or (other.readable and not share & FILE_SHARE_READ)
                or (other.writable and not share & FILE_SHARE_WRITE)
            ):
                raise WinError(Err.SHARING_VIOLATION)

    def check_shrinkable(self, key: tuple[int, int], size: int, wanted: int) -> None:
        """WinError USER_MAPPED_FILE where a file that is mapped would become shorter.

        Touching a page of a view past the file's end kills a Linux process.
        """
        if wanted < size and self.mapped[key]:
            raise WinError(ERROR_USER_MAPPED_FILE)

    def check_removable(self, path: HostPath) -> None:
        """WinError SHARING_VIOLATION where a file may not be deleted or renamed because it is open."""
        if path.st is None:
            return
        for other in self._open.get((path.st.st_dev, path.st.st_ino), ()):
            if not other.share & FILE_SHARE_DELETE:
                raise WinError(Err.SHARING_VIOLATION)

    def opened(self, item: DiskFile) -> None:
        """Enter a file that has passed `check_sharing`."""
        self._open.setdefault(item.key, []).append(item)
        item.locks = self._locks.get(item.key)

    def closed(self, item: DiskFile) -> None:
        """The last handle of a file goes."""
        users = self._open.get(item.key)
        if users and item in users:
            users.remove(item)
            if not users:
                del self._open[item.key]
        locks = self._locks.get(item.key)
        if locks:
            locks[:] = [lock for lock in locks if lock.owner is not item]
            self._forget_empty(item.key)

    def announce(self, item: DiskFile) -> None:
        """Make access and sharing known to other w9x processes; WinError SHARING_VIOLATION where one forbids it.

        Two processes that open at the same instant may both succeed, and a file this process has open already may hide
        another process's mode (the host reports one lock of several). Files opened only for writing on a host that
        refuses reading cannot carry these locks (fcntl(2): a read lock needs a readable descriptor).
        """
        bits = (
            item.readable,
            item.writable,
            not item.share & FILE_SHARE_READ,
            not item.share & FILE_SHARE_WRITE,
        )
        if not (bits[0] or bits[1]):
            return
        try:
            for index, conflict in ((0, 2), (1, 3), (2, 0), (3, 1)):
                if bits[index]:
                    at = _ACCESS_AT + 2 * conflict
                    found = _ofd(item.fd, fcntl.F_OFD_GETLK, fcntl.F_WRLCK, at, 1)
                    # A record lock of another shape (a host program's, on the whole file) is not a sharing mode.
                    if found[0] == fcntl.F_RDLCK and found[2:4] == (at, 1):
                        if not self._mine(item, conflict):
                            raise WinError(Err.SHARING_VIOLATION)
            for index, wanted in enumerate(bits):
                if wanted:
                    _ofd(item.fd, fcntl.F_OFD_SETLK, fcntl.F_RDLCK, _ACCESS_AT + 2 * index, 1)
        except OSError:
            return  # the host file system has no such locks: sharing stays inside the process

    def _mine(self, item: DiskFile, index: int) -> bool:
        """Whether a lock byte is held by this process's own files, which `check_sharing` has judged."""
        for other in self._open.get(item.key, ()):
            bits = (
                other.readable,
                other.writable,
                not other.share & FILE_SHARE_READ,
                not other.share & FILE_SHARE_WRITE,
            )
            if other is not item and bits[index]:
                return True
        return False

    def lock(self, item: DiskFile, start: int, length: int, exclusive: bool) -> None:
        """LockFile: an exclusive range keeps other handles out, a shared one their locks. WinError LOCK_VIOLATION."""
        end = start + length
        locks = self._locks.setdefault(item.key, [])
        for lock in locks:
            if start < lock.end and lock.start < end and (exclusive or lock.exclusive):
                self._forget_empty(item.key)
                raise WinError(Err.LOCK_VIOLATION)
        kind = fcntl.F_WRLCK if exclusive and item.writable else fcntl.F_RDLCK
        host_length = min(end, _ACCESS_AT) - start
        try:
            if host_length > 0:
                _ofd(item.fd, fcntl.F_OFD_SETLK, kind, start, host_length)
        except OSError as error:
            self._forget_empty(item.key)
            if error.errno in (errno.EAGAIN, errno.EACCES):
                raise WinError(Err.LOCK_VIOLATION) from None
            raise win_error(error) from None
        locks.append(ByteLock(item, start, end, exclusive))
        for user in self._open.get(item.key, (item,)):
            user.locks = locks

    def unlock(self, item: DiskFile, start: int, length: int) -> None:
        """UnlockFile: exactly a locked range. WinError NOT_LOCKED."""
        for lock in self._locks.get(item.key, ()):
            if lock.owner is item and lock.start == start and lock.end == start + length:
                self._locks[item.key].remove(lock)
                self._forget_empty(item.key)
                host_length = min(lock.end, _ACCESS_AT) - start
                if host_length > 0:
                    _ofd(item.fd, fcntl.F_OFD_SETLK, fcntl.F_UNLCK, start, host_length)
                return
        raise WinError(Err.NOT_LOCKED)

    def _forget_empty(self, key: tuple[int, int]) -> None:
        if not self._locks.get(key):
            self._locks.pop(key, None)
            for user in self._open.get(key, ()):
                user.locks = None
