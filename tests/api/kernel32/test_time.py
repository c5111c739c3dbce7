"""Clocks and calendar. Expected values: the calendar (Python's datetime), the host's clock, SDK documentation."""

from __future__ import annotations

import datetime
import struct
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from w9x_client.abi.types import SYSTEMTIME
from w9x_client.win32.kernel32.time import fill_systemtime, to_filetime

from ..harness import Guest

EPOCH = datetime.datetime(1601, 1, 1, tzinfo=datetime.UTC)


def moments(first: int, last: int) -> st.SearchStrategy[datetime.datetime]:
    """UTC times in these years."""
    low, high = (datetime.datetime(year, month, 1) for year, month in ((first, 1), (last, 12)))  # noqa: DTZ001  # by contract
    return st.datetimes(low, high, timezones=st.just(datetime.UTC))


def fields(buffer: object) -> tuple[int, ...]:
    return struct.unpack("<8H", buffer.bytes)  # type: ignore[attr-defined]


@given(moments(1601, 9999))
def test_calendar_arithmetic_agrees_with_pythons(moment: datetime.datetime) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    ticks = (moment - EPOCH) // datetime.timedelta(microseconds=1) * 10
    date = SYSTEMTIME()
    fill_systemtime(date, ticks)
    assert (date.wYear, date.wMonth, date.wDay, date.wHour, date.wMinute, date.wSecond, date.wMilliseconds) == (
        moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second, moment.microsecond // 1000,
    )  # fmt: skip
    assert date.wDayOfWeek == moment.isoweekday() % 7
    assert to_filetime(date) == ticks


def test_the_last_year_of_a_systemtime_is_reached(guest: Guest) -> None:
    date = guest.buffer(struct.pack("<8H", 30827, 12, 31, 31, 23, 59, 59, 999))
    moment, back = guest.buffer(8), guest.buffer(16)
    assert guest.call("kernel32.SystemTimeToFileTime", date, moment) == 1
    assert guest.call("kernel32.FileTimeToSystemTime", moment, back) == 1
    assert fields(back)[:2] == (30827, 12)


@pytest.mark.parametrize(
    "date",
    [
        (1600, 12, 0, 31, 0, 0, 0, 0), (2001, 2, 0, 29, 0, 0, 0, 0), (2000, 13, 0, 1, 0, 0, 0, 0),
        (2000, 1, 0, 1, 24, 0, 0, 0), (2000, 1, 0, 1, 0, 60, 0, 0), (2000, 1, 0, 1, 0, 0, 0, 1000),
        (2000, 0, 0, 1, 0, 0, 0, 0),
    ],
)  # fmt: skip
def test_impossible_dates_are_refused(guest: Guest, date: tuple[int, ...]) -> None:
    moment = guest.buffer(8)
    assert guest.call("kernel32.SystemTimeToFileTime", guest.buffer(struct.pack("<8H", *date)), moment) == 0
    assert guest.last_error == 87


def test_system_time_is_the_hosts(guest: Guest) -> None:
    before = time.time_ns() // 100 + 116_444_736_000_000_000
    moment = guest.buffer(8)
    guest.call("kernel32.GetSystemTimeAsFileTime", moment)
    assert 0 <= struct.unpack("<Q", moment.bytes)[0] - before < 10_000_000
    date = guest.buffer(16)
    guest.call("kernel32.GetSystemTime", date)
    year, month, _, day, hour, minute, second, _ = fields(date)
    told = datetime.datetime(year, month, day, hour, minute, second, tzinfo=datetime.UTC)
    assert abs(told - datetime.datetime.now(datetime.UTC)) < datetime.timedelta(seconds=5)


def test_the_clock_cannot_be_set(guest: Guest) -> None:
    date = guest.buffer(struct.pack("<8H", 2000, 1, 0, 1, 0, 0, 0, 0))
    assert guest.call("kernel32.SetSystemTime", date) == 0
    assert guest.last_error == 5


def test_the_performance_counter_runs_at_the_timers_frequency(guest: Guest) -> None:
    frequency, first, second = guest.buffer(8), guest.buffer(8), guest.buffer(8)
    assert guest.call("kernel32.QueryPerformanceFrequency", frequency) == 1
    assert struct.unpack("<Q", frequency.bytes)[0] == 1193182
    guest.call("kernel32.QueryPerformanceCounter", first)
    start = time.monotonic()
    guest.call("kernel32.Sleep", 20)
    guest.call("kernel32.QueryPerformanceCounter", second)
    passed = (struct.unpack("<Q", second.bytes)[0] - struct.unpack("<Q", first.bytes)[0]) / 1193182
    assert 0.02 <= passed <= time.monotonic() - start + 0.01


