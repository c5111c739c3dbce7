"""Automation values: VARIANT types and how one converts to another. Pure: no guest memory.

A value is an int (integers; CY in units of 1/10000; BOOL as 0 or -1), a float (R4, R8, DATE in days since 1899-12-30)
or a str (BSTR). Failures are `HResult`. Source: Automation reference (oleaut32), "Data Type Conversion APIs" and
VariantChangeTypeEx.
"""

from __future__ import annotations

import datetime
import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from w9x_client.win32.kernel32.locale_data import Locale

(
    VT_EMPTY,
    VT_NULL,
    VT_I2,
    VT_I4,
    VT_R4,
    VT_R8,
    VT_CY,
    VT_DATE,
    VT_BSTR,
    VT_DISPATCH,
    VT_ERROR,
    VT_BOOL,
    VT_VARIANT,
    VT_UNKNOWN,
) = range(14)
VT_DECIMAL, VT_I1, VT_UI1, VT_UI2, VT_UI4, VT_INT, VT_UINT = 14, 16, 17, 18, 19, 22, 23
VT_ARRAY, VT_BYREF, VT_TYPEMASK = 0x2000, 0x4000, 0xFFF

S_OK, S_FALSE = 0, 1
E_NOTIMPL, E_OUTOFMEMORY, E_INVALIDARG = 0x8000_4001, 0x8007_000E, 0x8007_0057
DISP_E_TYPEMISMATCH, DISP_E_BADVARTYPE, DISP_E_OVERFLOW = 0x8002_0005, 0x8002_0008, 0x8002_000A
DISP_E_BADINDEX, DISP_E_ARRAYISLOCKED = 0x8002_000B, 0x8002_000D

INTEGERS: dict[int, tuple[int, int]] = {
    VT_I1: (-0x80, 0x7F), VT_UI1: (0, 0xFF), VT_I2: (-0x8000, 0x7FFF), VT_UI2: (0, 0xFFFF), VT_I4: (-0x8000_0000,
    0x7FFF_FFFF),
    VT_UI4: (0, 0xFFFF_FFFF), VT_INT: (-0x8000_0000, 0x7FFF_FFFF), VT_UINT: (0, 0xFFFF_FFFF),
}  # fmt: skip
"""Range of each integer type."""
SIZES = {
    VT_I1: 1, VT_UI1: 1, VT_I2: 2, VT_UI2: 2, VT_BOOL: 2, VT_I4: 4, VT_UI4: 4, VT_INT: 4, VT_UINT: 4, VT_R4: 4,
    VT_ERROR: 4,
    VT_BSTR: 4, VT_DISPATCH: 4, VT_UNKNOWN: 4, VT_R8: 8, VT_CY: 8, VT_DATE: 8, VT_VARIANT: 16, VT_DECIMAL: 16,
}  # fmt: skip
"""Bytes of a value of each type (as an array element, or behind VT_BYREF)."""
VARIANT_ALPHABOOL = 0x2
LOCALE_NOUSEROVERRIDE, VAR_TIMEVALUEONLY, VAR_DATEVALUEONLY = 0x8000_0000, 1, 2
FIRST_DATE, LAST_DATE = -657434, 2958466
"""Days of 0100-01-01 and the day after 9999-12-31."""
_EPOCH = datetime.datetime(1899, 12, 30)  # noqa: DTZ001  # Automation dates know no time zone
_SECONDS = 86400

Value = int | float | str | None


