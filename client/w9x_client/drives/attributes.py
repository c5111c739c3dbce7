"""DOS attributes and creation times, which Linux files do not have.

READONLY is the host's missing owner-write permission. HIDDEN, SYSTEM, a cleared ARCHIVE, a directory's READONLY, and
a creation time that a program has set, are kept in the extended attribute ``user.w9x.dos`` (12 bytes: attribute bits
as DWORD, creation FILETIME as QWORD, 0 = none). On a host file system without user extended attributes these are not
kept.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import struct

from w9x_client.abi import WinError

from .hosterror import win_error
from .listing import birth_time_ns

READONLY, HIDDEN, SYSTEM, DIRECTORY, ARCHIVE, NORMAL = 0x1, 0x2, 0x4, 0x10, 0x20, 0x80
SETTABLE = READONLY | HIDDEN | SYSTEM | ARCHIVE

EPOCH = 116_444_736_000_000_000
"""1970-01-01 as a FILETIME (100 ns since 1601-01-01)."""

_XATTR = "user.w9x.dos"
_RECORD = struct.Struct("<IQ")


def filetime(ns: int) -> int:
    """Host nanoseconds since 1970 as a FILETIME."""
    return ns // 100 + EPOCH


def host_ns(time: int) -> int:
    """A FILETIME as host nanoseconds since 1970 (may be negative)."""
    return (time - EPOCH) * 100


def _record(path: str | int) -> tuple[int, int] | None:
    try:
        raw = os.getxattr(path, _XATTR, follow_symlinks=isinstance(path, int))
    except OSError:
        return None
    return _RECORD.unpack(raw) if len(raw) == _RECORD.size else None


def attributes(path: str | int, st: os.stat_result) -> int:
    """The DOS attributes of a host file (real path or descriptor)."""
    directory = stat.S_ISDIR(st.st_mode)
    record = _record(path)
    bits = record[0] & SETTABLE if record else (0 if directory else ARCHIVE)
    if directory:
        return bits & ~ARCHIVE | DIRECTORY
    if not st.st_mode & stat.S_IWUSR:
        bits |= READONLY
    else:
        bits &= ~READONLY
    return bits or NORMAL


def times(path: str | int, st: os.stat_result) -> tuple[int, int, int]:
    """(creation, last access, last write) as FILETIMEs."""
    record = _record(path)
    if record and record[1]:
        created = record[1]
    else:
        born = birth_time_ns(path) if isinstance(path, str) else None
        created = filetime(born if born is not None else min(st.st_mtime_ns, st.st_ctime_ns))
    return created, filetime(st.st_atime_ns), filetime(st.st_mtime_ns)


def _store(fd: int, bits: int, created: int) -> None:
    try:
        os.setxattr(fd, _XATTR, _RECORD.pack(bits, created))
    except OSError as error:
        if error.errno not in (errno.ENOTSUP, errno.EPERM):
            raise win_error(error) from None


def set_attributes(fd: int, bits: int) -> None:
    """SetFileAttributes on an open file or directory. Raises WinError."""
    st = os.fstat(fd)
    record = _record(fd)
    created = record[1] if record else 0
    bits &= SETTABLE
    directory = stat.S_ISDIR(st.st_mode)
    if bits != (0 if directory else ARCHIVE) | (bits & READONLY if not directory else 0) or record:
        with contextlib.suppress(WinError):
            os.fchmod(fd, stat.S_IMODE(st.st_mode) | stat.S_IWUSR)  # setxattr needs write permission
            _store(fd, bits, created)
    mode = stat.S_IMODE(st.st_mode)
    if not directory:
        mode = mode & ~0o222 if bits & READONLY else mode | (mode & 0o444) >> 1 & 0o200 | 0o200
    try:
        os.fchmod(fd, mode)
    except OSError as error:
        raise win_error(error) from None


def set_times(fd: int, created: int, accessed: int, written: int) -> None:
    """SetFileTime on an open file or directory; 0 leaves a time as it is. Raises WinError."""
    st = os.fstat(fd)
    try:
        if accessed or written:
            os.utime(
                fd,
                ns=(
                    host_ns(accessed) if accessed else st.st_atime_ns,
                    host_ns(written) if written else st.st_mtime_ns,
                ),
            )
    except OverflowError:
        raise win_error(OSError(errno.EINVAL, "time out of the host's range")) from None
    except OSError as error:
        raise win_error(error) from None
    if created:
        record = _record(fd)
        bits = record[0] if record else attributes(fd, st) & SETTABLE
        _store(fd, bits, created)
