"""The x87's control and status words in the runtime's portable bits (float.h), and the rest of floating-point control.

Source of both bit layouts: MSDN "_control87, _controlfp"; Intel SDM vol. 1, chapter 8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi.types import PTR, UINT

from . import state
from .dll import msvcrt

if TYPE_CHECKING:
    from w9x_client.process import Task

MCW_EM, MCW_RC, MCW_PC, MCW_IC = 0x8001F, 0x300, 0x30000, 0x40000
EM_DENORMAL = 0x80000
INITIAL_CONTROL = 0x027F
"""The runtime's (and Windows') initial control word: all exceptions masked, 53 bits, to nearest."""

# x87 bit -> portable bit, of exception masks and of exception flags (they stand in the same order).
_EXCEPTIONS = ((0x01, 0x10), (0x02, EM_DENORMAL), (0x04, 0x08), (0x08, 0x04), (0x10, 0x02), (0x20, 0x01))
_ROUNDING = {0x000: 0x000, 0x400: 0x100, 0x800: 0x200, 0xC00: 0x300}
_PRECISION = {0x000: 0x20000, 0x200: 0x10000, 0x300: 0x00000, 0x100: 0x00000}


def portable_flags(word: int) -> int:
    """Exception bits of an x87 word as _EM_ or _SW_ bits."""
    return sum(portable for bit, portable in _EXCEPTIONS if word & bit)


def portable_control(word: int) -> int:
    """An x87 control word in float.h's bits."""
    infinity = MCW_IC if word & 0x1000 else 0
    return portable_flags(word) | _ROUNDING[word & 0xC00] | _PRECISION[word & 0x300] | infinity


def x87_control(bits: int) -> int:
    """The inverse of `portable_control`."""
    word = sum(bit for bit, portable in _EXCEPTIONS if bits & portable)
    word |= next(x87 for x87, portable in _ROUNDING.items() if portable == bits & MCW_RC)
    word |= next((x87 for x87, portable in _PRECISION.items() if portable == bits & MCW_PC and x87 != 0x100), 0x300)
    return word | 0x40 | (0x1000 if bits & MCW_IC else 0)


def _change(t: Task, new: int, mask: int) -> int:
    present = portable_control(t.cpu.fpu_control)
    wanted = (present & ~mask) | (new & mask)
    if wanted != present:
        t.cpu.fpu_control = x87_control(wanted)
    return wanted


@msvcrt.api()
def _control87(t: Task, new: UINT, mask: UINT) -> UINT:
    """Change the bits in ``mask``; the control word after it."""
    return _change(t, new, mask)


@msvcrt.api()
def _controlfp(t: Task, new: UINT, mask: UINT) -> UINT:
    """`_control87` that leaves the denormal exception alone."""
    return _change(t, new, mask & ~EM_DENORMAL)


@msvcrt.api()
def _statusfp(t: Task) -> UINT:
    """The exception flags."""
    return portable_flags(t.cpu.fpu_status)


@msvcrt.api()
def _clearfp(t: Task) -> UINT:
    """The exception flags, which are cleared."""
    flags = portable_flags(t.cpu.fpu_status)
    saved = bytearray(t.cpu.fpu_state())
    saved[4] &= 0
    saved[5] &= 0x7F
    t.cpu.set_fpu_state(bytes(saved))
    return flags


@msvcrt.api()
def _fpreset(t: Task) -> None:
    """Empty the x87 and give it the initial control word."""
    empty = bytearray(108)
    empty[0:2] = INITIAL_CONTROL.to_bytes(2, "little")
    empty[8:10] = b"\xff\xff"
    t.cpu.set_fpu_state(bytes(empty))


@msvcrt.api()
def __fpecode(t: Task) -> PTR:
    """Address of this thread's _FPE_ code of the signal being handled."""
    return state.thread(t).address + state.MISC + 4