class HResult(Exception):
    """A COM failure code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"HRESULT {code:08X}")
        self.code = code


def in_range(value: int, vt: int) -> int:
    """``value`` if type ``vt`` can hold it; DISP_E_OVERFLOW."""
    low, high = INTEGERS[vt]
    if not low <= value <= high:
        raise HResult(DISP_E_OVERFLOW)
    return value


def to_number(value: Value, vt: int, locale: Locale) -> int | float:
    """The number a value of type ``vt`` stands for: CY scaled down, BOOL as 0 or -1, text parsed."""
    if vt == VT_EMPTY:
        return 0
    if vt == VT_BSTR:
        return parse_number(str(value), locale)
    if isinstance(value, (int, float)) and vt != VT_ERROR:
        return value / 10000 if vt == VT_CY else value
    raise HResult(DISP_E_TYPEMISMATCH)


def round_half_even(number: int | float) -> int:
    """The nearest integer, halves to the even one; DISP_E_OVERFLOW for what is none."""
    if isinstance(number, float) and not math.isfinite(number):
        raise HResult(DISP_E_OVERFLOW)
    return round(number)


def convert(value: Value, source: int, target: int, locale: Locale, flags: int = 0) -> Value:
    """A value of type ``source`` as type ``target``; DISP_E_TYPEMISMATCH, _OVERFLOW or _BADVARTYPE."""
    if source == target:
        return value
    if target in (VT_EMPTY, VT_NULL) or source == VT_NULL:
        raise HResult(DISP_E_TYPEMISMATCH)
    if target in INTEGERS:
        return in_range(round_half_even(to_number(value, source, locale)), target)
    if target == VT_BSTR:
        return to_text(value, source, locale, flags)
    if target == VT_BOOL:
        return _to_bool(value, source, locale)
    if target == VT_CY:
        if source == VT_BSTR:
            scaled = round_half_even(parse_number(str(value), locale) * 10000)
        else:
            number = to_number(value, source, locale)
            scaled = number * 10000 if isinstance(number, int) else round_half_even(number * 10000)
        if not -(1 << 63) <= scaled < 1 << 63:
            raise HResult(DISP_E_OVERFLOW)
        return scaled
    if target == VT_DATE:
        if source == VT_BSTR:
            return parse_date(str(value), locale)
        days = float(to_number(value, source, locale))
        if not FIRST_DATE <= days < LAST_DATE:
            raise HResult(DISP_E_OVERFLOW)
        return days
    if target == VT_R8:
        return float(to_number(value, source, locale))
    if target == VT_R4:
        number = float(to_number(value, source, locale))
        if math.isfinite(number) and abs(number) > 3.4028235677973366e38:
            raise HResult(DISP_E_OVERFLOW)
        return number
    raise HResult(DISP_E_BADVARTYPE if target not in SIZES else DISP_E_TYPEMISMATCH)


def _to_bool(value: Value, source: int, locale: Locale) -> int:
    if source == VT_BSTR:
        word = str(value).strip().lower()
        if word in ("true", "#true#"):
            return -1
        if word in ("false", "#false#"):
            return 0
    return -1 if to_number(value, source, locale) else 0


def to_text(value: Value, source: int, locale: Locale, flags: int = 0) -> str:
    """A value as text in the locale's spelling."""
    if source == VT_EMPTY:
        return ""
    if isinstance(value, str):
        return value
    if value is None or source == VT_ERROR:
        raise HResult(DISP_E_TYPEMISMATCH)
    if source == VT_BOOL:
        if flags & VARIANT_ALPHABOOL:
            return "True" if value else "False"
        return "-1" if value else "0"
    if source == VT_DATE:
        return date_text(float(value), locale, flags)
    if source == VT_CY:
        sign, scaled = ("-", -int(value)) if value < 0 else ("", int(value))
        text = f"{sign}{scaled // 10000}.{scaled % 10000:04d}".rstrip("0").rstrip(".")
        return text.replace(".", locale.decimal)
    if isinstance(value, int):
        return str(value)
    return float_text(value, 7 if source == VT_R4 else 15).replace(".", locale.decimal)


def float_text(number: float, digits: int) -> str:
    """Up to ``digits`` significant digits, an exponent of at least two digits for large and small numbers."""
    if math.isnan(number):
        return "-1.#IND"
    if math.isinf(number):
        return "1.#INF" if number > 0 else "-1.#INF"
    return "0" if number == 0 else f"{number:.{digits}G}"


