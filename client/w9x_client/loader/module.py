"""Loaded modules and the table of one process's modules.

`Module` is one image in guest memory; `ModuleTable` finds it by base, name or address and keeps load and
initialisation order. Loading, unloading and binding are in `load`; nobody else adds or removes modules or
changes their counts.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .directories import Exports, Forward
from .image import ImageError
from .system import SystemImage, SystemModules

if TYPE_CHECKING:
    from w9x_client.engine.records import Placement

    from .directories import Tls
    from .image import PeImage
    from .resources import Resources


def base_name(path: str) -> str:
    """The last component of a guest path."""
    return path.replace("/", "\\").rpartition("\\")[2].rpartition(":")[2]


def module_name(name: str) -> str:
    """A module's name as it is compared: upper case; without an extension ".DLL" is added, unless a dot ends it.

    Source: SDK, LoadLibrary and GetModuleHandle.
    """
    last = base_name(name).upper()
    if last.endswith("."):
        return last[:-1]
    return last if "." in last else last + ".DLL"


class Module:
    """One image in guest memory."""

    def __init__(
        self, name: str, path: str, image: PeImage, placement: Placement, system: SystemImage | None = None
    ) -> None:
        self.name = name
        """File name with extension, as it was given."""
        self.path = path
        """Full guest path."""
        self.image = image
        self.placement = placement
        self.system = system
        self.is_datafile = False
        """LOAD_LIBRARY_AS_DATAFILE: mapped, nothing bound or called."""
        self.load_count = 0
        """LoadLibrary calls not yet undone by FreeLibrary."""
        self.fixed = False
        """Loaded with the program, or a system module: never unloaded before the process ends."""
        self.dependencies: list[Module] = []
        """Modules it imports from or forwards to, in import order, each once."""
        self.resolved = False
        """Its imports are bound."""
        self.attached = False
        """It has had DLL_PROCESS_ATTACH, and not yet DLL_PROCESS_DETACH."""
        self.announced = False
        """The process has been told of it."""
        self.unloading = False
        """Its DLL_PROCESS_DETACH is running."""
        self.thread_calls = True
        """Cleared by DisableThreadLibraryCalls."""
        self.tls_index: int | None = None

    def __repr__(self) -> str:
        return f"<Module {self.name} {self.base:08X}>"

    @property
    def base(self) -> int:
        return self.placement.base

    @property
    def size(self) -> int:
        """Bytes from the base to the end of the image."""
        return self.image.size_of_image

    @property
    def entry(self) -> int:
        """Address of the entry point; 0 = none. A program without one starts at its base, in its own header."""
        return self.base + self.image.entry if self.image.entry or not self.image.is_dll else 0

    @property
    def key(self) -> str:
        """The name as it is compared."""
        return self.name.upper()

    @property
    def is_builtin(self) -> bool:
        """Whether it is a system module of ours."""
        return self.system is not None

    @property
    def resources(self) -> Resources | None:
        """Its resource tree."""
        return self.image.resources

    @property
    def tls(self) -> Tls | None:
        """Its TLS directory."""
        return self.image.tls

    @property
    def exports(self) -> Exports | None:
        """Its export directory."""
        return self.image.exports

    def find_export(self, symbol: str | int) -> int | Forward | None:
        """Address of an export by name or ordinal, its forwarder, or None. ImageError where the table is damaged."""
        table = self.exports
        if table is None:
            return None
        found = table.by_ordinal(symbol) if isinstance(symbol, int) else table.by_name(symbol)
        return self.base + found if isinstance(found, int) else found

    def find_hidden(self, name: str) -> int | None:
        """Address of an export of a system module that only static imports may find (`SystemImage.hidden`)."""
        if self.system is None:
            return None
        rva = self.system.hidden.get(name)
        return None if rva is None else self.base + rva

    def nearest_export(self, address: int) -> tuple[str, int] | None:
        """(name, distance) of the named export at or before ``address``, for crash reports."""
        try:
            table = self.exports
            if table is None:
                return None
            best: tuple[str, int] | None = None
            for name, index in table.names.items():
                found = table.functions[index] if index < len(table.functions) else 0
                distance = address - self.base - found
                if found and distance >= 0 and (best is None or distance < best[1]):
                    best = name, distance
            return best
        except ImageError:
            return None


class ModuleTable:
    """The modules of one process, in load order.

    Args:
        version: Windows version whose system modules the process sees (a name of `exports.VERSIONS`).
        cache: folder of built system modules; the user's cache folder by default.
    """

    def __init__(self, version: str, cache: Path | None = None) -> None:
        self.system = SystemModules(version, cache)
        self.exe: Module | None = None
        """The program."""
        self.initialized: list[Module] = []
        """Modules that have had DLL_PROCESS_ATTACH, in that order."""
        self.started = False
        """The program's own modules have been attached."""
        self._modules: list[Module] = []
        self._by_base: dict[int, Module] = {}
        self._bases: list[int] = []

    def __iter__(self) -> Iterator[Module]:
        return iter(tuple(self._modules))

    def __len__(self) -> int:
        return len(self._modules)

    def add(self, module: Module) -> None:
        """Enter a mapped module (the loader's)."""
        self._modules.append(module)
        self._by_base[module.base] = module
        insort(self._bases, module.base)

    def remove(self, module: Module) -> None:
        """Forget a module (the loader's)."""
        self._modules.remove(module)
        del self._by_base[module.base]
        self._bases.remove(module.base)
        if module in self.initialized:
            self.initialized.remove(module)

    def by_base(self, base: int) -> Module | None:
        """The module whose handle (HMODULE) is ``base``; 0 is the program."""
        return self._by_base.get(base) if base else self.exe

    def by_name(self, name: str) -> Module | None:
        """GetModuleHandle: by full path where ``name`` has one, else the first loaded with this file name."""
        wanted = module_name(name)
        path = name.replace("/", "\\").upper() if "\\" in name or "/" in name else ""
        for module in self._modules:
            if module.is_datafile or module.key != wanted:
                continue
            if not path or module.path.upper() in (path, path + ".DLL"):
                return module
        return None

    def by_path(self, path: str, datafile: bool = False) -> Module | None:
        """The module loaded from this full guest path, as code or as a data file."""
        wanted = path.upper()
        return next((m for m in self._modules if m.path.upper() == wanted and m.is_datafile == datafile), None)

    def dependents(self, module: Module) -> list[Module]:
        """The modules that import from ``module`` or forward to it."""
        return [other for other in self._modules if module in other.dependencies]

    def references(self, module: Module) -> int:
        """The usage count that the tool help functions report: LoadLibrary calls and modules that need it."""
        return module.load_count + len(self.dependents(module))

    def by_address(self, address: int) -> Module | None:
        """The module whose image holds ``address``."""
        index = bisect_right(self._bases, address) - 1
        if index < 0:
            return None
        module = self._by_base[self._bases[index]]
        return module if address < module.base + module.size else None
