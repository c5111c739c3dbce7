"""Loading programs and DLLs: mapping, binding imports, start and end notifications, reference counts, thread-local data.

Interface: `read_program`, `load_program`, `process_attach`, `process_detach`, `thread_attach`, `thread_detach`, `load_library`, `free_library`,
`get_proc_address`, `resolve_loaded`. Functions that may run guest code are ``async`` and hold the process's loader lock
(a recursive mutex, as Windows' own), so that two guest threads never load at once; callers hold no other lock.

Lifetime. Windows counts references; here a module lives while it can be reached from the program, from a module with LoadLibrary calls outstanding, or
from a load in progress, along "imports from" and "forwards to". That is the same for trees, and frees cycles. System modules stay once loaded.

Order. DLL_PROCESS_ATTACH goes to a module after the modules it imports from; DLL_PROCESS_DETACH and DLL_THREAD_DETACH in the reverse order of attachment
(SDK, DllMain). lpvReserved is not NULL for modules attached with the program, and for detaching at process exit.

Thread-local data (``__declspec(thread)``): Windows 9x sets it up for modules loaded with the program only. Here a module loaded later gets it too, for all
threads that exist then and later: programs built since expect it, and none can rely on its absence.

Errors are `WinError` (`LoadError` where there is a sentence for the user as well), `ImageError` from `read_program` and `load_program`.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from w9x_client.abi import Err, GuestFault, WinError, find_dll

from . import search
from .directories import Forward
from .image import ImageError, PeImage, parse, read_image_file
from .mapper import map_image
from .module import Module, base_name, module_name

if TYPE_CHECKING:
    from .host import Process, Task

DLL_PROCESS_DETACH, DLL_PROCESS_ATTACH, DLL_THREAD_ATTACH, DLL_THREAD_DETACH = range(4)
DONT_RESOLVE_DLL_REFERENCES = 0x1
LOAD_LIBRARY_AS_DATAFILE = 0x2
LOAD_WITH_ALTERED_SEARCH_PATH = 0x8
MAX_FORWARDS = 16
"""Length of a chain of forwarders; a cycle ends here."""
MAX_TLS_CALLBACKS = 256
MAX_MODULES = 1024


class LoadError(WinError):
    """A load that failed for a reason worth a sentence: ``text`` is one line for the user."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code)
        self.text = text


@dataclass(frozen=True, slots=True)
class Program:
    """A program file, read and checked, before any process exists."""

    image: PeImage
    key: str


def read_program(source: int | str) -> Program:
    """Read the program behind a descriptor (which stays open) or a host path.

    Raises ImageError, with exit code 127 where the file does not exist, else 126.
    """
    if isinstance(source, str):
        try:
            fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            raise ImageError("no such file", 127) from None
        except OSError as error:
            raise ImageError(f"cannot be read: {error.strerror}") from None
        try:
            return read_program(fd)
        finally:
            os.close(fd)
    image = parse(read_image_file(source))
    if image.is_dll:
        raise ImageError("a DLL, which cannot be run by itself")
    return Program(image, _file_key(source, image))


def _file_key(fd: int, image: PeImage) -> str:
    """The file's identity: whoever has the same content under the same key shares its pages."""
    st = os.fstat(fd)
    return f"{st.st_dev:x}:{st.st_ino:x}:{st.st_size:x}:{st.st_mtime_ns:x}:{image.image_base:x}"


class _locked:  # noqa: N801  # used as a statement: async with _locked(t)
    """The loader lock, held over guest code."""

    __slots__ = ("_lock", "_t")

    def __init__(self, t: Task) -> None:
        self._t, self._lock = t, t.process.loader_lock

    async def __aenter__(self) -> None:
        await self._t.wait([self._lock])

    async def __aexit__(self, *_: object) -> None:
        if self._lock.owner is self._t:  # a terminated thread has abandoned it already
            self._lock.release(self._t)


