"""One emulated process: its memory, modules, threads, handles and settings, and the events of its engine.

`Process` is what handlers reach as ``t.process``. It owns the tasks and the answers to engine events
(`EventHandler`): an API call is resolved to its declaration and compiled at the first call, a callback's return and a
fault go to the current task.

Everything belongs to the one host thread that runs `run`; other host threads use `Scheduler.later`.
"""

from __future__ import annotations

import contextlib
import os
import struct
import time
import traceback
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from w9x_arena import layout
from w9x_arena.layout import PAGE, PROT_EXEC, PROT_READ, PROT_WRITE
from w9x_client import loader
from w9x_client.abi import Err, GuestException, GuestExit, GuestFault, Redirected, WinError, find_export, tib
from w9x_client.abi.compile import Compiled, compile_export
from w9x_client.engine.interface import Engine, Fault

from . import crash, exceptions
from .environment import Environment
from .heap import Heaps
from .messages import Messages
from .objects import HandleTable, KernelObject, Mutex
from .scheduler import Scheduler
from .task import Task
from .tls import TlsSlots
from .version import WindowsVersion

if TYPE_CHECKING:
    from w9x_arena.rpc import Connection
    from w9x_client.drives import DriveTable
    from w9x_client.engine.space import AddressSpace

S = TypeVar("S")
DEFAULT_STACK = 0x10_0000
STACK_END = 0xFFFF_FF00
"""An export called with its arguments beyond here has a stack that wraps around the end of the address space."""
_DYNAMIC_NUMBER = 0xF000_0000
"""Export numbers from here on are this process's own stubs, for imports that no module exports."""


