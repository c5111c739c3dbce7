"""Events, mutexes, semaphores, waits, critical sections, timers. Expected values: SDK documentation."""

from __future__ import annotations

import struct
import time

import pytest

from ..harness import FAILED, Guest

TIMEOUT, ABANDONED = 0x102, 0x80
ALREADY_EXISTS, INVALID_HANDLE, NOT_OWNER, TOO_MANY_POSTS = 183, 6, 288, 298
INFINITE = 0xFFFFFFFF


def wait(guest: Guest, handle: int, milliseconds: int = 0) -> int:
    return guest.call("kernel32.WaitForSingleObject", handle, milliseconds)


def stdcall(guest: Guest, name: str) -> bytes:
    """mov eax, export; call eax."""
    return b"\xb8" + struct.pack("<I", guest.address(name)) + b"\xff\xd0"


def thread(guest: Guest, code: bytes, parameter: int = 0) -> int:
    """Start a guest thread at ``code`` (which ends with ret 4); returns its handle."""
    return guest.call("kernel32.CreateThread", 0, 0, guest.code(code), parameter, 0, guest.buffer(4))


PARAMETER = bytes.fromhex("ff742404")  # push dword [esp+4]


def test_an_auto_reset_event_lets_one_wait_through(guest: Guest) -> None:
    event = guest.call("kernel32.CreateEventA", 0, 0, 1, 0)
    assert wait(guest, event) == 0
    assert wait(guest, event) == TIMEOUT
    assert guest.call("kernel32.SetEvent", event) == 1
    assert wait(guest, event) == 0


def test_a_manual_reset_event_stays_set(guest: Guest) -> None:
    event = guest.call("kernel32.CreateEventA", 0, 1, 0, 0)
    assert wait(guest, event) == TIMEOUT
    guest.call("kernel32.SetEvent", event)
    assert (wait(guest, event), wait(guest, event)) == (0, 0)
    guest.call("kernel32.ResetEvent", event)
    assert wait(guest, event) == TIMEOUT


def test_a_time_out_lasts_at_least_as_long_as_asked(guest: Guest) -> None:
    event = guest.call("kernel32.CreateEventA", 0, 1, 0, 0)
    start = time.monotonic()
    assert wait(guest, event, 30) == TIMEOUT
    assert time.monotonic() - start >= 0.03


def test_a_named_event_is_opened_once_it_exists(guest: Guest) -> None:
    first = guest.call("kernel32.CreateEventA", 0, 1, 1, "one")
    assert guest.last_error == 0
    second = guest.call("kernel32.CreateEventW", 0, 1, 0, "one")
    assert second not in (0, first)
    assert guest.last_error == ALREADY_EXISTS
    assert wait(guest, second) == 0, "the initial state of the second call is ignored"
    assert guest.call("kernel32.OpenEventA", 0, 0, "one")
    assert guest.call("kernel32.OpenEventA", 0, 0, "One") == 0
    assert guest.last_error == 2


def test_all_kinds_share_one_space_of_names(guest: Guest) -> None:
    assert guest.call("kernel32.CreateMutexA", 0, 0, "name")
    assert guest.call("kernel32.CreateEventA", 0, 0, 0, "name") == 0
    assert guest.last_error == INVALID_HANDLE


def test_a_name_ends_with_its_last_handle(guest: Guest) -> None:
    mutex = guest.call("kernel32.CreateMutexA", 0, 0, "short-lived")
    guest.call("kernel32.CloseHandle", mutex)
    assert guest.call("kernel32.OpenMutexA", 0, 0, "short-lived") == 0
    assert guest.last_error == 2


def test_a_mutex_is_recursive_and_belongs_to_its_thread(guest: Guest) -> None:
    mutex = guest.call("kernel32.CreateMutexA", 0, 1, 0)
    assert wait(guest, mutex) == 0
    assert guest.call("kernel32.ReleaseMutex", mutex) == 1
    assert guest.call("kernel32.ReleaseMutex", mutex) == 1
    assert guest.call("kernel32.ReleaseMutex", mutex) == 0
    assert guest.last_error == NOT_OWNER


def test_a_mutex_whose_owner_ends_is_abandoned_once(guest: Guest) -> None:
    mutex = guest.call("kernel32.CreateMutexA", 0, 0, 0)
    body = bytes.fromhex("6aff ff742408") + stdcall(guest, "kernel32.WaitForSingleObject") + bytes.fromhex("c20400")
    owner = thread(guest, body, mutex)
    assert wait(guest, owner, 5000) == 0
    assert wait(guest, mutex) == ABANDONED
    guest.call("kernel32.ReleaseMutex", mutex)
    assert wait(guest, mutex) == 0


