"""Descriptors as things to copy, wrap and configure (io.h): _dup, _pipe, _setmode, _get_osfhandle, _locking, _umask."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import INT, LONG, PTR, UINT
from w9x_client.process import files
from w9x_client.process.sharing import OpenFiles

from . import state
from .dll import msvcrt
from .lowio import (
    FAPPEND,
    FDEV,
    FNOINHERIT,
    FTEXT,
    LIMIT,
    O_APPEND,
    O_BINARY,
    O_NOINHERIT,
    O_TEXT,
    Descriptor,
    close,
    descriptors,
    find,
)

if TYPE_CHECKING:
    from w9x_client.process import Task


@msvcrt.api()
def _isatty(t: Task, fd: INT) -> INT:
    """Nonzero (_FDEV) for a character device."""
    item = descriptors(t).get(fd)
    return item.flags & FDEV if item else 0


@msvcrt.api()
def _setmode(t: Task, fd: INT, mode: INT) -> INT:
    """Text or binary from now on; returns the previous mode."""
    table = descriptors(t)
    item = table.get(fd)
    if item is None:
        state.set_errno(t, state.EBADF)
        return -1
    if mode not in (O_TEXT, O_BINARY):
        state.set_errno(t, state.EINVAL)
        return -1
    previous = O_TEXT if item.flags & FTEXT else O_BINARY
    item.flags = item.flags | FTEXT if mode == O_TEXT else item.flags & ~FTEXT
    table.changed(fd)
    return previous


def _duplicate(t: Task, handle: int) -> int:
    item = t.process.handles.find(handle)
    if item is None:
        raise WinError(Err.INVALID_HANDLE)
    return t.process.handles.add(item)


@msvcrt.api()
def _dup(t: Task, fd: INT) -> INT:
    """A second descriptor of the same open file."""
    table = descriptors(t)
    item = table.get(fd)
    if item is None:
        state.set_errno(t, state.EBADF)
        return -1
    try:
        handle = _duplicate(t, item.handle)
    except WinError as error:
        state.map_os_error(t, error)
        return -1
    new = table.add(handle, item.flags & ~FNOINHERIT)
    if new < 0:
        t.process.handles.close(handle)
        state.set_errno(t, state.EMFILE)
    return new


@msvcrt.api()
def _dup2(t: Task, fd1: INT, fd2: INT) -> INT:
    """Make ``fd2`` a descriptor of ``fd1``'s file, closing what it was; standard handles follow descriptors 0 to 2. 0
    or -1."""
    table = descriptors(t)
    item = table.get(fd1)
    if item is None or not 0 <= fd2 < LIMIT:
        state.set_errno(t, state.EBADF)
        return -1
    if fd1 == fd2:
        return 0
    try:
        handle = _duplicate(t, item.handle)
    except WinError as error:
        state.map_os_error(t, error)
        return -1
    if table.get(fd2) is not None:
        close(t, fd2)
    table.put(fd2, Descriptor(handle, item.flags & ~FNOINHERIT))
    if fd2 < 3:
        t.process.std_handles[(files.STD_INPUT, files.STD_OUTPUT, files.STD_ERROR)[fd2]] = handle
    return 0


@msvcrt.api()
def _get_osfhandle(t: Task, fd: INT) -> LONG:
    """The handle behind a descriptor, or -1."""
    item = descriptors(t).get(fd)
    if item is None:
        state.set_errno(t, state.EBADF)
        return -1
    return item.handle


@msvcrt.api()
def _open_osfhandle(t: Task, osfhandle: LONG, flags: INT) -> INT:
    """A descriptor for a handle; it owns the handle from now on."""
    handle = osfhandle & 0xFFFFFFFF
    if not isinstance(t.process.handles.find(handle), files.FileObject):
        state.map_os_error(t, Err.INVALID_HANDLE)
        return -1
    bits = FTEXT if flags & O_TEXT else 0
    bits |= FAPPEND if flags & O_APPEND else 0
    bits |= FNOINHERIT if flags & O_NOINHERIT else 0
    fd = descriptors(t).add(handle, bits)
    if fd < 0:
        state.set_errno(t, state.EMFILE)
    return fd


@msvcrt.api()
def _pipe(t: Task, phandles: PTR, psize: UINT, textmode: INT) -> INT:
    """An anonymous pipe: descriptors to read from and to write to."""
    t.mem.check(phandles, 8, True)
    reading, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    ends = (
        files.PipeFile(reading, readable=True, writable=False),
        files.PipeFile(writing, readable=False, writable=True),
    )
    own = state.crt(t)
    binary = textmode & O_BINARY or (not textmode & O_TEXT and t.mem.u32(own.variable("_fmode")) & O_BINARY)
    flags = (0 if binary else FTEXT) | (FNOINHERIT if textmode & O_NOINHERIT else 0)
    numbers = [descriptors(t).add(t.process.handles.add(end), flags) for end in ends]
    if -1 in numbers:
        state.set_errno(t, state.EMFILE)
        return -1
    for index, fd in enumerate(numbers):
        t.mem.put32(phandles + 4 * index, fd)
    return 0


@msvcrt.partial("_LK_LOCK does not wait for the range")
def _locking(t: Task, fd: INT, mode: INT, nbytes: LONG) -> INT:
    """Lock or unlock ``nbytes`` from the current position."""
    found = find(t, fd)
    if found is None:
        return -1
    file = found[1]
    opened = t.process.state(OpenFiles)
    try:
        if not isinstance(file, files.DiskFile):
            raise WinError(Err.INVALID_HANDLE)
        if mode == 0:
            opened.unlock(file, file.tell(), nbytes)
        else:
            opened.lock(file, file.tell(), nbytes, True)
    except WinError as error:
        state.map_os_error(t, error)
        return -1
    return 0


@msvcrt.api()
def _umask(t: Task, pmode: INT) -> INT:
    """Set the permissions that new files lack; returns the previous ones."""
    own = state.crt(t)
    previous, own.umask = own.umask, pmode & 0x180
    return previous
