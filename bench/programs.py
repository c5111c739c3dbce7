"""The workload programs: sources, how they are built, and which result lines each prints.

A program prints `R name microseconds checksum` per measurement. Checksums of the CPU workloads are those of the
native build in the same run; the API workloads have no native build, so `expected_api` derives theirs from what the
source computes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.guest.build import build_exe, build_native

SOURCES = Path(__file__).resolve().parent / "workloads"
# One code generator setting for guest and host: 80387 arithmetic, no vector code, no library calls for loops.
FLAGS = (
    "-O2",
    "-march=pentium",
    "-mfpmath=387",
    "-std=gnu11",
    "-fno-builtin",
    "-fno-math-errno",
    "-fno-tree-loop-distribute-patterns",
    "-fno-tree-vectorize",
    "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables",
    "-fno-ident",
    "-fexcess-precision=fast",
    "-ffp-contract=off",
)
CALLS = 1_000_000
SLOW_CALLS = 100_000


@dataclass(frozen=True)
class Workload:
    """One program. `native` says that the source also builds for the host (and so for qemu-i386)."""

    name: str
    results: tuple[str, ...]
    native: bool = True
    crt: bool = False

    @property
    def source(self) -> Path:
        return SOURCES / f"{self.name}.c"

    def guest(self) -> Path:
        """The .exe."""
        if self.crt:
            return build_exe(self.name, [self.source], flags=["-O2", "-march=pentium"])
        return build_exe(self.name, [self.source], flags=FLAGS, crt=False)

    def host(self) -> Path:
        """The 32-bit native program, static so that qemu-i386 needs no libraries."""
        return build_native(self.name, [self.source], bits=32, flags=FLAGS, link=["-static"])


WORKLOADS = (
    Workload("a_int", ("a.sieve", "a.crc32", "a.dhry")),
    Workload("b_x87", ("b.mandel", "b.nbody")),
    Workload("c_mem", ("c.repstos", "c.repmovs", "c.loopcpy", "c.loopsum")),
    Workload("c_memcrt", ("c.memset", "c.memcpy", "c.memcpy32x1M")),
    Workload("t_trip", ("t.MulDiv", "t.ownfunc")),
    Workload(
        "d_api",
        (
            "d.GetTickCount",
            "d.TlsGetValue",
            "d.GetLastError",
            "d.HeapAllocFree",
            "d.WriteFile16",
            "d.ReadFile16",
            "d.EventCreateSetWait",
            "d.EventSetWait",
            "d.CritSec",
        ),
        native=False,
    ),
)
HELLO = Workload("g_hello", ())
HELLO_CRT = Workload("g_hellocrt", (), native=False, crt=True)
LAUNCHER = SOURCES / "timeit.c"


def launcher() -> Path:
    """A small native program that starts another N times and reports wall time and peak memory of each.

    Python cannot do this itself: Linux counts the parent's pages into a child's peak until it has called exec.
    """
    return build_native("timeit", [LAUNCHER], flags=["-O2"])


def expected_api(divisor: int) -> dict[str, int]:
    """The checksums of d_api's lines, worked out from its source for these loop counts."""
    calls, slow = CALLS // divisor, SLOW_CALLS // divisor

    def thrice(terms: range, value: int) -> int:
        total = 0
        for _ in terms:
            total = (total * 3 + value) & 0xFFFFFFFF
        return total

    read = 0
    for i in range(slow):
        read = (read * 3 + i + i * 7 + 16) & 0xFFFFFFFF
    event = thrice(range(slow), 1)
    return {
        "d.GetTickCount": 0,
        "d.TlsGetValue": thrice(range(calls), 0x1234567),
        "d.GetLastError": thrice(range(calls), 77),
        "d.HeapAllocFree": _heap(slow),
        "d.WriteFile16": 16 * slow,
        "d.ReadFile16": read,
        "d.EventCreateSetWait": event,
        "d.EventSetWait": event,
        "d.CritSec": calls,
    }


def _heap(rounds: int) -> int:
    slots: list[int | None] = [None] * 64
    x, total = 1, 0
    for _ in range(rounds):
        x = (x * 1103515245 + 12345) & 0xFFFFFFFF
        k = (x >> 16) & 63
        kept = slots[k]
        if kept is not None:
            total = (total * 3 + kept) & 0xFFFFFFFF
        slots[k] = x
    return total
