"""Streams: the FILE structures in guest memory and the buffering behind stdio.

A FILE is 32 bytes of guest memory (`_ptr _cnt _base _flag _file _charbuf _bufsiz _tmpfname`), and it is the truth:
programs compiled with the getc and putc macros move `_ptr` and `_cnt` themselves and call `_filbuf` and `_flsbuf`
when the count runs out, so buffers are real guest memory and every operation starts from the structure. `Stream` adds
only what the guest cannot see: the raw bytes of the last text-mode fill, which make ftell exact.

Buffering: 4096 bytes; stdout not at all on a character device (each call is one write), stderr never (each call is
one write). A call is atomic against other guest threads unless its device blocks.

Interface: `Streams` (per process), `stream(t, address)`, and the coroutines `get`, `put`, `read`, `write`, `flush`,
`seek`, `tell`, `close`. Failures are -1 or None with errno set.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from w9x_client.abi import WinError

from . import lowio, state
from .dll import msvcrt

if TYPE_CHECKING:
    from w9x_client.abi.memory import Memory
    from w9x_client.process import Process, Task

IOREAD, IOWRT, IONBF, IOMYBUF, IOEOF, IOERR, IOLBF, IORW = 1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80
IOYOURBUF, IOCOMMIT = 0x100, 0x4000
"""_IO... of stdio.h; a setvbuf buffer and commit mode as the runtime marks them."""
FILE_SIZE, IOB_ENTRIES, MAX_STREAMS = 32, 20, 512
BUFFER_SIZE = 4096
PTR, CNT, BASE, FLAG, FILENO, CHARBUF, BUFSIZ, TMPNAME = range(0, 32, 4)
EOF = -1

_FILE = struct.Struct("<IiIIiIiI")
_HEAD = struct.Struct("<Ii")
msvcrt.data(
    "_iob",
    FILE_SIZE * IOB_ENTRIES,
    b"".join(_FILE.pack(0, 0, 0, flag, fd, 0, 0, 0) for fd, flag in enumerate((IOREAD, IOWRT, IOWRT))),
)
msvcrt.data("_commode", 4)


class Stream:
    """One FILE, by its guest address."""

    __slots__ = ("address", "mem", "raw", "raw_start")

    def __init__(self, address: int, mem: Memory) -> None:
        self.address, self.mem = address, mem
        self.raw: bytes | None = None
        self.raw_start = 0

    def get(self, field: int) -> int:
        """A field of the structure, unsigned."""
        return self.mem.u32(self.address + field)

    def set(self, field: int, value: int) -> None:
        """Assign a field."""
        self.mem.put32(self.address + field, value)

    def fields(self) -> tuple[int, int, int, int, int, int, int, int]:
        """All fields in order; `_cnt`, `_file` and `_bufsiz` signed."""
        self.mem.check(self.address, FILE_SIZE)
        return _FILE.unpack_from(self.mem.ram, self.address)

    def buffer(self, ptr: int, cnt: int) -> None:
        """Assign `_ptr` and `_cnt`."""
        self.mem.check(self.address, 8, True)
        _HEAD.pack_into(self.mem.ram, self.address, ptr, cnt)

    def head(self) -> tuple[int, int]:
        """`_ptr` and `_cnt`."""
        self.mem.check(self.address, 8)
        return _HEAD.unpack_from(self.mem.ram, self.address)

    def add_flag(self, bits: int) -> None:
        """Set bits of `_flag`."""
        self.set(FLAG, self.get(FLAG) | bits)

    def drop_flag(self, bits: int) -> None:
        """Clear bits of `_flag`."""
        self.set(FLAG, self.get(FLAG) & ~bits)


class Streams:
    """The streams of one process (``process.state(Streams)``)."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.iob = process.variable("msvcrt", "_iob")
        self.known: dict[int, Stream] = {}
        self.heap_made: set[int] = set()

    def at(self, address: int) -> Stream:
        """The stream at ``address``; any readable memory will do, as for the original."""
        found = self.known.get(address)
        if found is None:
            self.process.mem.check(address, FILE_SIZE, True)
            found = self.known[address] = Stream(address, self.process.mem)
        return found

    def new(self) -> Stream | None:
        """A free FILE; None when 512 are open."""
        mem = self.process.mem
        for index in range(3, IOB_ENTRIES):
            address = self.iob + FILE_SIZE * index
            if not mem.u32(address + FLAG):
                return self._fresh(address)
        for address in self.heap_made:
            if not mem.u32(address + FLAG):
                return self._fresh(address)
        if IOB_ENTRIES + len(self.heap_made) >= MAX_STREAMS:
            return None
        address = self.process.heap_alloc(FILE_SIZE, zero=True)
        self.heap_made.add(address)
        return self._fresh(address)

    def _fresh(self, address: int) -> Stream:
        self.process.mem.write(address, _FILE.pack(0, 0, 0, 0, -1, 0, 0, 0))
        found = self.known[address] = Stream(address, self.process.mem)
        return found

    def open_ones(self) -> list[Stream]:
        """Streams in use, oldest place first."""
        mem = self.process.mem
        places = [self.iob + FILE_SIZE * index for index in range(IOB_ENTRIES)] + sorted(self.heap_made)
        return [self.at(a) for a in places if mem.u32(a + FLAG) & (IOREAD | IOWRT | IORW)]


