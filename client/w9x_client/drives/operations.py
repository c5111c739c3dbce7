"""Changes to directories: create, remove, rename; relative to descriptors, and entered into the listing cache.

All raise WinError. Callers check sharing (open files) first: see `process.files`.
"""

from __future__ import annotations

import errno
import os
import stat

from w9x_client.abi import Err, WinError

from . import attributes
from .hosterror import win_error
from .table import DriveTable, HostPath


def _check_new(path: HostPath) -> None:
    path.writable()
    try:
        path.name.encode("utf-8")
    except UnicodeEncodeError:
        raise WinError(Err.INVALID_NAME) from None


def created(table: DriveTable, path: HostPath) -> None:
    """``path`` has just been created through `HostPath.open`."""
    table.listings.created(path.directory, path.name)


def delete_file(table: DriveTable, path: HostPath) -> None:
    """Remove a file; a link is removed itself."""
    st = path.require()
    path.writable()
    if stat.S_ISDIR(st.st_mode) or not st.st_mode & stat.S_IWUSR:
        raise WinError(Err.ACCESS_DENIED)
    try:
        parent = path.drive.open_directory(path.directory)
        try:
            os.unlink(path.name, dir_fd=parent)
        finally:
            os.close(parent)
    except OSError as error:
        raise win_error(error) from None
    table.listings.removed(path.directory, path.name)


def make_directory(table: DriveTable, path: HostPath) -> None:
    """CreateDirectory; ALREADY_EXISTS for any existing entry."""
    if path.exists:
        raise WinError(Err.ALREADY_EXISTS)
    _check_new(path)
    try:
        parent = path.drive.open_directory(path.directory)
        try:
            os.mkdir(path.name, dir_fd=parent)
        finally:
            os.close(parent)
    except FileExistsError:
        raise WinError(Err.ALREADY_EXISTS) from None
    except OSError as error:
        raise win_error(error) from None
    created(table, path)


def remove_directory(table: DriveTable, path: HostPath) -> None:
    """RemoveDirectory: empty directories only, never a drive's root or the current directory of a drive."""
    st = path.require()
    path.writable()
    if not stat.S_ISDIR(st.st_mode):
        raise WinError(Err.DIRECTORY)
    if not path.name:
        raise WinError(Err.ACCESS_DENIED)
    if table.is_current(path.guest):
        raise WinError(Err.CURRENT_DIRECTORY)
    try:
        parent = path.drive.open_directory(path.directory)
        try:
            os.rmdir(path.name, dir_fd=parent)
        finally:
            os.close(parent)
    except OSError as error:
        if error.errno == errno.ENOTDIR:  # a link to a directory
            raise WinError(Err.ACCESS_DENIED) from None
        raise win_error(error) from None
    table.listings.removed(path.directory, path.name)
    table.listings.forget(path.path)


def rename(table: DriveTable, source: HostPath, target: HostPath, *, replace: bool = False) -> None:
    """MoveFile inside one host file system. NOT_SAME_DEVICE where a copy is needed."""
    st = source.require()
    source.writable()
    _check_new(target)
    if not source.name:
        raise WinError(Err.ACCESS_DENIED)
    if target.exists and target.entry != source.entry:
        if not replace:
            raise WinError(Err.ALREADY_EXISTS)
        if target.is_directory or not target.require().st_mode & stat.S_IWUSR:
            raise WinError(Err.ACCESS_DENIED)
    # Renaming to oneself changes the case; otherwise the target's name is new, or is replaced in its own spelling.
    name = target.asked if target.entry == source.entry else target.name
    directory = stat.S_ISDIR(st.st_mode)
    if directory:
        if source.drive is not target.drive:
            raise WinError(Err.NOT_SAME_DEVICE)
        if target.directory == source.path or target.directory.startswith(source.path + "/"):
            raise WinError(Err.ACCESS_DENIED)
        if table.is_current(source.guest):
            raise WinError(Err.SHARING_VIOLATION)
    try:
        old = source.drive.open_directory(source.directory)
        try:
            new = target.drive.open_directory(target.directory)
            try:
                os.rename(source.name, name, src_dir_fd=old, dst_dir_fd=new)
            finally:
                os.close(new)
        finally:
            os.close(old)
    except OSError as error:
        raise win_error(error) from None
    table.listings.removed(source.directory, source.name)
    table.listings.created(target.directory, name)
    if directory:
        table.listings.forget(source.path)


def set_attributes(path: HostPath, bits: int) -> None:
    """SetFileAttributes."""
    path.require()
    path.writable()
    fd = path.reopen_directory() if path.is_directory else path.open(os.O_RDONLY)
    try:
        attributes.set_attributes(fd, bits)
    finally:
        os.close(fd)
