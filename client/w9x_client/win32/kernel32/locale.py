"""Locales: identifiers, regional settings, and formatting by them (SDK winnls.h). The values are in `locale_data`."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import BOOL, DWORD, FLAGS, INT, IS_WIDE, LPCTSTR, LPSYSTEMTIME, LPTSTR, PTR, SYSTEMTIME, WORD

from .codepage import call_with_texts
from .dll import kernel32
from .locale_data import LOCALES, Locale, find_locale, group_digits, quoted_picture, resolve_lcid

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

LOCALE_NOUSEROVERRIDE, LOCALE_USE_CP_ACP, LOCALE_RETURN_NUMBER = 0x8000_0000, 0x4000_0000, 0x2000_0000
_INTEGER_TYPES = {
    0x01, 0x05, 0x09, 0x0A, 0x0B, 0x0D, 0x11, 0x12, 0x19, 0x1A, 0x1B, 0x1C, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27,
    0x50 + 2, 0x53, 0x54, 0x55, 0x56, 0x57, 0x1004, 0x1005, 0x1009, 0x100A, 0x100B, 0x100C, 0x100D, 0x1010, 0x1011,
}  # fmt: skip
"""LCTYPEs whose value LOCALE_RETURN_NUMBER may ask for as a DWORD."""
_HEX_TYPES = {0x01, 0x09}
_USER_TYPES = {
    0x0C, 0x0D, 0x0E, 0x0F, 0x10, 0x11, 0x12, 0x14, 0x16, 0x17, 0x18, 0x19, 0x1B, 0x1C, 0x1D, 0x1E, 0x1F, 0x20, 0x23,
    0x28, 0x29,
    0x50, 0x51, 0x1003, 0x1005, 0x1009, 0x100A, 0x100C, 0x100D, 0x1010, 0x13,
}  # fmt: skip
"""LCTYPEs that SetLocaleInfo may change."""


class LocaleState:
    """Regional settings the process has changed (SetLocaleInfo; kept for this process)."""

    def __init__(self, process: Process) -> None:
        self.overrides: dict[int, str] = {}


def locale_of(t: Task, lcid: int) -> Locale:
    """The locale for ``lcid``; WinError(ERROR_INVALID_PARAMETER) where it is not installed."""
    found = find_locale(lcid, t.process.lcid)
    if found is None:
        raise WinError(Err.INVALID_PARAMETER)
    return found


def locale_text(t: Task, locale: Locale, lctype: int) -> str:
    """A setting with the user's changes applied; WinError(ERROR_INVALID_FLAGS) for an LCTYPE nobody defines."""
    plain = lctype & 0xFFFF
    if not lctype & LOCALE_NOUSEROVERRIDE and locale.lcid == t.process.lcid:
        changed = t.process.state(LocaleState).overrides.get(plain)
        if changed is not None:
            return changed
    text = locale.info(plain)
    if text is None:
        raise WinError(Err.INVALID_FLAGS)
    return text


def _put(buffer: LPTSTR, capacity: int, text: str) -> int:
    """Answer in the style of GetLocaleInfo: characters with terminator, or ERROR_INSUFFICIENT_BUFFER."""
    needed = buffer.length(text) + 1
    if capacity == 0:
        return needed
    if capacity < 0 or not buffer:
        raise WinError(Err.INVALID_PARAMETER)
    if capacity < needed:
        raise WinError(Err.INSUFFICIENT_BUFFER)
    buffer.put(text, capacity)
    return needed


@kernel32.api(aw=True)
def GetLocaleInfo(t: Task, Locale: DWORD, LCType: FLAGS, lpLCData: LPTSTR, cchData: INT, W: IS_WIDE) -> INT:
    """One regional setting, as text or (LOCALE_RETURN_NUMBER) as a number."""
    locale = locale_of(t, Locale)
    text = locale_text(t, locale, LCType)
    if LCType & LOCALE_RETURN_NUMBER:
        if LCType & 0xFFFF not in _INTEGER_TYPES:
            raise WinError(Err.INVALID_FLAGS)
        count = 2 if W else 4
        if cchData:
            if cchData < count:
                raise WinError(Err.INSUFFICIENT_BUFFER)
            t.mem.put32(lpLCData.addr, int(text, 16 if LCType & 0xFFFF in _HEX_TYPES else 10))
        return count
    return _put(lpLCData, cchData, text)