def streams(t: Task) -> Streams:
    """This process's streams."""
    return t.process.state(Streams)


def stream(t: Task, address: int) -> Stream:
    """The stream that a `FILE *` means."""
    return t.process.state(Streams).at(address)


# --- buffers ------------------------------------------------------------------------
def _get_buffer(t: Task, s: Stream) -> None:
    address = t.process.heap_alloc(BUFFER_SIZE)
    s.set(BASE, address)
    s.set(PTR, address)
    s.set(BUFSIZ, BUFFER_SIZE)
    s.set(CNT, 0)
    s.add_flag(IOMYBUF)


def release_buffer(t: Task, s: Stream) -> None:
    """Give back a buffer that the runtime allocated."""
    if s.get(FLAG) & IOMYBUF:
        t.process.heap_free(s.get(BASE))
        s.drop_flag(IOMYBUF)
    s.set(BASE, 0)
    s.set(BUFSIZ, 0)
    s.buffer(0, 0)
    s.raw = None


def _unbuffered_output(t: Task, s: Stream, flag: int, fd: int) -> bool:
    """Whether output goes to the descriptor at once."""
    if flag & IONBF:
        return True
    if flag & (IOMYBUF | IOYOURBUF):
        return False
    iob = streams(t).iob
    if s.address == iob + 2 * FILE_SIZE:
        return True
    if s.address != iob + FILE_SIZE:
        return False
    item = lowio.descriptors(t).get(fd)
    return bool(item and item.flags & lowio.FDEV)


def _begin_write(t: Task, s: Stream) -> tuple[int, int, bool] | None:
    """Switch to writing: (flag, fd, unbuffered); None with the error flag and errno where the stream cannot be
    written."""
    _ptr, _cnt, base, flag, fd, _char, _size, _tmp = s.fields()
    if not flag & (IOWRT | IORW):
        state.set_errno(t, state.EBADF)
        s.add_flag(IOERR)
        return None
    if flag & IOREAD:
        # Reading may become writing only at the end of the file or after a seek (C89 7.9.5.3).
        if not flag & IOEOF:
            s.set(CNT, 0)
            s.add_flag(IOERR)
            return None
        s.buffer(base, 0)
        flag &= ~IOREAD
    if not flag & IOWRT or flag & IOEOF:
        if not flag & IOWRT:
            s.buffer(base, 0)
            s.raw = None
        flag = (flag | IOWRT) & ~IOEOF
        s.set(FLAG, flag)
    if _unbuffered_output(t, s, flag, fd):
        return flag, fd, True
    if not base:
        _get_buffer(t, s)
    return flag, fd, False


async def write(t: Task, s: Stream, data: bytes) -> int:
    """Write ``data``; the bytes accepted (fewer means an error, and the stream's error flag is set)."""
    if not data:
        return 0
    ptr, cnt, base, flag, fd, _char, size, _tmp = s.fields()
    if flag & IOWRT and base and cnt > 0 and len(data) <= cnt and not flag & IONBF:
        t.mem.write(ptr, data)
        s.buffer(ptr + len(data), cnt - len(data))
        return len(data)
    ready = _begin_write(t, s)
    if ready is None:
        return 0
    flag, fd, unbuffered = ready
    if unbuffered:
        done = await lowio.write(t, fd, data)
        if done < 0:
            s.add_flag(IOERR)
            return 0
        return done
    ptr, cnt, base, flag, fd, _char, size, _tmp = s.fields()
    held = max(0, min(ptr - base, size))
    if held + len(data) > size or size <= 0:
        whole = t.mem.read(base, held) + data
        now = len(whole) // size * size if size > 0 else len(whole)
        # The buffer is empty before the write begins: a thread that comes in while the device blocks starts a fresh
        # one.
        t.mem.write(base, whole[now:])
        s.buffer(base + len(whole) - now, size - (len(whole) - now))
        if await lowio.write(t, fd, whole[:now]) < 0:
            s.add_flag(IOERR)
            return 0
        return len(data)
    t.mem.write(ptr, data)
    s.buffer(ptr + len(data), size - held - len(data))
    return len(data)


