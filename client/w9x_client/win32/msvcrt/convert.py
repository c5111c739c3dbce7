"""Numbers to text and back (stdlib.h): atoi, strtol, strtod, _itoa, _ecvt and their wide twins."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

from w9x_client.abi.types import DOUBLE, INT, LONGLONG, PTR, UINT, Arg

from . import format_number, state
from .dll import msvcrt
from .number_text import MAX_TEXT, digits_of, parse_integer, parse_real, real_text_is_zero
from .state import LONG64
from .stdio_format import unit_bytes, units

if TYPE_CHECKING:
    from w9x_client.process import Task

NUMBER = Annotated[str, Arg("I", f"t.mem.cstr({{0}}, {MAX_TEXT}).decode('latin-1')", "str")]
WNUMBER = Annotated[str, Arg("I", f"units(t.mem.wcstr({{0}}, {MAX_TEXT}))", "str", {"units": units})]

_LONG_MAX, _LONG_MIN = 0x7FFFFFFF, -0x80000000


# --- text to integers -------------------------------------------------------------
def _wrapped(text: str, bits: int) -> int:
    value, _ = parse_integer(text, 10)
    return (value or 0) & (1 << bits) - 1


@msvcrt.api()
def atoi(t: Task, string: NUMBER) -> INT:
    """Decimal; overflow wraps."""
    return _wrapped(string, 32)


msvcrt.alias("atol", "atoi")


@msvcrt.api()
def _atoi64(t: Task, string: NUMBER) -> LONGLONG:
    """Decimal, 64 bits; overflow wraps."""
    return _wrapped(string, 64)


@msvcrt.api()
def _wtoi(t: Task, string: WNUMBER) -> INT:
    """Decimal; overflow wraps."""
    return _wrapped(string, 32)


msvcrt.alias("_wtol", "_wtoi")


@msvcrt.api()
def _wtoi64(t: Task, string: WNUMBER) -> LONGLONG:
    """Decimal, 64 bits; overflow wraps."""
    return _wrapped(string, 64)


def _strtox(
    t: Task, text: str, address: int, endptr: int, base: int, low: int, high: int, negate: bool, unit: int
) -> int:
    """The body of the strtol family. ``negate``: unsigned functions accept '-' and negate in their type."""
    if base != 0 and not 2 <= base <= 36:
        if endptr:
            t.mem.put32(endptr, address)
        return 0
    value, length = parse_integer(text, base)
    if endptr:
        t.mem.put32(endptr, address + length * unit)
    if value is None:
        return 0
    if negate:
        if abs(value) > high:
            state.set_errno(t, state.ERANGE)
            return high if value > 0 else -high
        return value
    if not low <= value <= high:
        state.set_errno(t, state.ERANGE)
        return high if value > 0 else low
    return value


def _narrow(t: Task, address: int) -> str:
    return t.mem.cstr(address, MAX_TEXT).decode("latin-1")


def _wide(t: Task, address: int) -> str:
    return units(t.mem.wcstr(address, MAX_TEXT))


@msvcrt.api()
def strtol(t: Task, nptr: PTR, endptr: PTR, base: INT) -> INT:
    """Signed; ERANGE and the limit on overflow."""
    return _strtox(t, _narrow(t, nptr), nptr, endptr, base, _LONG_MIN, _LONG_MAX, False, 1)


@msvcrt.api()
def strtoul(t: Task, nptr: PTR, endptr: PTR, base: INT) -> UINT:
    """Unsigned; a minus sign negates modulo 2**32."""
    return _strtox(t, _narrow(t, nptr), nptr, endptr, base, 0, 0xFFFFFFFF, True, 1)


@msvcrt.api()
def wcstol(t: Task, nptr: PTR, endptr: PTR, base: INT) -> INT:
    """`strtol` of a wide string."""
    return _strtox(t, _wide(t, nptr), nptr, endptr, base, _LONG_MIN, _LONG_MAX, False, 2)


@msvcrt.api()
def wcstoul(t: Task, nptr: PTR, endptr: PTR, base: INT) -> UINT:
    """`strtoul` of a wide string."""
    return _strtox(t, _wide(t, nptr), nptr, endptr, base, 0, 0xFFFFFFFF, True, 2)


@msvcrt.not_on_9x()
def _strtoi64(t: Task, nptr: PTR, endptr: PTR, base: INT) -> LONGLONG:
    """`strtol` in 64 bits."""
    return _strtox(t, _narrow(t, nptr), nptr, endptr, base, -(1 << 63), (1 << 63) - 1, False, 1)


@msvcrt.not_on_9x()
def _strtoui64(t: Task, nptr: PTR, endptr: PTR, base: INT) -> LONGLONG:
    """`strtoul` in 64 bits."""
    return _strtox(t, _narrow(t, nptr), nptr, endptr, base, 0, (1 << 64) - 1, True, 1)


@msvcrt.not_on_9x()
def _wcstoi64(t: Task, nptr: PTR, endptr: PTR, base: INT) -> LONGLONG:
    """`_strtoi64` of a wide string."""
    return _strtox(t, _wide(t, nptr), nptr, endptr, base, -(1 << 63), (1 << 63) - 1, False, 2)


@msvcrt.not_on_9x()
def _wcstoui64(t: Task, nptr: PTR, endptr: PTR, base: INT) -> LONGLONG:
    """`_strtoui64` of a wide string."""
    return _strtox(t, _wide(t, nptr), nptr, endptr, base, 0, (1 << 64) - 1, True, 2)


# --- text to doubles --------------------------------------------------------------
def _real(t: Task, text: str) -> tuple[float, int]:
    value, length = parse_real(text)
    if math.isinf(value) or (value == 0.0 and length and not real_text_is_zero(text[:length])):
        state.set_errno(t, state.ERANGE)
    return value, length


@msvcrt.api()
def atof(t: Task, string: NUMBER) -> DOUBLE:
    """The number at the start of a string, 0 when there is none."""
    return _real(t, string)[0]


@msvcrt.api()
def strtod(t: Task, nptr: PTR, endptr: PTR) -> DOUBLE:
    """Correctly rounded; HUGE_VAL or 0 with ERANGE out of range. No hexadecimal, "inf" or "nan" (C89)."""
    value, length = _real(t, _narrow(t, nptr))
    if endptr:
        t.mem.put32(endptr, nptr + length)
    return value


@msvcrt.api()
def wcstod(t: Task, nptr: PTR, endptr: PTR) -> DOUBLE:
    """`strtod` of a wide string."""
    value, length = _real(t, _wide(t, nptr))
    if endptr:
        t.mem.put32(endptr, nptr + 2 * length)
    return value


@msvcrt.not_on_9x()
def _wtof(t: Task, string: WNUMBER) -> DOUBLE:
    """`atof` of a wide string."""
    return _real(t, string)[0]


# --- integers to text -------------------------------------------------------------
def integer_text(value: int, radix: int, bits: int, signed: bool) -> str:
    """The text of _itoa and its relatives; only radix 10 shows a sign."""
    value &= (1 << bits) - 1
    if not 2 <= radix <= 36:
        return ""
    if signed and radix == 10 and value >> bits - 1:
        return "-" + str((1 << bits) - value)
    return digits_of(value, radix)


def _put(t: Task, address: int, text: str, wide: bool) -> int:
    t.mem.write(address, unit_bytes(text + "\0") if wide else text.encode("latin-1") + b"\0")
    return address


@msvcrt.api()
def _itoa(t: Task, value: INT, string: PTR, radix: INT) -> PTR:
    """Integer to text in radix 2..36."""
    return _put(t, string, integer_text(value, radix, 32, True), False)


msvcrt.alias("_ltoa", "_itoa")


@msvcrt.api()
def _ultoa(t: Task, value: UINT, string: PTR, radix: INT) -> PTR:
    """Unsigned integer to text."""
    return _put(t, string, integer_text(value, radix, 32, False), False)


@msvcrt.api()
def _i64toa(t: Task, value: LONG64, string: PTR, radix: INT) -> PTR:
    """64-bit integer to text."""
    return _put(t, string, integer_text(value, radix, 64, True), False)


@msvcrt.api()
def _ui64toa(t: Task, value: LONG64, string: PTR, radix: INT) -> PTR:
    """Unsigned 64-bit integer to text."""
    return _put(t, string, integer_text(value, radix, 64, False), False)


@msvcrt.api()
def _itow(t: Task, value: INT, string: PTR, radix: INT) -> PTR:
    """Integer to wide text."""
    return _put(t, string, integer_text(value, radix, 32, True), True)


msvcrt.alias("_ltow", "_itow")


@msvcrt.api()
def _ultow(t: Task, value: UINT, string: PTR, radix: INT) -> PTR:
    """Unsigned integer to wide text."""
    return _put(t, string, integer_text(value, radix, 32, False), True)


@msvcrt.api()
def _i64tow(t: Task, value: LONG64, string: PTR, radix: INT) -> PTR:
    """64-bit integer to wide text."""
    return _put(t, string, integer_text(value, radix, 64, True), True)


@msvcrt.api()
def _ui64tow(t: Task, value: LONG64, string: PTR, radix: INT) -> PTR:
    """Unsigned 64-bit integer to wide text."""
    return _put(t, string, integer_text(value, radix, 64, False), True)


# --- doubles to text --------------------------------------------------------------
_CVT_DIGITS = 309


def _static(t: Task, text: str) -> int:
    return _put(t, state.thread(t).address + state.CVT, text[:_CVT_DIGITS], False)


@msvcrt.api()
def _ecvt(t: Task, value: DOUBLE, count: INT, dec: PTR, sign: PTR) -> PTR:
    """``count`` significant digits without a point, in a static buffer; ``*dec`` is where the point goes."""
    negative, text, point = format_number.digits(value)
    text, point = format_number.round_digits(text, point, max(0, min(count, _CVT_DIGITS)))
    t.mem.put32(dec, point)
    t.mem.put32(sign, int(negative))
    return _static(t, text[: max(count, 0)])


@msvcrt.api()
def _fcvt(t: Task, value: DOUBLE, count: INT, dec: PTR, sign: PTR) -> PTR:
    """Digits up to ``count`` places after the point, in a static buffer."""
    negative, text, point = format_number.digits(value)
    text, point = format_number.round_digits(text, point, min(point + count, _CVT_DIGITS))
    t.mem.put32(dec, point)
    t.mem.put32(sign, int(negative))
    return _static(t, text)


@msvcrt.api()
def _gcvt(t: Task, value: DOUBLE, digits: INT, buffer: PTR) -> PTR:
    """Like %g with ``digits`` significant digits, but keeping a trailing point ("1."), exponential below 0.1."""
    negative, text, point = format_number.digits(value)
    digits = max(1, min(digits, _CVT_DIGITS))
    rounded, moved = format_number.round_digits(text, point, digits)
    power = moved - 1
    if value != 0 and (power < -1 or power > digits - 1):
        mantissa = rounded[:digits].rstrip("0")
        shown = f"{mantissa[:1] or '0'}.{mantissa[1:]}e{'-' if power < 0 else '+'}{abs(power):03d}"
    else:
        shown = format_number.fixed(value, max(digits - moved, 0))[1]
        shown = (shown if "." in shown else shown + ".").rstrip("0")
        if value == 0:
            shown = "0."
    return _put(t, buffer, ("-" if negative else "") + shown, False)


# --- integer arithmetic -----------------------------------------------------------
@msvcrt.api(name="abs")
def abs_(t: Task, n: INT) -> INT:
    """Absolute value; INT_MIN stays."""
    return abs(n)


msvcrt.alias("labs", "abs")


def _divide(n: int, d: int) -> tuple[int, int]:
    if d == 0:
        raise ZeroDivisionError
    quotient = abs(n) // abs(d)
    if (n < 0) != (d < 0):
        quotient = -quotient
    return quotient, n - quotient * d


@msvcrt.api()
async def div(t: Task, numer: INT, denom: INT) -> LONGLONG:
    """div_t in EDX:EAX: quotient (towards zero) and remainder."""
    try:
        quotient, remainder = _divide(numer, denom)
    except ZeroDivisionError:
        await t.raise_exception(0xC0000094, 0, [])
        return 0
    return (remainder & 0xFFFFFFFF) << 32 | quotient & 0xFFFFFFFF


msvcrt.alias("ldiv", "div")


@msvcrt.api()
def _rotl(t: Task, value: UINT, shift: INT) -> UINT:
    """Rotate left."""
    shift &= 31
    return (value << shift | value >> 32 - shift) & 0xFFFFFFFF


@msvcrt.api()
def _rotr(t: Task, value: UINT, shift: INT) -> UINT:
    """Rotate right."""
    shift &= 31
    return (value >> shift | value << 32 - shift) & 0xFFFFFFFF


msvcrt.alias("_lrotl", "_rotl")
msvcrt.alias("_lrotr", "_rotr")


@msvcrt.api()
def rand(t: Task) -> INT:
    """0..32767, Microsoft's linear congruence, one sequence per thread."""
    own = state.thread(t)
    own.rand_seed = (own.rand_seed * 214013 + 2531011) & 0xFFFFFFFF
    return own.rand_seed >> 16 & 0x7FFF


@msvcrt.api()
def srand(t: Task, seed: UINT) -> None:
    """Start this thread's sequence."""
    state.thread(t).rand_seed = seed
