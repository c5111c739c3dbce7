"""REGEDIT4 text: the ANSI registry files of Windows 95, 98 and ME (KB Q310516 describes the syntax).

:func:`parse` turns a whole text into operations or raises :class:`RegSyntaxError` with the line's number;
:func:`key_line` and :func:`value_line` write it. Text is code page 1252. In this format hex(2) and hex(7) hold
ANSI bytes (the UTF-16 of the later "Version 5.00" format is not read).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from w9x_arena.messages import VALUE_MAX, RootName
from w9xd import ansi

REG_SZ, REG_BINARY, REG_DWORD = 1, 3, 4
HEADER = b"REGEDIT4\r\n"
ROOTS: dict[str, RootName] = {
    "HKEY_CLASSES_ROOT": "HKCR",
    "HKEY_CURRENT_USER": "HKCU",
    "HKEY_LOCAL_MACHINE": "HKLM",
    "HKEY_USERS": "HKU",
    "HKEY_CURRENT_CONFIG": "HKCC",
    "HKEY_DYN_DATA": "HKDYN_DATA",
}
_LONG = {short: long for long, short in ROOTS.items()}


class RegSyntaxError(ValueError):
    """A line that is not REGEDIT4; the message names the line."""


@dataclass(frozen=True, slots=True)
class KeyLine:
    """``[key]``, or ``[-key]`` when ``delete``."""

    root: RootName
    path: str
    delete: bool


@dataclass(frozen=True, slots=True)
class ValueLine:
    """``name=data`` under the last key; ``data`` is None for a deletion."""

    name: str
    type: int
    data: bytes | None


Operation = KeyLine | ValueLine

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_VALUE = re.compile(rf"(?:@|{_QUOTED})\s*=\s*(.*)", re.DOTALL)
_STRING = re.compile(_QUOTED, re.DOTALL)
_HEX = re.compile(r"hex(?:\(([0-9a-f]{1,8})\))?:(.*)", re.IGNORECASE)
_DWORD = re.compile(r"dword:([0-9a-f]{1,8})", re.IGNORECASE)
_BYTE = re.compile(r"[0-9a-fA-F]{1,2}")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def parse(data: bytes, first_line: int = 1) -> list[Operation]:
    """All operations of a text whose first line has the number ``first_line``. Raises :class:`RegSyntaxError`."""
    lines = _logical_lines(ansi.decode(data), first_line)
    number, line = next(lines, (first_line, ""))
    if line != "REGEDIT4":
        raise RegSyntaxError(f"line {number}: the file does not begin with REGEDIT4")
    out: list[Operation] = []
    section: KeyLine | None = None
    for number, line in lines:
        try:
            if line.startswith("["):
                section = _key(line)
                out.append(section)
                continue
            if section is None:
                raise ValueError("a value before the first key")
            if section.delete:
                raise ValueError("a value under a deleted key")
            out.append(_value(line))
        except ValueError as error:
            raise RegSyntaxError(f"line {number}: {error}") from None
    return out


def _logical_lines(text: str, first_line: int) -> Iterator[tuple[int, str]]:
    """Lines that say something, with hex continuations joined, and the number of their first physical line."""
    pending = ""
    start = 0
    for number, raw in enumerate(text.split("\n"), first_line):
        line = raw.strip(" \t\r")
        if not pending:
            if not line or line.startswith(";"):
                continue
            start = number
        line = pending + line
        # A string may end in a backslash only inside its quotes; elsewhere it continues the line.
        if line.endswith("\\") and not line.startswith("["):
            pending = line[:-1]
            continue
        pending = ""
        yield start, line
    if pending:
        raise RegSyntaxError(f"line {start}: the text ends inside a continued line")


def _key(line: str) -> KeyLine:
    if not line.endswith("]"):
        raise ValueError("a key without its closing bracket")
    name = line[1:-1]
    delete = name.startswith("-")
    root_name, _, path = name.removeprefix("-").partition("\\")
    root = ROOTS.get(root_name.upper())
    if root is None:
        raise ValueError(f"unknown root key {root_name!r}")
    _check_path(path)
    if delete and not path:
        raise ValueError("a root key cannot be deleted")
    return KeyLine(root, path, delete)


def _check_path(path: str) -> None:
    if path and any(not part or len(part) > 255 or "\0" in part for part in path.split("\\")):
        raise ValueError("a key name is empty or longer than 255 characters")


def _value(line: str) -> ValueLine:
    match = _VALUE.fullmatch(line)
    if match is None:
        raise ValueError("neither a key nor a value")
    name = _unescape(match[1] or "")
    if len(name) > 255 or "\0" in name:
        raise ValueError("a value name longer than 255 characters")
    kind, data = _data(match[2])
    if data is not None and len(data) > VALUE_MAX:
        raise ValueError(f"a value of more than {VALUE_MAX} bytes")
    return ValueLine(name, kind, data)


def _data(text: str) -> tuple[int, bytes | None]:
    if text == "-":
        return 0, None
    match = _STRING.fullmatch(text)
    if match:
        return REG_SZ, ansi.encode(_unescape(match[1])) + b"\0"
    match = _DWORD.fullmatch(text)
    if match:
        return REG_DWORD, int(match[1], 16).to_bytes(4, "little")
    match = _HEX.fullmatch(text)
    if match:
        kind = int(match[1], 16) if match[1] else REG_BINARY
        return kind, _hex_bytes(match[2])
    raise ValueError("data that is neither a string, dword: nor hex:")


def _hex_bytes(text: str) -> bytes:
    text = text.strip()
    if not text:
        return b""
    out = bytearray()
    for part in text.rstrip(",").split(","):
        digits = part.strip()
        if not _BYTE.fullmatch(digits):
            raise ValueError(f"{digits[:16]!r} is not a hexadecimal byte")
        out.append(int(digits, 16))
    return bytes(out)


def _unescape(text: str) -> str:
    return _ESCAPE.sub(r"\1", text)


# --- writing ----------------------------------------------------------------------------------------------------


def key_line(root: RootName, path: str) -> bytes:
    """``[HKEY_...\\path]`` after an empty line."""
    full = _LONG[root] + ("\\" + path if path else "")
    return b"\r\n[" + full.encode("cp1252", "replace") + b"]\r\n"


def value_line(name: str, kind: int, data: bytes) -> bytes:
    """One value; strings that a line cannot hold are written as hex(1)."""
    head = f'"{_escape(name)}"=' if name else "@="
    if kind == REG_SZ and data.endswith(b"\0") and not any(byte < 32 for byte in data[:-1]):
        body = f'"{_escape(ansi.decode(data[:-1]))}"'
        return _encode(head + body) + b"\r\n"
    if kind == REG_DWORD and len(data) == 4:
        return _encode(f"{head}dword:{int.from_bytes(data, 'little'):08x}") + b"\r\n"
    head += "hex:" if kind == REG_BINARY else f"hex({kind:x}):"
    return _encode(head) + _hex_text(len(head), data) + b"\r\n"


def _encode(text: str) -> bytes:
    try:
        return ansi.encode(text)
    except UnicodeEncodeError:
        return text.encode("cp1252", "replace")


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _hex_text(column: int, data: bytes) -> bytes:
    """``01,02,\\`` in lines of at most 80 characters, as REGEDIT breaks them."""
    first = max(1, (77 - column) // 3)
    parts = [data[:first], *(data[at : at + 25] for at in range(first, len(data), 25))]
    return b",\\\r\n  ".join(part.hex(",").encode() for part in parts)
