"""Failures that a handler may raise, and the Win32 error codes by their SDK names.

Codes: Microsoft Platform SDK, winerror.h.
"""

from __future__ import annotations

from enum import IntEnum


class Err(IntEnum):
    """Win32 error codes that the API returns through GetLastError."""

    SUCCESS = 0
    INVALID_FUNCTION = 1
    FILE_NOT_FOUND = 2
    PATH_NOT_FOUND = 3
    TOO_MANY_OPEN_FILES = 4
    ACCESS_DENIED = 5
    INVALID_HANDLE = 6
    ARENA_TRASHED = 7
    NOT_ENOUGH_MEMORY = 8
    INVALID_BLOCK = 9
    BAD_ENVIRONMENT = 10
    BAD_FORMAT = 11
    INVALID_ACCESS = 12
    INVALID_DATA = 13
    OUTOFMEMORY = 14
    INVALID_DRIVE = 15
    CURRENT_DIRECTORY = 16
    NOT_SAME_DEVICE = 17
    NO_MORE_FILES = 18
    WRITE_PROTECT = 19
    BAD_UNIT = 20
    NOT_READY = 21
    BAD_COMMAND = 22
    BAD_LENGTH = 24
    SEEK = 25
    WRITE_FAULT = 29
    READ_FAULT = 30
    GEN_FAILURE = 31
    SHARING_VIOLATION = 32
    LOCK_VIOLATION = 33
    HANDLE_EOF = 38
    HANDLE_DISK_FULL = 39
    NOT_SUPPORTED = 50
    BAD_NETPATH = 53
    FILE_EXISTS = 80
    CANNOT_MAKE = 82
    INVALID_PARAMETER = 87
    NO_PROC_SLOTS = 89
    BROKEN_PIPE = 109
    OPEN_FAILED = 110
    BUFFER_OVERFLOW = 111
    DISK_FULL = 112
    CALL_NOT_IMPLEMENTED = 120
    INSUFFICIENT_BUFFER = 122
    INVALID_NAME = 123
    INVALID_LEVEL = 124
    NO_VOLUME_LABEL = 125
    MOD_NOT_FOUND = 126
    PROC_NOT_FOUND = 127
    WAIT_NO_CHILDREN = 128
    NEGATIVE_SEEK = 131
    DIR_NOT_EMPTY = 145
    NOT_LOCKED = 158
    BAD_PATHNAME = 161
    BUSY = 170
    ALREADY_EXISTS = 183
    BAD_EXE_FORMAT = 193
    ENVVAR_NOT_FOUND = 203
    FILENAME_EXCED_RANGE = 206
    MORE_DATA = 234
    NO_MORE_ITEMS = 259
    DIRECTORY = 267
    NOT_OWNER = 288
    TOO_MANY_POSTS = 298
    INVALID_ADDRESS = 487
    PIPE_CONNECTED = 535
    IO_INCOMPLETE = 996
    IO_PENDING = 997
    NOACCESS = 998
    STACK_OVERFLOW = 1001
    INVALID_MESSAGE = 1002
    INVALID_FLAGS = 1004
    FILE_INVALID = 1006
    BADDB = 1009
    BADKEY = 1010
    CANTOPEN = 1011
    KEY_DELETED = 1018
    DLL_INIT_FAILED = 1114
    NO_UNICODE_TRANSLATION = 1113
    DLL_NOT_FOUND = 1157
    NOT_FOUND = 1168
    NO_DATA = 232
    USER_MAPPED_FILE = 1224
    REQUEST_ABORTED = 1235
    RESOURCE_DATA_NOT_FOUND = 1812
    RESOURCE_TYPE_NOT_FOUND = 1813
    RESOURCE_NAME_NOT_FOUND = 1814
    RESOURCE_LANG_NOT_FOUND = 1815
    TIMEOUT = 1460


class WinError(Exception):
    """A Win32 failure: the export sets last error to ``code`` and returns its failure value."""

    def __init__(self, code: int) -> None:
        super().__init__(int(code))
        self.code = int(code)

    def __str__(self) -> str:
        try:
            return f"ERROR_{Err(self.code).name} ({self.code})"
        except ValueError:
            return f"error {self.code}"


class GuestFault(Exception):
    """A guest address that the guest itself could not have read (or written).

    Raised by `Memory` on behalf of a handler; becomes an access violation at the caller of the export, as
    it is when code inside a real system DLL meets a bad pointer.
    """

    def __init__(self, address: int, write: bool = False) -> None:
        super().__init__(f"cannot {'write' if write else 'read'} {address:08X}")
        self.address = address & 0xFFFFFFFF
        self.write = write


class GuestException(Exception):
    """RaiseException at the caller, from a handler that cannot await (HEAP_GENERATE_EXCEPTIONS)."""

    def __init__(self, code: int, flags: int = 0, parameters: list[int] | None = None) -> None:
        super().__init__(f"{code:08X}")
        self.code, self.flags, self.parameters = code, flags, parameters or []


class Redirected(BaseException):
    """The handler has set the registers itself (longjmp, context switch): nothing is returned to the caller."""


class GuestExit(BaseException):
    """The process ends now with ``code``; raised from anywhere inside a handler."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code & 0xFFFFFFFF
