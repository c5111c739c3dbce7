"""Threads, thread-local storage, contexts, APCs, fibers, interlocked numbers. Expected values: SDK documentation."""

from __future__ import annotations

import struct

import pytest

from w9x_client.process.exceptions import CONTEXT

from ..harness import FAILED, POISON, Guest, GuestDied
from .test_sync import PARAMETER, TIMEOUT, stdcall, thread, wait

ECHO = bytes.fromhex("8b442404 c20400")  # return the parameter
FOREVER = bytes.fromhex("ebfe")
SUSPENDED = 4


def exit_code(guest: Guest, handle: int) -> int:
    code = guest.buffer(4)
    assert guest.call("kernel32.GetExitCodeThread", handle, code) == 1
    return code.u32()


def test_a_thread_runs_and_its_result_is_its_exit_code(guest: Guest) -> None:
    number = guest.buffer(4)
    handle = guest.call("kernel32.CreateThread", 0, 0, guest.code(ECHO), 1234, 0, number)
    assert number.u32() not in (0, guest.call("kernel32.GetCurrentThreadId"))
    assert wait(guest, handle, 5000) == 0
    assert exit_code(guest, handle) == 1234


def test_a_thread_may_be_made_without_a_place_for_its_id(guest: Guest) -> None:
    assert guest.call("kernel32.CreateThread", 0, 0, guest.code(ECHO), 0, 0, 0)


def test_a_suspended_thread_runs_after_as_many_resumes(guest: Guest) -> None:
    handle = guest.call("kernel32.CreateThread", 0, 0, guest.code(ECHO), 5, SUSPENDED, 0)
    assert guest.call("kernel32.SuspendThread", handle) == 1
    assert wait(guest, handle, 10) == TIMEOUT
    assert guest.call("kernel32.ResumeThread", handle) == 2
    assert wait(guest, handle, 10) == TIMEOUT
    assert exit_code(guest, handle) == 259
    assert guest.call("kernel32.ResumeThread", handle) == 1
    assert wait(guest, handle, 5000) == 0
    assert guest.call("kernel32.ResumeThread", handle) == 0


def test_a_run_away_thread_can_be_suspended_and_terminated(ticking: Guest) -> None:
    guest = ticking
    handle = thread(guest, FOREVER)
    assert wait(guest, handle, 20) == TIMEOUT
    assert guest.call("kernel32.SuspendThread", handle) == 0
    assert guest.call("kernel32.TerminateThread", handle, 77) == 1
    assert wait(guest, handle, 5000) == 0
    assert exit_code(guest, handle) == 77
    assert guest.call("kernel32.SuspendThread", handle) == FAILED


def test_exit_thread_ends_it_in_the_middle(guest: Guest) -> None:
    body = PARAMETER + stdcall(guest, "kernel32.ExitThread") + FOREVER
    handle = thread(guest, body, 99)
    assert wait(guest, handle, 5000) == 0
    assert exit_code(guest, handle) == 99


def test_a_thread_that_suspends_itself_goes_on_when_it_is_resumed(guest: Guest) -> None:
    body = bytes.fromhex("6afe") + stdcall(guest, "kernel32.SuspendThread") + bytes.fromhex("83c008 c20400")
    handle = thread(guest, body)
    assert wait(guest, handle, 20) == TIMEOUT
    assert guest.call("kernel32.ResumeThread", handle) == 1
    assert wait(guest, handle, 5000) == 0
    assert exit_code(guest, handle) == 8


def test_priorities_are_kept_and_checked(guest: Guest) -> None:
    current = guest.call("kernel32.GetCurrentThread")
    assert guest.call("kernel32.SetThreadPriority", current, 2) == 1
    assert guest.call("kernel32.GetThreadPriority", current) == 2
    assert guest.call("kernel32.SetThreadPriority", current, 7) == 0
    assert guest.last_error == 87
    assert guest.call("kernel32.GetThreadPriority", 0x4444) == 0x7FFFFFFF


def test_a_suspended_threads_registers_can_be_read_and_changed(ticking: Guest) -> None:
    guest = ticking
    handle = thread(guest, FOREVER)
    assert wait(guest, handle, 20) == TIMEOUT
    guest.call("kernel32.SuspendThread", handle)
    context = guest.buffer(bytes(204))
    context.set(struct.pack("<I", 0x10007))
    assert guest.call("kernel32.GetThreadContext", handle, context) == 1
    registers = CONTEXT.from_buffer_copy(context.bytes)
    assert guest.mem.read(registers.Eip, 2) == FOREVER
    registers.Eip = guest.code(bytes.fromhex("b82a000000 c20400"))
    context.set(bytes(registers))
    assert guest.call("kernel32.SetThreadContext", handle, context) == 1
    guest.call("kernel32.ResumeThread", handle)
    assert wait(guest, handle, 5000) == 0
    assert exit_code(guest, handle) == 42


def test_the_fs_selector_describes_the_tib(guest: Guest) -> None:
    entry = guest.buffer(8)
    code = guest.code(bytes.fromhex("31c0 668ce0 c3"))
    assert guest.call("kernel32.GetThreadSelectorEntry", 0xFFFFFFFE, guest.call_at(code), entry) == 1
    _, low, middle, _, _, high = struct.unpack("<HHBBBB", entry.bytes)
    assert low | middle << 16 | high << 24 == guest.task.tib


