"""Structured exception handling of compiled C code (__try, __except, __finally): the frame handlers and unwinders.

A frame of the compiler, by the address of its registration record: +0 previous, +4 handler, +8 scope table, +0Ch try
level; its EBP is +10h, and -4 receives the EXCEPTION_POINTERS for GetExceptionInformation. A scope table entry is
(enclosing level, filter, handler); no filter means __finally.

Source: Matt Pietrek, "A Crash Course on the Depths of Win32 Structured Exception Handling", MSJ January 1997.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NoReturn

from w9x_client.abi import Redirected
from w9x_client.abi.types import INT, PTR, Arg

from . import state
from .dll import msvcrt

if TYPE_CHECKING:
    from w9x_client.process import Task

ENTRY_EAX = Annotated[int, Arg("", "t.entry_eax")]
"""No stack slot: EAX at the call, of exports declared with ``saves_eax``."""

UNWINDING = 2 | 4
CONTINUE_EXECUTION, CONTINUE_SEARCH = 0, 1
_MAX_LEVELS = 0x10000
"""Scopes in one frame; more means a damaged table."""


def enter(t: Task, eip: int, ebp: int, esp: int | None = None) -> NoReturn:
    """Leave the handler: the guest goes on at ``eip`` with this frame pointer."""
    t.cpu.eip, t.cpu.ebp = eip, ebp
    if esp is not None:
        t.cpu.esp = esp
    raise Redirected


async def local_unwind(t: Task, frame: int, target: int) -> None:
    """Run the __finally blocks of a frame from its present level out to (not including) level ``target``."""
    mem = t.mem
    own = state.thread(t)
    for _ in range(_MAX_LEVELS):
        level = mem.i32(frame + 12)
        if level in (-1, target):
            return
        entry = (mem.u32(frame + 8) + 12 * level) & 0xFFFFFFFF
        mem.put32(frame + 12, mem.u32(entry))
        if mem.u32(entry + 4) == 0:
            own.unwinding += 1
            await t.call(mem.u32(entry + 8), ebp=frame + 16)
            own.unwinding -= 1


async def _handle(t: Task, record: int, frame: int, context: int) -> int:
    mem = t.mem
    if mem.u32(record + 4) & UNWINDING:
        await local_unwind(t, frame, -1)
        return CONTINUE_SEARCH
    pointers = t.cpu.esp - 8
    mem.put32(pointers, record)
    mem.put32(pointers + 4, context)
    t.cpu.esp = pointers
    mem.put32(frame - 4, pointers)
    level = mem.i32(frame + 12)
    for _ in range(_MAX_LEVELS):
        if level == -1:
            break
        entry = (mem.u32(frame + 8) + 12 * level) & 0xFFFFFFFF
        chosen = mem.u32(entry + 4)
        if chosen:
            answer = await t.call(chosen, ebp=frame + 16)
            if answer & 0x80000000:
                return CONTINUE_EXECUTION
            if answer:
                state.thread(t).unwinding = 0
                await t.unwind(frame)
                await local_unwind(t, frame, level)
                mem.put32(frame + 12, mem.u32(entry))
                # The block's first instruction reloads ESP from [EBP-18h].
                enter(t, mem.u32(entry + 8), frame + 16)
        level = mem.i32(entry)
    return CONTINUE_SEARCH


@msvcrt.api()
async def _except_handler3(t: Task, record: PTR, frame: PTR, context: PTR, dispatcher: PTR) -> INT:
    """The handler of every function with __try, Visual C++ 4 to 6."""
    return await _handle(t, record, frame, context)


@msvcrt.partial("assumes the frame of _except_handler3")
async def _except_handler2(t: Task, record: PTR, frame: PTR, context: PTR, dispatcher: PTR) -> INT:
    """The handler of Visual C++ 2."""
    return await _handle(t, record, frame, context)


@msvcrt.api()
async def _global_unwind2(t: Task, frame: PTR) -> None:
    """RtlUnwind to a frame."""
    await t.unwind(frame)


@msvcrt.api()
async def _local_unwind2(t: Task, frame: PTR, trylevel: INT) -> None:
    """Run the __finally blocks of a frame down to a level."""
    await local_unwind(t, frame, trylevel)


@msvcrt.api()
def _abnormal_termination(t: Task) -> INT:
    """Whether a __finally block runs because of an unwind."""
    return int(state.thread(t).unwinding > 0)


@msvcrt.partial("never reports a damaged stack", saves_eax=True)
def _chkesp(t: Task, result: ENTRY_EAX) -> PTR:
    """Debug builds check ESP around calls with it; the flags of the comparison are gone by the time we run."""
    return result
