"""File descriptors (io.h): _open, _read, _write, _lseek and the table behind them.

A descriptor is a handle with flags (text or binary, append, device, pipe) in the process's `Descriptors`; streams
(`stream`) sit on top. Text mode turns CR LF into LF on reading, LF into CR LF on writing, and takes Ctrl-Z for the
end of a file.

Interface for other topics: `descriptors(t)`, `read`, `read_text`, `write`, `seek`, `open_path`, `close`. They set
errno and return None or -1 where they fail. Only this module looks at the handles behind descriptors.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

from w9x_client.abi import WinError
from w9x_client.abi.types import INT, LONG, LONGLONG, PTR, UINT, VARARGS
from w9x_client.process import files

from . import state
from .dll import msvcrt
from .state import LONG64, STR, WSTR

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

O_RDONLY, O_WRONLY, O_RDWR, O_APPEND, O_RANDOM, O_SEQUENTIAL, O_TEMPORARY, O_NOINHERIT = (
    0, 1, 2, 8, 0x10, 0x20, 0x40, 0x80,
)  # fmt: skip
O_CREAT, O_TRUNC, O_EXCL, O_SHORT_LIVED, O_TEXT, O_BINARY = 0x100, 0x200, 0x400, 0x1000, 0x4000, 0x8000
"""fcntl.h of the runtime."""
SH_COMPAT, SH_DENYRW, SH_DENYWR, SH_DENYRD, SH_DENYNO = 0, 0x10, 0x20, 0x30, 0x40
S_IWRITE = 0x80
SHARE_READ, SHARE_WRITE = 1, 2
"""CreateFile's sharing modes."""

FOPEN, FEOF, FPIPE, FNOINHERIT, FAPPEND, FDEV, FTEXT = 1, 2, 8, 0x10, 0x20, 0x40, 0x80
"""Bits of a descriptor, as CreateProcess passes them on (lpReserved2) and ``__pioinfo`` shows them."""

LIMIT = 2048
"""_NHANDLE_ of the runtime."""
_INFO = struct.Struct("<IBB")
_INFO_SIZE, _INFO_GROUP = 36, 32

