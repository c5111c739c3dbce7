"""GetLastError and SetLastError: the calling thread's error code, which lives in its TIB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi.types import DWORD, VOID

from .dll import kernel32

if TYPE_CHECKING:
    from w9x_client.process import Task


@kernel32.api(guest="GetLastError")
def GetLastError(t: Task) -> DWORD:
    """The calling thread's last error code."""
    return t.last_error


@kernel32.api(guest="SetLastError")
def SetLastError(t: Task, dwErrCode: DWORD) -> VOID:
    """Set the calling thread's last error code."""
    t.last_error = dwErrCode
