"""Starting a program: from what the user asked for to a running `Process`.

`launch` does everything `w9x run` does after its options are parsed, and returns the exit code. Failures that the
user can mend are `LaunchError` with one line and the exit code of a shell: 126 for a program that cannot run, 127 for
one that is not there.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from w9x_arena import paths
from w9x_client import drives, loader
from w9x_client.abi import Err, GuestExit, WinError
from w9x_client.engine.choice import AUTO, engine_class
from w9x_client.engine.interface import Engine, EngineDied, EngineUnavailable
from w9x_client.engine.space import AddressSpace

from .environment import Environment
from .files import standard_handles
from .process import Process
from .terminal import CTRL_C_EVENT, deliver_ctrl
from .ticker import Ticker
from .version import DEFAULT_PROFILE, WindowsVersion, windows_version

if TYPE_CHECKING:
    from w9x_arena.rpc import Connection

    from .task import Task

TIMED_OUT, CANNOT_RUN, NOT_FOUND = 124, 126, 127
CONTROL_C = 0xC000013A


class LaunchError(Exception):
    """The program was not started; the message is one line for the user."""

    def __init__(self, text: str, exit_code: int = CANNOT_RUN) -> None:
        super().__init__(text)
        self.exit_code = exit_code


@dataclass(slots=True)
class RunOptions:
    """What the user asked for."""

    program: str
    """A Linux path, or a Windows path on one of the drives."""
    arguments: list[str] = field(default_factory=list)
    engine: str = "auto"
    windows: str = DEFAULT_PROFILE
    arena: str = "shared"
    drives: list[str] = field(default_factory=list)
    """Each ``X:=PATH`` or ``X:=PATH:ro``."""
    environment: list[str] = field(default_factory=list)
    """Each ``NAME=VALUE``, or ``NAME`` for the host's value."""
    timeout: float | None = None
    trace: str | None = None
    """Relay filter such as ``*,-kernel32.heap``; None for no trace."""
    trace_file: str | None = None
    daemon: bool = True
    """False: a process on its own, without the shared arena (tests)."""
    parent: int = 0
    """Guest pid of the process that asked for it; 0 for the user."""
    command_line: str | None = None
    """The exact command line, where CreateProcess gave one."""
    current_directory: str | None = None
    """Guest path; None: the host's current directory."""


def default_environment(profile_directory: str = r"C:\WINDOWS") -> Environment:
    """What a fresh Windows 98 sets in AUTOEXEC.BAT and the kernel at boot."""
    return Environment(
        {
            "TMP": profile_directory + r"\TEMP",
            "TEMP": profile_directory + r"\TEMP",
            "PROMPT": "$p$g",
            "winbootdir": profile_directory,
            "COMSPEC": profile_directory + r"\COMMAND.COM",
            "PATH": rf"{profile_directory};{profile_directory}\COMMAND",
            "windir": profile_directory,
        }
    )


def _fill_standard_descriptors() -> frozenset[int]:
    """Which of the descriptors 0, 1 and 2 are closed; they are open on the null device afterwards.

    Otherwise the next file that is opened, the arena perhaps, would be the guest's standard input.
    """
    closed = set()
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            closed.add(number)
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free is this one
    return frozenset(closed)


def _full_disk(error: WinError) -> str:
    """Where the memory is missing: shared memory is a file."""
    return f" (is {paths.runtime_dir()} full?)" if error.code == Err.NOT_ENOUGH_MEMORY else ""


def _find_program(table: drives.DriveTable, text: str) -> tuple[str, str]:
    """(host path, guest path or '') of the program the user named."""
    if re.match(r"^[A-Za-z]:", text) or text.startswith("\\"):
        for candidate in (text, text + ".exe"):
            try:
                found = table.resolve(candidate)
            except WinError as error:
                raise LaunchError(f"{text}: {error}", NOT_FOUND) from None
            if found.exists and not found.is_directory:
                return found.path, str(found.guest)
        raise LaunchError(f"{text}: no such file on its drive; 'w9x drive' lists the drives", NOT_FOUND)
    for candidate in (text, text + ".exe"):
        if os.path.isfile(candidate):
            return os.path.abspath(candidate), ""
    if os.path.isdir(text):
        raise LaunchError(f"{text} is a directory, not a program", CANNOT_RUN)
    if os.path.exists(text):
        raise LaunchError(f"{text} is a device or pipe, not a program", CANNOT_RUN)
    raise LaunchError(f"{text}: no such file", NOT_FOUND)


