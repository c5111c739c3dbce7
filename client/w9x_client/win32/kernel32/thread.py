"""Threads: creation, end, suspension, priorities, contexts, sleeping, APCs.

A thread handle refers to the `Task` itself. Priorities are kept and reported; the scheduler gives every thread
equal turns.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import TYPE_CHECKING

from w9x_client.abi import Err, Redirected, WinError
from w9x_client.abi.types import BOOL, DWORD, DWORD_INVALID, FLAGS, HANDLE, INT, LPDWORD, PTR, SIZE_T, VOID
from w9x_client.process import exceptions
from w9x_client.process.exceptions import CONTEXT
from w9x_client.process.objects import CURRENT_THREAD, Event
from w9x_client.process.task import Task as TaskObject

from .dll import kernel32
from .handle import inheritable, resolve

if TYPE_CHECKING:
    from w9x_client.process import Task

CREATE_SUSPENDED = 4
MAXIMUM_SUSPEND_COUNT = 0x7F
INFINITE = 0xFFFFFFFF
PRIORITY_ERROR = 0x7FFFFFFF
_PRIORITIES = (-15, -2, -1, 0, 1, 2, 15)
CONTEXT_CONTROL, CONTEXT_INTEGER, CONTEXT_SEGMENTS, CONTEXT_FLOATING_POINT = 1, 2, 4, 8


@kernel32.api()
def CreateThread(
    t: Task,
    lpThreadAttributes: PTR,
    dwStackSize: SIZE_T,
    lpStartAddress: PTR,
    lpParameter: PTR,
    dwCreationFlags: FLAGS,
    lpThreadId: LPDWORD,
) -> HANDLE:
    """Start a thread. NULL ``lpThreadId`` is taken, although Windows 9x documents that it fails."""
    if lpThreadId.addr and not t.mem.writable(lpThreadId.addr, 4):
        raise WinError(Err.INVALID_PARAMETER)
    task = t.process.create_task(lpStartAddress, lpParameter, dwStackSize, dwCreationFlags & CREATE_SUSPENDED != 0)
    lpThreadId.set(task.id)
    return inheritable(t, t.process.handles.add(task), lpThreadAttributes)


@kernel32.api()
def CreateRemoteThread(
    t: Task,
    hProcess: HANDLE,
    lpThreadAttributes: PTR,
    dwStackSize: SIZE_T,
    lpStartAddress: PTR,
    lpParameter: PTR,
    dwCreationFlags: FLAGS,
    lpThreadId: LPDWORD,
) -> HANDLE:
    """Windows 9x does not support it: NULL and ERROR_CALL_NOT_IMPLEMENTED (SDK)."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@kernel32.api()
async def ExitThread(t: Task, dwExitCode: DWORD) -> VOID:
    """End the calling thread; the last one ends the process."""
    await t.process.exit_thread(t, dwExitCode)


@kernel32.api()
def TerminateThread(t: Task, hThread: HANDLE, dwExitCode: DWORD) -> BOOL:
    """End a thread without telling its DLLs."""
    task = resolve(t, hThread, TaskObject)
    t.process.end_task(task, dwExitCode)
    if task is t:
        raise Redirected
    return True


@kernel32.api()
def GetExitCodeThread(t: Task, hThread: HANDLE, lpExitCode: LPDWORD) -> BOOL:
    """A thread's exit code; 259 (STILL_ACTIVE) while it runs."""
    lpExitCode.set(resolve(t, hThread, TaskObject).exit_code)
    return True


@kernel32.api()
def GetCurrentThread(t: Task) -> HANDLE:
    """The pseudo handle FFFFFFFE."""
    return CURRENT_THREAD


@kernel32.api()
def GetCurrentThreadId(t: Task) -> DWORD:
    """The calling thread's id."""
    return t.id


@kernel32.api(since="me")
def OpenThread(t: Task, dwDesiredAccess: FLAGS, bInheritHandle: BOOL, dwThreadId: DWORD) -> HANDLE:
    """A handle to a thread of this process."""
    task = t.process.tasks.get(dwThreadId)
    if task is None:
        raise WinError(Err.INVALID_PARAMETER)
    return t.process.handles.add(task)


