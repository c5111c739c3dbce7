"""Tool help: snapshots of processes, threads, modules and heaps (SDK tlhelp32.h).

A snapshot is a copy: entries are collected when it is taken. Processes come from the daemon's ledger; threads,
modules and heaps are known of this process only.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

from w9x_client.abi import Err, WinError, codepage
from w9x_client.abi.types import BOOL, DWORD, FLAGS, HANDLE, HFILE, PTR
from w9x_client.process.heap import Heaps
from w9x_client.process.objects import KernelObject

from .dll import kernel32

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

TH32CS_SNAPHEAPLIST, TH32CS_SNAPPROCESS, TH32CS_SNAPTHREAD, TH32CS_SNAPMODULE = 1, 2, 4, 8
HF32_DEFAULT = 1
LF32_FIXED = 1
BASE_PRIORITY = 8


class PROCESSENTRY32(ctypes.LittleEndianStructure):
    """296 bytes."""

    _fields_ = (
        ("dwSize", ctypes.c_uint32), ("cntUsage", ctypes.c_uint32), ("th32ProcessID", ctypes.c_uint32),
        ("th32DefaultHeapID", ctypes.c_uint32), ("th32ModuleID", ctypes.c_uint32), ("cntThreads", ctypes.c_uint32),
        ("th32ParentProcessID", ctypes.c_uint32), ("pcPriClassBase", ctypes.c_int32), ("dwFlags", ctypes.c_uint32),
        ("szExeFile", ctypes.c_char * 260),
    )  # fmt: skip


class MODULEENTRY32(ctypes.LittleEndianStructure):
    """548 bytes."""

    _fields_ = (
        ("dwSize", ctypes.c_uint32), ("th32ModuleID", ctypes.c_uint32), ("th32ProcessID", ctypes.c_uint32),
        ("GlblcntUsage", ctypes.c_uint32), ("ProccntUsage", ctypes.c_uint32), ("modBaseAddr", ctypes.c_uint32),
        ("modBaseSize", ctypes.c_uint32), ("hModule", ctypes.c_uint32), ("szModule", ctypes.c_char * 256),
        ("szExePath", ctypes.c_char * 260),
    )  # fmt: skip


class THREADENTRY32(ctypes.LittleEndianStructure):
    """28 bytes."""

    _fields_ = (
        ("dwSize", ctypes.c_uint32), ("cntUsage", ctypes.c_uint32), ("th32ThreadID", ctypes.c_uint32),
        ("th32OwnerProcessID", ctypes.c_uint32), ("tpBasePri", ctypes.c_int32), ("tpDeltaPri", ctypes.c_int32),
        ("dwFlags", ctypes.c_uint32),
    )  # fmt: skip


class HEAPLIST32(ctypes.LittleEndianStructure):
    """16 bytes."""

    _fields_ = (
        ("dwSize", ctypes.c_uint32), ("th32ProcessID", ctypes.c_uint32), ("th32HeapID", ctypes.c_uint32),
        ("dwFlags", ctypes.c_uint32),
    )  # fmt: skip


class HEAPENTRY32(ctypes.LittleEndianStructure):
    """36 bytes."""

    _fields_ = (
        ("dwSize", ctypes.c_uint32), ("hHandle", ctypes.c_uint32), ("dwAddress", ctypes.c_uint32),
        ("dwBlockSize", ctypes.c_uint32), ("dwFlags", ctypes.c_uint32), ("dwLockCount", ctypes.c_uint32),
        ("dwResvd", ctypes.c_uint32), ("th32ProcessID", ctypes.c_uint32), ("th32HeapID", ctypes.c_uint32),
    )  # fmt: skip


class Snapshot(KernelObject):
    """CreateToolhelp32Snapshot's object: lists of filled-in entries, and how far each has been read."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[type[ctypes.Structure], list[Any]] = {}
        self.position: dict[type[ctypes.Structure], int] = {}


def _processes(process: Process) -> list[PROCESSENTRY32]:
    if process.daemon is None:
        name = process.modules.exe.path if process.modules.exe is not None else ""
        rows = [(process.guest_pid, 0, name)]
    else:
        from w9x_arena import messages

        rows, start = [], 0
        while True:
            page = process.daemon.call(messages.ListProcesses(start=start))
            rows += [(row.pid, row.parent, row.program) for row in page.rows]
            if not page.next or page.next <= start:
                break
            start = page.next
    found = []
    for pid, parent, name in rows:
        threads = len(process.tasks) if pid == process.guest_pid else 1
        found.append(
            PROCESSENTRY32(
                0, 1, pid, 0, 0, threads, parent, BASE_PRIORITY, 0, codepage.encode(name, process.acp)[:259]
            )
        )
    return found


def _modules(process: Process) -> list[MODULEENTRY32]:
    return [
        MODULEENTRY32(
            0, module.base, process.guest_pid, 1, max(module.load_count, 1), module.base, module.size, module.base,
            codepage.encode(module.name, process.acp)[:255], codepage.encode(module.path, process.acp)[:259],
        )
        for module in process.modules
    ]  # fmt: skip


