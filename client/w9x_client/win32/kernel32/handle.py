"""Handles as such: closing, duplicating, flags; and `resolve`, from a handle to its object.

`resolve` knows the pseudo handles of GetCurrentProcess and GetCurrentThread; every export that takes a handle goes
through it or, where no pseudo handle is legal, through ``t.process.handles.get``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import BOOL, FLAGS, HANDLE, LPDWORD, LPHANDLE
from w9x_client.process.objects import CURRENT_PROCESS, CURRENT_THREAD, KernelObject

from .dll import kernel32

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

HANDLE_FLAG_INHERIT = 1
HANDLE_FLAG_PROTECT_FROM_CLOSE = 2
DUPLICATE_CLOSE_SOURCE = 1
DUPLICATE_SAME_ACCESS = 2
INVALID_HANDLE_VALUE = 0xFFFFFFFF
_PROCESS = (CURRENT_PROCESS, INVALID_HANDLE_VALUE)
"""Windows 9x's value, and NT's, which programs write down as (HANDLE)-1."""

O = TypeVar("O", bound=KernelObject)


class HandleFlags:
    """HANDLE_FLAG_* by handle, for those that have any; kept in ``process.state(HandleFlags)``."""

    def __init__(self, process: Process) -> None:
        self._flags: dict[int, int] = {}

    def get(self, handle: int) -> int:
        """The flags of ``handle``."""
        return self._flags.get(handle, 0)

    def set(self, handle: int, flags: int) -> None:
        """Replace the flags of ``handle``."""
        if flags:
            self._flags[handle] = flags
        else:
            self._flags.pop(handle, None)


class OwnProcess(KernelObject):
    """This process, as its handles see it.

    Kept in ``process.state(OwnProcess)``. It has not ended while somebody can ask.
    """

    def __init__(self, process: Process) -> None:
        super().__init__()
        self.process = process

    def signaled(self, task: Task) -> bool:
        return False


def resolve(t: Task, handle: int, kind: type[O]) -> O:
    """The object of ``kind`` behind a handle or pseudo handle; WinError(ERROR_INVALID_HANDLE)."""
    item: KernelObject | None = t.process.handles.find(handle)
    if item is None:
        if handle in _PROCESS:
            item = t.process.state(OwnProcess)
        elif handle == CURRENT_THREAD:
            item = t
    if not isinstance(item, kind):
        raise WinError(Err.INVALID_HANDLE)
    return item


def is_current_process(t: Task, handle: int) -> bool:
    """Whether ``handle`` means this process; WinError(ERROR_INVALID_HANDLE) when it means nothing at all."""
    return handle in _PROCESS or isinstance(resolve(t, handle, KernelObject), OwnProcess)


def inheritable(t: Task, handle: int, attributes: int) -> int:
    """Mark a new handle inheritable where the SECURITY_ATTRIBUTES at ``attributes`` say so; returns the handle."""
    if attributes and t.mem.u32(attributes + 8):
        t.process.state(HandleFlags).set(handle, HANDLE_FLAG_INHERIT)
    return handle


@kernel32.api()
def CloseHandle(t: Task, hObject: HANDLE) -> BOOL:
    """Close a handle. Pseudo handles are accepted and stay."""
    if hObject in _PROCESS or hObject == CURRENT_THREAD:
        return True
    flags = t.process.state(HandleFlags)
    if flags.get(hObject) & HANDLE_FLAG_PROTECT_FROM_CLOSE:
        raise WinError(Err.INVALID_HANDLE)
    t.process.handles.close(hObject)
    flags.set(hObject, 0)
    return True


@kernel32.partial("within this process; access rights are not kept")
def DuplicateHandle(
    t: Task,
    hSourceProcessHandle: HANDLE,
    hSourceHandle: HANDLE,
    hTargetProcessHandle: HANDLE,
    lpTargetHandle: LPHANDLE,
    dwDesiredAccess: FLAGS,
    bInheritHandle: BOOL,
    dwOptions: FLAGS,
) -> BOOL:
    """A second handle to the same object; makes real handles of pseudo handles."""
    if not is_current_process(t, hSourceProcessHandle) or not is_current_process(t, hTargetProcessHandle):
        raise WinError(Err.ACCESS_DENIED)
    item = resolve(t, hSourceHandle, KernelObject)
    handle = t.process.handles.add(item)
    if bInheritHandle:
        t.process.state(HandleFlags).set(handle, HANDLE_FLAG_INHERIT)
    if dwOptions & DUPLICATE_CLOSE_SOURCE and t.process.handles.find(hSourceHandle) is not None:
        t.process.handles.close(hSourceHandle)
        t.process.state(HandleFlags).set(hSourceHandle, 0)
    if lpTargetHandle:
        lpTargetHandle.set(handle)
    else:
        t.process.handles.close(handle)
    return True


@kernel32.api()
def GetHandleInformation(t: Task, hObject: HANDLE, lpdwFlags: LPDWORD) -> BOOL:
    """HANDLE_FLAG_INHERIT and HANDLE_FLAG_PROTECT_FROM_CLOSE."""
    resolve(t, hObject, KernelObject)
    lpdwFlags.set(t.process.state(HandleFlags).get(hObject))
    return True


@kernel32.api()
def SetHandleInformation(t: Task, hObject: HANDLE, dwMask: FLAGS, dwFlags: FLAGS) -> BOOL:
    """Change the flags that ``dwMask`` names."""
    if t.process.handles.find(hObject) is None:
        raise WinError(Err.INVALID_HANDLE)
    if dwMask & ~3:
        raise WinError(Err.INVALID_PARAMETER)
    flags = t.process.state(HandleFlags)
    flags.set(hObject, flags.get(hObject) & ~dwMask | dwFlags & dwMask)
    return True


@kernel32.api()
def SetHandleCount(t: Task, uNumber: FLAGS) -> FLAGS:
    """Windows 9x has no such limit: returns the number asked for (SDK, SetHandleCount)."""
    return uNumber


@kernel32.api()
def ConvertToGlobalHandle(t: Task, hSource: HANDLE) -> HANDLE:
    """Undocumented 9x export.

    A handle valid in every process. Returns the handle, which this process may go on using.
    """
    resolve(t, hSource, KernelObject)
    return hSource
