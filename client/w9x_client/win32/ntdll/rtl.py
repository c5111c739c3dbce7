"""NTDLL on Windows 9x: a small library for programs that link to it; run-time functions only, no system services.

RtlUnwind and the memory functions are KERNEL32's. Counted strings (STRING, UNICODE_STRING): length and maximum in
bytes as words, then the buffer's address (SDK ntdef.h).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import WinError, codepage
from w9x_client.abi.types import BOOL, BYTE, DWORD, PSZ, PTR, SIZE_T, STATUS, ULONG, VOID

from .dll import ntdll

if TYPE_CHECKING:
    from w9x_client.process import Task

STATUS_SUCCESS = 0
STATUS_NOT_IMPLEMENTED = 0xC0000002
STATUS_NO_MEMORY = 0xC0000017
STATUS_BUFFER_OVERFLOW = 0x80000005
STATUS_INVALID_PARAMETER_2 = 0xC00000F0
STATUS_BREAKPOINT = 0x80000003
MAX_COUNTED = 0xFFFF

ntdll.forward("RtlUnwind", "KERNEL32.RtlUnwind")


@ntdll.api()
def RtlFillMemory(t: Task, Destination: PTR, Length: SIZE_T, Fill: BYTE) -> VOID:
    """Set bytes."""
    t.mem.fill(Destination, Length, Fill)


@ntdll.api()
def RtlMoveMemory(t: Task, Destination: PTR, Source: PTR, Length: SIZE_T) -> VOID:
    """Copy bytes; the blocks may overlap."""
    t.mem.move(Destination, Source, Length)


@ntdll.api()
def RtlZeroMemory(t: Task, Destination: PTR, Length: SIZE_T) -> VOID:
    """Set bytes to zero."""
    t.mem.fill(Destination, Length)


def _store(t: Task, target: int, length: int, maximum: int, buffer: int) -> None:
    t.mem.write(target, length.to_bytes(2, "little") + maximum.to_bytes(2, "little") + buffer.to_bytes(4, "little"))


@ntdll.api()
def RtlInitAnsiString(t: Task, DestinationString: PTR, SourceString: PTR) -> VOID:
    """Let a STRING describe zero-terminated text."""
    length = min(len(t.mem.cstr(SourceString)), MAX_COUNTED - 1) if SourceString else 0
    _store(t, DestinationString, length, length + 1 if SourceString else 0, SourceString)


@ntdll.api()
def RtlInitUnicodeString(t: Task, DestinationString: PTR, SourceString: PTR) -> VOID:
    """Let a UNICODE_STRING describe zero-terminated text."""
    length = min(len(t.mem.wcstr(SourceString)), MAX_COUNTED - 3) if SourceString else 0
    _store(t, DestinationString, length, length + 2 if SourceString else 0, SourceString)


def _convert(t: Task, target: int, data: bytes, terminator: bytes, allocate: bool) -> int:
    needed = len(data) + len(terminator)
    if needed > MAX_COUNTED:
        return STATUS_INVALID_PARAMETER_2
    if allocate:
        try:
            buffer = t.process.heap_alloc(needed)
        except WinError:
            return STATUS_NO_MEMORY
        maximum = needed
    else:
        maximum, buffer = t.mem.u16(target + 2), t.mem.u32(target + 4)
        if needed > maximum:
            return STATUS_BUFFER_OVERFLOW
    t.mem.write(buffer, data + terminator)
    _store(t, target, len(data), maximum, buffer)
    return STATUS_SUCCESS


@ntdll.api()
def RtlUnicodeStringToAnsiString(t: Task, DestinationString: PTR, SourceString: PTR, Allocate: BOOL) -> STATUS:
    """Convert to the ANSI code page, into a new buffer (RtlFreeAnsiString) or the one there is."""
    text = t.mem.read(t.mem.u32(SourceString + 4), t.mem.u16(SourceString) & ~1).decode("utf-16-le", "surrogatepass")
    return _convert(t, DestinationString, codepage.encode(text, t.process.acp), b"\0", Allocate)


@ntdll.api()
def RtlAnsiStringToUnicodeString(t: Task, DestinationString: PTR, SourceString: PTR, Allocate: BOOL) -> STATUS:
    """Convert from the ANSI code page, into a new buffer (RtlFreeUnicodeString) or the one there is."""
    text = codepage.decode(t.mem.read(t.mem.u32(SourceString + 4), t.mem.u16(SourceString)), t.process.acp)
    return _convert(t, DestinationString, text.encode("utf-16-le", "surrogatepass"), b"\0\0", Allocate)


def _free(t: Task, string: int) -> None:
    buffer = t.mem.u32(string + 4)
    if buffer:
        t.process.heap_free(buffer)
    t.mem.put64(string, 0)


@ntdll.api()
def RtlFreeAnsiString(t: Task, AnsiString: PTR) -> VOID:
    """Free a buffer that a conversion made."""
    _free(t, AnsiString)


@ntdll.api()
def RtlFreeUnicodeString(t: Task, UnicodeString: PTR) -> VOID:
    """Free a buffer that a conversion made."""
    _free(t, UnicodeString)


@ntdll.api()
async def DbgBreakPoint(t: Task) -> VOID:
    """Raise a breakpoint exception."""
    await t.raise_exception(STATUS_BREAKPOINT, 0, [0])


@ntdll.partial("the text is not formatted: there is no debugger to read it", convention="cdecl")
def DbgPrint(t: Task, Format: PSZ) -> ULONG:
    """Send text to the kernel debugger."""
    return STATUS_SUCCESS


@ntdll.stub("always STATUS_NOT_IMPLEMENTED: Windows 9x has no NT system services", since="nt")
def NtQuerySystemInformation(
    t: Task, SystemInformationClass: DWORD, SystemInformation: PTR, Length: ULONG, ReturnLength: PTR
) -> STATUS:
    """Ask about the system."""
    return STATUS_NOT_IMPLEMENTED


@ntdll.stub("always STATUS_NOT_IMPLEMENTED: Windows 9x has no NT system services", since="nt")
def NtQueryInformationProcess(
    t: Task, ProcessHandle: PTR, ProcessInformationClass: DWORD, Information: PTR, Length: ULONG, ReturnLength: PTR
) -> STATUS:
    """Ask about a process."""
    return STATUS_NOT_IMPLEMENTED
