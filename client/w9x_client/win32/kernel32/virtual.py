"""VirtualAlloc and its family, over the process's `AddressSpace`.

Error codes: SDK documentation where it names them (87 for bad flags, 487 for addresses that are not free or not
reserved, 8 when memory is short). `w9x_client.engine.protection` translates PAGE_* constants.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from w9x_arena.layout import PAGE, PRIVATE_END
from w9x_client.abi import Err, WinError
from w9x_client.abi.flags import ALLOCATION_TYPE, PAGE_PROTECTION
from w9x_client.abi.types import BOOL, DWORD, FLAGS, HANDLE, LPDWORD, PTR, SIZE_T
from w9x_client.engine import protection
from w9x_client.engine.protection import PAGE_NOACCESS

from .dll import kernel32
from .handle import is_current_process

if TYPE_CHECKING:
    from w9x_client.process import Task

MEM_COMMIT = 0x1000
MEM_RESERVE = 0x2000
MEM_DECOMMIT = 0x4000
MEM_RELEASE = 0x8000
MEM_FREE = 0x10000
MEM_PRIVATE = 0x20000
MEM_MAPPED = 0x40000
MEM_IMAGE = 0x1000000
MEM_RESET = 0x80000
MEM_TOP_DOWN = 0x100000
MEM_WRITE_WATCH = 0x200000
VA_SHARED = 0x8000000
"""Undocumented 9x flag: an address all processes share, above 2 GB (accepted, because ours are shared anyway)."""

_STATES = {"free": MEM_FREE, "reserved": MEM_RESERVE, "committed": MEM_COMMIT}
_TYPES = {"view": MEM_MAPPED, "image": MEM_IMAGE, "overlay": MEM_IMAGE}


class MEMORY_BASIC_INFORMATION(ctypes.LittleEndianStructure):
    """SDK winnt.h; 28 bytes."""

    _fields_ = (
        ("BaseAddress", ctypes.c_uint32),
        ("AllocationBase", ctypes.c_uint32),
        ("AllocationProtect", ctypes.c_uint32),
        ("RegionSize", ctypes.c_uint32),
        ("State", ctypes.c_uint32),
        ("Protect", ctypes.c_uint32),
        ("Type", ctypes.c_uint32),
    )


def allocate(t: Task, address: int, size: int, kind: int, protect: int) -> int:
    """VirtualAlloc for this process; raises WinError."""
    known = MEM_COMMIT | MEM_RESERVE | MEM_RESET | MEM_TOP_DOWN | MEM_WRITE_WATCH | VA_SHARED
    bits = protection.to_bits(protect)
    if not size or kind & ~known or bits is None or not kind & (MEM_COMMIT | MEM_RESERVE | MEM_RESET):
        raise WinError(Err.INVALID_PARAMETER)
    if address + size > PRIVATE_END:
        raise WinError(Err.INVALID_PARAMETER)
    space = t.process.space
    if kind & MEM_RESET:
        if kind & (MEM_COMMIT | MEM_RESERVE):
            raise WinError(Err.INVALID_PARAMETER)
        region = space.query(address)
        if region.state != "committed":
            raise WinError(Err.INVALID_ADDRESS)
        return address & ~(PAGE - 1)
    if kind & MEM_RESERVE or not address:
        base = space.reserve(
            size, address, top_down=kind & MEM_TOP_DOWN != 0, label="VirtualAlloc", dll=kind & VA_SHARED != 0
        )
        found = space.find(base)
        if found is not None:
            found.prot = bits
        if kind & MEM_COMMIT:
            try:
                space.commit(base, address + size - base if address else size, bits)
            except WinError:
                space.release(base)
                raise
        return base
    space.commit(address, size, bits)
    return address & ~(PAGE - 1)


def free(t: Task, address: int, size: int, kind: int) -> None:
    """VirtualFree for this process; raises WinError."""
    space = t.process.space
    if kind == MEM_RELEASE:
        if size:
            raise WinError(Err.INVALID_PARAMETER)
        item = space.find(address)
        if item is None or item.base != address:
            raise WinError(Err.INVALID_ADDRESS)
        if item.kind not in ("shared", "private"):
            raise WinError(Err.INVALID_PARAMETER)
        space.release(address)
    elif kind == MEM_DECOMMIT:
        item = space.find(address)
        if item is None or (not size and item.base != address):
            raise WinError(Err.INVALID_ADDRESS)
        if item.kind not in ("shared", "private"):
            raise WinError(Err.INVALID_PARAMETER)
        space.decommit(address, size or item.size)
    else:
        raise WinError(Err.INVALID_PARAMETER)


def change_protection(t: Task, address: int, size: int, protect: int, old: LPDWORD) -> None:
    """VirtualProtect for this process; raises WinError. Windows 9x takes a NULL ``old``."""
    bits = protection.to_bits(protect)
    if bits is None or not size:
        raise WinError(Err.INVALID_PARAMETER)
    if old.addr and not t.mem.writable(old.addr, 4):
        raise WinError(Err.NOACCESS)
    old.set(protection.from_bits(t.process.space.protect(address, size, bits)))


def describe(t: Task, address: int, buffer: int, length: int) -> int:
    """VirtualQuery for this process: bytes stored at ``buffer``."""
    size = ctypes.sizeof(MEMORY_BASIC_INFORMATION)
    if length < size:
        raise WinError(Err.BAD_LENGTH)
    region = t.process.space.query(address)
    info = t.mem.struct(MEMORY_BASIC_INFORMATION, buffer)
    info.BaseAddress = region.base
    info.RegionSize = region.size
    info.State = _STATES[region.state]
    if region.state == "free":
        info.AllocationBase = info.AllocationProtect = info.Type = 0
        info.Protect = PAGE_NOACCESS
    else:
        info.AllocationBase = region.allocation_base
        info.AllocationProtect = protection.from_bits(region.allocation_prot)
        info.Protect = protection.from_bits(region.prot) if region.state == "committed" else 0
        info.Type = _TYPES.get(region.kind, MEM_PRIVATE)
    return size


def _own(t: Task, handle: int) -> None:
    """The *Ex functions reach this process only."""
    if not is_current_process(t, handle):
        raise WinError(Err.ACCESS_DENIED)


@kernel32.api()
def VirtualAlloc(
    t: Task, lpAddress: PTR, dwSize: SIZE_T, flAllocationType: ALLOCATION_TYPE, flProtect: PAGE_PROTECTION
) -> PTR:
    """Reserve or commit pages; fresh ones read as zero."""
    return allocate(t, lpAddress, dwSize, flAllocationType, flProtect)


@kernel32.api()
def VirtualFree(t: Task, lpAddress: PTR, dwSize: SIZE_T, dwFreeType: ALLOCATION_TYPE) -> BOOL:
    """Decommit pages, or release a whole reservation (``dwSize`` 0)."""
    free(t, lpAddress, dwSize, dwFreeType)
    return True


@kernel32.api()
def VirtualProtect(
    t: Task, lpAddress: PTR, dwSize: SIZE_T, flNewProtect: PAGE_PROTECTION, lpflOldProtect: LPDWORD
) -> BOOL:
    """Change the protection of committed pages."""
    change_protection(t, lpAddress, dwSize, flNewProtect, lpflOldProtect)
    return True


@kernel32.api()
def VirtualQuery(t: Task, lpAddress: PTR, lpBuffer: PTR, dwLength: SIZE_T) -> SIZE_T:
    """Describe the run of like pages at ``lpAddress``; returns 28, or 0 for a short buffer."""
    return describe(t, lpAddress, lpBuffer, dwLength)


@kernel32.partial("this process only", since="98")
def VirtualAllocEx(
    t: Task, hProcess: HANDLE, lpAddress: PTR, dwSize: SIZE_T, flAllocationType: ALLOCATION_TYPE, flProtect:
    PAGE_PROTECTION
) -> PTR:
    """VirtualAlloc in a process."""
    _own(t, hProcess)
    return allocate(t, lpAddress, dwSize, flAllocationType, flProtect)


@kernel32.partial("this process only", since="98")
def VirtualFreeEx(t: Task, hProcess: HANDLE, lpAddress: PTR, dwSize: SIZE_T, dwFreeType: ALLOCATION_TYPE) -> BOOL:
    """VirtualFree in a process."""
    _own(t, hProcess)
    free(t, lpAddress, dwSize, dwFreeType)
    return True


@kernel32.partial("this process only")
def VirtualProtectEx(
    t: Task, hProcess: HANDLE, lpAddress: PTR, dwSize: SIZE_T, flNewProtect: PAGE_PROTECTION, lpflOldProtect: LPDWORD
) -> BOOL:
    """VirtualProtect in a process."""
    _own(t, hProcess)
    change_protection(t, lpAddress, dwSize, flNewProtect, lpflOldProtect)
    return True


@kernel32.partial("this process only")
def VirtualQueryEx(t: Task, hProcess: HANDLE, lpAddress: PTR, lpBuffer: PTR, dwLength: SIZE_T) -> SIZE_T:
    """VirtualQuery in a process."""
    _own(t, hProcess)
    return describe(t, lpAddress, lpBuffer, dwLength)


def _all_committed(t: Task, address: int, size: int) -> None:
    end = address + size
    if not size or end > PRIVATE_END:
        raise WinError(Err.INVALID_PARAMETER)
    while address < end:
        region = t.process.space.query(address)
        if region.state != "committed":
            raise WinError(Err.INVALID_ADDRESS)
        address = region.base + region.size


@kernel32.api()
def VirtualLock(t: Task, lpAddress: PTR, dwSize: SIZE_T) -> BOOL:
    """Success without effect for committed pages.

    Windows 9x has it as a stub that returns TRUE (SDK, VirtualLock).
    """
    _all_committed(t, lpAddress, dwSize)
    return True


@kernel32.api()
def VirtualUnlock(t: Task, lpAddress: PTR, dwSize: SIZE_T) -> BOOL:
    """Success without effect for committed pages, as VirtualLock."""
    _all_committed(t, lpAddress, dwSize)
    return True


@kernel32.stub("always ERROR_CALL_NOT_IMPLEMENTED", since="98")
def GetWriteWatch(
    t: Task, dwFlags: FLAGS, lpBaseAddress: PTR, dwRegionSize: SIZE_T, addresses: PTR, count: PTR, granularity: PTR
) -> DWORD:
    """The pages written since a reset: not kept."""
    t.last_error = Err.CALL_NOT_IMPLEMENTED
    return 0xFFFFFFFF


@kernel32.stub("always ERROR_CALL_NOT_IMPLEMENTED", since="98")
def ResetWriteWatch(t: Task, lpBaseAddress: PTR, dwRegionSize: SIZE_T) -> DWORD:
    """Forget which pages were written: not kept."""
    t.last_error = Err.CALL_NOT_IMPLEMENTED
    return 0xFFFFFFFF
