"""Kernel objects, handles and waiting, inside one process.

`KernelObject` is what a handle refers to. A waitable object answers `signaled` and `acquire`; whoever changes its
state calls `notify`, which lets the scheduler complete waits in the order they began (Win32 promises no order; first
come, first served is what Windows 9x did in practice). Nothing here blocks: a wait that cannot be met parks the task
(see `scheduler`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from w9x_client.abi import Err, WinError

if TYPE_CHECKING:
    from .scheduler import Wait
    from .task import Task

O = TypeVar("O", bound="KernelObject")  # conventional name for "object type"

CURRENT_PROCESS = 0x7FFFFFFF
"""GetCurrentProcess's pseudo handle on Windows 9x (NT: FFFFFFFF, accepted too)."""
CURRENT_THREAD = 0xFFFFFFFE


class KernelObject:
    """Something a handle refers to."""

    name: str | None = None
    wait_fd = -1
    """Host descriptor whose readability may make the object signaled (console input, pipes); -1 for none."""

    def __init__(self) -> None:
        self.references = 0
        self.waiters: list[Wait] = []

    def signaled(self, task: Task) -> bool:
        """Whether a wait by ``task`` would succeed now; objects that cannot be waited for raise WinError(6)."""
        raise WinError(Err.INVALID_HANDLE)

    def acquire(self, task: Task) -> bool:
        """Take what a successful wait takes (auto-reset, ownership, count); True when the mutex was abandoned."""
        return False

    def notify(self) -> None:
        """The state may have become signaled: complete what waits can be completed."""
        for wait in list(self.waiters):
            wait.try_complete()

    def close(self) -> None:
        """The last handle is gone."""


class Event(KernelObject):
    """CreateEvent's object."""

    def __init__(self, manual: bool, state: bool) -> None:
        super().__init__()
        self.manual, self.state = manual, state

    def signaled(self, task: Task) -> bool:
        return self.state

    def acquire(self, task: Task) -> bool:
        if not self.manual:
            self.state = False
        return False

    def set(self) -> None:
        """SetEvent."""
        self.state = True
        if self.waiters:
            self.notify()

    def reset(self) -> None:
        """ResetEvent."""
        self.state = False

    def pulse(self) -> None:
        """PulseEvent: release the present waiters (one for auto-reset), then reset."""
        self.set()
        self.state = False


class Mutex(KernelObject):
    """CreateMutex's object: recursive, owned by a task, abandoned when its owner ends."""

    def __init__(self) -> None:
        super().__init__()
        self.owner: Task | None = None
        self.count = 0
        self.abandoned = False

    def signaled(self, task: Task) -> bool:
        return self.owner is None or self.owner is task

    def acquire(self, task: Task) -> bool:
        if self.owner is None:
            task.owned_mutexes.append(self)
        self.owner = task
        self.count += 1
        abandoned, self.abandoned = self.abandoned, False
        return abandoned

    def release(self, task: Task) -> None:
        """ReleaseMutex; WinError(ERROR_NOT_OWNER) for a task that does not own it."""
        if self.owner is not task:
            raise WinError(Err.NOT_OWNER)
        self.count -= 1
        if self.count == 0:
            task.owned_mutexes.remove(self)
            self.owner = None
            self.notify()

    def abandon(self) -> None:
        """Its owner ended without releasing it."""
        self.owner, self.count, self.abandoned = None, 0, True
        self.notify()


class Semaphore(KernelObject):
    """CreateSemaphore's object."""

    def __init__(self, count: int, maximum: int) -> None:
        super().__init__()
        self.count, self.maximum = count, maximum

    def signaled(self, task: Task) -> bool:
        return self.count > 0

    def acquire(self, task: Task) -> bool:
        self.count -= 1
        return False

    def release(self, count: int) -> int:
        """Add ``count``; returns the previous count; WinError(ERROR_TOO_MANY_POSTS) beyond the maximum."""
        if count <= 0:
            raise WinError(Err.INVALID_PARAMETER)
        if self.count + count > self.maximum:
            raise WinError(Err.TOO_MANY_POSTS)
        previous = self.count
        self.count += count
        self.notify()
        return previous


class HandleTable:
    """One process's handles: multiples of 4, as Win32 documents the two low bits free."""

    LIMIT = 1 << 20

    def __init__(self) -> None:
        self._objects: dict[int, KernelObject] = {}
        self._free: list[int] = []
        self._next = 4

    def __len__(self) -> int:
        return len(self._objects)

    def add(self, item: KernelObject) -> int:
        """A new handle to ``item``; WinError(ERROR_TOO_MANY_OPEN_FILES) at the limit."""
        if len(self._objects) >= self.LIMIT:
            raise WinError(Err.TOO_MANY_OPEN_FILES)
        if self._free:
            handle = self._free.pop()
        else:
            handle = self._next
            self._next += 4
        self._objects[handle] = item
        item.references += 1
        return handle

    def get(self, handle: int, kind: type[O]) -> O:
        """The object behind ``handle``; WinError(ERROR_INVALID_HANDLE) when there is none of this kind."""
        item = self._objects.get(handle)
        if not isinstance(item, kind):
            raise WinError(Err.INVALID_HANDLE)
        return item

    def find(self, handle: int) -> KernelObject | None:
        """The object behind ``handle``, of any kind."""
        return self._objects.get(handle)

    def close(self, handle: int) -> None:
        """CloseHandle."""
        item = self._objects.pop(handle, None)
        if item is None:
            raise WinError(Err.INVALID_HANDLE)
        self._free.append(handle)
        item.references -= 1
        if item.references == 0:
            item.close()

    def close_all(self) -> None:
        """The process ends."""
        for handle in list(self._objects):
            self.close(handle)

    def items(self) -> list[tuple[int, KernelObject]]:
        """All handles, for `w9x ps` and debugging."""
        return sorted(self._objects.items())
