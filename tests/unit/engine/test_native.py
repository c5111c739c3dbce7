"""What only the native engine has: the stub process, kicks between processes, hostile code, views, AVX, its FXSAVE
area.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from w9x_arena import layout
from w9x_arena.layout import PAGE, PROT_READ, PROT_WRITE
from w9x_client.engine import native
from w9x_client.engine import native_mailbox as mb
from w9x_client.engine.interface import EngineDied, EngineUnavailable
from w9x_client.engine.native import NativeEngine
from w9x_client.engine.space import AddressSpace

from .machine import Machine, call_gate

POSSIBLE, REASON = native.available()
pytestmark = pytest.mark.skipif(not POSSIBLE, reason=f"native engine: {REASON}")
REPO = Path(__file__).resolve().parents[3]

STORM = """
import os, sys
while True:
    for _ in range(9):
        os.kill(int(sys.argv[1]), 10)
    os.sched_yield()
"""
"""Sends SIGUSR1, the kick, to a process until it is gone."""


@pytest.fixture
def machine() -> Iterator[Machine]:
    made = Machine("native")
    yield made
    made.engine.close()


def alive(pid: int) -> bool:
    """Whether the process exists and is not a zombie."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def wait_until_gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.005)
    return not alive(pid)


def in_64_bit(machine: Machine, code: str) -> bytes:
    """Machine code that jumps to the 64-bit segment and goes on there with ``code``."""
    return b"\xea" + struct.pack("<IH", machine.code + 7, 0x33) + bytes.fromhex(code)


def works(machine: Machine) -> bool:
    """Whether the machine still runs ordinary code."""
    fault = machine.run("b811000000 cd30").faults[-1]
    return fault.vector == 0x30 and machine.engine.cpu.eax == 0x11


