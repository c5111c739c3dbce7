"""The printf engine: a format and its arguments to text, as the C runtime of Visual C++ 6 does it.

Narrow and wide formats share one engine. Text is a Python string of *units*: bytes as Latin-1 for the narrow
functions, UTF-16 units for the wide ones. Format strings are parsed once and cached.

Interface: `format_text(fmt, arguments, wide)`, `Arguments` (what the engine asks of the caller) and `GuestArguments`
(the same over a guest argument list). USER32's wsprintf has a smaller language of its own and must not use this
engine.

Source: MSDN "Format Specification Fields: printf and wprintf Functions" (Visual C++ 6). Two liberties: ``ll`` is 64
bits (VC6 took it for ``l``, but programs of later compilers mean 64 bits) and a field is never wider than
`MAX_FIELD`, so that a hostile format cannot exhaust the host.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from . import format_number

if TYPE_CHECKING:
    from w9x_client.abi.memory import Memory

MAX_FIELD = 1 << 22
MAX_PRECISION = 512
"""VC6 clips the precision of numbers to its buffer."""

_SPEC = re.compile(r"%([-+ #0]*)(\*|\d+)?(\.(?:\*|\d*))?((?:I64|I32|ll|[hlLwFN])*)(.?)", re.DOTALL)


class Arguments(Protocol):
    """Where the engine takes its arguments from, in order."""

    def i32(self) -> int:
        """The next dword, signed."""

    def u64(self) -> int:
        """The next quadword."""

    def f64(self) -> float:
        """The next double."""

    def narrow(self, address: int, limit: int) -> str:
        """Up to ``limit`` bytes (-1: no limit) of the byte string there, as Latin-1 text."""

    def wide(self, address: int, limit: int) -> str:
        """Up to ``limit`` characters of the wide string there."""

    def counted(self, address: int, wide: bool) -> str | None:
        """The text of the ANSI_STRING or UNICODE_STRING there; None when its buffer is NULL."""

    def to_wide(self, text: str) -> str:
        """Bytes (as Latin-1 text) to characters, in the runtime's locale."""

    def to_narrow(self, text: str) -> str:
        """Characters to bytes (as Latin-1 text), in the runtime's locale."""

    def store(self, address: int, value: int, size: int) -> None:
        """``%n``: store the count."""


@dataclass(frozen=True, slots=True)
class _Spec:
    left: bool
    plus: bool
    space: bool
    alternate: bool
    zero: bool
    width: int | None
    """None: none given; -1: from the arguments."""
    precision: int | None
    size: str
    kind: str


@lru_cache(maxsize=1024)
def _parse(fmt: str) -> tuple[str | _Spec, ...]:
    pieces: list[str | _Spec] = []
    literal: list[str] = []
    at = 0
    for match in _SPEC.finditer(fmt):
        literal.append(fmt[at : match.start()])
        at = match.end()
        flags, width, precision, size, kind = match.groups()
        if kind not in _KINDS:
            # Documented: a character without meaning after % is printed itself; %% relies on it.
            literal.append(kind)
            continue
        if text := "".join(literal):
            pieces.append(text)
        literal.clear()
        size = size.replace("I32", "").replace("F", "").replace("N", "").replace("L", "")
        pieces.append(
            _Spec(
                "-" in flags,
                "+" in flags,
                " " in flags,
                "#" in flags,
                "0" in flags,
                None if width is None else -1 if width == "*" else _number(width, MAX_FIELD),
                None if precision is None else -1 if precision == ".*" else _number(precision[1:], MAX_FIELD),
                "I64" if "I64" in size or "ll" in size else size[-1:],
                kind,
            )
        )
    literal.append(fmt[at:])
    if text := "".join(literal):
        pieces.append(text)
    return tuple(pieces)


def _number(text: str, limit: int) -> int:
    text = text.lstrip("0")
    return limit if len(text) > 9 else min(int(text or "0"), limit)


