"""File information (sys/stat.h, io.h, sys/utime.h): _stat and _fstat in their sizes, _access, _chmod, _utime.

Layout of ``struct _stat``: device, inode, mode, links, user, group, device, size, then access, modification and
creation time; the variants widen the size, or size and times, to 64 bits.
"""

from __future__ import annotations

import ntpath
import os
import stat as host_stat
import struct
import time as host_time
from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import INT, PTR
from w9x_client.drives import attributes as dos
from w9x_client.win32.kernel32 import file_manage

from . import lowio, state
from .directory import attempt, path_and_number, seconds, text_of
from .dll import msvcrt
from .state import STR, WSTR

if TYPE_CHECKING:
    from w9x_client.process import Task

S_IFDIR, S_IFCHR, S_IFIFO, S_IFREG = 0x4000, 0x2000, 0x1000, 0x8000
S_IREAD, S_IWRITE, S_IEXEC = 0x100, 0x80, 0x40


def _access(t: Task, path: str, mode: int) -> int:
    """0 when the file exists and, for mode 2 or 6, can be written; else -1 with ENOENT or EACCES."""
    try:
        bits = file_manage.GetFileAttributes(t, path)
    except WinError as error:
        state.map_os_error(t, error)
        return -1
    if mode & 2 and bits & dos.READONLY and not bits & dos.DIRECTORY:
        state.map_os_error(t, Err.ACCESS_DENIED)
        return -1
    return 0


def _chmod(t: Task, path: str, mode: int) -> int:
    """Make a file read-only or writable; 0 or -1."""

    def change() -> None:
        bits = file_manage.GetFileAttributes(t, path)
        file_manage.SetFileAttributes(t, path, bits & ~dos.READONLY if mode & S_IWRITE else bits | dos.READONLY)

    return attempt(t, change)


path_and_number(_access, "_access", "_waccess")
path_and_number(_chmod, "_chmod", "_wchmod")


def _mode(path: str, attributes: int) -> int:
    if attributes & dos.DIRECTORY:
        mode = S_IFDIR | S_IEXEC
    else:
        mode = S_IFREG
        if ntpath.splitext(path)[1].lower() in (".exe", ".com", ".bat", ".cmd"):
            mode |= S_IEXEC
    mode |= S_IREAD | (0 if attributes & dos.READONLY else S_IWRITE)
    return mode | (mode & 0x1C0) >> 3 | (mode & 0x1C0) >> 6


def _pack_stat(device: int, mode: int, size: int, times: tuple[int, int, int], form: str) -> bytes:
    head = struct.pack("<IHHhhh2xI", device, 0, mode, 1, 0, 0, device)
    if form == "32":
        return head + struct.pack("<I3i", size & 0xFFFFFFFF, *times)
    if form == "i64":
        return head + struct.pack("<4xQ3i4x", size, *times)
    return head + struct.pack("<4xQ3q", size, *times)


def _stat_path(t: Task, path: str, form: str) -> bytes | None:
    """The structure for a path, or None with errno."""
    trimmed = path.rstrip("\\/")
    if any(c in path for c in "*?") or (trimmed != path and len(trimmed) > 2) or not path:
        state.set_errno(t, state.ENOENT)
        return None
    try:
        found = t.process.drives.resolve(path)
        if found.device or found.st is None:
            raise WinError(Err.FILE_NOT_FOUND)
    except WinError as error:
        state.map_os_error(t, error)
        state.set_errno(t, state.ENOENT)
        return None
    st = found.st
    bits = dos.attributes(found.path, st)
    created = dos.host_ns(dos.times(found.path, st)[0])
    times = (seconds(st.st_atime_ns), seconds(st.st_mtime_ns), seconds(created))
    size = 0 if bits & dos.DIRECTORY else st.st_size
    return _pack_stat(ord(found.drive.letter) - 65, _mode(found.guest, bits), size, times, form)


def _stat_descriptor(t: Task, fd: int, form: str) -> bytes | None:
    found = lowio.find(t, fd)
    if found is None:
        return None
    file = found[1]
    if file.kind != "disk" or file.fd < 0:
        mode = S_IFCHR if file.kind == "char" else S_IFIFO
        try:
            size = 0 if file.kind == "char" else file.available()
        except WinError:
            size = 0
        return _pack_stat(fd, mode, size, (0, 0, 0), form)
    st = os.fstat(file.fd)
    mode = S_IFREG | (S_IREAD | S_IWRITE if st.st_mode & host_stat.S_IWUSR else S_IREAD)
    mode |= (mode & 0x1C0) >> 3 | (mode & 0x1C0) >> 6
    created = dos.host_ns(dos.times(file.fd, st)[0])
    times = (seconds(st.st_atime_ns), seconds(st.st_mtime_ns), seconds(created))
    return _pack_stat(0, mode, st.st_size, times, form)


def _store(t: Task, buffer: int, data: bytes | None) -> int:
    if data is None:
        return -1
    t.mem.write(buffer, data)
    return 0


def _declare_stat(suffix: str, form: str, on_9x: bool) -> None:
    declare = msvcrt.api if on_9x else msvcrt.not_on_9x

    def narrow(t: Task, path: STR, buffer: PTR) -> INT:
        return _store(t, buffer, _stat_path(t, text_of(t, path), form))

    def wide(t: Task, path: WSTR, buffer: PTR) -> INT:
        return _store(t, buffer, _stat_path(t, path, form))

    def descriptor(t: Task, fd: INT, buffer: PTR) -> INT:
        return _store(t, buffer, _stat_descriptor(t, fd, form))

    narrow.__doc__ = wide.__doc__ = "File information by path; 0, or -1 with ENOENT."
    descriptor.__doc__ = "File information by descriptor; 0, or -1 with EBADF."
    declare(name="_stat" + suffix)(narrow)
    declare(name="_wstat" + suffix)(wide)
    declare(name="_fstat" + suffix)(descriptor)


_declare_stat("", "32", True)
_declare_stat("i64", "i64", True)
_declare_stat("64", "64", False)


def _set_times(t: Task, fd: int, times: int, wide: bool) -> None:
    now = host_time.time_ns()
    accessed = modified = now
    if times:
        form = "<qq" if wide else "<ii"
        accessed, modified = (s * 1_000_000_000 for s in struct.unpack(form, t.mem.read(times, 16 if wide else 8)))
    dos.set_times(fd, 0, dos.filetime(accessed), dos.filetime(modified))


def _utime(t: Task, path: str, times: int) -> int:
    """Set access and modification time (now for NULL); 0 or -1."""

    def change() -> None:
        found = t.process.drives.resolve(path)
        found.writable()
        if found.is_directory:
            raise WinError(Err.ACCESS_DENIED)
        fd = found.open(os.O_RDWR)
        try:
            _set_times(t, fd, times, False)
        finally:
            os.close(fd)

    return attempt(t, change)


path_and_number(_utime, "_utime", "_wutime")


@msvcrt.api()
def _futime(t: Task, fd: INT, times: PTR) -> INT:
    """`_utime` of an open file."""
    found = lowio.find(t, fd)
    if found is None or found[1].fd < 0:
        return -1
    file = found[1]
    return attempt(t, lambda: _set_times(t, file.fd, times, False))
