"""Nothing leaks: programs that start, allocate and end, a third of them by SIGKILL, leave the arena as it was."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.guest.build import build_exe, text_source
from tests.guest.run import Runner

SOURCE = r"""
#include <windows.h>
/* Takes memory in every way there is, says so, and ends when its input does. */
int main(void)
{
    char byte;
    DWORD done;
    for (int i = 1; i <= 8; i++) {
        char *small = HeapAlloc(GetProcessHeap(), 0, i * 1000);
        char *large = VirtualAlloc(NULL, i * 0x80000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
        if (!small || !large)
            return 1;
        small[0] = large[i * 0x70000] = 1;
    }
    LoadLibraryA("user32.dll");
    WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), "+", 1, &done, NULL);
    ReadFile(GetStdHandle(STD_INPUT_HANDLE), &byte, 1, &done, NULL);
    return 0;
}
"""
PARALLEL = 4


def state(world: Runner) -> tuple[list[object], list[object]]:
    """The ledger's ranges and programs, without what changes with time."""
    ranges = json.loads(world.w9x("arena", "--json").stdout)
    programs = json.loads(world.w9x("ps", "--json").stdout)
    return ranges, programs


def settle(world: Runner, wanted: object) -> object:
    """The daemon hears of a death through its pidfd, at once but not before us: ask until it has."""
    deadline = time.monotonic() + 20
    while (now := state(world)) != wanted and time.monotonic() < deadline:
        pass
    return now


@pytest.mark.parametrize("starts", [24, pytest.param(1000, marks=[pytest.mark.long, pytest.mark.timeout(1200)])])
def test_starts_and_exits_leave_ledger_and_blocks_as_they_were(w9x: Runner, starts: int) -> None:
    program = build_exe("leaker", [text_source("leaker.c", SOURCE)])
    choose = random.Random(9)
    assert w9x.run(program, stdin=b"x").returncode == 0  # the system DLLs stay in the arena from now on
    before = state(w9x)
    blocks = arena_blocks(w9x)
    for first in range(0, starts, PARALLEL):
        batch = range(first, min(first + PARALLEL, starts))
        guests = [w9x.popen(program) for _ in batch]
        for index, guest in zip(batch, guests, strict=True):
            assert guest.stdin is not None and guest.stdout is not None
            if index % 3 == 0:
                if choose.random() < 0.5:
                    guest.stdout.read(1)  # half of them when they hold everything, half at any moment before
                os.kill(guest.pid, signal.SIGKILL)
            else:
                assert guest.stdout.read(1) == b"+"
                guest.stdin.close()
        for index, guest in zip(batch, guests, strict=True):
            code = guest.wait(timeout=60)
            assert code == (-signal.SIGKILL if index % 3 == 0 else 0)
            for stream in (guest.stdin, guest.stdout, guest.stderr):
                if stream is not None:
                    stream.close()
    assert settle(w9x, before) == before
    assert arena_blocks(w9x) <= blocks + 8  # 512-byte units: one page of the file system's own book-keeping


def arena_blocks(world: Runner) -> int:
    """Blocks of 512 bytes that the arena file occupies."""
    return (Path(world.env["W9X_RUNTIME_DIR"]) / "arena").stat().st_blocks
