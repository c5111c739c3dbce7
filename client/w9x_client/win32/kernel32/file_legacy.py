"""Windows 3 file functions that Win32 keeps: _lopen and its kin, OpenFile (SDK winbase.h). A HFILE is a handle here."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Annotated

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import DWORD_INVALID, FLAGS, HFILE, INT, LONG, LPCSTR, PTR, UINT, pointer_to
from w9x_client.drives import operations
from w9x_client.process.files import CREATE_ALWAYS, GENERIC_READ, GENERIC_WRITE, OPEN_EXISTING, FileObject, open_file
from w9x_client.process.sharing import FILE_SHARE_READ, FILE_SHARE_WRITE, OpenFiles

from .dll import kernel32
from .file_names import LPCPATH, need
from .path import SYSTEM, WINDOWS

if TYPE_CHECKING:
    from w9x_client.process import Task

HFILE_ERROR = 0xFFFFFFFF
OF_PARSE, OF_DELETE, OF_VERIFY, OF_CANCEL, OF_CREATE, OF_PROMPT, OF_EXIST, OF_REOPEN = (
    0x100, 0x200, 0x400, 0x800, 0x1000, 0x2000, 0x4000, 0x8000,
)  # fmt: skip
_ACCESS = (GENERIC_READ, GENERIC_WRITE, GENERIC_READ | GENERIC_WRITE, GENERIC_READ)
_SHARE = {
    0x00: FILE_SHARE_READ | FILE_SHARE_WRITE,  # OF_SHARE_COMPAT
    0x10: 0,  # OF_SHARE_EXCLUSIVE
    0x20: FILE_SHARE_READ,  # OF_SHARE_DENY_WRITE
    0x30: FILE_SHARE_WRITE,  # OF_SHARE_DENY_READ
    0x40: FILE_SHARE_READ | FILE_SHARE_WRITE,  # OF_SHARE_DENY_NONE
}


class OFSTRUCT(ctypes.LittleEndianStructure):
    """SDK winbase.h."""

    _fields_ = (
        ("cBytes", ctypes.c_uint8),
        ("fFixedDisk", ctypes.c_uint8),
        ("nErrCode", ctypes.c_uint16),
        ("Reserved1", ctypes.c_uint16),
        ("Reserved2", ctypes.c_uint16),
        ("szPathName", ctypes.c_uint8 * 128),
    )


LPOFSTRUCT = Annotated["OFSTRUCT | None", pointer_to(OFSTRUCT)]


def _open(t: Task, path: str, mode: int, disposition: int, flags: int = 0) -> int:
    share = _SHARE.get(mode & 0x70)
    if share is None:
        raise WinError(Err.INVALID_PARAMETER)
    item, _existed = open_file(t.process, path, _ACCESS[mode & 3], share, disposition, flags)
    return t.process.handles.add(item)


@kernel32.api()
def _lopen(t: Task, lpPathName: LPCPATH, iReadWrite: INT) -> HFILE:
    """Open an existing file; OF_* access and sharing bits."""
    return _open(t, need(lpPathName), iReadWrite, OPEN_EXISTING)


@kernel32.api()
def _lcreat(t: Task, lpPathName: LPCPATH, iAttribute: INT) -> HFILE:
    """Create or truncate a file; iAttribute: 0 normal, 1 read-only, 2 hidden, 4 system."""
    return _open(t, need(lpPathName), 2, CREATE_ALWAYS, iAttribute & 7)


@kernel32.api()
async def _hread(t: Task, hFile: HFILE, lpBuffer: PTR, lBytes: LONG) -> DWORD_INVALID:
    """Read; returns the count, 0 at the end, FFFFFFFF for an error."""
    if lBytes < 0:
        raise WinError(Err.INVALID_PARAMETER)
    return await t.process.handles.get(hFile, FileObject).read_into(t, lpBuffer, lBytes)


@kernel32.api()
async def _lread(t: Task, hFile: HFILE, lpBuffer: PTR, uBytes: UINT) -> DWORD_INVALID:
    """Read; returns the count, 0 at the end, FFFFFFFF for an error."""
    return await t.process.handles.get(hFile, FileObject).read_into(t, lpBuffer, uBytes)


async def _write(t: Task, handle: int, buffer: int, size: int) -> int:
    item = t.process.handles.get(handle, FileObject)
    if size == 0:
        if item.kind == "disk":
            item.truncate()  # documented: a count of zero ends the file at the current position
        return 0
    return await item.write(t, t.mem.view(buffer, size))


@kernel32.api()
async def _hwrite(t: Task, hFile: HFILE, lpBuffer: PTR, lBytes: LONG) -> DWORD_INVALID:
    """Write; a count of zero ends the file at the current position."""
    if lBytes < 0:
        raise WinError(Err.INVALID_PARAMETER)
    return await _write(t, hFile, lpBuffer, lBytes)


@kernel32.api()
async def _lwrite(t: Task, hFile: HFILE, lpBuffer: PTR, uBytes: UINT) -> DWORD_INVALID:
    """Write; a count of zero ends the file at the current position."""
    return await _write(t, hFile, lpBuffer, uBytes)


@kernel32.api()
def _llseek(t: Task, hFile: HFILE, lOffset: LONG, iOrigin: INT) -> DWORD_INVALID:
    """Move the position; returns it."""
    item = t.process.handles.get(hFile, FileObject)
    if not 0 <= iOrigin <= 2:
        raise WinError(Err.INVALID_PARAMETER)
    return item.seek(lOffset, iOrigin)


@kernel32.api()
def _lclose(t: Task, hFile: HFILE) -> DWORD_INVALID:
    """Close; returns 0."""
    t.process.handles.get(hFile, FileObject)
    t.process.handles.close(hFile)
    return 0


def _search(t: Task, name: str) -> str:
    """OpenFile's search: the current directory, then SYSTEM, WINDOWS, the program's directory, PATH."""
    drives = t.process.drives
    if any(c in name for c in ":\\/"):
        return drives.full_path(name)
    exe = t.process.modules.exe
    program = [exe.path.rpartition("\\")[0]] if exe is not None else []
    path = [d for d in (t.process.environment.get("PATH") or "").split(";") if d]
    for directory in [*program, drives.current, SYSTEM, WINDOWS, *path]:
        try:
            return drives.resolve(directory.rstrip("\\") + "\\" + name).guest
        except WinError:
            continue
    return drives.full_path(name)


@kernel32.partial("no OF_PROMPT dialog")
def OpenFile(t: Task, lpFileName: LPCSTR, lpReOpenBuff: LPOFSTRUCT, uStyle: FLAGS) -> HFILE:
    """Open, create, delete, test or parse a file as Windows 3 did; fills in an OFSTRUCT."""
    if lpReOpenBuff is None:
        raise WinError(Err.INVALID_PARAMETER)
    buffer = lpReOpenBuff
    drives = t.process.drives
    try:
        if uStyle & OF_REOPEN:
            raw = bytes(buffer.szPathName).split(b"\0", 1)[0]
            path = raw.decode("latin-1")
        elif uStyle & (OF_PARSE | OF_CREATE):
            path = drives.full_path(need(lpFileName))
        else:
            path = _search(t, need(lpFileName))
        encoded = path.encode("latin-1", "replace")
        if len(encoded) > 127:
            raise WinError(Err.FILENAME_EXCED_RANGE)
        buffer.cBytes, buffer.fFixedDisk, buffer.nErrCode = ctypes.sizeof(OFSTRUCT), 1, 0
        buffer.szPathName[:] = encoded.ljust(128, b"\0")
        if uStyle & OF_PARSE:
            return 0
        if uStyle & OF_DELETE:
            found = drives.resolve(path)
            t.process.state(OpenFiles).check_removable(found)
            operations.delete_file(drives, found)
            return 1
        handle = _open(t, path, uStyle & 0x7F, CREATE_ALWAYS if uStyle & OF_CREATE else OPEN_EXISTING)
        if uStyle & OF_EXIST:
            t.process.handles.close(handle)
            return 1
        return handle
    except WinError as error:
        buffer.nErrCode = error.code & 0xFFFF
        raise
