"""A guest of a few bytes: an engine with memory, for the engines' tests."""

from __future__ import annotations

import struct
from typing import Any

from w9x_arena import layout
from w9x_arena.layout import PROT_EXEC, PROT_READ, PROT_WRITE
from w9x_client.engine.choice import engine_class
from w9x_client.engine.interface import Engine, Fault
from w9x_client.engine.space import AddressSpace

RWX = PROT_READ | PROT_WRITE | PROT_EXEC


class Events:
    """Stops at every event and keeps it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.calls: list[int] = []
        self.faults: list[Fault] = []
        self.returns = 0

    def api_call(self, number: int) -> None:
        self.calls.append(number)
        self.engine.stop()

    def entry_failed(self, error: BaseException) -> None:
        raise error

    def callback_return(self) -> None:
        self.returns += 1
        self.engine.stop()

    def fault(self, fault: Fault) -> None:
        self.faults.append(fault)
        self.engine.stop()


class Machine:
    """An engine with some memory, one thread, and a handler that stops at every event."""

    def __init__(self, engine: str) -> None:
        self.space = AddressSpace()
        self.engine: Any = engine_class(engine)(self.space)
        self.code = self.space.allocate(0x4000, "code", RWX)
        self.stack = self.space.allocate(0x10000, "stack")
        self.space.map_private(layout.TIB_START, 0x1000, PROT_READ | PROT_WRITE)
        self.thread = self.engine.create_thread(layout.TIB_START, 0)
        self.engine.switch_to(None, self.thread)
        self.events = Events(self.engine)

    def run(self, code: str | bytes, at: int = 0) -> Events:
        data = bytes.fromhex(code) if isinstance(code, str) else code
        self.space.mem.write(self.code + at, data)
        self.engine.cpu.eip = self.code + at
        self.engine.cpu.esp = self.stack + 0x8000
        self.engine.run(self.events)
        return self.events


def call_gate(number: int, at: int) -> bytes:
    """Code at ``at`` that calls export ``number`` as a system DLL's stub does."""
    return b"\xb8" + struct.pack("<I", number) + b"\xe8" + struct.pack("<I", (layout.GATE_API - (at + 10)) & 0xFFFFFFFF)
