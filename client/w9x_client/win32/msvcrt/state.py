"""What the C runtime remembers: per process (`Crt`) and per guest thread (`ThreadData`), and its error numbers.

Owns the values of the exported variables, errno and the static result buffers, the exit tables and signal handlers.
The tables of descriptors and streams belong to `lowio` and `stream`.

Interface: `crt(t)`, `thread(t)`, `set_errno`, `map_os_error`, the E* numbers and the argument aliases of the runtime
(`STR`, `WSTR`: a string that must not be NULL, since the runtime faults on NULL where Win32 would answer with an
error). Other DLLs must not touch this module; they call the exports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from w9x_client.abi.types import Arg

from .stdio_format import units

if TYPE_CHECKING:
    from w9x_client.abi import WinError
    from w9x_client.process import Process, Task

STR = Annotated[bytes, Arg("I", "t.mem.cstr({0}, 0x40000000)", "str")]
"""`const char *`, undecoded; NULL faults as it does in the guest."""
WSTR = Annotated[str, Arg("I", "units(t.mem.wcstr({0}, 0x20000000))", "str", {"units": units})]
"""`const wchar_t *` as one character per 16-bit unit; NULL faults."""
LONG64 = Annotated[int, Arg("q", show="dec")]

EPERM, ENOENT, ESRCH, EINTR, EIO, ENXIO, E2BIG, ENOEXEC, EBADF, ECHILD = range(1, 11)
EAGAIN, ENOMEM, EACCES, EFAULT, EBUSY, EEXIST, EXDEV, ENODEV, ENOTDIR, EISDIR = 11, 12, 13, 14, 16, 17, 18, 19, 20, 21
EINVAL, ENFILE, EMFILE, ENOTTY, EFBIG, ENOSPC, ESPIPE, EROFS, EMLINK, EPIPE = 22, 23, 24, 25, 27, 28, 29, 30, 31, 32
EDOM, ERANGE, EDEADLOCK, ENAMETOOLONG, ENOLCK, ENOSYS, ENOTEMPTY, EILSEQ = 33, 34, 36, 38, 39, 40, 41, 42

ERRNO_TEXT = (
    "No error", "Operation not permitted", "No such file or directory", "No such process", "Interrupted function call",
    "Input/output error", "No such device or address", "Arg list too long", "Exec format error",
    "Bad file descriptor", "No child processes", "Resource temporarily unavailable", "Not enough space",
    "Permission denied", "Bad address", "Unknown error", "Resource device", "File exists", "Improper link",
    "No such device", "Not a directory", "Is a directory", "Invalid argument", "Too many open files in system",
    "Too many open files", "Inappropriate I/O control operation", "Unknown error", "File too large",
    "No space left on device", "Invalid seek", "Read-only file system", "Too many links", "Broken pipe",
    "Domain error", "Result too large", "Unknown error", "Resource deadlock avoided", "Unknown error",
    "Filename too long", "No locks available", "Function not implemented", "Directory not empty",
    "Illegal byte sequence", "Unknown error",
)  # fmt: skip
"""Texts of strerror, by errno 0..42; the last is for every other number (observable with any VC6 program)."""

_BY_OS_ERROR = {
    1: EINVAL, 2: ENOENT, 3: ENOENT, 4: EMFILE, 5: EACCES, 6: EBADF, 7: ENOMEM, 8: ENOMEM, 9: ENOMEM, 10: E2BIG,
    11: ENOEXEC, 12: EINVAL, 13: EINVAL, 14: ENOMEM, 15: ENOENT, 16: EACCES, 17: EXDEV, 18: ENOENT, 33: EACCES,
    53: ENOENT, 65: EACCES, 67: ENOENT, 80: EEXIST, 82: EACCES, 83: EACCES, 87: EINVAL, 89: EAGAIN, 108: EACCES,
    109: EPIPE, 112: ENOSPC, 114: EBADF, 130: EINVAL, 128: ECHILD, 129: ECHILD, 131: EINVAL, 132: EACCES,
    145: ENOTEMPTY, 158: EACCES, 161: ENOENT, 164: EAGAIN, 167: EACCES, 183: EEXIST, 206: ENOENT, 215: EAGAIN,
    1816: ENOMEM,
}  # fmt: skip
"""Win32 error -> errno, after MSDN "_doserrno" and the constants' descriptions; what is not listed is EINVAL."""

