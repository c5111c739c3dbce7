"""A laboratory for guests that misbehave: every experiment runs in a forked process of its own, under a time limit.

Run as a program it reads one JSON job per line and prints one JSON outcome per line; `run_jobs` is the other side.
Jobs: {"code": hex} executes machine code at `CODE` (see `PRELUDE` for what it finds there); {"call": "dll.Export",
"args": [...], "seed": n} calls an export. An outcome is one of

* {"end": "returned", "eax": n}: the code came back to its caller;
* {"end": "exit", "code": n, "lines": [...]}: the process ended, having told the user these lines;
* {"end": "error", "text": "..."}: a defect of ours: a Python exception that was meant for nobody;
* {"end": "hang"}: still running after the limit (the guest's own endless loops are ended by its clock with exit 124);
* {"end": "signal", "number": n}: the host process died of a signal.

The forking parent never runs guest code, so that a crash costs one experiment.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.guest.run import REPO, source_path

CODE = 0x00A0_0000
"""Where the machine code stands; 64 KB before it are readable, writable data, the page behind it is not there."""
DATA = CODE - 0x1_0000
TIMED_OUT = 124
APIS = (
    "kernel32.GetTickCount", "kernel32.SetLastError", "kernel32.Sleep", "kernel32.ExitProcess",
    "kernel32.RaiseException", "kernel32.RtlUnwind", "kernel32.SetUnhandledExceptionFilter", "kernel32.lstrlenA",
    "kernel32.GetProcAddress", "kernel32.CreateThread", "kernel32.WaitForSingleObject", "msvcrt.longjmp",
    "msvcrt.qsort", "kernel32.VirtualProtect", "kernel32.GetVersionExA", "kernel32.SetThreadContext",
    "kernel32.GetThreadContext", "kernel32.VirtualAlloc", "kernel32.lstrcpyA", "kernel32.GetCurrentDirectoryA",
    "kernel32.EnumSystemCodePagesA", "kernel32.VirtualFree", "msvcrt._setjmp", "kernel32.GetLastError",
    "kernel32.GetModuleHandleA", "kernel32.SuspendThread", "kernel32.TerminateThread", "kernel32.ExitThread",
    "kernel32.HeapAlloc", "kernel32.GetProcessHeap", "kernel32.IsBadReadPtr",
)  # fmt: skip
PRELUDE = f"bits 32\norg {CODE:#x}\n%define DATA {DATA:#x}\n%define RAISE db 0x0F, 0x0B\n" + "".join(
    f"%define {name.split('.')[1]} dword [{DATA + 0x8000 + 4 * index:#x}]\n" for index, name in enumerate(APIS)
)
"""nasm text before each experiment: ``call GetTickCount`` calls the export, DATA is scratch memory."""


def run_jobs(jobs: Iterable[dict[str, Any]], limit: float = 10.0) -> list[dict[str, Any]]:
    """The outcome of each job, in order; ``limit`` is seconds per job."""
    text = "".join(json.dumps(job) + "\n" for job in jobs)
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.lab", str(limit)],
        input=text, capture_output=True, text=True, cwd=REPO, env={**os.environ, "PYTHONPATH": source_path()}, check=False,
    )  # fmt: skip
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode or len(outcomes) != text.count("\n"):
        raise AssertionError(f"the laboratory failed:\n{done.stderr[-3000:]}")
    return outcomes


# --- in the laboratory ------------------------------------------------------------------------------------


def _guest(home: Path) -> Any:
    from tests.api.harness import Guest
    from w9x_client.abi import GuestExit
    from w9x_client.process.ticker import Ticker

    guest = Guest("unicorn", home)
    lines: list[str] = []
    guest.process.messages.warn = lines.append

    def time_out() -> None:
        raise GuestExit(TIMED_OUT)

    process = guest.process
    guest._ticker = Ticker(process, time.monotonic() + 1.5, lambda: process.scheduler.later(time_out), lambda _: None)
    guest._ticker.start()
    return guest, lines


def _outcome(work: Any, lines: list[str]) -> dict[str, Any]:
    from tests.api.harness import GuestDied

    try:
        return {"end": "returned", "eax": work(), "lines": lines}
    except GuestDied as end:
        return {"end": "exit", "code": end.code, "lines": lines}
    except BaseException as error:
        import traceback

        frame = traceback.extract_tb(error.__traceback__)[-1]
        own = [f for f in traceback.extract_tb(error.__traceback__) if "w9x_client" in f.filename]
        place = own[-1] if own else frame
        where = f"{place.filename.split('w9x_client/')[-1]}:{place.lineno}"
        return {"end": "error", "text": f"{type(error).__name__}: {error}", "where": where}


def _run_code(machine_code: bytes, home: Path) -> dict[str, Any]:
    guest, lines = _guest(home)
    space = guest.process.space
    addresses = b"".join(guest.address(name).to_bytes(4, "little") for name in APIS)
    space.allocate(0x1_0000, "hostile data", address=DATA)
    guest.mem.write(DATA + 0x8000, addresses)
    size = (len(machine_code) + 0xFFF) & ~0xFFF
    space.allocate(size, "hostile code", 7, address=CODE)
    guest.mem.write(CODE, machine_code)
    return _outcome(lambda: guest.call_at(CODE), lines)


_WILD = (0, 1, 2, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFF, 0x10000, 0xFFFFFFF0, 0xC0000000, 0xFF000000, 0x400000)


def arguments(guest: Any, count: int, job: dict[str, Any]) -> list[int]:
    """The wild arguments of a job: 'args' where given, else drawn by 'seed'."""
    if "args" in job:
        return list(job["args"])
    draw = random.Random(job["seed"])
    texts = [b"", b"abc", b"C:\\*.*", b"%s%n%d%999999d", b"\xff" * 300, b"A" * 5000, b"..\\..\\x", b"con", b"\\\\?\\C:\\"]
    made: list[int] = []
    for _ in range(count):
        kind = draw.randrange(6)
        if kind == 0:
            made.append(draw.choice(_WILD))
        elif kind == 1:
            made.append(draw.getrandbits(32))
        elif kind == 2:
            made.append(guest.buffer(draw.choice(texts) + b"\0").address)
        elif kind == 3:
            made.append(guest.buffer(draw.randbytes(64)).address)
        elif kind == 4:
            made.append(draw.randrange(32))
        else:
            made.append(guest.wide(draw.choice(["", "abc", "C:\\WINDOWS", "\ud800x", "B" * 3000])).address)
    return made


def _call(job: dict[str, Any], home: Path) -> dict[str, Any]:
    guest, lines = _guest(home)
    address = guest.address(job["call"])
    words = arguments(guest, job["count"], job)
    outcome = _outcome(lambda: guest.call_at(address, *words), lines)
    outcome["args"] = words
    return outcome


def _experiment(job: dict[str, Any], home: Path) -> dict[str, Any]:
    if "code" in job:
        return _run_code(bytes.fromhex(job["code"]), home)
    return _call(job, home)


def _isolated(job: dict[str, Any], home: Path, limit: float) -> dict[str, Any]:
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1):
            os.dup2(null, fd)
        code = 1
        try:
            with open(write, "w", encoding="utf-8") as channel:
                channel.write(json.dumps(_experiment(job, home)))
                code = 0
        finally:
            os._exit(code)
    os.close(write)
    data = b""
    deadline = time.monotonic() + limit
    while select.select([read], [], [], max(0.0, deadline - time.monotonic()))[0]:
        chunk = os.read(read, 0x10000)
        if not chunk:
            break
        data += chunk
    else:
        os.kill(child, signal.SIGKILL)
    os.close(read)
    status = os.waitpid(child, 0)[1]
    if data:
        try:
            return dict(json.loads(data))
        except ValueError:
            pass
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return {"end": "hang"} if number == signal.SIGKILL else {"end": "signal", "number": number}
    return {"end": "error", "text": "the experiment said nothing", "where": "?"}


def _jobs() -> Iterator[dict[str, Any]]:
    for line in sys.stdin:
        yield json.loads(line)


def main() -> None:
    """Read jobs, run each in a forked process, print the outcomes."""
    import unicorn  # noqa: F401  # before the forks: it is the slow import

    from tests.api import harness  # noqa: F401  # imported for what it registers
    from w9x_client.win32.kernel32 import file  # noqa: F401  # imported for what it registers

    limit = float(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        _isolated({"call": "kernel32.GetTickCount", "count": 0, "args": []}, home, 60)  # builds the system modules
        for job in _jobs():
            print(json.dumps(_isolated(job, home, limit)), flush=True)


if __name__ == "__main__":
    main()
