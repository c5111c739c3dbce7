"""Guest memory as handlers see it.

`Memory` is the only way from a guest pointer to bytes. Every method checks the whole range against the page
protection bytes before it touches the host's memory, and raises `GuestFault` where the guest itself would have
faulted. ``ram`` is the unchecked view of the whole 4 GB, for code that has checked already.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable
from typing import TypeVar

from w9x_arena.layout import PROT_EXEC, PROT_GUARD, PROT_READ, PROT_WRITE

from .errors import GuestFault

S = TypeVar("S", bound=ctypes.Structure)

_U16 = struct.Struct("<H")
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")
_F64 = struct.Struct("<d")
MAX_STRING = 0x40_0000
"""Longest string (bytes) a handler will scan for its terminator."""


class Memory:
    """Checked access to the guest's 4 GB.

    Args:
        array: ctypes array of 2**32 bytes over the host's reservation.
        prot: one byte per guest page, `layout.PROT_*` bits.
        page_in: called with (address, write) when a page is not accessible; returns True when it has become so
            (another process's page attached, a guard page grown), False when the guest would fault.
        code_written: called with (address, size) after a write into executable pages.
    """

    __slots__ = ("_array", "_code_written", "_page_in", "prot", "ram")

    def __init__(
        self,
        array: ctypes.Array[ctypes.c_ubyte],
        prot: bytearray,
        page_in: Callable[[int, bool], bool],
        code_written: Callable[[int, int], None],
    ) -> None:
        self._array = array
        self.ram: memoryview = memoryview(array).cast("B")
        self.prot = prot
        self._page_in = page_in
        self._code_written = code_written

    # --- checks -------------------------------------------------------------------
    def check(self, address: int, size: int, write: bool = False) -> None:
        """Raise `GuestFault` at the first byte of [address, address+size) that is not accessible."""
        if size <= 0:
            return
        need = PROT_WRITE if write else PROT_READ
        end = address + size
        if address < 0 or end > 0x1_0000_0000:
            raise GuestFault(address if address < 0 else 0xFFFFFFFF, write)
        prot = self.prot
        first, last = address >> 12, (end - 1) >> 12
        for page in range(first, last + 1):
            bits = prot[page]
            if not bits & need or bits & PROT_GUARD:
                at = max(address, page << 12)
                if not self._page_in(at, write):
                    raise GuestFault(at, write)

    def readable(self, address: int, size: int) -> bool:
        """Whether the guest could read the whole range."""
        try:
            self.check(address, size)
        except GuestFault:
            return False
        return True

    def writable(self, address: int, size: int) -> bool:
        """Whether the guest could write the whole range."""
        try:
            self.check(address, size, True)
        except GuestFault:
            return False
        return True

    # --- bytes --------------------------------------------------------------------
    def read(self, address: int, size: int) -> bytes:
        """``size`` bytes at ``address``."""
        self.check(address, size)
        return bytes(self.ram[address : address + size]) if size > 0 else b""

    def write(self, address: int, data: bytes | bytearray | memoryview) -> None:
        """Write ``data`` at ``address``; all or nothing."""
        size = len(data)
        if not size:
            return
        self.check(address, size, True)
        self.ram[address : address + size] = data
        if self.prot[address >> 12] & PROT_EXEC or self.prot[(address + size - 1) >> 12] & PROT_EXEC:
            self._code_written(address, size)

    def view(self, address: int, size: int, write: bool = False) -> memoryview:
        """A live view of the range, checked now; do not keep it over an await."""
        self.check(address, size, write)
        return self.ram[address : address + size]

    def fill(self, address: int, size: int, value: int = 0) -> None:
        """Set ``size`` bytes to ``value``."""
        if size <= 0:
            return
        self.check(address, size, True)
        ctypes.memset(ctypes.addressof(self._array) + address, value, size)

    def move(self, target: int, source: int, size: int) -> None:
        """memmove inside guest memory."""
        if size <= 0:
            return
        self.check(source, size)
        self.check(target, size, True)
        base = ctypes.addressof(self._array)
        ctypes.memmove(base + target, base + source, size)
        if self.prot[target >> 12] & PROT_EXEC:
            self._code_written(target, size)

    # --- numbers ------------------------------------------------------------------
    def u8(self, address: int) -> int:
        """The byte at ``address``."""
        if not self.prot[address >> 12] & PROT_READ:
            self.check(address, 1)
        return self.ram[address]

    def u16(self, address: int) -> int:
        """The little-endian 16-bit word at ``address``."""
        self.check(address, 2)
        return int(_U16.unpack_from(self.ram, address)[0])

    def u32(self, address: int) -> int:
        """The little-endian 32-bit word at ``address``."""
        self.check(address, 4)
        return int(_U32.unpack_from(self.ram, address)[0])

    def i32(self, address: int) -> int:
        """The signed 32-bit integer at ``address``."""
        value = self.u32(address)
        return value - 0x1_0000_0000 if value & 0x8000_0000 else value

    def u64(self, address: int) -> int:
        """The little-endian 64-bit word at ``address``."""
        self.check(address, 8)
        return int(_U64.unpack_from(self.ram, address)[0])

    def f64(self, address: int) -> float:
        """The IEEE double at ``address``."""
        self.check(address, 8)
        return float(_F64.unpack_from(self.ram, address)[0])

    def put8(self, address: int, value: int) -> None:
        """Store a byte."""
        self.check(address, 1, True)
        self.ram[address] = value & 0xFF

    def put16(self, address: int, value: int) -> None:
        """Store a 16-bit word."""
        self.check(address, 2, True)
        _U16.pack_into(self.ram, address, value & 0xFFFF)

    def put32(self, address: int, value: int) -> None:
        """Store a 32-bit word."""
        self.check(address, 4, True)
        _U32.pack_into(self.ram, address, value & 0xFFFFFFFF)

    def put64(self, address: int, value: int) -> None:
        """Store a 64-bit word."""
        self.check(address, 8, True)
        _U64.pack_into(self.ram, address, value & 0xFFFF_FFFF_FFFF_FFFF)

    def putf64(self, address: int, value: float) -> None:
        """Store an IEEE double."""
        self.check(address, 8, True)
        _F64.pack_into(self.ram, address, value)

    # --- strings ------------------------------------------------------------------
    def cstr(self, address: int, limit: int = MAX_STRING) -> bytes:
        """The zero-terminated byte string at ``address``, at most ``limit`` bytes, without its terminator."""
        ram, prot = self.ram, self.prot
        parts: list[bytes] = []
        left = limit
        while left > 0:
            if not 0 <= address < 0x1_0000_0000:
                raise GuestFault(address)
            if prot[address >> 12] & (PROT_READ | PROT_GUARD) != PROT_READ:
                self.check(address, 1)
            chunk = bytes(ram[address : min((address | 0xFFF) + 1, address + left)])
            end = chunk.find(0)
            if end >= 0:
                parts.append(chunk[:end])
                break
            parts.append(chunk)
            address += len(chunk)
            left -= len(chunk)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def wcstr(self, address: int, limit: int = MAX_STRING) -> bytes:
        """The zero-terminated UTF-16LE string at ``address`` as raw bytes, at most ``limit`` characters."""
        out = bytearray()
        left = limit
        while left > 0:
            if not 0 <= address < 0x1_0000_0000:
                raise GuestFault(address)
            self.check(address, 1)
            count = min(((address | 0xFFF) + 1 - address) // 2, left)
            if count == 0:  # a character that straddles two pages
                unit = self.read(address, 2)
                if unit == b"\0\0":
                    break
                out += unit
                address += 2
                left -= 1
                continue
            chunk = bytes(self.ram[address : address + 2 * count])
            end = 0
            while True:
                end = chunk.find(b"\0\0", end)
                if end < 0 or not end & 1:
                    break
                end += 1
            if end >= 0:
                out += chunk[:end]
                break
            out += chunk
            address += len(chunk)
            left -= count
        return bytes(out)

    def wide(self, address: int, limit: int = MAX_STRING) -> str:
        """The zero-terminated UTF-16LE string at ``address``; lone surrogates are kept."""
        return self.wcstr(address, limit).decode("utf-16-le", "surrogatepass")

    def struct(self, cls: type[S], address: int, write: bool = True) -> S:
        """A ctypes structure laid over guest memory: reading and assigning fields reads and writes the guest.

        Use little-endian fields of fixed width (c_uint32 for pointers). Do not keep it over an await.
        """
        self.check(address, ctypes.sizeof(cls), write)
        return cls.from_buffer(self._array, address)
