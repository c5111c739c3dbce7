"""Runs the workloads on each runner and collects their result lines. Knows nothing of tables or targets."""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.programs import HELLO, HELLO_CRT, WORKLOADS, Workload, expected_api, launcher
from tests.guest.run import Runner

PROGRAM_TIMEOUT = 900.0
NATIVE, QEMU = "native", "qemu-i386"


@dataclass
class Results:
    """What one run of the harness measured.

    times     runner -> result name -> microseconds, one per run
    failures  lines for the user: wrong checksums, programs that did not finish
    sums      runner -> result name -> checksums seen (one, if all is well)
    starts    runner -> seconds from start to end of the hello program, one per run
    cpu       runner -> seconds of processor time of that run, one per run
    memory    runner -> peak resident memory of that run in kilobytes, one per run
    """

    divisor: int
    times: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    sums: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    starts: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, list[int]] = field(default_factory=dict)

    def median(self, runner: str, name: str) -> float | None:
        """Median microseconds, or None when that runner has no such result."""
        values = self.times.get(runner, {}).get(name)
        return statistics.median(values) if values else None

    def as_json(self) -> dict[str, object]:
        return {
            "machine": machine(),
            "divisor": self.divisor,
            "times_us": self.times,
            "failures": self.failures,
            "notes": self.notes,
            "starts_s": self.starts,
            "starts_cpu_s": self.cpu,
            "memory_kb": self.memory,
        }


