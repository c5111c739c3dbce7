"""Debugging from inside: OutputDebugString, DebugBreak, IsDebuggerPresent. There is no debugger API yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import BOOL, DWORD, LPCTSTR, PTR, VOID

from .dll import kernel32

if TYPE_CHECKING:
    from w9x_client.process import Task

STATUS_BREAKPOINT = 0x80000003


@kernel32.partial("seen in the trace only: no debugger receives it", aw=True)
def OutputDebugString(t: Task, lpOutputString: LPCTSTR) -> VOID:
    """Send text to the debugger; without one it goes nowhere, as on Windows."""


@kernel32.api()
async def DebugBreak(t: Task) -> VOID:
    """Raise a breakpoint exception in the caller."""
    await t.raise_exception(STATUS_BREAKPOINT, 0, [0])


@kernel32.api(since="98")
def IsDebuggerPresent(t: Task) -> BOOL:
    """No debugger can be attached."""
    return False


@kernel32.stub("no debugger API: always ERROR_CALL_NOT_IMPLEMENTED")
def DebugActiveProcess(t: Task, dwProcessId: DWORD) -> BOOL:
    """Attach a debugger."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@kernel32.stub("no debugger API: always ERROR_CALL_NOT_IMPLEMENTED")
def WaitForDebugEvent(t: Task, lpDebugEvent: PTR, dwMilliseconds: DWORD) -> BOOL:
    """Wait for an event of a debugged process."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@kernel32.stub("no debugger API: always ERROR_CALL_NOT_IMPLEMENTED")
def ContinueDebugEvent(t: Task, dwProcessId: DWORD, dwThreadId: DWORD, dwContinueStatus: DWORD) -> BOOL:
    """Let a debugged process go on."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)
