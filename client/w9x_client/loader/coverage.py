"""What of a system DLL is implemented: export tables and declarations side by side.

Used by `triage`, by the generator of ``docs/api`` and by ``tools/new_api.py``. Interface: `of`, `of_import`,
`Coverage`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from w9x_client.abi import find_dll

from . import exports

Word = Literal["full", "partial", "stub", "absent"]
_MAX_FORWARDS = 8


@dataclass(frozen=True, slots=True)
class Coverage:
    """The state of one export."""

    label: str
    """Its name, or ``#ordinal``."""
    status: Word
    note: str = ""
    """What is missing (partial), or what it answers (stub)."""


@cache
def of(stem: str, label: str, depth: int = 0) -> Coverage:
    """The state of export ``label`` of the system DLL ``stem`` (a name of `exports.modules`)."""
    declared = find_dll(stem)
    if declared is not None:
        export = declared.exports.get(label)
        if export is not None:
            return Coverage(label, export.status, export.note)
        if label in declared.variables:
            return Coverage(label, "full")
    target = declared.forwards.get(label) if declared is not None else None
    if target is None:
        target = _table_forward(stem, label)
    if target is not None and depth < _MAX_FORWARDS:
        dll, _, name = target.rpartition(".")
        info = exports.module_info(dll)
        if info is not None:
            found = of(info.stem, name, depth + 1)
            return Coverage(label, found.status, found.note)
    return Coverage(label, "absent")


def _table_forward(stem: str, label: str) -> str | None:
    table = exports.load(stem)
    line = table.by_name.get(label) if table is not None else None
    return line.forward if line is not None else None


def of_import(stem: str, name: str | None, ordinal: int) -> Coverage:
    """The state of what an import names: by ``name``, or by ``ordinal`` where that is None."""
    if name is not None:
        return of(stem, name)
    direct = of(stem, f"#{ordinal}")
    if direct.status != "absent":
        return direct
    table = exports.load(stem)
    line = table.by_ordinal.get(ordinal) if table is not None else None
    if line is None:
        return direct
    found = of(stem, line.label)
    return Coverage(
        f"#{ordinal} ({line.label})" if line.label != f"#{ordinal}" else found.label, found.status, found.note
    )
