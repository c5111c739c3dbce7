"""Calls every declared export with wild arguments and reports defects: Python exceptions, hangs, crashes of the host.

``python -m tests.hostile.fuzz [--seeds N] [DLL ...]`` prints one line per defect with the call that shows it, and
ends with 1 when there is one. `defects` is the same for tests. A call may fail, fault or end the process as it
likes; what it may not do is raise an exception that is meant for nobody, or stay in a handler for good.

Every export gets a forked process of its own with a fresh guest; after a call that ended it, the rest of its calls
get another.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import struct
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DLLS = ("kernel32", "msvcrt", "user32", "advapi32")
HANG_SECONDS = 5.0
"""A call still running then (its guest's clock ends waits and guest loops after `WAIT_SECONDS`) hangs in a handler."""
WAIT_SECONDS = 0.3
_WILD = (0, 1, 2, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFF, 0x10000, 0xFFFFFFF0, 0xC0000000, 0xFF000000, 0x400000)
_TEXTS = (b"", b"abc", b"C:\\*.*", b"%s%n%d%999999d", b"\xff" * 300, b"A" * 5000, b"..\\..\\x", b"con", b"\\\\?\\C:\\")
_WIDE = ("", "abc", "C:\\WINDOWS", "\ud800x", "B" * 3000)


@dataclass(frozen=True)
class Defect:
    """An export and the arguments that broke it."""

    export: str
    arguments: str
    text: str
    where: str

    def __str__(self) -> str:
        return f"{self.where}: {self.export}({self.arguments}): {self.text}"


def _wild_word(guest: Any, draw: random.Random) -> int:
    choice = draw.randrange(6)
    if choice == 0:
        return draw.choice(_WILD)
    if choice == 1:
        return draw.getrandbits(32)
    if choice == 2:
        return int(guest.buffer(draw.choice(_TEXTS) + b"\0"))
    if choice == 3:
        return int(guest.buffer(draw.randbytes(64)))
    if choice == 4:
        return draw.randrange(32)
    return int(guest.buffer(draw.choice(_WIDE).encode("utf-16-le", "surrogatepass") + b"\0\0"))


def _handles(guest: Any) -> list[int]:
    """Handles that mean something: pseudo-handles, registry roots, objects, a heap, a module, a C stream."""
    made = [0xFFFFFFFF, 0xFFFFFFFE, 0x80000001, 0x80000002]
    made.append(guest.call("kernel32.CreateEventA", 0, 1, 1, 0))
    made.append(guest.call("kernel32.CreateFileA", "fuzz.bin", 0xC0000000, 3, 0, 4, 0, 0))
    made.append(guest.call("kernel32.CreateMutexA", 0, 0, 0))
    made.append(guest.call("kernel32.CreateFileMappingA", 0xFFFFFFFF, 0, 4, 0, 0x10000, 0))
    made.append(guest.call("kernel32.GetProcessHeap"))
    made.append(guest.call("kernel32.GetModuleHandleA", 0) or 1)
    made.append(guest.call("kernel32.GetStdHandle", 0xFFFFFFF5))
    made.append(guest.call("msvcrt.fopen", b"fuzz.txt", b"w+"))
    return made


def _shaped_word(guest: Any, draw: random.Random, show: str, handles: list[int]) -> int:
    """A word that gets past the first check more often than `_wild_word`: of the parameter's own sort."""
    if draw.random() < 0.15:
        return _wild_word(guest, draw)
    if show == "handle":
        return draw.choice(handles)
    if show == "str":
        return int(guest.buffer(draw.choice((*_TEXTS, b"a\0b\0c\0", b"fuzz.txt\0", b"%d %s %5.3f\0")) + b"\0\0"))
    if show in ("dec", "bool", "float"):
        return draw.choice((0, 1, 2, 3, 4, 8, 16, 64, 100, 256, 0x1000, 0xFFFFFFFF, 0x80000000, draw.getrandbits(32)))
    choice = draw.randrange(8)
    if choice < 4:
        size = draw.choice((16, 256, 0x2000))
        return int(guest.buffer(draw.choice((bytes(size), b"A" * size + b"\0", draw.randbytes(size)))))
    if choice == 4:
        return draw.choice(handles)
    return draw.choice((0, 1, 2, 4, 0x10, 0x20, 0x40, 0x1000, 0x3000, 0xF003F))


def _arguments(guest: Any, shows: Sequence[str], kind: str) -> list[int]:
    """Argument words of a kind: a number for all of them, 'random:SEED' or 'shaped:SEED'."""
    name, _, seed = kind.partition(":")
    draw = random.Random(seed)
    if name == "random":
        return [_wild_word(guest, draw) for _ in shows]
    if name == "shaped":
        handles = _handles(guest)
        return [_shaped_word(guest, draw, show, handles) for show in shows]
    return [int(name, 0) & 0xFFFFFFFF] * len(shows)


def _call(guest: Any, lines: list[str], address: int, words: Sequence[int]) -> dict[str, Any]:
    import traceback

    from tests.api.harness import GuestDied
    from w9x_client.abi import GuestExit
    from w9x_client.process.ticker import Ticker

    process = guest.process

    def time_out() -> None:
        raise GuestExit(124)

    ticker = Ticker(process, time.monotonic() + WAIT_SECONDS, lambda: process.scheduler.later(time_out), lambda _: None)
    ticker.start()
    try:
        guest.call_at(address, *words)
        return {"end": "returned"}
    except GuestDied as end:
        return {"end": "exit", "code": end.code}
    except BaseException as error:  # noqa: BLE001  # what comes out here is the defect looked for
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "w9x_client" in f.filename]
        inner = [f for f in frames if "/win32/" in f.filename or "/drives/" in f.filename] or frames
        place = inner[-1] if inner else traceback.extract_tb(error.__traceback__)[-1]
        where = f"{place.filename.split('w9x_client/')[-1]}:{place.lineno}"
        return {"end": "error", "text": f"{type(error).__name__}: {error}"[:200], "where": where}
    finally:
        ticker.close()
        process.scheduler._jobs.clear()  # a time-out that came too late


