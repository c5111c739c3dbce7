"""A guest thread: its TIB and stack, and the coroutines of the handlers it is inside of.

A handler that calls the guest back (`await t.call(fn, ...)`) leaves a `Frame` on the task: a suspended coroutine with
the stack position of its call. When the guest returns to the callback gate, the frame whose stack position fits goes
on; frames above it were abandoned by a longjmp or an unwind, and are closed. The whole life of a thread is the bottom
frame's coroutine, so start-up and exit of threads and processes read like ordinary code (`Process.main_life`).

Requests that a coroutine yields to `Task.drive`: `CallRequest` (enter the guest) and `Wait` (park until the scheduler
completes it).
"""

from __future__ import annotations

import ctypes
import inspect
from collections.abc import Coroutine, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from w9x_arena import layout
from w9x_arena.layout import PAGE, PROT_GUARD, PROT_READ, PROT_WRITE
from w9x_client.abi import GuestException, GuestFault, Redirected, WinError, codepage, tib
from w9x_client.abi.compile import Compiled
from w9x_client.engine.interface import Fault

from . import crash, exceptions
from .objects import KernelObject, Mutex
from .scheduler import Wait

if TYPE_CHECKING:
    from w9x_client.abi.cpu import Cpu
    from w9x_client.abi.memory import Memory

    from .process import Process

RW = PROT_READ | PROT_WRITE
STACK_GUARD_ROOM = 2 * PAGE
"""Kept below a stack that overflows, so that its handlers have room to run."""


@dataclass(slots=True)
class CallRequest:
    """Enter guest code; the answer is EAX."""

    fn: int
    arguments: tuple[int, ...]
    ebp: int | None = None
    ecx: int | None = None

    def __await__(self) -> Generator[CallRequest, int, int]:
        return (yield self)


class Frame:
    """A suspended handler."""

    __slots__ = ("arguments", "call_esp", "compiled", "coroutine", "esp", "handling", "saved")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], compiled: Compiled | None, esp: int) -> None:
        self.coroutine = coroutine
        self.compiled = compiled
        """The export it answers; None for the thread's life and for exception dispatch."""
        self.esp = esp
        """ESP at the API gate."""
        self.call_esp = 0
        """ESP before the pending call into the guest was pushed; 0 when none is pending."""
        self.arguments = 0
        self.handling = 0
        """The exception registration whose handler is the pending call; 0 when the call is no handler's."""
        self.saved: tuple[int, ...] = ()


