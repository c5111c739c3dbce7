"""The standard handles (SDK winbase.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.flags import STD_HANDLE
from w9x_client.abi.types import BOOL, HANDLE, HFILE

from .dll import kernel32

if TYPE_CHECKING:
    from w9x_client.process import Task

STANDARD = (-10, -11, -12)
"""STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE."""


@kernel32.api()
def GetStdHandle(t: Task, nStdHandle: STD_HANDLE) -> HFILE:
    """The handle now set for standard input, output or error; 0 where there is none."""
    if nStdHandle not in STANDARD:
        raise WinError(Err.INVALID_HANDLE)
    return t.process.std_handles.get(nStdHandle, 0)


@kernel32.api()
def SetStdHandle(t: Task, nStdHandle: STD_HANDLE, hHandle: HANDLE) -> BOOL:
    """Set it, without looking at the handle (SDK)."""
    if nStdHandle not in STANDARD:
        raise WinError(Err.INVALID_HANDLE)
    t.process.std_handles[nStdHandle] = hHandle
    return True