# --- mapping and binding ------------------------------------------------------------------
class _Batch:
    """The modules that one request brings in; `undo` takes them away again."""

    def __init__(self, process: Process, first_folder: str = "") -> None:
        self.process = process
        self.first_folder = first_folder
        self.new: list[Module] = []
        self._unbound: list[Module] = []

    def add(self, name: str, path: str, image: PeImage, key: str) -> Module:
        """Map an image that is to be bound."""
        module = self._enter(name, path, image, key)
        self._unbound.append(module)
        return module

    def _enter(self, name: str, path: str, image: PeImage, key: str, data_only: bool = False) -> Module:
        table = self.process.modules
        if len(table) >= MAX_MODULES:
            raise LoadError(Err.NOT_ENOUGH_MEMORY, f"more than {MAX_MODULES} modules")
        try:
            placement = map_image(self.process.space, image, key, name.lower(), data_only)
        except WinError as error:
            text = f"no room for {name} ({image.size_of_image // 1024} KB at {image.image_base:08X})"
            raise LoadError(error.code, text) from None
        module = Module(name, path, image, placement)
        module.is_datafile = data_only
        table.add(module)
        self.new.append(module)
        return module

    def open(self, found: search.Found, *, data_only: bool = False, bind: bool = True) -> Module:
        """Map what a search found, unless that very file is loaded already."""
        if found.system:
            return self.process.modules.by_name(found.system) or self._system(found)
        try:
            known = next(
                (m for m in self.process.modules if m.path.upper() == found.path.upper() and m.is_datafile == data_only),
                None,
            )
            if known is not None:
                return known
            image = parse(read_image_file(found.fd))
            key = _file_key(found.fd, image) + (":data" if data_only else "")
        finally:
            os.close(found.fd)
        name = base_name(found.path)
        if data_only or not bind or not image.is_dll:
            return self._enter(name, found.path, image, key, data_only)
        return self.add(name, found.path, image, key)

    def _system(self, found: search.Found) -> Module:
        built = self.process.modules.system.image(found.system)
        if built is None:
            raise WinError(Err.MOD_NOT_FOUND)
        module = self._enter(found.system, found.path, parse(built.data), built.key)
        module.system = built
        module.fixed = True
        self._unbound.append(module)
        return module

    def need(self, name: str, wanted_by: Module) -> Module:
        """The module that ``wanted_by`` imports from; LoadError naming both where there is none."""
        module = self.process.modules.by_name(name)
        if module is None:
            found = search.find(self.process, name, self.first_folder)
            if found is None:
                places = ", ".join(search.folders(self.process, self.first_folder))
                raise LoadError(
                    Err.MOD_NOT_FOUND,
                    f"{wanted_by.name} needs {module_name(name)}, which was not found (looked in {places})",
                )
            try:
                module = self.open(found)
            except ImageError as error:
                text = f"{wanted_by.name} needs {module_name(name)}: {found.path} is {error.text}"
                raise LoadError(Err.BAD_EXE_FORMAT, text) from None
        if module is not wanted_by and module not in wanted_by.dependencies:
            wanted_by.dependencies.append(module)
        return module

    def bind(self) -> None:
        """Bind the imports of all new modules, bringing in what they need."""
        while self._unbound:
            module = self._unbound.pop(0)
            for dll in module.image.imports:
                source = self.need(dll.name, module)
                addresses = [
                    self._import(module, source, f.ordinal if f.name is None else f.name) for f in dll.functions
                ]
                self.process.space.poke(module.base + dll.iat_rva, struct.pack(f"<{len(addresses)}I", *addresses))
            module.resolved = True

    def _import(self, module: Module, source: Module, symbol: str | int) -> int:
        """The address to bind; a function nobody exports gets a stub that fails by name when it is called."""
        try:
            address = self.resolve(source, symbol)
        except ImageError as error:
            raise LoadError(Err.BAD_EXE_FORMAT, f"{source.name}: {error.text}") from None
        if address is None:
            name = f"#{symbol}" if isinstance(symbol, int) else symbol
            address = self.process.dynamic_stub(source.name, name)
        return address

    def resolve(self, source: Module, symbol: str | int) -> int | None:
        """Address of an export as a static import sees it, forwarders followed."""
        for _ in range(MAX_FORWARDS):
            found = source.find_export(symbol)
            if found is None and isinstance(symbol, str):
                found = source.find_hidden(symbol)
            if not isinstance(found, Forward):
                return found
            source, symbol = self.need(found.dll, source), found.symbol
        return None

    def undo(self) -> None:
        """Take the new modules away."""
        for module in reversed(self.new):
            _unmap(self.process, module)
        self.new.clear()


