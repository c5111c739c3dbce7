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


def _arguments(guest: Any, count: int, kind: str) -> list[int]:
    """``count`` argument words of a kind: a number for all of them, or 'random:SEED'."""
    name, _, seed = kind.partition(":")
    if name != "random":
        return [int(name, 0) & 0xFFFFFFFF] * count
    draw = random.Random(seed)
    made: list[int] = []
    for _ in range(count):
        choice = draw.randrange(6)
        if choice == 0:
            made.append(draw.choice(_WILD))
        elif choice == 1:
            made.append(draw.getrandbits(32))
        elif choice == 2:
            made.append(guest.buffer(draw.choice(_TEXTS) + b"\0").address)
        elif choice == 3:
            made.append(guest.buffer(draw.randbytes(64)).address)
        elif choice == 4:
            made.append(draw.randrange(32))
        else:
            data = draw.choice(_WIDE).encode("utf-16-le", "surrogatepass")
            made.append(guest.buffer(data + b"\0\0").address)
    return made


def _call(guest: Any, lines: list[str], address: int, words: Sequence[int]) -> dict[str, Any]:
    import traceback

    from tests.api.harness import GuestDied
    from w9x_client.abi import GuestExit
    from w9x_client.process.ticker import Ticker

    process = guest.process

    def time_out() -> None:
        raise GuestExit(124)

    ticker = Ticker(
        process, time.monotonic() + WAIT_SECONDS, lambda: process.scheduler.later(time_out), lambda _: None
    )
    ticker.start()
    try:
        guest.call_at(address, *words)
        return {"end": "returned"}
    except GuestDied as end:
        return {"end": "exit", "code": end.code}
    except BaseException as error:  # whatever comes out here is the defect that is looked for
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "w9x_client" in f.filename]
        inner = [f for f in frames if "/win32/" in f.filename or "/drives/" in f.filename] or frames
        place = inner[-1] if inner else traceback.extract_tb(error.__traceback__)[-1]
        where = f"{place.filename.split('w9x_client/')[-1]}:{place.lineno}"
        return {"end": "error", "text": f"{type(error).__name__}: {error}"[:200], "where": where}
    finally:
        ticker.close()


def _child(name: str, count: int, kinds: Sequence[str], home: Path, write: int) -> None:
    from tests.api.harness import Guest

    guest = Guest("unicorn", home)
    lines: list[str] = []
    guest.process.messages.warn = lines.append
    address = guest.address(name)
    for kind in kinds:
        words = _arguments(guest, count, kind)
        shown = ", ".join(f"{word:X}" for word in words)
        os.write(write, f"{kind}\n".encode())
        outcome = _call(guest, lines, address, words)
        os.write(write, (json.dumps({**outcome, "args": f"{kind}: {shown}"}) + "\n").encode())
        if outcome["end"] != "returned":
            return


def _fork(name: str, count: int, kinds: Sequence[str], home: Path) -> tuple[list[str], int]:
    """(lines of the child, wait status)."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(read)
            null = os.open(os.devnull, os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(null, fd)
            os.setsid()
            _child(name, count, kinds, home, write)
        except BaseException as error:
            os.write(write, (json.dumps({"end": "error", "text": repr(error)[:200], "where": "?", "args": ""}) + "\n").encode())
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


def _probe(name: str, count: int, kinds: Sequence[str], home: Path) -> Iterator[Defect]:
    left = list(kinds)
    while left:
        lines, status = _fork(name, count, left, home)
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


def _exports(dlls: Sequence[str]) -> Iterator[tuple[str, int]]:
    from w9x_client.abi import find_dll
    from w9x_client.abi.compile import signature

    for dll in dlls:
        found = find_dll(dll)
        assert found is not None, dll
        for name, export in sorted(found.exports.items()):
            sig = signature(export)
            words = sum(struct.calcsize("<" + p.arg.code) for p in sig.parameters) // 4
            yield f"{dll}.{name}", max(words, words + 4 if export.convention == "cdecl" else words)


def defects(dlls: Sequence[str], kinds: Sequence[str], share: float = 1.0, seed: int = 0) -> list[Defect]:
    """All defects that calls of the given kinds find, in a random ``share`` of the exports."""
    import unicorn  # noqa: F401  # the slow import, before the forks

    from tests.api import harness  # noqa: F401

    draw = random.Random(seed)
    found: list[Defect] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        _fork("kernel32.GetTickCount", 0, ["0"], home)  # builds the system modules, for all
        for name, count in _exports(dlls):
            if draw.random() < share:
                found += _probe(name, count, kinds, home)
    return found


def main() -> int:
    """The command line."""
    words = sys.argv[1:]
    seeds = int(words.pop(words.index("--seeds") + 1)) if "--seeds" in words else 3
    names = [word for word in words if word != "--seeds"] or list(DLLS)
    kinds = ["0", "-1", *(f"random:{number}" for number in range(seeds))]
    found = defects(names, kinds)
    for defect in found:
        print(defect)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
