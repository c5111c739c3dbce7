"""Direct views of Unicorn's CPU state, verified before they are trusted.

Reading a register through the binding costs half a microsecond; the API path reads two and writes one. The wheel that
w9x pins keeps the x86 state at a fixed place behind the ``uc_struct``; `locate` proves that with sentinel values in
all eight registers, and returns None when anything differs. Then the engine uses the public accessors.

Offsets are those of Unicorn 2.1.x, x86-64 host builds (``CPUX86State`` of target/i386/cpu.h, registers held as 64-bit
words).
"""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Any

from unicorn import x86_const as x86

_CPU_POINTER = 0x1B8
_ENV_OFFSET = 0x8A50
ENV_SIZE = 0x1600
EIP, EFLAGS, CR2 = 0x80 // 4, 0x88 // 4, (0x1A8 + 16) // 4
ERROR_CODE, IS_INTERRUPT, OLD_EXCEPTION = 0x1508 // 4, 0x150C // 4, 0x1578 // 4
NO_EXIT_REQUEST = 0x7F2
"""Offset of ``bool no_exit_request`` in uc_struct."""

GPRS = (
    x86.UC_X86_REG_EAX, x86.UC_X86_REG_ECX, x86.UC_X86_REG_EDX, x86.UC_X86_REG_EBX,
    x86.UC_X86_REG_ESP, x86.UC_X86_REG_EBP, x86.UC_X86_REG_ESI, x86.UC_X86_REG_EDI,
)  # fmt: skip


def locate(uc: Any) -> memoryview | None:
    """The live CPU state as 32-bit words, or None when this build keeps it elsewhere.

    Word 2*i is register i of EAX ECX EDX EBX ESP EBP ESI EDI; see the constants above for the rest.
    """
    if os.environ.get("W9X_UNICORN_PUBLIC_API"):
        return None
    saved = [uc.reg_read(register) for register in GPRS]
    sentinels = [struct.unpack("<I", os.urandom(4))[0] for _ in GPRS]
    saved_eip = uc.reg_read(x86.UC_X86_REG_EIP)
    for register, value in zip(GPRS, sentinels, strict=True):
        uc.reg_write(register, value)
    uc.reg_write(x86.UC_X86_REG_EIP, sentinels[0] ^ sentinels[1])
    try:
        with open("/proc/self/mem", "rb", buffering=0) as mem:  # a wrong guess is an OSError, not a crash
            mem.seek(uc._uch.value + _CPU_POINTER)
            pointer = struct.unpack("<Q", mem.read(8))[0]
            address = pointer + _ENV_OFFSET
            mem.seek(address)
            raw = mem.read(ENV_SIZE)
    except (OSError, struct.error, OverflowError, AttributeError):
        return None
    finally:
        for register, value in zip(GPRS, saved, strict=True):
            uc.reg_write(register, value)
        uc.reg_write(x86.UC_X86_REG_EIP, saved_eip)
    if len(raw) != ENV_SIZE:
        return None
    words = struct.unpack_from("<17Q", raw)
    if list(words[:8]) != sentinels or words[16] != sentinels[0] ^ sentinels[1]:
        return None
    return memoryview((ctypes.c_ubyte * ENV_SIZE).from_address(address)).cast("B").cast("I")


class TlbTuner:
    """Makes the emulated TLB grow when the guest's working set needs it.

    Unicorn's TLB starts with 256 entries and doubles only when it is flushed after more than 70 % of it was used. A
    program that never
    causes a flush keeps 256 for ever, and copies between addresses that share entries at a tenth of the speed
    (measured: ``rep movsd`` over
    64 MB, 5.3 s against 0.55 s). The tuner reads how many entries are used; when they run out it raises the count, so
    that the flush doubles
    the table, three times in a row. `make` proves the two fields by watching one doubling, and gives None where that
    fails.
    """

    _USED, _MASK = -1432, -48
    _ENTRY_SHIFT = 6
    LARGEST = 1 << 15

    def __init__(self, address: int, flush: Any) -> None:
        self._flush = flush
        self._used_field = ctypes.c_uint64.from_address(address + self._USED)
        self._mask_field = ctypes.c_uint64.from_address(address + self._MASK)

    @classmethod
    def make(cls, state: memoryview, flush: Any) -> TlbTuner | None:
        """A tuner for the CPU state at ``state``, after ring 3 has run; ``flush`` empties the TLB."""
        tuner = cls(ctypes.addressof(ctypes.c_uint32.from_buffer(state)), flush)
        before = tuner.entries
        if not 64 <= before <= 1 << 20 or before & (before - 1) or not 0 < tuner._used_field.value <= before:
            return None
        tuner._grow()
        return tuner if tuner.entries == 2 * before else None

    @property
    def entries(self) -> int:
        """Present size of the TLB."""
        return (self._mask_field.value >> self._ENTRY_SHIFT) + 1

    @property
    def crowded(self) -> bool:
        """Whether the TLB should grow; readable from any thread."""
        entries = self.entries
        return self._used_field.value * 10 > entries * 7 and entries < self.LARGEST

    def _grow(self) -> None:
        self._used_field.value = self.entries
        self._flush()

    def relieve(self) -> None:
        """Grow a crowded TLB eightfold; between two runs only."""
        if self.crowded:
            for _ in range(3):
                if self.entries < self.LARGEST:
                    self._grow()


def make_stop_exact(uc: Any, library: Any) -> bool:
    """Let an asynchronous stop act only between translation blocks; False when this build differs.

    Without it `uc_emu_stop` from another thread can stop inside an instruction after its store, and a restart would
    execute the instruction twice. The place of the flag is read off the machine code of the exported function that
    tests it.
    """
    try:
        function = ctypes.cast(library.check_exit_request_x86_64, ctypes.c_void_p).value
        code = ctypes.string_at(function, 14) if function else b""
    except AttributeError:
        return False
    expected = b"\x80\xbe" + struct.pack("<I", NO_EXIT_REQUEST) + b"\0"
    if code[0:3] != b"\x48\x8b\xb7" or code[7:14] != expected:
        return False
    ctypes.c_uint8.from_address(uc._uch.value + NO_EXIT_REQUEST).value = 1
    return True
