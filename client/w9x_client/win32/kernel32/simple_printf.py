"""The small printf of Windows itself: wsprintf's format set, used by USER32 and by FormatMessage's inserts.

Pure: arguments come from an `Arguments`. Texts of an ANSI caller are byte strings seen as Latin-1, so that every byte
survives. Source: SDK, wsprintf: ``%[-][#][0][width][.precision]type``, no floating point, no '+' or ' ' flag.
"""

from __future__ import annotations

from typing import Protocol


class Arguments(Protocol):
    """Where the values come from."""

    def number(self) -> int:
        """The next 32-bit argument, unsigned."""

    def text(self, pointer: int, wide: bool, limit: int) -> str:
        """At most ``limit`` characters (negative: all) of the guest string at ``pointer``."""

    def char(self, code: int, wide: bool) -> str:
        """One character argument."""


_SIGNED, _UNSIGNED = frozenset("di"), frozenset("uxXp")


def expand(fmt: str, args: Arguments, wide: bool, star: bool = False) -> str:
    """``fmt`` with its specifications replaced; ``wide`` says what a plain %s points to, ``star`` whether '*' takes an
    argument as width or precision (FormatMessage's inserts do, wsprintf's documented set has none).

    A '%' before a character that is no type is dropped and the character stays (SDK: "the character is not formatted").
    """
    out: list[str] = []
    at, end = 0, len(fmt)
    while at < end:
        percent = fmt.find("%", at)
        if percent < 0:
            out.append(fmt[at:])
            break
        out.append(fmt[at:percent])
        piece, at = _specification(fmt, percent + 1, args, wide, star)
        out.append(piece)
    return "".join(out)


def _specification(fmt: str, at: int, args: Arguments, wide: bool, star: bool) -> tuple[str, int]:
    """The expansion of the specification after a '%' at ``at``, and where the text goes on."""
    end = len(fmt)
    left = alternate = zero = False
    while at < end and fmt[at] in "-#0":
        left |= fmt[at] == "-"
        alternate |= fmt[at] == "#"
        zero |= fmt[at] == "0"
        at += 1
    width, at = _number(fmt, at, args, star)
    if width < 0:
        left, width = True, -width
    precision = -1
    if at < end and fmt[at] == ".":
        precision, at = _number(fmt, at + 1, args, star)
    size = ""
    if at < end and fmt[at] in "hlw":
        size = fmt[at]
        at += 1
    if at >= end:
        return "", end
    kind = fmt[at]
    if kind in "sS":
        body = _string(kind, size, precision, args, wide)
    elif kind in "cC":
        body = _character(kind, size, args, wide)
    elif kind in _SIGNED or kind in _UNSIGNED:
        body = _integer(kind, size, precision, alternate, args)
        if zero and not left and precision < 0 and len(body) < width:
            sign = body[:1] if body[:1] == "-" else body[:2] if alternate and kind in "xX" else ""
            body = sign + body[len(sign) :].rjust(width - len(sign), "0")
    else:
        return kind, at + 1
    return (body.ljust(width) if left else body.rjust(width)), at + 1


_WIDTH_MAX = 4096
"""No caller's buffer is longer; keeps "%999999999d" from taking the host's memory."""


def _number(fmt: str, at: int, args: Arguments, star: bool) -> tuple[int, int]:
    if star and fmt[at : at + 1] == "*":
        value = args.number()
        value = value - 0x1_0000_0000 if value & 0x8000_0000 else value
        return max(-_WIDTH_MAX, min(value, _WIDTH_MAX)), at + 1
    value = 0
    while at < len(fmt) and "0" <= fmt[at] <= "9":
        value = min(value * 10 + ord(fmt[at]) - 48, _WIDTH_MAX)
        at += 1
    return value, at


def _is_wide(kind: str, size: str, wide: bool) -> bool:
    """Capital S and C mean the other character width; h and l say which outright."""
    if size in ("l", "w"):
        return True
    if size == "h":
        return False
    return wide != kind.isupper()


def _string(kind: str, size: str, precision: int, args: Arguments, wide: bool) -> str:
    pointer = args.number()
    if not pointer:
        return "(null)"[: precision if precision > 0 else None]
    return args.text(pointer, _is_wide(kind, size, wide), precision if precision > 0 else -1)


def _character(kind: str, size: str, args: Arguments, wide: bool) -> str:
    code = args.number()
    source_wide = _is_wide(kind, size, wide)
    code &= 0xFFFF if source_wide else 0xFF
    return args.char(code, source_wide) if code else ""  # SDK: a zero character argument is ignored


def _integer(kind: str, size: str, precision: int, alternate: bool, args: Arguments) -> str:
    value = args.number()
    bits = 32
    if size == "h":
        value, bits = value & 0xFFFF, 16
    negative = kind in _SIGNED and bool(value >> (bits - 1))
    if negative:
        value = (1 << bits) - value
    if kind == "p":
        digits = f"{value:08X}"
    else:
        digits = format(value, {"x": "x", "X": "X"}.get(kind, "d"))
    if precision > 0:
        digits = digits.rjust(precision, "0")
    prefix = f"0{kind}" if alternate and kind in "xX" else "-" if negative else ""
    return prefix + digits
