"""Structured exception handling: EXCEPTION_RECORD, CONTEXT, dispatch along FS:[0], unwind, the unhandled exception.

Interface: `dispatch` (a coroutine: an exception happened with this register state), `unwind` (RtlUnwind), `record_of`
(which Win32
exception a processor fault is). Records and contexts live on the guest's own stack below the faulting ESP, as on
Windows, so that handlers
may edit them; frames of suspended handlers above a passed stack position are dropped by `task`.

Sources: Matt Pietrek, "A Crash Course on the Depths of Win32 Structured Exception Handling", MSJ January 1997;
SDK winnt.h for layouts and codes.
"""

from __future__ import annotations

import ctypes
import struct
from typing import TYPE_CHECKING

from w9x_client.abi import tib
from w9x_client.abi.errors import GuestFault
from w9x_client.engine.interface import Fault

if TYPE_CHECKING:
    from .task import Task

CONTINUE_EXECUTION, CONTINUE_SEARCH, NESTED_EXCEPTION, COLLIDED_UNWIND = range(4)
NONCONTINUABLE, UNWINDING, EXIT_UNWIND, STACK_INVALID, NESTED_CALL = 1, 2, 4, 8, 0x10
CHAIN_END = 0xFFFFFFFF
MAX_NESTED = 64
"""Exceptions in handlers of exceptions, beyond which a program is ended: its handlers will never come to an end."""
CONTEXT_FULL = 0x10007
CONTEXT_FLOATING_POINT = 0x10008

GUARD_PAGE = 0x80000001
DATATYPE_MISALIGNMENT = 0x80000002
BREAKPOINT = 0x80000003
SINGLE_STEP = 0x80000004
ACCESS_VIOLATION = 0xC0000005
ILLEGAL_INSTRUCTION = 0xC000001D
NONCONTINUABLE_EXCEPTION = 0xC0000025
INVALID_DISPOSITION = 0xC0000026
ARRAY_BOUNDS_EXCEEDED = 0xC000008C
FLT_DENORMAL_OPERAND, FLT_DIVIDE_BY_ZERO, FLT_INEXACT_RESULT = 0xC000008D, 0xC000008E, 0xC000008F
FLT_INVALID_OPERATION, FLT_OVERFLOW, FLT_STACK_CHECK, FLT_UNDERFLOW = 0xC0000090, 0xC0000091, 0xC0000092, 0xC0000093
INT_DIVIDE_BY_ZERO = 0xC0000094
INT_OVERFLOW = 0xC0000095
PRIVILEGED_INSTRUCTION = 0xC0000096
STACK_OVERFLOW = 0xC00000FD
CONTROL_C_EXIT = 0xC000013A

NAMES = {
    ACCESS_VIOLATION: "access violation", INT_DIVIDE_BY_ZERO: "integer division by zero", BREAKPOINT: "breakpoint",
    ILLEGAL_INSTRUCTION: "illegal instruction", PRIVILEGED_INSTRUCTION: "privileged instruction",
    STACK_OVERFLOW: "stack overflow",
    INT_OVERFLOW: "integer overflow", SINGLE_STEP: "single step", DATATYPE_MISALIGNMENT: "misaligned access",
    FLT_DIVIDE_BY_ZERO: "floating-point division by zero", FLT_INVALID_OPERATION: "invalid floating-point operation",
    FLT_OVERFLOW: "floating-point overflow", FLT_UNDERFLOW: "floating-point underflow",
    FLT_INEXACT_RESULT: "inexact floating-point result",
    FLT_STACK_CHECK: "floating-point stack error", FLT_DENORMAL_OPERAND: "denormal floating-point operand",
    ARRAY_BOUNDS_EXCEEDED: "array bounds exceeded", GUARD_PAGE: "guard page",
    NONCONTINUABLE_EXCEPTION: "noncontinuable exception",
    INVALID_DISPOSITION: "invalid handler disposition", 0xE06D7363: "unhandled C++ exception",
}  # fmt: skip


class EXCEPTION_RECORD(ctypes.LittleEndianStructure):
    """SDK winnt.h; 80 bytes."""

    _fields_ = (
        ("ExceptionCode", ctypes.c_uint32),
        ("ExceptionFlags", ctypes.c_uint32),
        ("ExceptionRecord", ctypes.c_uint32),
        ("ExceptionAddress", ctypes.c_uint32),
        ("NumberParameters", ctypes.c_uint32),
        ("ExceptionInformation", ctypes.c_uint32 * 15),
    )


