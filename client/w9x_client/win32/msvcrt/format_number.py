"""Floating-point numbers as decimal text, the way the C runtime of Visual C++ 6 writes them.

The runtime first converts a double to 17 significant decimal digits (correctly rounded) and then rounds *that digit
string* half up, in ASCII, to the precision asked for; digits beyond the 17th are zeros. Infinities and NaNs are the
digit strings ``1#INF``, ``1#QNAN``, ``1#SNAN``, ``1#IND`` with the point after the first character, which is why
``%.2f`` of infinity famously prints ``1.#J``.

Pure functions on Python floats; no guest state.
"""

from __future__ import annotations

import struct
from functools import lru_cache

INDEFINITE = struct.unpack("<d", struct.pack("<Q", 0xFFF8_0000_0000_0000))[0]
"""The NaN that the x87 makes for an invalid operation (sign bit set)."""


@lru_cache(maxsize=512)
def _digits(bits: int) -> tuple[bool, str, int]:
    negative = bool(bits >> 63)
    exponent = bits >> 52 & 0x7FF
    fraction = bits & 0xF_FFFF_FFFF_FFFF
    if exponent == 0x7FF:
        if not fraction:
            return negative, "1#INF", 1
        if not fraction >> 51:
            return negative, "1#SNAN", 1
        return negative, "1#IND" if negative and fraction == 1 << 51 else "1#QNAN", 1
    if not bits & 0x7FFF_FFFF_FFFF_FFFF:
        return negative, "0", 0
    text = f"{struct.unpack('<d', struct.pack('<Q', bits))[0]:.16e}".lstrip("-")
    mantissa, _, power = text.partition("e")
    return negative, mantissa.replace(".", "").rstrip("0"), int(power) + 1


def digits(value: float) -> tuple[bool, str, int]:
    """Sign, significant decimal digits (at most 17, no trailing zeros) and the position of the point.

    The value is 0.DDD... * 10**point; zero is "0" with point 0.
    """
    return _digits(struct.unpack("<Q", struct.pack("<d", value))[0])


def round_digits(text: str, point: int, count: int) -> tuple[str, int]:
    """The first ``count`` digits of ``text`` rounded half up in ASCII, zero-filled; the point moves when a carry runs
    out."""
    if count < 0:
        return "", point
    if count >= len(text):
        return text + "0" * (count - len(text)), point
    kept = text[:count]
    if text[count] < "5":
        return kept, point
    cut = len(kept.rstrip("9"))
    if cut == 0:
        return "1" + "0" * count, point + 1
    return kept[: cut - 1] + chr(ord(kept[cut - 1]) + 1) + "0" * (count - cut), point


def _place_point(text: str, point: int, decimals: int, always_point: bool) -> str:
    """Fixed notation of the digit string: ``text`` covers exactly ``decimals`` places after the point."""
    if point > 0:
        whole, part = text[:point].ljust(point, "0"), text[point:]
    else:
        whole, part = "0", "0" * min(-point, decimals) + text
    part = part[:decimals].ljust(decimals, "0")
    return f"{whole}.{part}" if decimals or always_point else whole


def fixed(value: float, decimals: int, always_point: bool = False) -> tuple[bool, str]:
    """``%f``: sign and text without the sign."""
    negative, text, point = digits(value)
    text, point = round_digits(text, point, point + decimals)
    return negative, _place_point(text, point, decimals, always_point)


def _exponent(power: int, letter: str) -> str:
    return f"{letter}{'-' if power < 0 else '+'}{abs(power):03d}"


def scientific(value: float, decimals: int, letter: str = "e", always_point: bool = False) -> tuple[bool, str]:
    """``%e``: three exponent digits."""
    negative, text, point = digits(value)
    zero = text == "0"
    text, point = round_digits(text, point, decimals + 1)
    text = text[: decimals + 1]
    tail = "." + text[1:] if decimals or always_point else ""
    return negative, text[0] + tail + _exponent(0 if zero else point - 1, letter)


def general(value: float, precision: int, letter: str = "e", keep_zeros: bool = False) -> tuple[bool, str]:
    """``%g``: the shorter notation of ``precision`` significant digits; trailing zeros only with ``keep_zeros``."""
    precision = precision or 1
    negative, text, point = digits(value)
    zero = text == "0"
    text, point = round_digits(text, point, precision)
    text = text[:precision]
    power = 0 if zero else point - 1
    if not keep_zeros:
        text = text.rstrip("0") or "0"
    if power < -4 or power >= precision:
        tail = "." + text[1:] if len(text) > 1 or keep_zeros else ""
        return negative, text[0] + tail + _exponent(power, letter)
    if zero:
        point = 1
    decimals = max(len(text) - point, 0)
    return negative, _place_point(text, point, decimals, keep_zeros)