@kernel32.partial("the change lasts for this process only", aw=True)
def SetLocaleInfo(t: Task, Locale: DWORD, LCType: FLAGS, lpLCData: LPCTSTR) -> BOOL:
    """Change a user setting of the current locale."""
    locale_of(t, Locale)
    if lpLCData is None:
        raise WinError(Err.INVALID_PARAMETER)
    plain = LCType & 0xFFFF
    if plain not in _USER_TYPES:
        raise WinError(Err.INVALID_FLAGS)
    t.process.state(LocaleState).overrides[plain] = lpLCData
    return True


@kernel32.api()
def GetUserDefaultLCID(t: Task) -> DWORD:
    """The user's locale."""
    return t.process.lcid


@kernel32.api()
def GetSystemDefaultLCID(t: Task) -> DWORD:
    """The system's locale (Windows 9x has one user)."""
    return t.process.lcid


@kernel32.api()
def GetUserDefaultLangID(t: Task) -> WORD:
    """The user's language."""
    return t.process.lcid & 0xFFFF


@kernel32.api()
def GetSystemDefaultLangID(t: Task) -> WORD:
    """The system's language."""
    return t.process.lcid & 0xFFFF


class ThreadLocales:
    """SetThreadLocale's values by thread id."""

    def __init__(self, process: Process) -> None:
        self.by_thread: dict[int, int] = {}


@kernel32.api()
def GetThreadLocale(t: Task) -> DWORD:
    """The thread's locale."""
    return t.process.state(ThreadLocales).by_thread.get(t.id, t.process.lcid)


@kernel32.api()
def SetThreadLocale(t: Task, Locale: DWORD) -> BOOL:
    """Change the thread's locale."""
    lcid = resolve_lcid(Locale, t.process.lcid)
    locale_of(t, lcid)
    t.process.state(ThreadLocales).by_thread[t.id] = lcid
    return True


@kernel32.api()
def IsValidLocale(t: Task, Locale: DWORD, dwFlags: FLAGS) -> BOOL:
    """LCID_INSTALLED (1) or LCID_SUPPORTED (2)."""
    return dwFlags in (1, 2) and Locale & 0xFFFF in LOCALES


@kernel32.api()
def ConvertDefaultLocale(t: Task, Locale: DWORD) -> DWORD:
    """A pseudo locale or bare language becomes a real locale; anything else stays as it is."""
    return resolve_lcid(Locale, t.process.lcid)


@kernel32.api()
async def EnumSystemLocalesA(t: Task, lpLocaleEnumProc: PTR, dwFlags: FLAGS) -> BOOL:
    """Call back with every installed locale as eight hexadecimal digits."""
    return await _enum_locales(t, lpLocaleEnumProc, dwFlags, False)


@kernel32.api(wide=True)
async def EnumSystemLocalesW(t: Task, lpLocaleEnumProc: PTR, dwFlags: FLAGS) -> BOOL:
    """Call back with every installed locale as eight hexadecimal digits."""
    return await _enum_locales(t, lpLocaleEnumProc, dwFlags, True)


async def _enum_locales(t: Task, callback: int, flags: int, wide: bool) -> bool:
    if not callback:
        raise WinError(Err.INVALID_PARAMETER)
    if flags not in (1, 2, 4):
        raise WinError(Err.INVALID_FLAGS)
    await call_with_texts(t, callback, [f"{lcid:08x}" for lcid in sorted(LOCALES)], wide)
    return True


