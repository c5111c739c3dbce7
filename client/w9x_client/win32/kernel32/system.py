"""What system this is: version, processor, computer name, power (SDK winbase.h)."""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING, Annotated

from w9x_arena.layout import GRANULARITY, PAGE, SYSTEM_END, SYSTEM_START
from w9x_client.abi import Err, WinError
from w9x_client.abi.types import BOOL, DWORD, LPDWORD, LPTSTR, PTR, VOID, pointer_to
from w9x_client.process.version import VER_PLATFORM_WIN32_WINDOWS

from .dll import kernel32

if TYPE_CHECKING:
    from w9x_client.process import Task

MAX_COMPUTERNAME_LENGTH = 15
OSVERSIONINFOA_SIZE, OSVERSIONINFOW_SIZE = 148, 276
OSVERSIONINFOEXW_SIZE = 284
VER_PLATFORM_WIN32_NT = 2
NT4_VERSION, NT4_SERVICE_PACK = (4, 0, 1381), "Service Pack 6"
PROCESSOR_INTEL_PENTIUM = 586


class SYSTEM_INFO(ctypes.LittleEndianStructure):
    """SDK winbase.h, 36 bytes."""

    _fields_ = (
        ("wProcessorArchitecture", ctypes.c_uint16), ("wReserved", ctypes.c_uint16), ("dwPageSize", ctypes.c_uint32),
        ("lpMinimumApplicationAddress", ctypes.c_uint32), ("lpMaximumApplicationAddress", ctypes.c_uint32),
        ("dwActiveProcessorMask", ctypes.c_uint32), ("dwNumberOfProcessors", ctypes.c_uint32), ("dwProcessorType",
        ctypes.c_uint32),
        ("dwAllocationGranularity", ctypes.c_uint32), ("wProcessorLevel", ctypes.c_uint16), ("wProcessorRevision",
        ctypes.c_uint16),
    )  # fmt: skip


LPSYSTEM_INFO = Annotated["SYSTEM_INFO | None", pointer_to(SYSTEM_INFO)]


class SYSTEM_POWER_STATUS(ctypes.LittleEndianStructure):
    """SDK winbase.h, 12 bytes."""

    _fields_ = (
        ("ACLineStatus", ctypes.c_uint8), ("BatteryFlag", ctypes.c_uint8), ("BatteryLifePercent", ctypes.c_uint8),
        ("Reserved1", ctypes.c_uint8), ("BatteryLifeTime", ctypes.c_uint32), ("BatteryFullLifeTime", ctypes.c_uint32),
    )  # fmt: skip


LPSYSTEM_POWER_STATUS = Annotated["SYSTEM_POWER_STATUS | None", pointer_to(SYSTEM_POWER_STATUS)]


@kernel32.api()
def GetVersion(t: Task) -> DWORD:
    """Major in the low byte, minor above it; the high bit says it is not Windows NT."""
    return t.process.version.packed


@kernel32.api()
def GetVersionExA(t: Task, lpVersionInformation: PTR) -> BOOL:
    """Fill an OSVERSIONINFO. The later OSVERSIONINFOEX size is refused: that is how programs tell Windows 9x."""
    size = t.mem.u32(lpVersionInformation)
    if size != OSVERSIONINFOA_SIZE:
        raise WinError(Err.INSUFFICIENT_BUFFER)
    version = t.process.version
    numbers = (size, version.major, version.minor, version.build_field, VER_PLATFORM_WIN32_WINDOWS)
    data = b"".join(n.to_bytes(4, "little") for n in numbers) + version.text.encode("ascii")
    t.mem.write(lpVersionInformation, data.ljust(size, b"\0"))
    return True