def machine() -> dict[str, object]:
    """CPU model, number of CPUs this process may use, load average of the last minute, kernel, Python."""
    model = platform.processor()
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {
        "cpu": model,
        "cpus": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def w9x_engines(world: Runner, results: Results) -> list[str]:
    """The engines that run the hello program here ("reference" for W9X_TEST_RUNNER); notes say why others do not."""
    if world.is_reference:
        return ["reference"]
    working = []
    for engine in ("native", "unicorn"):
        done = world.run(HELLO.guest(), options=["--engine", engine], timeout=60)
        if done.returncode == 0 and done.stdout.startswith(b"hello"):
            working.append(engine)
        else:
            told = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
            results.notes.append(f"engine {engine}: {' '.join(told) or f'exit code {done.returncode}'}")
    return working


def measure(
    runs: int,
    divisor: int,
    only: Sequence[str],
    engines: Sequence[str] | None,
    say: Callable[[str], None],
) -> Results:
    """Build everything, then run every chosen workload `runs` times on every runner.

    only      name prefixes of programs, results, or "hello"; empty means all
    engines   engines of w9x to use; None means those that work
    """
    results = Results(divisor)
    load, cpus = os.getloadavg()[0], len(os.sched_getaffinity(0))
    if load > cpus / 2:
        results.notes.append(
            f"the machine was busy before this began (load {load:.1f} on {cpus} CPUs): times are too long"
        )
    chosen = [w for w in WORKLOADS if _wanted((w.name, *w.results), only)]
    world = Runner()
    try:
        found = w9x_engines(world, results) if engines is None else list(engines)
        if not found:
            results.failures.append("w9x runs hello.exe on no engine")
        commands = _commands(world, found, results)
        for workload in chosen:
            for runner, command in commands.items():
                _repeat(workload, runner, command(workload), runs, results, world, say)
        if _wanted(("hello",), only):
            _starts(commands, max(runs * 3, 5), results, world, say)
    finally:
        world.stop()
    _check(results)
    return results


Command = Callable[[Workload], "list[str] | None"]


def _wanted(names: Sequence[str], only: Sequence[str]) -> bool:
    return not only or any(name.startswith(prefix) for name in names for prefix in only)


def _commands(world: Runner, engines: Sequence[str], results: Results) -> dict[str, Command]:
    def host(prefix: list[str]) -> Command:
        return lambda w: [*prefix, str(w.host())] if w.native else None

    def guest(engine: str) -> Command:
        return lambda w: world.command(w.guest(), options=["--engine", engine])

    commands: dict[str, Command] = {NATIVE: host([])}
    qemu = shutil.which(QEMU)
    if qemu:
        commands[QEMU] = host([qemu])
    else:
        results.notes.append("qemu-i386 is not installed (Debian package qemu-user): its ratios are missing")
    for engine in engines:
        commands[f"w9x {engine}"] = guest(engine)
    return commands


def _repeat(
    workload: Workload,
    runner: str,
    command: list[str] | None,
    runs: int,
    results: Results,
    world: Runner,
    say: Callable[[str], None],
) -> None:
    if command is None:
        return
    if results.divisor > 1:
        command = [*command, str(results.divisor)]
    for number in range(runs):
        say(f"{workload.name} on {runner}, {number + 1} of {runs}")
        try:
            done = subprocess.run(
                command,
                env=world.env,
                cwd=world.folder,
                capture_output=True,
                timeout=PROGRAM_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            results.failures.append(f"{workload.name} on {runner}: not done after {PROGRAM_TIMEOUT:g} s")
            return
        seen = _collect(runner, done.stdout, results)
        missing = [name for name in workload.results if name not in seen]
        if done.returncode or missing:
            told = (done.stderr or done.stdout).decode("latin-1").strip().splitlines()[-1:]
            results.failures.append(
                f"{workload.name} on {runner}: exit code {done.returncode}, no result for"
                f" {', '.join(missing) or 'none'}; {' '.join(told)}"
            )
            return


def _collect(runner: str, output: bytes, results: Results) -> set[str]:
    seen = set()
    for line in output.decode("latin-1").splitlines():
        words = line.split()
        if len(words) == 4 and words[0] == "R" and words[2].isdigit():
            name = words[1]
            seen.add(name)
            results.times.setdefault(runner, {}).setdefault(name, []).append(int(words[2]))
            results.sums.setdefault(runner, {}).setdefault(name, set()).add(words[3])
        elif words[:1] == ["FAIL"]:
            results.failures.append(f"{runner}: {line.strip()}")
    return seen


def _check(results: Results) -> None:
    """Every runner's checksums must be the native build's, or what the source computes where nothing is native."""
    right = {name: set(sums) for name, sums in results.sums.get(NATIVE, {}).items()}
    if any(name.startswith("d.") for sums in results.sums.values() for name in sums):
        right |= {name: {f"{value:08x}"} for name, value in expected_api(results.divisor).items()}
    for runner, sums in results.sums.items():
        for name, values in sums.items():
            if values != right.get(name):
                wanted = ", ".join(sorted(right.get(name, {"unknown"})))
                results.failures.append(f"{name} on {runner}: checksum {', '.join(sorted(values))}, expected {wanted}")


def _starts(
    commands: dict[str, Command],
    runs: int,
    results: Results,
    world: Runner,
    say: Callable[[str], None],
) -> None:
    """Time the hello program from start to end; for w9x the daemon is running already (warm)."""
    timeit = str(launcher())
    for workload, suffix in ((HELLO, ""), (HELLO_CRT, " (C runtime)")):
        for runner, command in commands.items():
            line = command(workload)
            if line is None:
                continue
            say(f"hello{suffix} on {runner}, {runs} times")
            done = subprocess.run(
                [timeit, str(runs + 1), *line],
                env=world.env,
                cwd=world.folder,
                capture_output=True,
                text=True,
                timeout=PROGRAM_TIMEOUT,
                check=False,
            )
            rows = [row.split() for row in done.stdout.splitlines() if row.startswith("T ")]
            if len(rows) != runs + 1 or any(row[3] != "0" for row in rows):
                results.failures.append(f"hello{suffix} on {runner}: did not run {runs + 1} times with exit code 0")
                continue
            rows = rows[1:]  # the first one warms the page cache and starts the daemon
            results.starts[runner + suffix] = [int(row[1]) / 1e6 for row in rows]
            results.memory[runner + suffix] = [int(row[2]) for row in rows]
            results.cpu[runner + suffix] = [int(row[4]) / 1e6 for row in rows]
