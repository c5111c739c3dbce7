"""What an engine offers, and what it expects of the process it runs.

An engine executes one process's guest threads over an `AddressSpace`. It turns everything that is not plain execution
into a call of its `EventHandler`, with the thread's registers in `cpu`; when the handler returns, the guest goes on
with the registers as they are then, unless `stop` was called: then `run` returns at once.

Contract for handlers: they may change any register, write guest memory, and call `stop`. They never call `run`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from w9x_client.abi.cpu import Cpu

Entry = Callable[[Any, int], int]


@dataclass(frozen=True, slots=True)
class Fault:
    """A processor exception raised by the guest's own instruction; ``cpu.eip`` stands at that instruction."""

    vector: int
    """x86 vector: 0 divide, 1 debug, 3 breakpoint, 4 overflow, 6 undefined, 13 protection, 14 page, 16 x87, 17
    alignment.
    """
    error: int
    address: int
    """Faulting linear address of a page fault, else 0."""
    interrupt: bool = False
    """The guest executed ``int vector`` (EIP at the instruction)."""


class EngineUnavailable(RuntimeError):
    """This host cannot run the engine; the message is one line that says why."""


class EngineDied(RuntimeError):
    """The engine cannot go on, and the program with it; the message is one line."""


class EventHandler(Protocol):
    """The process, as the engine sees it."""

    def api_call(self, number: int) -> None:
        """The guest is at the API gate with export ``number`` and no fast entry answered it."""

    def entry_failed(self, error: BaseException) -> None:
        """A fast entry raised; raises what the guest cannot be told."""

    def callback_return(self) -> None:
        """Guest code that a handler had called has returned."""

    def fault(self, fault: Fault) -> None:
        """The guest faulted."""


class Engine(Protocol):
    """An execution engine."""

    name: str
    fast_entries: dict[int, Entry]
    """Synchronous exports that may be answered without `EventHandler`: ``entry(task, esp)`` gives EAX."""
    recent_calls: deque[int]
    """The last exports called, for crash reports."""

    @property
    def cpu(self) -> Cpu:
        """The registers of the current thread."""

    def set_pages(self, first: int, count: int, bits: int) -> None:
        """Follow a change of page protection (`layout.PROT_*`)."""

    def map_backing(self, address: int, size: int, fd: int, offset: int) -> None:
        """Another file stands behind these pages now; their protection is as before."""

    def code_written(self, address: int, size: int) -> None:
        """Forget translations of bytes the host has changed."""

    def create_thread(self, tib: int, stack_pointer: int) -> Any:
        """A new thread's saved state, FS based at ``tib``."""

    def destroy_thread(self, state: Any) -> None:
        """The thread has ended; its descriptor is free again."""

    def switch_to(self, task: Any, state: Any) -> None:
        """Make ``state`` the current one, saving the one before; ``task`` is what fast entries receive."""

    def run(self, handler: EventHandler) -> None:
        """Execute until `stop`; exceptions raised by handlers pass through."""

    def needs_pause(self) -> bool:
        """Whether `run` should be left and entered again soon, for the engine's own housekeeping; callable from any
        thread.
        """

    def stop(self) -> None:
        """Make `run` return at the next exact point; callable from handlers and from other host threads."""

    def close(self) -> None:
        """Release the engine's host resources."""
