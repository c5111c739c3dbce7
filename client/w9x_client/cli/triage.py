"""`w9x triage`: what programs need, without running them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from .errors import fail
from .output import print_json, print_table, printable

if TYPE_CHECKING:
    from w9x_client.loader.triage import Report

EPILOG = """\b
For a directory, all programs below it are listed, one line each.
Exit code: 0 when every program is expected to run or may run, 1 when one will not.
Examples:
  w9x triage setup.exe
  w9x triage ~/games
  w9x triage --json setup.exe | jq -r '.missing[].function'
"""


@click.command(epilog=EPILOG)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("-v", "--verbose", is_flag=True, help="List all imported functions, not only what is missing.")
@click.argument("path", metavar="FILE|DIR", type=click.Path())
def triage(path: str, as_json: bool, verbose: bool) -> int:
    """Say what a program is and needs, what of it is missing here, and whether it is expected to run."""
    from w9x_client.loader.triage import examine

    if os.path.isdir(path):
        reports = [report for file in _files(path) if (report := _try(file)) is not None]
        if as_json:
            print_json([as_dict(report) for report in reports])
        else:
            _print_list(path, reports)
    else:
        try:
            reports = [examine(path)]
        except OSError as error:
            fail(f"{path}: {error.strerror}")
        if as_json:
            print_json(as_dict(reports[0]))
        else:
            _print_one(reports[0], verbose)
    return 1 if any(report.expected == "will not run" for report in reports) else 0


def _files(folder: str) -> Iterator[str]:
    for directory, folders, names in os.walk(folder):
        folders.sort(key=str.lower)
        for name in sorted(names, key=str.lower):
            yield os.path.join(directory, name)


def _try(path: str) -> Report | None:
    """The report on a program below a directory; None for other files."""
    from w9x_client.loader.triage import examine

    try:
        if not os.path.isfile(path):
            return None
        report = examine(path)
    except OSError as error:
        click.echo(f"w9x: {path}: {error.strerror}", err=True)
        return None
    return None if report.tier == "not-a-program" else report


def as_dict(report: Report) -> dict[str, Any]:
    """A report as `--json` prints it."""
    return {
        "path": report.path,
        "tier": report.tier,
        "expected": report.expected,
        "reason": report.reason,
        "traits": report.traits,
        "packer": report.packer or None,
        "installer": report.installer or None,
        "imports": {word: report.count(word) for word in ("full", "partial", "stub", "absent")},
        "missing_dlls": report.missing_dlls,
        "missing": [{"dll": need.dll, "function": need.label, "by": need.by or None} for need in report.missing],
        "functions": [asdict(need) for need in report.needs],
    }


def _print_list(folder: str, reports: list[Report]) -> None:
    rows = []
    for report in reports:
        made = ", ".join(filter(None, (report.packer, report.installer)))
        missing = str(len(report.missing)) if report.needs else ""
        rows.append((os.path.relpath(report.path, folder), report.tier, made, missing, report.expected, report.reason))
    print_table(("FILE", "TIER", "PACKED BY", "MISSING", "EXPECTED", "WHY"), rows, right=("MISSING",))


def _print_one(report: Report, verbose: bool) -> None:
    from w9x_client.loader.triage import TIERS

    def line(title: str, text: str) -> None:
        click.echo(f"{title:<10}{printable(text)}")

    line("file", report.path)
    line("kind", f"{TIERS[report.tier]} [{report.tier}]")
    for trait in report.traits:
        line("", trait)
    if report.packer:
        line("packer", report.packer)
    if report.installer:
        line("installer", report.installer)
    if report.needs:
        counts = ", ".join(f"{report.count(word)} {word}" for word in ("full", "partial", "stub", "absent"))
        line("imports", f"{len(report.needs)} functions of Windows: {counts}")
    for dll in report.missing_dlls:
        line("no DLL", dll)
    shown = report.needs if verbose else [need for need in report.needs if need.status in ("absent", "stub")]
    for need in shown:
        by = f"  (for {need.by})" if need.by else ""
        note = f"  {need.note}" if need.note else ""
        line("  " + need.status, f"{need.dll}.{need.label}{note}{by}")
    line("expected", f"{report.expected}: {report.reason}")