def format_text(fmt: str, arguments: Arguments, wide: bool = False) -> str:
    """The text that printf makes of ``fmt``."""
    out: list[str] = []
    written = 0
    for piece in _parse(fmt):
        if isinstance(piece, str):
            text = piece
        else:
            spec = piece
            width, left = spec.width, spec.left
            if width == -1:
                width = arguments.i32()
                if width < 0:
                    left, width = True, -width
                width = min(width, MAX_FIELD)
            precision = spec.precision
            if precision == -1:
                precision = arguments.i32()
                precision = None if precision < 0 else min(precision, MAX_FIELD)
            if spec.kind == "n":
                arguments.store(arguments.i32() & 0xFFFFFFFF, written, 2 if spec.size == "h" else 4)
                continue
            prefix, body, zero_fill = _KINDS[spec.kind](spec, precision, arguments, wide)
            text = prefix + body
            missing = (width or 0) - len(text)
            if missing > 0:
                if left:
                    text += " " * missing
                elif spec.zero and zero_fill:
                    text = prefix + "0" * missing + body
                else:
                    text = " " * missing + text
        out.append(text)
        written += len(text)
    return "".join(out)


_Field = tuple[str, str, bool]


def _signed(spec: _Spec, precision: int | None, arguments: Arguments, wide: bool) -> _Field:
    if spec.size == "I64":
        value = arguments.u64()
        value -= (value & 1 << 63) << 1
    else:
        value = arguments.i32()
        if spec.size == "h":
            value = (value & 0xFFFF ^ 0x8000) - 0x8000
    sign = "-" if value < 0 else "+" if spec.plus else " " if spec.space else ""
    return sign, _padded(str(abs(value)), value, precision), precision is None


def _padded(text: str, value: int, precision: int | None) -> str:
    if precision is None:
        return text
    if precision == 0 and value == 0:
        return ""
    return text.rjust(min(precision, MAX_PRECISION), "0")


def _unsigned(spec: _Spec, precision: int | None, arguments: Arguments, wide: bool) -> _Field:
    if spec.size == "I64":
        value = arguments.u64()
    else:
        value = arguments.i32() & (0xFFFF if spec.size == "h" else 0xFFFFFFFF)
    kind = spec.kind
    if kind == "u":
        return "", _padded(str(value), value, precision), precision is None
    text = _padded(f"{value:{kind}}", value, precision)
    if kind == "o":
        if spec.alternate and not text.startswith("0"):
            text = "0" + text
        return "", text, precision is None
    return f"0{kind}" if spec.alternate and value else "", text, precision is None


def _pointer(spec: _Spec, precision: int | None, arguments: Arguments, wide: bool) -> _Field:
    return "0X" if spec.alternate else "", f"{arguments.i32() & 0xFFFFFFFF:08X}", False


def _float(spec: _Spec, precision: int | None, arguments: Arguments, wide: bool) -> _Field:
    value = arguments.f64()
    places = 6 if precision is None else min(precision, MAX_PRECISION)
    kind = spec.kind
    if kind == "f":
        negative, text = format_number.fixed(value, places, spec.alternate)
    elif kind in "eE":
        negative, text = format_number.scientific(value, places, kind, spec.alternate)
    else:
        negative, text = format_number.general(value, places, "e" if kind == "g" else "E", spec.alternate)
    return "-" if negative else "+" if spec.plus else " " if spec.space else "", text, True


def _is_wide(spec: _Spec, wide: bool) -> bool:
    """Whether the argument of %c %s (or, other way round, %C %S) is wide."""
    if spec.size == "h":
        return False
    if spec.size in ("l", "w"):
        return True
    return wide == spec.kind.islower()


def _char(spec: _Spec, precision: int | None, arguments: Arguments, wide: bool) -> _Field:
    value = arguments.i32()
    if _is_wide(spec, wide):
        text = chr(value & 0xFFFF)
        return "", text if wide else arguments.to_narrow(text), True
    text = chr(value & 0xFF)
    return "", arguments.to_wide(text) if wide else text, True