_NUMBER = re.compile(r"(?P<digits>\d*)(?:\.(?P<fraction>\d*))?(?:[eEdD](?P<exponent>[+-]?\d{1,4}))?\Z")


def parse_number(text: str, locale: Locale) -> int | float:
    """A number as people of ``locale`` write it: sign, thousands, currency, parentheses, exponent, or &H
    hexadecimal.
    """
    word = text.strip(" \t\r\n\0")
    negative = word.startswith("(") and word.endswith(")")
    if negative:
        word = word[1:-1].strip()
    if word[:2].upper() in ("&H", "&O"):
        try:
            return int(word[2:], 16 if word[1] in "hH" else 8)
        except ValueError:
            raise HResult(DISP_E_TYPEMISMATCH) from None
    word = word.replace(locale.currency[0].strip(), "", 1).strip() if locale.currency[0].strip() else word
    for place in (0, -1):
        if word and word[place] in "+-":
            negative ^= word[place] == "-"
            word = (word[1:] if place == 0 else word[:-1]).strip()
            break
    plain = word.replace(locale.thousand, "").replace(locale.decimal, ".") if locale.thousand else word
    if not locale.thousand:
        plain = word.replace(locale.decimal, ".")
    found = _NUMBER.match(plain)
    if found is None or not (found["digits"] or found["fraction"]) or not plain.isascii():
        raise HResult(DISP_E_TYPEMISMATCH)
    number: int | float
    if found["fraction"] or found["exponent"]:
        number = float(plain.replace("d", "e").replace("D", "E"))
        if math.isinf(number):
            raise HResult(DISP_E_OVERFLOW)
    elif len(found["digits"]) > 400:
        raise HResult(DISP_E_OVERFLOW)
    else:
        number = int(found["digits"])
    return -number if negative else number


# --- dates ----------------------------------------------------------------------------


def date_from_days(days: float) -> datetime.datetime:
    """The moment ``days`` after 1899-12-30; the fraction counts forward also before that day (Automation's rule)."""
    if not math.isfinite(days) or not FIRST_DATE <= days < LAST_DATE:
        raise HResult(E_INVALIDARG)
    whole = math.trunc(days)
    seconds = round(abs(days - whole) * _SECONDS)
    try:
        return _EPOCH + datetime.timedelta(days=whole, seconds=seconds)
    except OverflowError:
        raise HResult(E_INVALIDARG) from None


def days_from_date(when: datetime.datetime) -> float:
    """The inverse of `date_from_days`; seconds count, smaller units do not."""
    delta = when - _EPOCH
    fraction = delta.seconds / _SECONDS
    return delta.days - fraction if delta.days < 0 else delta.days + fraction


def date_text(days: float, locale: Locale, flags: int) -> str:
    """Short date and time; midnight is left out, and so is the day of a bare time."""
    from w9x_client.win32.kernel32.locale import format_date, format_time

    when = date_from_days(days)
    clock = format_time((when.hour, when.minute, when.second), locale.time, 0, locale.am_pm)
    if flags & VAR_TIMEVALUEONLY or (math.trunc(days) == 0 and not flags & VAR_DATEVALUEONLY):
        return clock
    picture = locale.short_date
    if "yyyy" not in picture and not 1930 <= when.year <= 2029:
        picture = picture.replace("yy", "yyyy")
    day = format_date(locale, when.date(), picture)
    if flags & VAR_DATEVALUEONLY or (when.hour, when.minute, when.second) == (0, 0, 0):
        return day
    return f"{day} {clock}"


_TIME = re.compile(r"(\d{1,2})(?::(\d{1,2})(?::(\d{1,2}))?)?\s*([AaPp])?\.?[Mm]?\.?\Z")
_CLOCK = re.compile(r"\d{1,2}:\d{1,2}(?::\d{1,2})?\s*(?:[AaPp]\.?[Mm]?\.?)?|\b\d{1,2}\s*[AaPp]\.?[Mm]\.?")


