"""Multimedia timers (SDK mmsystem.h)."""

from __future__ import annotations

from tests.api.harness import Guest
from w9x_client.process.clock import tick_count


def test_periods_and_clock(guest: Guest) -> None:
    caps = guest.buffer(8)
    assert guest.call("winmm.timeGetDevCaps", caps, 8) == 0
    assert caps.u32(0) == 1
    assert guest.call("winmm.timeBeginPeriod", 1) == 0
    assert guest.call("winmm.timeEndPeriod", 1) == 0
    assert guest.call("winmm.timeBeginPeriod", 0) == 97  # TIMERR_NOCANDO
    assert 0 <= (guest.call("winmm.timeGetTime") - tick_count()) + 5000 < 10000


def test_a_timer_calls_back_until_it_is_killed(guest: Guest) -> None:
    event = guest.call("kernel32.CreateEventA", None, 0, 0, None)
    counter = guest.buffer(bytes(4))
    # inc dword [counter]; push event; call SetEvent; ret 20
    set_event = guest.address("kernel32.SetEvent")
    machine = b"\xff\x05" + counter.address.to_bytes(4, "little") + b"\x68" + event.to_bytes(4, "little")
    machine += b"\xb8" + set_event.to_bytes(4, "little") + b"\xff\xd0\xc2\x14\x00"
    timer = guest.call("winmm.timeSetEvent", 1, 0, guest.code(machine), 0, 1)
    assert timer
    for _ in range(3):
        assert guest.call("kernel32.WaitForSingleObject", event, 5000) == 0
    assert guest.call("winmm.timeKillEvent", timer) == 0
    assert counter.u32() >= 3
    assert guest.call("winmm.timeKillEvent", timer) == 11  # MMSYSERR_INVALPARAM


def test_a_timer_may_set_an_event_once(guest: Guest) -> None:
    event = guest.call("kernel32.CreateEventA", None, 0, 0, None)
    assert guest.call("winmm.timeSetEvent", 1, 0, event, 0, 0x10)
    assert guest.call("kernel32.WaitForSingleObject", event, 5000) == 0


def test_there_are_no_sound_devices(guest: Guest) -> None:
    assert guest.call("winmm.waveOutGetNumDevs") == 0
    assert (
        guest.call("winmm.waveOutOpen", guest.buffer(4), 0xFFFFFFFF, guest.buffer(18), 0, 0, 0) == 6
    )  # MMSYSERR_NODRIVER
