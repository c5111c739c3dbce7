"""A file's times (SDK winbase.h): FILETIMEs, 100 ns since 1601-01-01 UTC. The host's are finer than FAT's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import BOOL, FILETIME, HANDLE, LPFILETIME
from w9x_client.drives import attributes as dos
from w9x_client.process.files import GENERIC_WRITE, FileObject

from .dll import kernel32

if TYPE_CHECKING:
    from w9x_client.process import Task


def _file(t: Task, handle: int) -> FileObject:
    item = t.process.handles.get(handle, FileObject)
    if item.kind != "disk":
        raise WinError(Err.INVALID_HANDLE)
    return item


@kernel32.api()
def GetFileTime(
    t: Task,
    hFile: HANDLE,
    lpCreationTime: LPFILETIME,
    lpLastAccessTime: LPFILETIME,
    lpLastWriteTime: LPFILETIME,
) -> BOOL:
    """Creation, last access, last write; each pointer may be NULL."""
    item = _file(t, hFile)
    path = getattr(item, "path", None)
    times = dos.times(path.path if path is not None else item.fd, os.fstat(item.fd))
    for field, value in zip((lpCreationTime, lpLastAccessTime, lpLastWriteTime), times, strict=True):
        if field is not None:
            field.dwLowDateTime, field.dwHighDateTime = value & 0xFFFFFFFF, value >> 32 & 0xFFFFFFFF
    return True


def _value(time: FILETIME | None) -> int:
    """The number in a FILETIME; 0 for NULL, and for FFFFFFFF:FFFFFFFF, which asks for no change."""
    value = time.dwHighDateTime << 32 | time.dwLowDateTime if time is not None else 0
    return 0 if value == 0xFFFF_FFFF_FFFF_FFFF else int(value)


@kernel32.api()
def SetFileTime(
    t: Task,
    hFile: HANDLE,
    lpCreationTime: LPFILETIME,
    lpLastAccessTime: LPFILETIME,
    lpLastWriteTime: LPFILETIME,
) -> BOOL:
    """Set the times whose pointers are not NULL; needs GENERIC_WRITE."""
    item = _file(t, hFile)
    if not item.access & GENERIC_WRITE:
        raise WinError(Err.ACCESS_DENIED)
    dos.set_times(item.fd, _value(lpCreationTime), _value(lpLastAccessTime), _value(lpLastWriteTime))
    return True