async def _enum_pictures(t: Task, callback: int, lcid: int, pictures: list[str], wide: bool) -> bool:
    if not callback:
        raise WinError(Err.INVALID_PARAMETER)
    await call_with_texts(t, callback, pictures, wide)
    return True


def _date_pictures(locale: Locale, flags: int) -> list[str]:
    return [locale.long_date if flags & DATE_LONGDATE else locale.short_date]


@kernel32.partial("only the locale's default picture")
async def EnumDateFormatsA(t: Task, lpDateFmtEnumProc: PTR, Locale: DWORD, dwFlags: FLAGS) -> BOOL:
    """Call back with the date pictures of a locale."""
    return await _enum_pictures(t, lpDateFmtEnumProc, Locale, _date_pictures(locale_of(t, Locale), dwFlags), False)


@kernel32.partial("only the locale's default picture", wide=True)
async def EnumDateFormatsW(t: Task, lpDateFmtEnumProc: PTR, Locale: DWORD, dwFlags: FLAGS) -> BOOL:
    """Call back with the date pictures of a locale."""
    return await _enum_pictures(t, lpDateFmtEnumProc, Locale, _date_pictures(locale_of(t, Locale), dwFlags), True)


@kernel32.partial("only the locale's default picture")
async def EnumTimeFormatsA(t: Task, lpTimeFmtEnumProc: PTR, Locale: DWORD, dwFlags: FLAGS) -> BOOL:
    """Call back with the time pictures of a locale."""
    return await _enum_pictures(t, lpTimeFmtEnumProc, Locale, [locale_of(t, Locale).time], False)


@kernel32.partial("only the locale's default picture", wide=True)
async def EnumTimeFormatsW(t: Task, lpTimeFmtEnumProc: PTR, Locale: DWORD, dwFlags: FLAGS) -> BOOL:
    """Call back with the time pictures of a locale."""
    return await _enum_pictures(t, lpTimeFmtEnumProc, Locale, [locale_of(t, Locale).time], True)


DATE_SHORTDATE, DATE_LONGDATE, DATE_USE_ALT_CALENDAR = 1, 2, 4
TIME_NOMINUTESORSECONDS, TIME_NOSECONDS, TIME_NOTIMEMARKER, TIME_FORCE24HOURFORMAT = 1, 2, 4, 8


def _valid_date(when: SYSTEMTIME) -> datetime.date:
    """The date; WinError(ERROR_INVALID_PARAMETER) where the calendar has no such day. wDayOfWeek is ignored."""
    try:
        return datetime.date(when.wYear, when.wMonth, when.wDay)
    except ValueError:
        raise WinError(Err.INVALID_PARAMETER) from None


@kernel32.api(aw=True)
def GetDateFormat(
    t: Task, Locale: DWORD, dwFlags: FLAGS, lpDate: LPSYSTEMTIME, lpFormat: LPCTSTR, lpDateStr: LPTSTR, cchDate: INT
) -> INT:
    """A date as text, by the locale's picture or the caller's."""
    locale = locale_of(t, Locale)
    flags = dwFlags & ~(LOCALE_NOUSEROVERRIDE | LOCALE_USE_CP_ACP)
    if flags & ~7 or (lpFormat is not None and flags & 3) or flags & 3 == 3:
        raise WinError(Err.INVALID_FLAGS)
    date = _valid_date(lpDate) if lpDate is not None else datetime.date.today()  # noqa: DTZ011  # the guest's local date
    picture = lpFormat
    if picture is None:
        picture = locale_text(t, locale, (0x20 if flags & DATE_LONGDATE else 0x1F) | dwFlags & LOCALE_NOUSEROVERRIDE)
    return _put(lpDateStr, cchDate, format_date(locale, date, picture))


