"""Thread-local storage slots of one process: which indices are taken, and the guest arrays they index.

Windows 98 has 80 slots per process (Windows 95: 64); each thread's TIB points at an array of that many dwords,
which both TlsGetValue and the compiler's ``__declspec(thread)`` code index. An index is process-wide: taking or
freeing one sets it to zero in every thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.tib import TLS_SLOT_COUNT

if TYPE_CHECKING:
    from .process import Process


class TlsSlots:
    """The process's slots; kept in ``process.state(TlsSlots)``."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.taken = 0
        """Bit n is set while slot n is taken."""

    def allocate(self) -> int:
        """The lowest free index; WinError(ERROR_NO_MORE_ITEMS) when all are taken."""
        index = (~self.taken & (self.taken + 1)).bit_length() - 1
        if index >= TLS_SLOT_COUNT:
            raise WinError(Err.NO_MORE_ITEMS)
        self.taken |= 1 << index
        self._clear(index)
        return index

    def free(self, index: int) -> None:
        """Give an index back; WinError(ERROR_INVALID_PARAMETER) where it is not taken."""
        if not self.valid(index):
            raise WinError(Err.INVALID_PARAMETER)
        self.taken &= ~(1 << index)
        self._clear(index)

    def valid(self, index: int) -> bool:
        """Whether ``index`` is taken."""
        return 0 <= index < TLS_SLOT_COUNT and bool(self.taken >> index & 1)

    def _clear(self, index: int) -> None:
        for task in self._process.tasks.values():
            self._process.mem.put32(task.tls_array + 4 * index, 0)
