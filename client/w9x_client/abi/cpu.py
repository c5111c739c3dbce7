"""The registers of the guest thread that runs now, as handlers and the exception machinery see them."""

from __future__ import annotations

from typing import Protocol


class Cpu(Protocol):
    """32-bit registers; assignments take effect when the guest goes on."""

    eax: int
    ecx: int
    edx: int
    ebx: int
    esp: int
    ebp: int
    esi: int
    edi: int

    @property
    def eip(self) -> int:
        """The instruction pointer."""

    @eip.setter
    def eip(self, value: int) -> None: ...

    @property
    def eflags(self) -> int:
        """EFLAGS with the arithmetic flags materialised."""

    @eflags.setter
    def eflags(self, value: int) -> None: ...

    def selectors(self) -> tuple[int, int, int, int, int, int]:
        """CS, SS, DS, ES, FS, GS."""

    def fpu_state(self) -> bytes:
        """The x87 state in the 108-byte layout of FNSAVE (32-bit protected mode)."""

    def set_fpu_state(self, state: bytes) -> None:
        """Load the 108-byte FNSAVE layout."""

    @property
    def fpu_control(self) -> int:
        """The x87 control word."""

    @fpu_control.setter
    def fpu_control(self, value: int) -> None: ...

    @property
    def fpu_status(self) -> int:
        """The x87 status word."""

    @fpu_status.setter
    def fpu_status(self, value: int) -> None: ...

    def fpu_top(self, depth: int = 0) -> float:
        """ST(depth) as a double."""

    def fpu_pop(self) -> float:
        """Remove ST(0) and return it as a double."""

    def fpu_push(self, value: float) -> None:
        """Push a double."""
