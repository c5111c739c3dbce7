"""Paths as text, drives and current directories (stdlib.h, direct.h): _getcwd, _fullpath, _splitpath, _searchenv."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError, codepage
from w9x_client.abi.types import INT, PTR, SIZE_T, UINT

from . import state
from .directory import MAX_PATH, attempt, text_of
from .dll import msvcrt
from .state import STR, WSTR
from .stdio_format import unit_bytes, units

if TYPE_CHECKING:
    from w9x_client.process import Task


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
        state.map_os_error(t, Err.INVALID_DRIVE)
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
    t.mem.write(pathname, codepage.encode(text, t.process.acp)[: MAX_PATH - 1] + b"\0")


@msvcrt.api()
def _wsearchenv(t: Task, filename: WSTR, varname: WSTR, pathname: PTR) -> None:
    """`_searchenv`, wide."""
    text = _search(t, filename, varname)
    if not text:
        state.set_errno(t, state.ENOENT)
    t.mem.write(pathname, unit_bytes(text[: MAX_PATH - 1] + "\0"))