def format_date(locale: Locale, date: datetime.date, picture: str) -> str:
    """Expand a date picture (d, dd, ddd, dddd, M..., y, yy, yyyy, gg)."""

    def day(count: int) -> str:
        if count <= 2:
            return f"{date.day:0{count}d}"
        return locale.day(date.weekday(), short=count == 3)

    def month(count: int) -> str:
        if count <= 2:
            return f"{date.month:0{count}d}"
        return locale.month(date.month - 1, short=count == 3)

    def year(count: int) -> str:
        return str(date.year) if count > 2 else f"{date.year % 100:0{count}d}"

    return quoted_picture(picture, {"d": day, "M": month, "y": year, "g": lambda count: ""})


@kernel32.api(aw=True)
def GetTimeFormat(
    t: Task, Locale: DWORD, dwFlags: FLAGS, lpTime: LPSYSTEMTIME, lpFormat: LPCTSTR, lpTimeStr: LPTSTR, cchTime: INT
) -> INT:
    """A time of day as text, by the locale's picture or the caller's."""
    locale = locale_of(t, Locale)
    flags = dwFlags & ~(LOCALE_NOUSEROVERRIDE | LOCALE_USE_CP_ACP)
    if flags & ~15:
        raise WinError(Err.INVALID_FLAGS)
    if lpTime is not None:
        clock = (lpTime.wHour, lpTime.wMinute, lpTime.wSecond)
        if clock[0] > 23 or clock[1] > 59 or clock[2] > 59:
            raise WinError(Err.INVALID_PARAMETER)
    else:
        now = datetime.datetime.now()  # noqa: DTZ005  # the guest's local time
        clock = (now.hour, now.minute, now.second)
    picture = lpFormat
    if picture is None:
        picture = locale_text(t, locale, 0x1003 | dwFlags & LOCALE_NOUSEROVERRIDE)
    marks = (locale_text(t, locale, 0x28), locale_text(t, locale, 0x29))
    return _put(lpTimeStr, cchTime, format_time(clock, picture, flags, marks))


def format_time(clock: tuple[int, int, int], picture: str, flags: int, marks: tuple[str, str]) -> str:
    """Expand a time picture (h, hh, H, HH, m, mm, s, ss, t, tt) under the TIME_* ``flags``."""
    hour, minute, second = clock
    mark = marks[hour >= 12]
    if flags & (TIME_NOSECONDS | TIME_NOMINUTESORSECONDS):
        picture = _drop_field(picture, "s")
    if flags & TIME_NOMINUTESORSECONDS:
        picture = _drop_field(picture, "m")
    if flags & TIME_NOTIMEMARKER:
        picture = _drop_field(picture, "t")

    def half_day(count: int) -> str:
        if flags & TIME_FORCE24HOURFORMAT:
            return full_day(count)
        return f"{hour % 12 or 12:0{min(count, 2)}d}"

    def full_day(count: int) -> str:
        return f"{hour:0{min(count, 2)}d}"

    return quoted_picture(
        picture,
        {
            "h": half_day,
            "H": full_day,
            "m": lambda count: f"{minute:0{min(count, 2)}d}",
            "s": lambda count: f"{second:0{min(count, 2)}d}",
            "t": lambda count: mark[:1] if count == 1 else mark,
        },
    )


def _drop_field(picture: str, letter: str) -> str:
    """Remove a field together with the separator before it (TIME_NOSECONDS: "h:mm:ss tt" becomes "h:mm tt")."""
    out: list[str] = []
    quoted = False
    separator = 0
    for char in picture:
        if char == "'":
            quoted = not quoted
        if char == letter and not quoted:
            if separator:
                del out[-separator:]
                separator = 0
            continue
        if not quoted and char not in "hHmst'":
            separator += 1
        elif char != letter:
            separator = 0
        out.append(char)
    return "".join(out).strip()