def _string(spec: _Spec, precision: int | None, arguments: Arguments, wide: bool) -> _Field:
    address = arguments.i32() & 0xFFFFFFFF
    limit = -1 if precision is None else precision
    if not address:
        text = "(null)"
    elif _is_wide(spec, wide):
        text = arguments.wide(address, limit)
        if not wide:
            text = arguments.to_narrow(text)
    else:
        text = arguments.narrow(address, limit)
        if wide:
            text = arguments.to_wide(text)
    # MSDN: "0" is for numbers; the runtime pads strings with zeros too, and programs have come to use it.
    return "", text if limit < 0 else text[:limit], True


def _counted(spec: _Spec, precision: int | None, arguments: Arguments, wide: bool) -> _Field:
    address = arguments.i32() & 0xFFFFFFFF
    as_wide = spec.size in ("l", "w") or (wide and spec.size != "h")
    text = arguments.counted(address, as_wide) if address else None
    if text is None:
        text = "(null)"
    elif as_wide and not wide:
        text = arguments.to_narrow(text)
    elif wide and not as_wide:
        text = arguments.to_wide(text)
    return "", text, True


def _nothing(spec: _Spec, precision: int | None, arguments: Arguments, wide: bool) -> _Field:
    return "", "", False


_KINDS: dict[str, Callable[[_Spec, int | None, Arguments, bool], _Field]] = {
    "d": _signed, "i": _signed, "u": _unsigned, "o": _unsigned, "x": _unsigned, "X": _unsigned, "p": _pointer,
    "f": _float, "e": _float, "E": _float, "g": _float, "G": _float, "c": _char, "C": _char, "s": _string,
    "S": _string, "Z": _counted, "n": _nothing,
}  # fmt: skip


class GuestArguments:
    """A guest argument list (`va_list`) for `format_text`.

    Args:
        mem: guest memory.
        address: of the first argument.
        encode, decode: the runtime's locale, characters to bytes and back.
    """

    __slots__ = ("_decode", "_encode", "address", "mem")

    def __init__(
        self, mem: Memory, address: int, encode: Callable[[str], bytes], decode: Callable[[bytes], str]
    ) -> None:
        self.mem, self.address, self._encode, self._decode = mem, address, encode, decode

    def i32(self) -> int:
        value = self.mem.i32(self.address)
        self.address += 4
        return value

    def u64(self) -> int:
        value = self.mem.u64(self.address)
        self.address += 8
        return value

    def f64(self) -> float:
        value = self.mem.f64(self.address)
        self.address += 8
        return value

    def narrow(self, address: int, limit: int) -> str:
        data = self.mem.cstr(address) if limit < 0 else self.mem.cstr(address, limit)
        return data.decode("latin-1")

    def wide(self, address: int, limit: int) -> str:
        data = self.mem.wcstr(address) if limit < 0 else self.mem.wcstr(address, limit)
        return units(data)

    def counted(self, address: int, wide: bool) -> str | None:
        length, buffer = self.mem.u16(address), self.mem.u32(address + 4)
        if not buffer:
            return None
        data = self.mem.read(buffer, length & ~1 if wide else length)
        return units(data) if wide else data.decode("latin-1")

    def to_wide(self, text: str) -> str:
        return self._decode(text.encode("latin-1", "replace"))

    def to_narrow(self, text: str) -> str:
        return self._encode(text).decode("latin-1")

    def store(self, address: int, value: int, size: int) -> None:
        self.mem.write(address, (value & ((1 << 8 * size) - 1)).to_bytes(size, "little"))


def units(data: bytes) -> str:
    """UTF-16LE bytes to a string of one character per 16-bit unit (surrogates stay apart, so lengths are the
    guest's)."""
    if not any(0xD8 <= b <= 0xDF for b in data[1::2]):
        return data.decode("utf-16-le")
    return "".join(chr(data[i] | data[i + 1] << 8) for i in range(0, len(data) - 1, 2))


def unit_bytes(text: str) -> bytes:
    """The inverse of `units`."""
    return text.encode("utf-16-le", "surrogatepass")


__all__ = ["Arguments", "GuestArguments", "format_text", "unit_bytes", "units"]