def _environment(options: RunOptions, connection: Connection | None) -> Environment:
    environment = default_environment()
    if connection is not None:
        from w9x_arena import messages

        for row in connection.call(messages.GetEnvironment()).rows:
            environment[row.name] = row.value
    for item in options.environment:
        name, sign, value = item.partition("=")
        if not name:
            raise LaunchError(f"--env {item}: write NAME=VALUE, or NAME to pass the host's value on")
        if not sign:
            if name not in os.environ:
                continue
            value = os.environ[name]
        if value:
            environment[name] = value
        else:
            environment.pop(name, None)
    return environment


def _choose_engine(options: RunOptions) -> tuple[str, Callable[[AddressSpace], Engine]]:
    """Name and class of the engine; a host that cannot run it is found when the engine starts."""
    try:
        chosen = engine_class(options.engine)
    except ValueError as error:
        raise LaunchError(str(error)) from None
    return AUTO if options.engine == "auto" else options.engine, chosen


class Session:
    """A started process together with its clock, signals and time-out."""

    def __init__(self, options: RunOptions) -> None:
        self.options = options
        self._closed = _fill_standard_descriptors()
        self._interrupts = 0
        try:
            os.getcwd()
        except OSError as error:
            raise LaunchError(f"the current directory cannot be used: {error.strerror}") from None
        engine_name, self._engine_class = _choose_engine(options)
        try:
            version = windows_version(options.windows)
        except ValueError as error:
            raise LaunchError(str(error)) from None
        if options.arena not in ("shared", "private"):
            raise LaunchError(f"--arena {options.arena}: choose shared or private")
        table = drives.open_table(paths.data_dir())
        for text in options.drives:
            try:
                table.add_option(text)
            except drives.DriveError as error:
                raise LaunchError(str(error)) from None
        host, guest = _find_program(table, options.program)
        image = self._read(host)
        connection = self._connect(options, host, engine_name) if options.daemon else None
        self.connection = connection
        try:
            self._build(options, version, table, connection, host, guest, image)
        except WinError as error:
            if connection is not None:
                connection.close()
            raise LaunchError(f"{os.path.basename(host)} cannot be started: {error}{_full_disk(error)}") from None
        except OSError as error:
            if connection is not None:
                connection.close()
            room = "; it needs 4 GB of address space ('ulimit -v')" if error.errno == errno.ENOMEM else ""
            raise LaunchError(f"{os.path.basename(host)} cannot be started: {error.strerror}{room}") from None
        except BaseException:
            if connection is not None:
                connection.close()
            raise

    @staticmethod
    def _read(host: str) -> loader.Program:
        try:
            return loader.read_program(host)
        except loader.ImageError as error:
            raise LaunchError(f"{os.path.basename(host)}: {error}", error.exit_code) from None
        except OSError as error:
            raise LaunchError(f"{host}: {error.strerror}", CANNOT_RUN) from None

    @staticmethod
    def _connect(options: RunOptions, host: str, engine_name: str) -> Connection:
        from w9x_arena import rpc
        from w9x_arena.paths import PathError

        try:
            return rpc.Connection.open(
                os.path.basename(host), engine_name,
                command_line=" ".join([options.program, *options.arguments])[:4096],
                windows=options.windows.lower(),  # type: ignore[arg-type]  # checked against the same list
                parent=options.parent,
            )  # fmt: skip
        except (rpc.DaemonUnavailable, rpc.ProtocolMismatch, rpc.RpcError, PathError) as error:
            raise LaunchError(str(error)) from None

    def _build(
        self, options: RunOptions, version: WindowsVersion, table: drives.DriveTable, connection: Connection | None,
        host: str, guest: str, image: loader.Program,
    ) -> None:  # fmt: skip
        if connection is not None:
            from w9x_arena import messages

            for row in connection.call(messages.ListDrives()).rows:
                if row.letter.upper() not in table.drives and os.path.isdir(row.path):
                    table.add(row.letter, row.path, read_only=row.read_only)
        self._set_directories(table, options, host)
        if not guest:
            guest = table.to_guest(host) or ""
            if not guest:
                raise LaunchError(f"{host} is on no drive")
        arena = None
        if connection is not None:
            from w9x_arena.segment import ArenaError, ArenaFile

            try:
                arena = ArenaFile.open(paths.arena_path())
            except ArenaError as error:
                raise LaunchError(str(error)) from None
        space = AddressSpace(arena, connection, private=options.arena == "private")
        try:
            engine = self._engine_class(space)
        except EngineUnavailable as error:
            raise LaunchError(f"{error}; use --engine unicorn (or auto)") from None
        environment = _environment(options, connection)
        process = Process(space, engine, table, version, environment, connection)
        self.process = process
        process.command_line = options.command_line or subprocess.list2cmdline([guest, *options.arguments])
        process.std_handles = standard_handles(process, self._closed)
        if options.trace is not None:
            from .trace import Relay

            process.trace = Relay(process, options.trace, options.trace_file)
        task = process.new_task()
        process.main_task = task
        process.spawn(
            task, process.main_life(task, image, guest), image.image.stack_reserve, image.image.stack_commit
        )
        deadline = None if options.timeout is None else time.monotonic() + options.timeout
        self.ticker = Ticker(process, deadline, self._timed_out, self._signal)

    @staticmethod
    def _set_directories(table: drives.DriveTable, options: RunOptions, host: str) -> None:
        wanted = [os.path.dirname(host)]
        current = os.getcwd()
        if options.current_directory is None and current != "/":
            wanted.append(current)
        try:
            places = table.expose_all([path for path in wanted if path != "/"])
        except drives.DriveError as error:
            raise LaunchError(str(error)) from None
        start = options.current_directory or (places[-1] if current != "/" else "C:\\")
        try:
            table.set_current(start)
        except WinError as error:
            raise LaunchError(f"{start}: {error}") from None

    # --- while it runs ---------------------------------------------------------------
    def _timed_out(self) -> None:
        def end() -> None:
            self.process.messages.warn(f"{self.options.program}: ended after {self.options.timeout:g} s (--timeout)")
            raise GuestExit(TIMED_OUT)

        self.process.scheduler.later(end)

    def _signal(self, number: int) -> None:
        if number == signal.SIGINT:
            self._interrupts += 1
            if self._interrupts == 1:
                self.process.scheduler.later(self._control_c)
                return
        code = CONTROL_C if number == signal.SIGINT else 128 + number

        def end() -> None:
            raise GuestExit(code)

        self.process.scheduler.later(end)

    def _control_c(self) -> None:
        """CTRL_C_EVENT: a thread of its own runs the program's handlers, as on Windows."""
        process = self.process
        task = process.new_task()
        process.spawn(task, self._control_life(task), 0x10_0000, 0x2000)

    async def _control_life(self, task: Task) -> None:
        await loader.thread_attach(task)
        await deliver_ctrl(task, CTRL_C_EVENT)
        await self.process.exit_thread(task, 0)

    def run(self) -> int:
        """Run to the end; returns the guest's exit code (32 bits)."""
        process = self.process
        previous = {
            number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        self.ticker.start()
        try:
            return process.run()
        except loader.ImageError as error:
            process.messages.warn(str(error))
            return error.exit_code
        except EngineDied as error:
            process.messages.warn(f"{self.options.program}: {error}")
            return 125
        except WinError as error:
            if error.code != Err.NOT_ENOUGH_MEMORY:
                process.messages.warn(process.internal_error(error))
                return 125
            name = os.path.basename(self.options.program)
            process.messages.warn(f"{name} cannot be started: {error}{_full_disk(error)}")
            return CANNOT_RUN
        except Exception as error:  # noqa: BLE001  # the boundary to the user: a defect is one line, never a traceback
            process.messages.warn(process.internal_error(error))
            return 125
        finally:
            self.ticker.close()
            for number, handler in previous.items():
                signal.signal(number, handler)
            process.close()
            if process.trace is not None:
                process.trace.close()


def launch(options: RunOptions) -> int:
    """Run a program; the exit code as the host sees it: the guest's low 8 bits."""
    return Session(options).run() & 0xFF


__all__ = ["LaunchError", "RunOptions", "Session", "launch"]
