"""Searching directories: FindFirstFile and its kin (SDK winbase.h).

Names come in one stable order: ".", "..", then by folded name. Entries that could not be opened (links that leave
the drive, sockets, devices) are not shown.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError, codepage
from w9x_client.abi.types import BOOL, DWORD, FLAGS, HANDLE, HFILE, IS_WIDE, PTR
from w9x_client.drives import attributes as dos
from w9x_client.drives.names import compile_pattern, fold, is_short
from w9x_client.drives.table import Drive, HostPath, follow, join
from w9x_client.process.objects import KernelObject

from .dll import kernel32
from .file_names import LPCPATH, FileApis, need, shown_name

if TYPE_CHECKING:
    from w9x_client.process import Task

FIND_FIRST_EX_CASE_SENSITIVE = 1
_HEAD = struct.Struct("<IQQQIIII")
_NAME_AT, _ALIAS_AT_A, _ALIAS_AT_W = 44, 304, 564


@dataclass(slots=True)
class Found:
    """One entry of a search."""

    name: str
    alias: str
    host: str
    st: os.stat_result


class Find(KernelObject):
    """What a search handle refers to."""

    def __init__(self, entries: Iterator[Found]) -> None:
        super().__init__()
        self.entries = entries


def _real_stat(drive: Drive, path: str) -> tuple[str, os.stat_result] | None:
    """(real path, stat) of an entry a guest may open, else None."""
    try:
        st = os.lstat(path)
        if stat.S_ISLNK(st.st_mode):
            link, (path, st) = path, follow(drive, path)
            if stat.S_ISDIR(st.st_mode) and link.startswith(path.rstrip("/") + "/"):
                return None  # programs that walk trees know no links: one to its own ancestor would never end
    except (OSError, WinError):
        return None
    return (path, st) if stat.S_ISREG(st.st_mode) or stat.S_ISDIR(st.st_mode) else None


def search(t: Task, path: str, wide: bool) -> Iterator[Found]:
    """The entries that ``path`` (wildcards in its last component) names. Raises WinError."""
    drives = t.process.drives
    guest = drives.parse(path, wildcards=True)
    if guest.device or guest.vxd or guest.directory or not guest.parts:
        raise WinError(Err.FILE_NOT_FOUND)
    pattern = guest.parts[-1]
    if "*" not in pattern and "?" not in pattern:
        return iter([_single(t, drives.resolve(path), wide)])
    parent = path.replace("/", "\\").rpartition("\\")
    if parent[1]:
        text = parent[0] + "\\"
    elif path[1:2] == ":":
        text = path[:2] + "."
    else:
        text = "."
    directory = drives.resolve(text)
    if not directory.is_directory:
        raise WinError(Err.PATH_NOT_FOUND)
    return _matching(t, directory, pattern, wide)


def _single(t: Task, found: HostPath, wide: bool) -> Found:
    listing = t.process.drives.listings.get(found.directory)
    real = _real_stat(found.drive, found.entry)
    if real is None:
        raise WinError(Err.FILE_NOT_FOUND)
    name = shown_name(t, listing, found.name, wide)
    alias = "" if is_short(name) and fold(name) == name else listing.alias(found.name)
    return Found(name, "" if alias == name else alias, *real)


def _matching(t: Task, directory: HostPath, pattern: str, wide: bool) -> Iterator[Found]:
    matches = compile_pattern(pattern)
    listing = t.process.drives.list(directory)
    if directory.name and directory.st is not None:
        for dots in (".", ".."):
            if matches(dots):
                yield Found(dots, "", directory.path, directory.st)
    for folded, host in sorted((fold(guest), host) for host, guest in listing.shown.items()):
        hit = matches(folded)
        if not hit and not is_short(folded):
            hit = matches(listing.alias(host))
        if not hit:
            continue
        real = _real_stat(directory.drive, join(directory.path, host))
        if real is not None:
            name = shown_name(t, listing, host, wide)
            alias = listing.alias(host)
            yield Found(name, "" if alias == name else alias, *real)


def _store(t: Task, address: int, found: Found, wide: bool) -> None:
    """Fill in a WIN32_FIND_DATA (SDK winbase.h: 320 bytes, 592 wide)."""
    size = 0 if stat.S_ISDIR(found.st.st_mode) else found.st.st_size
    head = _HEAD.pack(
        dos.attributes(found.host, found.st),
        *(time & 0xFFFF_FFFF_FFFF_FFFF for time in dos.times(found.host, found.st)),
        size >> 32,
        size & 0xFFFFFFFF,
        0,
        0,
    )
    if wide:
        name = found.name.encode("utf-16-le")[:518] + b"\0\0"
        alias, alias_at = found.alias.encode("utf-16-le")[:26] + b"\0\0", _ALIAS_AT_W
    else:
        page = t.process.state(FileApis).page
        name = codepage.encode(found.name, page)[:259] + b"\0"
        alias, alias_at = codepage.encode(found.alias, page)[:13] + b"\0", _ALIAS_AT_A
    t.mem.check(address, alias_at + len(alias), True)
    t.mem.write(address, head + name)
    t.mem.write(address + alias_at, alias)


def _first(t: Task, path: str | None, data: int, wide: bool) -> int:
    entries = search(t, need(path), wide)
    first = next(entries, None)
    if first is None:
        raise WinError(Err.FILE_NOT_FOUND)
    _store(t, data, first, wide)
    return t.process.handles.add(Find(entries))


@kernel32.api(aw=True)
def FindFirstFile(t: Task, lpFileName: LPCPATH, lpFindFileData: PTR, W: IS_WIDE) -> HFILE:
    """Begin a search; a path that ends in a backslash finds nothing."""
    return _first(t, lpFileName, lpFindFileData, W)


@kernel32.partial("no case-sensitive search", aw=True)
def FindFirstFileEx(
    t: Task,
    lpFileName: LPCPATH,
    fInfoLevelId: DWORD,
    lpFindFileData: PTR,
    fSearchOp: DWORD,
    lpSearchFilter: PTR,
    dwAdditionalFlags: FLAGS,
    W: IS_WIDE,
) -> HFILE:
    """As FindFirstFile; limiting to directories is a hint that may be ignored (SDK)."""
    if fInfoLevelId > 1 or fSearchOp > 1 or lpSearchFilter:
        raise WinError(Err.INVALID_PARAMETER)
    if dwAdditionalFlags & FIND_FIRST_EX_CASE_SENSITIVE:
        raise WinError(Err.NOT_SUPPORTED)
    return _first(t, lpFileName, lpFindFileData, W)


@kernel32.api(aw=True)
def FindNextFile(t: Task, hFindFile: HANDLE, lpFindFileData: PTR, W: IS_WIDE) -> BOOL:
    """The next entry; NO_MORE_FILES at the end."""
    found = next(t.process.handles.get(hFindFile, Find).entries, None)
    if found is None:
        raise WinError(Err.NO_MORE_FILES)
    _store(t, lpFindFileData, found, W)
    return True


@kernel32.api()
def FindClose(t: Task, hFindFile: HANDLE) -> BOOL:
    """End a search."""
    t.process.handles.get(hFindFile, Find)
    t.process.handles.close(hFindFile)
    return True


@kernel32.stub("changes are not watched: fails with ERROR_NOT_SUPPORTED", aw=True)
def FindFirstChangeNotification(t: Task, lpPathName: LPCPATH, bWatchSubtree: BOOL, dwNotifyFilter: FLAGS) -> HFILE:
    """Watch a directory."""
    t.process.drives.resolve(need(lpPathName))
    raise WinError(Err.NOT_SUPPORTED)


@kernel32.stub("no watch can exist")
def FindNextChangeNotification(t: Task, hChangeHandle: HANDLE) -> BOOL:
    """Wait for the next change."""
    raise WinError(Err.INVALID_HANDLE)


@kernel32.stub("no watch can exist")
def FindCloseChangeNotification(t: Task, hChangeHandle: HANDLE) -> BOOL:
    """End a watch."""
    raise WinError(Err.INVALID_HANDLE)
