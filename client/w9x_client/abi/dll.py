"""Declaring exports: a decorated Python function is an export of a system DLL.

``kernel32 = Dll("kernel32")`` once per DLL; then ``@kernel32.api()``, ``@kernel32.partial("what is missing")``,
``@kernel32.stub("what it answers")`` or ``@kernel32.not_on_9x()``. The signature is the only statement of the
arguments.

The registry is filled by importing the modules of ``w9x_client.win32.<dll>``, one per topic; `find_dll` does that by
name, so that the loader meets the API only here, as the guest meets it only through export tables.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

Status = Literal["full", "partial", "stub"]
Convention = Literal["stdcall", "cdecl"]
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Export:
    """One exported function and the Python function that answers it."""

    dll: str
    name: str
    fn: Callable[..., Any]
    status: Status
    note: str
    convention: Convention
    wide: bool
    since: str | None
    """'95', '95osr2', '98', '98se', 'me': hidden from older profiles; 'nt': no Windows 9x exported it."""
    guest_code: str | None
    """Symbol of the guest-code routine that replaces the handler where it is built; the handler stays its reference."""
    saves_eax: bool = False
    """The caller passes a value in EAX (`_EH_prolog`): the stub stores it at `tib.ENTRY_EAX` first."""

    @property
    def full_name(self) -> str:
        return f"{self.dll}.{self.name}"


@dataclass(frozen=True, slots=True)
class DataExport:
    """An exported variable: ``size`` bytes in the module's writable section, first bytes ``init``."""

    dll: str
    name: str
    size: int
    init: bytes


class Dll:
    """The exports of one system DLL.

    Args:
        name: file name without extension, lower case; with its extension when that is not ``.dll``.
        convention: default calling convention.
    """

    def __init__(self, name: str, convention: Convention = "stdcall") -> None:
        self.name = name
        self.convention: Convention = convention
        self.exports: dict[str, Export] = {}
        self.variables: dict[str, DataExport] = {}
        self.forwards: dict[str, str] = {}
        self.attach_hooks: list[Callable[[Any], Any]] = []
        _dlls[name] = self

    def api(self, **options: Any) -> Callable[[F], F]:
        """Complete as far as Windows 98 documents it."""
        return self._declare("full", "", **options)

    def partial(self, note: str, **options: Any) -> Callable[[F], F]:
        """Works; ``note`` names what is missing."""
        return self._declare("partial", note, **options)

    def stub(self, note: str = "", **options: Any) -> Callable[[F], F]:
        """Answers with an honest failure (or the documented effect-free success); ``note`` says which."""
        return self._declare("stub", note, **options)

    def not_on_9x(self, note: str = "no Windows 9x exports it", **options: Any) -> Callable[[F], F]:
        """Implemented for programs of later compilers; invisible to GetProcAddress, bound when imported statically."""
        return self._declare("full", note, since="nt", **options)

    def data(self, name: str, size: int, init: bytes = b"") -> str:
        """Export a variable; returns its name."""
        if name in self.variables or name in self.exports:
            raise ValueError(f"{self.name}.{name} is declared twice")
        self.variables[name] = DataExport(self.name, name, size, init)
        return name

    def forward(self, name: str, target: str) -> None:
        """Export ``name`` as a forwarder to ``target`` ("NTDLL.RtlUnwind")."""
        self.forwards[name] = target

    def on_attach(self, fn: F) -> F:
        """Run ``fn(t)`` (sync or async) when a process loads the DLL, before any DllMain of its users."""
        self.attach_hooks.append(fn)
        return fn

    def alias(self, name: str, of: str) -> None:
        """Export the function ``of`` under a second name too (`_strcmpi` is `_stricmp`)."""
        base = self.exports[of]
        if name in self.exports:
            raise ValueError(f"{self.name}.{name} is declared twice")
        self.exports[name] = replace(base, name=name)

    def _declare(
        self,
        status: Status,
        note: str,
        *,
        name: str | None = None,
        aw: bool = False,
        wide: bool = False,
        convention: Convention | None = None,
        since: str | None = None,
        guest: str | None = None,
        saves_eax: bool = False,
    ) -> Callable[[F], F]:
        """Options of every declaration.

        name: export name where it is no Python identifier; aw: declare both NameA and NameW from one body; wide: the
        body is a W function;
        convention: where it differs from the DLL's; since: see `Export.since`; guest: guest-code symbol; saves_eax:
        see `Export.saves_eax`.
        """

        def declare(fn: F) -> F:
            base = name or fn.__name__
            for export_name, is_wide in ((base + "A", False), (base + "W", True)) if aw else ((base, wide),):
                if export_name in self.exports:
                    raise ValueError(f"{self.name}.{export_name} is declared twice")
                self.exports[export_name] = Export(
                    self.name, export_name, fn, status, note, convention or self.convention, is_wide, since, guest,
                    saves_eax,
                )  # fmt: skip
            return fn

        return declare


_dlls: dict[str, Dll] = {}
_complete: set[str] = set()
"""DLLs of which every topic has been imported."""


def _package(name: str) -> str:
    return f"w9x_client.win32.{name.replace('.', '_')}"


def find_dll(name: str) -> Dll | None:
    """The declarations of system DLL ``name`` (no extension), importing all its topics; None where we declare
    nothing.
    """
    if name not in _complete:
        package = _package(name)
        if not package.rpartition(".")[2].isidentifier() or importlib.util.find_spec(package) is None:
            return _dlls.get(name)
        for topic in pkgutil.iter_modules(importlib.import_module(package).__path__):
            importlib.import_module(f"{package}.{topic.name}")
        _complete.add(name)
    return _dlls.get(name)


def find_export(dll: str, name: str, topic: str | None) -> Export | None:
    """The declaration of one export; ``topic`` (the module that declares it, where known) is all that is imported."""
    if topic is not None:
        try:
            importlib.import_module(topic)
        except ModuleNotFoundError:
            pass  # a cache older than the sources: look everywhere
        found = _dlls.get(dll)
        if found is not None and name in found.exports:
            return found.exports[name]
    declared = find_dll(dll)
    return declared.exports.get(name) if declared is not None else None


def find_hooks(dll: str, topics: Iterable[str]) -> list[Callable[[Any], Any]]:
    """The attach hooks of a DLL (`Dll.on_attach`), which the modules ``topics`` declare."""
    for topic in topics:
        importlib.import_module(topic)
    found = _dlls.get(dll)
    return list(found.attach_hooks) if found is not None else []


def declared() -> Iterable[Dll]:
    """The DLLs imported so far."""
    return _dlls.values()