# Layout of the guest block of one thread: errno, _doserrno, then the static results of the functions named.
ERRNO, DOSERRNO = 0, 4
TM, ASCTIME, STRERROR, TMPNAM, CVT = 0x10, 0x40, 0x60, 0x100, 0x180
WASCTIME, WSTRERROR, WTMPNAM, MISC = 0x300, 0x340, 0x460, 0x500
BLOCK_SIZE = 0x600


class ThreadData:
    """The runtime's record of one guest thread."""

    __slots__ = (
        "address", "caught", "mbs_token", "rand_seed", "se_translator", "str_token", "terminate",
        "unexpected", "unwinding", "wcs_token",
    )  # fmt: skip

    def __init__(self, address: int) -> None:
        self.address = address
        self.rand_seed = 1
        self.str_token = self.wcs_token = self.mbs_token = 0
        self.se_translator = self.terminate = self.unexpected = 0
        self.caught: list[object] = []
        """C++ exceptions being handled, innermost last (see `cxx_exception`)."""
        self.unwinding = 0
        """How many __finally blocks an unwind is running."""


class Crt:
    """The runtime's state in one process; made by ``process.state(Crt)``."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.threads: dict[int, ThreadData] = {}
        self.thread_handles: dict[int, int] = {}
        """Handles of running threads that _beginthread will close, by thread id."""
        self.exit_functions: list[int] = []
        self.signals: dict[int, int] = {}
        self.exiting = False
        self.has_temporary_files = False
        self.terminate_printed = False
        self.new_handler = 0
        self.new_mode = 0
        self.purecall_handler = 0
        self.user_matherr = 0
        self.app_type = 0
        self.error_mode = 0
        self.umask = 0
        self.cached: dict[str, int] = {}
        """Guest blocks made once and kept, by name."""

    def thread(self, thread_id: int) -> ThreadData:
        """The record of guest thread ``thread_id``, made on first use."""
        data = self.threads.get(thread_id)
        if data is None:
            data = ThreadData(self.process.heap_alloc(BLOCK_SIZE, zero=True))
            self.threads[thread_id] = data
        return data

    def drop_thread(self, thread_id: int) -> None:
        """The thread ends: give its block back."""
        data = self.threads.pop(thread_id, None)
        if data is not None:
            self.process.heap_free(data.address)

    def variable(self, name: str) -> int:
        """Guest address of the exported variable ``name``."""
        address = self.cached.get(name)
        if address is None:
            address = self.cached[name] = self.process.variable("msvcrt", name)
        return address

    def keep(self, name: str, data: bytes) -> int:
        """Guest address of a block holding ``data``, made once per ``name``."""
        key = "block " + name
        address = self.cached.get(key)
        if address is None:
            address = self.process.heap_alloc(max(len(data), 1))
            self.process.mem.write(address, data)
            self.cached[key] = address
        return address


def crt(t: Task) -> Crt:
    """The runtime's state in this process."""
    return t.process.state(Crt)


def thread(t: Task) -> ThreadData:
    """The runtime's record of this thread."""
    return t.process.state(Crt).thread(t.id)


def set_errno(t: Task, number: int) -> None:
    """Assign errno of this thread."""
    t.mem.put32(thread(t).address + ERRNO, number)


def get_errno(t: Task) -> int:
    """errno of this thread."""
    return t.mem.u32(thread(t).address + ERRNO)


def map_os_error(t: Task, error: WinError | int) -> None:
    """Set errno and _doserrno from a Win32 error (`WinError` or its code)."""
    code = error if isinstance(error, int) else error.code
    block = thread(t).address
    t.mem.put32(block + DOSERRNO, code)
    number = _BY_OS_ERROR.get(code)
    if number is None:
        number = EACCES if 19 <= code <= 36 else ENOEXEC if 188 <= code <= 202 else EINVAL
    t.mem.put32(block + ERRNO, number)
