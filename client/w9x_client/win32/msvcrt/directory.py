"""Directories, names and file information (direct.h, io.h, sys/stat.h, stdlib.h): _findfirst, _stat, _mkdir,
_fullpath, remove, rename and the rest.

Everything goes through KERNEL32's functions and the drive table, as the runtime's own does; their errors become errno.
"""

from __future__ import annotations

import ntpath
import os
import stat as host_stat
import struct
import time as host_time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from w9x_client.abi import WinError, codepage
from w9x_client.abi.types import INT, PTR, SIZE_T, UINT
from w9x_client.drives import attributes as dos
from w9x_client.win32.kernel32 import directory as k32_directory
from w9x_client.win32.kernel32 import file_find, file_manage
from w9x_client.win32.kernel32 import path as k32_path

from . import lowio, state
from .dll import msvcrt
from .state import STR, WSTR
from .stdio_format import unit_bytes, units

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

S_IFDIR, S_IFCHR, S_IFIFO, S_IFREG = 0x4000, 0x2000, 0x1000, 0x8000
S_IREAD, S_IWRITE, S_IEXEC = 0x100, 0x80, 0x40
_MAX_PATH = 260


def text_of(t: Task, path: bytes) -> str:
    """A narrow path argument."""
    return codepage.decode(path, t.process.acp)


def attempt(t: Task, action: Callable[[], object]) -> int:
    """Run ``action``: 0, or -1 with errno from its WinError."""
    try:
        action()
    except WinError as error:
        state.map_os_error(t, error)
        return -1
    return 0


def matches(t: Task, pattern: str) -> Iterator[str]:
    """Names that a wildcard path finds. Raises WinError."""
    return (found.name for found in file_find.search(t, pattern, True))


def _paths(core: Callable[[Task, str], int], narrow: str, wide: str) -> None:
    """Declare the narrow and the wide export of a function of one path that returns an int."""

    def narrow_handler(t: Task, path: STR) -> INT:
        return core(t, text_of(t, path))

    def wide_handler(t: Task, path: WSTR) -> INT:
        return core(t, path)

    narrow_handler.__doc__ = wide_handler.__doc__ = core.__doc__
    msvcrt.api(name=narrow)(narrow_handler)
    msvcrt.api(name=wide)(wide_handler)


def _path_and_number(core: Callable[[Task, str, int], int], narrow: str, wide: str) -> None:
    """The same for a path and an int or pointer."""

    def narrow_handler(t: Task, path: STR, value: PTR) -> INT:
        return core(t, text_of(t, path), value)

    def wide_handler(t: Task, path: WSTR, value: PTR) -> INT:
        return core(t, path, value)

    narrow_handler.__doc__ = wide_handler.__doc__ = core.__doc__
    msvcrt.api(name=narrow)(narrow_handler)
    msvcrt.api(name=wide)(wide_handler)


# --- making and removing ------------------------------------------------------------------
def _mkdir(t: Task, path: str) -> int:
    """Make a directory; 0 or -1."""
    return attempt(t, lambda: k32_directory.CreateDirectory(t, path, 0))


def _rmdir(t: Task, path: str) -> int:
    """Remove an empty directory; 0 or -1."""
    return attempt(t, lambda: k32_directory.RemoveDirectory(t, path))


def _chdir(t: Task, path: str) -> int:
    """Change the current directory (and the drive, when the path names one); 0 or -1."""
    return attempt(t, lambda: k32_path.SetCurrentDirectory(t, path))


def _unlink(t: Task, path: str) -> int:
    """Delete a file; 0 or -1."""
    return attempt(t, lambda: file_manage.DeleteFile(t, path))


_paths(_mkdir, "_mkdir", "_wmkdir")
_paths(_rmdir, "_rmdir", "_wrmdir")
_paths(_chdir, "_chdir", "_wchdir")
_paths(_unlink, "_unlink", "_wunlink")
msvcrt.alias("remove", "_unlink")
msvcrt.alias("_wremove", "_wunlink")


@msvcrt.api()
def rename(t: Task, oldname: STR, newname: STR) -> INT:
    """Rename or move; an existing target is EEXIST."""
    return attempt(t, lambda: file_manage.MoveFile(t, text_of(t, oldname), text_of(t, newname)))


@msvcrt.api()
def _wrename(t: Task, oldname: WSTR, newname: WSTR) -> INT:
    """`rename`, wide."""
    return attempt(t, lambda: file_manage.MoveFile(t, oldname, newname))


