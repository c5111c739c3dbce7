"""The Var<Type>From<Type> functions and times (SDK oleauto.h).

All of them share two shapes, so they are declared from the tables of types below: the parameter types stand there once.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Annotated, Any

from w9x_client.abi.types import (
    BYTE,
    DOUBLE,
    DWORD,
    FLOAT,
    INT,
    LONG,
    LONGLONG,
    LPSYSTEMTIME,
    LPWORD,
    PTR,
    SHORT,
    WORD,
    Arg,
    Ret,
)

from . import bstr
from .dll import oleaut32
from .hresult import HRESULT, result
from .variant import locale_for, write_value
from .variant_data import (
    S_OK,
    VARIANT_ALPHABOOL,
    VT_BOOL,
    VT_BSTR,
    VT_CY,
    VT_DATE,
    VT_I1,
    VT_I2,
    VT_I4,
    VT_R4,
    VT_R8,
    VT_UI1,
    VT_UI2,
    VT_UI4,
    HResult,
    convert,
    date_from_days,
    days_from_date,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from w9x_client.process import Task

_CHAR = Annotated[int, Arg("I", "(({0} & 0xff) ^ 0x80) - 0x80", "dec"), Ret()]
_TYPES: dict[str, tuple[int, Any]] = {
    "UI1": (VT_UI1, BYTE), "I1": (VT_I1, _CHAR), "I2": (VT_I2, SHORT), "UI2": (VT_UI2, WORD), "I4": (VT_I4, LONG),
    "UI4": (VT_UI4, DWORD),
    "R4": (VT_R4, FLOAT), "R8": (VT_R8, DOUBLE), "Cy": (VT_CY, LONGLONG), "Date": (VT_DATE, DOUBLE), "Bool": (VT_BOOL,
    SHORT),
    "Str": (VT_BSTR, PTR),
}  # fmt: skip
"""Name inside the function's name -> type, and how a value of it is passed."""


def _body(target: int, source: int, with_locale: bool) -> Callable[..., int]:
    def work(t: Task, value: Any, lcid: int, flags: int, out: int) -> int:
        def run() -> None:
            given = value
            if source == VT_BSTR:
                given = t.mem.wide(value) if value else ""  # these take any zero-terminated string
            elif source == VT_BOOL:
                given = -1 if value else 0
            # VarBstrFromBool says "True" where VariantChangeType says "-1" (Automation reference).
            write_value(t, out, target, convert(given, source, target, locale_for(t, lcid), flags | VARIANT_ALPHABOOL))

        return result(run)

    if with_locale:

        def localized(t: Task, value: Any, lcid: Any, dwFlags: Any, pOut: Any) -> int:
            return work(t, value, lcid, dwFlags, pOut)

        localized.__annotations__ = {
            "value": _passed[source], "lcid": DWORD, "dwFlags": DWORD, "pOut": PTR, "return": HRESULT,
        }  # fmt: skip
        return localized

    def plain(t: Task, value: Any, pOut: Any) -> int:
        return work(t, value, 0, 0, pOut)

    plain.__annotations__ = {"value": _passed[source], "pOut": PTR, "return": HRESULT}
    return plain


_passed = dict(_TYPES.values())


def _declare_all() -> None:
    for target_name, (target, _) in _TYPES.items():
        for source_name, (source, _) in _TYPES.items():
            if target == source:
                continue
            name = f"Var{'Bstr' if target_name == 'Str' else target_name}From{source_name}"
            oleaut32.api(name=name)(_body(target, source, VT_BSTR in (target, source)))


_declare_all()


@oleaut32.api()
def SystemTimeToVariantTime(t: Task, lpSystemTime: LPSYSTEMTIME, pvtime: PTR) -> INT:
    """A SYSTEMTIME as days since 1899-12-30; 0 for a date that is none."""
    if lpSystemTime is None:
        return 0
    when = lpSystemTime
    year = when.wYear + (2000 if when.wYear < 30 else 1900 if when.wYear < 100 else 0)
    try:
        moment = datetime.datetime(year, when.wMonth, when.wDay, when.wHour, when.wMinute, when.wSecond)  # noqa: DTZ001  # OLE dates have no zone
    except ValueError:
        return 0
    t.mem.putf64(pvtime, days_from_date(moment))
    return 1


@oleaut32.api()
def VariantTimeToSystemTime(t: Task, vtime: DOUBLE, lpSystemTime: LPSYSTEMTIME) -> INT:
    """Days since 1899-12-30 as a SYSTEMTIME; 0 outside the years 100 to 9999."""
    if lpSystemTime is None:
        return 0
    try:
        when = date_from_days(vtime)
    except HResult:
        return 0
    target = lpSystemTime
    target.wYear, target.wMonth, target.wDay = when.year, when.month, when.day
    target.wDayOfWeek = (when.weekday() + 1) % 7
    target.wHour, target.wMinute, target.wSecond, target.wMilliseconds = when.hour, when.minute, when.second, 0
    return 1


@oleaut32.api()
def DosDateTimeToVariantTime(t: Task, wDosDate: WORD, wDosTime: WORD, pvtime: PTR) -> INT:
    """A DOS date and time (years from 1980, two-second steps); 0 for one that is none."""
    try:
        moment = datetime.datetime(  # noqa: DTZ001  # OLE dates have no zone
            1980 + (wDosDate >> 9),
            wDosDate >> 5 & 15,
            wDosDate & 31,
            wDosTime >> 11,
            wDosTime >> 5 & 63,
            (wDosTime & 31) * 2,
        )
    except ValueError:
        return 0
    t.mem.putf64(pvtime, days_from_date(moment))
    return 1


@oleaut32.api()
def VariantTimeToDosDateTime(t: Task, vtime: DOUBLE, pwDosDate: LPWORD, pwDosTime: LPWORD) -> INT:
    """Days since 1899-12-30 as a DOS date and time; 0 outside 1980 to 2099."""
    try:
        when = date_from_days(vtime)
    except HResult:
        return 0
    if not 1980 <= when.year <= 2099:
        return 0
    pwDosDate.set((when.year - 1980) << 9 | when.month << 5 | when.day)
    pwDosTime.set(when.hour << 11 | when.minute << 5 | when.second // 2)
    return 1


@oleaut32.api()
def VarBstrCat(t: Task, bstrLeft: PTR, bstrRight: PTR, pbstrResult: PTR) -> HRESULT:
    """Two BSTRs one after the other, as a new one."""
    left = t.mem.read(bstrLeft, bstr.byte_length(t, bstrLeft)) if bstrLeft else b""
    right = t.mem.read(bstrRight, bstr.byte_length(t, bstrRight)) if bstrRight else b""
    t.mem.put32(pbstrResult, bstr.alloc(t.process, left + right))
    return S_OK
