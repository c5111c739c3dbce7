"""Pipes (SDK winbase.h). Windows 9x has anonymous pipes; it is no server of named ones."""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import BOOL, DWORD, FLAGS, HANDLE, HFILE, LPCTSTR, LPDWORD, LPHANDLE, PTR
from w9x_client.drives import win_error
from w9x_client.process.files import PipeFile

from .dll import kernel32
from .handle import inheritable

if TYPE_CHECKING:
    from w9x_client.process import Task

_NO_SERVER = "Windows 9x is no server of named pipes: fails with ERROR_CALL_NOT_IMPLEMENTED"
PEEK_LIMIT = 0x10000


@kernel32.api()
def CreatePipe(t: Task, hReadPipe: LPHANDLE, hWritePipe: LPHANDLE, lpPipeAttributes: PTR, nSize: DWORD) -> BOOL:
    """An anonymous pipe: a handle to read from, a handle to write to."""
    try:
        reading, writing = os.pipe2(os.O_CLOEXEC)
    except OSError as error:
        raise win_error(error) from None
    handles = t.process.handles
    first = handles.add(PipeFile(reading, readable=True, writable=False))
    second = handles.add(PipeFile(writing, readable=False, writable=True))
    hReadPipe.set(inheritable(t, first, lpPipeAttributes))
    hWritePipe.set(inheritable(t, second, lpPipeAttributes))
    return True


def _peek(item: PipeFile, size: int) -> bytes:
    """Bytes at the head of a pipe, left there: tee(2) into a second pipe."""
    size = min(size, PEEK_LIMIT)
    scratch_out, scratch_in = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        tee = ctypes.CDLL(None, use_errno=True).tee
        count = tee(item.fd, scratch_in, ctypes.c_size_t(size), 2)  # SPLICE_F_NONBLOCK
        if count <= 0:
            return b""
        return os.read(scratch_out, count)
    finally:
        os.close(scratch_out)
        os.close(scratch_in)


@kernel32.api()
def PeekNamedPipe(
    t: Task,
    hNamedPipe: HANDLE,
    lpBuffer: PTR,
    nBufferSize: DWORD,
    lpBytesRead: LPDWORD,
    lpTotalBytesAvail: LPDWORD,
    lpBytesLeftThisMessage: LPDWORD,
) -> BOOL:
    """How much can be read, and a copy of its first bytes. BROKEN_PIPE when it is empty and its writers are gone."""
    item = t.process.handles.get(hNamedPipe, PipeFile)
    if item.kind != "pipe":
        raise WinError(Err.INVALID_HANDLE)
    available = item.available()
    data = _peek(item, min(nBufferSize, available)) if lpBuffer and nBufferSize and available else b""
    t.mem.write(lpBuffer, data)
    lpBytesRead.set(len(data))
    lpTotalBytesAvail.set(available)
    lpBytesLeftThisMessage.set(0)  # a byte-mode pipe has no messages
    return True


@kernel32.stub(_NO_SERVER, aw=True)
def CreateNamedPipe(
    t: Task,
    lpName: LPCTSTR,
    dwOpenMode: FLAGS,
    dwPipeMode: FLAGS,
    nMaxInstances: DWORD,
    nOutBufferSize: DWORD,
    nInBufferSize: DWORD,
    nDefaultTimeOut: DWORD,
    lpSecurityAttributes: PTR,
) -> HFILE:
    """Create a named pipe's server end."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@kernel32.stub(_NO_SERVER)
def ConnectNamedPipe(t: Task, hNamedPipe: HANDLE, lpOverlapped: PTR) -> BOOL:
    """Wait for a client."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@kernel32.stub(_NO_SERVER)
def DisconnectNamedPipe(t: Task, hNamedPipe: HANDLE) -> BOOL:
    """Drop a client."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@kernel32.stub("no remote named pipes: fails with ERROR_FILE_NOT_FOUND", aw=True)
def WaitNamedPipe(t: Task, lpNamedPipeName: LPCTSTR, nTimeOut: DWORD) -> BOOL:
    """Wait for a server."""
    raise WinError(Err.FILE_NOT_FOUND)


@kernel32.stub("no remote named pipes: fails with ERROR_FILE_NOT_FOUND", aw=True)
def CallNamedPipe(
    t: Task,
    lpNamedPipeName: LPCTSTR,
    lpInBuffer: PTR,
    nInBufferSize: DWORD,
    lpOutBuffer: PTR,
    nOutBufferSize: DWORD,
    lpBytesRead: PTR,
    nTimeOut: DWORD,
) -> BOOL:
    """Open, write, read, close."""
    raise WinError(Err.FILE_NOT_FOUND)


@kernel32.partial("byte mode, waiting only")
def SetNamedPipeHandleState(
    t: Task, hNamedPipe: HANDLE, lpMode: LPDWORD, lpMaxCollectionCount: PTR, lpCollectDataTimeout: PTR
) -> BOOL:
    """Accepts the mode a pipe is in; refuses message mode and PIPE_NOWAIT."""
    t.process.handles.get(hNamedPipe, PipeFile)
    if lpMode and lpMode.get():
        raise WinError(Err.INVALID_PARAMETER)
    return True


@kernel32.api()
def GetNamedPipeInfo(
    t: Task,
    hNamedPipe: HANDLE,
    lpFlags: LPDWORD,
    lpOutBufferSize: LPDWORD,
    lpInBufferSize: LPDWORD,
    lpMaxInstances: LPDWORD,
) -> BOOL:
    """A byte-mode client end with the host's buffer of 64 KB."""
    item = t.process.handles.get(hNamedPipe, PipeFile)
    if item.kind != "pipe":
        raise WinError(Err.INVALID_HANDLE)
    lpFlags.set(0)
    lpOutBufferSize.set(0x10000)
    lpInBufferSize.set(0x10000)
    lpMaxInstances.set(1)
    return True


@kernel32.api(aw=True)
def GetNamedPipeHandleState(
    t: Task,
    hNamedPipe: HANDLE,
    lpState: LPDWORD,
    lpCurInstances: LPDWORD,
    lpMaxCollectionCount: LPDWORD,
    lpCollectDataTimeout: LPDWORD,
    lpUserName: PTR,
    nMaxUserNameSize: DWORD,
) -> BOOL:
    """Byte mode, waiting, one instance; a client's user name is known to servers only."""
    item = t.process.handles.get(hNamedPipe, PipeFile)
    if item.kind != "pipe" or lpUserName or lpMaxCollectionCount or lpCollectDataTimeout:
        raise WinError(Err.INVALID_PARAMETER)
    lpState.set(0)
    lpCurInstances.set(1)
    return True
