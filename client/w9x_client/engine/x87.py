"""The x87 80-bit format, to and from Python's doubles."""

from __future__ import annotations

import struct


def extended_to_double(mantissa: int, exponent: int) -> float:
    """An x87 80-bit value as a double (IEEE 754 rounding by Python's integer division)."""
    sign = -1.0 if exponent & 0x8000 else 1.0
    power = exponent & 0x7FFF
    if power == 0x7FFF:
        return sign * float("inf") if not mantissa & 0x7FFF_FFFF_FFFF_FFFF else float("nan")
    if not mantissa:
        return sign * 0.0
    shift = power - 16383 - 63
    try:
        if shift >= 0:
            return sign * float(mantissa << shift) if shift < 1100 else sign * float("inf")
        return sign * (mantissa / (1 << -shift)) if shift > -1200 else sign * 0.0
    except OverflowError:
        return sign * float("inf")


def double_to_extended(value: float) -> tuple[int, int]:
    """A double as (mantissa, sign and exponent) of an x87 register; exact."""
    bits = struct.unpack("<Q", struct.pack("<d", value))[0]
    sign = bits >> 63 << 15
    exponent = bits >> 52 & 0x7FF
    fraction = bits & (1 << 52) - 1
    if exponent == 0x7FF:
        return 1 << 63 | fraction << 11, sign | 0x7FFF
    if exponent == 0:
        if not fraction:
            return 0, sign
        shift = 64 - fraction.bit_length()
        return fraction << shift, sign | (16383 - 1022 - 52 + 63 - shift)
    return 1 << 63 | fraction << 11, sign | (exponent - 1023 + 16383)