def test_a_semaphore_counts_up_to_its_maximum(guest: Guest) -> None:
    semaphore = guest.call("kernel32.CreateSemaphoreA", 0, 1, 3, 0)
    previous = guest.buffer(4)
    assert guest.call("kernel32.ReleaseSemaphore", semaphore, 2, previous) == 1
    assert previous.u32() == 1
    assert guest.call("kernel32.ReleaseSemaphore", semaphore, 1, 0) == 0
    assert guest.last_error == TOO_MANY_POSTS
    assert [wait(guest, semaphore) for _ in range(4)] == [0, 0, 0, TIMEOUT]


@pytest.mark.parametrize("count,maximum", [(-1, 5), (6, 5), (0, 0)])
def test_a_semaphore_needs_sensible_counts(guest: Guest, count: int, maximum: int) -> None:
    assert guest.call("kernel32.CreateSemaphoreA", 0, count, maximum, 0) == 0
    assert guest.last_error == 87


def handles(guest: Guest, *values: int) -> object:
    return guest.buffer(struct.pack(f"<{len(values)}I", *values))


def test_wait_any_tells_the_first_signaled_one(guest: Guest) -> None:
    events = [guest.call("kernel32.CreateEventA", 0, 0, state, 0) for state in (0, 1, 1)]
    array = handles(guest, *events)
    assert guest.call("kernel32.WaitForMultipleObjects", 3, array, 0, 0) == 1
    assert guest.call("kernel32.WaitForMultipleObjects", 3, array, 0, 0) == 2
    assert guest.call("kernel32.WaitForMultipleObjects", 3, array, 0, 0) == TIMEOUT


def test_wait_all_takes_all_or_none(guest: Guest) -> None:
    first, second = (guest.call("kernel32.CreateEventA", 0, 0, state, 0) for state in (1, 0))
    array = handles(guest, first, second)
    assert guest.call("kernel32.WaitForMultipleObjects", 2, array, 1, 10) == TIMEOUT
    assert wait(guest, first) == 0, "it was not taken"
    guest.call("kernel32.SetEvent", first)
    guest.call("kernel32.SetEvent", second)
    assert guest.call("kernel32.WaitForMultipleObjects", 2, array, 1, 0) == 0


@pytest.mark.parametrize("count", [0, 65])
def test_wait_takes_1_to_64_objects(guest: Guest, count: int) -> None:
    event = guest.call("kernel32.CreateEventA", 0, 0, 0, 0)
    assert guest.call("kernel32.WaitForMultipleObjects", count, handles(guest, *[event] * 65), 0, 0) == FAILED
    assert guest.last_error == 87


def test_waiting_for_nonsense_fails(guest: Guest) -> None:
    assert wait(guest, 0x4321C) == FAILED
    assert guest.last_error == INVALID_HANDLE


def test_signal_and_wait_does_both(guest: Guest) -> None:
    first, second = (guest.call("kernel32.CreateEventA", 0, 1, state, 0) for state in (0, 1))
    assert guest.call("kernel32.SignalObjectAndWait", first, second, INFINITE, 0) == 0
    assert wait(guest, first) == 0


# --- critical sections --------------------------------------------------------------------
def section(guest: Guest) -> tuple[int, ...]:
    """A new section's address, and its fields."""
    block = guest.buffer(24)
    guest.call("kernel32.InitializeCriticalSection", block)
    return block.address, *struct.unpack("<IiiIII", block.bytes)


def fields(guest: Guest, address: int) -> tuple[int, ...]:
    """LockCount, RecursionCount, OwningThread."""
    return struct.unpack("<iiI", guest.mem.read(address + 4, 12))


def test_a_new_section_is_free(guest: Guest) -> None:
    address, *rest = section(guest)
    assert rest[1:4] == [-1, 0, 0]
    assert fields(guest, address) == (-1, 0, 0)


def test_entering_counts_recursion(guest: Guest) -> None:
    address, *_ = section(guest)
    guest.call("kernel32.EnterCriticalSection", address)
    guest.call("kernel32.EnterCriticalSection", address)
    assert fields(guest, address) == (1, 2, guest.task.id)
    assert guest.call("kernel32.TryEnterCriticalSection", address) == 1
    for _ in range(3):
        guest.call("kernel32.LeaveCriticalSection", address)
    assert fields(guest, address) == (-1, 0, 0)