async def put(t: Task, s: Stream, byte: int) -> int:
    """Write one byte; the byte, or EOF."""
    return byte if await write(t, s, bytes((byte,))) else EOF


async def flsbuf(t: Task, byte: int, s: Stream) -> int:
    """What the putc macro calls when `_cnt` ran below zero: make room and store the byte."""
    if s.mem.i32(s.address + CNT) < 0:
        s.set(CNT, 0)
    return await put(t, s, byte & 0xFF)


async def flush(t: Task, s: Stream) -> int:
    """Write what is buffered; forget what was read ahead. 0, or EOF on a write error."""
    ptr, _cnt, base, flag, fd, _char, _size, _tmp = s.fields()
    held = ptr - base if base else 0
    s.buffer(base, 0)
    s.raw = None
    if flag & IOWRT and not flag & IOREAD and 0 < held <= 0x1000000:
        if await lowio.write(t, fd, t.mem.read(base, held)) < 0:
            s.add_flag(IOERR)
            return EOF
        if flag & IORW:
            s.drop_flag(IOWRT)
    return 0


async def flush_all(t: Task, writing_only: bool = True) -> int:
    """Flush every stream (those written to only, for fflush(NULL)); the number of open streams, or EOF."""
    count, failed = 0, False
    for s in streams(t).open_ones():
        if writing_only and not s.get(FLAG) & IOWRT:
            continue
        count += 1
        failed |= await flush(t, s) < 0
    return EOF if failed and writing_only else count


# --- reading ------------------------------------------------------------------------
async def fill(t: Task, s: Stream) -> int:
    """Read the next buffer; its first byte, consumed, or EOF with the stream's end or error flag set."""
    _ptr, _cnt, base, flag, fd, _char, size, _tmp = s.fields()
    if not flag & (IOREAD | IORW) or flag & IOWRT:
        s.add_flag(IOERR)
        s.set(CNT, 0)
        state.set_errno(t, state.EBADF)
        return EOF
    s.set(FLAG, flag | IOREAD)
    if not base:
        if flag & IONBF:
            base, size = s.address + CHARBUF, 1
            s.set(BASE, base)
            s.set(BUFSIZ, size)
        else:
            _get_buffer(t, s)
            base, size = s.get(BASE), BUFFER_SIZE
    s.buffer(base, 0)
    found = lowio.find(t, fd)
    start = -1
    if found is not None and found[1].kind == "disk" and found[0].flags & lowio.FTEXT:
        try:
            start = found[1].tell()
        except WinError:
            start = -1
    got = await lowio.read_text(t, fd, max(size, 1))
    if got is None:
        s.add_flag(IOERR)
        return EOF
    data, raw = got
    if not data:
        s.add_flag(IOEOF)
        return EOF
    s.raw, s.raw_start = (raw, start) if start >= 0 else (None, 0)
    t.mem.write(base, data)
    s.buffer(base + 1, len(data) - 1)
    return data[0]


async def get(t: Task, s: Stream) -> int:
    """The next byte, or EOF."""
    ptr, cnt = s.head()
    if cnt > 0:
        s.buffer(ptr + 1, cnt - 1)
        return s.mem.u8(ptr)
    return await fill(t, s)


async def filbuf(t: Task, s: Stream) -> int:
    """What the getc macro calls when `_cnt` ran below zero."""
    return await fill(t, s)


async def read(t: Task, s: Stream, size: int, until: int = -1) -> bytes:
    """At most ``size`` bytes, up to and including byte ``until`` when one is given; fewer at the end or on an error."""
    parts: list[bytes] = []
    left = size
    while left > 0:
        ptr, cnt = s.head()
        if cnt > 0:
            data = s.mem.read(ptr, min(cnt, left))
            if until >= 0:
                at = data.find(until)
                if at >= 0:
                    data, left = data[: at + 1], 0
            s.buffer(ptr + len(data), cnt - len(data))
            parts.append(data)
            left -= len(data)
            continue
        if until < 0 and left >= BUFFER_SIZE and s.get(FLAG) & IOREAD and s.get(BASE) and not s.get(FLAG) & IOWRT:
            s.buffer(s.get(BASE), 0)
            s.raw = None
            got = await lowio.read_text(t, s.mem.i32(s.address + FILENO), left - left % BUFFER_SIZE)
            if got is None:
                s.add_flag(IOERR)
                break
            if not got[0]:
                s.add_flag(IOEOF)
                break
            parts.append(got[0])
            left -= len(got[0])
            continue
        byte = await fill(t, s)
        if byte == EOF:
            break
        parts.append(bytes((byte,)))
        left -= 1
        if byte == until:
            break
    return b"".join(parts)


