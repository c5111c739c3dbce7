"""Every engine alone: events, faults, threads, self-modifying code; Unicorn also through its public interface only."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Iterator

import pytest

from w9x_arena import layout
from w9x_arena.layout import PROT_EXEC, PROT_READ, PROT_WRITE
from w9x_client.engine import native

from .machine import Machine, call_gate

POSSIBLE, REASON = native.available()
ENGINES = [
    "unicorn",
    "unicorn, public interface",
    pytest.param("native", marks=pytest.mark.skipif(not POSSIBLE, reason=f"native engine: {REASON}")),
]


@pytest.fixture(params=ENGINES)
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    name, _, public = request.param.partition(", ")
    if public:
        monkeypatch.setenv("W9X_UNICORN_PUBLIC_API", "1")
    made = Machine(name)
    assert name != "unicorn" or (made.engine.cpu.state is None) == bool(public)
    yield made
    made.engine.close()


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


def test_a_pending_x87_exception_is_taken_by_the_next_x87_instruction(machine: Machine) -> None:
    control = machine.space.allocate(0x1000, "control")
    machine.space.mem.write(control, struct.pack("<H", 0x037B))  # zero divide unmasked
    # fninit; fldcw; fld1; fldz; fdivp; fwait
    fault = machine.run("dbe3 d92d" + struct.pack("<I", control).hex() + "d9e8 d9ee def9 9b").faults[-1]
    assert fault.vector == 16
    cpu = machine.engine.cpu
    assert cpu.fpu_status & ~cpu.fpu_control & 0x3F == 4
    state = bytearray(cpu.fpu_state())
    state[4:6] = struct.pack("<H", cpu.fpu_status & 0x7F00)
    cpu.set_fpu_state(bytes(state))
    assert machine.run("9b d9e8 cd30").faults[-1].vector == 0x30


def test_into_and_bound_are_reported(machine: Machine) -> None:
    fault = machine.run("b8ffffff7f 40 ce").faults[-1]  # mov eax,7fffffff; inc eax; into
    assert (fault.vector, machine.engine.cpu.eip) == (4, machine.code + 6)
    limits = machine.space.allocate(0x1000, "limits")
    machine.space.mem.write(limits, struct.pack("<II", 1, 5))
    fault = machine.run("b809000000 6205" + struct.pack("<I", limits).hex()).faults[-1]  # mov eax,9; bound eax,[limits]
    assert (fault.vector, machine.engine.cpu.eip) == (5, machine.code + 5)


def test_the_trap_flag_steps_one_instruction(machine: Machine) -> None:
    machine.run("9c 810c2400010000 9d 40 40")  # pushfd; or dword [esp],100h; popfd; inc eax; inc eax
    assert machine.events.faults[-1].vector == 1
    assert machine.engine.cpu.eip == machine.code + 10
    machine.engine.cpu.eflags = 0x202


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
    if not machine.engine.intercepts_cpuid:
        pytest.skip("the guest sees this host's processor: CPUID cannot be intercepted here, or only slowly")
    machine.run("31c0 0fa2 cd30")
    cpu = machine.engine.cpu
    name = b"".join(struct.pack("<I", word) for word in (cpu.ebx, cpu.edx, cpu.ecx))
    assert name == b"GenuineIntel"


def test_the_x87_starts_with_windows_control_word(machine: Machine) -> None:
    slot = machine.space.allocate(0x1000, "slot")
    machine.run("d93d" + struct.pack("<I", slot).hex() + "cd30")
    assert machine.space.mem.u16(slot) == 0x27F
