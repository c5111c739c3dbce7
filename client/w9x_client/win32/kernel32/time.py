"""Clocks and calendar: tick count, performance counter, system and local time, time zone, file times.

All clocks are the host's; a program cannot set them. Ticks and the performance counter come from the monotonic
clock, so they agree between processes and never jump. The performance counter runs at 1,193,182 Hz, the PC timer's
frequency that Windows 9x reports on machines of its time; programs compute with it in 32 bits.
"""

from __future__ import annotations

import calendar
import ctypes
import time
from typing import TYPE_CHECKING, Annotated

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import (
    BOOL,
    DWORD,
    FILETIME,
    LONG,
    LPDWORD,
    LPFILETIME,
    LPQWORD,
    LPSYSTEMTIME,
    LPWORD,
    PTR,
    SYSTEMTIME,
    VOID,
    WORD,
    pointer_to,
)
from w9x_client.process.clock import tick_count

from .dll import kernel32

if TYPE_CHECKING:
    from w9x_client.process import Task

PIT_FREQUENCY = 1_193_182
EPOCH_DIFFERENCE = 116_444_736_000_000_000
"""100 ns from 1601-01-01 to 1970-01-01."""
TICKS_PER_SECOND = 10_000_000
_LAST_FILETIME = 0x7FFF_FFFF_FFFF_FFFF
TIME_ZONE_ID_INVALID = 0xFFFFFFFF
TIME_ZONE_ID_UNKNOWN, TIME_ZONE_ID_STANDARD, TIME_ZONE_ID_DAYLIGHT = 0, 1, 2


# --- between representations ------------------------------------------------------------
def filetime_now() -> int:
    """Now, in 100 ns since 1601 UTC."""
    return time.time_ns() // 100 + EPOCH_DIFFERENCE


def to_filetime(fields: SYSTEMTIME) -> int:
    """100 ns since 1601 of a calendar time; WinError(ERROR_INVALID_PARAMETER) where there is no such time.

    The day of the week is ignored (SDK, SystemTimeToFileTime).
    """
    year, month, day = int(fields.wYear), int(fields.wMonth), int(fields.wDay)
    if not (1601 <= year <= 30827 and 1 <= month <= 12 and 1 <= day <= _days(year, month)):
        raise WinError(Err.INVALID_PARAMETER)
    if fields.wHour > 23 or fields.wMinute > 59 or fields.wSecond > 59 or fields.wMilliseconds > 999:
        raise WinError(Err.INVALID_PARAMETER)
    days = _day_number(year, month, day)
    seconds = ((days * 24 + int(fields.wHour)) * 60 + int(fields.wMinute)) * 60 + int(fields.wSecond)
    return seconds * TICKS_PER_SECOND + int(fields.wMilliseconds) * 10_000


def _days(year: int, month: int) -> int:
    return 29 if month == 2 and calendar.isleap(year) else (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]


def _day_number(year: int, month: int, day: int) -> int:
    """Days since 1601-01-01, proleptic Gregorian, beyond the years `datetime` knows."""
    y = year - 1
    leaps = y // 4 - y // 100 + y // 400 - (1600 // 4 - 1600 // 100 + 1600 // 400)
    in_year = sum(_days(year, m) for m in range(1, month)) + day - 1
    return (year - 1601) * 365 + leaps + in_year


def fill_systemtime(fields: SYSTEMTIME, value: int) -> None:
    """Store the calendar time of ``value`` (100 ns since 1601)."""
    seconds, rest = divmod(value, TICKS_PER_SECOND)
    days, second = divmod(seconds, 86400)
    fields.wDayOfWeek = (days + 1) % 7  # 1601-01-01 was a Monday
    cycles, days = divmod(days, 146_097)
    year = 1601 + 400 * cycles + days * 400 // 146_097
    while _day_number(year, 1, 1) - 146_097 * cycles > days:
        year -= 1
    while _day_number(year + 1, 1, 1) - 146_097 * cycles <= days:
        year += 1
    days -= _day_number(year, 1, 1) - 146_097 * cycles
    month = 1
    while days >= _days(year, month):
        days -= _days(year, month)
        month += 1
    fields.wYear, fields.wMonth, fields.wDay = year, month, days + 1
    fields.wHour, fields.wMinute, fields.wSecond = second // 3600, second // 60 % 60, second % 60
    fields.wMilliseconds = rest // 10_000


