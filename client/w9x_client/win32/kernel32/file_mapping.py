"""File mappings and their views (SDK winbase.h).

Windows 9x places every view at 80000000 and above; the address space does. A mapping keeps its own descriptor, so
the file's handle may be closed first. The pagefile is anonymous memory here. Win9x: UnmapViewOfFile wants the exact
base, and protection 0 means PAGE_READONLY.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from w9x_arena import layout
from w9x_arena.layout import PROT_READ, PROT_WRITE
from w9x_client.abi import Err, WinError
from w9x_client.abi.flags import PAGE_PROTECTION
from w9x_client.abi.types import BOOL, DWORD, FLAGS, HANDLE, LPCTSTR, PTR, SIZE_T
from w9x_client.drives import win_error
from w9x_client.process.files import DiskFile
from w9x_client.process.objects import KernelObject
from w9x_client.process.sharing import OpenFiles

from .dll import kernel32
from .sync import create, open_named

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

PAGE_READONLY, PAGE_READWRITE, PAGE_WRITECOPY = 2, 4, 8
_SECTION_FLAGS = 0xFF00_0000 | 0x1F00
"""SEC_COMMIT and the other SEC_*, PAGE_GUARD..: accepted, without effect here."""
FILE_MAP_COPY, FILE_MAP_WRITE, FILE_MAP_READ = 1, 2, 4
FILE_MAP_ALL_ACCESS = 0xF001F
INVALID_HANDLE_VALUE = 0xFFFFFFFF
_NOTE = "names are known in this process only; a host program that shortens a mapped file kills this one"


class FileMapping(KernelObject):
    """A mapping: a descriptor of its own, a size, a protection."""

    def __init__(self, fd: int, size: int, protect: int, files: OpenFiles | None = None) -> None:
        super().__init__()
        self.fd, self.size, self.protect = fd, size, protect
        st = os.fstat(fd)
        self._key, self._files = (st.st_dev, st.st_ino), files
        if files is not None:
            files.mapped[self._key] += 1
        self.views = 0
        self._closed = False

    def signaled(self, task: Task) -> bool:
        """Always."""
        return True

    def close(self) -> None:
        self._closed = True
        self.release()

    def release(self) -> None:
        """Close the descriptor when neither a handle nor a view needs it."""
        if self._closed and not self.views and self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
            if self._files is not None:
                self._files.mapped[self._key] -= 1


class Views:
    """The process's views by base address; kept in ``process.state(Views)``."""

    def __init__(self, process: Process) -> None:
        self.mappings: dict[int, tuple[FileMapping, int]] = {}
        """base -> (mapping, size of the view)"""


def _anonymous(size: int) -> int:
    try:
        fd = os.memfd_create("w9x mapping", os.MFD_CLOEXEC)
        os.ftruncate(fd, layout.page_up(size))
    except OSError as error:
        raise win_error(error) from None
    return fd


def _of_file(item: DiskFile, size: int, protect: int) -> tuple[int, int]:
    """(descriptor, size) for a mapping of a file, which grows where the mapping is larger."""
    if not item.readable or (protect == PAGE_READWRITE and not item.writable):
        raise WinError(Err.ACCESS_DENIED)
    now = item.size()
    if size == 0:
        if now == 0:
            raise WinError(Err.FILE_INVALID)
        size = now
    try:
        if size > now:
            if protect != PAGE_READWRITE:
                raise WinError(Err.NOT_ENOUGH_MEMORY)
            # blocks at once: a full disk must fail here, and not at some later touch of a page
            os.posix_fallocate(item.fd, 0, size)
        return os.dup(item.fd), size
    except OSError as error:
        raise win_error(error) from None


@kernel32.partial(_NOTE, aw=True)
def CreateFileMapping(
    t: Task,
    hFile: HANDLE,
    lpFileMappingAttributes: PTR,
    flProtect: PAGE_PROTECTION,
    dwMaximumSizeHigh: DWORD,
    dwMaximumSizeLow: DWORD,
    lpName: LPCTSTR,
) -> HANDLE:
    """Create or open a mapping of a file, or (FFFFFFFF) of the pagefile.

    Last error on success: ALREADY_EXISTS where the name was known, else 0.
    """
    protect = flProtect & 0xFF or PAGE_READONLY
    if protect not in (PAGE_READONLY, PAGE_READWRITE, PAGE_WRITECOPY) or flProtect & ~0xFF & ~_SECTION_FLAGS:
        raise WinError(Err.INVALID_PARAMETER)
    size = dwMaximumSizeHigh << 32 | dwMaximumSizeLow
    anonymous = hFile == INVALID_HANDLE_VALUE
    item = None if anonymous else t.process.handles.get(hFile, DiskFile)
    if anonymous and (size == 0 or size > layout.DLL_END - layout.DLL_START):
        raise WinError(Err.INVALID_PARAMETER if size == 0 else Err.NOT_ENOUGH_MEMORY)

    def make() -> FileMapping:
        if item is None:
            return FileMapping(_anonymous(size), size, protect)
        fd, length = _of_file(item, size, protect)
        return FileMapping(fd, length, protect, t.process.state(OpenFiles))

    handle, _new = create(t, FileMapping, lpName, lpFileMappingAttributes, make)
    return handle


