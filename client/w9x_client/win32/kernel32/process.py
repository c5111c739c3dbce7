"""Processes: this one's identity, start and end; starting others.

A process handle refers to `OwnProcess` (this one) or to `ChildProcess`; process ids are the daemon's guest ids.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from w9x_client.abi import Err, GuestExit, GuestFault, WinError, codepage
from w9x_client.abi.types import BOOL, DWORD, FLAGS, HANDLE, IS_WIDE, LPDWORD, PTR, SIZE_T, UINT, VOID
from w9x_client.process.child import STILL_ACTIVE, ChildProcess, Children
from w9x_client.process.objects import CURRENT_PROCESS

from .dll import kernel32
from .handle import OwnProcess, is_current_process, resolve

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

NORMAL_PRIORITY_CLASS = 0x20
_PRIORITY_CLASSES = (0x20, 0x40, 0x80, 0x100)


PLACE_FIELDS = (
    "dwX", "dwY", "dwXSize", "dwYSize", "dwXCountChars", "dwYCountChars", "dwFillAttribute", "wShowWindow",
)  # fmt: skip
"""The numbers of STARTUPINFO that a child is told as they are."""


class STARTUPINFO(ctypes.LittleEndianStructure):
    """SDK winbase.h; 68 bytes, the same layout for A and W."""

    _fields_ = (
        ("cb", ctypes.c_uint32), ("lpReserved", ctypes.c_uint32), ("lpDesktop", ctypes.c_uint32), ("lpTitle",
        ctypes.c_uint32), ("dwX", ctypes.c_uint32), ("dwY", ctypes.c_uint32), ("dwXSize", ctypes.c_uint32),
        ("dwYSize", ctypes.c_uint32), ("dwXCountChars", ctypes.c_uint32), ("dwYCountChars", ctypes.c_uint32),
        ("dwFillAttribute", ctypes.c_uint32), ("dwFlags", ctypes.c_uint32), ("wShowWindow", ctypes.c_uint16),
        ("cbReserved2", ctypes.c_uint16), ("lpReserved2", ctypes.c_uint32), ("hStdInput", ctypes.c_uint32),
        ("hStdOutput", ctypes.c_uint32), ("hStdError", ctypes.c_uint32),
    )  # fmt: skip


class ProcessTexts:
    """Texts that live as long as the process (command line, start-up title), in guest memory; by (name, wide)."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._addresses: dict[tuple[str, bool], int] = {}

    def address(self, name: str, text: str, wide: bool) -> int:
        """The text's address, stored at the first call under ``name``."""
        found = self._addresses.get((name, wide))
        if found is None:
            text += "\0"
            data = text.encode("utf-16-le", "surrogatepass") if wide else codepage.encode(text, self._process.acp)
            found = self._process.heap_alloc(len(data))
            self._process.mem.write(found, data)
            self._addresses[name, wide] = found
        return found


class ProcessSettings:
    """What SetPriorityClass and SetProcessShutdownParameters were told."""

    def __init__(self, process: Process) -> None:
        self.priority_class = NORMAL_PRIORITY_CLASS
        self.shutdown = (0x280, 0)


# --- start ------------------------------------------------------------------------------
@kernel32.api(aw=True)
def GetCommandLine(t: Task, W: IS_WIDE) -> PTR:
    """The command line, at the same address each time."""
    return t.process.state(ProcessTexts).address("command line", t.process.command_line, W)


@kernel32.api(aw=True)
def GetStartupInfo(t: Task, lpStartupInfo: PTR, W: IS_WIDE) -> VOID:
    """What the parent gave to CreateProcess; for a program started from Linux, its title and standard handles."""
    process = t.process
    told = process.startup
    info = t.mem.struct(STARTUPINFO, lpStartupInfo)
    ctypes.memset(ctypes.addressof(info), 0, ctypes.sizeof(STARTUPINFO))
    info.cb = ctypes.sizeof(STARTUPINFO)
    texts = process.state(ProcessTexts)
    program = process.modules.exe
    title = told.get("lpTitle") or (program.path if program is not None else "")
    info.lpTitle = texts.address("title", title, W)
    info.lpDesktop = texts.address("desktop", told.get("lpDesktop") or "", W)
    for name in (*PLACE_FIELDS, "dwFlags"):
        setattr(info, name, int(told.get(name, 0)))
    info.hStdInput = process.std_handles.get(-10, 0)
    info.hStdOutput = process.std_handles.get(-11, 0)
    info.hStdError = process.std_handles.get(-12, 0)


# --- identity ---------------------------------------------------------------------------
@kernel32.api()
def GetCurrentProcess(t: Task) -> HANDLE:
    """The pseudo handle 7FFFFFFF."""
    return CURRENT_PROCESS


