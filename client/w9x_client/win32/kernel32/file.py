"""Opening, reading and writing files (SDK winbase.h). What a file is, and the rules of opening, stand in
`process.files`.

Windows 9x knows no overlapped operations on disk files. A program of later systems passes an OVERLAPPED for its
offset: that is obeyed, and the operation completes before the function returns.
"""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING, Annotated

from w9x_client.abi import Err, WinError, devices
from w9x_client.abi.flags import FILE_ACCESS, FILE_DISPOSITION, FILE_FLAGS, FILE_SHARE, MOVE_METHOD
from w9x_client.abi.types import (
    BOOL,
    DWORD,
    DWORD_INVALID,
    FLAGS,
    HANDLE,
    HFILE,
    LONG,
    LPDWORD,
    PTR,
    pointer_to,
)
from w9x_client.drives import attributes as dos
from w9x_client.process.files import DiskFile, FileObject, open_file
from w9x_client.process.sharing import OpenFiles

from .dll import kernel32
from .file_names import LPCPATH, need
from .handle import inheritable

if TYPE_CHECKING:
    from w9x_client.process import Task

FILE_END = 2
FILE_TYPES = {"disk": 1, "char": 2, "pipe": 3}
LOCKFILE_FAIL_IMMEDIATELY, LOCKFILE_EXCLUSIVE_LOCK = 1, 2


class OVERLAPPED(ctypes.LittleEndianStructure):
    """SDK winbase.h."""

    _fields_ = tuple((name, ctypes.c_uint32) for name in ("Internal", "InternalHigh", "Offset", "OffsetHigh", "hEvent"))


class BY_HANDLE_FILE_INFORMATION(ctypes.LittleEndianStructure):
    """SDK winbase.h; FILETIMEs as pairs of DWORDs."""

    _fields_ = (
        ("dwFileAttributes", ctypes.c_uint32),
        ("ftCreationTime", ctypes.c_uint32 * 2),
        ("ftLastAccessTime", ctypes.c_uint32 * 2),
        ("ftLastWriteTime", ctypes.c_uint32 * 2),
        ("dwVolumeSerialNumber", ctypes.c_uint32),
        ("nFileSizeHigh", ctypes.c_uint32),
        ("nFileSizeLow", ctypes.c_uint32),
        ("nNumberOfLinks", ctypes.c_uint32),
        ("nFileIndexHigh", ctypes.c_uint32),
        ("nFileIndexLow", ctypes.c_uint32),
    )


LPOVERLAPPED = Annotated["OVERLAPPED | None", pointer_to(OVERLAPPED)]
LPBY_HANDLE_FILE_INFORMATION = Annotated["BY_HANDLE_FILE_INFORMATION | None", pointer_to(BY_HANDLE_FILE_INFORMATION)]


@kernel32.partial("no overlapped operations; security attributes: inheritance only", aw=True)
def CreateFile(
    t: Task,
    lpFileName: LPCPATH,
    dwDesiredAccess: FILE_ACCESS,
    dwShareMode: FILE_SHARE,
    lpSecurityAttributes: PTR,
    dwCreationDisposition: FILE_DISPOSITION,
    dwFlagsAndAttributes: FILE_FLAGS,
    hTemplateFile: HANDLE,
) -> HFILE:
    """Open or create a file, console, NUL, or VxD (``\\\\.\\NAME``).

    Last error on success: ALREADY_EXISTS where CREATE_ALWAYS or OPEN_ALWAYS met an existing file, else 0.
    """
    path = need(lpFileName)
    if path[:4].replace("/", "\\") == "\\\\.\\":
        return _open_device(t, path[4:], lpSecurityAttributes)
    item, existed = open_file(
        t.process, path, dwDesiredAccess, dwShareMode, dwCreationDisposition, dwFlagsAndAttributes
    )
    try:
        handle = t.process.handles.add(item)
    except WinError:
        item.close()
        raise
    inheritable(t, handle, lpSecurityAttributes)
    t.last_error = Err.ALREADY_EXISTS if existed and dwCreationDisposition in (2, 4) else 0
    return handle


def _open_device(t: Task, name: str, attributes: int) -> int:
    factory = devices.find(name)
    if factory is None:
        # \\.\C: needs NT; \\.\NAME of a VxD that cannot be loaded is FILE_NOT_FOUND.
        raise WinError(Err.FILE_NOT_FOUND)
    handle = t.process.handles.add(factory(t, name))
    t.last_error = 0
    return inheritable(t, handle, attributes)


