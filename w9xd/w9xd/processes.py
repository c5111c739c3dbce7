"""The ledger of guest processes, their modules, and the ids that processes and threads get.

Guest ids: Windows 9x process and thread ids are addresses of kernel structures XORed with a value chosen at boot;
programs see large numbers such as FFFC1235h and print them as negative ones. Ours start with F and are multiples
of 4, as ids are on every Windows that does not obfuscate them, so that a program that masks the low bits of an id
keeps working. They count up through 16 million numbers before one comes again, and never equal a living one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from sortedcontainers import SortedDict  # type: ignore[import-untyped]  # ships no types

from w9x_arena.messages import Code, ModuleRow, ProcessRow, ProcessState, WindowsProfile
from w9xd.journal import Put, Rows, put_nowhere
from w9xd.ranges import Refused

ID_FIRST, ID_END, ID_STEP = 0xF000_0004, 0xF400_0000, 4
MODULES_PER_PROCESS = 1024


@dataclass(slots=True)
class Process:
    """One guest process. ``start_ticks`` tells its Linux pid from a later process with the same number."""

    pid: int
    linux_pid: int
    start_ticks: int
    parent: int
    program: str
    command_line: str
    engine: str
    windows: WindowsProfile
    started_ms: int
    state: ProcessState = "starting"
    modules: SortedDict[int, tuple[str, int]] = field(default_factory=SortedDict)

    def row(self) -> ProcessRow:
        """What ``ps`` shows."""
        return ProcessRow(
            self.pid,
            self.linux_pid,
            self.parent,
            self.program,
            self.command_line,
            self.engine,
            self.windows,
            self.state,
            self.started_ms,
        )


class ProcessLedger:
    """Living guest processes by guest pid."""

    def __init__(self, put: Put = put_nowhere) -> None:
        self._put = put
        self._processes: SortedDict[int, Process] = SortedDict()
        self._next = ID_FIRST

    def __len__(self) -> int:
        return len(self._processes)

    def all(self) -> list[Process]:
        """Processes by guest pid."""
        return list(self._processes.values())

    def get(self, pid: int) -> Process | None:
        """The living process ``pid``."""
        return self._processes.get(pid)

    def allocate_ids(self, count: int) -> int:
        """The first of ``count`` consecutive unused ids, ID_STEP apart."""
        while True:
            first = self._next
            if first + count * ID_STEP > ID_END:
                first = ID_FIRST
            self._next = first + count * ID_STEP
            if not any(True for _ in self._processes.irange(first, self._next - 1)):
                self._put(("n",), self._next)
                return first

    def add(self, linux_pid: int, start_ticks: int, started_ms: int, **about: Any) -> Process:
        """A process starts; ``about``: parent, program, command_line, engine, windows."""
        process = Process(self.allocate_ids(1), linux_pid, start_ticks, started_ms=started_ms, **about)
        if process.parent not in self._processes:
            process.parent = 0
        self._processes[process.pid] = process
        self._put_process(process)
        return process

    def remove(self, process: Process) -> None:
        """A process ended, its modules with it."""
        for base in process.modules:
            self._put(("m", process.pid, base), None)
        self._processes.pop(process.pid, None)
        self._put(("p", process.pid), None)

    def set_state(self, process: Process, state: ProcessState) -> None:
        """What the process says it does."""
        process.state = state
        self._put_process(process)

    def add_module(self, process: Process, name: str, base: int, size: int) -> None:
        """A module is loaded. Raises :class:`Refused` (LIMIT)."""
        if base not in process.modules and len(process.modules) >= MODULES_PER_PROCESS:
            raise Refused(Code.LIMIT, f"a process may have {MODULES_PER_PROCESS} modules")
        process.modules[base] = (name, size)
        self._put(("m", process.pid, base), [name, size])

    def remove_module(self, process: Process, base: int) -> None:
        """A module is unloaded. Raises :class:`Refused` (NOT_FOUND)."""
        if process.modules.pop(base, None) is None:
            raise Refused(Code.NOT_FOUND, f"no module at {base:#010x}")
        self._put(("m", process.pid, base), None)

    def modules(self, pid: int) -> list[ModuleRow]:
        """Modules of one process, or of all when ``pid`` is 0."""
        chosen = self.all() if not pid else [process for process in (self.get(pid),) if process]
        return [
            ModuleRow(process.pid, name, base, size)
            for process in chosen
            for base, (name, size) in process.modules.items()
        ]

    def _put_process(self, p: Process) -> None:
        row = [p.linux_pid, p.start_ticks, p.parent, p.program, p.command_line, p.engine, p.windows, p.started_ms]
        self._put(("p", p.pid), [*row, p.state])

    def restore(self, rows: Rows) -> None:
        """Rebuild an empty ledger from journal rows. Raises ValueError, KeyError or TypeError when they are bad."""
        for _key, value in rows.of("n"):
            self._next = int(value)
            self._put(("n",), self._next)
        for key, value in rows.of("p"):
            process = Process(key[1], *value)
            self._processes[process.pid] = process
            self._put_process(process)
        for key, (name, size) in rows.of("m"):
            self.add_module(self._processes[key[1]], name, key[2], size)


def start_ticks(linux_pid: int) -> int:
    """When a Linux process started, in clock ticks since boot (proc(5), field 22). Raises OSError."""
    with open(f"/proc/{linux_pid}/stat", "rb") as file:
        text = file.read()
    return int(text[text.rindex(b")") + 2 :].split()[19])


def owner_uid(linux_pid: int) -> int:
    """The user of a Linux process. Raises OSError."""
    return os.stat(f"/proc/{linux_pid}").st_uid