class NumberFormat:
    """What GetNumberFormat needs to know, from the locale or from the caller's NUMBERFMT or CURRENCYFMT."""

    def __init__(self, digits: int, leading: bool, grouping: str, decimal: str, thousand: str, negative: int) -> None:
        if digits > 9 or negative > 15:
            raise WinError(Err.INVALID_PARAMETER)
        self.digits, self.leading, self.grouping = digits, leading, grouping
        self.decimal, self.thousand, self.negative = decimal, thousand, negative

    def magnitude(self, value: str) -> tuple[str, bool]:
        """The grouped, rounded digits of ``value`` and whether it is negative; WinError for anything but a number."""
        negative = value.startswith("-")
        whole, _, fraction = value[negative:].partition(".")
        if not (whole + fraction).isascii() or not (whole + fraction).isdigit():
            raise WinError(Err.INVALID_PARAMETER)
        scaled = int((whole or "0") + fraction[: self.digits].ljust(self.digits, "0"))
        if fraction[self.digits : self.digits + 1] >= "5":
            scaled += 1
        text = str(scaled).rjust(self.digits + 1, "0")
        integer, decimals = (text[: -self.digits], text[-self.digits :]) if self.digits else (text, "")
        integer = group_digits(integer, self.grouping, self.thousand)
        if not self.leading and integer == "0" and decimals:
            integer = ""
        return integer + (self.decimal + decimals if decimals else ""), negative and scaled != 0


_NEGATIVE_NUMBER = ("({0})", "-{0}", "- {0}", "{0}-", "{0} -")
_POSITIVE_CURRENCY = ("{1}{0}", "{0}{1}", "{1} {0}", "{0} {1}")
_NEGATIVE_CURRENCY = (
    "({1}{0})", "-{1}{0}", "{1}-{0}", "{1}{0}-", "({0}{1})", "-{0}{1}", "{0}-{1}", "{0}{1}-",
    "-{0} {1}", "-{1} {0}", "{0} {1}-", "{1} {0}-", "{1} -{0}", "{0}- {1}", "({1} {0})", "({0} {1})",
)  # fmt: skip
"""SDK: LOCALE_INEGNUMBER, LOCALE_ICURRENCY, LOCALE_INEGCURR; {0} the number, {1} the symbol."""


def _guest_format(t: Task, address: int, wide: bool, currency: bool) -> tuple[NumberFormat, int, str]:
    """A NUMBERFMT (or CURRENCYFMT with PositiveOrder and symbol after it) in guest memory."""
    mem = t.mem

    def text(offset: int) -> str:
        pointer = mem.u32(address + offset)
        if not pointer:
            raise WinError(Err.INVALID_PARAMETER)
        return mem.wide(pointer) if wide else t.ansi(pointer)

    size = mem.u32(address + 8)
    grouping = f"{size};0" if 0 < size <= 9 else "3;2;0" if size == 32 else "0"
    fmt = NumberFormat(mem.u32(address), mem.u32(address + 4) != 0, grouping, text(12), text(16), mem.u32(address + 20))
    if not currency:
        return fmt, 0, ""
    return fmt, mem.u32(address + 24), text(28)


def _setting(t: Task, locale: Locale, flags: int, lctype: int) -> str:
    return locale_text(t, locale, lctype | flags & LOCALE_NOUSEROVERRIDE)


@kernel32.api(aw=True)
def GetNumberFormat(
    t: Task,
    Locale: DWORD,
    dwFlags: FLAGS,
    lpValue: LPCTSTR,
    lpFormat: PTR,
    lpNumberStr: LPTSTR,
    cchNumber: INT,
    W: IS_WIDE,
) -> INT:
    """A decimal number as the locale writes it."""
    locale = locale_of(t, Locale)
    if lpValue is None:
        raise WinError(Err.INVALID_PARAMETER)
    if lpFormat:
        if dwFlags:
            raise WinError(Err.INVALID_FLAGS)
        fmt, _, _ = _guest_format(t, lpFormat, W, False)
    else:
        get = [_setting(t, locale, dwFlags, c) for c in (0x11, 0x12, 0x10, 0x0E, 0x0F, 0x1010)]
        fmt = NumberFormat(int(get[0]), get[1] == "1", get[2], get[3], get[4], int(get[5]))
    number, negative = fmt.magnitude(lpValue)
    if negative and fmt.negative >= len(_NEGATIVE_NUMBER):
        raise WinError(Err.INVALID_PARAMETER)
    return _put(lpNumberStr, cchNumber, _NEGATIVE_NUMBER[fmt.negative].format(number) if negative else number)