def read_filetime(value: FILETIME) -> int:
    """The number a FILETIME holds."""
    return int(value.dwHighDateTime) << 32 | int(value.dwLowDateTime)


def store_filetime(target: FILETIME, value: int) -> None:
    """Store a number of 100 ns."""
    target.dwLowDateTime = value & 0xFFFFFFFF
    target.dwHighDateTime = value >> 32 & 0xFFFFFFFF


def bias_seconds() -> int:
    """Seconds to add to local time for UTC, now."""
    return -time.localtime().tm_gmtoff


# --- counters -----------------------------------------------------------------------------
@kernel32.api(guest="GetTickCount")
def GetTickCount(t: Task) -> DWORD:
    """Milliseconds since the host started, modulo 2**32."""
    return tick_count()


@kernel32.api()
def QueryPerformanceCounter(t: Task, lpPerformanceCount: LPQWORD) -> BOOL:
    """Ticks of 1/1193182 second."""
    lpPerformanceCount.set(time.monotonic_ns() * PIT_FREQUENCY // 1_000_000_000)
    return True


@kernel32.api()
def QueryPerformanceFrequency(t: Task, lpFrequency: LPQWORD) -> BOOL:
    """1193182."""
    lpFrequency.set(PIT_FREQUENCY)
    return True


# --- system time ----------------------------------------------------------------------------
@kernel32.api()
def GetSystemTimeAsFileTime(t: Task, lpSystemTimeAsFileTime: LPFILETIME) -> VOID:
    """Now in UTC."""
    if lpSystemTimeAsFileTime is not None:
        store_filetime(lpSystemTimeAsFileTime, filetime_now())


@kernel32.not_on_9x()
def GetSystemTimePreciseAsFileTime(t: Task, lpSystemTimeAsFileTime: LPFILETIME) -> VOID:
    """Now in UTC: GetSystemTimeAsFileTime has the finer clock already."""
    GetSystemTimeAsFileTime(t, lpSystemTimeAsFileTime)


@kernel32.api()
def GetSystemTime(t: Task, lpSystemTime: LPSYSTEMTIME) -> VOID:
    """Now in UTC, as a calendar time."""
    if lpSystemTime is not None:
        fill_systemtime(lpSystemTime, filetime_now())


@kernel32.api()
def GetLocalTime(t: Task, lpSystemTime: LPSYSTEMTIME) -> VOID:
    """Now in the host's time zone."""
    if lpSystemTime is not None:
        fill_systemtime(lpSystemTime, filetime_now() - bias_seconds() * TICKS_PER_SECOND)


@kernel32.stub("the host's clock belongs to the host: always ERROR_ACCESS_DENIED")
def SetSystemTime(t: Task, lpSystemTime: LPSYSTEMTIME) -> BOOL:
    """Set the clock (UTC)."""
    if lpSystemTime is None:
        raise WinError(Err.INVALID_PARAMETER)
    to_filetime(lpSystemTime)
    raise WinError(Err.ACCESS_DENIED)


@kernel32.stub("the host's clock belongs to the host: always ERROR_ACCESS_DENIED")
def SetLocalTime(t: Task, lpSystemTime: LPSYSTEMTIME) -> BOOL:
    """Set the clock (local time)."""
    if lpSystemTime is None:
        raise WinError(Err.INVALID_PARAMETER)
    to_filetime(lpSystemTime)
    raise WinError(Err.ACCESS_DENIED)


@kernel32.api()
def GetSystemTimeAdjustment(t: Task, lpTimeAdjustment: LPDWORD, lpTimeIncrement: LPDWORD, disabled: LPDWORD) -> BOOL:
    """Windows 9x does not support it: FALSE and ERROR_CALL_NOT_IMPLEMENTED (SDK)."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@kernel32.api()
def SetSystemTimeAdjustment(t: Task, dwTimeAdjustment: DWORD, bTimeAdjustmentDisabled: BOOL) -> BOOL:
    """Windows 9x does not support it: FALSE and ERROR_CALL_NOT_IMPLEMENTED (SDK)."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


# --- conversions ----------------------------------------------------------------------------
@kernel32.api()
def SystemTimeToFileTime(t: Task, lpSystemTime: LPSYSTEMTIME, lpFileTime: LPFILETIME) -> BOOL:
    """Calendar time to 100 ns since 1601."""
    if lpSystemTime is None or lpFileTime is None:
        raise WinError(Err.INVALID_PARAMETER)
    store_filetime(lpFileTime, to_filetime(lpSystemTime))
    return True


@kernel32.api()
def FileTimeToSystemTime(t: Task, lpFileTime: LPFILETIME, lpSystemTime: LPSYSTEMTIME) -> BOOL:
    """100 ns since 1601 to calendar time; times with the top bit set are refused (SDK)."""
    if lpSystemTime is None or lpFileTime is None:
        raise WinError(Err.INVALID_PARAMETER)
    value = read_filetime(lpFileTime)
    if value > _LAST_FILETIME:
        raise WinError(Err.INVALID_PARAMETER)
    fill_systemtime(lpSystemTime, value)
    return True


@kernel32.api()
def FileTimeToLocalFileTime(t: Task, lpFileTime: LPFILETIME, lpLocalFileTime: LPFILETIME) -> BOOL:
    """UTC to local time, with today's bias whatever the date is (SDK: the current settings)."""
    if lpFileTime is None or lpLocalFileTime is None:
        raise WinError(Err.INVALID_PARAMETER)
    store_filetime(lpLocalFileTime, read_filetime(lpFileTime) - bias_seconds() * TICKS_PER_SECOND)
    return True


@kernel32.api()
def LocalFileTimeToFileTime(t: Task, lpLocalFileTime: LPFILETIME, lpFileTime: LPFILETIME) -> BOOL:
    """Local time to UTC, with today's bias."""
    if lpFileTime is None or lpLocalFileTime is None:
        raise WinError(Err.INVALID_PARAMETER)
    store_filetime(lpFileTime, read_filetime(lpLocalFileTime) + bias_seconds() * TICKS_PER_SECOND)
    return True


@kernel32.api()
def CompareFileTime(t: Task, lpFileTime1: LPFILETIME, lpFileTime2: LPFILETIME) -> LONG:
    """-1, 0 or 1."""
    if lpFileTime1 is None or lpFileTime2 is None:
        raise WinError(Err.INVALID_PARAMETER)
    first, second = read_filetime(lpFileTime1), read_filetime(lpFileTime2)
    return (first > second) - (first < second)


@kernel32.api()
def FileTimeToDosDateTime(t: Task, lpFileTime: LPFILETIME, lpFatDate: LPWORD, lpFatTime: LPWORD) -> BOOL:
    """To the packed date and time of FAT directories (1980 to 2107, 2 s); seconds are rounded up."""
    if lpFileTime is None:
        raise WinError(Err.INVALID_PARAMETER)
    fields = SYSTEMTIME()
    value = read_filetime(lpFileTime)
    if value > _LAST_FILETIME:
        raise WinError(Err.INVALID_PARAMETER)
    fill_systemtime(fields, -(-value // (2 * TICKS_PER_SECOND)) * 2 * TICKS_PER_SECOND)
    if not 1980 <= fields.wYear <= 2107:
        raise WinError(Err.INVALID_PARAMETER)
    lpFatDate.set((fields.wYear - 1980) << 9 | fields.wMonth << 5 | fields.wDay)
    lpFatTime.set(fields.wHour << 11 | fields.wMinute << 5 | fields.wSecond // 2)
    return True


@kernel32.api()
def DosDateTimeToFileTime(t: Task, wFatDate: WORD, wFatTime: WORD, lpFileTime: LPFILETIME) -> BOOL:
    """From the packed date and time of FAT directories."""
    if lpFileTime is None:
        raise WinError(Err.INVALID_PARAMETER)
    fields = SYSTEMTIME(
        (wFatDate >> 9) + 1980, wFatDate >> 5 & 15, 0, wFatDate & 31, wFatTime >> 11, wFatTime >> 5 & 63,
        (wFatTime & 31) * 2, 0,
    )  # fmt: skip
    store_filetime(lpFileTime, to_filetime(fields))
    return True


# --- time zone ------------------------------------------------------------------------------
class TIME_ZONE_INFORMATION(ctypes.LittleEndianStructure):
    """SDK winbase.h; 172 bytes. Names are 32 UTF-16 units."""

    _fields_ = (
        ("Bias", ctypes.c_int32),
        ("StandardName", ctypes.c_uint16 * 32),
        ("StandardDate", SYSTEMTIME),
        ("StandardBias", ctypes.c_int32),
        ("DaylightName", ctypes.c_uint16 * 32),
        ("DaylightDate", SYSTEMTIME),
        ("DaylightBias", ctypes.c_int32),
    )


LPTIME_ZONE_INFORMATION = Annotated["TIME_ZONE_INFORMATION | None", pointer_to(TIME_ZONE_INFORMATION)]


def _transitions(year: int) -> list[tuple[int, bool]]:
    """(UTC seconds, daylight time begins) of each change of the host's clock in ``year``."""
    found: list[tuple[int, bool]] = []
    at = calendar.timegm((year, 1, 1, 0, 0, 0))
    end = calendar.timegm((year + 1, 1, 1, 0, 0, 0))
    state = time.localtime(at).tm_isdst
    while at < end:
        following = at + 7 * 86400
        if time.localtime(following).tm_isdst != state:
            low, high = at, following
            while high - low > 1:
                middle = (low + high) // 2
                if time.localtime(middle).tm_isdst == state:
                    low = middle
                else:
                    high = middle
            state = 1 - state if state in (0, 1) else time.localtime(high).tm_isdst
            found.append((high, state == 1))
        at = following
    return found


def _rule(fields: SYSTEMTIME, year: int, daylight: bool) -> bool:
    """Store "the nth weekday of a month at an hour" for a change; False when the host's clock has no such change.

    The week is 5 ("last") where the change falls into the last week of its month in four years running.
    """
    last = True
    first: tuple[time.struct_time, int] | None = None
    for offset in range(4):
        for at, begins in _transitions(year + offset):
            if begins is not daylight:
                continue
            # the wall clock just before the change is the one the rule speaks of
            local = time.gmtime(at + time.localtime(at - 1).tm_gmtoff)
            if first is None:
                first = local, at
            last &= local.tm_mday + 7 > _days(local.tm_year, local.tm_mon)
            break
    if first is None:
        return False
    local = first[0]
    fields.wYear, fields.wMonth = 0, local.tm_mon
    fields.wDayOfWeek = (local.tm_wday + 1) % 7
    fields.wDay = 5 if last else (local.tm_mday - 1) // 7 + 1
    fields.wHour, fields.wMinute, fields.wSecond, fields.wMilliseconds = local.tm_hour, local.tm_min, local.tm_sec, 0
    return True


def fill_time_zone(info: TIME_ZONE_INFORMATION, year: int) -> bool:
    """Describe the host's time zone as of ``year``; whether it has daylight time then."""
    names = time.tzname
    info.Bias = time.timezone // 60
    info.StandardBias = 0
    info.DaylightBias = 0
    for field, name in (("StandardName", names[0]), ("DaylightName", names[1])):
        units = name[:31].encode("utf-16-le")
        target = getattr(info, field)
        ctypes.memset(target, 0, 64)
        ctypes.memmove(target, units, len(units))
    for date in (info.StandardDate, info.DaylightDate):
        ctypes.memset(ctypes.addressof(date), 0, ctypes.sizeof(SYSTEMTIME))
    if not time.daylight:
        return False
    if not (_rule(info.DaylightDate, year, True) and _rule(info.StandardDate, year, False)):
        info.DaylightDate.wMonth = info.StandardDate.wMonth = 0
        return False
    info.DaylightBias = (time.altzone - time.timezone) // 60
    return True


@kernel32.api()
def GetTimeZoneInformation(t: Task, lpTimeZoneInformation: LPTIME_ZONE_INFORMATION) -> DWORD:
    """The host's time zone: whether standard (1) or daylight (2) time runs, or 0 where there is no daylight time."""
    if lpTimeZoneInformation is None:
        t.last_error = Err.INVALID_PARAMETER
        return TIME_ZONE_ID_INVALID
    now = time.localtime()
    if not fill_time_zone(lpTimeZoneInformation, now.tm_year):
        return TIME_ZONE_ID_UNKNOWN
    return TIME_ZONE_ID_DAYLIGHT if now.tm_isdst else TIME_ZONE_ID_STANDARD


@kernel32.stub("the host's clock belongs to the host: always ERROR_ACCESS_DENIED")
def SetTimeZoneInformation(t: Task, lpTimeZoneInformation: PTR) -> BOOL:
    """Set the time zone."""
    raise WinError(Err.ACCESS_DENIED)


def _rule_time(rule: SYSTEMTIME, year: int) -> int | None:
    """Local time (100 ns since 1601) at which a zone's rule takes effect in ``year``; None where it has none."""
    month, weekday, week = int(rule.wMonth), int(rule.wDayOfWeek), int(rule.wDay)
    if not 1 <= month <= 12 or weekday > 6 or not 1 <= week <= 5:
        return None
    first = (_day_number(year, month, 1) + 1) % 7
    day = 1 + (weekday - first) % 7 + 7 * (week - 1)
    while day > _days(year, month):
        day -= 7
    return to_filetime(SYSTEMTIME(year, month, 0, day, rule.wHour, rule.wMinute, rule.wSecond, rule.wMilliseconds))


@kernel32.api()
def SystemTimeToTzSpecificLocalTime(
    t: Task, lpTimeZone: LPTIME_ZONE_INFORMATION, lpUniversalTime: LPSYSTEMTIME, lpLocalTime: LPSYSTEMTIME
) -> BOOL:
    """UTC to the local time of a zone (NULL: the host's).

    Windows 9x documents it as unsupported (CALL_NOT_IMPLEMENTED); programs that test for that go on with the answer
    as well.
    """
    if lpUniversalTime is None or lpLocalTime is None:
        raise WinError(Err.INVALID_PARAMETER)
    zone = lpTimeZone
    if zone is None:
        zone = TIME_ZONE_INFORMATION()
        fill_time_zone(zone, int(lpUniversalTime.wYear) if lpUniversalTime.wYear >= 1970 else 1970)
    minute = 60 * TICKS_PER_SECOND
    utc = to_filetime(lpUniversalTime)
    standard = utc - (zone.Bias + zone.StandardBias) * minute
    year = int(lpUniversalTime.wYear)
    begins, ends = _rule_time(zone.DaylightDate, year), _rule_time(zone.StandardDate, year)
    local = standard
    if begins is not None and ends is not None:
        start = begins + (zone.Bias + zone.StandardBias) * minute
        stop = ends + (zone.Bias + zone.DaylightBias) * minute
        summer = start <= utc < stop if start < stop else not stop <= utc < start
        if summer:
            local = utc - (zone.Bias + zone.DaylightBias) * minute
    if local < 0:
        raise WinError(Err.INVALID_PARAMETER)
    fill_systemtime(lpLocalTime, local)
    return True


@kernel32.api()
def GetDaylightFlag(t: Task) -> BOOL:
    """Undocumented 9x export: whether daylight time is on."""
    return bool(time.localtime().tm_isdst)