@kernel32.partial("threads, modules and heaps of this process only")
def CreateToolhelp32Snapshot(t: Task, dwFlags: FLAGS, th32ProcessID: DWORD) -> HFILE:
    """Copy the lists that ``dwFlags`` names."""
    process = t.process
    own = th32ProcessID in (0, process.guest_pid)
    if dwFlags & (TH32CS_SNAPMODULE | TH32CS_SNAPHEAPLIST) and not own:
        raise WinError(Err.ACCESS_DENIED)
    if not dwFlags & 0xF:
        raise WinError(Err.INVALID_PARAMETER)
    snapshot = Snapshot()
    if dwFlags & TH32CS_SNAPPROCESS:
        snapshot.entries[PROCESSENTRY32] = _processes(process)
    if dwFlags & TH32CS_SNAPTHREAD:
        snapshot.entries[THREADENTRY32] = [
            THREADENTRY32(0, 1, task.id, process.guest_pid, BASE_PRIORITY, task.priority, 0)
            for task in process.tasks.values()
        ]
    if dwFlags & TH32CS_SNAPMODULE:
        snapshot.entries[MODULEENTRY32] = _modules(process)
    if dwFlags & TH32CS_SNAPHEAPLIST:
        heaps = process.state(Heaps)
        snapshot.entries[HEAPLIST32] = [
            HEAPLIST32(0, process.guest_pid, handle, HF32_DEFAULT if handle == heaps.default_handle else 0)
            for handle in heaps.by_handle
        ]
    return process.handles.add(snapshot)


def _step(t: Task, handle: int, kind: type[ctypes.Structure], address: int, first: bool) -> bool:
    """Copy the first or next entry to the guest; WinError(ERROR_NO_MORE_FILES) at the end."""
    snapshot = t.process.handles.get(handle, Snapshot)
    size = t.mem.u32(address)
    if size < ctypes.sizeof(kind):
        raise WinError(Err.INVALID_PARAMETER)
    entries = snapshot.entries.get(kind, [])
    index = 0 if first else snapshot.position.get(kind, 0)
    if index >= len(entries):
        raise WinError(Err.NO_MORE_FILES)
    snapshot.position[kind] = index + 1
    data = bytearray(entries[index])
    data[0:4] = size.to_bytes(4, "little")
    t.mem.write(address, data)
    return True


@kernel32.api()
def Process32First(t: Task, hSnapshot: HANDLE, lppe: PTR) -> BOOL:
    """The first process."""
    return _step(t, hSnapshot, PROCESSENTRY32, lppe, True)


@kernel32.api()
def Process32Next(t: Task, hSnapshot: HANDLE, lppe: PTR) -> BOOL:
    """The next process; ERROR_NO_MORE_FILES at the end."""
    return _step(t, hSnapshot, PROCESSENTRY32, lppe, False)


@kernel32.api()
def Module32First(t: Task, hSnapshot: HANDLE, lpme: PTR) -> BOOL:
    """The first module."""
    return _step(t, hSnapshot, MODULEENTRY32, lpme, True)


@kernel32.api()
def Module32Next(t: Task, hSnapshot: HANDLE, lpme: PTR) -> BOOL:
    """The next module; ERROR_NO_MORE_FILES at the end."""
    return _step(t, hSnapshot, MODULEENTRY32, lpme, False)


@kernel32.api()
def Thread32First(t: Task, hSnapshot: HANDLE, lpte: PTR) -> BOOL:
    """The first thread."""
    return _step(t, hSnapshot, THREADENTRY32, lpte, True)


@kernel32.api()
def Thread32Next(t: Task, hSnapshot: HANDLE, lpte: PTR) -> BOOL:
    """The next thread; ERROR_NO_MORE_FILES at the end."""
    return _step(t, hSnapshot, THREADENTRY32, lpte, False)


@kernel32.api()
def Heap32ListFirst(t: Task, hSnapshot: HANDLE, lphl: PTR) -> BOOL:
    """The first heap."""
    return _step(t, hSnapshot, HEAPLIST32, lphl, True)


@kernel32.api()
def Heap32ListNext(t: Task, hSnapshot: HANDLE, lphl: PTR) -> BOOL:
    """The next heap; ERROR_NO_MORE_FILES at the end."""
    return _step(t, hSnapshot, HEAPLIST32, lphl, False)


def _heap_entry(t: Task, address: int, heap_id: int, previous: int | None) -> bool:
    """The first block of a heap, or the one after ``previous``."""
    size = t.mem.u32(address)
    if size < ctypes.sizeof(HEAPENTRY32):
        raise WinError(Err.INVALID_PARAMETER)
    heap = t.process.state(Heaps).by_handle.get(heap_id)
    if heap is None:
        raise WinError(Err.INVALID_PARAMETER)
    found = previous is None
    for block, length in heap.blocks():
        if found:
            entry = HEAPENTRY32(size, block, block, length, LF32_FIXED, 0, 0, t.process.guest_pid, heap_id)
            t.mem.write(address, bytes(entry))
            return True
        found = block == previous
    raise WinError(Err.NO_MORE_FILES)


@kernel32.partial("blocks in use of this process's heaps")
def Heap32First(t: Task, lphe: PTR, th32ProcessID: DWORD, th32HeapID: DWORD) -> BOOL:
    """The first block of a heap."""
    if th32ProcessID not in (0, t.process.guest_pid):
        raise WinError(Err.INVALID_PARAMETER)
    return _heap_entry(t, lphe, th32HeapID, None)


@kernel32.partial("blocks in use of this process's heaps; slow for heaps of many blocks")
def Heap32Next(t: Task, lphe: PTR) -> BOOL:
    """The next block of the heap; ERROR_NO_MORE_FILES at the end."""
    entry = HEAPENTRY32.from_buffer_copy(t.mem.read(lphe, ctypes.sizeof(HEAPENTRY32)))
    return _heap_entry(t, lphe, int(entry.th32HeapID), int(entry.dwAddress))
