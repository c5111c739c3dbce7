"""The registers of the guest thread whose turn it is, in the mailbox: `abi.cpu.Cpu` for the native engine.

The x87 and SSE registers are there in FXSAVE's layout (Intel SDM vol. 2, FXSAVE, legacy mode); what is written to
them is loaded before the guest goes on.
"""

from __future__ import annotations

import struct

from . import native_mailbox as mb
from .x87 import double_to_extended, extended_to_double

_FLAGS = 0x0024_4DD5
"""What a ring-3 program may change: CF PF AF ZF SF TF DF OF NT AC ID."""

_EMPTY = 3
_X87_AND_SSE = 3
"""In XSAVE's header: these components are not in their initial state."""
_ST, _ST_STRIDE = 32, 16


def initial_state(selector: int) -> bytes:
    """Registers and FX area of a fresh thread, FS = ``selector``: flat segments, Windows' x87 control word (double
    precision).
    """
    flat = (mb.EIP // 4) * (0,) + (0, 0x23, 0x202, 0x2B, 0x2B, 0x2B, selector, 0)
    fx = bytearray(mb.FX_SIZE)
    struct.pack_into("<H", fx, 0, 0x027F)
    struct.pack_into("<I", fx, 24, 0x1F80)
    fx[mb.XSAVE_HEADER] = _X87_AND_SSE
    return struct.pack("<16I", *flat) + fx


def _register(offset: int) -> property:
    index = offset // 4

    def get(self: NativeCpu) -> int:
        return self.words[index]

    def put(self: NativeCpu, value: int) -> None:
        self.words[index] = value & 0xFFFFFFFF

    return property(get, put)


class NativeCpu:
    """See `abi.cpu.Cpu`. ``words`` is the mailbox in dwords, ``fx`` its FX area in bytes."""

    def __init__(self, words: memoryview, fx: memoryview) -> None:
        self.words, self.fx = words, fx

    eax, ecx, edx, ebx = _register(mb.EAX), _register(mb.ECX), _register(mb.EDX), _register(mb.EBX)
    esp, ebp, esi, edi = _register(mb.ESP), _register(mb.EBP), _register(mb.ESI), _register(mb.EDI)
    eip = _register(mb.EIP)

    @property
    def eflags(self) -> int:
        return self.words[mb.EFLAGS // 4]

    @eflags.setter
    def eflags(self, value: int) -> None:
        self.words[mb.EFLAGS // 4] = (value & _FLAGS) | 0x202

    def selectors(self) -> tuple[int, int, int, int, int, int]:
        words = self.words
        return (
            words[mb.CS // 4] & 0xFFFF, words[mb.SS // 4] & 0xFFFF, words[mb.DS // 4] & 0xFFFF,
            words[mb.ES // 4] & 0xFFFF, words[mb.FS // 4] & 0xFFFF, words[mb.GS // 4] & 0xFFFF,
        )  # fmt: skip

    # --- x87 ----------------------------------------------------------------------------
    def _put(self, layout: str, offset: int, *values: int) -> None:
        struct.pack_into(layout, self.fx, offset, *values)
        self.fx[mb.XSAVE_HEADER] |= _X87_AND_SSE
        self.words[mb.FPU_CHANGED // 4] = 1

    @property
    def fpu_control(self) -> int:
        return self.fx[0] | self.fx[1] << 8

    @fpu_control.setter
    def fpu_control(self, value: int) -> None:
        self._put("<H", 0, value & 0xFFFF)

    @property
    def fpu_status(self) -> int:
        return self.fx[2] | self.fx[3] << 8

    @fpu_status.setter
    def fpu_status(self, value: int) -> None:
        self._put("<H", 2, value & 0xFFFF)

    def fpu_top(self, depth: int = 0) -> float:
        mantissa, exponent = struct.unpack_from("<QH", self.fx, _ST + _ST_STRIDE * (depth & 7))
        return extended_to_double(mantissa, exponent)

    def _rotate(self, steps: int) -> None:
        """Turn the stack by ``steps``: TOP moves up, and the registers, which are kept by their distance from TOP,
        move down.
        """
        registers = bytes(self.fx[_ST : _ST + 8 * _ST_STRIDE])
        cut = (steps & 7) * _ST_STRIDE
        self.fx[_ST : _ST + 8 * _ST_STRIDE] = registers[cut:] + registers[:cut]
        status = self.fpu_status
        self.fpu_status = (status & ~0x3800) | (((status >> 11) + steps & 7) << 11)

    def fpu_pop(self) -> float:
        value = self.fpu_top()
        used = self.fx[4] & ~(1 << (self.fpu_status >> 11 & 7))
        self._put("<B", 4, used)
        self._rotate(1)
        return value

    def fpu_push(self, value: float) -> None:
        self._rotate(-1)
        self._put("<B", 4, self.fx[4] | 1 << (self.fpu_status >> 11 & 7))
        self._put("<QH", _ST, *double_to_extended(value))

    def _full_tags(self) -> int:
        """FNSAVE's tag word from FXSAVE's abridged one (SDM vol. 1, table 10-3)."""
        top, used, tags = self.fpu_status >> 11 & 7, self.fx[4], 0
        for physical in range(8):
            tag = _EMPTY
            if used >> physical & 1:
                mantissa, exponent = struct.unpack_from("<QH", self.fx, _ST + _ST_STRIDE * (physical - top & 7))
                exponent &= 0x7FFF
                if not exponent:
                    tag = 2 if mantissa else 1
                else:
                    tag = 0 if mantissa >> 63 and exponent != 0x7FFF else 2
            tags |= tag << 2 * physical
        return tags

    def fpu_state(self) -> bytes:
        opcode, fip, fcs, fdp, fds = struct.unpack_from("<HIHxxIH", self.fx, 6)
        head = struct.pack(
            "<7I", 0xFFFF0000 | self.fpu_control, 0xFFFF0000 | self.fpu_status, 0xFFFF0000 | self._full_tags(),
            fip, fcs | (opcode & 0x7FF) << 16, fdp, 0xFFFF0000 | fds,
        )  # fmt: skip
        return head + b"".join(bytes(self.fx[at : at + 10]) for at in range(_ST, _ST + 8 * _ST_STRIDE, _ST_STRIDE))

    def set_fpu_state(self, state: bytes) -> None:
        control, status, tags, fip, code, fdp, fds = struct.unpack_from("<7I", state)
        used = sum(1 << physical for physical in range(8) if tags >> 2 * physical & 3 != _EMPTY)
        self._put(
            "<HHBxHIHxxIH",
            0,
            control & 0xFFFF,
            status & 0xFFFF,
            used,
            code >> 16 & 0x7FF,
            fip,
            code & 0xFFFF,
            fdp,
            fds & 0xFFFF,
        )
        for depth in range(8):
            at = _ST + _ST_STRIDE * depth
            self.fx[at : at + 10] = state[28 + 10 * depth : 38 + 10 * depth]
