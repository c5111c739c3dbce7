"""What the loader needs of the parts above and beside it, as protocols.

The process, its tasks and its drives live in upper packages, which the loader must not import; the address
space is the engine's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from w9x_client.abi.memory import Memory
    from w9x_client.drives import DriveTable
    from w9x_client.engine.records import Placement

    from .module import Module, ModuleTable


class Space(Protocol):
    """`engine.space.AddressSpace` as the mapper uses it."""

    def place_image(self, key: str, preferred: int, size: int, relocatable: bool, label: str) -> Placement: ...

    def image_ready(self, placement: Placement) -> None: ...

    def release_image(self, placement: Placement) -> None: ...

    def back_private(self, address: int, size: int) -> None: ...

    def protect_image(self, address: int, size: int, prot: int) -> None: ...

    def poke(self, address: int, data: bytes | memoryview) -> None: ...


class Messages(Protocol):
    """One-line diagnostics to the user."""

    def warn(self, text: str) -> None: ...


class Environment(Protocol):
    """The process's environment, names without regard to case."""

    def get(self, name: str, /) -> str | None: ...


class Process(Protocol):
    """`process.Process` as the loader uses it."""

    @property
    def mem(self) -> Memory: ...

    @property
    def space(self) -> Space: ...

    @property
    def modules(self) -> ModuleTable: ...

    @property
    def messages(self) -> Messages: ...

    @property
    def tasks(self) -> Mapping[int, Any]: ...

    @property
    def drives(self) -> DriveTable: ...

    @property
    def environment(self) -> Environment: ...

    @property
    def loader_lock(self) -> Any:
        """A Mutex: one guest thread at a time loads, unloads, attaches or detaches."""

    def allocate_tls(self) -> int: ...

    def free_tls(self, index: int) -> None: ...

    def heap_alloc(self, size: int, zero: bool = False) -> int: ...

    def heap_free(self, address: int) -> bool:
        """False where it is no block."""

    def dynamic_stub(self, dll: str, name: str) -> int: ...

    def module_loaded(self, module: Module) -> None:
        """A module stands in memory with its imports bound; for the daemon's ledger."""

    def module_unloaded(self, module: Module) -> None:
        """The module's memory is about to go."""


class Task(Protocol):
    """`process.Task` as the loader uses it."""

    @property
    def id(self) -> int: ...

    @property
    def process(self) -> Process: ...

    @property
    def tls_array(self) -> int: ...

    async def call(self, fn: int, *arguments: int) -> int: ...

    async def wait(self, objects: list[Any]) -> int: ...