# --- kicks
# -------------------------------------------------------------------------------------------------------------
def test_calls_under_a_storm_of_kicks_lose_no_state(machine: Machine) -> None:
    engine, calls = machine.engine, 100_000
    counter = machine.space.allocate(0x1000, "counter")
    engine.fast_entries[7] = lambda task, esp: machine.space.mem.u32(esp + 4) + 1
    hand_overs = 0
    hand_over = engine._hand_over

    def counting() -> None:
        nonlocal hand_overs
        hand_overs += 1
        hand_over()

    engine._hand_over = counting
    start = machine.code + 10
    # fldpi; mov esi,N; xor ebx,ebx; nop; (10:) l: push 3; gate 7; pop ecx; add ebx,eax; inc dword [counter]; dec esi;
    # jnz l
    body = b"\x6a\x03" + call_gate(7, start + 2) + b"\x59\x01\xc3\xff\x05" + struct.pack("<I", counter) + b"\x4e\x75"
    body += struct.pack("b", -(len(body) + 1)) + b"\xcd\x30"
    storm = subprocess.Popen(
        [sys.executable, "-S", "-c", STORM, str(engine._process.pid)],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        machine.run(b"\xd9\xeb\xbe" + struct.pack("<I", calls) + b"\x31\xdb\x90" + body)
    finally:
        storm.kill()
        storm.wait()
    cpu = engine.cpu
    assert machine.events.faults[-1].vector == 0x30
    assert (cpu.ebx, cpu.ecx, cpu.esi, cpu.esp) == (4 * calls, 3, 0, machine.stack + 0x8000)
    assert machine.space.mem.u32(counter) == calls
    assert cpu.fpu_top() == pytest.approx(3.141592653589793)
    assert hand_overs > calls + 100, "the storm must have hit"


def test_an_endless_loop_is_stopped_and_goes_on_exactly(machine: Machine) -> None:
    engine = machine.engine
    machine.space.mem.write(machine.code, bytes.fromhex("40 89c2 ebfb"))  # l: inc eax; mov edx,eax; jmp l
    engine.cpu.eip, engine.cpu.eax = machine.code, 0
    seen = [0]
    for _ in range(20):
        kicker = subprocess.Popen([sys.executable, "-S", "-c", f"import os; os.kill({engine._process.pid}, 10)"])
        original = engine._hand_over

        def once(original: object = original) -> None:
            original()  # type: ignore[operator]
            engine._stopping = True

        engine._hand_over = once
        engine.run(machine.events)
        engine._hand_over = original
        kicker.wait()
        cpu = engine.cpu
        assert cpu.edx == cpu.eax - (1 if cpu.eip == machine.code + 1 else 0)
        assert cpu.eax >= seen[-1]
        seen.append(cpu.eax)
    assert seen[-1] > seen[1]


# --- confinement
# -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("number", [1, 2, 20, 11, 120])  # exit, fork, getpid, execve, clone of the i386 interface
def test_int_80h_never_reaches_the_kernel(machine: Machine, number: int) -> None:
    fault = machine.run(b"\xb8" + struct.pack("<I", number) + b"\xcd\x80").faults[-1]
    assert (fault.vector, fault.interrupt) == (0x80, True)
    assert (machine.engine.cpu.eax, machine.engine.cpu.eip) == (number, machine.code + 5)
    assert works(machine)


@pytest.mark.parametrize("number", [39, 57, 59, 62, 257, 41, 56, 1, 0, 0x40000027])
def test_a_system_call_from_the_64_bit_segment_is_a_fault(machine: Machine, number: int) -> None:
    """getpid, fork, execve, kill, openat, socket, clone; write and read on a descriptor that is not the stub's own;
    x32.
    """
    machine.engine.cpu.edi = 0
    fault = machine.run(in_64_bit(machine, "b8" + struct.pack("<I", number).hex() + "31ff 0f05 0f0b")).faults[-1]
    assert fault.vector == 13
    assert machine.engine.cpu.eax == number
    assert works(machine)


def test_sysenter_is_a_fault(machine: Machine) -> None:
    machine.engine.cpu.ebp = machine.stack + 0x4000
    assert machine.run("b814000000 0f34").faults
    assert works(machine)


def test_an_endless_loop_in_the_64_bit_segment_can_be_stopped(machine: Machine) -> None:
    engine = machine.engine
    hand_over = engine._hand_over

    def stopped() -> None:
        os.kill(engine._process.pid, signal.SIGUSR1)
        hand_over()
        engine._stopping = True

    engine._hand_over = stopped
    machine.run(in_64_bit(machine, "ebfe"))
    engine.run(machine.events)
    engine._hand_over = hand_over
    assert works(machine)


def test_wild_registers_in_the_64_bit_segment_are_a_fault_or_the_end_and_never_a_hang(machine: Machine) -> None:
    gate = struct.pack("<I", layout.GATE + mb.GATE_64).hex()
    for code in (
        "4d31ff 31e4 b8" + gate + "ffe0",  # xor r15,r15; xor esp,esp; jump into the gate
        "4831e4 50 0f0b",  # xor rsp,rsp; push rax
        "49c787 40000000 63000000 41ff6768",  # scribble on the mailbox, then leave through the exit pointer
    ):
        machine.engine.cpu.edi = 0
        try:
            machine.run(in_64_bit(machine, code))
        except EngineDied:
            return
    assert works(machine)


def test_a_mailbox_full_of_nonsense_ends_the_program_with_one_line(machine: Machine) -> None:
    # r14d = an event that does not exist, then the exit
    with pytest.raises(EngineDied, match="damaged"):
        machine.run(in_64_bit(machine, "41be99000000 41ff6768"))


def test_scribbling_on_the_queue_of_commands_changes_nothing(machine: Machine) -> None:
    # mov dword [r15+COMMAND_COUNT], -1; mov dword [r15+FAILED_COMMAND], -1; int 30h
    scribble = "".join(
        "41c787" + struct.pack("<I", field).hex() + "ffffffff" for field in (mb.COMMAND_COUNT, mb.FAILED_COMMAND)
    )
    machine.run(in_64_bit(machine, scribble + "cd30"))
    page = machine.space.allocate(0x1000, "page", PROT_READ)
    assert machine.run("c605" + struct.pack("<I", page).hex() + "01 cd30").faults[-1].vector == 14
    assert works(machine)


def test_wild_segments_are_faults(machine: Machine) -> None:
    for code, error in (("66b8f7ff 8ee0", 0xFFF4), ("66b8ff00 8ed0", 0xFC), ("ea00000000 1300", 0x10)):
        fault = machine.run(code).faults[-1]
        assert (fault.vector, fault.error) == (13, error)
    assert works(machine)


def test_the_stub_holds_the_two_memory_files_its_socket_and_two_pipes(machine: Machine) -> None:
    folder = f"/proc/{machine.engine._process.pid}/fd"
    kinds = sorted(os.readlink(f"{folder}/{fd}").split(":")[0].split(" ")[0] for fd in os.listdir(folder))
    assert kinds == ["/memfd", "pipe", "pipe", "socket"]
    status = Path(f"/proc/{machine.engine._process.pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status


# --- life and death
# -----------------------------------------------------------------------------------------------------
def test_a_killed_stub_is_one_line_and_no_hang(machine: Machine) -> None:
    machine.engine._process.kill()
    with pytest.raises(EngineDied, match="SIGKILL"):
        machine.run("ebfe")


def test_the_stub_dies_with_its_client() -> None:
    program = (
        "import sys, time\n"
        "from w9x_client.engine.native import NativeEngine\n"
        "from w9x_client.engine.space import AddressSpace\n"
        "engine = NativeEngine(AddressSpace())\n"
        "print(engine._process.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    client = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert client.stdout is not None
    stub = int(client.stdout.readline())
    assert alive(stub)
    client.kill()
    client.communicate()
    assert wait_until_gone(stub)


def test_a_host_without_a_stub_is_told_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "STUB", Path("/nonexistent/w9x-stub"))
    native.probe.cache_clear()
    try:
        possible, reason = native.available()
        assert not possible and "not built" in reason
        with pytest.raises(EngineUnavailable, match="not built"):
            NativeEngine(AddressSpace())
    finally:
        native.probe.cache_clear()


# --- memory
# ----------------------------------------------------------------------------------------------------------------
def test_more_changes_than_the_mailbox_holds_are_all_made(machine: Machine) -> None:
    count = 2 * mb.COMMAND_LIMIT + 7
    base = machine.space.allocate(count * PAGE, "many")
    for index in range(0, count, 2):
        machine.space.protect(base + index * PAGE, PAGE, PROT_READ)
    for index in (0, 1, count // 2 & ~1, (count // 2 & ~1) + 1, count - 1):
        fault = machine.run("c605" + struct.pack("<I", base + index * PAGE).hex() + "01 cd30").faults[-1]
        assert fault.vector == (0x30 if index & 1 else 14)


@pytest.mark.parametrize("shared", [True, False])
def test_the_guest_and_the_client_see_each_other_s_writes_in_a_file_view(machine: Machine, shared: bool) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"FILE" + bytes(0x1FFC))
        file.flush()
        view = machine.space.map_file(file.fileno(), 0, 0x2000, PROT_READ | PROT_WRITE, shared=shared, label="view")
        # mov eax,[view]; mov dword [view+4],'ABCD'
        at, behind = struct.pack("<I", view).hex(), struct.pack("<I", view + 4).hex()
        machine.run(f"a1 {at} c705 {behind} 41424344 cd30")
        assert machine.engine.cpu.eax == int.from_bytes(b"FILE", "little")
        assert machine.space.mem.read(view + 4, 4) == b"ABCD"
        machine.space.mem.write(view, b"HOST")
        machine.run(f"a1 {at} cd30")
        assert machine.engine.cpu.eax == int.from_bytes(b"HOST", "little")
        assert os.pread(file.fileno(), 8, 0) == (b"HOSTABCD" if shared else b"FILE\0\0\0\0")
        machine.space.release(view)
        assert machine.run(f"a1 {at} cd30").faults[-1].vector == 14
        again = machine.space.reserve(0x2000, view)
        machine.space.commit(again, 0x2000)
        assert machine.space.mem.read(again, 8) == bytes(8)


def test_a_view_of_a_read_only_file_can_be_read(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"read only" * 1000)
    with path.open("rb") as file:
        view = machine.space.map_file(file.fileno(), 0, 0x1000, PROT_READ, shared=True, label="view")
    machine.run("a1" + struct.pack("<I", view).hex() + "cd30")
    assert machine.engine.cpu.eax == int.from_bytes(b"read", "little")
    assert machine.run("c605" + struct.pack("<I", view).hex() + "01 cd30").faults[-1].vector == 14


# --- registers
# ---------------------------------------------------------------------------------------------------------------
def test_single_step_reports_every_instruction_and_survives_a_call(machine: Machine) -> None:
    engine = machine.engine
    engine.fast_entries[7] = lambda task, esp: 5
    code = b"\x90\x90" + call_gate(7, machine.code + 2) + b"\x90\xcd\x30"
    machine.space.mem.write(machine.code, code)
    engine.cpu.eip, engine.cpu.esp = machine.code, machine.stack + 0x8000
    engine.cpu.eflags = 0x302
    places = []
    for _ in range(20):
        engine.run(machine.events)
        if machine.events.faults[-1].vector != 1:
            break
        places.append(engine.cpu.eip - machine.code)
    inside = [place for place in places if 0 <= place < 0x100]
    assert inside == [1, 2, 7, 12, 13]
    assert machine.events.faults[-1].vector == 0x30
    assert engine.cpu.eax == 5
    engine.cpu.eflags = 0x202


def test_the_x87_stack_can_be_pushed_popped_and_replaced(machine: Machine) -> None:
    cpu = machine.engine.cpu
    slot = machine.space.allocate(0x1000, "slot")
    machine.run("d9e8 d9ee cd30")  # fld1; fldz
    cpu.fpu_push(2.5)
    assert [cpu.fpu_top(depth) for depth in range(3)] == [2.5, 0.0, 1.0]
    machine.run("dd1d" + struct.pack("<I", slot).hex() + "cd30")  # fstp qword
    assert machine.space.mem.f64(slot) == 2.5
    assert cpu.fpu_pop() == 0.0
    kept = cpu.fpu_state()
    assert struct.unpack_from("<H", kept, 8)[0] == 0x3FFF, "one register holds a valid number"
    machine.run("d9c0 d8c1 cd30")  # fld st0; fadd st1: 1 + 1
    assert cpu.fpu_top() == 2.0
    cpu.set_fpu_state(kept)
    machine.run("dd15" + struct.pack("<I", slot).hex() + "cd30")
    assert machine.space.mem.f64(slot) == 1.0
    assert cpu.fpu_state()[28:38] == kept[28:38]


def test_threads_keep_sse_and_avx_registers(machine: Machine) -> None:
    if "avx" not in Path("/proc/cpuinfo").read_text() or machine.engine.intercepts_cpuid:
        pytest.skip("the guest cannot use AVX here")
    second_tib = layout.TIB_START + layout.TIB_STRIDE
    machine.space.map_private(second_tib, 0x1000, PROT_READ | PROT_WRITE)
    second = machine.engine.create_thread(second_tib, 0)
    slot = machine.space.allocate(0x1000, "slot")
    at = struct.pack("<I", slot).hex()
    load, store = f"c5fc1005 {at} cd30", f"c5fc1105 {at} cd30"  # vmovups ymm0,[slot]; vmovups [slot],ymm0
    first_value, second_value = bytes(range(32)), bytes(range(100, 132))
    machine.space.mem.write(slot, first_value)
    machine.run(load)
    machine.engine.switch_to(None, second)
    machine.space.mem.write(slot, second_value)
    machine.run(load)
    for thread, value in ((machine.thread, first_value), (second, second_value)):
        machine.engine.switch_to(None, thread)
        machine.run(store)
        assert machine.space.mem.read(slot, 32) == value


def test_the_stub_is_built_without_relocations_and_matches_the_mailbox(tmp_path: Path) -> None:
    out = tmp_path / "stub"
    done = subprocess.run(
        [sys.executable, str(REPO / "tools/build_stub.py"), str(out)], capture_output=True, check=False
    )
    if b"needs a C compiler" in done.stderr:
        pytest.skip("no compiler")
    assert done.returncode == 0, done.stderr
    assert subprocess.run([str(out)], check=False).returncode & 0x80


def test_guest_memory_stays_out_of_reach_of_the_stub_itself(machine: Machine) -> None:
    """The stub's image, stack and mailbox lie above 4 GB, so that no 32-bit address names them."""
    for line in Path(f"/proc/{machine.engine._process.pid}/maps").read_text().splitlines():
        start = int(line.split("-")[0], 16)
        if start < layout.PRIVATE_END:
            assert "memfd:w9x-private" in line
    assert ctypes.sizeof(ctypes.c_void_p) == 8
