"""The host's error numbers as Win32 error codes."""

from __future__ import annotations

import errno

from w9x_client.abi import Err, WinError

_CODES = {
    errno.ENOENT: Err.FILE_NOT_FOUND,
    errno.ENOTDIR: Err.PATH_NOT_FOUND,
    errno.EACCES: Err.ACCESS_DENIED,
    errno.EPERM: Err.ACCESS_DENIED,
    errno.EISDIR: Err.ACCESS_DENIED,
    errno.ELOOP: Err.ACCESS_DENIED,  # O_NOFOLLOW met a symbolic link that appeared after the look-up
    errno.ENXIO: Err.ACCESS_DENIED,
    errno.EBADF: Err.ACCESS_DENIED,  # the descriptor lacks the access: handles are checked before
    errno.ETXTBSY: Err.SHARING_VIOLATION,
    errno.EBUSY: Err.SHARING_VIOLATION,
    errno.EEXIST: Err.FILE_EXISTS,
    errno.EXDEV: Err.NOT_SAME_DEVICE,
    errno.EROFS: Err.WRITE_PROTECT,
    errno.ENOSPC: Err.DISK_FULL,
    errno.EDQUOT: Err.DISK_FULL,
    errno.EFBIG: Err.DISK_FULL,
    errno.EMFILE: Err.TOO_MANY_OPEN_FILES,
    errno.ENFILE: Err.TOO_MANY_OPEN_FILES,
    errno.ENOMEM: Err.NOT_ENOUGH_MEMORY,
    errno.ENAMETOOLONG: Err.FILENAME_EXCED_RANGE,
    errno.ENOTEMPTY: Err.DIR_NOT_EMPTY,
    errno.EINVAL: Err.INVALID_PARAMETER,
    errno.EPIPE: Err.BROKEN_PIPE,
    errno.ECONNRESET: Err.BROKEN_PIPE,
    errno.ESPIPE: Err.INVALID_FUNCTION,
    errno.EAGAIN: Err.LOCK_VIOLATION,
    errno.EIO: Err.GEN_FAILURE,
    errno.ESTALE: Err.PATH_NOT_FOUND,
}


def win_error(error: OSError) -> WinError:
    """The Win32 failure that a host failure becomes; GEN_FAILURE where nothing fits."""
    return WinError(_CODES.get(error.errno or 0, Err.GEN_FAILURE))
