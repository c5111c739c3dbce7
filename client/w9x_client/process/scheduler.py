"""Which guest thread runs: turns, waits, time-outs and host descriptors.

One host thread runs all guest threads of a process in turns. A `Wait` is what a parked task waits for; whatever
changes an object's state calls `KernelObject.notify`, which completes waits at once. When no task can run, the
scheduler sleeps in the kernel until the earliest time-out, a ready descriptor, or `wake` from a signal handler or the
ticker.
"""

from __future__ import annotations

import os
import select
import time
from collections import deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from . import clock

if TYPE_CHECKING:
    from .objects import KernelObject
    from .process import Process
    from .task import Task

WAIT_TIMEOUT = 0x102
WAIT_ABANDONED = 0x80
WAIT_IO_COMPLETION = 0xC0
SLICE_SECONDS = 0.01
"""Longest turn of a thread while another could run; the granularity of GetTickCount too."""


class Wait:
    """A task's wait for objects, a time, or a host descriptor."""

    __slots__ = (
        "alertable", "deadline", "done", "objects", "read_fd", "result", "task", "wait_all", "write_fd",
    )  # fmt: skip

    def __init__(
        self,
        task: Task,
        objects: list[KernelObject],
        wait_all: bool,
        timeout_ms: int | None,
        alertable: bool,
        *,
        read_fd: int = -1,
        write_fd: int = -1,
    ) -> None:
        self.task, self.objects, self.wait_all, self.alertable = task, objects, wait_all, alertable
        self.deadline = None if timeout_ms is None else time.monotonic() + timeout_ms / 1000
        self.read_fd, self.write_fd = read_fd, write_fd
        self.done = False
        self.result = 0

    def __await__(self) -> Generator[Wait, int, int]:
        return (yield self)

    def try_now(self) -> bool:
        """Complete at once if the objects allow it."""
        task = self.task
        if self.alertable and task.apcs:
            self.result = WAIT_IO_COMPLETION
            return True
        if not self.objects:
            return False
        if self.wait_all:
            if not all(item.signaled(task) for item in self.objects):
                return False
            abandoned = False
            for item in self.objects:
                abandoned |= item.acquire(task)
            self.result = WAIT_ABANDONED if abandoned else 0
            return True
        for index, item in enumerate(self.objects):
            if item.signaled(task):
                self.result = index + (WAIT_ABANDONED if item.acquire(task) else 0)
                return True
        return False

    def begin(self) -> None:
        """Park: from now on `KernelObject.notify` and the scheduler may complete it."""
        for item in self.objects:
            item.waiters.append(self)
        self.task.process.scheduler.park(self)

    def try_complete(self) -> None:
        """An object changed."""
        if not self.done and self.try_now():
            self.complete(self.result)

    def complete(self, result: int) -> None:
        """The task goes on with ``result``."""
        self.cancel()
        task = self.task
        task.wait_for = None
        task.wake_value = result
        task.resume_pending = True
        task.process.scheduler.ready(task)

    def cancel(self) -> None:
        """Forget the wait."""
        if self.done:
            return
        self.done = True
        for item in self.objects:
            if self in item.waiters:
                item.waiters.remove(self)
        self.task.process.scheduler.unpark(self)


