"""Parameter and result types of the API.

Each alias is ``Annotated[what the body sees, how it travels]``. `Arg.code` gives the struct letters of its stack
slots (a letter is one 4-byte slot, ``q`` and ``d`` two); `Arg.decode` is the expression that turns the slot ``{0}``
into what the body sees, evaluated with ``t`` (the task), ``W`` (True in the wide twin of an A/W pair) and `Arg.names`
in scope. `Ret.encode` turns the body's result ``{0}`` into the result register; `Ret.failure` is what a raised
`WinError` returns.

A type not listed here is declared beside the topic that needs it, in the same way.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from . import codepage

if TYPE_CHECKING:
    from .memory import Memory

ResultKind = Literal["eax", "edx:eax", "st0", "none"]


@dataclass(frozen=True, slots=True, eq=False)
class Arg:
    """How a parameter sits on the guest stack and reaches Python.

    Compared by identity: `typing` merges equal metadata, and two that differ only in `names` must stay two.
    """

    code: str
    decode: str = "{0}"
    show: str = "hex"
    """Trace format: hex, dec, str, handle, bool, float, or the key of a `flags.Names` in `names`."""
    names: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ret:
    """How a result reaches the guest."""

    encode: str = "{0} & 0xffffffff"
    failure: int = 0
    kind: ResultKind = "eax"


class Out:
    """A pointer to one number that the export fills in; NULL is ignored."""

    __slots__ = ("_mem", "addr", "size")

    def __init__(self, addr: int, mem: Memory, size: int = 4) -> None:
        self.addr, self._mem, self.size = addr, mem, size

    def __bool__(self) -> bool:
        return self.addr != 0

    def set(self, value: int) -> None:
        """Store ``value`` (truncated to the pointed-to width) unless the pointer is NULL."""
        if self.addr:
            self._mem.write(self.addr, (value & ((1 << 8 * self.size) - 1)).to_bytes(self.size, "little"))

    def get(self) -> int:
        """The unsigned number there now; 0 for NULL."""
        return int.from_bytes(self._mem.read(self.addr, self.size), "little") if self.addr else 0


class TextOut:
    """A character buffer that the export fills in, ANSI or wide by the twin that was called."""

    __slots__ = ("_mem", "_page", "addr", "wide")

    def __init__(self, addr: int, mem: Memory, wide: bool, page: int) -> None:
        self.addr, self._mem, self.wide, self._page = addr, mem, wide, page

    def __bool__(self) -> bool:
        return self.addr != 0

    def encode(self, text: str) -> bytes:
        """``text`` as it would stand in this buffer, without terminator."""
        return text.encode("utf-16-le", "surrogatepass") if self.wide else codepage.encode(text, self._page)

    def length(self, text: str) -> int:
        """How many TCHARs (bytes or 16-bit units) ``text`` needs, without terminator."""
        return len(self.encode(text)) // (2 if self.wide else 1)

    def put(self, text: str, capacity: int) -> int:
        """Write as much of ``text`` as fits in ``capacity`` TCHARs with its terminator.

        Returns the TCHARs written without the terminator; nothing is written when capacity <= 0 or the buffer is NULL.
        """
        if not self.addr or capacity <= 0:
            return 0
        unit = 2 if self.wide else 1
        data = self.encode(text)[: (capacity - 1) * unit]
        self._mem.write(self.addr, data + bytes(unit))
        return len(data) // unit


def pointer_to(cls: type[ctypes.Structure], write: bool = True) -> Arg:
    """A pointer to a structure; the body sees the structure laid over guest memory, or None for NULL."""
    return Arg("I", f"(t.mem.struct(S, {{0}}, {write}) if {{0}} else None)", "hex", {"S": cls})


_U32 = Ret()
DWORD = Annotated[int, Arg("I", show="dec"), Ret()]
UINT = DWORD
ULONG = DWORD
FLAGS = Annotated[int, Arg("I"), Ret()]
SIZE_T = Annotated[int, Arg("I", show="dec"), Ret()]
INT = Annotated[int, Arg("i", show="dec"), Ret()]
LONG = INT
WORD = Annotated[int, Arg("I", "{0} & 0xffff", "dec"), Ret("{0} & 0xffff")]
SHORT = Annotated[int, Arg("I", "(({0} & 0xffff) ^ 0x8000) - 0x8000", "dec"), Ret()]
BYTE = Annotated[int, Arg("I", "{0} & 0xff", "dec"), Ret("{0} & 0xff")]
BOOL = Annotated[bool, Arg("I", "{0} != 0", "bool"), Ret("1 if {0} else 0", 0)]
PTR = Annotated[int, Arg("I"), Ret()]
"""An address, or any opaque 32-bit value."""
HANDLE = Annotated[int, Arg("I", show="handle"), Ret()]
HMODULE = HANDLE
HFILE = Annotated[int, Arg("I", show="handle"), Ret(failure=0xFFFFFFFF)]
"""A handle whose failure value is INVALID_HANDLE_VALUE."""
DWORD_INVALID = Annotated[int, Arg("I"), Ret(failure=0xFFFFFFFF)]
"""A DWORD result whose failure value is FFFFFFFF (GetFileAttributes, SetFilePointer...)."""
LONGLONG = Annotated[int, Arg("q", show="dec"), Ret("{0}", kind="edx:eax")]
DOUBLE = Annotated[float, Arg("d", show="float"), Ret("{0}", kind="st0")]
FLOAT = Annotated[float, Arg("f", show="float"), Ret("{0}", kind="st0")]
VOID = Annotated[None, Ret(kind="none")]
STATUS = Annotated[int, Ret()]
"""A function that returns its error code instead of setting last error (registry): raise nothing, return the code."""
VARARGS = Annotated[int, Arg("", "t.arg_address({slot})")]
"""Address of the first variable argument; must be the last parameter (cdecl)."""
THIS = Annotated[int, Arg("", "t.cpu.ecx"), Ret()]
"""The `this` pointer of a thiscall function (register ECX)."""

LPCSTR = Annotated["str | None", Arg("I", "(t.ansi({0}) if {0} else None)", "str")]
"""Zero-terminated text in the process's ANSI code page."""
LPCWSTR = Annotated["str | None", Arg("I", "(t.mem.wide({0}) if {0} else None)", "str")]
LPCTSTR = Annotated["str | None", Arg("I", "((t.mem.wide({0}) if W else t.ansi({0})) if {0} else None)", "str")]
"""Text of an A/W pair."""
PSZ = Annotated["bytes | None", Arg("I", "(t.mem.cstr({0}) if {0} else None)", "str")]
"""A zero-terminated byte string, undecoded (the C runtime's `char *`)."""
PWSZ = Annotated["str | None", Arg("I", "(t.mem.wide({0}) if {0} else None)", "str")]
LPTSTR = Annotated[TextOut, Arg("I", "TextOut({0}, t.mem, W, t.process.acp)", "hex", {"TextOut": TextOut})]
"""A character buffer to fill in, of an A/W pair (or ANSI, or wide: see `api(wide=...)`)."""
LPDWORD = Annotated[Out, Arg("I", "Out({0}, t.mem)", "hex", {"Out": Out})]
LPLONG = LPDWORD
LPHANDLE = LPDWORD
LPWORD = Annotated[Out, Arg("I", "Out({0}, t.mem, 2)", "hex", {"Out": Out})]
LPBYTE_OUT = Annotated[Out, Arg("I", "Out({0}, t.mem, 1)", "hex", {"Out": Out})]
LPQWORD = Annotated[Out, Arg("I", "Out({0}, t.mem, 8)", "hex", {"Out": Out})]


class FILETIME(ctypes.LittleEndianStructure):
    """100 ns since 1601-01-01 UTC (SDK winbase.h)."""

    _fields_ = (("dwLowDateTime", ctypes.c_uint32), ("dwHighDateTime", ctypes.c_uint32))


class SYSTEMTIME(ctypes.LittleEndianStructure):
    """A calendar date and time (SDK winbase.h)."""

    _fields_ = tuple(
        (name, ctypes.c_uint16)
        for name in (
            "wYear", "wMonth", "wDayOfWeek", "wDay", "wHour", "wMinute", "wSecond", "wMilliseconds",
        )
    )  # fmt: skip


LPFILETIME = Annotated["FILETIME | None", pointer_to(FILETIME)]
LPSYSTEMTIME = Annotated["SYSTEMTIME | None", pointer_to(SYSTEMTIME)]

IS_WIDE = Annotated[bool, Arg("", "W")]
"""No stack slot: tells the body of an A/W pair which twin was called."""