class CONTEXT(ctypes.LittleEndianStructure):
    """The i386 register context (SDK winnt.h), without the extended registers that Windows 9x does not have; 204
    bytes.
    """

    _fields_ = (
        ("ContextFlags", ctypes.c_uint32),
        ("Dr0", ctypes.c_uint32), ("Dr1", ctypes.c_uint32), ("Dr2", ctypes.c_uint32), ("Dr3", ctypes.c_uint32),
        ("Dr6", ctypes.c_uint32), ("Dr7", ctypes.c_uint32),
        ("FloatSave", ctypes.c_ubyte * 108), ("Cr0NpxState", ctypes.c_uint32),
        ("SegGs", ctypes.c_uint32), ("SegFs", ctypes.c_uint32), ("SegEs", ctypes.c_uint32), ("SegDs", ctypes.c_uint32),
        ("Edi", ctypes.c_uint32), ("Esi", ctypes.c_uint32), ("Ebx", ctypes.c_uint32), ("Edx", ctypes.c_uint32),
        ("Ecx", ctypes.c_uint32), ("Eax", ctypes.c_uint32), ("Ebp", ctypes.c_uint32), ("Eip", ctypes.c_uint32),
        ("SegCs", ctypes.c_uint32), ("EFlags", ctypes.c_uint32), ("Esp", ctypes.c_uint32), ("SegSs", ctypes.c_uint32),
    )  # fmt: skip


CONTEXT_ROOM = 0x2D0
"""Bytes kept for a context: programs built with later headers copy 2CCh bytes."""


def capture(task: Task, context: CONTEXT, fpu: bool = True) -> None:
    """Fill ``context`` from the running thread's registers."""
    cpu = task.cpu
    context.ContextFlags = CONTEXT_FULL | (CONTEXT_FLOATING_POINT if fpu else 0)
    context.SegCs, context.SegSs, context.SegDs, context.SegEs, context.SegFs, context.SegGs = cpu.selectors()
    context.Edi, context.Esi, context.Ebx, context.Edx = cpu.edi, cpu.esi, cpu.ebx, cpu.edx
    context.Ecx, context.Eax, context.Ebp, context.Eip = cpu.ecx, cpu.eax, cpu.ebp, cpu.eip
    context.EFlags, context.Esp = cpu.eflags, cpu.esp
    if fpu:
        ctypes.memmove(context.FloatSave, cpu.fpu_state(), 108)


def restore(task: Task, context: CONTEXT, fpu: bool) -> None:
    """Load the running thread's registers from ``context``; selectors stay flat."""
    cpu = task.cpu
    cpu.edi, cpu.esi, cpu.ebx, cpu.edx = context.Edi, context.Esi, context.Ebx, context.Edx
    cpu.ecx, cpu.eax, cpu.ebp = context.Ecx, context.Eax, context.Ebp
    cpu.eflags = context.EFlags
    cpu.esp, cpu.eip = context.Esp, context.Eip
    if fpu and context.ContextFlags & CONTEXT_FLOATING_POINT == CONTEXT_FLOATING_POINT:
        cpu.set_fpu_state(bytes(context.FloatSave))


def _float_code(status: int, control: int) -> int:
    """Which exception an unmasked x87 fault is (Intel SDM vol. 1, 8.5: priority order)."""
    pending = status & ~control & 0x3F
    if status & 0x40 and pending & 1:
        return FLT_STACK_CHECK
    for bit, code in (
        (1, FLT_INVALID_OPERATION), (2, FLT_DENORMAL_OPERAND), (4, FLT_DIVIDE_BY_ZERO),
        (8, FLT_OVERFLOW), (16, FLT_UNDERFLOW), (32, FLT_INEXACT_RESULT),
    ):  # fmt: skip
        if pending & bit:
            return code
    return FLT_INVALID_OPERATION


_PRIVILEGED = {0xFA, 0xFB, 0xF4, 0x6C, 0x6D, 0x6E, 0x6F, 0xE4, 0xE5, 0xE6, 0xE7, 0xEC, 0xED, 0xEE, 0xEF}
_PRIVILEGED_0F = {0x06, 0x08, 0x09, 0x20, 0x21, 0x22, 0x23, 0x30, 0x32, 0x33}