# --- information --------------------------------------------------------------------------
def _access(t: Task, path: str, mode: int) -> int:
    """0 when the file exists and, for mode 2 or 6, can be written; else -1 with ENOENT or EACCES."""
    try:
        bits = file_manage.GetFileAttributes(t, path)
    except WinError as error:
        state.map_os_error(t, error)
        return -1
    if mode & 2 and bits & dos.READONLY and not bits & dos.DIRECTORY:
        state.map_os_error(t, 5)
        return -1
    return 0


def _chmod(t: Task, path: str, mode: int) -> int:
    """Make a file read-only or writable; 0 or -1."""

    def change() -> None:
        bits = file_manage.GetFileAttributes(t, path)
        file_manage.SetFileAttributes(t, path, bits & ~dos.READONLY if mode & S_IWRITE else bits | dos.READONLY)

    return attempt(t, change)


_path_and_number(_access, "_access", "_waccess")
_path_and_number(_chmod, "_chmod", "_wchmod")


def _seconds(ns: int) -> int:
    return max(-1, min(ns // 1_000_000_000, 0x7FFFFFFF))


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
            raise WinError(2)
    except WinError as error:
        state.map_os_error(t, error)
        state.set_errno(t, state.ENOENT)
        return None
    st = found.st
    bits = dos.attributes(found.path, st)
    created = dos.host_ns(dos.times(found.path, st)[0])
    times = (_seconds(st.st_atime_ns), _seconds(st.st_mtime_ns), _seconds(created))
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
    times = (_seconds(st.st_atime_ns), _seconds(st.st_mtime_ns), _seconds(created))
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
            raise WinError(5)
        fd = found.open(os.O_RDWR)
        try:
            _set_times(t, fd, times, False)
        finally:
            os.close(fd)

    return attempt(t, change)


_path_and_number(_utime, "_utime", "_wutime")


@msvcrt.api()
def _futime(t: Task, fd: INT, times: PTR) -> INT:
    """`_utime` of an open file."""
    found = lowio.find(t, fd)
    if found is None or found[1].fd < 0:
        return -1
    file = found[1]
    return attempt(t, lambda: _set_times(t, file.fd, times, False))


# --- searching ------------------------------------------------------------------------------
class Searches:
    """Open _findfirst searches by number (``process.state(Searches)``)."""

    def __init__(self, process: Process) -> None:
        self.open: dict[int, Iterator[file_find.Found]] = {}
        self.next = 1


def _put_found(t: Task, address: int, found: file_find.Found, wide: bool, big: bool) -> None:
    bits = dos.attributes(found.host, found.st)
    created = dos.host_ns(dos.times(found.host, found.st)[0])
    size = 0 if bits & dos.DIRECTORY else found.st.st_size
    head = struct.pack(
        "<IiiiQ" if big else "<IiiiI", 0 if bits == dos.NORMAL else bits, _seconds(created),
        _seconds(found.st.st_atime_ns), _seconds(found.st.st_mtime_ns), size if big else size & 0xFFFFFFFF,
    )  # fmt: skip
    if wide:
        name = found.name.encode("utf-16-le", "surrogatepass")[: 2 * (_MAX_PATH - 1)] + b"\0\0"
    else:
        name = codepage.encode(found.name, t.process.acp)[: _MAX_PATH - 1] + b"\0"
    t.mem.write(address, head + name)


def _next(t: Task, entries: Iterator[file_find.Found], data: int, wide: bool, big: bool) -> int:
    try:
        found = next(entries, None)
        if found is None:
            raise WinError(2)
    except WinError as error:
        state.map_os_error(t, error)
        state.set_errno(t, state.ENOENT)
        return -1
    _put_found(t, data, found, wide, big)
    return 0


def _declare_find(infix: str, suffix: str, wide: bool, big: bool) -> None:
    def begin(t: Task, path: str, data: int) -> int:
        own = t.process.state(Searches)
        try:
            entries = file_find.search(t, path, wide)
        except WinError as error:
            state.map_os_error(t, error)
            return -1
        if _next(t, entries, data, wide, big) < 0:
            return -1
        number = own.next
        own.next += 1
        own.open[number] = entries
        return number

    def narrow_first(t: Task, filespec: STR, fileinfo: PTR) -> INT:
        return begin(t, text_of(t, filespec), fileinfo)

    def wide_first(t: Task, filespec: WSTR, fileinfo: PTR) -> INT:
        return begin(t, filespec, fileinfo)

    def following(t: Task, handle: INT, fileinfo: PTR) -> INT:
        entries = t.process.state(Searches).open.get(handle)
        if entries is None:
            state.set_errno(t, state.EINVAL)
            return -1
        return _next(t, entries, fileinfo, wide, big)

    narrow_first.__doc__ = wide_first.__doc__ = "Begin a search; its number, or -1 with ENOENT."
    following.__doc__ = "The next match; 0, or -1 with ENOENT."
    msvcrt.api(name=f"_{infix}findfirst{suffix}")(wide_first if wide else narrow_first)
    msvcrt.api(name=f"_{infix}findnext{suffix}")(following)


_declare_find("", "", False, False)
_declare_find("w", "", True, False)
_declare_find("", "i64", False, True)
_declare_find("w", "i64", True, True)


@msvcrt.api()
def _findclose(t: Task, handle: INT) -> INT:
    """End a search; 0 or -1."""
    if t.process.state(Searches).open.pop(handle, None) is None:
        state.set_errno(t, state.EINVAL)
        return -1
    return 0


# --- current directory, full paths -------------------------------------------------------------
def give(t: Task, buffer: int, size: int, text: str, wide: bool) -> int:
    """Store text in a buffer of ``size`` characters, or in a new block when it is NULL; 0 with ERANGE where it does
    not fit."""
    data = unit_bytes(text + "\0") if wide else codepage.encode(text, t.process.acp) + b"\0"
    count = len(data) // (2 if wide else 1)
    if not buffer:
        buffer = t.process.heap_alloc(max(len(data), (2 if wide else 1) * min(size, 0x10000)))
    elif count > size:
        state.set_errno(t, state.ERANGE)
        return 0
    t.mem.write(buffer, data)
    return buffer


def _drive_directory(t: Task, drive: int) -> str | None:
    """Current directory of a drive (0: the current one, 1: A), or None with EACCES."""
    drives = t.process.drives
    if drive == 0:
        return drives.current
    letter = chr(64 + drive) if 1 <= drive <= 26 else ""
    if letter not in drives.drives:
        state.map_os_error(t, 15)
        state.set_errno(t, state.EACCES)
        return None
    return f"{letter}:\\" + "\\".join(drives.current_parts(letter))


@msvcrt.api()
def _getcwd(t: Task, buffer: PTR, maxlen: INT) -> PTR:
    """The current directory."""
    return give(t, buffer, maxlen, t.process.drives.current, False)


@msvcrt.api()
def _wgetcwd(t: Task, buffer: PTR, maxlen: INT) -> PTR:
    """`_getcwd`, wide."""
    return give(t, buffer, maxlen, t.process.drives.current, True)


@msvcrt.api()
def _getdcwd(t: Task, drive: INT, buffer: PTR, maxlen: INT) -> PTR:
    """The current directory of a drive."""
    text = _drive_directory(t, drive)
    return give(t, buffer, maxlen, text, False) if text else 0


@msvcrt.api()
def _wgetdcwd(t: Task, drive: INT, buffer: PTR, maxlen: INT) -> PTR:
    """`_getdcwd`, wide."""
    text = _drive_directory(t, drive)
    return give(t, buffer, maxlen, text, True) if text else 0


@msvcrt.api()
def _getdrive(t: Task) -> INT:
    """The current drive, 1 = A."""
    return ord(t.process.drives.letter) - 64


@msvcrt.api()
def _chdrive(t: Task, drive: INT) -> INT:
    """Change the current drive; 0, or -1 with EACCES."""
    text = _drive_directory(t, drive) if drive > 0 else None
    if text is None:
        state.set_errno(t, state.EACCES)
        return -1
    return attempt(t, lambda: t.process.drives.set_current(text))


@msvcrt.api()
def _getdrives(t: Task) -> UINT:
    """Bit 0 = A: is there."""
    return sum(1 << ord(letter) - 65 for letter in t.process.drives.drives)


@msvcrt.api()
def _getdiskfree(t: Task, drive: UINT, driveinfo: PTR) -> UINT:
    """Total and free clusters, sectors per cluster, bytes per sector; 0 or a Win32 error."""
    drives = t.process.drives
    letter = drives.letter if drive == 0 else chr(64 + drive) if drive <= 26 else ""
    found = drives.drives.get(letter)
    if found is None:
        state.set_errno(t, state.EINVAL)
        return 15
    space = os.statvfs(found.root)
    sectors = max(1, space.f_frsize // 512)
    limit = 0x7FFFFFFF
    t.mem.write(driveinfo, struct.pack("<4I", min(space.f_blocks, limit), min(space.f_bavail, limit), sectors, 512))
    return 0


def _full(t: Task, path: str) -> str | None:
    if not path:
        return t.process.drives.current
    try:
        return t.process.drives.full_path(path)
    except WinError as error:
        state.map_os_error(t, error)
        return None


@msvcrt.api()
def _fullpath(t: Task, absPath: PTR, relPath: PTR, maxLength: SIZE_T) -> PTR:
    """The absolute path by text alone; NULL or "" is the current directory."""
    text = _full(t, t.ansi(relPath) if relPath else "")
    return give(t, absPath, maxLength, text, False) if text else 0


@msvcrt.api()
def _wfullpath(t: Task, absPath: PTR, relPath: PTR, maxLength: SIZE_T) -> PTR:
    """`_fullpath`, wide."""
    text = _full(t, units(t.mem.wcstr(relPath)) if relPath else "")
    return give(t, absPath, maxLength, text, True) if text else 0


def split_path(path: str) -> tuple[str, str, str, str]:
    """Drive, directory, name, extension; they make up ``path`` again."""
    drive, rest = (path[:2], path[2:]) if path[1:2] == ":" else ("", path)
    cut = max(rest.rfind("\\"), rest.rfind("/")) + 1
    folder, name = rest[:cut], rest[cut:]
    dot = name.rfind(".")
    return (drive, folder, name, "") if dot < 0 else (drive, folder, name[:dot], name[dot:])


_PART_SIZES = (3, 256, 256, 256)
"""_MAX_DRIVE, _MAX_DIR, _MAX_FNAME, _MAX_EXT."""


@msvcrt.api()
def _splitpath(t: Task, path: STR, drive: PTR, dir: PTR, fname: PTR, ext: PTR) -> None:
    """Take a path apart; NULL parts are left out."""
    for address, part, size in zip(
        (drive, dir, fname, ext), split_path(path.decode("latin-1")), _PART_SIZES, strict=True
    ):
        if address:
            t.mem.write(address, part.encode("latin-1")[: size - 1] + b"\0")


@msvcrt.api()
def _wsplitpath(t: Task, path: WSTR, drive: PTR, dir: PTR, fname: PTR, ext: PTR) -> None:
    """`_splitpath`, wide."""
    for address, part, size in zip((drive, dir, fname, ext), split_path(path), _PART_SIZES, strict=True):
        if address:
            t.mem.write(address, unit_bytes(part[: size - 1] + "\0"))


def make_path(drive: str, folder: str, name: str, extension: str) -> str:
    """Put a path together, adding the colon, backslash and dot that are missing."""
    text = drive[:1] + ":" if drive else ""
    text += folder
    if folder and folder[-1] not in "\\/":
        text += "\\"
    text += name
    if extension:
        text += extension if extension.startswith(".") else "." + extension
    return text


@msvcrt.api()
def _makepath(t: Task, path: PTR, drive: PTR, dir: PTR, fname: PTR, ext: PTR) -> None:
    """Put a path together; NULL parts are left out."""
    parts = [t.mem.cstr(a).decode("latin-1") if a else "" for a in (drive, dir, fname, ext)]
    t.mem.write(path, make_path(*parts).encode("latin-1") + b"\0")


@msvcrt.api()
def _wmakepath(t: Task, path: PTR, drive: PTR, dir: PTR, fname: PTR, ext: PTR) -> None:
    """`_makepath`, wide."""
    parts = [units(t.mem.wcstr(a)) if a else "" for a in (drive, dir, fname, ext)]
    t.mem.write(path, unit_bytes(make_path(*parts) + "\0"))


def _search(t: Task, name: str, variable: str) -> str:
    """The full path of a file in the current directory or a list of directories; "" where it is not."""
    folders = (t.process.environment.get(variable) or "").split(";")
    for candidate in [name, *(f.rstrip("\\/") + "\\" + name for f in folders if f)]:
        try:
            if t.process.drives.resolve(candidate).exists:
                return t.process.drives.full_path(candidate)
        except WinError:
            continue
    return ""


@msvcrt.api()
def _searchenv(t: Task, filename: STR, varname: STR, pathname: PTR) -> None:
    """Look for a file along an environment variable; an empty string with ENOENT where it is not."""
    text = _search(t, text_of(t, filename), text_of(t, varname))
    if not text:
        state.set_errno(t, state.ENOENT)
    t.mem.write(pathname, codepage.encode(text, t.process.acp)[: _MAX_PATH - 1] + b"\0")


@msvcrt.api()
def _wsearchenv(t: Task, filename: WSTR, varname: WSTR, pathname: PTR) -> None:
    """`_searchenv`, wide."""
    text = _search(t, filename, varname)
    if not text:
        state.set_errno(t, state.ENOENT)
    t.mem.write(pathname, unit_bytes(text[: _MAX_PATH - 1] + "\0"))