@kernel32.partial(_NOTE, aw=True)
def OpenFileMapping(t: Task, dwDesiredAccess: FLAGS, bInheritHandle: BOOL, lpName: LPCTSTR) -> HANDLE:
    """Open a named mapping."""
    return open_named(t, FileMapping, lpName, bInheritHandle)


def _map(t: Task, handle: int, access: int, offset: int, size: int, address: int) -> int:
    mapping = t.process.handles.get(handle, FileMapping)
    copy = access & 0x1F == FILE_MAP_COPY
    write = bool(access & FILE_MAP_WRITE)
    if not copy and not access & (FILE_MAP_READ | FILE_MAP_WRITE):
        raise WinError(Err.INVALID_PARAMETER)
    if write and not copy and mapping.protect != PAGE_READWRITE:
        raise WinError(Err.ACCESS_DENIED)
    if offset & (layout.GRANULARITY - 1) or offset >= mapping.size:
        raise WinError(Err.INVALID_PARAMETER)
    length = size or mapping.size - offset
    if offset + length > layout.page_up(mapping.size):
        raise WinError(Err.ACCESS_DENIED)
    if address and (address & (layout.GRANULARITY - 1) or not layout.DLL_START <= address < layout.DLL_END):
        raise WinError(Err.INVALID_ADDRESS)
    prot = PROT_READ | PROT_WRITE if copy or write else PROT_READ
    label = f"view {mapping.name}" if mapping.name else "view"
    base = t.process.space.map_file(mapping.fd, offset, length, prot, shared=not copy, label=label, address=address)
    mapping.views += 1
    t.process.state(Views).mappings[base] = (mapping, length)
    return base


@kernel32.api()
def MapViewOfFile(
    t: Task,
    hFileMappingObject: HANDLE,
    dwDesiredAccess: FLAGS,
    dwFileOffsetHigh: DWORD,
    dwFileOffsetLow: DWORD,
    dwNumberOfBytesToMap: SIZE_T,
) -> PTR:
    """Map part of a mapping; 0 bytes: to its end. The offset is a multiple of 64 KB."""
    offset = dwFileOffsetHigh << 32 | dwFileOffsetLow
    return _map(t, hFileMappingObject, dwDesiredAccess, offset, dwNumberOfBytesToMap, 0)


@kernel32.api()
def MapViewOfFileEx(
    t: Task,
    hFileMappingObject: HANDLE,
    dwDesiredAccess: FLAGS,
    dwFileOffsetHigh: DWORD,
    dwFileOffsetLow: DWORD,
    dwNumberOfBytesToMap: SIZE_T,
    lpBaseAddress: PTR,
) -> PTR:
    """Map at a given address, which on Windows 9x lies in the shared arena."""
    offset = dwFileOffsetHigh << 32 | dwFileOffsetLow
    return _map(t, hFileMappingObject, dwDesiredAccess, offset, dwNumberOfBytesToMap, lpBaseAddress)


@kernel32.api()
def UnmapViewOfFile(t: Task, lpBaseAddress: PTR) -> BOOL:
    """Unmap a view by its exact base."""
    found = t.process.state(Views).mappings.pop(lpBaseAddress, None)
    if found is None:
        raise WinError(Err.INVALID_PARAMETER)
    t.process.space.release(lpBaseAddress)
    mapping, _size = found
    mapping.views -= 1
    mapping.release()
    return True


@kernel32.api()
def FlushViewOfFile(t: Task, lpBaseAddress: PTR, dwNumberOfBytesToFlush: SIZE_T) -> BOOL:
    """Have the host write the mapped file to its storage; other readers see a view's writes at once anyway."""
    for base, (mapping, size) in t.process.state(Views).mappings.items():
        if base <= lpBaseAddress < base + size:
            try:
                os.fdatasync(mapping.fd)
            except OSError as error:
                raise win_error(error) from None
            return True
    raise WinError(Err.INVALID_PARAMETER)
