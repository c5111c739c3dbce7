"""Multimedia timers (SDK mmsystem.h).

A timer's callback runs on a thread of its own, as on Windows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client import loader
from w9x_client.abi import WinError
from w9x_client.abi.types import DWORD, FLAGS, PTR, UINT
from w9x_client.process.clock import tick_count
from w9x_client.process.objects import Event

from .dll import winmm

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

TIMERR_NOERROR, TIMERR_NOCANDO, TIMERR_STRUCT = 0, 97, 129
MMSYSERR_INVALPARAM = 11
PERIOD_MIN, PERIOD_MAX = 1, 65535
TIME_PERIODIC, TIME_CALLBACK_EVENT_SET, TIME_CALLBACK_EVENT_PULSE = 0x1, 0x10, 0x20
TIME_MS = 1
TIMERS_MAX = 16
"""Windows 95 allows 16 timers at a time (SDK: timeSetEvent)."""
_STACK = 0x1_0000


@winmm.api()
def timeGetTime(t: Task) -> DWORD:
    """Milliseconds since the start of Windows: the same clock as GetTickCount."""
    return tick_count()


@winmm.api()
def timeGetSystemTime(t: Task, pmmt: PTR, cbmmt: UINT) -> UINT:
    """The time in an MMTIME {type, milliseconds}."""
    if not pmmt or cbmmt < 8:
        return TIMERR_STRUCT
    t.mem.put32(pmmt, TIME_MS)
    t.mem.put32(pmmt + 4, tick_count())
    return TIMERR_NOERROR


@winmm.api()
def timeGetDevCaps(t: Task, ptc: PTR, cbtc: UINT) -> UINT:
    """The shortest and longest period in milliseconds."""
    if not ptc or cbtc < 8:
        return TIMERR_NOCANDO
    t.mem.put32(ptc, PERIOD_MIN)
    t.mem.put32(ptc + 4, PERIOD_MAX)
    return TIMERR_NOERROR


@winmm.api()
def timeBeginPeriod(t: Task, uPeriod: UINT) -> UINT:
    """Ask for a resolution; it is always the best there is."""
    return TIMERR_NOERROR if PERIOD_MIN <= uPeriod <= PERIOD_MAX else TIMERR_NOCANDO


@winmm.api()
def timeEndPeriod(t: Task, uPeriod: UINT) -> UINT:
    """Undo timeBeginPeriod."""
    return TIMERR_NOERROR if PERIOD_MIN <= uPeriod <= PERIOD_MAX else TIMERR_NOCANDO


class Timers:
    """Running timers by id: whether they go on."""

    def __init__(self, process: Process) -> None:
        self.running: dict[int, bool] = {}
        self.next = 16


async def _life(task: Task, number: int, delay: int, callback: int, user: int, flags: int) -> None:
    """A timer's thread: wait, call, and again while the timer is periodic. Late calls are made up for."""
    process = task.process
    timers = process.state(Timers)
    uses_event = flags & (TIME_CALLBACK_EVENT_SET | TIME_CALLBACK_EVENT_PULSE)
    if not uses_event:
        await loader.thread_attach(task)
    due = tick_count()
    while number in timers.running:
        due = (due + delay) & 0xFFFF_FFFF
        left = (due - tick_count()) & 0xFFFF_FFFF
        await task.sleep(left if left < 0x8000_0000 else 0)
        if number not in timers.running:
            break
        if not flags & TIME_PERIODIC:
            timers.running.pop(number, None)
        if uses_event:
            event = process.handles.find(callback)
            if isinstance(event, Event):
                event.set() if flags & TIME_CALLBACK_EVENT_SET else event.pulse()
        else:
            await task.call(callback, number, 0, user, 0, 0)
    await process.exit_thread(task, 0)


@winmm.api()
def timeSetEvent(t: Task, uDelay: UINT, uResolution: UINT, lpTimeProc: PTR, dwUser: DWORD, fuEvent: FLAGS) -> UINT:
    """Start a timer of uDelay milliseconds, once or periodic; returns its id, 0 on failure."""
    timers = t.process.state(Timers)
    if not lpTimeProc or not PERIOD_MIN <= uDelay <= PERIOD_MAX or len(timers.running) >= TIMERS_MAX:
        return 0
    number = timers.next
    try:
        task = t.process.new_task()
        timers.next += 1
        timers.running[number] = True
        t.process.spawn(task, _life(task, number, uDelay, lpTimeProc, dwUser, fuEvent), _STACK, 0x2000)
    except WinError:
        timers.running.pop(number, None)
        return 0
    return number


@winmm.api()
def timeKillEvent(t: Task, uTimerID: UINT) -> UINT:
    """Stop a timer; its callback is not called again."""
    found = t.process.state(Timers).running.pop(uTimerID, None)
    return MMSYSERR_INVALPARAM if found is None else TIMERR_NOERROR
