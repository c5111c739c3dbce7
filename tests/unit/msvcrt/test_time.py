"""Time zones, mktime and strftime."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w9x_client.win32.msvcrt.time_text import asctime, strftime
from w9x_client.win32.msvcrt.timezone import MAX_TIME, Tm, Zone, utc

EASTERN = Zone("EST5EDT")


@given(st.integers(0, MAX_TIME))
def test_utc_agrees_with_the_host(seconds: int) -> None:
    tm, host = utc(seconds), time.gmtime(seconds)
    assert (tm.year + 1900, tm.mon + 1, tm.mday, tm.hour, tm.min, tm.sec) == host[:6]
    assert (tm.wday, tm.yday) == ((host.tm_wday + 1) % 7, host.tm_yday - 1)


@given(st.integers(86400, MAX_TIME - 86400), st.sampled_from(["EST5EDT", "UTC0", "XYZ-5:30", "ABC+3:30:15DEF", None]))
def test_mktime_is_the_inverse_of_localtime(seconds: int, variable: str | None) -> None:
    zone = Zone(variable)
    assert zone.to_utc(zone.local(seconds)) == seconds


@given(st.integers(0, MAX_TIME))
def test_mktime_normalises_its_fields(seconds: int) -> None:
    zone = Zone("UTC0")
    tm = utc(seconds)
    crooked = Tm(tm.sec + 120, tm.min - 2, tm.hour + 24, tm.mday - 1, tm.mon + 12, tm.year - 1, 0, 0, 0)
    if (tm.year + 1900) % 4 and (tm.year + 1899) % 4:  # no leap day between
        assert zone.to_utc(crooked) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        # United States 2000: daylight time from April 2 02:00 to October 29 02:00
        (954658799, "Sun Apr 02 01:59:59 2000\n"), (954658800, "Sun Apr 02 03:00:00 2000\n"),
        (972799199, "Sun Oct 29 01:59:59 2000\n"), (972799200, "Sun Oct 29 01:00:00 2000\n"),
    ],
)  # fmt: skip
def test_daylight_time_follows_the_rule_of_the_united_states(seconds: int, text: str) -> None:
    assert asctime(EASTERN.local(seconds)) == text


def test_times_outside_1970_to_2038_are_refused() -> None:
    assert EASTERN.to_utc(Tm(0, 0, 0, 1, 0, 60, 0, 0, 0)) is None
    assert EASTERN.to_utc(Tm(0, 0, 0, 1, 0, 200, 0, 0, 0)) is None
    assert EASTERN.to_utc(Tm(2**31 - 1, -(2**31), 2**31 - 1, -(2**31), 2**31 - 1, -(2**31), 0, 0, 0)) is None


MOMENT = Tm(29, 41, 12, 14, 2, 95, 2, 72, 0)


@pytest.mark.parametrize(
    ("fmt", "text"),
    [
        # MSDN, strftime: the long forms' examples
        ("%#c", "Tuesday, March 14, 1995 12:41:29"), ("%#x", "Tuesday, March 14, 1995"), ("%c", "03/14/95 12:41:29"),
        ("%x %X", "03/14/95 12:41:29"), ("%a %A %b %B", "Tue Tuesday Mar March"),
        ("%d %H %I %j %m %M %p %S", "14 12 12 073 03 41 PM 29"),
        ("%U %w %W %y %Y %%", "11 2 11 95 1995 %"), ("%#m/%#d %#j", "3/14 73"), ("%Z", "EST"),
    ],
)  # fmt: skip
def test_strftime(fmt: str, text: str) -> None:
    assert strftime(fmt, MOMENT, ("EST", "EDT")) == text


@given(st.integers(0, MAX_TIME), st.sampled_from("aAbBdHIjmMpSUwWyY"))
def test_numbers_agree_with_the_hosts_strftime(seconds: int, kind: str) -> None:
    assert strftime(f"%{kind}", utc(seconds), ("UTC", "UTC")) == time.strftime(f"%{kind}", time.gmtime(seconds))


def test_a_field_out_of_range_is_refused() -> None:
    assert strftime("%d", Tm(0, 0, 0, 99, 0, 100, 0, 0, 0), ("", "")) is None
