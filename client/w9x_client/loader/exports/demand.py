"""How many programs of the time import each function: ``demand.tsv``, for the coverage page.

The counts come from the import tables of 1166 distinct Win32 programs and DLLs of the Windows 9x era. An import by
ordinal appears as ``#ordinal``. Interface: `demand`, `PROGRAMS`. Read-only.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

PROGRAMS = 1166
"""Programs and DLLs that were counted."""


@cache
def demand() -> Mapping[str, Mapping[str, int]]:
    """DLL (lower case, with extension) → function name or ``#ordinal`` → number of programs that import it."""
    counts: dict[str, dict[str, int]] = {}
    with (Path(__file__).parent / "demand.tsv").open(encoding="ascii", newline="\n") as lines:
        for line in lines:
            if line[0] != "#":
                dll, function, programs = line.rstrip("\n").split("\t")
                counts.setdefault(dll, {})[function] = int(programs)
    return MappingProxyType({dll: MappingProxyType(found) for dll, found in counts.items()})
