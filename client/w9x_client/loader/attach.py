"""Telling modules what happens: start and end of processes and threads, and their thread-local data.

Interface: `process_attach`, `process_detach`, `thread_attach`, `thread_detach`; for `load` alone also `attach`,
`detach`, `set_up_tls`, `tear_down_tls`, `reachable`, `LoaderLock`. What may run guest code is ``async`` and
holds the process's loader lock, so that DllMain functions never overlap (SDK, DllMain); it is recursive,
because a DllMain may load another DLL.

Order. DLL_PROCESS_ATTACH goes to a module after the modules it imports from; DLL_PROCESS_DETACH and
DLL_THREAD_DETACH in the reverse order of attachment. lpvReserved is not NULL for modules attached with the
program, and for detaching at process exit (SDK, DllMain).

Thread-local data (``__declspec(thread)``): Windows 9x sets it up for modules loaded with the program only. Here
a module loaded later gets it too, for all threads that exist then and later: programs built since expect it,
and none can rely on its absence.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import TYPE_CHECKING

from w9x_client.abi import Err, GuestFault, WinError, find_hooks

from .image import ImageError
from .module import Module

if TYPE_CHECKING:
    from .host import Process, Task

DLL_PROCESS_DETACH, DLL_PROCESS_ATTACH, DLL_THREAD_ATTACH, DLL_THREAD_DETACH = range(4)
MAX_TLS_CALLBACKS = 256


class LoadError(WinError):
    """A load that failed for a reason worth a sentence: ``text`` is one line for the user."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code)
        self.text = text


class LoaderLock:
    """The loader lock, held over guest code."""

    __slots__ = ("_lock", "_t")

    def __init__(self, t: Task) -> None:
        self._t, self._lock = t, t.process.loader_lock

    async def __aenter__(self) -> None:
        await self._t.wait([self._lock])

    async def __aexit__(self, *_: object) -> None:
        if self._lock.owner is self._t:  # a terminated thread has abandoned it already
            self._lock.release(self._t)


def reachable(roots: Iterable[Module]) -> list[Module]:
    """Every module reachable from ``roots``, those imported from first."""
    order: list[Module] = []
    seen: set[int] = set()
    for root in roots:
        if id(root) in seen:
            continue
        seen.add(id(root))
        path = [(root, iter(root.dependencies))]
        while path:
            module, rest = path[-1]
            following = next((m for m in rest if id(m) not in seen), None)
            if following is None:
                order.append(module)
                path.pop()
            else:
                seen.add(id(following))
                path.append((following, iter(following.dependencies)))
    return order


# --- thread-local data --------------------------------------------------------------------
def set_up_tls(process: Process, modules: Iterable[Module]) -> None:
    """Give modules with a TLS directory their index, and every present thread its block."""
    for module in modules:
        if module.tls is None or module.is_datafile or module.tls_index is not None:
            continue
        module.tls_index = process.allocate_tls()
        process.space.poke(module.base + module.tls.index, struct.pack("<I", module.tls_index))
        for task in process.tasks.values():
            _make_tls_block(process, task, module)


def _make_tls_block(process: Process, task: Task, module: Module) -> None:
    tls, index = module.tls, module.tls_index
    if tls is None or index is None or process.mem.u32(task.tls_array + 4 * index):
        return
    block = process.heap_alloc(max(tls.size + tls.zero_fill, 1), zero=True)
    if tls.size:
        process.mem.write(block, process.mem.read(module.base + tls.start, tls.size))
    process.mem.put32(task.tls_array + 4 * index, block)


def _free_tls_block(process: Process, task: Task, index: int) -> None:
    slot = task.tls_array + 4 * index
    block = process.mem.u32(slot)
    if block:
        process.mem.put32(slot, 0)
        process.heap_free(block)  # refuses what is no block: the program may have put its own pointer there


def tear_down_tls(process: Process, module: Module) -> None:
    """Take a module's blocks from all threads, and free its index."""
    if module.tls_index is None:
        return
    for task in process.tasks.values():
        _free_tls_block(process, task, module.tls_index)
    process.free_tls(module.tls_index)
    module.tls_index = None