@kernel32.api(aw=True)
def GetCurrencyFormat(
    t: Task,
    Locale: DWORD,
    dwFlags: FLAGS,
    lpValue: LPCTSTR,
    lpFormat: PTR,
    lpCurrencyStr: LPTSTR,
    cchCurrency: INT,
    W: IS_WIDE,
) -> INT:
    """An amount of money as the locale writes it."""
    locale = locale_of(t, Locale)
    if lpValue is None:
        raise WinError(Err.INVALID_PARAMETER)
    if lpFormat:
        if dwFlags:
            raise WinError(Err.INVALID_FLAGS)
        fmt, positive, symbol = _guest_format(t, lpFormat, W, True)
    else:
        get = [_setting(t, locale, dwFlags, c) for c in (0x19, 0x12, 0x18, 0x16, 0x17, 0x1C, 0x1B, 0x14)]
        fmt = NumberFormat(int(get[0]), get[1] == "1", get[2], get[3], get[4], int(get[5]))
        positive, symbol = int(get[6]), get[7]
    number, negative = fmt.magnitude(lpValue)
    if positive >= len(_POSITIVE_CURRENCY):
        raise WinError(Err.INVALID_PARAMETER)
    picture = _NEGATIVE_CURRENCY[fmt.negative] if negative else _POSITIVE_CURRENCY[positive]
    return _put(lpCurrencyStr, cchCurrency, picture.format(number, symbol))


_LANGUAGE_NAMES = {
    0x0000: "Language Neutral", 0x0401: "Arabic (Saudi Arabia)", 0x0404: "Chinese (Taiwan)", 0x0804: "Chinese (PRC)",
    0x0405: "Czech",
    0x0406: "Danish", 0x0407: "German (Standard)", 0x0807: "German (Switzerland)", 0x0C07: "German (Austria)",
    0x0408: "Greek",
    0x0409: "English (United States)", 0x0809: "English (United Kingdom)", 0x0C09: "English (Australia)",
    0x1009: "English (Canada)",
    0x040A: "Spanish (Traditional Sort)", 0x080A: "Spanish (Mexico)", 0x0C0A: "Spanish (Modern Sort)",
    0x040B: "Finnish",
    0x040C: "French (Standard)", 0x080C: "French (Belgium)", 0x0C0C: "French (Canada)", 0x100C: "French (Switzerland)",
    0x040D: "Hebrew", 0x040E: "Hungarian", 0x040F: "Icelandic", 0x0410: "Italian (Standard)",
    0x0810: "Italian (Switzerland)",
    0x0411: "Japanese", 0x0412: "Korean", 0x0413: "Dutch (Netherlands)", 0x0813: "Dutch (Belgium)",
    0x0414: "Norwegian (Bokmal)",
    0x0814: "Norwegian (Nynorsk)", 0x0415: "Polish", 0x0416: "Portuguese (Brazil)", 0x0816: "Portuguese (Portugal)",
    0x0418: "Romanian", 0x0419: "Russian", 0x041A: "Croatian", 0x041B: "Slovak", 0x041D: "Swedish", 0x041E: "Thai",
    0x041F: "Turkish",
    0x0422: "Ukrainian", 0x0424: "Slovenian",
}  # fmt: skip


@kernel32.api(aw=True)
def VerLanguageName(t: Task, wLang: DWORD, szLang: LPTSTR, nSize: DWORD) -> DWORD:
    """The English name of a version resource's language; an unknown one is "Language Neutral"."""
    return szLang.put(_LANGUAGE_NAMES.get(wLang & 0xFFFF, _LANGUAGE_NAMES[0]), nSize)