def _unmap(process: Process, module: Module) -> None:
    process.module_unloaded(module)
    if module.tls_index is not None:
        for task in process.tasks.values():
            _free_tls_block(process, task, module.tls_index)
        process.free_tls(module.tls_index)
    process.modules.remove(module)
    for other in process.modules:
        if module in other.dependencies:
            other.dependencies.remove(module)
    process.space.release_image(module.placement)


def _attach_order(roots: Iterable[Module]) -> list[Module]:
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
def _set_up_tls(process: Process, modules: Iterable[Module]) -> None:
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


async def _attach(t: Task, order: Iterable[Module], static: bool) -> None:
    """DLL_PROCESS_ATTACH to the modules that have not had it; WinError(DLL_INIT_FAILED) when one refuses."""
    table = t.process.modules
    for module in order:
        if module.attached or not module.resolved:
            continue
        module.attached, module.static = True, static
        table.initialized.append(module)
        if module.system is not None:
            await _run_attach_hooks(t, module)
        if not await _notify(t, module, DLL_PROCESS_ATTACH, 1 if static else 0):
            raise LoadError(Err.DLL_INIT_FAILED, f"{module.name} could not be initialised (its DllMain returned FALSE)")


async def _run_attach_hooks(t: Task, module: Module) -> None:
    """A system DLL's own initialisation. Its declarations are imported only where they have any."""
    if module.system is None or not module.system.has_attach_hooks:
        return
    dll = find_dll(module.system.stem)
    for hook in dll.attach_hooks if dll is not None else ():
        result = hook(t)
        if hasattr(result, "__await__"):
            await result


async def _detach(t: Task, modules: Iterable[Module], reserved: int) -> None:
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
    async with _locked(t):
        table = t.process.modules
        roots = [table.exe] if table.exe is not None else []
        try:
            await _attach(t, _attach_order([*(m for m in table if m.is_builtin), *roots]), True)
        except LoadError as error:
            raise ImageError(error.text) from None
        table.started = True


async def process_detach(t: Task) -> None:
    """Tell all modules that the process ends (ExitProcess)."""
    async with _locked(t):
        await _detach(t, t.process.modules, 1)


async def thread_attach(t: Task) -> None:
    """Set up a new thread: its thread-local data, and DLL_THREAD_ATTACH. Runs on that thread, before its start routine."""
    async with _locked(t):
        for module in t.process.modules:
            if module.tls_index is not None:
                _make_tls_block(t.process, t, module)
        for module in tuple(t.process.modules.initialized):
            if module.attached and module.thread_calls:
                await _notify(t, module, DLL_THREAD_ATTACH, 0)


async def thread_detach(t: Task) -> None:
    """DLL_THREAD_DETACH, and the end of the thread's thread-local data. Runs on that thread (ExitThread)."""
    async with _locked(t):
        for module in reversed(tuple(t.process.modules.initialized)):
            if module.attached and module.thread_calls:
                await _notify(t, module, DLL_THREAD_DETACH, 0)
        for module in t.process.modules:
            if module.tls_index is not None:
                _free_tls_block(t.process, t, module.tls_index)


# --- requests ---------------------------------------------------------------------------------
async def load_program(t: Task, program: Program, guest_path: str) -> Module:
    """Map and bind a program and all it needs; nothing of it runs before `process_attach`.

    Raises ImageError: a missing or damaged DLL, or no room.
    """
    process = t.process
    async with _locked(t):
        batch = _Batch(process)
        try:
            exe = batch.add(base_name(guest_path), guest_path, program.image, program.key)
            process.modules.exe = exe
            batch.need("KERNEL32.DLL", exe)
            batch.bind()
            _set_up_tls(process, batch.new)
        except (LoadError, ImageError) as error:
            process.modules.exe = None
            batch.undo()
            raise ImageError(error.text) from None
        except WinError as error:
            process.modules.exe = None
            batch.undo()
            raise ImageError(f"cannot be loaded: {error}") from None
        for module in batch.new:
            module.fixed = True
            process.module_loaded(module)
        return exe


