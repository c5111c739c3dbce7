"""Events, mutexes, semaphores, and waiting for anything that has a handle.

The objects are those of `w9x_client.process.objects`; ``t.wait`` does the waiting. Names form one space for all
kinds, as documented.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import BOOL, DWORD, DWORD_INVALID, FLAGS, HANDLE, LONG, LPCTSTR, LPLONG, PTR
from w9x_client.process.objects import Event, KernelObject, Mutex, Semaphore

from .dll import kernel32
from .handle import inheritable, resolve

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

INFINITE = 0xFFFFFFFF
MAXIMUM_WAIT_OBJECTS = 64
MAX_NAME = 260
_LOCAL_NAMES = "names are known in this process only"

O = TypeVar("O", bound=KernelObject)


class NamedObjects:
    """The process's named kernel objects.

    Kept in ``process.state(NamedObjects)``. A name lives as long as a handle does.
    """

    def __init__(self, process: Process) -> None:
        self._objects: dict[str, KernelObject] = {}

    def find(self, name: str) -> KernelObject | None:
        """The object called ``name``; names are case-sensitive."""
        item = self._objects.get(name)
        if item is not None and item.references == 0:
            del self._objects[name]
            return None
        return item

    def add(self, name: str, item: KernelObject) -> None:
        """Name an object."""
        item.name = name
        self._objects[name] = item


def create(t: Task, kind: type[O], name: str | None, attributes: int, make: Callable[[], O]) -> tuple[int, bool]:
    """A handle to the object called ``name``, made if need be; and whether it is new.

    Sets last error to 0 or ERROR_ALREADY_EXISTS, which is how callers tell. WinError(ERROR_INVALID_HANDLE) where
    the name belongs to another kind of object.
    """
    names = t.process.state(NamedObjects)
    item: KernelObject | None = None
    if name:
        if len(name) >= MAX_NAME:
            raise WinError(Err.FILENAME_EXCED_RANGE)
        item = names.find(name)
    if item is not None:
        if not isinstance(item, kind):
            raise WinError(Err.INVALID_HANDLE)
        t.last_error = Err.ALREADY_EXISTS
        return inheritable(t, t.process.handles.add(item), attributes), False
    made = make()
    handle = inheritable(t, t.process.handles.add(made), attributes)
    if name:
        names.add(name, made)
    t.last_error = 0
    return handle, True


def open_named(t: Task, kind: type[O], name: str | None, inherit: bool) -> int:
    """A handle to an existing named object; WinError FILE_NOT_FOUND, INVALID_HANDLE, INVALID_PARAMETER (no name)."""
    if name is None:
        raise WinError(Err.INVALID_PARAMETER)
    item = t.process.state(NamedObjects).find(name)
    if item is None:
        raise WinError(Err.FILE_NOT_FOUND)
    if not isinstance(item, kind):
        raise WinError(Err.INVALID_HANDLE)
    return t.process.handles.add(item)


# --- events ---------------------------------------------------------------------------
@kernel32.partial(_LOCAL_NAMES, aw=True)
def CreateEvent(
    t: Task, lpEventAttributes: PTR, bManualReset: BOOL, bInitialState: BOOL, lpName: LPCTSTR
) -> HANDLE:
    """Make or open an event."""
    handle, _ = create(t, Event, lpName, lpEventAttributes, lambda: Event(bManualReset, bInitialState))
    return handle


@kernel32.partial(_LOCAL_NAMES, aw=True)
def OpenEvent(t: Task, dwDesiredAccess: FLAGS, bInheritHandle: BOOL, lpName: LPCTSTR) -> HANDLE:
    """Open a named event."""
    return open_named(t, Event, lpName, bInheritHandle)


@kernel32.api()
def SetEvent(t: Task, hEvent: HANDLE) -> BOOL:
    """Signal an event."""
    t.process.handles.get(hEvent, Event).set()
    return True


@kernel32.api()
def ResetEvent(t: Task, hEvent: HANDLE) -> BOOL:
    """Make an event unsignaled."""
    t.process.handles.get(hEvent, Event).reset()
    return True


@kernel32.api()
def PulseEvent(t: Task, hEvent: HANDLE) -> BOOL:
    """Release the threads that wait now."""
    t.process.handles.get(hEvent, Event).pulse()
    return True


# --- mutexes --------------------------------------------------------------------------
@kernel32.partial(_LOCAL_NAMES, aw=True)
def CreateMutex(t: Task, lpMutexAttributes: PTR, bInitialOwner: BOOL, lpName: LPCTSTR) -> HANDLE:
    """Make or open a mutex; ``bInitialOwner`` counts for a new one only."""

    def make() -> Mutex:
        mutex = Mutex()
        if bInitialOwner:
            mutex.acquire(t)
        return mutex

    return create(t, Mutex, lpName, lpMutexAttributes, make)[0]


@kernel32.partial(_LOCAL_NAMES, aw=True)
def OpenMutex(t: Task, dwDesiredAccess: FLAGS, bInheritHandle: BOOL, lpName: LPCTSTR) -> HANDLE:
    """Open a named mutex."""
    return open_named(t, Mutex, lpName, bInheritHandle)


@kernel32.api()
def ReleaseMutex(t: Task, hMutex: HANDLE) -> BOOL:
    """Give up one ownership; ERROR_NOT_OWNER for a thread that has none."""
    t.process.handles.get(hMutex, Mutex).release(t)
    return True


# --- semaphores -----------------------------------------------------------------------
@kernel32.partial(_LOCAL_NAMES, aw=True)
def CreateSemaphore(
    t: Task, lpSemaphoreAttributes: PTR, lInitialCount: LONG, lMaximumCount: LONG, lpName: LPCTSTR
) -> HANDLE:
    """Make or open a semaphore."""
    if not 0 <= lInitialCount <= lMaximumCount or lMaximumCount <= 0:
        raise WinError(Err.INVALID_PARAMETER)
    return create(t, Semaphore, lpName, lpSemaphoreAttributes, lambda: Semaphore(lInitialCount, lMaximumCount))[0]


@kernel32.partial(_LOCAL_NAMES, aw=True)
def OpenSemaphore(t: Task, dwDesiredAccess: FLAGS, bInheritHandle: BOOL, lpName: LPCTSTR) -> HANDLE:
    """Open a named semaphore."""
    return open_named(t, Semaphore, lpName, bInheritHandle)


@kernel32.api()
def ReleaseSemaphore(t: Task, hSemaphore: HANDLE, lReleaseCount: LONG, lpPreviousCount: LPLONG) -> BOOL:
    """Add to a semaphore's count, up to its maximum."""
    lpPreviousCount.set(t.process.handles.get(hSemaphore, Semaphore).release(lReleaseCount))
    return True