# --- suspension -------------------------------------------------------------------------
@kernel32.api()
async def SuspendThread(t: Task, hThread: HANDLE) -> DWORD_INVALID:
    """Stop a thread from running; returns the previous suspend count. A thread may suspend itself."""
    task = resolve(t, hThread, TaskObject)
    if task.ended:
        raise WinError(Err.INVALID_HANDLE)
    old = task.suspend_count
    if old >= MAXIMUM_SUSPEND_COUNT:
        raise WinError(Err.INVALID_PARAMETER)
    task.suspend_count += 1
    if task is t:
        await t.sleep(0)  # the scheduler takes it up again when it is resumed
    return old


@kernel32.api()
def ResumeThread(t: Task, hThread: HANDLE) -> DWORD_INVALID:
    """Undo one SuspendThread (or CREATE_SUSPENDED); returns the previous suspend count."""
    task = resolve(t, hThread, TaskObject)
    old = task.suspend_count
    if old:
        task.suspend_count -= 1
        if not task.suspend_count and not task.ended and task.wait_for is None:
            t.process.scheduler.ready(task)
    return old


# --- sleeping ---------------------------------------------------------------------------
@kernel32.api()
async def Sleep(t: Task, dwMilliseconds: DWORD) -> VOID:
    """Let others run for a time; 0 gives up the turn, INFINITE never returns."""
    await t.sleep(None if dwMilliseconds == INFINITE else dwMilliseconds)


@kernel32.api()
async def SleepEx(t: Task, dwMilliseconds: DWORD, bAlertable: BOOL) -> DWORD:
    """As Sleep; WAIT_IO_COMPLETION (C0h) when an APC ended it."""
    return await t.sleep(None if dwMilliseconds == INFINITE else dwMilliseconds, alertable=bAlertable)


@kernel32.api(since="98")
async def SwitchToThread(t: Task) -> BOOL:
    """Give up the turn; TRUE where another thread was there to take it."""
    tasks = t.process.tasks.values()
    others = any(task is not t and task.wait_for is None and not task.suspend_count for task in tasks)
    if others:
        await t.sleep(0)
    return others


@kernel32.api()
def QueueUserAPC(t: Task, pfnAPC: PTR, hThread: HANDLE, dwData: PTR) -> BOOL:
    """Have a thread call ``pfnAPC`` in its next alertable wait."""
    task = resolve(t, hThread, TaskObject)
    if task.ended:
        raise WinError(Err.GEN_FAILURE)
    task.apcs.append((pfnAPC, dwData))
    if task.wait_for is not None:
        task.wait_for.try_complete()
    return True


# --- priorities -------------------------------------------------------------------------
@kernel32.api()
def SetThreadPriority(t: Task, hThread: HANDLE, nPriority: INT) -> BOOL:
    """Keep a priority: -15, -2 to 2, or 15."""
    task = resolve(t, hThread, TaskObject)
    if nPriority not in _PRIORITIES:
        raise WinError(Err.INVALID_PARAMETER)
    task.priority = nPriority
    return True


@kernel32.api()
def GetThreadPriority(t: Task, hThread: HANDLE) -> INT:
    """The priority that was set; THREAD_PRIORITY_ERROR_RETURN for a bad handle."""
    try:
        return resolve(t, hThread, TaskObject).priority
    except WinError as error:
        t.last_error = error.code
        return PRIORITY_ERROR


@kernel32.api(since="98")
def SetThreadPriorityBoost(t: Task, hThread: HANDLE, DisablePriorityBoost: BOOL) -> BOOL:
    """Windows 98 does not support it: FALSE and ERROR_CALL_NOT_IMPLEMENTED (SDK)."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@kernel32.api(since="98")
def GetThreadPriorityBoost(t: Task, hThread: HANDLE, pDisablePriorityBoost: LPDWORD) -> BOOL:
    """Windows 98 does not support it: FALSE and ERROR_CALL_NOT_IMPLEMENTED (SDK)."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@kernel32.api()
def SetThreadAffinityMask(t: Task, hThread: HANDLE, dwThreadAffinityMask: DWORD) -> DWORD:
    """One processor: only mask 1 is valid; returns the old mask."""
    resolve(t, hThread, TaskObject)
    if dwThreadAffinityMask != 1:
        raise WinError(Err.INVALID_PARAMETER)
    return 1