class Process(KernelObject):
    """An emulated process.

    Args:
        space: its memory, with no engine attached yet.
        engine: executes it, attached to ``space``.
        drives: its door to the host's files.
        version: which Windows it sees.
        environment: its variables.
        connection: to the daemon, or None for a process on its own (tests).
    """

    def __init__(
        self,
        space: AddressSpace,
        engine: Engine,
        drives: DriveTable,
        version: WindowsVersion,
        environment: Environment,
        connection: Connection | None = None,
    ) -> None:
        super().__init__()
        self.space, self.engine, self.drives = space, engine, drives
        self.mem = space.mem
        self.version, self.environment, self.daemon = version, environment, connection
        self.guest_pid = connection.pid if connection is not None else 0xFFFC_0001
        self.acp, self.oemcp, self.lcid = 1252, 437, 0x409
        self.messages = Messages()
        self.handles = HandleTable()
        self.std_handles: dict[int, int] = {}
        self.scheduler = Scheduler(self)
        self.tasks: dict[int, Task] = {}
        self.main_task: Task | None = None
        self.command_line = ""
        self.startup: dict[str, Any] = {}
        """STARTUPINFO fields from CreateProcess, for GetStartupInfo."""
        self.started = time.monotonic_ns()
        self.exit_code: int | None = None
        self.exiting = False
        self.top_level_filter = 0
        """SetUnhandledExceptionFilter's function, 0 for none."""
        self.error_mode = 0
        self.loader_lock = Mutex()
        self.modules = loader.ModuleTable(version.name)
        self.recent_calls = engine.recent_calls
        self.trace: Any = None
        """The relay log, when the program is traced (`process.trace.Relay`)."""
        self._states: dict[type[Any], Any] = {}
        self._compiled: dict[int, Compiled] = {}
        self._dynamic: dict[tuple[str, str], int] = {}
        self._free_tibs: list[int] = []
        self._next_tib = layout.TIB_START
        self._task_ids: list[int] = []
        self._last_own_id = self.guest_pid
        self._overflowed: Task | None = None
        space.grow_stack = self._grow_stack
        space.map_private(layout.CLOCK_PAGE, PAGE, PROT_READ)
        space.map_private(layout.PROCESS_DATABASE, PAGE, PROT_READ | PROT_WRITE)
        # The static C runtime of today's compilers tests a flag of NT's PEB.ProcessParameters (+10h) in exit(),
        # whatever the Windows version; on 9x the field is a status that programs read with GetExitCodeProcess. It
        # points at zeros.
        self.mem.put32(layout.PROCESS_DATABASE + tib.NT_PROCESS_PARAMETERS, layout.PROCESS_DATABASE + PAGE // 2)
        space.map_private(layout.LOW_START, layout.LOW_END - layout.LOW_START, PROT_READ | PROT_WRITE)

    # --- state ----------------------------------------------------------------------
    def state(self, cls: type[S]) -> S:
        """The per-process singleton of ``cls``, made as ``cls(process)`` when first asked for."""
        found = self._states.get(cls)
        if found is None:
            found = self._states[cls] = cls(self)  # type: ignore[call-arg]  # by contract: takes the process
        return found

    def heap_alloc(self, size: int, zero: bool = False) -> int:
        """A block of the process's default heap; WinError(NOT_ENOUGH_MEMORY)."""
        return self.state(Heaps).default.alloc(size, zero)

    def heap_free(self, address: int) -> bool:
        """Free a block; False where it is none."""
        return self.state(Heaps).default.free(address)

    def heap_size(self, address: int) -> int:
        """Requested size of a block, -1 where it is none."""
        return self.state(Heaps).default.size(address)

    def heap_realloc(self, address: int, size: int, zero: bool = False) -> int:
        """Resize a block, moving it if need be."""
        return self.state(Heaps).default.realloc(address, size, zero)

    def allocate_tls(self) -> int:
        """A thread-local storage index."""
        return self.state(TlsSlots).allocate()

    def free_tls(self, index: int) -> None:
        """Give the index back."""
        self.state(TlsSlots).free(index)

    def export_address(self, dll: str, name: str) -> int:
        """Guest address of a system DLL's export; the module must be loaded."""
        module = self.modules.by_name(f"{dll}.dll" if "." not in dll else dll)
        found = module.find_export(name) if module is not None else None
        if not isinstance(found, int):
            raise KeyError(f"{dll}.{name} is not loaded")
        return found

    def variable(self, dll: str, name: str) -> int:
        """Guest address of an exported variable."""
        return self.export_address(dll, name)

    # --- tasks ----------------------------------------------------------------------
    def new_task(self) -> Task:
        """A task with a TIB and an engine state, but no stack and nothing to run yet."""
        if self._free_tibs:
            address = self._free_tibs.pop()
        elif self._next_tib < layout.TIB_END:
            address = self._next_tib
            self._next_tib += layout.TIB_STRIDE
        else:
            raise WinError(Err.NOT_ENOUGH_MEMORY)
        self.space.map_private(address, layout.TIB_STRIDE, PROT_READ | PROT_WRITE)
        self.mem.fill(address, layout.TIB_STRIDE)
        number = self._new_task_id()
        task = Task(self, number, address)
        for offset, value in (
            (tib.SEH, exceptions.CHAIN_END), (tib.SELF, address), (tib.TLS_ARRAY, task.tls_array),
            (tib.PROCESS_DATABASE, layout.PROCESS_DATABASE), (tib.THREAD_ID, number),
        ):  # fmt: skip
            self.mem.put32(address + offset, value)
        self.tasks[number] = task
        return task

    def _new_task_id(self) -> int:
        """A thread id that no other thread of the system has (the daemon's numbers, a handful at a time)."""
        if not self._task_ids:
            count = 8
            if self.daemon is not None:
                from w9x_arena import messages

                first = self.daemon.call(messages.AllocIds(count=count)).base
            else:
                first = self._last_own_id = self._last_own_id + 4 * count
            self._task_ids = [first + 4 * index for index in range(count)]
        return self._task_ids.pop(0)

    def spawn(self, task: Task, life: Coroutine[Any, Any, Any], reserve: int, commit: int) -> None:
        """Give the task a stack and its life, and queue it."""
        try:
            esp = task.create_stack(reserve, commit)
        except WinError:
            life.close()
            raise
        task.state = self.engine.create_thread(task.tib, esp)
        task.initial_esp = esp
        task.start(life)
        self.scheduler.ready(task)

    def create_task(self, start: int, parameter: int, stack_size: int = 0, suspended: bool = False) -> Task:
        """CreateThread: a new guest thread at ``start(parameter)``."""
        task = self.new_task()
        program = self.modules.exe
        reserve = max(stack_size, program.image.stack_reserve if program is not None else DEFAULT_STACK)
        task.suspend_count = 1 if suspended else 0
        try:
            self.spawn(task, self._thread_life(task, start, parameter), reserve, 0x2000)
        except WinError:
            self._retire(task)
            raise
        return task

    async def _thread_life(self, task: Task, start: int, parameter: int) -> None:
        await loader.thread_attach(task)
        code = await task.call(start, parameter)
        await self.exit_thread(task, code)

    async def exit_thread(self, task: Task, code: int) -> NoReturn:
        """ExitThread: the last thread's exit is the process's."""
        if not any(other is not task and not other.ended for other in self.tasks.values()):
            await self.exit(task, code)
        await loader.thread_detach(task)
        self.end_task(task, code)
        raise Redirected

    def end_task(self, task: Task, code: int) -> None:
        """End a thread now, without notifications (TerminateThread, and the last step of ExitThread)."""
        if task.ended:
            return
        task.end(code)
        self._retire(task)
        if task is self.scheduler.current:
            self.engine.stop()
        if not self.has_live_tasks():
            raise GuestExit(code)

    def task_ended(self, task: Task) -> None:
        """A task's life coroutine returned."""
        self.end_task(task, 0)

    def _retire(self, task: Task) -> None:
        self.tasks.pop(task.id, None)
        if task.state is not None:
            self.engine.destroy_thread(task.state)
            task.state = None
        with contextlib.suppress(WinError):
            task.free_stack()
        self._free_tibs.append(task.tib)

    def has_live_tasks(self) -> bool:
        """Whether any guest thread is left."""
        return any(not task.ended for task in self.tasks.values())

    def _grow_stack(self, address: int) -> bool:
        for task in self.tasks.values():
            if task.stack_base <= address < task.stack_base + task.stack_size:
                return task.grow_stack(address)
        return False

    def stack_overflow(self, task: Task) -> None:
        """The task touched the end of its stack: the fault in progress becomes a stack overflow."""
        self._overflowed = task

    def take_overflow(self, task: Task) -> bool:
        """Whether the present fault is a stack overflow; asked once per fault."""
        found, self._overflowed = self._overflowed is task, None
        return found

    # --- start and end ----------------------------------------------------------------
    def run(self) -> int:
        """Run until the process ends; returns its exit code."""
        try:
            self.scheduler.run()
        except GuestExit as end:
            self.exit_code = end.code
        if self.exit_code is None:
            self.exit_code = 0
        return self.exit_code

    async def main_life(self, task: Task, program: loader.Program, guest_path: str) -> None:
        """The first thread: load, attach, run the entry point, exit."""
        module = await loader.load_program(task, program, guest_path)
        await loader.process_attach(task)
        if self.daemon is not None:
            from w9x_arena import messages

            self.daemon.call(messages.SetProcessState(state="running"))
        code = await task.call(module.entry)
        await self.exit(task, code)

    async def exit(self, task: Task, code: int) -> NoReturn:
        """ExitProcess: other threads end, every DLL is told, then the process is over."""
        if self.exiting:
            raise GuestExit(code)
        self.exiting = True
        for other in list(self.tasks.values()):
            if other is not task:
                other.end(code)
                self._retire(other)
        await loader.process_detach(task)
        raise GuestExit(code)

    def close(self) -> None:
        """Give everything back: handles, threads, the engine, the daemon's ledger entry."""
        for task in list(self.tasks.values()):
            task.end(self.exit_code or 0)
        self.handles.close_all()
        self.scheduler.close()
        self.engine.close()
        if self.daemon is not None:
            self.daemon.close()

    # --- EventHandler -------------------------------------------------------------------
    def api_call(self, number: int) -> None:
        """An export without a fast entry: resolve it, or drive its coroutine."""
        task = self.scheduler.current
        assert task is not None
        esp = self.engine.cpu.esp
        try:
            compiled = self._compiled.get(number) or self._resolve(task, number)
            if compiled.is_async:
                task.api(compiled, esp)
                return
            self.engine.cpu.eax = compiled.entry(task, esp)
        except BaseException as error:  # noqa: BLE001  # entry_failed raises what is not the guest's
            self.entry_failed(error)

    def entry_failed(self, error: BaseException) -> None:
        """A synchronous entry raised: what is meant for the guest goes there, the rest passes through."""
        task = self.scheduler.current
        assert task is not None
        if isinstance(error, Redirected):
            return
        if isinstance(error, GuestFault):
            task.bad_pointer(error)
            return
        if isinstance(error, struct.error) and self.engine.cpu.esp > STACK_END:
            task.bad_pointer(GuestFault(0xFFFFFFFF))
            return
        if isinstance(error, GuestException):
            task.exception(error.code, error.parameters, error.flags)
            return
        raise error

    def _resolve(self, task: Task, number: int) -> Compiled:
        if number >= _DYNAMIC_NUMBER and number - _DYNAMIC_NUMBER < len(self._dynamic):
            dll, name = list(self._dynamic)[number - _DYNAMIC_NUMBER]
        else:
            found = self.modules.system.export_of(number)
            if found is None:
                self.die(task, f"call of export number {number:08X}, which nobody owns", exceptions.ACCESS_VIOLATION)
            dll, name = found
        stem = dll.removesuffix(".dll")
        export = find_export(stem, name, self.modules.system.topic_of(stem, name))
        if export is None:
            caller = crash.place(self, task.return_address)
            self.die(
                task,
                f"{stem}.{name} is not implemented (called from {caller}); "
                "'w9x triage PROGRAM' lists what a program needs",
                0xC000_0139,
            )
        compiled = compile_export(export, self.mem.ram)
        if self.trace is not None:
            compiled = self.trace.wrap(compiled)
        self._compiled[number] = compiled
        if not compiled.is_async:
            self.engine.fast_entries[number] = compiled.entry
        return compiled

    def callback_return(self) -> None:
        """Guest code called by a handler has returned."""
        assert self.scheduler.current is not None
        self.scheduler.current.callback_return()

    def fault(self, fault: Fault) -> None:
        """The processor faulted."""
        assert self.scheduler.current is not None
        self.scheduler.current.fault(fault)

    # --- what the loader asks -------------------------------------------------------------
    def dynamic_stub(self, dll: str, name: str) -> int:
        """A stub for an import that no module exports: it fails by name, only when it is called."""
        key = (dll.lower(), name)
        index = self._dynamic.setdefault(key, len(self._dynamic))
        address = layout.DYNAMIC_STUBS + 16 * index
        if address + 16 > layout.DYNAMIC_STUBS_END:
            raise WinError(Err.NOT_ENOUGH_MEMORY)
        call = struct.pack("<i", layout.GATE_API - (address + 10))
        self.space.map_private(layout.page_down(address), PAGE, PROT_READ | PROT_EXEC)
        self.space.poke(address, b"\xb8" + struct.pack("<I", _DYNAMIC_NUMBER + index) + b"\xe8" + call + b"\xc3")
        return address

    def module_loaded(self, module: loader.Module) -> None:
        """Tell the daemon's ledger."""
        if self.daemon is not None and not module.is_builtin:
            from w9x_arena import messages

            self.daemon.call(messages.RegisterModule(name=module.name, base=module.base, size=module.size))

    def module_unloaded(self, module: loader.Module) -> None:
        """Tell the daemon's ledger."""
        if self.daemon is not None and not module.is_builtin:
            from w9x_arena import messages

            self.daemon.call(messages.UnregisterModule(base=module.base))

    # --- the end of the road ----------------------------------------------------------------
    async def unhandled_exception(self, task: Task, record: int, context: int) -> None:
        """No frame handled it: the program's filter, else the crash report and the end.

        Returns when the filter says to continue execution.
        """
        if self.top_level_filter:
            pointers = task.cpu.esp - 0x20
            self.mem.write(pointers, struct.pack("<II", record, context))
            task.cpu.esp = pointers - 0x10
            verdict = await task.call(self.top_level_filter, pointers)
            if verdict == 0xFFFFFFFF:
                return
            if verdict == 1:
                await self.exit(task, self.mem.u32(record))
        code = self.mem.u32(record)
        crash.report(self, task, record, context)
        raise GuestExit(code)

    def die(self, task: Task, text: str, code: int) -> NoReturn:
        """End the process at once with one line that says why."""
        program = self.modules.exe
        self.messages.warn(f"{program.name if program is not None else 'program'} ended: {text}")
        raise GuestExit(code)

    def internal_error(self, error: BaseException) -> str:
        """One line about a defect of ours; the traceback only where W9X_DEBUG is set."""
        last = self.recent_calls[-1] if self.recent_calls else None
        found = self.modules.system.export_of(last) if last is not None else None
        where = f" in {found[0].removesuffix('.dll')}.{found[1]}" if found else ""
        if os.environ.get("W9X_DEBUG"):
            traceback.print_exception(error)
        return f"internal error{where}: {type(error).__name__}: {error} (please report it; W9X_DEBUG=1 shows more)"