# --- waiting --------------------------------------------------------------------------
def _timeout(milliseconds: int) -> int | None:
    return None if milliseconds == INFINITE else milliseconds


@kernel32.api()
async def WaitForSingleObject(t: Task, hHandle: HANDLE, dwMilliseconds: DWORD) -> DWORD_INVALID:
    """Wait for one object: WAIT_OBJECT_0, WAIT_ABANDONED (80h), WAIT_TIMEOUT (102h) or WAIT_FAILED."""
    return await t.wait([resolve(t, hHandle, KernelObject)], timeout_ms=_timeout(dwMilliseconds))


@kernel32.api()
async def WaitForSingleObjectEx(t: Task, hHandle: HANDLE, dwMilliseconds: DWORD, bAlertable: BOOL) -> DWORD_INVALID:
    """As WaitForSingleObject; WAIT_IO_COMPLETION (C0h) when an APC ran in an alertable wait."""
    item = resolve(t, hHandle, KernelObject)
    return await t.wait([item], timeout_ms=_timeout(dwMilliseconds), alertable=bAlertable)


async def _wait_many(t: Task, count: int, array: int, wait_all: bool, milliseconds: int, alertable: bool) -> int:
    if not 1 <= count <= MAXIMUM_WAIT_OBJECTS:
        raise WinError(Err.INVALID_PARAMETER)
    raw = t.mem.read(array, 4 * count)
    items = [resolve(t, int.from_bytes(raw[i : i + 4], "little"), KernelObject) for i in range(0, len(raw), 4)]
    if wait_all and len({id(item) for item in items}) != count:
        raise WinError(Err.INVALID_PARAMETER)
    return await t.wait(items, wait_all=wait_all, timeout_ms=_timeout(milliseconds), alertable=alertable)


@kernel32.api()
async def WaitForMultipleObjects(
    t: Task, nCount: DWORD, lpHandles: PTR, bWaitAll: BOOL, dwMilliseconds: DWORD
) -> DWORD_INVALID:
    """Wait for any or all of up to 64 objects."""
    return await _wait_many(t, nCount, lpHandles, bWaitAll, dwMilliseconds, False)


@kernel32.api()
async def WaitForMultipleObjectsEx(
    t: Task, nCount: DWORD, lpHandles: PTR, bWaitAll: BOOL, dwMilliseconds: DWORD, bAlertable: BOOL
) -> DWORD_INVALID:
    """As WaitForMultipleObjects, alertable."""
    return await _wait_many(t, nCount, lpHandles, bWaitAll, dwMilliseconds, bAlertable)


@kernel32.api(since="98")
async def SignalObjectAndWait(
    t: Task, hObjectToSignal: HANDLE, hObjectToWaitOn: HANDLE, dwMilliseconds: DWORD, bAlertable: BOOL
) -> DWORD_INVALID:
    """Signal an event, mutex or semaphore and wait for another object."""
    signal = resolve(t, hObjectToSignal, KernelObject)
    target = resolve(t, hObjectToWaitOn, KernelObject)
    if isinstance(signal, Event):
        signal.set()
    elif isinstance(signal, Mutex):
        signal.release(t)
    elif isinstance(signal, Semaphore):
        signal.release(1)
    else:
        raise WinError(Err.INVALID_HANDLE)
    return await t.wait([target], timeout_ms=_timeout(dwMilliseconds), alertable=bAlertable)


# --- completion ports: Windows 9x exports them and does not support them (SDK) ---------------
@kernel32.api()
def CreateIoCompletionPort(
    t: Task, FileHandle: HANDLE, ExistingCompletionPort: HANDLE, CompletionKey: DWORD, threads: DWORD
) -> HANDLE:
    """NULL and ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@kernel32.api()
def GetQueuedCompletionStatus(
    t: Task, CompletionPort: HANDLE, transferred: PTR, key: PTR, overlapped: PTR, dwMilliseconds: DWORD
) -> BOOL:
    """FALSE and ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@kernel32.api()
def PostQueuedCompletionStatus(
    t: Task, CompletionPort: HANDLE, transferred: DWORD, key: DWORD, overlapped: PTR
) -> BOOL:
    """FALSE and ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)
