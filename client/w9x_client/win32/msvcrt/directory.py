"""Directories: making, removing, changing, searching; and removing and renaming files (direct.h, io.h, stdio.h).

Everything goes through KERNEL32's functions and the drive table, as the runtime's own does; their errors become errno.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError, codepage
from w9x_client.abi.types import INT, PTR
from w9x_client.drives import attributes as dos
from w9x_client.win32.kernel32 import directory as k32_directory
from w9x_client.win32.kernel32 import file_find, file_manage
from w9x_client.win32.kernel32 import path as k32_path

from . import state
from .dll import msvcrt
from .state import STR, WSTR

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

MAX_PATH = 260


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


def declare_paths(core: Callable[[Task, str], int], narrow: str, wide: str) -> None:
    """Declare the narrow and the wide export of a function of one path that returns an int."""

    def narrow_handler(t: Task, path: STR) -> INT:
        return core(t, text_of(t, path))

    def wide_handler(t: Task, path: WSTR) -> INT:
        return core(t, path)

    narrow_handler.__doc__ = wide_handler.__doc__ = core.__doc__
    msvcrt.api(name=narrow)(narrow_handler)
    msvcrt.api(name=wide)(wide_handler)


def path_and_number(core: Callable[[Task, str, int], int], narrow: str, wide: str) -> None:
    """The same for a path and an int or pointer."""

    def narrow_handler(t: Task, path: STR, value: PTR) -> INT:
        return core(t, text_of(t, path), value)

    def wide_handler(t: Task, path: WSTR, value: PTR) -> INT:
        return core(t, path, value)

    narrow_handler.__doc__ = wide_handler.__doc__ = core.__doc__
    msvcrt.api(name=narrow)(narrow_handler)
    msvcrt.api(name=wide)(wide_handler)


def seconds(ns: int) -> int:
    """Host nanoseconds as a time_t, within its 32 bits."""
    return max(-1, min(ns // 1_000_000_000, 0x7FFFFFFF))


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


declare_paths(_mkdir, "_mkdir", "_wmkdir")
declare_paths(_rmdir, "_rmdir", "_wrmdir")
declare_paths(_chdir, "_chdir", "_wchdir")
declare_paths(_unlink, "_unlink", "_wunlink")
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
        "<IiiiQ" if big else "<IiiiI", 0 if bits == dos.NORMAL else bits, seconds(created),
        seconds(found.st.st_atime_ns), seconds(found.st.st_mtime_ns), size if big else size & 0xFFFFFFFF,
    )  # fmt: skip
    if wide:
        name = found.name.encode("utf-16-le", "surrogatepass")[: 2 * (MAX_PATH - 1)] + b"\0\0"
    else:
        name = codepage.encode(found.name, t.process.acp)[: MAX_PATH - 1] + b"\0"
    t.mem.write(address, head + name)


def _next(t: Task, entries: Iterator[file_find.Found], data: int, wide: bool, big: bool) -> int:
    try:
        found = next(entries, None)
        if found is None:
            raise WinError(Err.FILE_NOT_FOUND)
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
