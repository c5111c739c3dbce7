"""The Unicorn engine alone: events, faults, threads, self-modifying code, the public-interface fallback."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Iterator

import pytest

from w9x_arena import layout
from w9x_arena.layout import PROT_EXEC, PROT_READ, PROT_WRITE
from w9x_client.engine.interface import Fault
from w9x_client.engine.space import AddressSpace
from w9x_client.engine.unicorn import UnicornEngine, double_to_extended, extended_to_double

RWX = PROT_READ | PROT_WRITE | PROT_EXEC


class Events:
    """Stops at every event and keeps it."""

    def __init__(self, engine: UnicornEngine) -> None:
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
    def __init__(self) -> None:
        self.space = AddressSpace()
        self.engine = UnicornEngine(self.space)
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


@pytest.fixture(params=["state view", "public interface"])
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    if request.param == "public interface":
        monkeypatch.setenv("W9X_UNICORN_PUBLIC_API", "1")
    made = Machine()
    assert (made.engine.cpu.state is not None) == (request.param == "state view")
    yield made
    made.engine.close()


def call_gate(number: int, at: int) -> bytes:
    return b"\xb8" + struct.pack("<I", number) + b"\xe8" + struct.pack("<I", (layout.GATE_API - (at + 10)) & 0xFFFFFFFF)


def test_the_guest_runs_at_ring_3(machine: Machine) -> None:
    assert [selector & 3 for selector in machine.engine.cpu.selectors()[:5]] == [3, 3, 3, 3, 3]


def test_an_api_call_brings_its_number_and_a_fast_entry_answers_it(machine: Machine) -> None:
    machine.engine.fast_entries[7] = lambda task, esp: machine.space.mem.u32(esp + 4) + 1
    # push 41h; call gate 7; pop ecx; int 30h
    machine.run(b"\x68\x41\0\0\0" + call_gate(7, machine.code + 5) + b"\x59\xcd\x30")
    assert machine.engine.cpu.eax == 0x42
    machine.run(call_gate(9, machine.code))
    assert machine.events.calls == [9]


@pytest.mark.parametrize(
    ("code", "vector", "offset"),
    [
        ("31c0 8b00", 14, 2),  # xor eax,eax; mov eax,[eax]
        ("31c0 8900", 14, 2),
        ("31c9 f7f1", 0, 2),  # div ecx
        ("cc", 3, 0),
        ("90 0f0b", 6, 1),  # ud2
        ("90 fa", 13, 1),  # cli
        ("90 f4", 13, 1),  # hlt
        ("b8ff000000 8ed8", 13, 5),  # mov ds,ax with a wild selector
    ],
)
def test_faults_are_precise(machine: Machine, code: str, vector: int, offset: int) -> None:
    fault = machine.run(code).faults[0]
    assert fault.vector == vector
    assert machine.engine.cpu.eip == machine.code + offset


def test_a_page_fault_says_whether_it_was_a_write(machine: Machine) -> None:
    read_only = machine.space.allocate(0x1000, "ro", PROT_READ)
    target = struct.pack("<I", read_only + 0x123).hex()
    fault = machine.run(f"c605 {target} 01").faults[0]  # mov byte [target],1
    assert (fault.address, bool(fault.error & 2)) == (read_only + 0x123, True)
    fault = machine.run("a0 34120000").faults[-1]
    assert (fault.address, bool(fault.error & 2)) == (0x1234, False)


def test_faults_can_be_taken_again_and_again(machine: Machine) -> None:
    for _ in range(5):
        machine.run("31c0 8b00")
    assert [fault.vector for fault in machine.events.faults] == [14] * 5


def test_an_interrupt_instruction_is_told_from_an_exception(machine: Machine) -> None:
    fault = machine.run("90 cd2e").faults[0]
    assert fault.interrupt and fault.vector == 0x2E
    assert machine.engine.cpu.eip == machine.code + 1


def test_code_that_the_guest_or_the_host_changes_runs_changed(machine: Machine) -> None:
    # mov byte [code+8+1], 5 ; mov al, 1 (patched to 5); int 30h
    place = struct.pack("<I", machine.code + 8).hex()
    machine.run(f"c605 {place} 05 b001 cd30")
    assert machine.engine.cpu.eax & 0xFF == 5
    machine.run("b80a000000 cd30", 0x100)
    machine.space.mem.write(machine.code + 0x101, b"\x0b")
    machine.engine.cpu.eip = machine.code + 0x100
    machine.engine.run(machine.events)
    assert machine.engine.cpu.eax == 11


def test_new_code_in_the_place_of_released_code_is_run(machine: Machine) -> None:
    for value in (1, 2, 3):
        base = machine.space.reserve(0x1000, 0x30000000)
        machine.space.poke(base, bytes.fromhex(f"b8{value:02x}000000 cd30"))
        machine.space.protect_image(base, 0x1000, PROT_READ | PROT_EXEC)
        machine.engine.cpu.eip, machine.engine.cpu.esp = base, machine.stack + 0x8000
        machine.engine.run(machine.events)
        assert machine.engine.cpu.eax == value
        machine.space.release(base)


def test_data_can_be_executed_as_on_windows_9x(machine: Machine) -> None:
    data = machine.space.allocate(0x1000, "data")
    machine.space.mem.write(data, bytes.fromhex("b877000000 cd30"))
    machine.engine.cpu.eip, machine.engine.cpu.esp = data, machine.stack + 0x8000
    machine.engine.run(machine.events)
    assert machine.engine.cpu.eax == 0x77


def test_protection_changes_take_effect_at_once(machine: Machine) -> None:
    page = machine.space.allocate(0x1000, "page")
    address = struct.pack("<I", page).hex()
    assert machine.run(f"a3 {address} cd30").faults[-1].vector == 0x30
    machine.space.protect(page, 0x1000, PROT_READ)
    assert machine.run(f"a3 {address} cd30").faults[-1].vector == 14


def test_threads_keep_their_registers_and_tibs(machine: Machine) -> None:
    second_tib = layout.TIB_START + layout.TIB_STRIDE
    machine.space.map_private(second_tib, 0x1000, PROT_READ | PROT_WRITE)
    for tib in (layout.TIB_START, second_tib):
        machine.space.mem.put32(tib + 0x18, tib)
    second = machine.engine.create_thread(second_tib, 0)
    code = "64a118000000 89c3 d9eb cd30"  # mov eax,fs:[18h]; mov ebx,eax; fldpi; int 30h
    machine.run(code)
    assert machine.engine.cpu.ebx == layout.TIB_START
    machine.engine.switch_to(None, second)
    machine.run(code)
    assert machine.engine.cpu.ebx == second_tib
    machine.engine.switch_to(None, machine.thread)
    assert machine.engine.cpu.ebx == layout.TIB_START
    assert machine.engine.cpu.fpu_top() == pytest.approx(3.141592653589793)


def test_a_stop_from_another_thread_is_exact(machine: Machine) -> None:
    if not machine.engine.exact_stop:
        pytest.skip("this Unicorn build has no exact stop")
    counter = machine.space.allocate(0x1000, "counter")
    at = struct.pack("<I", counter).hex()
    # mov ecx,N; l: inc dword [counter]; add ebx,1; dec ecx; jnz l; int 30h
    machine.engine.cpu.ebx = 0
    machine.space.mem.write(machine.code, bytes.fromhex(f"b9 40420f00 ff05 {at} 83c301 49 75f4 cd30"))
    machine.engine.cpu.eip = machine.code
    done = threading.Event()

    def stopper() -> None:
        while not done.wait(0.0005):
            machine.engine.stop()

    thread = threading.Thread(target=stopper)
    thread.start()
    deadline = time.monotonic() + 30
    try:
        while not machine.events.faults and time.monotonic() < deadline:
            machine.engine.run(machine.events)
    finally:
        done.set()
        thread.join()
    assert machine.space.mem.u32(counter) == machine.engine.cpu.ebx == 1_000_000


def test_cpuid_is_a_pentium_iii(machine: Machine) -> None:
    machine.run("31c0 0fa2 cd30")
    cpu = machine.engine.cpu
    name = b"".join(struct.pack("<I", word) for word in (cpu.ebx, cpu.edx, cpu.ecx))
    assert name == b"GenuineIntel"


def test_the_x87_starts_with_windows_control_word(machine: Machine) -> None:
    slot = machine.space.allocate(0x1000, "slot")
    machine.run("d93d" + struct.pack("<I", slot).hex() + "cd30")
    assert machine.space.mem.u16(slot) == 0x27F


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, -2.5, 1e308, 5e-324, 2.2250738585072014e-308, 1 / 3, float("inf")])
def test_doubles_survive_the_x87_format(value: float) -> None:
    back = extended_to_double(*double_to_extended(value))
    assert struct.pack("<d", back) == struct.pack("<d", value)