def test_dos_dates_round_up_to_two_seconds(guest: Guest) -> None:
    moment, day, clock = guest.buffer(8), guest.buffer(2), guest.buffer(2)
    guest.call("kernel32.SystemTimeToFileTime", guest.buffer(struct.pack("<8H", 1998, 6, 0, 25, 13, 37, 9, 0)), moment)
    assert guest.call("kernel32.FileTimeToDosDateTime", moment, day, clock) == 1
    assert struct.unpack("<H", day.bytes)[0] == (18 << 9 | 6 << 5 | 25)
    assert struct.unpack("<H", clock.bytes)[0] == (13 << 11 | 37 << 5 | 5)
    back = guest.buffer(8)
    assert guest.call("kernel32.DosDateTimeToFileTime", 18 << 9 | 6 << 5 | 25, 13 << 11 | 37 << 5 | 5, back) == 1
    assert struct.unpack("<Q", back.bytes)[0] - struct.unpack("<Q", moment.bytes)[0] == 10_000_000


def test_dos_dates_before_1980_are_refused(guest: Guest) -> None:
    moment = guest.buffer(bytes(8))
    assert guest.call("kernel32.FileTimeToDosDateTime", moment, guest.buffer(2), guest.buffer(2)) == 0
    assert guest.last_error == 87


def test_file_times_compare(guest: Guest) -> None:
    low, high = guest.buffer(struct.pack("<Q", 5)), guest.buffer(struct.pack("<Q", 1 << 40))
    results = [guest.call("kernel32.CompareFileTime", a, b) for a, b in ((low, high), (low, low), (high, low))]
    assert results == [0xFFFFFFFF, 0, 1]


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> object:
    """Sets the host's time zone for a test."""

    def set_zone(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield set_zone
    monkeypatch.undo()
    time.tzset()


def test_the_time_zone_is_told_with_its_rules(guest: Guest, zone: object) -> None:
    zone("CET-1CEST,M3.5.0,M10.5.0/3")  # type: ignore[operator]
    info = guest.buffer(172)
    assert guest.call("kernel32.GetTimeZoneInformation", info) in (1, 2)
    data = info.bytes
    assert struct.unpack_from("<i", data)[0] == -60
    assert struct.unpack_from("<8H", data, 68) == (0, 10, 0, 5, 3, 0, 0, 0)
    assert struct.unpack_from("<8H", data, 152) == (0, 3, 0, 5, 2, 0, 0, 0)
    assert struct.unpack_from("<i", data, 84)[0] == 0
    assert struct.unpack_from("<i", data, 168)[0] == -60


def test_a_zone_with_a_second_sunday_is_not_called_last(guest: Guest, zone: object) -> None:
    zone("EST5EDT,M3.2.0,M11.1.0")  # type: ignore[operator]
    info = guest.buffer(172)
    guest.call("kernel32.GetTimeZoneInformation", info)
    assert struct.unpack_from("<8H", info.bytes, 68)[1:5] == (11, 0, 1, 2)
    assert struct.unpack_from("<8H", info.bytes, 152)[1:5] == (3, 0, 2, 2)


def test_a_zone_without_daylight_time_is_unknown_kind(guest: Guest, zone: object) -> None:
    zone("IST-5:30")  # type: ignore[operator]
    info = guest.buffer(172)
    assert guest.call("kernel32.GetTimeZoneInformation", info) == 0
    assert struct.unpack_from("<i", info.bytes)[0] == -330
    local = guest.buffer(8)
    guest.call("kernel32.FileTimeToLocalFileTime", guest.buffer(struct.pack("<Q", 10**17)), local)
    assert struct.unpack("<Q", local.bytes)[0] - 10**17 == 330 * 60 * 10**7


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(moment=moments(1990, 2035))
def test_zone_rules_give_the_local_time_the_host_gives(guest: Guest, zone: object, moment: datetime.datetime) -> None:
    zone("EST5EDT,M3.2.0,M11.1.0")  # type: ignore[operator]
    utc = struct.pack("<8H", moment.year, moment.month, 0, moment.day, moment.hour, moment.minute, moment.second, 0)
    local = guest.buffer(16)
    assert guest.call("kernel32.SystemTimeToTzSpecificLocalTime", 0, guest.buffer(utc), local) == 1
    expected = time.localtime(moment.timestamp())
    assert fields(local)[:2] + fields(local)[3:7] == tuple(expected[:6])
