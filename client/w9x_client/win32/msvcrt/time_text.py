"""strftime and asctime in the "C" locale. Pure.

Source: MSDN "strftime" (Visual C++ 6), with the ``#`` flag: no leading zeros, long dates for %c and %x.
"""

from __future__ import annotations

from collections.abc import Callable

from .timezone import Tm

DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def valid(tm: Tm) -> bool:
    """Whether every field is in its range (what strftime needs)."""
    return (
        0 <= tm.sec <= 61 and 0 <= tm.min <= 59 and 0 <= tm.hour <= 23 and 1 <= tm.mday <= 31 and 0 <= tm.mon <= 11
        and 0 <= tm.wday <= 6 and 0 <= tm.yday <= 365 and tm.year >= 0
    )  # fmt: skip


def asctime(tm: Tm) -> str:
    """``Wed Jan 02 02:03:55 1980\\n``; this runtime pads the day with a zero."""
    day = DAYS[tm.wday][:3] if 0 <= tm.wday < 7 else "???"
    month = MONTHS[tm.mon][:3] if 0 <= tm.mon < 12 else "???"
    clock = f"{tm.hour % 100:02d}:{tm.min % 100:02d}:{tm.sec % 100:02d}"
    return f"{day} {month} {tm.mday % 100:02d} {clock} {(tm.year + 1900) % 10000:04d}\n"


def strftime(fmt: str, tm: Tm, zone_names: tuple[str, str]) -> str | None:
    """The formatted time; None for a field out of range."""
    if not valid(tm):
        return None
    out: list[str] = []
    at = 0
    while at < len(fmt):
        char = fmt[at]
        at += 1
        if char != "%":
            out.append(char)
            continue
        plain = fmt[at : at + 1] == "#"
        at += plain
        out.append(_field(fmt[at : at + 1], tm, plain, zone_names))
        at += 1
    return "".join(out)


def _number(value: int, width: int, plain: bool) -> str:
    return str(value) if plain else f"{value:0{width}d}"


def _field(kind: str, tm: Tm, plain: bool, zone_names: tuple[str, str]) -> str:
    if kind in _NUMBERS:
        width, read = _NUMBERS[kind]
        return _number(read(tm), width, plain)
    if kind == "a":
        return DAYS[tm.wday][:3]
    if kind == "A":
        return DAYS[tm.wday]
    if kind == "b":
        return MONTHS[tm.mon][:3]
    if kind == "B":
        return MONTHS[tm.mon]
    if kind == "p":
        return "AM" if tm.hour < 12 else "PM"
    if kind in ("Z", "z"):
        return zone_names[1 if tm.isdst > 0 else 0] if tm.isdst >= 0 else ""
    clock = f"{tm.hour:02d}:{tm.min:02d}:{tm.sec:02d}"
    long_date = f"{DAYS[tm.wday]}, {MONTHS[tm.mon]} {tm.mday:02d}, {tm.year + 1900}"
    short_date = f"{tm.mon + 1:02d}/{tm.mday:02d}/{tm.year % 100:02d}"
    if kind == "c":
        return f"{long_date} {clock}" if plain else f"{short_date} {clock}"
    if kind == "x":
        return long_date if plain else short_date
    if kind == "X":
        return clock
    return "%" if kind == "%" else ""


_NUMBERS: dict[str, tuple[int, Callable[[Tm], int]]] = {
    "d": (2, lambda tm: tm.mday),
    "H": (2, lambda tm: tm.hour),
    "I": (2, lambda tm: tm.hour % 12 or 12),
    "j": (3, lambda tm: tm.yday + 1),
    "m": (2, lambda tm: tm.mon + 1),
    "M": (2, lambda tm: tm.min),
    "S": (2, lambda tm: tm.sec),
    "U": (2, lambda tm: (tm.yday + 7 - tm.wday) // 7),
    "w": (1, lambda tm: tm.wday),
    "W": (2, lambda tm: (tm.yday + 7 - (tm.wday - 1) % 7) // 7),
    "y": (2, lambda tm: tm.year % 100),
    "Y": (4, lambda tm: tm.year + 1900),
}
