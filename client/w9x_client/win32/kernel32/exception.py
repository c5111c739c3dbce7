"""RaiseException, RtlUnwind and the unhandled exception filter; error modes and FatalAppExit.

The machinery is `w9x_client.process.exceptions`; this module only declares it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi.errors import GuestExit
from w9x_client.abi.types import DWORD, FLAGS, INT, LONG, LPCTSTR, PTR, UINT, VOID
from w9x_client.process import crash

from .dll import kernel32

if TYPE_CHECKING:
    from w9x_client.process import Task

EXCEPTION_NONCONTINUABLE = 1
EXCEPTION_MAXIMUM_PARAMETERS = 15
EXCEPTION_EXECUTE_HANDLER = 1
EXCEPTION_CONTINUE_SEARCH = 0
SEM_NOGPFAULTERRORBOX = 2


@kernel32.api()
async def RaiseException(
    t: Task, dwExceptionCode: DWORD, dwExceptionFlags: FLAGS, nNumberOfArguments: DWORD, lpArguments: PTR
) -> VOID:
    """Raise a software exception; returns when a handler continues. At most 15 arguments count (SDK)."""
    arguments: list[int] = []
    if lpArguments:
        count = min(nNumberOfArguments, EXCEPTION_MAXIMUM_PARAMETERS)
        arguments = [t.mem.u32(lpArguments + 4 * index) for index in range(count)]
    # bit 29 is reserved for the system (SDK: cleared by RaiseException)
    await t.raise_exception(dwExceptionCode & ~0x10000000, dwExceptionFlags & EXCEPTION_NONCONTINUABLE, arguments)


@kernel32.api()
async def RtlUnwind(t: Task, TargetFrame: PTR, TargetIp: PTR, ExceptionRecord: PTR, ReturnValue: PTR) -> PTR:
    """Call the handlers inside ``TargetFrame`` for clean-up and take them off the chain; execution goes on at the
    caller.

    ``TargetIp`` is what callers pass as their own continuation; on the i386 the return address serves. EAX is
    ``ReturnValue``.
    """
    await t.unwind(TargetFrame, ExceptionRecord)
    return ReturnValue


@kernel32.api()
def SetUnhandledExceptionFilter(t: Task, lpTopLevelExceptionFilter: PTR) -> PTR:
    """Replace the process's top-level filter; returns the old one."""
    old = t.process.top_level_filter
    t.process.top_level_filter = lpTopLevelExceptionFilter
    return old


@kernel32.partial("no error box, no debugger: without a filter the process ends with the crash report")
async def UnhandledExceptionFilter(t: Task, ExceptionInfo: PTR) -> LONG:
    """What a program's outermost __except calls: asks the top-level filter.

    Without one, EXCEPTION_EXECUTE_HANDLER under SEM_NOGPFAULTERRORBOX (SDK), else the crash report.
    """
    if t.process.top_level_filter:
        answer = await t.call(t.process.top_level_filter, ExceptionInfo)
        if answer != EXCEPTION_CONTINUE_SEARCH:
            return answer
    if t.process.error_mode & SEM_NOGPFAULTERRORBOX:
        return EXCEPTION_EXECUTE_HANDLER
    record, context = t.mem.u32(ExceptionInfo), t.mem.u32(ExceptionInfo + 4)
    code = t.mem.u32(record)
    crash.report(t.process, t, record, context)
    raise GuestExit(code)


@kernel32.api()
def SetErrorMode(t: Task, uMode: UINT) -> UINT:
    """Set the process's SEM_* flags; returns the old ones."""
    old, t.process.error_mode = t.process.error_mode, uMode & 0xFFFF
    return old


@kernel32.api()
def GetErrorMode(t: Task) -> UINT:
    """Undocumented 9x export: the SEM_* flags."""
    return t.process.error_mode


@kernel32.api(aw=True)
def FatalAppExit(t: Task, uAction: UINT, lpMessageText: LPCTSTR) -> VOID:
    """Show a message and end the process. Windows 9x has no "Cancel": it always ends, with code 1."""
    t.process.messages.warn(f"fatal application exit: {lpMessageText or ''}")
    raise GuestExit(1)


@kernel32.api()
def FatalExit(t: Task, ExitCode: INT) -> VOID:
    """End the process; outside a debugging kernel as ExitProcess without notifications."""
    raise GuestExit(ExitCode & 0xFFFFFFFF)
