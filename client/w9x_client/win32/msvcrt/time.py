"""Time of day (time.h): time, localtime, mktime, strftime, the time zone variables. Conversions are in `timezone`,
texts in `time_text`."""

from __future__ import annotations

import struct
import time as host_time
from collections.abc import Callable
from typing import TYPE_CHECKING

from w9x_client.abi.types import DOUBLE, INT, LONG, LONGLONG, PTR, SIZE_T

from . import state
from .dll import msvcrt
from .state import STR, WSTR
from .stdio_format import unit_bytes
from .time_text import asctime as asctime_text
from .time_text import strftime as strftime_text
from .timezone import MAX_TIME, Tm, Zone, utc

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

_TM = struct.Struct("<9i")
msvcrt.data("_timezone", 4, struct.pack("<i", 8 * 3600))
msvcrt.data("_daylight", 4, struct.pack("<i", 1))
msvcrt.data("_dstbias", 4, struct.pack("<i", -3600))
msvcrt.data("_tzname", 8)


class Clock:
    """The zone in force (``process.state(Clock)``); read when first needed and by _tzset."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.zone = Zone(process.environment.get("TZ"))
        self.show()

    def show(self) -> None:
        """Assign the exported variables."""
        process, zone = self.process, self.zone
        own = process.state(state.Crt)
        process.mem.put32(own.variable("_timezone"), zone.offset)
        process.mem.put32(own.variable("_daylight"), int(zone.daylight))
        for index in (0, 1):
            at = own.keep(f"_tzname {index}", bytes(64))
            process.mem.write(at, zone.names[index].encode("latin-1", "replace")[:63] + b"\0")
            process.mem.put32(own.variable("_tzname") + 4 * index, at)


def zone(t: Task) -> Zone:
    """The zone in force."""
    return t.process.state(Clock).zone


@msvcrt.api()
def _tzset(t: Task) -> None:
    """Read TZ again."""
    clock = t.process.state(Clock)
    clock.zone = Zone(t.process.environment.get("TZ"))
    clock.show()


@msvcrt.api()
def time(t: Task, timer: PTR) -> LONG:
    """Seconds since 1970 UTC."""
    now = int(host_time.time())
    if timer:
        t.mem.put32(timer, now)
    return now


@msvcrt.not_on_9x()
def _time64(t: Task, timer: PTR) -> LONGLONG:
    """Seconds since 1970 UTC, 64 bits."""
    now = int(host_time.time())
    if timer:
        t.mem.put64(timer, now)
    return now


@msvcrt.api()
def clock(t: Task) -> LONG:
    """Milliseconds since the process began."""
    return (host_time.monotonic_ns() - t.process.started) // 1_000_000


@msvcrt.api()
def difftime(t: Task, timer1: LONG, timer0: LONG) -> DOUBLE:
    """Seconds between two times."""
    return float(timer1 - timer0)


def read_tm(t: Task, address: int) -> Tm:
    """The ``struct tm`` there."""
    return Tm(*_TM.unpack(t.mem.read(address, 36)))


def write_tm(t: Task, address: int, tm: Tm) -> int:
    """Store a ``struct tm``."""
    t.mem.write(
        address,
        _TM.pack(tm.sec, tm.min, tm.hour, tm.mday, tm.mon, tm.year, tm.wday, tm.yday, tm.isdst),
    )
    return address


def _static_tm(t: Task, tm: Tm) -> int:
    return write_tm(t, state.thread(t).address + state.TM, tm)


def _in_range(seconds: int, wide: bool = False) -> bool:
    return 0 <= seconds <= (0x7_934126CF if wide else MAX_TIME)


@msvcrt.api()
def gmtime(t: Task, timer: PTR) -> PTR:
    """UTC in this thread's static structure; NULL before 1970."""
    seconds = t.mem.i32(timer)
    return _static_tm(t, utc(seconds)) if _in_range(seconds) else 0


@msvcrt.api()
def localtime(t: Task, timer: PTR) -> PTR:
    """Local time in this thread's static structure; NULL before 1970."""
    seconds = t.mem.i32(timer)
    return _static_tm(t, zone(t).local(seconds)) if _in_range(seconds) else 0


@msvcrt.not_on_9x()
def _gmtime64(t: Task, timer: PTR) -> PTR:
    """`gmtime` of a 64-bit time."""
    seconds = t.mem.u64(timer)
    return _static_tm(t, utc(seconds)) if _in_range(seconds, True) else 0


@msvcrt.not_on_9x()
def _localtime64(t: Task, timer: PTR) -> PTR:
    """`localtime` of a 64-bit time."""
    seconds = t.mem.u64(timer)
    return _static_tm(t, zone(t).local(seconds)) if _in_range(seconds, True) else 0