@kernel32.api()
def GetCurrentProcessId(t: Task) -> DWORD:
    """This process's id."""
    return t.process.guest_pid


@kernel32.api()
def GetProcessVersion(t: Task, ProcessId: DWORD) -> DWORD:
    """The subsystem version of a process's program, major in the high word; 0 means this process."""
    program = t.process.modules.exe
    if ProcessId not in (0, t.process.guest_pid) or program is None:
        raise WinError(Err.INVALID_PARAMETER)
    major, minor = program.image.subsystem_version
    return major << 16 | minor


def child_of(t: Task, handle: int) -> ChildProcess | None:
    """The child behind a handle, None for this process; WinError(ERROR_INVALID_HANDLE) for what is no process."""
    return None if is_current_process(t, handle) else resolve(t, handle, ChildProcess)


@kernel32.partial("this process and those it has started")
def OpenProcess(t: Task, dwDesiredAccess: FLAGS, bInheritHandle: BOOL, dwProcessId: DWORD) -> HANDLE:
    """A handle to a process by id."""
    if dwProcessId == t.process.guest_pid:
        return t.process.handles.add(t.process.state(OwnProcess))
    child = t.process.state(Children).by_pid.get(dwProcessId)
    if child is None:
        raise WinError(Err.INVALID_PARAMETER)
    return t.process.handles.add(child)


# --- end --------------------------------------------------------------------------------
@kernel32.api()
async def ExitProcess(t: Task, uExitCode: UINT) -> VOID:
    """End the process: DLLs get DLL_PROCESS_DETACH."""
    await t.process.exit(t, uExitCode)


@kernel32.api()
def TerminateProcess(t: Task, hProcess: HANDLE, uExitCode: UINT) -> BOOL:
    """End a process at once, its DLLs not told."""
    child = child_of(t, hProcess)
    if child is None:
        raise GuestExit(uExitCode)
    child.terminate(uExitCode)
    return True


@kernel32.api()
def GetExitCodeProcess(t: Task, hProcess: HANDLE, lpExitCode: LPDWORD) -> BOOL:
    """A process's exit code; 259 (STILL_ACTIVE) while it runs."""
    child = child_of(t, hProcess)
    lpExitCode.set(STILL_ACTIVE if child is None else child.exit_code)
    return True


# --- memory of processes ------------------------------------------------------------------
def _read(t: Task, address: int, buffer: int, size: int, count: LPDWORD) -> bool:
    try:
        data = t.mem.read(address, size)
        t.mem.check(buffer, size, True)
    except GuestFault:
        count.set(0)
        raise WinError(Err.NOACCESS) from None
    t.mem.write(buffer, data)
    count.set(size)
    return True


@kernel32.partial("this process only")
def ReadProcessMemory(
    t: Task, hProcess: HANDLE, lpBaseAddress: PTR, lpBuffer: PTR, nSize: SIZE_T, lpNumberOfBytesRead: LPDWORD
) -> BOOL:
    """Copy bytes from a process; all or nothing."""
    if not is_current_process(t, hProcess):
        raise WinError(Err.ACCESS_DENIED)
    return _read(t, lpBaseAddress, lpBuffer, nSize, lpNumberOfBytesRead)


@kernel32.partial("this process only")
def WriteProcessMemory(
    t: Task, hProcess: HANDLE, lpBaseAddress: PTR, lpBuffer: PTR, nSize: SIZE_T, lpNumberOfBytesWritten: LPDWORD
) -> BOOL:
    """Copy bytes into a process; all or nothing. Pages that only cannot be written yet (code) are written too."""
    if not is_current_process(t, hProcess):
        raise WinError(Err.ACCESS_DENIED)
    try:
        data = t.mem.read(lpBuffer, nSize)
        t.mem.check(lpBaseAddress, nSize)
    except GuestFault:
        lpNumberOfBytesWritten.set(0)
        raise WinError(Err.NOACCESS) from None
    if not t.mem.writable(lpBaseAddress, nSize):
        raise WinError(Err.NOACCESS)
    t.mem.write(lpBaseAddress, data)
    lpNumberOfBytesWritten.set(nSize)
    return True


@kernel32.partial("this process only")
def Toolhelp32ReadProcessMemory(
    t: Task, th32ProcessID: DWORD, lpBaseAddress: PTR, lpBuffer: PTR, cbRead: SIZE_T, lpNumberOfBytesRead: LPDWORD
) -> BOOL:
    """As ReadProcessMemory, by process id; 0 is this process."""
    if th32ProcessID not in (0, t.process.guest_pid):
        raise WinError(Err.ACCESS_DENIED)
    return _read(t, lpBaseAddress, lpBuffer, cbRead, lpNumberOfBytesRead)