@kernel32.api(since="98")
def SetThreadIdealProcessor(t: Task, hThread: HANDLE, dwIdealProcessor: DWORD) -> DWORD_INVALID:
    """Windows 98 does not support it: -1 and ERROR_CALL_NOT_IMPLEMENTED (SDK)."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@kernel32.api()
def GetThreadTimes(t: Task, hThread: HANDLE, created: PTR, ended: PTR, kernel: PTR, user: PTR) -> BOOL:
    """Windows 9x does not support it: FALSE and ERROR_CALL_NOT_IMPLEMENTED (SDK)."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


# --- contexts ---------------------------------------------------------------------------
async def _between_turns(t: Task, task: TaskObject, job: Callable[[], None]) -> None:
    """Run ``job()`` with ``task``'s registers loaded, while no thread runs."""
    done = Event(manual=True, state=False)
    process = t.process

    def work() -> None:
        if task.state is not None:
            process.engine.switch_to(task, task.state)
            job()
        done.set()

    process.scheduler.later(work)
    await t.wait([done])


_GROUPS = {
    CONTEXT_CONTROL: ("Ebp", "Eip", "SegCs", "EFlags", "Esp", "SegSs"),
    CONTEXT_INTEGER: ("Edi", "Esi", "Ebx", "Edx", "Ecx", "Eax"),
    CONTEXT_SEGMENTS: ("SegGs", "SegFs", "SegEs", "SegDs"),
    CONTEXT_FLOATING_POINT: ("FloatSave",),
}


def _copy(target: CONTEXT, source: CONTEXT, flags: int) -> None:
    for bit, names in _GROUPS.items():
        if flags & bit:
            for name in names:
                setattr(target, name, getattr(source, name))


@kernel32.partial("no debug registers; a thread inside an API call shows the registers of that call")
async def GetThreadContext(t: Task, hThread: HANDLE, lpContext: PTR) -> BOOL:
    """The parts of a suspended thread's registers that ContextFlags names."""
    task = resolve(t, hThread, TaskObject)
    t.mem.check(lpContext, ctypes.sizeof(CONTEXT), True)
    if task.ended:
        raise WinError(Err.INVALID_HANDLE)
    now = CONTEXT()
    if task is t:
        exceptions.capture(t, now)
    else:
        await _between_turns(t, task, lambda: exceptions.capture(task, now))
    context = t.mem.struct(CONTEXT, lpContext)
    _copy(context, now, int(context.ContextFlags))
    return True


@kernel32.partial("no debug registers; a thread inside an API call goes on there first")
async def SetThreadContext(t: Task, hThread: HANDLE, lpContext: PTR) -> BOOL:
    """Replace the parts of a suspended thread's registers that ContextFlags names."""
    task = resolve(t, hThread, TaskObject)
    wanted = CONTEXT.from_buffer_copy(t.mem.read(lpContext, ctypes.sizeof(CONTEXT)))
    if task.ended:
        raise WinError(Err.INVALID_HANDLE)

    def change() -> None:
        merged = CONTEXT()
        exceptions.capture(task, merged)
        _copy(merged, wanted, int(wanted.ContextFlags))
        exceptions.restore(task, merged, fpu=bool(wanted.ContextFlags & CONTEXT_FLOATING_POINT))

    if task is t:
        change()
        raise Redirected
    await _between_turns(t, task, change)
    return True


@kernel32.api()
def GetThreadSelectorEntry(t: Task, hThread: HANDLE, dwSelector: DWORD, lpSelectorEntry: PTR) -> BOOL:
    """The descriptor behind one of a thread's selectors, as an LDT_ENTRY (8 bytes)."""
    task = resolve(t, hThread, TaskObject)
    cs, ss, ds, es, fs, _ = t.cpu.selectors()
    if dwSelector == fs:
        base, limit, access, flags = task.tib, 0xFFF, 0xF3, 0x4
    elif dwSelector in (cs, ss, ds, es):
        base, limit, access, flags = 0, 0xFFFFF, 0xFB if dwSelector == cs else 0xF3, 0xC
    else:
        raise WinError(Err.INVALID_PARAMETER)
    low = limit & 0xFFFF | (base & 0xFFFF) << 16
    high = base >> 16 & 0xFF | access << 8 | (limit >> 16 | flags << 4) << 16 | (base >> 24) << 24
    t.mem.put64(lpSelectorEntry, high << 32 | low)
    return True


