"""Double-precision mathematics (math.h), computed by the host's C library; results are the nearest doubles it gives.

Domain errors give the x87's indefinite NaN and EDOM, overflow an infinity and ERANGE, as the runtime documents.
`_matherr` handlers of the program are not called. The `_CI...` and `_ftol` exports take their arguments on the x87
stack.
"""

from __future__ import annotations

import ctypes
import functools
import math
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from w9x_client.abi.types import DOUBLE, INT, LONG, LONGLONG, PTR

from . import state
from .dll import msvcrt
from .format_number import INDEFINITE

if TYPE_CHECKING:
    from w9x_client.process import Task

msvcrt.data("_HUGE", 8, struct.pack("<d", math.inf))


@functools.cache
def _libm() -> ctypes.CDLL:
    library = ctypes.CDLL("libm.so.6")
    for name in ("j0", "j1", "y0", "y1"):
        function = getattr(library, name)
        function.restype, function.argtypes = ctypes.c_double, [ctypes.c_double]
    for name in ("jn", "yn"):
        function = getattr(library, name)
        function.restype, function.argtypes = ctypes.c_double, [ctypes.c_int, ctypes.c_double]
    return library


def _overflow(name: str, args: tuple[float, ...]) -> float:
    """The signed infinity of a function that overflowed."""
    if name == "pow":
        x, y = args
        return -math.inf if x < 0 and y % 2 == 1 else math.inf
    if name in ("sinh", "ldexp"):
        return math.copysign(math.inf, args[0])
    return math.inf


def _pole(name: str, args: tuple[float, ...]) -> float | None:
    """The infinity at a pole, which C89 counts as a range error and Python as a domain error."""
    if name in ("log", "log10") and args[0] == 0:
        return -math.inf
    if name == "pow" and args[0] == 0 and args[1] < 0:
        return math.copysign(math.inf, args[0]) if args[1] % 2 == 1 else math.inf
    return None


def compute(t: Task, name: str, function: Callable[..., float], *args: float) -> float:
    """``function(*args)`` with the runtime's results and errno for the exceptional cases."""
    try:
        return function(*args)
    except OverflowError:
        state.set_errno(t, state.ERANGE)
        return _overflow(name, args)
    except ValueError:
        pole = _pole(name, args)
        if pole is not None:
            state.set_errno(t, state.ERANGE)
            return pole
        state.set_errno(t, state.EDOM)
        return INDEFINITE


def _log(x: float) -> float:
    return math.log(x)


_ONE: dict[str, Callable[[float], float]] = {
    "sin": math.sin, "cos": math.cos, "tan": math.tan, "asin": math.asin, "acos": math.acos, "atan": math.atan,
    "sinh": math.sinh, "cosh": math.cosh, "tanh": math.tanh, "exp": math.exp, "log": _log, "log10": math.log10,
    "sqrt": math.sqrt,
}  # fmt: skip
_TWO: dict[str, Callable[[float, float], float]] = {"pow": math.pow, "atan2": math.atan2, "fmod": math.fmod}


def _declare_one(name: str, function: Callable[[float], float]) -> None:
    def handler(t: Task, x: DOUBLE) -> DOUBLE:
        return compute(t, name, function, x)

    def intrinsic(t: Task) -> None:
        t.cpu.fpu_push(compute(t, name, function, t.cpu.fpu_pop()))

    handler.__doc__, intrinsic.__doc__ = f"{name}(x).", f"{name} of ST(0), in place."
    msvcrt.api(name=name)(handler)
    msvcrt.api(name="_CI" + name)(intrinsic)


def _declare_two(name: str, function: Callable[[float, float], float]) -> None:
    def handler(t: Task, x: DOUBLE, y: DOUBLE) -> DOUBLE:
        return compute(t, name, function, x, y)

    def intrinsic(t: Task) -> None:
        y = t.cpu.fpu_pop()
        x = t.cpu.fpu_pop()
        t.cpu.fpu_push(compute(t, name, function, x, y))

    handler.__doc__ = f"{name}(x, y)."
    intrinsic.__doc__ = f"{name} of ST(1) and ST(0), which are popped; the result is pushed."
    msvcrt.api(name=name)(handler)
    msvcrt.api(name="_CI" + name)(intrinsic)


for _name, _function in _ONE.items():
    _declare_one(_name, _function)
for _name, _function2 in _TWO.items():
    _declare_two(_name, _function2)


@msvcrt.api()
def floor(t: Task, x: DOUBLE) -> DOUBLE:
    """The largest integer not above x."""
    return _whole(x, math.floor)


@msvcrt.api()
def ceil(t: Task, x: DOUBLE) -> DOUBLE:
    """The smallest integer not below x."""
    return _whole(x, math.ceil)


def _whole(x: float, rounding: Callable[[float], int]) -> float:
    if not math.isfinite(x) or abs(x) >= 2.0**52:
        return x
    return math.copysign(float(rounding(x)), x)


@msvcrt.api()
def fabs(t: Task, x: DOUBLE) -> DOUBLE:
    """Absolute value."""
    return math.fabs(x)


@msvcrt.api()
def ldexp(t: Task, x: DOUBLE, exp: INT) -> DOUBLE:
    """x * 2**exp."""
    return _scaled(t, x, exp)


def _scaled(t: Task, x: float, exp: int) -> float:
    try:
        return math.ldexp(x, exp)
    except OverflowError:
        state.set_errno(t, state.ERANGE)
        return math.copysign(math.inf, x)