def _at_offset(t: Task, item: FileObject, overlapped: int) -> None:
    if overlapped and isinstance(item, DiskFile):
        item.seek(t.mem.u64(overlapped + OVERLAPPED.Offset.offset), os.SEEK_SET)


def _completed(t: Task, overlapped: int, count: int) -> None:
    if overlapped:
        t.mem.put32(overlapped + OVERLAPPED.Internal.offset, 0)
        t.mem.put32(overlapped + OVERLAPPED.InternalHigh.offset, count)


@kernel32.partial("overlapped operations complete at once")
async def ReadFile(
    t: Task,
    hFile: HANDLE,
    lpBuffer: PTR,
    nNumberOfBytesToRead: DWORD,
    lpNumberOfBytesRead: LPDWORD,
    lpOverlapped: PTR,
) -> BOOL:
    """Read from the current position; TRUE with 0 bytes at a file's end, ERROR_BROKEN_PIPE at a pipe's."""
    item = t.process.handles.get(hFile, FileObject)
    lpNumberOfBytesRead.set(0)
    _at_offset(t, item, lpOverlapped)
    count = await item.read_into(t, lpBuffer, nNumberOfBytesToRead)
    lpNumberOfBytesRead.set(count)
    if lpOverlapped:
        _completed(t, lpOverlapped, count)
        if count == 0 and nNumberOfBytesToRead and item.kind == "disk":
            raise WinError(Err.HANDLE_EOF)
    return True


@kernel32.partial("overlapped operations complete at once")
async def WriteFile(
    t: Task,
    hFile: HANDLE,
    lpBuffer: PTR,
    nNumberOfBytesToWrite: DWORD,
    lpNumberOfBytesWritten: LPDWORD,
    lpOverlapped: PTR,
) -> BOOL:
    """Write at the current position. Zero bytes change nothing."""
    item = t.process.handles.get(hFile, FileObject)
    lpNumberOfBytesWritten.set(0)
    _at_offset(t, item, lpOverlapped)
    count = await item.write(t, t.mem.view(lpBuffer, nNumberOfBytesToWrite))
    lpNumberOfBytesWritten.set(count)
    _completed(t, lpOverlapped, count)
    return True


@kernel32.stub("Windows 9x has no completion routines on disk files: fails with ERROR_INVALID_FUNCTION")
def ReadFileEx(
    t: Task, hFile: HANDLE, lpBuffer: PTR, nNumberOfBytesToRead: DWORD, lpOverlapped: PTR, lpCompletionRoutine: PTR
) -> BOOL:
    """Asynchronous read with a completion routine."""
    t.process.handles.get(hFile, FileObject)
    raise WinError(Err.INVALID_FUNCTION)


@kernel32.stub("Windows 9x has no completion routines on disk files: fails with ERROR_INVALID_FUNCTION")
def WriteFileEx(
    t: Task, hFile: HANDLE, lpBuffer: PTR, nNumberOfBytesToWrite: DWORD, lpOverlapped: PTR, lpCompletionRoutine: PTR
) -> BOOL:
    """Asynchronous write with a completion routine."""
    t.process.handles.get(hFile, FileObject)
    raise WinError(Err.INVALID_FUNCTION)


@kernel32.api()
def GetOverlappedResult(
    t: Task, hFile: HANDLE, lpOverlapped: LPOVERLAPPED, lpNumberOfBytesTransferred: LPDWORD, bWait: BOOL
) -> BOOL:
    """The count of an operation that has, here, completed already."""
    t.process.handles.get(hFile, FileObject)
    if lpOverlapped is None:
        raise WinError(Err.INVALID_PARAMETER)
    lpNumberOfBytesTransferred.set(lpOverlapped.InternalHigh)
    return True


@kernel32.api(since="98")
def CancelIo(t: Task, hFile: HANDLE) -> BOOL:
    """Nothing is ever pending."""
    t.process.handles.get(hFile, FileObject)
    return True


