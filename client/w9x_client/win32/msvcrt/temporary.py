"""Temporary files: tmpfile, tmpnam, _tempnam, _mktemp."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import WinError
from w9x_client.abi.types import INT, PTR

from . import lowio, state, stream
from .dll import msvcrt
from .number_text import digits_of
from .path import give
from .stdio_format import unit_bytes

if TYPE_CHECKING:
    from w9x_client.process import Process, Task


class Temporary:
    """Numbers handed out and streams to remove (``process.state(Temporary)``)."""

    def __init__(self, process: Process) -> None:
        self.next = 0
        self.streams: set[int] = set()


def _exists(t: Task, path: str) -> bool:
    try:
        return t.process.drives.resolve(path).exists
    except WinError:
        return False


def _fresh(t: Task) -> str:
    """A name like tmpnam's: ``\\s3vvv2o.1`` in the root of the current drive."""
    own = t.process.state(Temporary)
    while True:
        own.next += 1
        name = f"\\s{digits_of(t.process.guest_pid & 0xFFFFFF, 32)}.{digits_of(own.next, 32)}"
        if not _exists(t, name):
            return name


@msvcrt.api()
def tmpnam(t: Task, string: PTR) -> PTR:
    """A name no file has, at ``string`` or in a static buffer."""
    at = string or state.thread(t).address + state.TMPNAM
    t.mem.write(at, _fresh(t).encode() + b"\0")
    return at


@msvcrt.api()
def _wtmpnam(t: Task, string: PTR) -> PTR:
    """`tmpnam`, wide."""
    at = string or state.thread(t).address + state.WTMPNAM
    t.mem.write(at, unit_bytes(_fresh(t) + "\0"))
    return at


@msvcrt.api()
def tmpfile(t: Task) -> PTR:
    """A stream on a new file that goes away when it is closed or the program ends."""
    place = stream.streams(t).new()
    if place is None:
        state.set_errno(t, state.EMFILE)
        return 0
    flags = lowio.O_CREAT | lowio.O_EXCL | lowio.O_RDWR | lowio.O_BINARY | lowio.O_TEMPORARY
    for _ in range(100):
        folder = t.process.environment.get("TEMP") or t.process.environment.get("TMP") or ""
        fd = lowio.open_path(t, folder.rstrip("\\") + _fresh(t), flags, lowio.SH_DENYNO, 0x180)
        if fd >= 0:
            stream.assign(place, fd, stream.IORW)
            t.process.state(Temporary).streams.add(place.address)
            state.crt(t).has_temporary_files = True
            return place.address
        if state.get_errno(t) != state.EEXIST:
            break
    return 0


async def remove_all(t: Task) -> int:
    """Close the streams of tmpfile; how many."""
    own = t.process.state(Temporary)
    count = 0
    for address in list(own.streams):
        s = stream.stream(t, address)
        if s.get(stream.FLAG):
            count += await stream.close(t, s) == 0
    own.streams.clear()
    return count


@msvcrt.api()
async def _rmtmp(t: Task) -> INT:
    """Remove the files of tmpfile."""
    return await remove_all(t)


@msvcrt.api()
def _tempnam(t: Task, dir: PTR, prefix: PTR) -> PTR:
    """A malloc'd unused name in TMP, ``dir`` or the current directory."""
    name = _unused(t, t.ansi(dir) if dir else "", t.ansi(prefix) if prefix else "")
    return give(t, 0, 0, name, False)


@msvcrt.api()
def _wtempnam(t: Task, dir: PTR, prefix: PTR) -> PTR:
    """`_tempnam`, wide."""
    name = _unused(t, t.mem.wide(dir) if dir else "", t.mem.wide(prefix) if prefix else "")
    return give(t, 0, 0, name, True)


def _unused(t: Task, wished: str, start: str) -> str:
    folders = [t.process.environment.get("TMP") or ""]
    folders.append(wished)
    folder = next((f for f in folders if f and _exists(t, f)), "")
    own = t.process.state(Temporary)
    while True:
        own.next += 1
        name = (folder.rstrip("\\") + "\\" if folder else "") + f"{start}{own.next + 1}"
        if not _exists(t, name):
            return name


@msvcrt.api()
def _mktemp(t: Task, template: PTR) -> PTR:
    """Fill in the six X at the end of a name: a letter and five digits of the thread; NULL when all 26 names are
    taken."""
    name = _filled(t, t.ansi(template))
    return give(t, template, 1 << 20, name, False) if name else 0


@msvcrt.api()
def _wmktemp(t: Task, template: PTR) -> PTR:
    """`_mktemp`, wide."""
    name = _filled(t, t.mem.wide(template))
    return give(t, template, 1 << 20, name, True) if name else 0


def _filled(t: Task, text: str) -> str | None:
    if not text.endswith("XXXXXX"):
        state.set_errno(t, state.EINVAL)
        return None
    for letter in "abcdefghijklmnopqrstuvwxyz":
        name = f"{text[:-6]}{letter}{t.id % 100000:05d}"
        if not _exists(t, name):
            return name
    state.set_errno(t, state.EEXIST)
    return None
