"""What the system DLLs of Windows 9x export: read-only tables, one file per DLL.

Owns ``<stem>.tsv`` (one line per export), ``modules.tsv`` (one line per DLL) and ``demand.tsv`` (see `demand`).
Interface:
`load`, `modules`, `module`, `module_info`, `MODULE_NUMBERS`.

The tables are facts, not promises: they say what a DLL of Windows exported, never what is implemented here. Callers
must not change numbers in ``modules.tsv`` (they are part of the code of every stub) and must not derive ordinals from
the order of lines: an export without a known ordinal has ``ordinal is None``, and whoever builds an image assigns
one.

Line of ``<stem>.tsv``: ``ordinal, name, since, kind, alias``, separated by tabs.
    ordinal  decimal, or empty when unknown (nobody imports such an export by ordinal)
    name     empty when the DLL exports by ordinal only
    since    95, 95osr2, 98, 98se, me: first Windows 9x that has it (95 also for libraries that programs brought along);
             later: no Windows 9x has it, but programs of our collection import it
    kind     empty = code, ``data``, or ``forward:DLL.Name``
    alias    customary name of an export without a name
Header lines start with ``#`` and give the source of the facts; ``# completeness:`` says how far the list can be
trusted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType

VERSIONS = ("95", "95osr2", "98", "98se", "me")
"""The Windows versions a table distinguishes, oldest first."""
LATER = "later"
"""`Export.since` of a function that no Windows 9x exported."""

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Export:
    """One export of a DLL."""

    ordinal: int | None
    name: str | None
    since: str
    kind: str
    """``""`` (code), ``"data"`` or ``"forward"``."""
    forward: str | None = None
    """``"DLL.Name"`` when `kind` is ``"forward"``."""
    alias: str | None = None
    """Customary name of an export that has only an ordinal."""

    @property
    def label(self) -> str:
        """A name for messages and declarations: the name, the alias, or ``#ordinal``."""
        return self.name or self.alias or f"#{self.ordinal}"


class ExportTable:
    """The exports of one DLL, in the order of the file: by ordinal, then by name."""

    def __init__(self, stem: str, exports: tuple[Export, ...], completeness: str) -> None:
        self.stem = stem
        self.exports = exports
        self.completeness = completeness

    @property
    def partial(self) -> bool:
        """Whether the DLL is known to have exported more than the table lists."""
        return self.completeness.startswith("partial")

    @cached_property
    def by_name(self) -> Mapping[str, Export]:
        """Exports by their (case-sensitive) name."""
        return MappingProxyType({e.name: e for e in self.exports if e.name})

    @cached_property
    def by_ordinal(self) -> Mapping[int, Export]:
        """Exports by ordinal, where the ordinal is known."""
        return MappingProxyType({e.ordinal: e for e in self.exports if e.ordinal is not None})

    def visible(self, version: str) -> tuple[Export, ...]:
        """What the DLL of Windows ``version`` (one of `VERSIONS`) exported; ``ValueError`` for another word."""
        seen = VERSIONS[: VERSIONS.index(version) + 1]
        return tuple(e for e in self.exports if e.since in seen)


@dataclass(frozen=True, slots=True)
class ModuleInfo:
    """One system DLL, from ``modules.tsv``."""

    number: int
    """Stable for ever: new modules get new numbers."""
    file_name: str
    """Lower case, with extension: ``kernel32.dll``, ``winspool.drv``."""
    stem: str
    """Name of the table: the file name without ``.dll``, the whole file name for other extensions."""
    base: int
    """Preferred image base; ranges of two modules never overlap."""
    room: int
    """Bytes from `base` that belong to this module."""
    version: str | None
    """File version in Windows 98 Second Edition, ``None`` when unknown."""
    description: str


def _stem(dll: str) -> str:
    return dll.lower().removesuffix(".dll")


def _records(path: Path) -> list[list[str]]:
    with path.open(encoding="ascii", newline="\n") as lines:
        return [line.rstrip("\n").split("\t") for line in lines if line[0] != "#"]


@cache
def _modules() -> Mapping[str, ModuleInfo]:
    found = {}
    for number, file_name, base, room, version, description in _records(_HERE / "modules.tsv"):
        stem = _stem(file_name)
        found[stem] = ModuleInfo(
            int(number), file_name, stem, int(base, 16), int(room, 16), version or None, description
        )
    return MappingProxyType(found)


def modules() -> list[str]:
    """The stems of all modules, sorted."""
    return sorted(_modules())


def module_info(dll: str) -> ModuleInfo | None:
    """What is known of ``dll`` (any case, ``.dll`` optional); ``None`` when it is not a system DLL."""
    return _modules().get(_stem(dll))


class _Numbers(Mapping[str, int]):
    """Stem → number, read on first use so that importing this package costs no file access."""

    def __getitem__(self, stem: str) -> int:
        return _modules()[stem].number

    def __iter__(self) -> Iterator[str]:
        return iter(_modules())

    def __len__(self) -> int:
        return len(_modules())


MODULE_NUMBERS: Mapping[str, int] = _Numbers()
"""Stem → stable number of the module."""


def _interned(parts: list[str]) -> Export:
    ordinal, name, since, kind, alias = parts
    forward = None
    if kind.startswith("forward:"):
        kind, forward = "forward", kind[8:]
    return Export(int(ordinal) if ordinal else None, name or None, since, kind, forward, alias or None)


@cache
def _table(stem: str) -> ExportTable:
    completeness = "unknown"
    exports = []
    with (_HERE / f"{stem}.tsv").open(encoding="ascii", newline="\n") as lines:
        for line in lines:
            if line[0] == "#":
                if line.startswith("# completeness: "):
                    completeness = line[16:].rstrip("\n")
            else:
                exports.append(_interned(line.rstrip("\n").split("\t")))
    return ExportTable(stem, tuple(exports), completeness)


def load(dll: str) -> ExportTable | None:
    """The exports of ``dll`` (any case, ``.dll`` optional); ``None`` when it is not a system DLL.

    Reads one small file, once per process.
    """
    info = module_info(dll)
    return _table(info.stem) if info else None
