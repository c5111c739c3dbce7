"""Files as directory entries: deleting, moving, copying, attributes (SDK winbase.h)."""

from __future__ import annotations

import os
import struct
from collections.abc import Generator
from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import BOOL, DWORD, DWORD_INVALID, FLAGS, PTR
from w9x_client.drives import HostPath, operations, win_error
from w9x_client.drives import attributes as dos
from w9x_client.process.files import (
    CREATE_ALWAYS,
    CREATE_NEW,
    GENERIC_READ,
    GENERIC_WRITE,
    OPEN_EXISTING,
    DiskFile,
    open_file,
)
from w9x_client.process.sharing import FILE_SHARE_READ, FILE_SHARE_WRITE, OpenFiles

from .dll import kernel32
from .file_names import LPCPATH, need

if TYPE_CHECKING:
    from w9x_client.process import Task

MOVEFILE_REPLACE_EXISTING, MOVEFILE_COPY_ALLOWED, MOVEFILE_DELAY_UNTIL_REBOOT = 1, 2, 4
COPY_FILE_FAIL_IF_EXISTS = 1
PROGRESS_CONTINUE, PROGRESS_CANCEL, PROGRESS_STOP, PROGRESS_QUIET = 0, 1, 2, 3
ERROR_REQUEST_ABORTED = 1235
_CHUNK = 1 << 20


def _entry(t: Task, path: str | None) -> HostPath:
    """An existing file or directory; a device name is FILE_NOT_FOUND."""
    found = t.process.drives.resolve(need(path))
    if found.device:
        raise WinError(Err.FILE_NOT_FOUND)
    return found


@kernel32.api(aw=True)
def DeleteFile(t: Task, lpFileName: LPCPATH) -> BOOL:
    """Delete a file. ACCESS_DENIED for a directory or a read-only file, SHARING_VIOLATION for one that is open."""
    found = _entry(t, lpFileName)
    t.process.state(OpenFiles).check_removable(found)
    operations.delete_file(t.process.drives, found)
    return True


def _move(t: Task, source: str | None, target: str | None, flags: int) -> bool:
    drives, files = t.process.drives, t.process.state(OpenFiles)
    old = _entry(t, source)
    new = drives.resolve(need(target), parent=True)
    if new.device:
        raise WinError(Err.ACCESS_DENIED)
    replace = bool(flags & MOVEFILE_REPLACE_EXISTING)
    files.check_removable(old)
    if replace:
        files.check_removable(new)
    try:
        operations.rename(drives, old, new, replace=replace)
    except WinError as error:
        if error.code != Err.NOT_SAME_DEVICE or old.is_directory or not flags & MOVEFILE_COPY_ALLOWED:
            raise
        for _done in _copy(t, source, target, not replace):
            pass
        operations.delete_file(drives, old)
    return True


@kernel32.api(aw=True)
def MoveFile(t: Task, lpExistingFileName: LPCPATH, lpNewFileName: LPCPATH) -> BOOL:
    """Rename or move; a file also to another drive, a directory not."""
    return _move(t, lpExistingFileName, lpNewFileName, MOVEFILE_COPY_ALLOWED)


@kernel32.partial("no MOVEFILE_DELAY_UNTIL_REBOOT; Windows 9x itself has only a stub", aw=True)
def MoveFileEx(t: Task, lpExistingFileName: LPCPATH, lpNewFileName: LPCPATH, dwFlags: FLAGS) -> BOOL:
    """Move with options."""
    if dwFlags & MOVEFILE_DELAY_UNTIL_REBOOT:
        raise WinError(Err.CALL_NOT_IMPLEMENTED)
    return _move(t, lpExistingFileName, lpNewFileName, dwFlags)


@kernel32.partial("as MoveFileEx: the progress routine is not called", aw=True, since="nt")
def MoveFileWithProgress(
    t: Task, lpExistingFileName: LPCPATH, lpNewFileName: LPCPATH, lpProgressRoutine: PTR, lpData: PTR, dwFlags: FLAGS
) -> BOOL:
    """Move with options. Windows calls the routine only for moves that copy."""
    if dwFlags & MOVEFILE_DELAY_UNTIL_REBOOT:
        raise WinError(Err.CALL_NOT_IMPLEMENTED)
    return _move(t, lpExistingFileName, lpNewFileName, dwFlags)


