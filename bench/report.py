"""Turns measurements into a table, and judges them against the targets. The targets stand here and nowhere else."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from bench.measure import NATIVE, QEMU, Results, machine
from bench.programs import CALLS, SLOW_CALLS, WORKLOADS

# Times of w9x as multiples of qemu-i386's in the same run.
RATIO_TARGETS = {
    "a.sieve": 5.0,
    "a.dhry": 5.0,
    "a.crc32": 2.5,
    "c.repmovs": 6.0,
    "b.mandel": 1.2,
    "b.nbody": 1.2,
}
ROUND_TRIP_TARGET_US = 4.0
# Functions called millions of times must not leave the guest at all: an eighth of a round trip, at the very most.
GUEST_CODE_TARGET_US = ROUND_TRIP_TARGET_US / 8
GUEST_CODE = ("d.GetLastError", "d.TlsGetValue", "d.GetTickCount")
WRITE_TARGET_US = 3_000_000 / SLOW_CALLS
START_TARGET_S = 0.25
MEMORY_TARGET_MB = 70.0


@dataclass(frozen=True)
class Budget:
    """One target and what was measured; `value` None means that nothing was."""

    name: str
    value: float | None
    limit: float
    unit: str

    @property
    def met(self) -> bool:
        return self.value is not None and self.value <= self.limit


def w9x_runners(results: Results) -> list[str]:
    """The columns of w9x, in the order they were measured."""
    return [runner for runner in results.times if runner.startswith("w9x")] or [
        runner for runner in results.starts if runner.startswith("w9x") and "(" not in runner
    ]


def per_call(results: Results, runner: str, name: str) -> float | None:
    """Microseconds per call of one of the API loops."""
    value = results.median(runner, name)
    if value is None:
        return None
    many = CALLS if name in GUEST_CODE else SLOW_CALLS
    return value / (many // results.divisor)


def budgets(results: Results, runner: str) -> list[Budget]:
    """All targets for one engine of w9x."""
    found = []
    start, memory = results.starts.get(runner), results.memory.get(runner)
    if start and memory:
        found.append(Budget("hello.exe warm start", statistics.median(start), START_TARGET_S, "s"))
        found.append(Budget("hello.exe peak memory", statistics.median(memory) / 1024, MEMORY_TARGET_MB, "MB"))
    measured = results.times.get(runner, {})
    if "t.MulDiv" in measured:
        trip, empty = per_call(results, runner, "t.MulDiv"), per_call(results, runner, "t.ownfunc")
        value = None if trip is None or empty is None else trip - empty
        found.append(Budget("API round trip (MulDiv)", value, ROUND_TRIP_TARGET_US, "µs"))
    for name in GUEST_CODE:
        if name in measured:
            value = per_call(results, runner, name)
            found.append(Budget(f"{name.removeprefix('d.')}, per call", value, GUEST_CODE_TARGET_US, "µs"))
    for name, limit in RATIO_TARGETS.items():
        mine, peer = results.median(runner, name), results.median(QEMU, name)
        if mine is not None and peer:
            found.append(Budget(f"{name} against {QEMU}", mine / peer, limit, "x"))
    if "d.WriteFile16" in measured:
        value = per_call(results, runner, "d.WriteFile16")
        found.append(Budget("WriteFile of 16 bytes, per call", value, WRITE_TARGET_US, "µs"))
    return found


def show(results: Results) -> bool:
    """Print the report; True when every measured target is met."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console = Console(width=130)  # a file or a pipe has no width to keep to
    host = machine()
    console.print(f"{host['cpu']}, {host['cpus']} CPUs, Linux {host['kernel']}, Python {host['python']}")
    mine = w9x_runners(results)
    columns = [runner for runner in (NATIVE, QEMU, *mine) if runner in results.times]
    if columns:
        title = "medians in seconds" + (f", loop counts divided by {results.divisor}" if results.divisor > 1 else "")
        table = Table(title=title)
        table.add_column("test", no_wrap=True)
        for column in columns:
            table.add_column(column, justify="right")
        for runner in mine:
            for peer in (NATIVE, QEMU):
                table.add_column(f"{runner.removeprefix('w9x ')} : {peer}", justify="right", no_wrap=True)
        for name in (name for workload in WORKLOADS for name in workload.results):
            values = {column: results.median(column, name) for column in columns}
            if all(value is None for value in values.values()):
                continue
            cells = [_seconds(values[column]) for column in columns]
            cells += [_ratio(values.get(r), results.median(peer, name)) for r in mine for peer in (NATIVE, QEMU)]
            table.add_row(name, *cells)
        console.print(table)
    if results.starts:
        table = Table(title="start to end of hello.exe, daemon running")
        for heading in ("runner", "median s", "fastest s", "slowest s", "CPU s", "peak MB"):
            table.add_column(heading, justify="left" if heading == "runner" else "right")
        for runner, starts in results.starts.items():
            peak = f"{statistics.median(results.memory[runner]) / 1024:.1f}"
            times = (statistics.median(starts), min(starts), max(starts), statistics.median(results.cpu[runner]))
            table.add_row(runner, *(f"{value:.4f}" for value in times), peak)
        console.print(table)
    good = True
    for runner in mine:
        table = Table(title=f"targets, {runner}")
        for heading in ("target", "measured", "limit", ""):
            table.add_column(heading, justify="right" if heading in ("measured", "limit") else "left")
        for budget in budgets(results, runner):
            good &= budget.met
            value = "–" if budget.value is None else f"{budget.value:.3g} {budget.unit}"
            mark = "[green]met[/]" if budget.met else "[red]missed[/]"
            table.add_row(budget.name, value, f"{budget.limit:g} {budget.unit}", mark)
        if table.row_count:
            console.print(table)
    for line in results.notes:
        console.print(f"note: {line}", markup=False)
    for line in results.failures:
        console.print(f"failure: {line}", style="red", markup=False)
    return good


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value / 1e6:.4f}"


def _ratio(value: float | None, peer: float | None) -> str:
    return f"{value / peer:.2f}x" if value is not None and peer else "–"
