"""Loading programs and DLLs: mapping, binding imports, reference counts, GetProcAddress.

Interface: `read_program`, `load_program`, `load_library`, `free_library`, `get_proc_address`, `resolve_loaded`.
All but the first and the last hold the process's loader lock (`attach.LoaderLock`) and may run guest code;
callers hold no other lock.

Lifetime. Windows counts references; here a module lives while it can be reached from the program, from a module
with LoadLibrary calls outstanding, or from a load in progress, along "imports from" and "forwards to". That is
the same for trees, and frees cycles. System modules stay once loaded: their Python side keeps addresses of
their variables.

Errors are `WinError` (`LoadError` where there is a sentence for the user as well), `ImageError` from
`read_program` and `load_program`.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from w9x_arena.layout import SYSTEM_START
from w9x_client.abi import Err, WinError

from . import search
from .attach import LoaderLock, LoadError, attach, detach, reachable, set_up_tls, tear_down_tls
from .directories import Forward
from .image import ImageError, PeImage, parse, read_image_file
from .mapper import map_image
from .module import Module, base_name, module_name

if TYPE_CHECKING:
    from .host import Process, Task

DONT_RESOLVE_DLL_REFERENCES = 0x1
LOAD_LIBRARY_AS_DATAFILE = 0x2
LOAD_WITH_ALTERED_SEARCH_PATH = 0x8
MAX_FORWARDS = 16
"""Length of a chain of forwarders; a cycle ends here."""
MAX_MODULES = 1024


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
            if image.image_base < SYSTEM_START and not image.relocatable:
                text = f"{name} must be at {image.image_base:08X}, below 4 MB, where Windows 9x loads no program"
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
            known = self.process.modules.by_path(found.path, data_only)
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
                addresses = [self._import(source, f.ordinal if f.name is None else f.name) for f in dll.functions]
                self.process.space.poke(module.base + dll.iat_rva, struct.pack(f"<{len(addresses)}I", *addresses))
            module.resolved = True

    def _import(self, source: Module, symbol: str | int) -> int:
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

    def announce(self) -> None:
        """Tell the process of the new modules."""
        for module in self.new:
            module.announced = True
            self.process.module_loaded(module)

    def undo(self) -> None:
        """Take the new modules away."""
        for module in reversed(self.new):
            _unmap(self.process, module)
        self.new.clear()


def _unmap(process: Process, module: Module) -> None:
    if module.announced:
        process.module_unloaded(module)
    tear_down_tls(process, module)
    process.modules.remove(module)
    for other in process.modules.dependents(module):
        other.dependencies.remove(module)
    process.space.release_image(module.placement)


# --- requests ---------------------------------------------------------------------------------
async def load_program(t: Task, program: Program, guest_path: str) -> Module:
    """Map and bind a program and all it needs; nothing of it runs before `process_attach`.

    Raises ImageError: a missing or damaged DLL, or no room.
    """
    process = t.process
    async with LoaderLock(t):
        batch = _Batch(process)
        try:
            exe = batch.add(base_name(guest_path), guest_path, program.image, program.key)
            process.modules.exe = exe
            batch.need("KERNEL32.DLL", exe)
            batch.bind()
            set_up_tls(process, batch.new)
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
        batch.announce()
        return exe


async def load_library(t: Task, name: str, flags: int = 0) -> Module:
    """LoadLibraryEx.

    Raises WinError: DLL_NOT_FOUND (Windows 9x's code; NT's is MOD_NOT_FOUND), BAD_EXE_FORMAT, DLL_INIT_FAILED,
    NOT_ENOUGH_MEMORY.
    """
    process = t.process
    data_only = bool(flags & LOAD_LIBRARY_AS_DATAFILE)
    if not name or "\0" in name:
        raise WinError(Err.MOD_NOT_FOUND)
    async with LoaderLock(t):
        known = process.modules.by_name(name)
        if known is not None:
            known.load_count += 1
            return known
        found = search.find(process, name)
        if found is None:
            raise WinError(Err.DLL_NOT_FOUND)
        altered = flags & LOAD_WITH_ALTERED_SEARCH_PATH and ("\\" in name or "/" in name)
        batch = _Batch(process, found.path.rpartition("\\")[0] if altered else "")
        try:
            bind = not flags & DONT_RESOLVE_DLL_REFERENCES
            module = batch.open(found, data_only=data_only, bind=bind)
            batch.bind()
            set_up_tls(process, batch.new)
        except ImageError as error:
            batch.undo()
            process.messages.warn(f"{found.path}: {error.text}")
            raise WinError(Err.BAD_EXE_FORMAT) from None
        except BaseException as error:
            batch.undo()
            if isinstance(error, LoadError):  # one of its own imports is missing: the user can mend that
                process.messages.warn(error.text)
            raise
        module.load_count += 1
        batch.announce()
        try:
            await attach(t, reachable([module]))
        except LoadError:
            module.load_count -= 1
            await _collect(t)
            raise
        return module


async def free_library(t: Task, module: Module) -> None:
    """FreeLibrary: the module goes, with what only it needed, when nothing refers to it any more."""
    async with LoaderLock(t):
        if module.load_count:
            module.load_count -= 1
        await _collect(t)


async def _collect(t: Task) -> None:
    """Detach and unmap what cannot be reached any more."""
    table = t.process.modules
    roots = [m for m in table if m is table.exe or m.fixed or m.load_count]
    alive = {id(m) for m in reachable(roots)}
    dead = [m for m in table if id(m) not in alive and not m.unloading]
    for module in dead:
        module.unloading = True
    await detach(t, dead, 0)
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
    """GetProcAddress; a forwarder's DLL is loaded.

    Raises WinError: PROC_NOT_FOUND; NOT_SUPPORTED for KERNEL32 by ordinal, which Windows 9x refuses.
    """
    if isinstance(symbol, int) and module.is_builtin and module.key == "KERNEL32.DLL":
        raise WinError(Err.NOT_SUPPORTED)
    try:
        for _ in range(MAX_FORWARDS):
            found = resolve_loaded(module, symbol, t.process.modules)
            if isinstance(found, int):
                return found
            if found is None:
                break
            target = await load_library(t, found.dll)
            if target not in module.dependencies:
                module.dependencies.append(target)
            target.load_count -= 1  # the dependency keeps it from now on
    except ImageError:
        raise WinError(Err.BAD_EXE_FORMAT) from None
    raise WinError(Err.PROC_NOT_FOUND)