def test_an_apc_runs_in_an_alertable_sleep(guest: Guest) -> None:
    flag = guest.buffer(bytes(4))
    routine = guest.code(bytes.fromhex("8b442404 c70063000000 c20400"))  # *(int *)parameter = 99
    assert guest.call("kernel32.QueueUserAPC", routine, 0xFFFFFFFE, flag) == 1
    assert guest.call("kernel32.SleepEx", 0, 0) == 0
    assert flag.u32() == 0
    assert guest.call("kernel32.SleepEx", 1000, 1) == 0xC0
    assert flag.u32() == 99


def test_an_apc_ends_a_wait_that_has_begun(guest: Guest) -> None:
    event = guest.call("kernel32.CreateEventA", 0, 0, 0, 0)
    body = bytes.fromhex("6a01 6aff ff74240c") + stdcall(guest, "kernel32.WaitForSingleObjectEx")
    handle = thread(guest, body + bytes.fromhex("c20400"), event)
    assert wait(guest, handle, 20) == TIMEOUT
    assert guest.call("kernel32.QueueUserAPC", guest.code(bytes.fromhex("c20400")), handle, 0) == 1
    assert wait(guest, handle, 5000) == 0
    assert exit_code(guest, handle) == 0xC0


# --- thread-local storage -------------------------------------------------------------------
def test_slots_hold_a_value_per_thread_and_start_at_zero(guest: Guest) -> None:
    index = guest.call("kernel32.TlsAlloc")
    assert guest.call("kernel32.TlsGetValue", index) == 0
    assert guest.last_error == 0
    assert guest.call("kernel32.TlsSetValue", index, 0x1234) == 1
    body = bytes.fromhex("ff742404") + stdcall(guest, "kernel32.TlsGetValue") + bytes.fromhex("c20400")
    handle = thread(guest, body, index)
    assert wait(guest, handle, 5000) == 0
    assert exit_code(guest, handle) == 0
    assert guest.call("kernel32.TlsGetValue", index) == 0x1234


def test_windows_98_has_80_slots(guest: Guest) -> None:
    taken = []
    while (index := guest.call("kernel32.TlsAlloc")) != FAILED:
        assert index not in taken
        taken.append(index)
    assert max(taken) == 79
    assert guest.call("kernel32.TlsSetValue", 80, 1) == 0
    assert guest.last_error == 87


def test_a_freed_slot_is_zero_when_it_is_allocated_again(guest: Guest) -> None:
    index = guest.call("kernel32.TlsAlloc")
    guest.call("kernel32.TlsSetValue", index, 7)
    assert guest.call("kernel32.TlsFree", index) == 1
    assert guest.call("kernel32.TlsFree", index) == 0
    assert guest.last_error == 87
    assert guest.call("kernel32.TlsAlloc") == index
    assert guest.call("kernel32.TlsGetValue", index) == 0


def test_the_tib_points_at_the_slots(guest: Guest) -> None:
    index = guest.call("kernel32.TlsAlloc")
    guest.call("kernel32.TlsSetValue", index, 0xABCD)
    code = guest.code(bytes.fromhex("64a12c000000") + b"\x8b\x80" + struct.pack("<I", 4 * index) + b"\xc3")
    assert guest.call_at(code) == 0xABCD


# --- interlocked ----------------------------------------------------------------------------
def test_interlocked_functions_return_what_is_documented(guest: Guest) -> None:
    number = guest.buffer(struct.pack("<i", -1))
    assert guest.call("kernel32.InterlockedIncrement", number) == 0
    assert guest.call("kernel32.InterlockedDecrement", number) == 0xFFFFFFFF
    assert guest.call("kernel32.InterlockedExchange", number, 50) == 0xFFFFFFFF
    assert guest.call("kernel32.InterlockedExchangeAdd", number, -8) == 50
    assert guest.call("kernel32.InterlockedCompareExchange", number, 7, 41) == 42
    assert guest.call("kernel32.InterlockedCompareExchange", number, 7, 42) == 42
    assert number.u32() == 7


def test_last_error_is_each_threads_own(guest: Guest) -> None:
    body = bytes.fromhex("6a4d") + stdcall(guest, "kernel32.SetLastError") + stdcall(guest, "kernel32.GetLastError")
    handle = thread(guest, body + bytes.fromhex("c20400"))
    assert wait(guest, handle, 5000) == 0
    assert exit_code(guest, handle) == 77
    assert guest.last_error == POISON


# --- fibers ---------------------------------------------------------------------------------
def test_fibers_switch_back_and_forth(guest: Guest) -> None:
    main = guest.call("kernel32.ConvertThreadToFiber", 11)
    assert guest.mem.u32(guest.task.tib + 0x10) == main
    log = guest.buffer(bytes(8))
    switch_to_main = b"\x68" + struct.pack("<I", main) + stdcall(guest, "kernel32.SwitchToFiber")
    add_parameter = b"\x8b\x44\x24\x04\x01\x05" + struct.pack("<I", log.address)
    fiber_code = guest.code(add_parameter + switch_to_main + add_parameter + switch_to_main)
    fiber = guest.call("kernel32.CreateFiber", 0, fiber_code, 1000)
    assert guest.mem.u32(fiber) == 1000
    switch = guest.code(
        bytes.fromhex("53 bb77665544")
        + (b"\x68" + struct.pack("<I", fiber) + stdcall(guest, "kernel32.SwitchToFiber")) * 2
        + bytes.fromhex("89d8 5b c3")
    )
    assert guest.call_at(switch) == 0x44556677, "EBX survives"
    assert log.u32() == 2000
    guest.call("kernel32.DeleteFiber", fiber)
    assert guest.last_error == POISON


def test_the_last_threads_end_is_the_processs(guest: Guest) -> None:
    with pytest.raises(GuestDied) as died:
        guest.call("kernel32.ExitThread", 3)
    assert died.value.code == 3
