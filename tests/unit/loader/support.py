"""What the loader's tests share: small PE images, and a process whose guest code is Python functions."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from w9x_arena import layout
from w9x_client.drives import DriveTable
from w9x_client.engine import hostmap
from w9x_client.engine.space import AddressSpace
from w9x_client.loader import Module, ModuleTable, attach, image, load, pewriter

CODE, RDATA, DATA = 0x6000_0020, 0x4000_0040, 0xC000_0040
TLS_ARRAY = 0xC020_0000
HEAP = 0xC021_0000


@dataclass
class Built:
    """A PE image and where things ended up in it (RVAs)."""

    data: bytes
    slots: dict[tuple[str, str | int], int]
    """Address slot of each imported function."""
    entry: int


def make_pe(
    *,
    dll: str = "",
    base: int = 0x40_0000,
    imports: Mapping[str, Sequence[str | int]] | None = None,
    exports: Mapping[str, str | int] | None = None,
    ordinals: Mapping[int, int] | None = None,
    code: bytes = b"\xc3" * 64,
    data: bytes = b"data",
    data_flags: int = DATA,
    relocations: Sequence[int] | None = None,
    lookup: bool = True,
    tls: tuple[bytes, int] | None = None,
    tls_callbacks: Sequence[int] = (),
    resources: Mapping[tuple[int | str, int | str, int], bytes] | None = None,
    entry: bool = True,
    **options: Any,
) -> Built:
    """A PE with .text at 1000h and .data at 2000h.

    Args:
        dll: name of the DLL; empty for a program.
        exports: name -> offset in .text, or forwarder.
        ordinals: ordinal -> offset in .text, without names.
        relocations: RVAs of relocated dwords; None = no relocation section.
        tls: (template, zero fill).
        tls_callbacks: offsets in .text.
    """
    text, writable = pewriter.SectionSpec(".text", 0, code, CODE), pewriter.SectionSpec(".data", 0, data, data_flags)
    sections = [text, writable]
    pewriter.place(sections)
    directories: dict[int, tuple[int, int]] = {}
    slots: dict[tuple[str, str | int], int] = {}
    fixups = list(relocations or ())

    def add(name: str, content: bytes, flags: int, directory: int | None = None) -> int:
        section = pewriter.SectionSpec(name, 0, content, flags)
        sections.append(section)
        pewriter.place(sections)
        if directory is not None:
            directories[directory] = section.rva, len(content)
        return section.rva

    def following() -> int:
        return sections[-1].rva + max(-(-sections[-1].memory // 4096) * 4096, 4096)

    if imports:
        content, slots = pewriter.import_directory(following(), imports, lookup=lookup)
        add(".idata", content, DATA, image.DIR_IMPORT)
    if exports or ordinals:
        functions: list[int | str] = []
        names: dict[str, int] = {}
        first = min(ordinals) if ordinals else 1
        for number, offset in sorted((ordinals or {}).items()):
            functions += [0] * (number - first - len(functions))
            functions.append(text.rva + offset)
        for name, target in (exports or {}).items():
            names[name] = len(functions)
            functions.append(target if isinstance(target, str) else text.rva + target)
        content = pewriter.export_directory(following(), dll or "PROGRAM.EXE", first, functions, names)
        add(".edata", content, RDATA, image.DIR_EXPORT)
    if tls is not None:
        template, fill = tls
        at = base + following() + 24
        callbacks_at = at + 4
        end = callbacks_at + 4 * len(tls_callbacks) + 4
        content = struct.pack("<IIIIII", end, end + len(template), at, callbacks_at, fill, 0) + bytes(4)
        content += b"".join(struct.pack("<I", base + text.rva + offset) for offset in tls_callbacks) + bytes(4)
        rva = add(".tls", content + template, DATA, image.DIR_TLS)
        directories[image.DIR_TLS] = rva, 24
        fixups += [rva, rva + 4, rva + 8, rva + 12, *(rva + 28 + 4 * n for n in range(len(tls_callbacks)))]
    if resources:
        add(".rsrc", pewriter.resource_directory(following(), resources), RDATA, image.DIR_RESOURCE)
    if relocations is not None:
        add(".reloc", pewriter.relocation_directory(fixups) or bytes(8), 0x4200_0040, image.DIR_RELOC)
    flags = image.FILE_EXECUTABLE | (image.FILE_DLL if dll else 0)
    if relocations is None:
        flags |= image.FILE_RELOCS_STRIPPED
    at = text.rva if entry else 0
    options = {"characteristics": flags, "subsystem": 3, **options}
    return Built(
        pewriter.write_pe(sections, base=base, directories=directories, entry=at, **options), slots, at
    )


class FakeLock:
    """The loader lock, checked: acquired through `FakeTask.wait`, recursive."""

    def __init__(self) -> None:
        self.owner: Any = None
        self.count = 0

    def release(self, task: Any) -> None:
        assert self.owner is task
        self.count -= 1
        if not self.count:
            self.owner = None


class FakeProcess:
    """A process without an engine; guest code at an address is a Python function given to `code`."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.space = AddressSpace()
        self.mem = self.space.mem
        self.space.map_private(TLS_ARRAY, 0x10000, 3)
        self.space.map_private(HEAP, 0x10000, 3)
        self.modules = ModuleTable("98se", cache)
        root = folder / "drive_c"
        for name in ("WINDOWS/SYSTEM", "APP", "WORK"):
            (root / name).mkdir(parents=True, exist_ok=True)
        self.root = root
        self.drives = DriveTable(root)
        self.drives.set_current("C:\\WORK")
        self.environment = {"PATH": "C:\\WINDOWS;C:\\TOOLS"}
        self.warnings: list[str] = []
        self.messages = SimpleNamespace(warn=self.warnings.append)
        self.loader_lock = FakeLock()
        self.tasks: dict[int, FakeTask] = {}
        self.guest: dict[int, Callable[..., Any]] = {}
        self.stubs: dict[tuple[str, str], int] = {}
        self.calls: list[tuple[str, int, int]] = []
        """(module, reason, reserved) of every entry point called."""
        self.loaded: list[str] = []
        self.unloaded: list[str] = []
        self.freed: list[int] = []
        self._tls = 0
        self._heap = HEAP
        self.task = FakeTask(self, 1)

    def allocate_tls(self) -> int:
        index = next(i for i in range(80) if not self._tls >> i & 1)
        self._tls |= 1 << index
        return index

    def free_tls(self, index: int) -> None:
        self._tls &= ~(1 << index)

    def heap_alloc(self, size: int, zero: bool = False) -> int:
        at = self._heap
        self._heap = HEAP + (self._heap - HEAP + ((size + 15) & ~15)) % 0x8000
        self.freed = [address for address in self.freed if address != at]
        return at

    def heap_free(self, address: int) -> bool:
        assert address not in self.freed
        self.freed.append(address)
        return True

    def dynamic_stub(self, dll: str, name: str) -> int:
        return self.stubs.setdefault((dll, name), 0xC001_0000 + 16 * len(self.stubs))

    def module_loaded(self, module: Module) -> None:
        self.loaded.append(module.name)

    def module_unloaded(self, module: Module) -> None:
        self.unloaded.append(module.name)

    # --- for tests ------------------------------------------------------------------
    def close(self) -> None:
        """Give the 4 GB back; nothing of the process may be used afterwards."""
        self.mem.ram.release()
        hostmap.munmap(self.space.host, layout.PRIVATE_END)
        os.close(self.space.private_fd)

    def put(self, guest_path: str, built: Built | bytes) -> str:
        """Write a file of drive C; returns its guest path."""
        path = self.root / guest_path.removeprefix("C:\\").replace("\\", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(built if isinstance(built, bytes) else built.data)
        self.drives.listings = type(self.drives.listings)()
        return guest_path

    def run(self, coroutine: Any) -> Any:
        """Drive a coroutine that never really waits."""
        try:
            coroutine.send(None)
        except StopIteration as stop:
            return stop.value
        raise AssertionError("the coroutine waits")

    def start(self, guest_path: str) -> Module:
        """Load the program at ``guest_path`` and attach its modules."""
        host = self.drives.resolve(guest_path)
        fd = host.open(os.O_RDONLY)
        try:
            program = load.read_program(fd)
        finally:
            os.close(fd)
        exe: Module = self.run(load.load_program(self.task, program, host.guest))
        self.run(attach.process_attach(self.task))
        return exe

    def load(self, name: str, flags: int = 0) -> Module:
        """LoadLibraryEx."""
        module: Module = self.run(load.load_library(self.task, name, flags))
        return module

    def free(self, module: Module) -> None:
        """FreeLibrary."""
        self.run(load.free_library(self.task, module))


class FakeTask:
    """A guest thread. DllMain answers TRUE unless `FakeProcess.guest` has a function for its address."""

    def __init__(self, process: FakeProcess, number: int) -> None:
        self.process, self.id = process, number
        self.tls_array = TLS_ARRAY + 0x400 * number
        process.tasks[number] = self

    async def call(self, fn: int, *arguments: int) -> int:
        module = self.process.modules.by_address(fn)
        name = module.name.upper() if module is not None else "nowhere"
        self.process.calls.append((name, arguments[1], arguments[2]))
        answer = self.process.guest.get(fn)
        if answer is None:
            return 1
        result = answer(*arguments)
        if hasattr(result, "__await__"):
            result = await result
        return 1 if result is None else int(result)

    async def wait(self, objects: list[Any]) -> int:
        lock = objects[0]
        assert lock.owner in (None, self)
        lock.owner = self
        lock.count += 1
        return 0
