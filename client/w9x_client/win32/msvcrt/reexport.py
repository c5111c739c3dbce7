"""The older runtimes (CRTDLL, MSVCRT20, MSVCRT40) as forwarders to MSVCRT.

On Windows 9x each is a library of its own, and on Windows 98 MSVCRT40 already is a thin layer over MSVCRT. Programs
use one of them and share nothing between two, so one implementation with one state serves all; what a DLL has under a
name or with a signature of its own it declares itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from w9x_client.abi import Dll, find_dll
from w9x_client.abi.types import PTR

if TYPE_CHECKING:
    from w9x_client.process import Task


def reexport(dll: Dll, renamed: Mapping[str, str] | None = None) -> None:
    """Forward to MSVCRT everything that ``dll`` does not declare; ``renamed``: name here -> name there."""
    msvcrt = find_dll("msvcrt")
    assert msvcrt is not None  # our own package
    names = {name: name for name in (*msvcrt.exports, *msvcrt.variables)}
    names.update(renamed or {})
    for name, target in names.items():
        there = msvcrt.exports.get(target)
        if name not in dll.exports and name not in dll.variables and (there is None or there.since is None):
            dll.forward(name, f"MSVCRT.{target}")


def declare_locks(dll: Dll) -> None:
    """_mtlock and _mtunlock of the old iostream headers: a critical section, entered and left."""

    async def _mtlock(t: Task, section: PTR) -> None:
        """EnterCriticalSection."""
        await t.call(t.process.export_address("kernel32", "EnterCriticalSection"), section)

    async def _mtunlock(t: Task, section: PTR) -> None:
        """LeaveCriticalSection."""
        await t.call(t.process.export_address("kernel32", "LeaveCriticalSection"), section)

    dll.api()(_mtlock)
    dll.api()(_mtunlock)