async def load_library(t: Task, name: str, flags: int = 0) -> Module:
    """LoadLibraryEx. Raises WinError: MOD_NOT_FOUND, BAD_EXE_FORMAT, DLL_INIT_FAILED, NOT_ENOUGH_MEMORY."""
    process = t.process
    data_only = bool(flags & LOAD_LIBRARY_AS_DATAFILE)
    if not name or "\0" in name:
        raise WinError(Err.MOD_NOT_FOUND)
    async with _locked(t):
        known = process.modules.by_name(name)
        if known is not None:
            known.load_count += 1
            return known
        found = search.find(process, name)
        if found is None:
            raise WinError(Err.MOD_NOT_FOUND)
        altered = flags & LOAD_WITH_ALTERED_SEARCH_PATH and ("\\" in name or "/" in name)
        batch = _Batch(process, found.path.rpartition("\\")[0] if altered else "")
        try:
            bind = not flags & DONT_RESOLVE_DLL_REFERENCES
            module = batch.open(found, data_only=data_only, bind=bind)
            batch.bind()
            _set_up_tls(process, batch.new)
        except ImageError as error:
            batch.undo()
            process.messages.warn(f"{found.path}: {error.text}")
            raise WinError(Err.BAD_EXE_FORMAT) from None
        except BaseException as error:
            batch.undo()
            if isinstance(error, LoadError):
                process.messages.warn(error.text)
            raise
        module.load_count += 1
        for entry in batch.new:
            process.module_loaded(entry)
        try:
            await _attach(t, _attach_order([module]), False)
        except LoadError as error:
            module.load_count -= 1
            process.messages.warn(error.text)
            await _collect(t)
            raise
        return module


async def free_library(t: Task, module: Module) -> None:
    """FreeLibrary: the module goes, with what only it needed, when nothing refers to it any more."""
    async with _locked(t):
        if module.load_count:
            module.load_count -= 1
        await _collect(t)


async def _collect(t: Task) -> None:
    """Detach and unmap what cannot be reached any more."""
    table = t.process.modules
    roots = [m for m in table if m is table.exe or m.fixed or m.load_count]
    alive = {id(m) for m in _attach_order(roots)}
    dead = [m for m in table if id(m) not in alive and not m.unloading]
    for module in dead:
        module.unloading = True
    await _detach(t, dead, 0)
    for module in reversed(dead):
        if module.load_count:  # its DllMain loaded it again
            module.unloading = False
        elif table.by_base(module.base) is module:
            _unmap(t.process, module)


def resolve_loaded(module: Module, symbol: str | int, table: Iterable[Module]) -> int | Forward | None:
    """An export's address, following forwarders among loaded modules; a Forward where its DLL is not loaded."""
    for _ in range(MAX_FORWARDS):
        found = module.find_export(symbol)
        if not isinstance(found, Forward):
            return found
        wanted = module_name(found.dll)
        target = next((m for m in table if m.key == wanted and not m.is_datafile), None)
        if target is None:
            return found
        module, symbol = target, found.symbol
    return None


async def get_proc_address(t: Task, module: Module, symbol: str | int) -> int:
    """GetProcAddress. Raises WinError(PROC_NOT_FOUND), or NOT_SUPPORTED for KERNEL32 by ordinal (Windows 9x refuses that)."""
    if isinstance(symbol, int) and module.is_builtin and module.key == "KERNEL32.DLL":
        raise WinError(Err.NOT_SUPPORTED)
    try:
        found = resolve_loaded(module, symbol, t.process.modules)
    except ImageError:
        raise WinError(Err.BAD_EXE_FORMAT) from None
    if isinstance(found, Forward):
        target = await load_library(t, found.dll)
        if target not in module.dependencies:
            module.dependencies.append(target)
        target.load_count -= 1
        try:
            found = resolve_loaded(module, symbol, t.process.modules)
        except ImageError:
            found = None
    if not isinstance(found, int):
        raise WinError(Err.PROC_NOT_FOUND)
    return found
