"""Threads of the runtime (process.h): _beginthread, _beginthreadex and their ends.

The runtime's record of a thread goes when the thread ends, however it ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import WinError
from w9x_client.abi.types import INT, PTR, UINT
from w9x_client.process.objects import CURRENT_THREAD
from w9x_client.process.scheduler import Wait

from . import state
from .dll import msvcrt

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

CREATE_SUSPENDED = 4


class _AtEnd(Wait):
    """Sits among a thread's waiters and cleans up when it ends."""

    __slots__ = ("of",)

    def __init__(self, of: Task) -> None:
        super().__init__(of, [], False, None, False)
        self.of = of

    def try_complete(self) -> None:
        """Called when the thread's state changed."""
        if self.of.ended and self in self.of.waiters:
            self.of.waiters.remove(self)
            process = self.of.process
            own = process.state(state.Crt)
            close_handle(process, own.thread_handles.pop(self.of.id, 0))
            own.drop_thread(self.of.id)


def close_handle(process: Process, handle: int) -> None:
    """Close a handle of _beginthread; 0 and one that the program closed are ignored."""
    if handle:
        try:
            process.handles.close(handle)
        except WinError:
            return


def _begin(t: Task, start: int, stack: int, parameter: int, suspended: bool, owned: bool) -> tuple[Task, int] | None:
    """A new thread and its handle; None with errno. ``owned``: the runtime closes the handle at the thread's end."""
    if not start:
        state.set_errno(t, state.EINVAL)
        return None
    try:
        task = t.process.create_task(start, parameter, stack, suspended)
        handle = t.process.handles.add(task)
    except WinError as error:
        state.map_os_error(t, error)
        state.set_errno(t, state.EAGAIN)
        return None
    task.waiters.append(_AtEnd(task))
    if owned:
        state.crt(t).thread_handles[task.id] = handle
    return task, handle


@msvcrt.api()
def _beginthread(t: Task, start_address: PTR, stack_size: UINT, arglist: PTR) -> PTR:
    """A thread whose handle the runtime closes; the handle, or FFFFFFFF with errno."""
    made = _begin(t, start_address, stack_size, arglist, False, True)
    return made[1] if made else 0xFFFFFFFF


@msvcrt.api()
def _beginthreadex(
    t: Task, security: PTR, stack_size: UINT, start_address: PTR, arglist: PTR, initflag: UINT, thrdaddr: PTR
) -> PTR:
    """A thread whose handle is the caller's; the handle, or 0 with errno."""
    made = _begin(t, start_address, stack_size, arglist, bool(initflag & CREATE_SUSPENDED), False)
    if made is None:
        return 0
    if thrdaddr:
        t.mem.put32(thrdaddr, made[0].id)
    return made[1]


@msvcrt.api()
async def _endthread(t: Task) -> None:
    """End this thread and close the handle of _beginthread."""
    close_handle(t.process, state.crt(t).thread_handles.pop(t.id, 0))
    await t.process.exit_thread(t, 0)


@msvcrt.api()
async def _endthreadex(t: Task, retval: UINT) -> None:
    """End this thread with an exit code."""
    await t.process.exit_thread(t, retval)


@msvcrt.api()
def __threadid(t: Task) -> PTR:
    """This thread's number."""
    return t.id


@msvcrt.api()
def __threadhandle(t: Task) -> PTR:
    """The pseudo handle of this thread."""
    return CURRENT_THREAD


async def _library(t: Task, function: str, *arguments: int) -> int:
    return await t.call(t.process.export_address("kernel32", function), *arguments)


@msvcrt.api()
async def _loaddll(t: Task, szName: PTR) -> PTR:
    """LoadLibrary."""
    return await _library(t, "LoadLibraryA", szName)


@msvcrt.api()
async def _unloaddll(t: Task, hMod: PTR) -> INT:
    """FreeLibrary; 0, or a Win32 error."""
    return 0 if await _library(t, "FreeLibrary", hMod) else t.last_error


@msvcrt.api()
async def _getdllprocaddr(t: Task, hMod: PTR, szProcName: PTR, iOrdinal: INT) -> PTR:
    """GetProcAddress by name, or by ordinal when the name is NULL."""
    if szProcName:
        return await _library(t, "GetProcAddress", hMod, szProcName)
    return await _library(t, "GetProcAddress", hMod, iOrdinal & 0xFFFF) if iOrdinal <= 0xFFFF else 0