@msvcrt.api()
def frexp(t: Task, x: DOUBLE, expptr: PTR) -> DOUBLE:
    """Mantissa in [0.5, 1) and exponent."""
    mantissa, exponent = math.frexp(x)
    t.mem.put32(expptr, exponent)
    return mantissa


@msvcrt.api()
def modf(t: Task, x: DOUBLE, intptr: PTR) -> DOUBLE:
    """Fraction, and the whole part at ``intptr``; both with the sign of x."""
    fraction, whole = math.modf(x)
    t.mem.putf64(intptr, whole)
    return fraction


@msvcrt.api()
def _hypot(t: Task, x: DOUBLE, y: DOUBLE) -> DOUBLE:
    """Length of the hypotenuse."""
    result = math.hypot(x, y)
    if math.isinf(result) and not (math.isinf(x) or math.isinf(y)):
        state.set_errno(t, state.ERANGE)
    return result


@msvcrt.api()
def _cabs(t: Task, x: DOUBLE, y: DOUBLE) -> DOUBLE:
    """Absolute value of a ``struct _complex`` (passed by value)."""
    return math.hypot(x, y)


def _bessel(t: Task, name: str, *args: float) -> float:
    if name[0] == "y" and args[-1] < 0:
        state.set_errno(t, state.EDOM)
        return -math.inf
    return float(getattr(_libm(), name)(*args))


@msvcrt.api()
def _j0(t: Task, x: DOUBLE) -> DOUBLE:
    """Bessel function of the first kind, order 0."""
    return _bessel(t, "j0", x)


@msvcrt.api()
def _j1(t: Task, x: DOUBLE) -> DOUBLE:
    """Bessel function of the first kind, order 1."""
    return _bessel(t, "j1", x)


@msvcrt.api()
def _jn(t: Task, n: INT, x: DOUBLE) -> DOUBLE:
    """Bessel function of the first kind, order n."""
    return _bessel(t, "jn", n, x)


@msvcrt.api()
def _y0(t: Task, x: DOUBLE) -> DOUBLE:
    """Bessel function of the second kind, order 0."""
    return _bessel(t, "y0", x)


@msvcrt.api()
def _y1(t: Task, x: DOUBLE) -> DOUBLE:
    """Bessel function of the second kind, order 1."""
    return _bessel(t, "y1", x)


@msvcrt.api()
def _yn(t: Task, n: INT, x: DOUBLE) -> DOUBLE:
    """Bessel function of the second kind, order n."""
    return _bessel(t, "yn", n, x)


@msvcrt.api()
def _ftol(t: Task) -> LONGLONG:
    """ST(0), popped, as a 64-bit integer in EDX:EAX, rounded towards zero; out of range gives 8000000000000000h."""
    value = t.cpu.fpu_pop()
    if not math.isfinite(value) or not -(2.0**63) <= value < 2.0**63:
        return -(1 << 63)
    return int(value)


@msvcrt.api()
def __setusermatherr(t: Task, handler: PTR) -> None:  # the export's name
    """Register the program's ``_matherr``: kept, never called."""
    state.crt(t).user_matherr = handler


@msvcrt.api()
def _matherr(t: Task, except_: PTR) -> INT:
    """The default handler: 0, "not handled"."""
    return 0


# --- the number's parts (float.h) -------------------------------------------------
def _bits(x: float) -> int:
    return int(struct.unpack("<Q", struct.pack("<d", x))[0])


@msvcrt.api()
def _isnan(t: Task, x: DOUBLE) -> INT:
    """Nonzero for a NaN."""
    return math.isnan(x)


@msvcrt.api()
def _finite(t: Task, x: DOUBLE) -> INT:
    """Nonzero for neither NaN nor infinity."""
    return math.isfinite(x)


@msvcrt.api()
def _copysign(t: Task, x: DOUBLE, y: DOUBLE) -> DOUBLE:
    """x with the sign of y."""
    return math.copysign(x, y)


@msvcrt.api()
def _chgsign(t: Task, x: DOUBLE) -> DOUBLE:
    """-x."""
    return -x


@msvcrt.api()
def _nextafter(t: Task, x: DOUBLE, y: DOUBLE) -> DOUBLE:
    """The neighbour of x towards y."""
    return math.nextafter(x, y)


@msvcrt.api()
def _scalb(t: Task, x: DOUBLE, exp: LONG) -> DOUBLE:
    """x * 2**exp."""
    return _scaled(t, x, exp)


@msvcrt.api()
def _logb(t: Task, x: DOUBLE) -> DOUBLE:
    """The binary exponent of x, unbiased; -infinity and ERANGE for 0."""
    if x == 0:
        state.set_errno(t, state.ERANGE)
        return -math.inf
    return math.inf if math.isinf(x) else x if math.isnan(x) else float(math.frexp(x)[1] - 1)


@msvcrt.api()
def _fpclass(t: Task, x: DOUBLE) -> INT:
    """_FPCLASS_* of float.h."""
    bits = _bits(x)
    negative, exponent, fraction = bits >> 63, bits >> 52 & 0x7FF, bits & (1 << 52) - 1
    if exponent == 0x7FF:
        if fraction:
            return 2 if fraction >> 51 else 1
        return 0x4 if negative else 0x200
    if exponent == 0:
        if fraction:
            return 0x10 if negative else 0x80
        return 0x20 if negative else 0x40
    return 0x8 if negative else 0x100