@kernel32.api()
def SetFilePointer(
    t: Task, hFile: HANDLE, lDistanceToMove: LONG, lpDistanceToMoveHigh: LPDWORD, dwMoveMethod: MOVE_METHOD
) -> DWORD_INVALID:
    """Move the position; returns its low half. A legitimate FFFFFFFF comes with last error 0."""
    item = t.process.handles.get(hFile, FileObject)
    if dwMoveMethod > FILE_END:
        raise WinError(Err.INVALID_PARAMETER)
    if lpDistanceToMoveHigh:
        distance = (lDistanceToMove & 0xFFFFFFFF) | lpDistanceToMoveHigh.get() << 32
        distance -= (distance >> 63) << 64
    else:
        distance = lDistanceToMove
    before = item.tell() if not lpDistanceToMoveHigh else 0
    position = item.seek(distance, dwMoveMethod)
    if lpDistanceToMoveHigh:
        lpDistanceToMoveHigh.set(position >> 32)
    elif position > 0xFFFFFFFF:
        item.seek(before, os.SEEK_SET)
        raise WinError(Err.INVALID_PARAMETER)
    if position & 0xFFFFFFFF == 0xFFFFFFFF:
        t.last_error = 0
    return position & 0xFFFFFFFF


@kernel32.not_on_9x()
def SetFilePointerEx(
    t: Task, hFile: HANDLE, liLow: DWORD, liHigh: LONG, lpNewFilePointer: PTR, dwMoveMethod: MOVE_METHOD
) -> BOOL:
    """Move the position by a 64-bit distance."""
    item = t.process.handles.get(hFile, FileObject)
    if dwMoveMethod > FILE_END:
        raise WinError(Err.INVALID_PARAMETER)
    position = item.seek(liHigh << 32 | liLow, dwMoveMethod)
    if lpNewFilePointer:
        t.mem.put64(lpNewFilePointer, position)
    return True


@kernel32.api()
def SetEndOfFile(t: Task, hFile: HANDLE) -> BOOL:
    """The file ends at the current position."""
    t.process.handles.get(hFile, FileObject).truncate()
    return True


@kernel32.api()
def GetFileSize(t: Task, hFile: HANDLE, lpFileSizeHigh: LPDWORD) -> DWORD_INVALID:
    """Bytes in the file, low half; a legitimate FFFFFFFF comes with last error 0."""
    size = t.process.handles.get(hFile, FileObject).size()
    lpFileSizeHigh.set(size >> 32)
    if size & 0xFFFFFFFF == 0xFFFFFFFF:
        t.last_error = 0
    return size & 0xFFFFFFFF


@kernel32.not_on_9x()
def GetFileSizeEx(t: Task, hFile: HANDLE, lpFileSize: PTR) -> BOOL:
    """Bytes in the file."""
    t.mem.put64(lpFileSize, t.process.handles.get(hFile, FileObject).size())
    return True


@kernel32.api()
def FlushFileBuffers(t: Task, hFile: HANDLE) -> BOOL:
    """Have the host write the file to its storage."""
    t.process.handles.get(hFile, FileObject).flush()
    return True


@kernel32.api()
def GetFileType(t: Task, hFile: HANDLE) -> DWORD:
    """FILE_TYPE_DISK, _CHAR, _PIPE; FILE_TYPE_UNKNOWN with last error INVALID_HANDLE."""
    return FILE_TYPES[t.process.handles.get(hFile, FileObject).kind]


@kernel32.api()
def GetFileInformationByHandle(t: Task, hFile: HANDLE, lpInfo: LPBY_HANDLE_FILE_INFORMATION) -> BOOL:
    """Attributes, times, size, and the numbers that tell whether two handles are one file."""
    item = t.process.handles.get(hFile, FileObject)
    if lpInfo is None:
        raise WinError(Err.INVALID_PARAMETER)
    if item.kind != "disk":
        raise WinError(Err.INVALID_FUNCTION)
    st = os.fstat(item.fd)
    path = getattr(item, "path", None)
    lpInfo.dwFileAttributes = dos.attributes(item.fd, st)
    created, accessed, written = dos.times(path.path if path is not None else item.fd, st)
    for field, value in (
        (lpInfo.ftCreationTime, created),
        (lpInfo.ftLastAccessTime, accessed),
        (lpInfo.ftLastWriteTime, written),
    ):
        field[0], field[1] = value & 0xFFFFFFFF, value >> 32 & 0xFFFFFFFF
    lpInfo.dwVolumeSerialNumber = path.drive.serial if path is not None else st.st_dev & 0xFFFFFFFF
    size = 0 if item.is_directory else st.st_size
    lpInfo.nFileSizeHigh, lpInfo.nFileSizeLow = size >> 32, size & 0xFFFFFFFF
    lpInfo.nNumberOfLinks = min(st.st_nlink, 0xFFFFFFFF)
    lpInfo.nFileIndexHigh, lpInfo.nFileIndexLow = st.st_ino >> 32 & 0xFFFFFFFF, st.st_ino & 0xFFFFFFFF
    return True