class Task(KernelObject):
    """One guest thread; a thread handle refers to it and it is signaled when it has ended."""

    def __init__(self, process: Process, number: int, tib_address: int) -> None:
        super().__init__()
        self.process = process
        self.id = number
        self.tib = tib_address
        self.mem: Memory = process.mem
        self.cpu: Cpu = process.engine.cpu
        self.frames: list[Frame] = []
        self.state: Any = None
        """The engine's saved registers."""
        self.wait_for: Wait | None = None
        self.wake_value: int | None = None
        self.resume_pending = False
        self.ended = False
        self.exit_code = 0x103  # STILL_ACTIVE
        self.suspend_count = 0
        self.priority = 0
        self.owned_mutexes: list[Mutex] = []
        self.apcs: list[tuple[int, int]] = []
        self.stack_base = 0
        self.stack_size = 0
        self.initial_esp = 0
        self.dispatching = 0
        """Exceptions whose handlers have not come to an end."""
        self._driving: Frame | None = None
        self._ram = process.mem.ram
        self.tls_array = tib_address + tib.TLS_SLOTS

    # --- what handlers use --------------------------------------------------------
    @property
    def last_error(self) -> int:
        """GetLastError's value; it lives in the TIB, where guest code reads it."""
        return self.mem.u32(self.tib + tib.LAST_ERROR)

    @last_error.setter
    def last_error(self, value: int) -> None:
        at = self.tib + tib.LAST_ERROR
        self._ram[at : at + 4] = (value & 0xFFFFFFFF).to_bytes(4, "little")

    @property
    def gate_esp(self) -> int:
        """ESP at the API gate of the export being answered: [stub return][caller's return][arguments]."""
        return self._driving.esp if self._driving is not None else self.cpu.esp

    @property
    def return_address(self) -> int:
        """Where the current export returns to in its caller."""
        return self.mem.u32(self.gate_esp + 4)

    def arg_address(self, offset: int) -> int:
        """Guest address of the stack argument ``offset`` bytes from the first."""
        return self.gate_esp + 8 + offset

    @property
    def frame_esp(self) -> int:
        """Address of the current export's first argument."""
        return self.gate_esp + 8

    @property
    def entry_eax(self) -> int:
        """EAX at the call of an export declared with ``saves_eax``."""
        return self.mem.u32(self.tib + tib.ENTRY_EAX)

    def result_high(self, value: int) -> None:
        """High dword of a 64-bit result."""
        at = self.tib + tib.RESULT_HIGH
        self._ram[at : at + 4] = (value & 0xFFFFFFFF).to_bytes(4, "little")

    def result_float(self, value: float) -> None:
        """A floating-point result, for the stub to load into ST(0)."""
        self.mem.putf64(self.tib + tib.RESULT_FLOAT, value)

    def ansi(self, address: int) -> str:
        """The zero-terminated text at ``address`` in the process's ANSI code page."""
        return codepage.decode(self.mem.cstr(address), self.process.acp)

    async def call(
        self, fn: int, *arguments: int, convention: str = "stdcall", ebp: int | None = None, ecx: int | None = None
    ) -> int:
        """Call guest code; returns EAX. ESP is restored whatever the callee pops, so ``convention`` only documents."""
        return await CallRequest(fn, arguments, ebp, ecx)

    async def wait(
        self,
        objects: list[KernelObject],
        wait_all: bool = False,
        timeout_ms: int | None = None,
        alertable: bool = False,
    ) -> int:
        """Wait as WaitForMultipleObjects does: the index (0 for all), +80h when abandoned, 102h on time-out, C0h for
        an APC.
        """
        wait = Wait(self, objects, wait_all, timeout_ms, alertable)
        if wait.try_now():
            result = wait.result
        elif timeout_ms == 0:
            result = 0x102
        else:
            result = await wait
        if result == 0xC0:
            await self._run_apcs()
        return result

    async def _run_apcs(self) -> None:
        while self.apcs:
            fn, parameter = self.apcs.pop(0)
            await self.call(fn, parameter)

    async def sleep(self, ms: int | None, alertable: bool = False) -> int:
        """Let others run for ``ms`` milliseconds (None: for ever; 0: one turn). C0h when an APC ended it."""
        wait = Wait(self, [], False, ms, alertable)
        if alertable and self.apcs:
            await self._run_apcs()
            return 0xC0
        result = await wait
        if result == 0xC0:
            await self._run_apcs()
            return result
        return 0

    async def readable(self, fd: int) -> None:
        """Park this thread until host descriptor ``fd`` can be read (or is at its end)."""
        await Wait(self, [], False, None, False, read_fd=fd)

    async def writable(self, fd: int) -> None:
        """Park this thread until host descriptor ``fd`` takes bytes."""
        await Wait(self, [], False, None, False, write_fd=fd)

    async def raise_exception(
        self, code: int, flags: int, parameters: list[int], *, address: int | None = None, nested: int = 0
    ) -> None:
        """RaiseException: returns only when a handler continues execution, unless it changed the context."""
        at = self.return_address if address is None and self._driving and self._driving.compiled else address
        saved = self.cpu.esp
        record, context = exceptions.push_record(self, code, flags, parameters, address=at, nested=nested)
        before = self.mem.read(context, ctypes.sizeof(exceptions.CONTEXT))
        await exceptions.dispatch(self, record, context)
        after = self.mem.struct(exceptions.CONTEXT, context)
        if bytes(after) != before:
            exceptions.restore(self, after, fpu=False)
            raise Redirected
        self.cpu.esp = saved

    async def unwind(self, target: int, record: int = 0, retval: int = 0) -> None:
        """RtlUnwind to the registration frame ``target`` (0: all)."""
        await exceptions.unwind(self, target, record)

    async def exit(self, code: int) -> NoReturn:
        """ExitThread."""
        await self.process.exit_thread(self, code)

    def suspend(self) -> int:
        """SuspendThread: the previous suspend count; the thread stops at its next turn at the latest."""
        previous = self.suspend_count
        self.suspend_count += 1
        if self is self.process.scheduler.current:
            self.process.engine.stop()
        return previous

    def resume_thread(self) -> int:
        """ResumeThread: the previous suspend count."""
        previous = self.suspend_count
        if previous:
            self.suspend_count -= 1
            if not self.suspend_count and self.wait_for is None:
                self.process.scheduler.ready(self)
        return previous

    def terminate(self, code: int) -> None:
        """TerminateThread."""
        self.process.end_task(self, code)
        if self.process.scheduler.current is self:
            raise Redirected

    # --- frames ---------------------------------------------------------------------
    def start(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Make ``coroutine`` this thread's life; it runs when the scheduler first picks the task."""
        self.frames.append(Frame(coroutine, None, 0))
        self.resume_pending = True

    def resume(self) -> None:
        """The scheduler picked this task and its topmost coroutine has something to go on with."""
        self.resume_pending = False
        value, self.wake_value = self.wake_value, None
        if self.initial_esp:
            self.cpu.esp, self.initial_esp = self.initial_esp, 0
        self.drive(self.frames[-1], value)

    def api(self, compiled: Compiled, esp: int) -> None:
        """Answer an export that is async, or whose fast entry failed."""
        self._drop_passed_frames(esp)
        frame = Frame(compiled.entry(self, esp), compiled, esp)
        self.frames.append(frame)
        self.drive(frame, None)

    def drive(self, frame: Frame, value: Any) -> None:
        """Run a frame's coroutine to its next request or its end."""
        outer, self._driving = self._driving, frame
        try:
            request = frame.coroutine.send(value)
        except StopIteration as stop:
            self._driving = outer
            self._finish(frame, stop.value)
            return
        except WinError as error:
            self._driving = outer
            self._fail(frame, error)
            return
        except GuestFault as fault:
            self._driving = outer
            self._handler_fault(frame, fault)
            return
        except GuestException as problem:
            self._driving = outer
            self._remove(frame)
            self._back_at_gate(frame)
            self.exception(problem.code, problem.parameters, problem.flags)
            return
        except Redirected:
            self._driving = outer
            self._remove(frame)
            return
        finally:
            self._driving = outer
        if isinstance(request, CallRequest):
            self._enter(frame, request)
        else:
            self._park(frame, request)

    def _save(self, frame: Frame) -> None:
        if not frame.saved:
            cpu = self.cpu
            frame.saved = (cpu.eip, cpu.ebx, cpu.esi, cpu.edi, cpu.ebp)

    def _enter(self, frame: Frame, request: CallRequest) -> None:
        cpu, mem = self.cpu, self.mem
        self._save(frame)
        frame.call_esp = cpu.esp
        frame.arguments = len(request.arguments)
        data = b"".join(
            (word & 0xFFFFFFFF).to_bytes(4, "little") for word in (layout.GATE_CALLBACK_RETURN, *request.arguments)
        )
        esp = frame.call_esp - len(data)
        try:
            mem.write(esp, data)
        except GuestFault:
            self.process.die(self, f"no stack is left to call {request.fn:08X}", exceptions.STACK_OVERFLOW)
        cpu.esp = esp
        cpu.eip = request.fn & 0xFFFFFFFF
        if request.ebp is not None:
            cpu.ebp = request.ebp
        if request.ecx is not None:
            cpu.ecx = request.ecx

    def _park(self, frame: Frame, wait: Wait) -> None:
        self._save(frame)
        self.wait_for = wait
        wait.begin()
        self.process.engine.stop()

    def callback_return(self) -> None:
        """Guest code has come back through the callback gate: the frame whose stack position fits goes on."""
        esp, value = self.cpu.esp, self.cpu.eax
        frames = self.frames
        for index in range(len(frames) - 1, -1, -1):
            frame = frames[index]
            if frame.call_esp and frame.call_esp - 4 * frame.arguments <= esp <= frame.call_esp:
                for abandoned in frames[index + 1 :]:
                    abandoned.coroutine.close()
                del frames[index + 1 :]
                self.cpu.esp, frame.call_esp = frame.call_esp, 0
                self.drive(frame, value)
                return
        self.process.die(self, "guest code returned with a stack that fits no call", exceptions.ACCESS_VIOLATION)

    def _drop_passed_frames(self, esp: int) -> None:
        """Close the frames whose calls the stack has been unwound past (same stack only)."""
        frames = self.frames
        while len(frames) > 1:
            top = frames[-1].call_esp
            if not top or top > esp or not (self.stack_base <= top < self.stack_base + self.stack_size):
                break
            if not self.stack_base <= esp < self.stack_base + self.stack_size:
                break
            frames.pop().coroutine.close()

    def _remove(self, frame: Frame) -> None:
        if frame in self.frames:
            index = self.frames.index(frame)
            for other in self.frames[index + 1 :]:
                other.coroutine.close()
            del self.frames[index:]

    def _back_at_gate(self, frame: Frame) -> None:
        if frame.saved:
            cpu = self.cpu
            cpu.eip, cpu.ebx, cpu.esi, cpu.edi, cpu.ebp = frame.saved
        self.cpu.esp = frame.esp

    def _finish(self, frame: Frame, value: Any) -> None:
        self._remove(frame)
        if frame.compiled is not None:
            self._back_at_gate(frame)
            self.cpu.eax = frame.compiled.finish(self, value)
        elif not self.frames:
            self.process.task_ended(self)

    def _fail(self, frame: Frame, error: WinError) -> None:
        if frame.compiled is None:
            raise error
        self._remove(frame)
        self._back_at_gate(frame)
        self.cpu.eax = frame.compiled.fail(self, error.code)

    def _handler_fault(self, frame: Frame, fault: GuestFault) -> None:
        """A handler met a bad pointer: an access violation inside the export, seen by its caller's handlers."""
        self._remove(frame)
        if frame.compiled is None and not self.frames:
            self.process.die(
                self, f"bad pointer {fault.address:08X} while starting a thread", exceptions.ACCESS_VIOLATION
            )
        self._back_at_gate(frame)
        self.bad_pointer(fault)

    # --- exceptions -------------------------------------------------------------------
    def handling(self, registration: int) -> None:
        """The call that follows is the handler of this registration (0: it has returned)."""
        if self._driving is not None:
            self._driving.handling = registration

    def is_handling(self, registration: int) -> bool:
        """Whether an exception now walking the chain meets a registration inside a handler call that is still on:
        those from that call's stack position up to the registration being handled (EXCEPTION_NESTED_CALL).
        """
        return any(
            frame.handling and frame.call_esp <= registration <= frame.handling
            for frame in self.frames
            if frame.call_esp
        )

    def bad_pointer(self, fault: GuestFault) -> None:
        """Raise the access violation that ``fault`` means in the guest."""
        if self.process.take_overflow(self):
            self.exception(exceptions.STACK_OVERFLOW, [])
            return
        self.exception(exceptions.ACCESS_VIOLATION, [1 if fault.write else 0, fault.address])

    def fault(self, fault: Fault) -> None:
        """The processor faulted in guest code."""
        code, parameters = exceptions.record_of(self, fault)
        if fault.vector == 14:
            page = fault.address >> 12
            bits = self.mem.prot[page]
            if self.process.take_overflow(self):
                code, parameters = exceptions.STACK_OVERFLOW, []
            elif bits & PROT_GUARD:
                if self.stack_base <= fault.address < self.stack_base + self.stack_size:
                    code, parameters = exceptions.STACK_OVERFLOW, []
                else:
                    self.process.space.end_guard(page)
                    code = exceptions.GUARD_PAGE
        address = self.cpu.eip
        if fault.vector in (3, 4) and fault.interrupt and code == exceptions.INT_OVERFLOW:
            self.cpu.eip = address + (1 if self.mem.ram[address] == 0xCE else 2)
        self.exception(code, parameters)

    def exception(self, code: int, parameters: list[int], flags: int = 0) -> None:
        """Dispatch an exception at the present registers, as a new frame of this thread."""
        self._drop_passed_frames(self.cpu.esp)
        try:
            record, context = exceptions.push_record(self, code, flags, parameters)
        except GuestFault:
            text = f"{exceptions.NAMES.get(code, f'exception {code:08X}')} at {crash.place(self.process, self.cpu.eip)}"
            self.process.die(self, f"{text}, and no stack is left for its handlers", code)
        frame = Frame(self._dispatch(record, context, code), None, self.cpu.esp)
        self.frames.append(frame)
        self.drive(frame, None)

    async def _dispatch(self, record: int, context: int, code: int) -> None:
        await exceptions.dispatch(self, record, context)
        fpu = 0xC000008D <= code <= 0xC0000093
        exceptions.restore(self, self.mem.struct(exceptions.CONTEXT, context), fpu)
        raise Redirected

    # --- stack ----------------------------------------------------------------------
    def create_stack(self, reserve: int, commit: int) -> int:
        """Reserve a stack with a guard page below its committed part; returns the initial ESP."""
        space = self.process.space
        reserve = max(layout.granule_up(reserve), layout.GRANULARITY)
        commit = min(max(layout.page_up(commit), 2 * PAGE), reserve - 3 * PAGE)
        base = space.reserve(reserve, label=f"stack {self.id}", kind="stack")
        top = base + reserve
        space.commit(top - commit, commit, RW)
        space.commit(top - commit - PAGE, PAGE, RW | PROT_GUARD)
        self.stack_base, self.stack_size = base, reserve
        self.mem.put32(self.tib + tib.STACK_TOP, top)
        self.mem.put32(self.tib + tib.STACK_LIMIT, top - commit)
        return top - 16

    def grow_stack(self, address: int) -> bool:
        """The guard page was touched: commit it and put a new one below; False at the end of the stack."""
        page = layout.page_down(address)
        space = self.process.space
        if page <= self.stack_base + STACK_GUARD_ROOM:
            # the last pages are for the handlers of the overflow; one guard page stays at the very bottom
            if page == self.stack_base:
                return False
            space.commit(self.stack_base + PAGE, page - self.stack_base, RW)
            self.mem.put32(self.tib + tib.STACK_LIMIT, self.stack_base + PAGE)
            self.process.stack_overflow(self)
            return False
        space.commit(page, PAGE, RW)
        space.commit(page - PAGE, PAGE, RW | PROT_GUARD)
        self.mem.put32(self.tib + tib.STACK_LIMIT, page)
        return True

    def free_stack(self) -> None:
        """The thread has ended."""
        if self.stack_size:
            self.process.space.release(self.stack_base)
            self.stack_size = 0

    # --- KernelObject -----------------------------------------------------------------
    def signaled(self, task: Task) -> bool:
        return self.ended

    def end(self, code: int) -> None:
        """Mark the thread ended: its mutexes are abandoned, its waiters go on."""
        if self.ended:
            return
        self.ended = True
        self.exit_code = code & 0xFFFFFFFF
        if self.wait_for is not None:
            self.wait_for.cancel()
            self.wait_for = None
        for frame in reversed(self.frames):
            if not _running(frame.coroutine):
                frame.coroutine.close()
        self.frames.clear()
        for mutex in list(self.owned_mutexes):
            mutex.abandon()
        self.owned_mutexes.clear()
        self.notify()


def _running(coroutine: Coroutine[Any, Any, Any]) -> bool:
    return inspect.getcoroutinestate(coroutine) == inspect.CORO_RUNNING
