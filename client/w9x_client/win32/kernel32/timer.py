"""Waitable timers (Windows 98)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import BOOL, FLAGS, HANDLE, LONG, LPCTSTR, PTR
from w9x_client.process.objects import KernelObject

from .dll import kernel32
from .sync import create, open_named
from .time import TICKS_PER_SECOND, filetime_now

if TYPE_CHECKING:
    from w9x_client.process import Process, Task


class WaitableTimer(KernelObject):
    """CreateWaitableTimer's object.

    A host timer thread only asks the scheduler to look; the state changes between turns.
    """

    def __init__(self, process: Process, manual: bool) -> None:
        super().__init__()
        self._process, self.manual = process, manual
        self.state = False
        self._alarm: threading.Timer | None = None
        self._generation = 0

    def signaled(self, task: Task) -> bool:
        return self.state

    def acquire(self, task: Task) -> bool:
        if not self.manual:
            self.state = False
        return False

    def arm(self, seconds: float, period_ms: int, task: Task, completion: int, argument: int) -> None:
        """Signal in ``seconds``, then every ``period_ms`` unless 0.

        ``completion`` is queued to ``task`` as an APC.
        """
        self.disarm()
        self.state = False
        generation = self._generation
        due = time.monotonic() + seconds

        def fire() -> None:
            if generation != self._generation:
                return
            self.state = True
            if completion and not task.ended:
                task.apcs.append((completion, argument))
                if task.wait_for is not None:
                    task.wait_for.try_complete()
            self.notify()
            if period_ms:
                self._start(max(due + period_ms / 1000 - time.monotonic(), 0), again)

        def again() -> None:
            nonlocal due
            due += period_ms / 1000
            self._process.scheduler.later(fire)

        self._start(max(seconds, 0), lambda: self._process.scheduler.later(fire))

    def _start(self, seconds: float, job: Callable[[], None]) -> None:
        self._alarm = threading.Timer(min(seconds, threading.TIMEOUT_MAX), job)
        self._alarm.daemon = True
        self._alarm.start()

    def disarm(self) -> None:
        """CancelWaitableTimer: the state stays as it is."""
        self._generation += 1
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def close(self) -> None:
        self.disarm()


@kernel32.partial("names are known in this process only", aw=True, since="98")
def CreateWaitableTimer(t: Task, lpTimerAttributes: PTR, bManualReset: BOOL, lpTimerName: LPCTSTR) -> HANDLE:
    """Make or open a timer."""

    def make() -> WaitableTimer:
        return WaitableTimer(t.process, bManualReset)

    return create(t, WaitableTimer, lpTimerName, lpTimerAttributes, make)[0]


@kernel32.partial("names are known in this process only", aw=True, since="98")
def OpenWaitableTimer(t: Task, dwDesiredAccess: FLAGS, bInheritHandle: BOOL, lpTimerName: LPCTSTR) -> HANDLE:
    """Open a named timer."""
    return open_named(t, WaitableTimer, lpTimerName, bInheritHandle)


@kernel32.partial("the completion routine is not told the time; never wakes a sleeping machine", since="98")
def SetWaitableTimer(
    t: Task, hTimer: HANDLE, pDueTime: PTR, lPeriod: LONG, pfnCompletionRoutine: PTR, lpArg: PTR, fResume: BOOL
) -> BOOL:
    """Arm a timer: due times >= 0 are UTC (100 ns since 1601), negative ones relative."""
    timer = t.process.handles.get(hTimer, WaitableTimer)
    due = t.mem.u64(pDueTime)
    if lPeriod < 0:
        raise WinError(Err.INVALID_PARAMETER)
    ticks = (1 << 64) - due if due >> 63 else due - filetime_now()
    timer.arm(ticks / TICKS_PER_SECOND, lPeriod, t, pfnCompletionRoutine, lpArg)
    return True


@kernel32.api(since="98")
def CancelWaitableTimer(t: Task, hTimer: HANDLE) -> BOOL:
    """Disarm a timer; its state stays."""
    t.process.handles.get(hTimer, WaitableTimer).disarm()
    return True
