"""300 lives and deaths leave the ledger and the file as they were."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from w9x_arena import layout, paths, rpc
from w9x_arena import messages as m
from w9x_arena.segment import ArenaFile

CYCLES = 300

# Forks from one process that has imported everything and opened no connection yet: 300 interpreters would take a
# minute. Every child's fate is by its number: 0 says goodbye, 1 just exits, 2 is killed somewhere on its way.
CLIENTS = """
import os, random, signal, sys
import zmq
from w9x_arena import layout, messages as m, paths, rpc, segment

def live(number):
    steps = random.Random(number).randrange(12) if number % 3 == 2 else 99
    def step():
        nonlocal steps
        steps -= 1
        if steps < 0:
            os.kill(os.getpid(), signal.SIGKILL)
    c = rpc.Connection.open(f"p{number}.exe", "test")
    step()
    arena = segment.ArenaFile.open(paths.arena_path())
    def place(key, base, size, relocatable, dll):
        placed = c.call(m.PlaceImage(key, base, size, relocatable, dll, key))
        step()
        if placed.mode == "fresh":
            arena.commit(placed.base, size)
            step()
            c.call(m.ImageReady(key))
            step()
    place(f"exe{number % 5}", 0x400000, 0x8000, False, False)
    place("common.dll", 0x10000000, 0x20000, True, False)
    place(f"own{number}.dll", 0x10000000, 0x20000, True, number % 2 == 0)
    for size in (0x10000, 0x100000, 0x234000):
        base = c.call(m.AllocRange(size, 0, "shared", 3, "slab", size == 0x100000, "system")).base
        step()
        arena.commit(base, size)
        first = base // layout.PAGE
        arena.page_map[first : first + 4] = b"\\x83" * 4
        os.pwrite(arena.fd, b"x" * 5000, base)
        step()
    c.call(m.AllocRange(0x10000, 0, "overlay", 3, "", False, "system"))
    c.call(m.RegisterModule("X.EXE", 0x400000, 1))
    step()
    c.call(m.FreeRange(base))
    step()
    if number % 3 == 0:
        c.close()
    if number % 3 == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(0)

running = {}
fates = {"killed": 0, "ended": 0}
def reap():
    pid, status = os.wait()
    number = running.pop(pid)
    if number % 3 == 2:
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, (number, status)
        fates["killed"] += 1
    else:
        assert status == 0, (number, status)
        fates["ended"] += 1
for number in range(int(sys.argv[1])):
    pid = os.fork()
    if not pid:
        try:
            live(number)
        finally:
            sys.excepthook(*sys.exc_info())
            os._exit(9)
    running[pid] = number
    if len(running) == 4:
        reap()
while running:
    reap()
print(fates)
"""


def _descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def _resident_kb(pid: int) -> int:
    fields = Path(f"/proc/{pid}/status").read_text().split()
    return int(fields[fields.index("VmRSS:") + 1])


def test_starts_and_exits_leak_nothing(home: Path) -> None:
    with rpc.Connection.open("witness.exe", "test") as witness:
        witness.call(m.AllocRange(0x10000, 0, "shared", 3, "mine", False, "system"))
        _run(30)
        before = _quiet(witness)
        rows = witness.call(m.ListArena(0)).rows
        descriptors, memory = _descriptors(witness.daemon_pid), _resident_kb(witness.daemon_pid)
        output = _run(CYCLES)
        assert output == f"{{'killed': {CYCLES // 3}, 'ended': {CYCLES - CYCLES // 3}}}"
        after = _quiet(witness)
        assert witness.call(m.ListArena(0)).rows == rows
        assert not witness.call(m.ListModules(0, 0)).rows
        assert after.reserved_bytes == before.reserved_bytes == 0x10000
        # ext4 keeps one block of its extent tree once a file has had more than four extents; a leaked range
        # would be 64 KB at least.
        assert after.arena_bytes - before.arena_bytes <= 4096
        assert (after.processes, after.ranges, after.images, after.sessions) == (1, 1, 0, 1)
        assert _descriptors(witness.daemon_pid) <= descriptors
        assert _resident_kb(witness.daemon_pid) < memory + 2000
        assert (home / "run" / "journal").stat().st_size < 3 << 20
        with ArenaFile.open(paths.arena_path()) as arena:
            assert not any(arena.page_map)
            assert os.lseek(arena.fd, 0, os.SEEK_DATA) >= layout.PAGE_MAP_OFFSET, "no guest data is left"


def _run(cycles: int) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", CLIENTS, str(cycles)], env=environment, stdout=subprocess.PIPE, timeout=120, check=True
    )
    return done.stdout.decode().strip()


def _quiet(witness: rpc.Connection) -> m.Status:
    """The status when the daemon has noticed every death and cleaned up."""
    for _ in range(100_000):
        status = witness.call(m.Ping())
        if status.processes == status.sessions == 1 and not status.reclaiming_bytes:
            return status
    raise AssertionError(f"not quiet: {status}")
