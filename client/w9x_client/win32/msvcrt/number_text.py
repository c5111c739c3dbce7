"""Text to numbers, as strtol and strtod read it. Pure; used by `convert` and `stdio_scan`.

Everything works on strings of units (Latin-1 bytes or UTF-16 units).
"""

from __future__ import annotations

import re
from functools import cache

SPACES = "\t\n\v\f\r "
_REAL = re.compile(r"[\t-\r ]*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?)", re.ASCII)
_PREFIX = re.compile(r"[\t-\r ]*([+-]?)")
MAX_TEXT = 1 << 16
"""No number is longer; bounds the work a hostile string can cause."""


@cache
def _digits(base: int) -> re.Pattern[str]:
    letters = f"a-{chr(86 + base)}A-{chr(54 + base)}" if base > 10 else ""
    return re.compile(f"[0-{min(base, 10) - 1}{letters}]*")


def parse_integer(text: str, base: int) -> tuple[int | None, int]:
    """The integer at the start of ``text`` and the length read; (None, 0) when there is none.

    ``base`` 0 takes the base from a prefix 0x or 0; 16 skips 0x. A prefix without digits is no number (C89 would read
    its 0; this runtime does not). Values beyond 2**80 are clipped there.
    """
    match = _PREFIX.match(text)
    assert match  # the pattern matches the empty string
    at = match.end()
    negative = match.group(1) == "-"
    prefixed = text[at : at + 2] in ("0x", "0X")
    if base == 0:
        base = 16 if prefixed else 8 if text[at : at + 1] == "0" else 10
    start = at + 2 if base == 16 and prefixed else at
    digits = _digits(base).match(text, start)
    assert digits  # the pattern matches the empty string
    if digits.end() == start:
        return None, 0
    significant = digits.group().lstrip("0")
    value = 1 << 80 if len(significant) > 80 else min(int(significant or "0", base), 1 << 80)
    return (-value if negative else value), digits.end()


def parse_real(text: str) -> tuple[float, int]:
    """The decimal number at the start of ``text``, correctly rounded, and the length read (0: none); 'd' may mark the
    exponent too."""
    match = _REAL.match(text[:MAX_TEXT])
    if not match:
        return 0.0, 0
    return float(re.sub("[dD]", "e", match.group(1))), match.end()


def real_text_is_zero(text: str) -> bool:
    """Whether a parsed decimal number's digits are all zeros (tells a true zero from an underflow)."""
    return not re.search("[1-9]", re.split("[eEdD]", text, maxsplit=1)[0])


def digits_of(value: int, base: int) -> str:
    """``value`` (not negative) in ``base`` 2..36."""
    if base == 10:
        return str(value)
    out = []
    while True:
        value, digit = divmod(value, base)
        out.append("0123456789abcdefghijklmnopqrstuvwxyz"[digit])
        if not value:
            return "".join(reversed(out))