def unget(t: Task, s: Stream, byte: int) -> int:
    """Push a byte back; EOF where it cannot be."""
    ptr, cnt, base, flag, _fd, _char, _size, _tmp = s.fields()
    if byte < 0 or not (flag & IOREAD or (flag & IORW and not flag & IOWRT)):
        return EOF
    if not base:
        if flag & IONBF:
            base = s.address + CHARBUF
            s.set(BASE, base)
            s.set(BUFSIZ, 1)
        else:
            _get_buffer(t, s)
            base = s.get(BASE)
        ptr, cnt = base, 0
    if ptr == base:
        if cnt > 0:
            return EOF
        ptr += 1
    t.mem.put8(ptr - 1, byte)
    s.buffer(ptr - 1, max(cnt, 0) + 1)
    s.set(FLAG, (s.get(FLAG) & ~IOEOF) | IOREAD)
    return byte & 0xFF


# --- position -----------------------------------------------------------------------
def _raw_offset(raw: bytes, consumed: int) -> int:
    """How many bytes of ``raw`` make the first ``consumed`` bytes after CR LF translation."""
    at = consumed
    while True:
        wanted = consumed + raw.count(b"\r\n", 0, at)
        # A CR LF cut in the middle counts when its LF is among the consumed bytes.
        if wanted > at:
            at = wanted
            continue
        if at and at < len(raw) and raw[at - 1] == 13 and raw[at] == 10:
            at += 1
            continue
        return at


def tell(t: Task, s: Stream) -> int:
    """The position of the next byte, or -1 with errno."""
    ptr, cnt, base, flag, fd, _char, _size, _tmp = s.fields()
    item = lowio.descriptors(t).get(fd)
    flags = lowio.FEOF & item.flags if item else 0
    position = lowio.seek(t, fd, 0, 1)
    if item:
        item.flags |= flags
    if position < 0 or not base:
        return position
    if flag & IOWRT:
        held = max(0, min(ptr - base, 0x1000000))
        data = t.mem.read(base, held)
        return position + held + (data.count(b"\n") if item and item.flags & lowio.FTEXT else 0)
    cnt = max(cnt, 0)
    if cnt == 0:
        return position
    if s.raw is not None:
        total = len(s.raw.partition(b"\x1a")[0].replace(b"\r\n", b"\n"))
        consumed = total - cnt
        if consumed >= 0:
            return s.raw_start + _raw_offset(s.raw, consumed)
        return max(0, s.raw_start + consumed)
    if item and item.flags & lowio.FTEXT:
        cnt += t.mem.read(ptr, cnt).count(b"\n")
    return max(0, position - cnt)


async def seek(t: Task, s: Stream, offset: int, whence: int) -> int:
    """Move the position; 0, or -1 with errno."""
    flag = s.get(FLAG)
    if whence not in (0, 1, 2) or not flag & (IOREAD | IOWRT | IORW):
        state.set_errno(t, state.EINVAL)
        return -1
    if whence == 1:
        here = tell(t, s)
        if here < 0:
            return -1
        offset, whence = offset + here, 0
    await flush(t, s)
    flag = s.get(FLAG) & ~IOEOF
    if flag & IORW:
        flag &= ~(IOREAD | IOWRT)
    s.set(FLAG, flag)
    return 0 if lowio.seek(t, s.mem.i32(s.address + FILENO), offset, whence) >= 0 else -1


async def close(t: Task, s: Stream) -> int:
    """Flush, close the descriptor, free the FILE; 0 or EOF."""
    if not s.get(FLAG) & (IOREAD | IOWRT | IORW):
        return EOF
    result = await flush(t, s)
    release_buffer(t, s)
    fd = s.mem.i32(s.address + FILENO)
    if lowio.close(t, fd) < 0:
        result = EOF
    s.set(FLAG, 0)
    name = s.get(TMPNAME)
    if name:
        s.set(TMPNAME, 0)
        t.process.heap_free(name)
    s.raw = None
    return result


def assign(s: Stream, fd: int, flag: int) -> None:
    """Make a free FILE the stream of descriptor ``fd``."""
    s.mem.write(s.address, _FILE.pack(0, 0, 0, flag, fd, 0, 0, 0))
    s.raw = None
