"""Fibers (Windows 98): stacks and registers that a thread switches between by itself.

A fiber is a small guest block: its first dword is the fiber's parameter, which GetFiberData reads through FS:[10h].
Registers and stack bounds of a fiber that does not run are kept here, by that block's address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from w9x_client.abi import Err, Redirected, WinError, tib
from w9x_client.abi.types import PTR, SIZE_T, VOID

from .dll import kernel32

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

FIBER_DATA = 0x10
"""TIB offset of the current fiber (NT_TIB.FiberData), which the SDK's GetCurrentFiber macro reads."""
BLOCK_SIZE = 16
DEFAULT_STACK = 0x10_0000


@dataclass(slots=True)
class _Fiber:
    """What a fiber that does not run goes on with."""

    eip: int = 0
    esp: int = 0
    ebp: int = 0
    ebx: int = 0
    esi: int = 0
    edi: int = 0
    seh: int = 0xFFFFFFFF
    stack_base: int = 0
    stack_size: int = 0
    stack_top: int = 0
    stack_limit: int = 0
    owns_stack: bool = False


class _Fibers:
    def __init__(self, process: Process) -> None:
        self.by_address: dict[int, _Fiber] = {}
        self.current: dict[int, int] = {}
        """Running fiber's address by thread id."""


def _stack_of(t: Task, fiber: _Fiber) -> None:
    fiber.stack_base, fiber.stack_size = t.stack_base, t.stack_size
    fiber.stack_top, fiber.stack_limit = t.mem.u32(t.tib + tib.STACK_TOP), t.mem.u32(t.tib + tib.STACK_LIMIT)
    fiber.seh = t.mem.u32(t.tib + tib.SEH)


def _use_stack(t: Task, fiber: _Fiber) -> None:
    t.stack_base, t.stack_size = fiber.stack_base, fiber.stack_size
    for offset, value in ((tib.STACK_TOP, fiber.stack_top), (tib.STACK_LIMIT, fiber.stack_limit), (tib.SEH,
    fiber.seh)):
        t.mem.put32(t.tib + offset, value)


@kernel32.api(since="98")
def ConvertThreadToFiber(t: Task, lpParameter: PTR) -> PTR:
    """Make the calling thread a fiber; returns its address."""
    address = t.process.heap_alloc(BLOCK_SIZE, zero=True)
    t.mem.put32(address, lpParameter)
    fibers = t.process.state(_Fibers)
    fibers.by_address[address] = _Fiber()
    fibers.current[t.id] = address
    t.mem.put32(t.tib + FIBER_DATA, address)
    return address


@kernel32.api(since="98")
def CreateFiber(t: Task, dwStackSize: SIZE_T, lpStartAddress: PTR, lpParameter: PTR) -> PTR:
    """A new fiber that will start at ``lpStartAddress(lpParameter)``; returning from it ends the thread."""
    fiber, thread = _Fiber(eip=lpStartAddress, owns_stack=True), _Fiber()
    _stack_of(t, thread)
    try:
        esp = t.create_stack(dwStackSize or DEFAULT_STACK, 0x2000)
        _stack_of(t, fiber)
    finally:
        _use_stack(t, thread)
    fiber.seh = 0xFFFFFFFF
    # the start routine returns into ExitThread, which finds a return address of its own and the exit code 0
    fiber.esp = esp - 16
    t.mem.put32(fiber.esp, t.process.export_address("kernel32", "ExitThread"))
    t.mem.put32(fiber.esp + 4, lpParameter)
    t.mem.put32(fiber.esp + 8, 0)
    t.mem.put32(fiber.esp + 12, 0)
    address = t.process.heap_alloc(BLOCK_SIZE, zero=True)
    t.mem.put32(address, lpParameter)
    t.process.state(_Fibers).by_address[address] = fiber
    return address


@kernel32.partial("not out of a callback that an export is waiting for", since="98")
def SwitchToFiber(t: Task, lpFiber: PTR) -> VOID:
    """Go on in another fiber; returns when somebody switches back."""
    fibers = t.process.state(_Fibers)
    target = fibers.by_address.get(lpFiber)
    here = fibers.current.get(t.id, 0)
    if target is None or here not in fibers.by_address:
        raise WinError(Err.INVALID_PARAMETER)
    if lpFiber == here:
        return
    leaving, cpu = fibers.by_address[here], t.cpu
    _stack_of(t, leaving)
    leaving.eip, leaving.esp = t.return_address, t.frame_esp + 4
    leaving.ebp, leaving.ebx, leaving.esi, leaving.edi = cpu.ebp, cpu.ebx, cpu.esi, cpu.edi
    _use_stack(t, target)
    cpu.esp, cpu.eip = target.esp, target.eip
    cpu.ebp, cpu.ebx, cpu.esi, cpu.edi = target.ebp, target.ebx, target.esi, target.edi
    fibers.current[t.id] = lpFiber
    t.mem.put32(t.tib + FIBER_DATA, lpFiber)
    raise Redirected


@kernel32.api(since="98")
def DeleteFiber(t: Task, lpFiber: PTR) -> VOID:
    """Free a fiber that does not run, and its stack."""
    fibers = t.process.state(_Fibers)
    fiber = fibers.by_address.get(lpFiber)
    if fiber is None or lpFiber in fibers.current.values():
        raise WinError(Err.INVALID_PARAMETER)
    del fibers.by_address[lpFiber]
    t.process.heap_free(lpFiber)
    if fiber.owns_stack:
        t.process.space.release(fiber.stack_base)
