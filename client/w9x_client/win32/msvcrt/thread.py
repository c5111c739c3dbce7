"""Threads of the runtime (process.h): _beginthread, _beginthreadex and their ends.

The runtime's record of a thread goes when the thread ends, however it ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import WinError
from w9x_client.abi.types import PTR, UINT

from . import state
from .dll import msvcrt

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

CREATE_SUSPENDED = 4


class _AtEnd:
    """Sits among a thread's waiters and cleans up when it ends."""

    def __init__(self, process: Process, task: Task) -> None:
        self.process, self.task = process, task

    def try_complete(self) -> None:
        """Called when the thread's state changed."""
        if not self.task.ended or self not in self.task.waiters:
            return
        self.task.waiters.remove(self)  # type: ignore[arg-type]  # stands in for a Wait
        own = self.process.state(state.Crt)
        close_handle(self.process, own.thread_handles.pop(self.task.id, 0))
        own.drop_thread(self.task.id)


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
    task.waiters.append(_AtEnd(t.process, task))  # type: ignore[arg-type]  # stands in for a Wait
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
