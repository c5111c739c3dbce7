"""Open files, pipes and devices, as handles refer to them, and the rules of opening.

`open_file` is CreateFile's rule book (dispositions, sharing, attributes) for every caller: KERNEL32, the C runtime,
the loader of a program's own files. `standard_handles` makes handles of the host's descriptors 0, 1, 2.

Every object works on a bare descriptor with the kernel's file offset: nothing is buffered here, so a killed program
loses nothing it has written, and an inherited descriptor shares its position as Windows files do. Reads and writes
of pipes and terminals park the guest thread, never the process.

Sharing modes and byte-range locks are in `sharing`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import stat
from typing import TYPE_CHECKING

from w9x_arena.layout import PROT_EXEC
from w9x_client.abi import Err, WinError
from w9x_client.drives import HostPath, operations, win_error
from w9x_client.drives import attributes as dos

from .objects import KernelObject
from .sharing import ByteLock, OpenFiles

if TYPE_CHECKING:
    from .process import Process
    from .task import Task

GENERIC_READ, GENERIC_WRITE, GENERIC_EXECUTE, GENERIC_ALL = 0x80000000, 0x40000000, 0x20000000, 0x10000000
FILE_READ_DATA, FILE_WRITE_DATA, FILE_APPEND_DATA = 1, 2, 4
CREATE_NEW, CREATE_ALWAYS, OPEN_EXISTING, OPEN_ALWAYS, TRUNCATE_EXISTING = 1, 2, 3, 4, 5
FILE_FLAG_WRITE_THROUGH, FILE_FLAG_OVERLAPPED = 0x80000000, 0x40000000
FILE_FLAG_DELETE_ON_CLOSE, FILE_FLAG_BACKUP_SEMANTICS = 0x04000000, 0x02000000

_READ_BITS = GENERIC_READ | GENERIC_ALL | GENERIC_EXECUTE | FILE_READ_DATA
_WRITE_BITS = GENERIC_WRITE | GENERIC_ALL | FILE_WRITE_DATA | FILE_APPEND_DATA

PIPE_CHUNK = select.PIPE_BUF
"""A pipe that polls writable takes this many bytes without blocking (POSIX pipe(7))."""


class FileObject(KernelObject):
    """Something that is read and written through a handle.

    Attributes:
        kind: what GetFileType says: 'disk', 'char' or 'pipe'.
        fd: the host's descriptor, owned by this object unless ``borrowed``; -1 for a device without one.
        name: guest path, or '' for a pipe.
    """

    kind = "disk"
    borrowed = False
    wait_fd = -1
    """Descriptor whose readiness makes `signaled` true; -1 where that never depends on the host."""
    is_console = False
    is_directory = False

    def __init__(self, fd: int, *, readable: bool, writable: bool, name: str = "", append: bool = False) -> None:
        super().__init__()
        self.fd, self.readable, self.writable, self.name, self.append = fd, readable, writable, name, append
        self.access = (GENERIC_READ if readable else 0) | (GENERIC_WRITE if writable else 0)

    def signaled(self, task: Task) -> bool:
        """A file without overlapped operations is always signaled."""
        return True

    async def read(self, t: Task, size: int) -> bytes:
        """At most ``size`` bytes from the current position; b'' at the end. Raises WinError."""
        raise NotImplementedError

    async def write(self, t: Task, data: bytes | memoryview) -> int:
        """Write all of ``data`` at the current position; returns the count written. Raises WinError."""
        raise NotImplementedError

    async def read_into(self, t: Task, address: int, size: int) -> int:
        """`read` into guest memory; returns the count."""
        t.mem.check(address, min(size, 1), True)
        data = await self.read(t, size)
        t.mem.write(address, data)
        return len(data)

    def available(self) -> int:
        """Bytes that can be read without waiting, for PeekNamedPipe."""
        raise WinError(Err.INVALID_FUNCTION)

    def seek(self, offset: int, whence: int) -> int:
        """Move the position; returns it. WinError NEGATIVE_SEEK before the start."""
        raise WinError(Err.INVALID_FUNCTION)

    def tell(self) -> int:
        """The position."""
        return self.seek(0, os.SEEK_CUR)

    def size(self) -> int:
        """Bytes in the file."""
        raise WinError(Err.INVALID_FUNCTION)

    def truncate(self) -> None:
        """SetEndOfFile: the file ends at the current position."""
        raise WinError(Err.INVALID_FUNCTION)

    def flush(self) -> None:
        """FlushFileBuffers."""

    def close(self) -> None:
        if self.fd >= 0 and not self.borrowed:
            os.close(self.fd)
        self.fd = -1


class DiskFile(FileObject):
    """A regular file of the host."""

    def __init__(
        self,
        fd: int,
        *,
        readable: bool,
        writable: bool,
        name: str = "",
        append: bool = False,
        path: HostPath | None = None,
        share: int = 7,
        flags: int = 0,
        owner: OpenFiles | None = None,
    ) -> None:
        super().__init__(fd, readable=readable, writable=writable, name=name, append=append)
        self.path, self.share, self.flags, self.owner = path, share, flags, owner
        st = os.fstat(fd)
        self.key = (st.st_dev, st.st_ino)
        self.locks: list[ByteLock] | None = None
        """All byte-range locks of this file in this process; None while there are none."""

    async def read(self, t: Task, size: int) -> bytes:
        if not self.readable:
            raise WinError(Err.ACCESS_DENIED)
        if self.locks:
            self.check_locks(self.tell(), size)
        try:
            return os.read(self.fd, min(size, 0x7FFF_F000))
        except OSError as error:
            raise win_error(error) from None

    async def read_into(self, t: Task, address: int, size: int) -> int:
        if not self.readable:
            raise WinError(Err.ACCESS_DENIED)
        if size <= 0:
            return 0
        if self.locks:
            self.check_locks(self.tell(), size)
        mem = t.mem
        try:
            if not mem.writable(address, size):
                # Windows touches only what it fills: a program may state more than its buffer holds.
                left = max(0, self.size() - self.tell())
                if left >= size:
                    mem.check(address, size, True)
                size = left
                if size == 0:
                    return 0
            view = mem.view(address, size, True)
            if (mem.prot[address >> 12] | mem.prot[(address + size - 1) >> 12]) & PROT_EXEC:
                data = os.read(self.fd, size)
                mem.write(address, data)  # tells the engine that code has changed
                return len(data)
            return os.readv(self.fd, [view])
        except OSError as error:
            raise win_error(error) from None

    async def write(self, t: Task, data: bytes | memoryview) -> int:
        if not self.writable:
            raise WinError(Err.ACCESS_DENIED)
        size = len(data)
        if self.locks:
            self.check_locks(self.tell(), size)
        try:
            done = os.write(self.fd, data)
            while done < size:
                done += os.write(self.fd, memoryview(data)[done:])
            if self.flags & FILE_FLAG_WRITE_THROUGH:
                os.fdatasync(self.fd)
        except OSError as error:
            raise win_error(error) from None
        return size

    def seek(self, offset: int, whence: int) -> int:
        if whence == os.SEEK_CUR and offset:
            offset += os.lseek(self.fd, 0, os.SEEK_CUR)
            whence = os.SEEK_SET
        elif whence == os.SEEK_END:
            offset += os.fstat(self.fd).st_size
            whence = os.SEEK_SET
        if offset < 0:
            raise WinError(Err.NEGATIVE_SEEK)
        try:
            return os.lseek(self.fd, offset, whence)
        except (OSError, OverflowError):
            raise WinError(Err.INVALID_PARAMETER) from None

    def size(self) -> int:
        return os.fstat(self.fd).st_size

    def truncate(self) -> None:
        if not self.writable:
            raise WinError(Err.ACCESS_DENIED)
        position = self.tell()
        if self.owner is not None:
            self.owner.check_shrinkable(self.key, self.size(), position)
        try:
            os.ftruncate(self.fd, position)
        except OSError as error:
            raise win_error(error) from None

    def flush(self) -> None:
        if not self.writable:
            raise WinError(Err.ACCESS_DENIED)
        try:
            os.fsync(self.fd)
        except OSError as error:
            if error.errno != errno.EINVAL:  # a special file without storage
                raise win_error(error) from None

    def check_locks(self, start: int, size: int) -> None:
        """WinError LOCK_VIOLATION where another handle of this process has locked the range."""
        for lock in self.locks or ():
            if lock.owner is not self and start < lock.end and lock.start < start + size:
                raise WinError(Err.LOCK_VIOLATION)

    def close(self) -> None:
        if self.owner is not None:
            self.owner.closed(self)
        delete = self.flags & FILE_FLAG_DELETE_ON_CLOSE and self.path is not None
        super().close()
        if delete and self.owner is not None and self.path is not None and not self.owner.users(self.key):
            try:
                found = self.owner.process.drives.resolve(self.path.guest)
                if found.st is not None and (found.st.st_dev, found.st.st_ino) == self.key:
                    operations.delete_file(self.owner.process.drives, found)
            except WinError:
                pass  # renamed or removed by another program meanwhile: CloseHandle does not fail for it


class DirectoryFile(FileObject):
    """A directory opened with FILE_FLAG_BACKUP_SEMANTICS: a handle for times and attributes only."""

    is_directory = True

    def __init__(self, fd: int, path: HostPath, writable: bool) -> None:
        super().__init__(fd, readable=True, writable=writable, name=path.guest)
        self.path = path

    async def read(self, t: Task, size: int) -> bytes:
        raise WinError(Err.ACCESS_DENIED)

    async def write(self, t: Task, data: bytes | memoryview) -> int:
        raise WinError(Err.ACCESS_DENIED)


class NullFile(FileObject):
    """The NUL device."""

    kind = "char"

    def __init__(self, name: str = "NUL") -> None:
        super().__init__(-1, readable=True, writable=True, name=name)

    async def read(self, t: Task, size: int) -> bytes:
        return b""

    async def write(self, t: Task, data: bytes | memoryview) -> int:
        return len(data)

    def seek(self, offset: int, whence: int) -> int:
        return 0

    def size(self) -> int:
        return 0


class PipeFile(FileObject):
    """One end of a pipe, or another descriptor that can block (a socket, a character device)."""

    def __init__(self, fd: int, *, readable: bool, writable: bool, name: str = "", kind: str = "pipe") -> None:
        super().__init__(fd, readable=readable, writable=writable, name=name)
        self.kind = kind
        self._poll = select.poll()
        self._poll.register(fd, (select.POLLIN if readable else 0) | (select.POLLOUT if writable else 0))

    def _ready(self, events: int) -> bool:
        found = self._poll.poll(0)
        return bool(found) and bool(found[0][1] & (events | select.POLLHUP | select.POLLERR | select.POLLNVAL))

    async def read(self, t: Task, size: int) -> bytes:
        if not self.readable:
            raise WinError(Err.ACCESS_DENIED)
        if size <= 0:
            return b""
        if not self._ready(select.POLLIN):
            await t.readable(self.fd)
        try:
            data = os.read(self.fd, min(size, 0x100000))
        except OSError as error:
            raise win_error(error) from None
        if not data and self.kind == "pipe":
            raise WinError(Err.BROKEN_PIPE)
        return data

    async def write(self, t: Task, data: bytes | memoryview) -> int:
        if not self.writable:
            raise WinError(Err.ACCESS_DENIED)
        pending = bytes(data)  # guest memory may change, and its view may move, while the thread is parked
        done = 0
        while done < len(pending):
            if not self._ready(select.POLLOUT):
                await t.writable(self.fd)
            try:
                done += os.write(self.fd, pending[done : done + PIPE_CHUNK])
            except OSError as error:
                raise win_error(error) from None
        return done

    def available(self) -> int:
        import array
        import termios

        if not self.readable:
            raise WinError(Err.ACCESS_DENIED)
        count = array.array("i", [0])
        try:
            fcntl.ioctl(self.fd, termios.FIONREAD, count)
        except OSError as error:
            raise win_error(error) from None
        if count[0] == 0:
            found = self._poll.poll(0)
            if found and found[0][1] & (select.POLLHUP | select.POLLERR):
                raise WinError(Err.BROKEN_PIPE)
        return count[0]


def open_file(
    process: Process, path: str, access: int, share: int, disposition: int, flags: int
) -> tuple[FileObject, bool]:
    """Open or create a file, directory handle, or DOS device by its guest path, by CreateFile's rules.

    Args:
        access, share, disposition, flags: CreateFile's dwDesiredAccess, dwShareMode, dwCreationDisposition,
            dwFlagsAndAttributes.

    Returns the object (not yet in the handle table) and whether the file existed. Raises WinError.
    """
    readable, writable = bool(access & _READ_BITS), bool(access & _WRITE_BITS)
    if not CREATE_NEW <= disposition <= TRUNCATE_EXISTING or share & ~7:
        raise WinError(Err.INVALID_PARAMETER)
    if disposition == TRUNCATE_EXISTING and not writable:
        raise WinError(Err.INVALID_PARAMETER)
    found = process.drives.resolve(path, parent=disposition in (CREATE_NEW, CREATE_ALWAYS, OPEN_ALWAYS))
    if found.device:
        return open_device(process, found.device, readable, writable), True
    existed = found.exists
    if found.is_directory:
        return _open_directory(found, disposition, flags, writable), True
    if writable or not existed or disposition in (CREATE_ALWAYS, TRUNCATE_EXISTING):
        found.writable()
    if existed and disposition == CREATE_NEW:
        raise WinError(Err.FILE_EXISTS)
    files = process.state(OpenFiles)
    if found.st is not None:
        now = dos.attributes(found.path, found.st)
        replaces = disposition in (CREATE_ALWAYS, TRUNCATE_EXISTING)
        if (writable or replaces) and now & dos.READONLY:
            raise WinError(Err.ACCESS_DENIED)
        if disposition == CREATE_ALWAYS and now & (dos.HIDDEN | dos.SYSTEM) & ~flags:
            raise WinError(Err.ACCESS_DENIED)
        if replaces:
            files.check_shrinkable((found.st.st_dev, found.st.st_ino), found.st.st_size, 0)
        files.check_sharing((found.st.st_dev, found.st.st_ino), readable, writable or replaces, share)
    fd, created = _open_host(found, writable or disposition == CREATE_ALWAYS, disposition)
    existed = existed and not created
    if created:
        operations.created(process.drives, found)
    append = bool(access & FILE_APPEND_DATA) and not access & (GENERIC_WRITE | GENERIC_ALL | FILE_WRITE_DATA)
    item = DiskFile(
        fd, readable=readable, writable=writable, name=found.guest, append=append, path=found, share=share,
        flags=flags, owner=files,
    )  # fmt: skip
    try:
        files.announce(item)
        if existed and disposition in (CREATE_ALWAYS, TRUNCATE_EXISTING):
            os.ftruncate(fd, 0)
        settable = flags & (dos.READONLY | dos.HIDDEN | dos.SYSTEM)
        if settable and (created or disposition == CREATE_ALWAYS):
            dos.set_attributes(fd, settable | dos.ARCHIVE)
        if append:
            fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_APPEND)
    except WinError:
        os.close(fd)
        raise
    except OSError as error:
        os.close(fd)
        raise win_error(error) from None
    files.opened(item)
    return item, existed


def _open_host(found: HostPath, writable: bool, disposition: int) -> tuple[int, bool]:
    """(descriptor, whether this call created the file)."""
    flags = os.O_RDWR if writable else os.O_RDONLY
    if not found.exists:
        try:
            return found.open(flags | os.O_CREAT | os.O_EXCL), True
        except WinError as error:
            if error.code != Err.FILE_EXISTS or disposition == CREATE_NEW:
                raise
            # Another process was faster: open what it made.
    try:
        return found.open(flags), False
    except WinError as error:
        if not writable or error.code != Err.ACCESS_DENIED:
            raise
        return found.open(os.O_WRONLY), False


def _open_directory(found: HostPath, disposition: int, flags: int, writable: bool) -> FileObject:
    if disposition == CREATE_NEW:
        raise WinError(Err.FILE_EXISTS)
    if disposition not in (OPEN_EXISTING, OPEN_ALWAYS) or not flags & FILE_FLAG_BACKUP_SEMANTICS:
        raise WinError(Err.ACCESS_DENIED)
    return DirectoryFile(found.reopen_directory(), found, writable)


def open_device(process: Process, device: str, readable: bool, writable: bool) -> FileObject:
    """A DOS device by name. WinError FILE_NOT_FOUND for those this machine does not have (ports, printers)."""
    if device == "NUL":
        return NullFile()
    if device in ("CON", "CONIN$", "CONOUT$"):
        from .terminal import Console

        if device == "CON":
            if readable and writable:
                raise WinError(Err.FILE_NOT_FOUND)  # documented: CON opens for reading or for writing
            device = "CONOUT$" if writable else "CONIN$"
        return process.state(Console).open(device == "CONIN$", readable, writable)
    raise WinError(Err.FILE_NOT_FOUND)


def from_descriptor(process: Process, fd: int, *, readable: bool, writable: bool, name: str = "") -> FileObject:
    """The object for a descriptor that the host gave us (standard input...). Raises OSError for a closed one."""
    st = os.fstat(fd)
    if stat.S_ISREG(st.st_mode):
        append = bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_APPEND)
        item: FileObject = DiskFile(fd, readable=readable, writable=writable, name=name, append=append)
    elif stat.S_ISCHR(st.st_mode) and os.isatty(fd):
        from .terminal import Console

        item = process.state(Console).attach(fd, readable)
    elif stat.S_ISFIFO(st.st_mode) or stat.S_ISSOCK(st.st_mode):
        item = PipeFile(fd, readable=readable, writable=writable, name=name)
    else:
        item = PipeFile(fd, readable=readable, writable=writable, name=name, kind="char")
    item.borrowed = True
    return item


STD_INPUT, STD_OUTPUT, STD_ERROR = -10, -11, -12


def standard_handles(process: Process, closed: frozenset[int] = frozenset()) -> dict[int, int]:
    """Handles of the host's descriptors 0, 1 and 2, keyed -10, -11, -12; 0 for one that is (or was) closed."""
    handles = {}
    for number, fd in ((STD_INPUT, 0), (STD_OUTPUT, 1), (STD_ERROR, 2)):
        if fd in closed:
            handles[number] = 0
            continue
        try:
            item = from_descriptor(process, fd, readable=fd == 0, writable=fd != 0)
        except OSError:
            handles[number] = 0
            continue
        handles[number] = process.handles.add(item)
    return handles
