"""The local time zone as the C runtime sees it: the host's, or the program's TZ variable (``PST8PDT``).

Pure arithmetic on seconds since 1970; `Zone` converts between UTC and local broken-down time. A TZ with a daylight
name follows the rule of Visual C++ 6: the United States' until 2006 (first Sunday of April 02:00 to last Sunday of
October 02:00).
"""

from __future__ import annotations

import calendar
import re
import time
from dataclasses import dataclass

_TZ = re.compile(r"([A-Za-z]{3})([+-]?\d{1,2})(?::(\d{1,2})(?::(\d{1,2}))?)?([A-Za-z]{3})?")
DAY = 86400
MAX_TIME = 0x7FFFFFFF


@dataclass(frozen=True)
class Tm:
    """``struct tm``."""

    sec: int
    min: int
    hour: int
    mday: int
    mon: int
    year: int
    wday: int
    yday: int
    isdst: int


def _tm(parts: time.struct_time, isdst: int) -> Tm:
    return Tm(
        parts.tm_sec, parts.tm_min, parts.tm_hour, parts.tm_mday, parts.tm_mon - 1, parts.tm_year - 1900,
        (parts.tm_wday + 1) % 7, parts.tm_yday - 1, isdst,
    )  # fmt: skip


def utc(seconds: int) -> Tm:
    """Broken-down UTC."""
    return _tm(time.gmtime(seconds), 0)


def flat_seconds(tm: Tm) -> int:
    """Seconds since 1970 as if ``tm`` were UTC; fields may be out of their ranges."""
    year, month = tm.year + 1900 + tm.mon // 12, tm.mon % 12 + 1
    if not 1 <= year <= 9999:
        return -1 << 40
    return (
        calendar.timegm((year, month, 1, 0, 0, 0)) + (tm.mday - 1) * DAY + tm.hour * 3600 + tm.min * 60 + tm.sec
    )


class Zone:
    """One time zone.

    Attributes:
        offset: seconds west of UTC (``_timezone``); names: standard and daylight name; daylight: whether there is a
        daylight time.
    """

    def __init__(self, variable: str | None) -> None:
        match = _TZ.match(variable) if variable else None
        self.host = match is None
        if match is None:
            self.offset, self.names, self.daylight = time.timezone, time.tzname, bool(time.daylight)
            return
        hours = int(match.group(2))
        rest = int(match.group(3) or 0) * 60 + int(match.group(4) or 0)
        self.offset = hours * 3600 + (-rest if match.group(2).startswith("-") else rest)
        self.daylight = match.group(5) is not None
        self.names = (match.group(1), match.group(5) or "")

    def _is_daylight(self, standard: int) -> bool:
        """Whether local standard time ``standard`` (flat seconds) is in daylight time."""
        if not self.daylight:
            return False
        year = time.gmtime(standard).tm_year
        april = calendar.timegm((year, 4, 1, 2, 0, 0))
        begin = april + (6 - calendar.weekday(year, 4, 1)) % 7 * DAY
        october = calendar.timegm((year, 10, 31, 2, 0, 0))
        end = october - (calendar.weekday(year, 10, 31) + 1) % 7 * DAY
        return begin <= standard < end - 3600

    def local(self, seconds: int) -> Tm:
        """Broken-down local time of a UTC time."""
        if self.host:
            parts = time.localtime(seconds)
            return _tm(parts, parts.tm_isdst)
        standard = seconds - self.offset
        dst = self._is_daylight(standard)
        return _tm(time.gmtime(standard + 3600 * dst), int(dst))

    def to_utc(self, tm: Tm) -> int | None:
        """mktime: UTC seconds of a local time with fields out of range; None where it is not in 1970..2038."""
        flat = flat_seconds(tm)
        if not -2 * DAY <= flat <= MAX_TIME + 2 * DAY:
            return None
        if self.host:
            try:
                shown = time.gmtime(flat)
                result = int(time.mktime((*shown[:6], 0, 0, max(-1, min(1, tm.isdst)))))
            except (OverflowError, ValueError):
                return None
        else:
            dst = self._is_daylight(flat) if tm.isdst < 0 else tm.isdst > 0
            result = flat + self.offset - 3600 * bool(dst and self.daylight)
        return result if 0 <= result <= MAX_TIME else None