def _child(name: str, shows: Sequence[str], kinds: Sequence[str], home: Path, write: int) -> None:
    from tests.api.harness import Guest

    guest = Guest("unicorn", home)
    lines: list[str] = []
    guest.process.messages.warn = lines.append
    address = guest.address(name)
    for kind in kinds:
        words = _arguments(guest, shows, kind)
        shown = ", ".join(f"{word:X}" for word in words)
        os.write(write, f"{kind}\n".encode())
        outcome = _call(guest, lines, address, words)
        os.write(write, (json.dumps({**outcome, "args": f"{kind}: {shown}"}) + "\n").encode())
        if outcome["end"] != "returned":
            return


def _fork(name: str, shows: Sequence[str], kinds: Sequence[str], home: Path) -> tuple[list[str], int]:
    """(lines of the child, wait status)."""
    from tests.api.harness import GuestDied

    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(read)
            null = os.open(os.devnull, os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(null, fd)
            os.setsid()
            _child(name, shows, kinds, home, write)
        except GuestDied:
            pass  # a thread that an earlier call had made ended the process
        except BaseException as error:  # noqa: BLE001  # whatever comes out is the finding
            outcome = {"end": "error", "text": repr(error)[:200], "where": "?", "args": ""}
            os.write(write, (json.dumps(outcome) + "\n").encode())
        os._exit(0)
    os.close(write)
    data = b""
    deadline = time.monotonic() + HANG_SECONDS
    while select.select([read], [], [], max(0.0, deadline - time.monotonic()))[0]:
        chunk = os.read(read, 0x10000)
        if not chunk:
            break
        data += chunk
        deadline = time.monotonic() + HANG_SECONDS
    else:
        os.kill(child, signal.SIGKILL)
    os.close(read)
    return data.decode().splitlines(), os.waitpid(child, 0)[1]


def _probe(name: str, shows: Sequence[str], kinds: Sequence[str], home: Path) -> Iterator[Defect]:
    left = list(kinds)
    while left:
        lines, status = _fork(name, shows, left, home)
        outcomes = [json.loads(line) for line in lines if line.startswith("{")]
        for outcome in outcomes:
            if outcome["end"] == "error":
                yield Defect(name, outcome["args"], outcome["text"], outcome["where"])
        begun = sum(1 for line in lines if not line.startswith("{"))
        if begun > len(outcomes):
            number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
            text = "hangs" if number == signal.SIGKILL else f"the host process ended with signal {number}"
            yield Defect(name, left[len(outcomes)], text, "?")
        left = left[max(begun, 1) :]


def _exports(dlls: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """(name, how each argument word is shown) of all declared exports."""
    from w9x_client.abi import find_dll
    from w9x_client.abi.compile import signature

    for dll in dlls:
        found = find_dll(dll)
        assert found is not None, dll
        for name, export in sorted(found.exports.items()):
            sig = signature(export)
            shows: list[str] = []
            for parameter in sig.parameters:
                shows += [parameter.arg.show] * (struct.calcsize("<" + parameter.arg.code) // 4)
            if export.convention == "cdecl":
                shows += ["hex"] * 4  # what a variable argument list finds
            yield f"{dll}.{name}", shows


def defects(dlls: Sequence[str], kinds: Sequence[str], share: float = 1.0, seed: int = 0) -> list[Defect]:
    """All defects that calls of the given kinds find, in a random ``share`` of the exports."""
    import unicorn  # noqa: F401  # the slow import, before the forks

    from tests.api import harness  # noqa: F401  # the same

    draw = random.Random(seed)
    found: list[Defect] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        _fork("kernel32.GetTickCount", [], ["0"], home)  # builds the system modules, for all
        for name, shows in _exports(dlls):
            if draw.random() < share:
                found += _probe(name, shows, kinds, home)
    return found


def main() -> int:
    """The command line."""
    words = sys.argv[1:]
    seeds = int(words.pop(words.index("--seeds") + 1)) if "--seeds" in words else 3
    names = [word for word in words if word != "--seeds"] or list(DLLS)
    kinds = ["0", "-1", *(f"{kind}:{number}" for number in range(seeds) for kind in ("random", "shaped"))]
    broken = False
    for name in names:
        for defect in defects([name], kinds):
            broken = True
            print(defect, flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
