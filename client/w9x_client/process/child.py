"""Starting a program as another emulated process, both ends of it, and the object its handles refer to.

A child is another client of the same daemon: ``python -m w9x_client.process.child FD``, with the standard handles
as descriptors 0, 1 and 2. Over FD, one end of a socket pair, go lines of JSON: the parent sends a `ChildSpec`; the
child answers ``{"pid": .., "tid": ..}`` when its program is there and sound, or ``{"error": code}``, and ``{"exit":
code}`` (32 bits, which Linux would cut to 8) at its end. A child that dies without that line ends with its Linux
status, or for a signal with 80000000h + its number.

A host thread waits for each child; it touches nothing but the scheduler's queue. Imports of the standard library
that only a start of a child needs stand in the functions: every program's start imports this module.
"""

from __future__ import annotations

import sys
import threading
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from w9x_client.abi import Err, WinError

from .objects import KernelObject

if TYPE_CHECKING:
    import socket

    from .process import Process
    from .task import Task

STILL_ACTIVE = 259
MAX_LINE = 0x40_0000


@dataclass
class ChildSpec:
    """What a child process needs to know; JSON on the wire."""

    program: str
    """Guest path."""
    command_line: str
    current: str
    """Guest path of its current directory."""
    environment: list[list[str]]
    windows: str
    drives: list[str]
    """``X:=PATH[:ro]`` as `--drive` takes it."""
    engine: str = "auto"
    arena: str = "shared"
    daemon: bool = True
    parent: int = 0
    startup: dict[str, Any] = field(default_factory=dict)
    """STARTUPINFO fields that GetStartupInfo tells the child: lpDesktop, lpTitle, dwFlags, wShowWindow, ..."""

    def line(self) -> bytes:
        """The spec as one line."""
        import json

        return json.dumps(asdict(self)).encode() + b"\n"


def spec_for(process: Process, program: str, command_line: str) -> ChildSpec:
    """A child that inherits everything from its parent."""
    drives = process.drives.drives.values()
    return ChildSpec(
        program=program,
        command_line=command_line,
        current=process.drives.current,
        environment=[[name, value] for name, value in process.environment.items()],
        windows=process.version.name,
        drives=[f"{drive.letter}:={drive.root}{':ro' if drive.read_only else ''}" for drive in drives],
        engine=process.engine.name,
        arena="private" if process.space.private else "shared",
        daemon=process.daemon is not None,
        parent=process.guest_pid,
    )


class ChildProcess(KernelObject):
    """A process this one has started; signaled when it has ended."""

    def __init__(self, process: Process, spec: ChildSpec, descriptors: tuple[int, int, int]) -> None:
        import socket
        import subprocess

        super().__init__()
        self._process = process
        self.exit_code = STILL_ACTIVE
        self.ended = False
        self.guest_pid = 0
        self.main_thread_id = 0
        ours, theirs = socket.socketpair()
        with theirs:
            number = theirs.fileno()
            streams = [fd if fd >= 0 else subprocess.DEVNULL for fd in descriptors]
            try:
                self._popen = subprocess.Popen(
                    [sys.executable, "-m", "w9x_client.process.child", str(number)],
                    stdin=streams[0], stdout=streams[1], stderr=streams[2], pass_fds=(number,),
                )  # fmt: skip
            except OSError:
                ours.close()
                raise WinError(Err.NOT_ENOUGH_MEMORY) from None
        self._socket = ours
        ours.sendall(spec.line())

    async def started(self, t: Task) -> None:
        """Wait until the child's program is there; WinError with the child's reason when it is not."""
        import json

        received = b""
        while b"\n" not in received:
            await t.readable(self._socket.fileno())
            data = self._socket.recv(4096)
            if not data:
                self._popen.wait()
                raise WinError(Err.BAD_EXE_FORMAT)
            received += data
        line, _, rest = received.partition(b"\n")
        answer = json.loads(line)
        if "error" in answer:
            self._popen.wait()
            raise WinError(int(answer["error"]))
        self.guest_pid, self.main_thread_id = int(answer["pid"]), int(answer["tid"])
        threading.Thread(target=self._watch, args=(rest,), name="child", daemon=True).start()

    def _watch(self, received: bytes) -> None:
        """Host thread: wait for the end."""
        import json

        while len(received) < 4096:
            data = self._socket.recv(4096)
            if not data:
                break
            received += data
        status = self._popen.wait()
        code = status & 0xFFFFFFFF if status >= 0 else 0x80000000 - status
        try:
            code = int(json.loads(received.partition(b"\n")[0])["exit"]) & 0xFFFFFFFF
        except (ValueError, KeyError, TypeError):
            pass  # it died without saying so
        self._socket.close()
        self._process.scheduler.later(lambda: self._end(code))

    def _end(self, code: int) -> None:
        if self.ended:
            return
        self.ended, self.exit_code = True, code
        self.notify()

    def signaled(self, task: Task) -> bool:
        return self.ended

    def terminate(self, code: int) -> None:
        """TerminateProcess: its exit code becomes ``code``."""
        if not self.ended:
            self._popen.kill()
            self._end(code)


class ChildThread(KernelObject):
    """The first thread of a child, as far as its parent sees it: it ends when the process does."""

    def __init__(self, child: ChildProcess) -> None:
        super().__init__()
        self.child = child
        self.waiters = child.waiters

    def signaled(self, task: Task) -> bool:
        return self.child.ended


class Children:
    """The children of this process, by guest process id; kept in ``process.state(Children)``."""

    def __init__(self, process: Process) -> None:
        self.by_pid: dict[int, ChildProcess] = {}


async def start(t: Task, spec: ChildSpec, descriptors: tuple[int, int, int]) -> ChildProcess:
    """Start a child and wait until it runs.

    ``descriptors``: host descriptors of its standard handles, -1 for none.
    """
    child = ChildProcess(t.process, spec, descriptors)
    await child.started(t)
    t.process.state(Children).by_pid[child.guest_pid] = child
    return child


def _send(parent: socket.socket, **answer: int) -> None:
    import json

    try:
        parent.sendall(json.dumps(answer).encode() + b"\n")
    except OSError:
        pass  # the parent has ended


def serve(fd: int) -> int:
    """The child's side: run the program that the parent describes over ``fd``; returns the Linux exit code."""
    import json
    import socket

    from .environment import Environment
    from .launch import NOT_FOUND, LaunchError, RunOptions, Session

    parent = socket.socket(fileno=fd)
    parent.set_inheritable(False)
    received = b""
    while not received.endswith(b"\n"):
        data = parent.recv(65536)
        if not data or len(received) > MAX_LINE:
            return 1
        received += data
    spec = ChildSpec(**json.loads(received))
    options = RunOptions(
        program=spec.program, engine=spec.engine, windows=spec.windows, arena=spec.arena, drives=spec.drives,
        daemon=spec.daemon, parent=spec.parent, command_line=spec.command_line, current_directory=spec.current,
    )  # fmt: skip
    try:
        session = Session(options)
    except LaunchError as error:
        _send(parent, error=int(Err.FILE_NOT_FOUND if error.exit_code == NOT_FOUND else Err.BAD_EXE_FORMAT))
        return error.exit_code
    process = session.process
    process.environment = Environment((name, value) for name, value in spec.environment)
    process.startup = spec.startup
    assert process.main_task is not None
    _send(parent, pid=process.guest_pid, tid=process.main_task.id)
    code = session.run()
    _send(parent, exit=code)
    return code & 0xFF


if __name__ == "__main__":
    sys.exit(serve(int(sys.argv[1])))