def _copy(
    t: Task, source: str | None, target: str | None, fail_if_exists: bool
) -> Generator[tuple[int, int], None, None]:
    """Copy in steps: yields (bytes so far, size). Closing it early removes the new file."""
    files = t.process.state(OpenFiles)
    old, _ = open_file(t.process, need(source), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, OPEN_EXISTING, 0)
    new: DiskFile | None = None
    complete = False
    try:
        if not isinstance(old, DiskFile):
            raise WinError(Err.ACCESS_DENIED)
        item, _ = open_file(
            t.process, need(target), GENERIC_WRITE, 0, CREATE_NEW if fail_if_exists else CREATE_ALWAYS, 0
        )
        if not isinstance(item, DiskFile):
            complete = True
            item.close()
            return  # a copy to NUL
        new = item
        size, done = old.size(), 0
        while True:
            data = os.read(old.fd, _CHUNK)
            if not data:
                break
            view = memoryview(data)
            while view:
                view = view[os.write(new.fd, view) :]
            done += len(data)
            yield done, max(size, done)
        st = os.fstat(old.fd)
        dos.set_times(new.fd, 0, 0, dos.filetime(st.st_mtime_ns))
        if old.path is not None:
            dos.set_attributes(new.fd, dos.attributes(old.fd, st) | dos.ARCHIVE)
        complete = True
    except OSError as error:
        raise win_error(error) from None
    finally:
        old.close()
        if new is not None:
            path = new.path
            new.close()
            if not complete and path is not None:
                found = t.process.drives.resolve(path.guest, parent=True)
                if found.exists and not files.users(new.key):
                    operations.delete_file(t.process.drives, found)


@kernel32.api(aw=True)
def CopyFile(t: Task, lpExistingFileName: LPCPATH, lpNewFileName: LPCPATH, bFailIfExists: BOOL) -> BOOL:
    """Copy contents, attributes and last-write time."""
    for _done in _copy(t, lpExistingFileName, lpNewFileName, bFailIfExists):
        pass
    return True


@kernel32.partial("no restart after a stop", aw=True, since="98")
async def CopyFileEx(
    t: Task,
    lpExistingFileName: LPCPATH,
    lpNewFileName: LPCPATH,
    lpProgressRoutine: PTR,
    lpData: PTR,
    pbCancel: PTR,
    dwCopyFlags: FLAGS,
) -> BOOL:
    """Copy, reporting progress to a callback that may end it."""
    steps = _copy(t, lpExistingFileName, lpNewFileName, bool(dwCopyFlags & COPY_FILE_FAIL_IF_EXISTS))
    routine = lpProgressRoutine
    try:
        for done, size in steps:
            if pbCancel and t.mem.u32(pbCancel):
                raise WinError(ERROR_REQUEST_ABORTED)
            if not routine:
                continue
            dwords = struct.unpack("<8I", struct.pack("<4Q", size, done, size, done))
            answer = await t.call(routine, *dwords, 1, 0, 0, 0, lpData)
            if answer in (PROGRESS_CANCEL, PROGRESS_STOP):
                raise WinError(ERROR_REQUEST_ABORTED)
            if answer == PROGRESS_QUIET:
                routine = 0
    finally:
        steps.close()
    return True


# --- attributes ---------------------------------------------------------------------------------
@kernel32.api(aw=True)
def GetFileAttributes(t: Task, lpFileName: LPCPATH) -> DWORD_INVALID:
    """FILE_ATTRIBUTE_* bits."""
    found = _entry(t, lpFileName)
    return dos.attributes(found.path, found.require())


@kernel32.api(aw=True)
def SetFileAttributes(t: Task, lpFileName: LPCPATH, dwFileAttributes: FLAGS) -> BOOL:
    """Set READONLY, HIDDEN, SYSTEM, ARCHIVE; other bits are ignored (SDK)."""
    operations.set_attributes(_entry(t, lpFileName), dwFileAttributes)
    return True


@kernel32.api(aw=True, since="98")
def GetFileAttributesEx(t: Task, lpFileName: LPCPATH, fInfoLevelId: DWORD, lpFileInformation: PTR) -> BOOL:
    """WIN32_FILE_ATTRIBUTE_DATA: attributes, three times, size."""
    if fInfoLevelId != 0:
        raise WinError(Err.INVALID_PARAMETER)
    found = _entry(t, lpFileName)
    st = found.require()
    size = 0 if found.is_directory else st.st_size
    times = (time & 0xFFFF_FFFF_FFFF_FFFF for time in dos.times(found.path, st))
    t.mem.write(
        lpFileInformation,
        struct.pack("<I3QII", dos.attributes(found.path, st), *times, size >> 32, size & 0xFFFFFFFF),
    )
    return True


@kernel32.api(aw=True)
def GetCompressedFileSize(t: Task, lpFileName: LPCPATH, lpFileSizeHigh: PTR) -> DWORD_INVALID:
    """The file's size: nothing is compressed."""
    size = _entry(t, lpFileName).require().st_size
    if lpFileSizeHigh:
        t.mem.put32(lpFileSizeHigh, size >> 32)
    return size & 0xFFFFFFFF
