"""Writes docs/api: which functions of Windows 98 SE are implemented, per DLL, and what is missing, by demand.

`python tools/coverage.py` writes the pages, `python tools/coverage.py --check` says whether they are fresh (exit code
1 when not; a test runs it). Sources: the export tables (`w9x_client.loader.exports`), the declarations
(`w9x_client.win32`), and the number of programs of the time that import each function (`exports.demand`).
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
for _source in ("client", "shared_arena"):
    sys.path.insert(0, str(ROOT / _source))

from w9x_client.abi import find_dll  # noqa: E402  # the path is set above
from w9x_client.loader import coverage, exports  # noqa: E402  # the same
from w9x_client.loader.exports.demand import PROGRAMS, demand  # noqa: E402  # the same

FOLDER = ROOT / "docs" / "api"
WINDOWS = "98se"
MISSING_SHOWN = 400
_WORDS: tuple[coverage.Word, ...] = ("full", "partial", "stub", "absent")
_HEAD = "<!-- written by tools/coverage.py: do not edit -->\n"


@dataclass(frozen=True, slots=True)
class Row:
    """One exported function."""

    label: str
    status: coverage.Word
    note: str
    demand: int
    """Programs that import it."""
    source: str
    """``topic.py`` that declares it; '' for the absent."""


@cache
def rows(stem: str) -> list[Row]:
    """The functions that the DLL exported in Windows 98 SE, then what is declared beyond them, by demand and name."""
    info = exports.module_info(stem)
    table = exports.load(stem)
    assert info is not None and table is not None
    counts = demand().get(info.file_name, {})
    declared = find_dll(stem)
    found: list[Row] = []
    for line in table.visible(WINDOWS):
        state = coverage.of_import(stem, line.name, line.ordinal or 0)
        export = declared.exports.get(line.label) or declared.exports.get(f"#{line.ordinal}") if declared else None
        programs = counts.get(line.name or "", 0) + (
            counts.get(f"#{line.ordinal}", 0) if line.ordinal is not None else 0
        )
        source = export.fn.__module__.rpartition(".")[2] + ".py" if export is not None else ""
        found.append(Row(line.label, state.status, state.note, programs, source))
    return sorted(found, key=lambda row: (-row.demand, row.label.lower(), row.label))


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("*", "\\*").replace("_", "\\_").replace("<", "&lt;")


def page(stem: str) -> str:
    """The page of one DLL."""
    info = exports.module_info(stem)
    table = exports.load(stem)
    assert info is not None and table is not None
    functions = rows(stem)
    counts = {word: sum(1 for row in functions if row.status == word) for word in _WORDS}
    lines = [
        _HEAD,
        f"# {info.file_name}",
        "",
        f"{info.description[:1].upper()}{info.description[1:]}. {len(functions)} exports in Windows 98 SE: "
        + ", ".join(f"{counts[word]} {word}" for word in _WORDS)
        + ".",
    ]
    if table.partial:
        lines += ["", f"The list of exports is not complete: {table.completeness}."]
    if counts["absent"] == len(functions):
        # Nothing is here yet: a list of what nobody asks for would be noise (MSVCP60 alone has two thousand exports).
        functions = [row for row in functions if row.demand]
        lines += ["", "Those that programs import:"]
    lines += ["", "| function | state | used by | note | declared in |", "|---|---|---:|---|---|"]
    lines += [
        f"| {_cell(row.label)} | {row.status} | {row.demand or ''} | {_cell(row.note)} | {row.source} |"
        for row in functions
    ]
    return "\n".join(lines) + "\n"


def overview(stems: list[str]) -> str:
    """The table of all DLLs."""
    lines = [
        _HEAD,
        "# Coverage of the Windows 98 SE API",
        "",
        "Of the functions that each DLL exported in Windows 98 Second Edition: **full** behaves as documented;",
        "**partial** works, and the note says what is missing; **stub** answers with an honest failure or a documented",
        "no-effect success; **absent** binds, and ends the program with a message when it is called. *Demand met*",
        f"counts imports: of all imports of the DLL in {PROGRAMS} programs and DLLs of the time, the share that leads",
        "to a full or partial function. What to do next is in [missing.md](missing.md).",
        "",
        "| DLL | exports | full | partial | stub | absent | demand met |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    totals = dict.fromkeys(_WORDS, 0)
    for stem in stems:
        info = exports.module_info(stem)
        assert info is not None
        functions = rows(stem)
        counts = {word: sum(1 for row in functions if row.status == word) for word in _WORDS}
        for word in _WORDS:
            totals[word] += counts[word]
        name = f"[{info.file_name}]({info.file_name}.md)" if has_page(stem) else info.file_name
        lines.append(
            f"| {name} | {len(functions)} | "
            + " | ".join(str(counts[word]) for word in _WORDS)
            + f" | {_share(functions)} |"
        )
    lines.append(f"| **all** | {sum(totals.values())} | " + " | ".join(str(totals[word]) for word in _WORDS) + " | |")
    return "\n".join(lines) + "\n"


def _share(functions: list[Row]) -> str:
    wanted = sum(row.demand for row in functions)
    met = sum(row.demand for row in functions if row.status in ("full", "partial"))
    return f"{100 * met // wanted} %" if wanted else "–"


def missing(stems: list[str]) -> str:
    """What is absent or a stub, by demand."""
    found = [
        (row.demand, exports.module_info(stem), row)
        for stem in stems
        for row in rows(stem)
        if row.status in ("absent", "stub") and row.demand
    ]
    found.sort(key=lambda item: (-item[0], item[1].file_name if item[1] else "", item[2].label))
    lines = [
        _HEAD,
        "# What is missing, by demand",
        "",
        "Functions without an implementation, or with a stub only, by the number of programs",
        f"(of {PROGRAMS}) that import them. The first {min(MISSING_SHOWN, len(found))} of {len(found)};",
        "start one with `python tools/new_api.py DLL NAME`.",
        "",
        "| programs | DLL | function | state | note |",
        "|---:|---|---|---|---|",
    ]
    for count, info, row in found[:MISSING_SHOWN]:
        assert info is not None
        lines.append(f"| {count} | {info.file_name} | {_cell(row.label)} | {row.status} | {_cell(row.note)} |")
    return "\n".join(lines) + "\n"


def pages() -> dict[str, str]:
    """File name -> content of everything in docs/api. A DLL that nobody implements or asks for is in the overview
    only.
    """
    stems = exports.modules()
    found = {"README.md": overview(stems), "missing.md": missing(stems)}
    for stem in stems:
        info = exports.module_info(stem)
        assert info is not None
        if has_page(stem):
            found[f"{info.file_name}.md"] = page(stem)
    return found


def has_page(stem: str) -> bool:
    """Whether there is anything to say about the DLL's functions."""
    return any(row.demand or row.status != "absent" for row in rows(stem))


def stale() -> list[str]:
    """Names of pages that differ from what the sources say, and of files that should not be there."""
    wanted = pages()
    present = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    return sorted(name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name))


def main() -> int:
    """Write or check."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="only say whether the pages are fresh")
    options = parser.parse_args()
    if options.check:
        names = stale()
        if names:
            print(f"not fresh: {', '.join(names)}; run: python tools/coverage.py")
        return 1 if names else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = pages()
    for path in FOLDER.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    for name, content in wanted.items():
        (FOLDER / name).write_text(content, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