@kernel32.api(wide=True)
def GetVersionExW(t: Task, lpVersionInformation: PTR) -> BOOL:
    """Answer as Windows NT 4.0 does: on every Windows 9x this function only fails, so that whoever asks it and uses
    the answer is an NT program.

    Why not the 9x version: docs/design/identity.md.
    """
    size = t.mem.u32(lpVersionInformation)
    if size not in (OSVERSIONINFOW_SIZE, OSVERSIONINFOEXW_SIZE):
        raise WinError(Err.INSUFFICIENT_BUFFER)
    numbers = (size, *NT4_VERSION, VER_PLATFORM_WIN32_NT)
    data = b"".join(n.to_bytes(4, "little") for n in numbers) + NT4_SERVICE_PACK.encode("utf-16-le").ljust(256, b"\0")
    if size == OSVERSIONINFOEXW_SIZE:
        data += (6).to_bytes(2, "little") + bytes(4) + bytes((1, 0))  # service pack 6.0, no suite, VER_NT_WORKSTATION
        data = data.ljust(size, b"\0")
    t.mem.write(lpVersionInformation, data)
    return True


@kernel32.api()
def GetSystemInfo(t: Task, lpSystemInfo: LPSYSTEM_INFO) -> VOID:
    """One Pentium-class processor; addresses of 4 MB to 2 GB, as Windows 95 reports."""
    if lpSystemInfo is None:
        return
    info = lpSystemInfo
    info.wProcessorArchitecture = info.wReserved = 0
    info.dwPageSize, info.dwAllocationGranularity = PAGE, GRANULARITY
    info.lpMinimumApplicationAddress, info.lpMaximumApplicationAddress = SYSTEM_START, SYSTEM_END - 1
    info.dwActiveProcessorMask = info.dwNumberOfProcessors = 1
    info.dwProcessorType = PROCESSOR_INTEL_PENTIUM
    info.wProcessorLevel, info.wProcessorRevision = 6, 0


def computer_name() -> str:
    """The host's name as a NetBIOS name: upper case, at most 15 characters of those allowed."""
    name = os.uname().nodename.split(".")[0].upper()
    kept = "".join(c for c in name if c.isascii() and (c.isalnum() or c in "-_"))
    return kept[:MAX_COMPUTERNAME_LENGTH] or "W9X"


@kernel32.api(aw=True)
def GetComputerName(t: Task, lpBuffer: LPTSTR, nSize: LPDWORD) -> BOOL:
    """The computer's name; nSize becomes its length, or the size needed with ERROR_BUFFER_OVERFLOW."""
    if not nSize:
        raise WinError(Err.INVALID_PARAMETER)
    name = computer_name()
    if nSize.get() <= len(name) or not lpBuffer:
        nSize.set(len(name) + 1)
        raise WinError(Err.BUFFER_OVERFLOW)
    lpBuffer.put(name, nSize.get())
    nSize.set(len(name))
    return True


@kernel32.partial("always a desktop computer on mains power")
def GetSystemPowerStatus(t: Task, lpSystemPowerStatus: LPSYSTEM_POWER_STATUS) -> BOOL:
    """Mains power, no battery, unknown times (SDK's values for such a computer)."""
    if lpSystemPowerStatus is None:
        raise WinError(Err.INVALID_PARAMETER)
    status = lpSystemPowerStatus
    status.ACLineStatus, status.BatteryFlag, status.BatteryLifePercent = 1, 128, 255
    status.Reserved1 = 0
    status.BatteryLifeTime = status.BatteryFullLifeTime = 0xFFFF_FFFF
    return True


_FEATURES = {2, 3, 6, 8, 10}
"""PF_COMPARE_EXCHANGE_DOUBLE, PF_MMX, PF_XMMI, PF_RDTSC, PF_XMMI64: what both engines execute."""


@kernel32.api(since="98")
def IsProcessorFeaturePresent(t: Task, ProcessorFeature: DWORD) -> BOOL:
    """Whether the processor can do something (PF_*)."""
    return ProcessorFeature in _FEATURES


@kernel32.api()
def Beep(t: Task, dwFreq: DWORD, dwDuration: DWORD) -> BOOL:
    """The default sound, here the terminal's bell. Windows 9x ignores both parameters (SDK: Beep remarks)."""
    ring_bell()
    return True


def ring_bell() -> None:
    """Sound the bell of the user's terminal, where there is one."""
    try:
        if os.isatty(2):
            os.write(2, b"\a")
    except OSError:
        pass  # a closed terminal has no bell; a beep is no reason to fail
