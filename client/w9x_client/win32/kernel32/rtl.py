"""The Rtl* memory functions that KERNEL32 exports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi.types import BYTE, PTR, SIZE_T, VOID

from .dll import kernel32

if TYPE_CHECKING:
    from w9x_client.process import Task


@kernel32.api()
def RtlFillMemory(t: Task, Destination: PTR, Length: SIZE_T, Fill: BYTE) -> VOID:
    """Set bytes."""
    t.mem.fill(Destination, Length, Fill)


@kernel32.api()
def RtlMoveMemory(t: Task, Destination: PTR, Source: PTR, Length: SIZE_T) -> VOID:
    """Copy bytes; the blocks may overlap."""
    t.mem.move(Destination, Source, Length)


@kernel32.api()
def RtlZeroMemory(t: Task, Destination: PTR, Length: SIZE_T) -> VOID:
    """Set bytes to zero."""
    t.mem.fill(Destination, Length)