msvcrt.data("__pioinfo", 4 * (LIMIT // _INFO_GROUP))
msvcrt.data("__badioinfo", _INFO_SIZE, _INFO.pack(0xFFFFFFFF, 0, 10))
msvcrt.data("_fmode", 4)


class Descriptor:
    """One entry of the table."""

    __slots__ = ("flags", "handle", "pending")

    def __init__(self, handle: int, flags: int) -> None:
        self.handle, self.flags = handle, flags | FOPEN
        self.pending = b""
        """A byte read from a pipe to see what follows a CR."""


class Descriptors:
    """The table of one process (``process.state(Descriptors)``)."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.table: list[Descriptor | None] = [None, None, None]
        for index, number in enumerate((files.STD_INPUT, files.STD_OUTPUT, files.STD_ERROR)):
            handle = process.std_handles.get(number, 0)
            if handle:
                self.table[index] = Descriptor(handle, FTEXT | self._kind(handle))
        self._mirror: dict[int, int] = {}
        for index in range(3):
            self._show(index)

    def _kind(self, handle: int) -> int:
        item = self.process.handles.find(handle)
        kind = getattr(item, "kind", "disk")
        return FDEV if kind == "char" else FPIPE if kind == "pipe" else 0

    def _show(self, fd: int) -> None:
        """Keep ``__pioinfo`` true for programs that look into it."""
        group = fd // _INFO_GROUP
        base = self._mirror.get(group)
        if base is None:
            base = self._mirror[group] = self.process.heap_alloc(_INFO_SIZE * _INFO_GROUP, zero=True)
            self.process.mem.put32(self.process.variable("msvcrt", "__pioinfo") + 4 * group, base)
        item = self.table[fd]
        data = _INFO.pack(item.handle, item.flags, 10) if item else _INFO.pack(0xFFFFFFFF, 0, 10)
        self.process.mem.write(base + _INFO_SIZE * (fd % _INFO_GROUP), data)

    def get(self, fd: int) -> Descriptor | None:
        """The entry of ``fd``, None when it is not open."""
        return self.table[fd] if 0 <= fd < len(self.table) else None

    def add(self, handle: int, flags: int) -> int:
        """The lowest free number for ``handle``; -1 when the table is full."""
        fd = self.table.index(None) if None in self.table else len(self.table)
        if fd >= LIMIT:
            return -1
        self.put(fd, Descriptor(handle, flags | self._kind(handle)))
        return fd

    def put(self, fd: int, item: Descriptor | None) -> None:
        """Set an entry."""
        while len(self.table) <= fd:
            self.table.append(None)
        self.table[fd] = item
        self._show(fd)

    def changed(self, fd: int) -> None:
        """The entry's flags were assigned."""
        self._show(fd)


def descriptors(t: Task) -> Descriptors:
    """This process's table."""
    return t.process.state(Descriptors)


def find(t: Task, fd: int) -> tuple[Descriptor, files.FileObject] | None:
    """The entry and the file behind ``fd``; None with errno EBADF."""
    item = descriptors(t).get(fd)
    if item is not None:
        file = t.process.handles.find(item.handle)
        if isinstance(file, files.FileObject):
            return item, file
    state.set_errno(t, state.EBADF)
    return None


# --- reading and writing ------------------------------------------------------------
async def _read_file(t: Task, file: files.FileObject, size: int) -> bytes | None:
    try:
        return await file.read(t, size)
    except WinError as error:
        if error.code == 109:  # ERROR_BROKEN_PIPE: the writer is gone, which is the end of the file
            return b""
        state.map_os_error(t, error)
        if error.code == 5:  # not opened for reading
            state.set_errno(t, state.EBADF)
        return None


async def read_text(t: Task, fd: int, size: int) -> tuple[bytes, bytes] | None:
    """Up to ``size`` bytes in the descriptor's mode, with the raw bytes they came from; (b"", ...) at the end; None
    with errno."""
    found = find(t, fd)
    if found is None:
        return None
    item, file = found
    if size <= 0 or item.flags & FEOF:
        return b"", b""
    if item.pending:
        raw, item.pending = item.pending, b""
    else:
        got = await _read_file(t, file, size)
        if got is None:
            return None
        raw = got
    if not item.flags & FTEXT or not raw:
        return raw, raw
    if raw[-1] == 13:
        more = await _read_file(t, file, 1)
        if more == b"\n":
            raw += more
        elif more:
            if file.kind == "disk":
                file.seek(-1, os.SEEK_CUR)
            else:
                item.pending = more
    end = raw.find(b"\x1a")
    if end >= 0:
        if not item.flags & FDEV:
            item.flags |= FEOF
        return raw[:end].replace(b"\r\n", b"\n"), raw
    return raw.replace(b"\r\n", b"\n"), raw


async def write(t: Task, fd: int, data: bytes) -> int:
    """Write ``data`` in the descriptor's mode; the count of ``data``'s bytes written, or -1 with errno."""
    found = find(t, fd)
    if found is None:
        return -1
    item, file = found
    if not data:
        return 0
    out = data.replace(b"\n", b"\r\n") if item.flags & FTEXT else data
    try:
        if item.flags & FAPPEND and file.kind == "disk":
            file.seek(0, os.SEEK_END)
        await file.write(t, out)
    except WinError as error:
        state.map_os_error(t, error)
        if error.code == 5:  # not opened for writing
            state.set_errno(t, state.EBADF)
        return -1
    return len(data)


def seek(t: Task, fd: int, offset: int, whence: int) -> int:
    """Move the position; returns it, or -1 with errno (EINVAL, ESPIPE on pipes, EBADF)."""
    found = find(t, fd)
    if found is None:
        return -1
    item, file = found
    if whence not in (0, 1, 2):
        state.set_errno(t, state.EINVAL)
        return -1
    if file.kind == "pipe":
        state.set_errno(t, state.ESPIPE)
        return -1
    try:
        position = file.seek(offset, whence)
    except WinError as error:
        state.map_os_error(t, error)
        return -1
    item.flags &= ~FEOF
    item.pending = b""
    return position


# --- opening and closing --------------------------------------------------------------
def open_path(t: Task, path: str, oflag: int, shflag: int, pmode: int) -> int:
    """_sopen: a new descriptor, or -1 with errno."""
    own = state.crt(t)
    fmode = t.mem.u32(own.variable("_fmode"))
    text = bool(oflag & O_TEXT) or not (oflag & O_BINARY or fmode & O_BINARY)
    access = {0: files.GENERIC_READ, 1: files.GENERIC_WRITE, 2: files.GENERIC_READ | files.GENERIC_WRITE}.get(oflag & 3)
    share = {
        SH_COMPAT: 3, SH_DENYRW: 0, SH_DENYWR: SHARE_READ, SH_DENYRD: SHARE_WRITE, SH_DENYNO: 3,
    }.get(shflag)  # fmt: skip
    if access is None or share is None:
        state.set_errno(t, state.EINVAL)
        return -1
    if oflag & O_CREAT:
        if oflag & O_EXCL:
            disposition = files.CREATE_NEW
        else:
            disposition = files.CREATE_ALWAYS if oflag & O_TRUNC else files.OPEN_ALWAYS
    else:
        disposition = files.TRUNCATE_EXISTING if oflag & O_TRUNC else files.OPEN_EXISTING
    attributes = 0x80
    if oflag & O_CREAT and not pmode & ~own.umask & S_IWRITE:
        attributes = 1
    if oflag & O_TEMPORARY:
        attributes |= files.FILE_FLAG_DELETE_ON_CLOSE
        access |= 0x10000
    try:
        file, _ = files.open_file(t.process, path, access, share, disposition, attributes)
        handle = t.process.handles.add(file)
    except WinError as error:
        state.map_os_error(t, error)
        return -1
    flags = (FTEXT if text else 0) | (FAPPEND if oflag & O_APPEND else 0)
    flags |= FNOINHERIT if oflag & O_NOINHERIT else 0
    fd = descriptors(t).add(handle, flags)
    if fd < 0:
        t.process.handles.close(handle)
        state.set_errno(t, state.EMFILE)
        return -1
    if text and oflag & O_RDWR and file.kind == "disk":
        _cut_ctrl_z(file)
    return fd


def _cut_ctrl_z(file: files.FileObject) -> None:
    """A text file opened for update loses a final Ctrl-Z, so that appended text is not hidden behind it (documented
    in _open)."""
    try:
        size = file.size()
        if size and os.pread(file.fd, 1, size - 1) == b"\x1a":
            file.seek(size - 1, os.SEEK_SET)
            file.truncate()
            file.seek(0, os.SEEK_SET)
    except (WinError, OSError):
        return


def close(t: Task, fd: int) -> int:
    """0, or -1 with errno EBADF."""
    table = descriptors(t)
    item = table.get(fd)
    if item is None:
        state.set_errno(t, state.EBADF)
        return -1
    table.put(fd, None)
    # stdout and stderr may be one handle: the last descriptor of a handle closes it.
    if not any(other is not None and other.handle == item.handle for other in table.table):
        try:
            t.process.handles.close(item.handle)
        except WinError as error:
            state.map_os_error(t, error)
            return -1
    return 0


def _ansi(t: Task, path: bytes) -> str:
    from w9x_client.abi import codepage

    return codepage.decode(path, t.process.acp)


@msvcrt.api()
def _open(t: Task, filename: STR, oflag: INT, va: VARARGS) -> INT:
    """Open a file; the third argument counts only with _O_CREAT."""
    return open_path(t, _ansi(t, filename), oflag, SH_DENYNO, t.mem.u32(va) if oflag & O_CREAT else 0)


@msvcrt.api()
def _wopen(t: Task, filename: WSTR, oflag: INT, va: VARARGS) -> INT:
    """`_open` with a wide name."""
    return open_path(t, filename, oflag, SH_DENYNO, t.mem.u32(va) if oflag & O_CREAT else 0)


@msvcrt.api()
def _sopen(t: Task, filename: STR, oflag: INT, shflag: INT, va: VARARGS) -> INT:
    """Open a file with a sharing mode."""
    return open_path(t, _ansi(t, filename), oflag, shflag, t.mem.u32(va) if oflag & O_CREAT else 0)


@msvcrt.api()
def _wsopen(t: Task, filename: WSTR, oflag: INT, shflag: INT, va: VARARGS) -> INT:
    """`_sopen` with a wide name."""
    return open_path(t, filename, oflag, shflag, t.mem.u32(va) if oflag & O_CREAT else 0)


@msvcrt.api()
def _creat(t: Task, filename: STR, pmode: INT) -> INT:
    """Create or empty a file for reading and writing."""
    return open_path(t, _ansi(t, filename), O_CREAT | O_TRUNC | O_RDWR, SH_DENYNO, pmode)


@msvcrt.api()
def _wcreat(t: Task, filename: WSTR, pmode: INT) -> INT:
    """`_creat` with a wide name."""
    return open_path(t, filename, O_CREAT | O_TRUNC | O_RDWR, SH_DENYNO, pmode)


@msvcrt.api()
def _close(t: Task, fd: INT) -> INT:
    """Close a descriptor."""
    return close(t, fd)


@msvcrt.api()
async def _read(t: Task, fd: INT, buffer: PTR, count: UINT) -> INT:
    """Read at most ``count`` bytes; 0 at the end."""
    found = await read_text(t, fd, min(count, 0x7FFFFFFF))
    if found is None:
        return -1
    t.mem.write(buffer, found[0])
    return len(found[0])


@msvcrt.api()
async def _write(t: Task, fd: INT, buffer: PTR, count: UINT) -> INT:
    """Write ``count`` bytes."""
    return await write(t, fd, t.mem.read(buffer, count))


@msvcrt.api()
def _lseek(t: Task, fd: INT, offset: LONG, origin: INT) -> LONG:
    """Move the position."""
    return seek(t, fd, offset, origin)


@msvcrt.api()
def _lseeki64(t: Task, fd: INT, offset: LONG64, origin: INT) -> LONGLONG:
    """Move the position, 64 bits."""
    return seek(t, fd, offset, origin)


@msvcrt.api()
def _tell(t: Task, fd: INT) -> LONG:
    """The position."""
    return seek(t, fd, 0, 1)


@msvcrt.api()
def _telli64(t: Task, fd: INT) -> LONGLONG:
    """The position, 64 bits."""
    return seek(t, fd, 0, 1)


def length(t: Task, fd: int) -> int:
    """Bytes in the file, or -1 with errno."""
    found = find(t, fd)
    if found is None:
        return -1
    try:
        return found[1].size()
    except WinError as error:
        state.map_os_error(t, error)
        return -1


@msvcrt.api()
def _filelength(t: Task, fd: INT) -> LONG:
    """Bytes in the file."""
    return length(t, fd)


@msvcrt.api()
def _filelengthi64(t: Task, fd: INT) -> LONGLONG:
    """Bytes in the file, 64 bits."""
    return length(t, fd)


@msvcrt.api()
def _eof(t: Task, fd: INT) -> INT:
    """1 at the end of the file, 0 before it, -1 with errno."""
    size = length(t, fd)
    return -1 if size < 0 else int(seek(t, fd, 0, 1) >= size)


@msvcrt.api()
def _chsize(t: Task, fd: INT, size: LONG) -> INT:
    """Change the file's length; new bytes are zeros; the position stays."""
    found = find(t, fd)
    if found is None:
        return -1
    file = found[1]
    try:
        position = file.tell()
        file.seek(size, os.SEEK_SET)
        file.truncate()
        file.seek(position, os.SEEK_SET)
    except WinError as error:
        state.map_os_error(t, error)
        return -1
    return 0


@msvcrt.api()
def _commit(t: Task, fd: INT) -> INT:
    """Flush to disk."""
    found = find(t, fd)
    if found is None:
        return -1
    try:
        found[1].flush()
    except WinError as error:
        state.map_os_error(t, error)
        state.set_errno(t, state.EBADF)
        return -1
    return 0