def test_a_thread_waits_until_the_section_is_left(guest: Guest) -> None:
    address, *_ = section(guest)
    guest.call("kernel32.EnterCriticalSection", address)
    body = (
        PARAMETER + stdcall(guest, "kernel32.EnterCriticalSection")
        + PARAMETER + stdcall(guest, "kernel32.LeaveCriticalSection") + bytes.fromhex("b807000000 c20400")
    )  # fmt: skip
    waiters = [thread(guest, body, address) for _ in range(3)]
    assert wait(guest, waiters[0], 20) == TIMEOUT
    assert fields(guest, address) == (3, 1, guest.task.id)
    guest.call("kernel32.LeaveCriticalSection", address)
    for handle in waiters:
        assert wait(guest, handle, 5000) == 0
    assert fields(guest, address) == (-1, 0, 0)


def test_try_enter_fails_where_another_thread_owns_it(guest: Guest) -> None:
    address, *_ = section(guest)
    guest.call("kernel32.EnterCriticalSection", address)
    body = PARAMETER + stdcall(guest, "kernel32.TryEnterCriticalSection") + bytes.fromhex("83c064 c20400")
    handle = thread(guest, body, address)
    assert wait(guest, handle, 5000) == 0
    code = guest.buffer(4)
    guest.call("kernel32.GetExitCodeThread", handle, code)
    assert code.u32() == 100


def test_sections_exclude_preempted_threads_without_a_switch_per_enter(ticking: Guest) -> None:
    guest, count = ticking, 150_000
    address, *_ = section(guest)
    counter = guest.buffer(bytes(4))
    shared = guest.buffer(struct.pack("<II", address, counter.address))
    loop = (
        bytes.fromhex("ff33") + stdcall(guest, "kernel32.EnterCriticalSection")
        + bytes.fromhex("8b4b04 8b01 ba14000000 4a 75fd 40 8901")  # read, dawdle, write back one more
        + bytes.fromhex("ff33") + stdcall(guest, "kernel32.LeaveCriticalSection") + bytes.fromhex("4e 75")
    )  # fmt: skip
    body = (
        bytes.fromhex("53 56 8b5c240c be") + struct.pack("<I", count) + loop + struct.pack("<b", -len(loop) - 1)
        + bytes.fromhex("5e 5b 31c0 c20400")
    )  # fmt: skip
    threads = [thread(guest, body, shared.address) for _ in range(4)]
    assert guest.call("kernel32.WaitForMultipleObjects", 4, handles(guest, *threads), 1, 60_000) == 0
    assert counter.u32() == 4 * count
    assert fields(guest, address) == (-1, 0, 0)


def test_spin_counts_are_kept(guest: Guest) -> None:
    block = guest.buffer(24)
    assert guest.call("kernel32.InitializeCriticalSectionAndSpinCount", block, 4000) == 1
    assert guest.call("kernel32.SetCriticalSectionSpinCount", block, 5) == 4000


# --- waitable timers ------------------------------------------------------------------------
def test_a_relative_timer_fires_and_repeats(guest: Guest) -> None:
    timer = guest.call("kernel32.CreateWaitableTimerA", 0, 0, 0)
    assert wait(guest, timer) == TIMEOUT
    due = guest.buffer(struct.pack("<q", -100_000))
    start = time.monotonic()
    assert guest.call("kernel32.SetWaitableTimer", timer, due, 5, 0, 0, 0) == 1
    assert wait(guest, timer, 5000) == 0
    assert wait(guest, timer, 5000) == 0
    assert time.monotonic() - start >= 0.015
    assert guest.call("kernel32.CancelWaitableTimer", timer) == 1


def test_a_cancelled_timer_does_not_fire(guest: Guest) -> None:
    timer = guest.call("kernel32.CreateWaitableTimerA", 0, 1, 0)
    guest.call("kernel32.SetWaitableTimer", timer, guest.buffer(struct.pack("<q", -1_000_000)), 0, 0, 0, 0)  # 100 ms
    guest.call("kernel32.CancelWaitableTimer", timer)
    assert wait(guest, timer, 250) == TIMEOUT


def test_a_time_out_of_weeks_can_be_waited_for(guest: Guest) -> None:
    event = guest.call("kernel32.CreateEventA", 0, 0, 0, 0)
    body = bytes.fromhex("68feffffff ff742408") + stdcall(guest, "kernel32.WaitForSingleObject")
    waiter = thread(guest, body + bytes.fromhex("c20400"), event)
    assert wait(guest, waiter, 20) == TIMEOUT
    guest.call("kernel32.SetEvent", event)
    assert wait(guest, waiter, FAILED - 1) == 0