def _privileged(task: Task, eip: int) -> bool:
    """Whether the instruction at ``eip`` is one that ring 3 may not execute (cli, hlt, in, out, mov cr, lgdt...)."""
    try:
        code = task.mem.read(eip, min(8, 0x1000 - (eip & 0xFFF)) or 1)
    except GuestFault:
        return False
    index = 0
    while index < len(code) and code[index] in (0x66, 0x67, 0xF2, 0xF3, 0x2E, 0x36, 0x3E, 0x26, 0x64, 0x65):
        index += 1
    if index >= len(code):
        return False
    if code[index] == 0x0F and index + 1 < len(code):
        second = code[index + 1]
        if second in (0x00, 0x01) and index + 2 < len(code):  # lldt ltr / lgdt lidt lmsw invlpg
            extension = code[index + 2] >> 3 & 7
            return extension in ((2, 3) if second == 0 else (2, 3, 6, 7))
        return second in _PRIVILEGED_0F
    return code[index] in _PRIVILEGED


def _division_overflow(task: Task) -> bool:
    """Whether a divide fault was a quotient overflow and not a zero divisor, from the operand of DIV/IDIV."""
    cpu = task.cpu
    try:
        code = task.mem.read(cpu.eip, 3)
    except GuestFault:
        return False
    prefix = code[0] == 0x66
    opcode, modrm = (code[1], code[2]) if prefix else (code[0], code[1])
    if opcode not in (0xF6, 0xF7) or modrm < 0xC0:
        return False
    registers = (cpu.eax, cpu.ecx, cpu.edx, cpu.ebx, cpu.esp, cpu.ebp, cpu.esi, cpu.edi)
    index = modrm & 7
    if opcode == 0xF6:
        value = registers[index & 3] >> (8 if index >= 4 else 0) & 0xFF
    else:
        value = registers[index] & (0xFFFF if prefix else 0xFFFFFFFF)
    return value != 0


def record_of(task: Task, fault: Fault) -> tuple[int, list[int]]:
    """The Win32 exception code and its parameters for a processor fault."""
    vector = fault.vector
    if fault.interrupt and vector not in (1, 3, 4):
        return ACCESS_VIOLATION, [0, 0xFFFFFFFF]
    if vector == 14:
        return ACCESS_VIOLATION, [1 if fault.error & 2 else 0, fault.address]
    if vector == 0:
        return (INT_OVERFLOW if _division_overflow(task) else INT_DIVIDE_BY_ZERO), []
    if vector == 3:
        return BREAKPOINT, [0]
    if vector == 16:
        return _float_code(task.cpu.fpu_status, task.cpu.fpu_control), [0]
    simple = {
        1: SINGLE_STEP, 4: INT_OVERFLOW, 5: ARRAY_BOUNDS_EXCEEDED, 6: ILLEGAL_INSTRUCTION,
        17: DATATYPE_MISALIGNMENT, 19: FLT_INVALID_OPERATION,
    }  # fmt: skip
    if vector in simple:
        return simple[vector], []
    if vector == 13 and _privileged(task, task.cpu.eip):
        return PRIVILEGED_INSTRUCTION, []
    return ACCESS_VIOLATION, [0, 0xFFFFFFFF]


def push_record(
    task: Task, code: int, flags: int, parameters: list[int], *, address: int | None = None, nested: int = 0
) -> tuple[int, int]:
    """Write an EXCEPTION_RECORD and a CONTEXT of the present registers below ESP; returns their addresses.

    ESP is moved below them. Raises GuestFault when the stack has no room.
    """
    cpu, mem = task.cpu, task.mem
    esp = cpu.esp
    context_at = (esp - CONTEXT_ROOM) & ~0xF
    record_at = context_at - ctypes.sizeof(EXCEPTION_RECORD)
    mem.check(record_at - 0x40, esp - record_at + 0x40, True)
    context = mem.struct(CONTEXT, context_at)
    capture(task, context)
    record = mem.struct(EXCEPTION_RECORD, record_at)
    record.ExceptionCode, record.ExceptionFlags, record.ExceptionRecord = code, flags, nested
    record.ExceptionAddress = cpu.eip if address is None else address
    count = min(len(parameters), 15)
    record.NumberParameters = count
    for index in range(count):
        record.ExceptionInformation[index] = parameters[index] & 0xFFFFFFFF
    cpu.esp = record_at - 0x10
    return record_at, context_at


