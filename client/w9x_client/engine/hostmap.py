"""Host memory mapping by raw ``mmap`` calls: fixed addresses, which Python's `mmap` module does not offer."""

from __future__ import annotations

import ctypes
import os

PROT_NONE, PROT_RW = 0, 3
MAP_SHARED, MAP_PRIVATE, MAP_FIXED, MAP_ANONYMOUS, MAP_NORESERVE = 1, 2, 0x10, 0x20, 0x4000

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [
    ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long,
]  # fmt: skip
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


def mmap(address: int | None, size: int, prot: int, flags: int, fd: int = -1, offset: int = 0) -> int:
    """The host address of the new mapping; OSError with the kernel's errno on failure."""
    result = _libc.mmap(address, size, prot, flags, fd, offset)
    if result is None or result == 2**64 - 1:
        error = ctypes.get_errno()
        raise OSError(error, f"mmap of {size} bytes: {os.strerror(error)}")
    return int(result)


def munmap(address: int, size: int) -> None:
    """Remove a mapping made by `mmap`."""
    _libc.munmap(address, size)
