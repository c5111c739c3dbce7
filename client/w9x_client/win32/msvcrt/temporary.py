"""Temporary files: tmpfile, tmpnam, _tempnam, _mktemp."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import WinError, codepage
from w9x_client.abi.types import INT, PTR

from . import lowio, state, stream
from .dll import msvcrt
from .number_text import digits_of
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
def _tempnam(t: Task, dir: PTR, prefix: PTR) -> PTR:  # the SDK's name
    """A malloc'd unused name in TMP, ``dir`` or the current directory."""
    folders = [t.process.environment.get("TMP") or ""]
    if dir:
        folders.append(t.ansi(dir))
    folder = next((f for f in folders if f and _exists(t, f)), "")
    start = t.ansi(prefix) if prefix else ""
    own = t.process.state(Temporary)
    while True:
        own.next += 1
        name = (folder.rstrip("\\") + "\\" if folder else "") + f"{start}{own.next + 1}"
        if not _exists(t, name):
            break
    data = codepage.encode(name, t.process.acp) + b"\0"
    address = t.process.heap_alloc(len(data))
    t.mem.write(address, data)
    return address


@msvcrt.api()
def _mktemp(t: Task, template: PTR) -> PTR:
    """Fill in the six X at the end of a name: a letter and five digits of the thread; NULL when all 27 names are taken."""
    text = t.mem.cstr(template)
    if len(text) < 6 or not text.endswith(b"XXXXXX"):
        state.set_errno(t, state.EINVAL)
        return 0
    number = f"{t.id % 100000:05d}"
    for letter in "a" + "abcdefghijklmnopqrstuvwxyz":
        name = text[:-6] + (letter + number).encode()
        if not _exists(t, codepage.decode(name, t.process.acp)):
            t.mem.write(template, name)
            return template
    state.set_errno(t, state.EEXIST)
    return 0