def _valid_frame(task: Task, frame: int) -> bool:
    mem = task.mem
    low, high = mem.u32(task.tib + tib.STACK_LIMIT), mem.u32(task.tib + tib.STACK_TOP)
    return not frame & 3 and mem.readable(frame, 8) and (low <= frame < high or not low <= task.cpu.esp < high)


async def dispatch(task: Task, record_at: int, context_at: int) -> None:
    """Offer the exception to the handlers; returns when one has chosen to continue execution.

    The caller then loads the registers from the context. An exception nobody handles ends the process
    (`unhandled`), so this returns at all only to continue.
    """
    if task.dispatching >= MAX_NESTED:
        from . import crash

        record = task.mem.struct(EXCEPTION_RECORD, record_at, write=False)
        text = crash.describe(task.process, record)
        task.process.die(task, f"{text}; exceptions in exception handlers, without end", record.ExceptionCode)
    task.dispatching += 1
    try:
        if not await _walk(task, record_at, context_at):
            await task.process.unhandled_exception(task, record_at, context_at)
    finally:
        task.dispatching -= 1


async def _walk(task: Task, record_at: int, context_at: int) -> bool:
    """Offer the exception to the frames of the FS:[0] chain; False when none of them wants it."""
    mem = task.mem
    scratch = record_at - 8
    frame = mem.u32(task.tib + tib.SEH)
    while frame != CHAIN_END:
        if not _valid_frame(task, frame):
            mem.put32(record_at + 4, mem.u32(record_at + 4) | STACK_INVALID)
            break
        handler = mem.u32(frame + 4)
        flags = mem.u32(record_at + 4) & ~NESTED_CALL
        mem.put32(record_at + 4, flags | (NESTED_CALL if task.is_handling(frame) else 0))
        mem.put32(scratch, 0)
        task.cpu.esp = scratch - 8
        task.handling(frame)
        disposition = await task.call(handler, record_at, frame, context_at, scratch)
        task.handling(0)
        if disposition == CONTINUE_EXECUTION:
            if mem.u32(record_at + 4) & NONCONTINUABLE:
                await task.raise_exception(NONCONTINUABLE_EXCEPTION, NONCONTINUABLE, [], nested=record_at)
            return True
        if disposition not in (CONTINUE_SEARCH, NESTED_EXCEPTION):
            await task.raise_exception(INVALID_DISPOSITION, NONCONTINUABLE, [], nested=record_at)
        frame = mem.u32(frame)
    return False


async def unwind(task: Task, target: int, record_at: int = 0) -> None:
    """RtlUnwind: call every handler from the innermost to ``target`` (excluded; 0 = all) for clean-up, and unlink its
    frame.
    """
    mem = task.mem
    saved_esp = task.cpu.esp
    context_at = (saved_esp - CONTEXT_ROOM) & ~0xF
    own_record = context_at - ctypes.sizeof(EXCEPTION_RECORD)
    scratch = own_record - 8
    mem.check(scratch - 0x40, saved_esp - scratch + 0x40, True)
    capture(task, mem.struct(CONTEXT, context_at), fpu=False)
    if not record_at:
        record_at = own_record
        mem.write(record_at, struct.pack("<5I", 0xC0000027, 0, 0, task.cpu.eip, 0))  # STATUS_UNWIND
    flags = mem.u32(record_at + 4) | UNWINDING | (0 if target else EXIT_UNWIND)
    mem.put32(record_at + 4, flags)
    frame = mem.u32(task.tib + tib.SEH)
    while frame not in (CHAIN_END, target):
        if not _valid_frame(task, frame) or (target and frame > target):
            break
        mem.put32(scratch, 0)
        task.cpu.esp = scratch - 8
        disposition = await task.call(mem.u32(frame + 4), record_at, frame, context_at, scratch)
        if disposition == COLLIDED_UNWIND:
            frame = mem.u32(scratch)
        frame = mem.u32(frame)
        mem.put32(task.tib + tib.SEH, frame)
    task.cpu.esp = saved_esp