class Scheduler:
    """Turns among one process's tasks."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._ready: deque[Task] = deque()
        self._parked: list[Wait] = []
        self.current: Task | None = None
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._jobs: deque[Callable[[], None]] = deque()

    def wake(self) -> None:
        """Make a sleeping scheduler look again; callable from any host thread and from signal handlers."""
        try:
            os.write(self._wake_write, b"w")
        except BlockingIOError:
            pass  # it has a wake-up already
        except OSError:
            pass  # closed: the process has ended

    def later(self, job: Callable[[], None]) -> None:
        """Run ``job`` between two turns; callable from any host thread."""
        self._jobs.append(job)
        self.wake()
        self._process.engine.stop()

    def ready(self, task: Task) -> None:
        """``task`` can run."""
        if task is not self.current and task not in self._ready:
            self._ready.append(task)

    def park(self, wait: Wait) -> None:
        """A wait has begun."""
        self._parked.append(wait)

    def unpark(self, wait: Wait) -> None:
        """A wait is over."""
        if wait in self._parked:
            self._parked.remove(wait)

    @property
    def contended(self) -> bool:
        """Whether another thread wants the processor, or a parked one has a time-out or descriptor to look after."""
        return bool(self._ready or self._parked or self._jobs)

    # --- the loop -------------------------------------------------------------------
    def run(self, until: Callable[[], bool] | None = None) -> None:
        """Run until the process ends (`GuestExit` from a handler passes through), or ``until()`` holds between two
        turns.
        """
        process, engine = self._process, self._process.engine
        while until is None or not until():
            while self._jobs:
                self._jobs.popleft()()
            if self._parked:
                busy = self._runnable(self.current) or any(map(self._runnable, self._ready))
                self._poll(0.0 if busy else None)
            process.space.refresh()
            task = self._next()
            if task is None:
                if not self._parked and not process.has_live_tasks():
                    return
                if not self._parked and not self._jobs:
                    self._poll(None)
                continue
            self.current = task
            clock.update(process.mem.ram)
            engine.switch_to(task, task.state)
            if task.resume_pending:
                task.resume()
            if self._runnable(task) and not task.resume_pending:
                engine.run(process)

    def _runnable(self, task: Task | None) -> bool:
        return task is not None and not task.ended and task.wait_for is None and not task.suspend_count

    def _next(self) -> Task | None:
        """Round robin: the task that ran last goes behind those that wait for their turn."""
        last, self.current = self.current, None
        if self._runnable(last) and last not in self._ready:
            assert last is not None
            self._ready.append(last)
        for _ in range(len(self._ready)):
            task = self._ready.popleft()
            if self._runnable(task):
                return task  # an ended, parked or suspended one comes back when it can run again
        return None

    def _poll(self, timeout: float | None) -> None:
        """Complete waits whose time or descriptor has come; sleeps when ``timeout`` is None, until one has."""
        deadline = min((w.deadline for w in self._parked if w.deadline is not None), default=None)
        descriptors = [
            w for w in self._parked if w.read_fd >= 0 or w.write_fd >= 0 or any(o.wait_fd >= 0 for o in w.objects)
        ]
        if timeout is None or descriptors:
            if timeout is None and deadline is not None:
                timeout = max(0.0, deadline - time.monotonic())
            self._poll_descriptors(descriptors, timeout)
        if deadline is not None:
            now = time.monotonic()
            for wait in list(self._parked):
                if wait.deadline is not None and wait.deadline <= now:
                    wait.complete(WAIT_TIMEOUT)

    def _poll_descriptors(self, waits: list[Wait], timeout: float | None) -> None:
        poller = select.poll()
        poller.register(self._wake_read, select.POLLIN)
        masks: dict[int, int] = {}
        for wait in waits:
            if wait.read_fd >= 0:
                masks[wait.read_fd] = masks.get(wait.read_fd, 0) | select.POLLIN
            if wait.write_fd >= 0:
                masks[wait.write_fd] = masks.get(wait.write_fd, 0) | select.POLLOUT
            for item in wait.objects:
                if item.wait_fd >= 0:
                    masks[item.wait_fd] = masks.get(item.wait_fd, 0) | select.POLLIN
        for fd, mask in masks.items():
            poller.register(fd, mask)
        events = dict(poller.poll(None if timeout is None else min(timeout * 1000, 0x7FFF_FFFF)))
        if self._wake_read in events:
            try:
                os.read(self._wake_read, 4096)
            except BlockingIOError:
                pass
        ended = select.POLLHUP | select.POLLERR | select.POLLNVAL
        for wait in waits:
            if events.get(wait.read_fd, 0) & (select.POLLIN | ended) or events.get(wait.write_fd, 0) & (
                select.POLLOUT | ended
            ):
                wait.complete(0)
                continue
            for item in wait.objects:
                if events.get(item.wait_fd, 0) & (select.POLLIN | ended):
                    item.notify()

    def close(self) -> None:
        """Release the descriptors."""
        os.close(self._wake_read)
        os.close(self._wake_write)
        self._wake_read = self._wake_write = -1