def parse_date(text: str, locale: Locale) -> float:
    """A date, a time, or both: numbers in the locale's order, month names, two-digit years from 1930 to 2029."""
    word = text.strip(" \t\r\n\0")
    fraction = 0.0
    clock = _CLOCK.search(word)
    if clock is not None:
        fraction = _parse_clock(clock.group().strip())
        word = (word[: clock.start()] + " " + word[clock.end() :]).strip()
        if not word:
            return fraction
    when = _parse_day(word, locale)
    days = float((when - _EPOCH.date()).days)
    return days - fraction if days < 0 else days + fraction


def _parse_clock(word: str) -> float:
    found = _TIME.match(word)
    if found is None:
        raise HResult(DISP_E_TYPEMISMATCH)
    hour, minute, second = (int(part or 0) for part in found.group(1, 2, 3))
    if found[4]:
        if not 1 <= hour <= 12:
            raise HResult(DISP_E_TYPEMISMATCH)
        hour = hour % 12 + (12 if found[4] in "pP" else 0)
    if hour > 23 or minute > 59 or second > 59:
        raise HResult(DISP_E_TYPEMISMATCH)
    return (hour * 3600 + minute * 60 + second) / _SECONDS


def _parse_day(word: str, locale: Locale) -> datetime.date:
    parts = [part for part in re.split(r"[\s,/.\-]+", word) if part]
    names = [part for part in parts if not part.isdigit()]
    numbers = [int(part) for part in parts if part.isascii() and part.isdigit() and len(part) <= 4]
    if len(parts) > 4 or len(names) + len(numbers) != len(parts):
        raise HResult(DISP_E_TYPEMISMATCH)
    month = 0
    for name in names:
        index = _month(name, locale)
        if index and not month:
            month = index
        elif not _is_weekday(name, locale):
            raise HResult(DISP_E_TYPEMISMATCH)
    year = datetime.date.today().year  # noqa: DTZ011  # the guest's clock is the host's local one
    try:
        if month:
            if len(numbers) == 1:
                return (
                    datetime.date(year, month, numbers[0]) if numbers[0] <= 31 else datetime.date(numbers[0], month, 1)
                )
            if len(numbers) == 2:
                day, year = numbers if numbers[0] <= 31 else numbers[::-1]
                return datetime.date(_century(year), month, day)
        elif len(numbers) == 2:
            first, second = numbers
            return datetime.date(year, *((first, second) if locale.short_date[0] in "My" else (second, first)))
        elif len(numbers) == 3:
            return _numeric(numbers, locale)
    except ValueError:
        pass
    raise HResult(DISP_E_TYPEMISMATCH)


def _numeric(numbers: list[int], locale: Locale) -> datetime.date:
    """Three numbers in the locale's order, or in the first other order that makes a date."""
    first = locale.short_date[0]
    orders = {"M": "Mdy", "d": "dMy", "y": "yMd"}
    candidates = [orders[first], *(order for order in ("Mdy", "dMy", "yMd") if order != orders[first])]
    if numbers[0] > 31:
        candidates = ["yMd"]
    for order in candidates:
        fields = dict(zip(order, numbers, strict=True))
        try:
            return datetime.date(_century(fields["y"]), fields["M"], fields["d"])
        except ValueError:
            continue
    raise HResult(DISP_E_TYPEMISMATCH)


def _century(year: int) -> int:
    return year if year > 99 else year + (2000 if year < 30 else 1900)


def _month(name: str, locale: Locale) -> int:
    wanted = name.lower().rstrip(".")
    for index in range(12):
        full, short = locale.month(index).lower(), locale.month(index, True).lower().rstrip(".")
        if wanted in (full, short) or (len(wanted) >= 3 and full.startswith(wanted)):
            return index + 1
    return 0


def _is_weekday(name: str, locale: Locale) -> bool:
    wanted = name.lower().rstrip(".")
    return any(locale.day(i).lower().startswith(wanted) for i in range(7)) and len(wanted) >= 2
