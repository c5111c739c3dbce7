"""setjmp and longjmp.

A jmp_buf (setjmp.h of Visual C++): Ebp Ebx Edi Esi Esp Eip Registration TryLevel Cookie UnwindFunc UnwindData[6]. Esp
points at the return address of setjmp. longjmp unwinds the frames installed since (RtlUnwind), then the try levels of
the frame itself: by `UnwindFunc` when the cookie is there (C++ frames), else by the scope table.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from w9x_client.abi import tib
from w9x_client.abi.types import INT, PTR, VARARGS

from . import seh
from .dll import msvcrt

if TYPE_CHECKING:
    from w9x_client.process import Task

COOKIE = 0x56433230
"""'VC20'"""
_NO_FRAME = 0xFFFFFFFF


def _store(t: Task, buffer: int) -> int:
    """Save the registers; returns the present registration."""
    cpu = t.cpu
    esp = t.frame_esp - 4
    registration = t.mem.u32(t.tib + tib.SEH)
    registers = (cpu.ebp, cpu.ebx, cpu.edi, cpu.esi, esp, t.return_address, registration)
    t.mem.write(buffer, struct.pack("<7I", *registers))
    return registration


@msvcrt.api()
def _setjmp(t: Task, env: PTR) -> INT:
    """Remember where we are; 0 now, longjmp's value later."""
    registration = _store(t, env)
    level = _NO_FRAME
    if registration != _NO_FRAME and t.mem.readable(registration + 12, 4):
        level = t.mem.u32(registration + 12)
    t.mem.put32(env + 28, level)
    return 0


@msvcrt.api()
def _setjmp3(t: Task, env: PTR, count: INT, va: VARARGS) -> INT:
    """setjmp of later compilers: ``count`` words follow: unwind function, try level, its data."""
    registration = _store(t, env)
    words = [t.mem.u32(va + 4 * i) for i in range(max(0, min(count, 8)))]
    level, function = _NO_FRAME, 0
    if registration != _NO_FRAME:
        function = words[0] if words else 0
        if len(words) > 1:
            level = words[1]
        elif t.mem.readable(registration + 12, 4):
            level = t.mem.u32(registration + 12)
    data = words[2:8]
    t.mem.write(env + 28, struct.pack(f"<{3 + len(data)}I", level, COOKIE, function, *data))
    return 0


@msvcrt.api()
async def longjmp(t: Task, env: PTR, value: INT) -> None:
    """Go back to setjmp, unwinding the exception frames in between."""
    ebp, ebx, edi, esi, esp, eip, registration, level = struct.unpack("<8I", t.mem.read(env, 32))
    present = t.mem.u32(t.tib + tib.SEH)
    if registration != present:
        await t.unwind(registration if registration != _NO_FRAME else 0)
    if registration not in (0, _NO_FRAME):
        if t.mem.readable(env + 32, 8) and t.mem.u32(env + 32) == COOKIE:
            function = t.mem.u32(env + 36)
            if function:
                await t.call(function, env)
        else:
            await seh.local_unwind(t, registration, level - ((level & 0x80000000) << 1))
    cpu = t.cpu
    cpu.ebx, cpu.edi, cpu.esi = ebx, edi, esi
    cpu.eax = value or 1
    t.mem.put32(t.tib + tib.SEH, registration)
    seh.enter(t, eip, ebp, esp + 4)


msvcrt.alias("_longjmpex", "longjmp")


@msvcrt.api(convention="stdcall")
async def _seh_longjmp_unwind(t: Task, env: PTR) -> None:
    """The unwind function that compilers pass to _setjmp3 in functions with __try."""
    await seh.local_unwind(t, t.mem.u32(env + 24), t.mem.i32(env + 28))