@kernel32.api()
def FlushInstructionCache(t: Task, hProcess: HANDLE, lpBaseAddress: PTR, dwSize: SIZE_T) -> BOOL:
    """Code has been changed. The engine sees the guest's own writes; this covers those through other mappings."""
    child_of(t, hProcess)
    if lpBaseAddress and dwSize:
        t.process.engine.code_written(lpBaseAddress, min(dwSize, 0x1_0000_0000 - lpBaseAddress))
    return True


# --- settings -----------------------------------------------------------------------------
@kernel32.partial("kept and reported, without effect")
def SetPriorityClass(t: Task, hProcess: HANDLE, dwPriorityClass: FLAGS) -> BOOL:
    """Set IDLE, NORMAL, HIGH or REALTIME."""
    child_of(t, hProcess)
    if dwPriorityClass not in _PRIORITY_CLASSES:
        raise WinError(Err.INVALID_PARAMETER)
    t.process.state(ProcessSettings).priority_class = dwPriorityClass
    return True


@kernel32.api()
def GetPriorityClass(t: Task, hProcess: HANDLE) -> DWORD:
    """The priority class that was set."""
    child_of(t, hProcess)
    return t.process.state(ProcessSettings).priority_class


@kernel32.api()
def GetProcessAffinityMask(t: Task, hProcess: HANDLE, lpProcessAffinityMask: LPDWORD, lpSystemMask: LPDWORD) -> BOOL:
    """One processor: 1 and 1 (Windows 9x uses one)."""
    child_of(t, hProcess)
    lpProcessAffinityMask.set(1)
    lpSystemMask.set(1)
    return True


@kernel32.api(since="98")
def SetProcessAffinityMask(t: Task, hProcess: HANDLE, dwProcessAffinityMask: DWORD) -> BOOL:
    """One processor: only mask 1 is valid."""
    child_of(t, hProcess)
    if dwProcessAffinityMask != 1:
        raise WinError(Err.INVALID_PARAMETER)
    return True


@kernel32.api()
def GetProcessTimes(t: Task, hProcess: HANDLE, created: PTR, ended: PTR, kernel: PTR, user: PTR) -> BOOL:
    """Windows 9x does not support it: FALSE and ERROR_CALL_NOT_IMPLEMENTED (SDK)."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@kernel32.api()
def GetProcessWorkingSetSize(t: Task, hProcess: HANDLE, lpMinimum: LPDWORD, lpMaximum: LPDWORD) -> BOOL:
    """Windows 9x does not support it: FALSE and ERROR_CALL_NOT_IMPLEMENTED (SDK)."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@kernel32.api()
def SetProcessWorkingSetSize(t: Task, hProcess: HANDLE, dwMinimum: SIZE_T, dwMaximum: SIZE_T) -> BOOL:
    """Windows 9x does not support it: FALSE and ERROR_CALL_NOT_IMPLEMENTED (SDK)."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@kernel32.api(since="98")
def GetProcessPriorityBoost(t: Task, hProcess: HANDLE, pDisablePriorityBoost: LPDWORD) -> BOOL:
    """Windows 98 does not support it: FALSE and ERROR_CALL_NOT_IMPLEMENTED (SDK)."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@kernel32.api(since="98")
def SetProcessPriorityBoost(t: Task, hProcess: HANDLE, DisablePriorityBoost: BOOL) -> BOOL:
    """Windows 98 does not support it: FALSE and ERROR_CALL_NOT_IMPLEMENTED (SDK)."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@kernel32.api()
def SetProcessShutdownParameters(t: Task, dwLevel: DWORD, dwFlags: FLAGS) -> BOOL:
    """Keep the order in which a shutdown ends processes; nothing here shuts down."""
    if dwLevel > 0x4FF:
        raise WinError(Err.INVALID_PARAMETER)
    t.process.state(ProcessSettings).shutdown = dwLevel, dwFlags
    return True


@kernel32.api()
def GetProcessShutdownParameters(t: Task, lpdwLevel: LPDWORD, lpdwFlags: LPDWORD) -> BOOL:
    """The parameters that were set, or 280h and 0."""
    level, flags = t.process.state(ProcessSettings).shutdown
    lpdwLevel.set(level)
    lpdwFlags.set(flags)
    return True


@kernel32.partial("kept out of nothing: there is no task list yet")
def RegisterServiceProcess(t: Task, dwProcessId: DWORD, dwType: DWORD) -> DWORD:
    """9x export: hide a process from the task list and keep it over a log-off (type 1), or not (0). 1 = success."""
    if dwType > 1:
        raise WinError(Err.INVALID_PARAMETER)
    return 1


@kernel32.api(since="98")
def SetThreadExecutionState(t: Task, esFlags: FLAGS) -> DWORD:
    """Keep the machine awake: the host looks after its own power; returns ES_CONTINUOUS as the previous state."""
    return 0x80000000