async def _tls_callbacks(t: Task, module: Module, reason: int, reserved: int) -> None:
    if module.tls is None or not module.tls.callbacks or module.is_datafile:
        return
    at = module.base + module.tls.callbacks
    for index in range(MAX_TLS_CALLBACKS):
        try:
            callback = t.process.mem.u32(at + 4 * index)
        except GuestFault:
            return
        if not callback:
            return
        await t.call(callback, module.base, reason, reserved)


# --- notifications --------------------------------------------------------------------------
async def _notify(t: Task, module: Module, reason: int, reserved: int) -> int:
    """Tell a module; returns its DllMain's answer (1 where it has none)."""
    await _tls_callbacks(t, module, reason, reserved)
    if not module.image.is_dll or not module.entry or module.is_builtin:
        return 1
    return await t.call(module.entry, module.base, reason, reserved)


async def attach(t: Task, order: Iterable[Module]) -> None:
    """DLL_PROCESS_ATTACH to the modules that have not had it; WinError(DLL_INIT_FAILED) when one refuses."""
    table = t.process.modules
    for module in order:
        if module.attached or not module.resolved:
            continue
        module.attached = True
        table.initialized.append(module)
        if module.system is not None:
            await _run_attach_hooks(t, module)
        if not await _notify(t, module, DLL_PROCESS_ATTACH, 1 if module.fixed else 0):
            raise LoadError(Err.DLL_INIT_FAILED, f"{module.name} could not be initialised (its DllMain returned FALSE)")


async def _run_attach_hooks(t: Task, module: Module) -> None:
    """A system DLL's own initialisation. Its declarations are imported only where they have any."""
    if module.system is None or not module.system.hooks:
        return
    for hook in find_hooks(module.system.stem, module.system.hooks):
        result = hook(t)
        if hasattr(result, "__await__"):
            await result


async def detach(t: Task, modules: Iterable[Module], reserved: int) -> None:
    """DLL_PROCESS_DETACH to those of ``modules`` that are attached, last attached first."""
    wanted = {id(module) for module in modules}
    for module in reversed(tuple(t.process.modules.initialized)):
        if id(module) in wanted and module.attached:
            module.attached = False
            await _notify(t, module, DLL_PROCESS_DETACH, reserved)


async def process_attach(t: Task) -> None:
    """Tell the program's own modules that the process starts.

    Raises ImageError (exit code 126) when a DLL refuses.
    """
    async with LoaderLock(t):
        table = t.process.modules
        roots = [table.exe] if table.exe is not None else []
        try:
            await attach(t, reachable([*(m for m in table if m.is_builtin), *roots]))
        except LoadError as error:
            raise ImageError(error.text) from None
        table.started = True


async def process_detach(t: Task) -> None:
    """Tell all modules that the process ends (ExitProcess)."""
    async with LoaderLock(t):
        await detach(t, t.process.modules, 1)


async def thread_attach(t: Task) -> None:
    """Set up a new thread: its thread-local data, and DLL_THREAD_ATTACH.

    Runs on that thread, before its start routine.
    """
    async with LoaderLock(t):
        for module in t.process.modules:
            if module.tls_index is not None:
                _make_tls_block(t.process, t, module)
        for module in tuple(t.process.modules.initialized):
            if module.attached and module.thread_calls:
                await _notify(t, module, DLL_THREAD_ATTACH, 0)


async def thread_detach(t: Task) -> None:
    """DLL_THREAD_DETACH, and the end of the thread's thread-local data. Runs on that thread (ExitThread)."""
    async with LoaderLock(t):
        for module in reversed(tuple(t.process.modules.initialized)):
            if module.attached and module.thread_calls:
                await _notify(t, module, DLL_THREAD_DETACH, 0)
        for module in t.process.modules:
            if module.tls_index is not None:
                _free_tls_block(t.process, t, module.tls_index)


