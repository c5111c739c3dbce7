"""A guest without a program: exports are called through their real stubs, on a real engine.

`Guest.call("kernel32.MulDiv", 6, 7, 2)` pushes the arguments on a guest stack, runs the export's stub in the engine and
returns EAX. Last error is poisoned before each call, so that a test sees who sets it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from w9x_client import loader
from w9x_client.abi import GuestExit, codepage, tib
from w9x_client.drives import DriveTable, open_table
from w9x_client.engine.choice import engine_class
from w9x_client.engine.space import AddressSpace
from w9x_client.process import clock
from w9x_client.process.environment import Environment
from w9x_client.process.launch import default_environment
from w9x_client.process.objects import Event
from w9x_client.process.process import Process
from w9x_client.process.task import Task
from w9x_client.process.ticker import Ticker
from w9x_client.process.version import windows_version

POISON = 0xDEADBEEF
FAILED = 0xFFFFFFFF


class GuestDied(AssertionError):
    """The call ended the process; ``code`` is its exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the guest process ended with {code:#x}")
        self.code = code


class Buffer:
    """A block of guest memory."""

    def __init__(self, guest: Guest, address: int, size: int) -> None:
        self._guest, self.address, self.size = guest, address, size

    def __int__(self) -> int:
        return self.address

    @property
    def bytes(self) -> bytes:
        """All of it."""
        return self._guest.mem.read(self.address, self.size)

    @property
    def cstr(self) -> bytes:
        """Up to the first zero byte."""
        return self._guest.mem.cstr(self.address)

    @property
    def wide(self) -> str:
        """Up to the first zero character, as UTF-16."""
        return self._guest.mem.wide(self.address)

    def u32(self, index: int = 0) -> int:
        """The dword with this index."""
        return self._guest.mem.u32(self.address + 4 * index)

    def set(self, data: bytes, at: int = 0) -> None:
        """Overwrite bytes."""
        self._guest.mem.write(self.address + at, data)


class Guest:
    """One guest process with one thread that runs what it is told."""

    def __init__(
        self, engine: str, home: Path, *, windows: str = "98se", drives: DriveTable | None = None, daemon: Any = None
    ) -> None:
        space = AddressSpace()
        environment: Environment = default_environment()
        table = drives or open_table(home)
        self.process = Process(space, engine_class(engine)(space), table, windows_version(windows), environment, daemon)
        self.mem = self.process.mem
        self._go = Event(False, False)
        self._job: Coroutine[Any, Any, Any] | None = None
        self._result: Any = None
        self._done = True
        self._ticker: Ticker | None = None
        clock.update(self.mem.ram)
        self.task: Task = self.process.new_task()
        self.process.main_task = self.task
        self.process.spawn(self.task, self._life(), 0x10_0000, 0x4000)
        self.run(loader.load_library, "KERNEL32.DLL")

    async def _life(self) -> None:
        while True:
            await self.task.wait([self._go])
            assert self._job is not None
            try:
                self._result = await self._job
            except Exception as error:  # noqa: BLE001  # handed to the test
                self._result = error
            self._done = True

    def run(self, function: Callable[..., Coroutine[Any, Any, Any]], *arguments: Any) -> Any:
        """Await ``function(task, *arguments)`` on the guest's thread."""
        self._job = function(self.task, *arguments)
        self._done = False
        self._go.set()
        try:
            self.process.scheduler.run(until=lambda: self._done)
        except GuestExit as end:
            raise GuestDied(end.code) from None
        if isinstance(self._result, Exception):
            raise self._result
        return self._result

    # --- calls ------------------------------------------------------------------------
    def address(self, name: str) -> int:
        """Guest address of ``dll.Export``; loads the DLL."""
        dll, export = name.split(".", 1) if not name.startswith("winspool") else ("winspool.drv", name[13:])
        module = self.run(loader.load_library, dll)
        symbol = int(export[1:]) if export.startswith("#") else export
        found = self.run(loader.get_proc_address, module, symbol) if module.find_export(symbol) is not None else None
        if found is None:
            found = module.find_hidden(export)
        if found is None:
            raise AssertionError(f"{name} is not exported")
        return int(found)

    def call(self, name: str, *arguments: Any) -> int:
        """Call an export; returns EAX (unsigned).

        Arguments: int, bool, None, float (a double), bytes (a pointer to a zero-terminated copy), str (the same, wide
        for names
        that end in W, else in the ANSI code page), `Buffer`, and functions' addresses.
        """
        return self.call_at(self.address(name), *arguments, wide=name.endswith("W"))

    def call_at(self, address: int, *arguments: Any, wide: bool = False) -> int:
        """Call guest code at ``address`` as `call` does."""
        words: list[int] = []
        for value in arguments:
            words += self._words(value, wide)
        self.last_error = POISON

        async def job(t: Task) -> int:
            return await t.call(address, *words)

        return int(self.run(job))

    def call64(self, name: str, *arguments: Any) -> int:
        """Call an export with a 64-bit result (EDX:EAX)."""
        low = self.call(name, *arguments)
        return self.mem.u32(self.task.tib + tib.RESULT_HIGH) << 32 | low

    def call_double(self, name: str, *arguments: Any) -> float:
        """Call an export with a floating-point result."""
        self.call(name, *arguments)
        return self.mem.f64(self.task.tib + tib.RESULT_FLOAT)

    def _words(self, value: Any, wide: bool) -> list[int]:
        if value is None:
            return [0]
        if isinstance(value, Buffer):
            return [value.address]
        if isinstance(value, float):
            return list(struct.unpack("<II", struct.pack("<d", value)))
        if isinstance(value, str):
            data = value.encode("utf-16-le") + b"\0" if wide else codepage.encode(value, self.process.acp)
            return [self.buffer(data + b"\0").address]
        if isinstance(value, bytes):
            return [self.buffer(value + b"\0").address]
        return [int(value) & 0xFFFFFFFF]

    def tick(self) -> None:
        """Start the clock that preempts guest threads, as a real run has it."""
        self._ticker = Ticker(self.process, None, lambda: None, lambda number: None)
        self._ticker.start()

    # --- memory ------------------------------------------------------------------------
    def buffer(self, content: int | bytes, fill: int = 0xCC) -> Buffer:
        """A block of ``content`` bytes (filled with CCh), or holding ``content``."""
        data = bytes((fill,)) * content if isinstance(content, int) else content
        address = self.process.heap_alloc(max(len(data), 1))
        self.mem.write(address, data)
        return Buffer(self, address, len(data))

    def wide(self, text: str) -> Buffer:
        """A zero-terminated UTF-16 string."""
        return self.buffer(text.encode("utf-16-le") + b"\0\0")

    def code(self, machine_code: bytes) -> int:
        """Executable guest memory with ``machine_code``; returns its address."""
        address = self.process.space.allocate(len(machine_code), "test code", 7)
        self.mem.write(address, machine_code)
        return address

    @property
    def last_error(self) -> int:
        """GetLastError's value; `POISON` where the call left it alone."""
        return self.task.last_error

    @last_error.setter
    def last_error(self, value: int) -> None:
        self.task.last_error = value

    def close(self) -> None:
        """End the process."""
        if self._ticker is not None:
            self._ticker.close()
        self.process.close()