def _make(t: Task, timeptr: int) -> int:
    seconds = zone(t).to_utc(read_tm(t, timeptr))
    if seconds is None:
        return -1
    write_tm(t, timeptr, zone(t).local(seconds))
    return seconds


@msvcrt.api()
def mktime(t: Task, timeptr: PTR) -> LONG:
    """Local time to seconds, normalising the structure; -1 outside 1970 to 2038."""
    return _make(t, timeptr)


@msvcrt.not_on_9x()
def _mktime64(t: Task, timeptr: PTR) -> LONGLONG:
    """`mktime`, 64 bits (the same range)."""
    return _make(t, timeptr)


@msvcrt.api()
def asctime(t: Task, timeptr: PTR) -> PTR:
    """26 characters in this thread's static buffer."""
    at = state.thread(t).address + state.ASCTIME
    t.mem.write(at, asctime_text(read_tm(t, timeptr)).encode() + b"\0")
    return at


@msvcrt.api()
def _wasctime(t: Task, timeptr: PTR) -> PTR:
    """`asctime`, wide."""
    at = state.thread(t).address + state.WASCTIME
    t.mem.write(at, unit_bytes(asctime_text(read_tm(t, timeptr)) + "\0"))
    return at


@msvcrt.api()
def ctime(t: Task, timer: PTR) -> PTR:
    """asctime(localtime(timer))."""
    local = localtime(t, timer)
    return asctime(t, local) if local else 0


@msvcrt.api()
def _wctime(t: Task, timer: PTR) -> PTR:
    """`ctime`, wide."""
    local = localtime(t, timer)
    return _wasctime(t, local) if local else 0


@msvcrt.api()
def strftime(t: Task, strDest: PTR, maxsize: SIZE_T, format: STR, timeptr: PTR) -> SIZE_T:
    """Formatted time; 0 where it does not fit or a field is out of range."""
    text = strftime_text(format.decode("latin-1"), read_tm(t, timeptr), zone(t).names)
    if text is None or len(text) >= maxsize:
        return 0
    t.mem.write(strDest, text.encode("latin-1", "replace") + b"\0")
    return len(text)


@msvcrt.api()
def wcsftime(t: Task, strDest: PTR, maxsize: SIZE_T, format: WSTR, timeptr: PTR) -> SIZE_T:
    """`strftime`, wide."""
    text = strftime_text(format, read_tm(t, timeptr), zone(t).names)
    if text is None or len(text) >= maxsize:
        return 0
    t.mem.write(strDest, unit_bytes(text + "\0"))
    return len(text)


@msvcrt.api()
def _ftime(t: Task, timeptr: PTR) -> None:
    """``struct _timeb``: seconds, milliseconds, minutes west of UTC, daylight flag."""
    now = host_time.time_ns()
    seconds, ms = now // 1_000_000_000, now // 1_000_000 % 1000
    here = zone(t)
    daylight = here.local(seconds).isdst > 0
    t.mem.write(timeptr, struct.pack("<IHhh", seconds & 0xFFFFFFFF, ms, here.offset // 60, int(daylight)))


def _declare_text(name: str, read: Callable[[Tm], str]) -> None:
    def narrow(t: Task, string: PTR) -> PTR:
        t.mem.write(string, read(zone(t).local(int(host_time.time()))).encode() + b"\0")
        return string

    def wide(t: Task, string: PTR) -> PTR:
        t.mem.write(string, unit_bytes(read(zone(t).local(int(host_time.time()))) + "\0"))
        return string

    narrow.__doc__ = wide.__doc__ = "Today as MM/DD/YY." if name == "date" else "Now as HH:MM:SS."
    msvcrt.api(name="_str" + name)(narrow)
    msvcrt.api(name="_wstr" + name)(wide)


_declare_text("date", lambda tm: f"{tm.mon + 1:02d}/{tm.mday:02d}/{tm.year % 100:02d}")
_declare_text("time", lambda tm: f"{tm.hour:02d}:{tm.min:02d}:{tm.sec:02d}")


def _declare_address(name: str) -> None:
    def handler(t: Task) -> PTR:
        zone(t)
        return state.crt(t).variable(name)

    handler.__doc__ = f"Address of ``{name}``."
    msvcrt.api(name="__p_" + name)(handler)


for _name in ("_timezone", "_daylight", "_dstbias", "_tzname"):
    _declare_address(_name)


@msvcrt.api()
def _getsystime(t: Task, timeptr: PTR) -> INT:
    """Local time into a ``struct tm``; returns the milliseconds."""
    now = host_time.time_ns()
    write_tm(t, timeptr, zone(t).local(now // 1_000_000_000))
    return now // 1_000_000 % 1000


@msvcrt.stub("the host's clock is not the guest's to set: an error, as without the privilege")
def _setsystime(t: Task, timeptr: PTR, milliseconds: INT) -> INT:
    """ERROR_ACCESS_DENIED."""
    return 5