# --- locks --------------------------------------------------------------------------------------
def _lock(t: Task, handle: int, offset: int, length: int, exclusive: bool) -> bool:
    item = t.process.handles.get(handle, DiskFile)
    if not length:
        return True
    t.process.state(OpenFiles).lock(item, offset, length, exclusive)
    return True


def _unlock(t: Task, handle: int, offset: int, length: int) -> bool:
    item = t.process.handles.get(handle, DiskFile)
    if length:
        t.process.state(OpenFiles).unlock(item, offset, length)
    return True


_LOCK_NOTE = "another process's reads and writes of a locked range are not refused, only its locks"


@kernel32.partial(_LOCK_NOTE)
def LockFile(t: Task, hFile: HANDLE, offsetLow: DWORD, offsetHigh: DWORD, lengthLow: DWORD, lengthHigh: DWORD) -> BOOL:
    """Lock a range for this handle alone; LOCK_VIOLATION at once where another has it."""
    return _lock(t, hFile, offsetHigh << 32 | offsetLow, lengthHigh << 32 | lengthLow, True)


@kernel32.api()
def UnlockFile(
    t: Task, hFile: HANDLE, offsetLow: DWORD, offsetHigh: DWORD, lengthLow: DWORD, lengthHigh: DWORD
) -> BOOL:
    """Unlock exactly a range that was locked; NOT_LOCKED otherwise."""
    return _unlock(t, hFile, offsetHigh << 32 | offsetLow, lengthHigh << 32 | lengthLow)


@kernel32.partial(_LOCK_NOTE)
async def LockFileEx(
    t: Task,
    hFile: HANDLE,
    dwFlags: FLAGS,
    dwReserved: DWORD,
    lengthLow: DWORD,
    lengthHigh: DWORD,
    lpOverlapped: LPOVERLAPPED,
) -> BOOL:
    """Lock a range, shared or exclusive, waiting for it unless LOCKFILE_FAIL_IMMEDIATELY."""
    if lpOverlapped is None or dwReserved:
        raise WinError(Err.INVALID_PARAMETER)
    start, length = lpOverlapped.OffsetHigh << 32 | lpOverlapped.Offset, lengthHigh << 32 | lengthLow
    while True:
        try:
            return _lock(t, hFile, start, length, bool(dwFlags & LOCKFILE_EXCLUSIVE_LOCK))
        except WinError as error:
            if error.code != Err.LOCK_VIOLATION or dwFlags & LOCKFILE_FAIL_IMMEDIATELY:
                raise
        await t.sleep(10)  # open-file-description locks have no descriptor to wait on


@kernel32.api()
def UnlockFileEx(
    t: Task, hFile: HANDLE, dwReserved: DWORD, lengthLow: DWORD, lengthHigh: DWORD, lpOverlapped: LPOVERLAPPED
) -> BOOL:
    """Unlock exactly a range that was locked."""
    if lpOverlapped is None or dwReserved:
        raise WinError(Err.INVALID_PARAMETER)
    return _unlock(t, hFile, lpOverlapped.OffsetHigh << 32 | lpOverlapped.Offset, lengthHigh << 32 | lengthLow)


@kernel32.stub("only a VxD's handle takes control codes, and none is registered: fails with ERROR_INVALID_FUNCTION")
async def DeviceIoControl(
    t: Task,
    hDevice: HANDLE,
    dwIoControlCode: FLAGS,
    lpInBuffer: PTR,
    nInBufferSize: DWORD,
    lpOutBuffer: PTR,
    nOutBufferSize: DWORD,
    lpBytesReturned: LPDWORD,
    lpOverlapped: PTR,
) -> BOOL:
    """Send a control code to a device object that has ``device_io_control``."""
    item = t.process.handles.find(hDevice)
    if item is None:
        raise WinError(Err.INVALID_HANDLE)
    control = getattr(item, "device_io_control", None)
    if control is None:
        raise WinError(Err.INVALID_FUNCTION)
    data = await control(t, dwIoControlCode, lpInBuffer, nInBufferSize, lpOutBuffer, nOutBufferSize)
    lpBytesReturned.set(data)
    return True
