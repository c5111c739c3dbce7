"""Streams, the byte functions (stdio.h): fopen, fread, fgets, fseek and the rest. The wide ones are in `stdio_wide`,
printf in `stdio_print`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import codepage
from w9x_client.abi.types import INT, LONG, LONGLONG, PTR, SIZE_T

from . import lowio, state, stream
from .dll import msvcrt
from .state import LONG64, STR
from .stream import EOF, FILENO, FLAG, IOB_ENTRIES, IOEOF, IOERR, IONBF, IOREAD, IORW, IOWRT, IOYOURBUF

if TYPE_CHECKING:
    from w9x_client.process import Task


# --- opening --------------------------------------------------------------------------
def parse_mode(mode: str) -> tuple[int, int] | None:
    """(_open flags, stream flags) of an fopen mode; None for a bad one."""
    first, rest = mode[:1], mode[1:]
    if first == "r":
        oflag, flag = lowio.O_RDONLY, IOREAD
    elif first == "w":
        oflag, flag = lowio.O_WRONLY | lowio.O_CREAT | lowio.O_TRUNC, IOWRT
    elif first == "a":
        oflag, flag = lowio.O_WRONLY | lowio.O_CREAT | lowio.O_APPEND, IOWRT
    else:
        return None
    for letter in rest:
        if letter == "+":
            oflag = oflag & ~(lowio.O_RDONLY | lowio.O_WRONLY) | lowio.O_RDWR
            flag = flag & ~(IOREAD | IOWRT) | IORW
        elif letter == "b":
            oflag |= lowio.O_BINARY
        elif letter == "t":
            oflag |= lowio.O_TEXT
        elif letter == "c":
            flag |= stream.IOCOMMIT
        elif letter == "n":
            flag &= ~stream.IOCOMMIT
        elif letter == "S":
            oflag |= lowio.O_SEQUENTIAL
        elif letter == "R":
            oflag |= lowio.O_RANDOM
        elif letter == "T":
            oflag |= lowio.O_SHORT_LIVED
        elif letter == "D":
            oflag |= lowio.O_TEMPORARY
        elif letter != " ":
            break  # what follows is not looked at ("rb, ccs=...", stray characters)
    return oflag, flag


def open_stream(t: Task, path: str, mode: str, share: int, into: stream.Stream | None = None) -> int:
    """fopen: the FILE's address, or 0 with errno."""
    parsed = parse_mode(mode)
    if parsed is None:
        state.set_errno(t, state.EINVAL)
        return 0
    place = into or stream.streams(t).new()
    if place is None:
        state.set_errno(t, state.EMFILE)
        return 0
    fd = lowio.open_path(t, path, parsed[0], share, 0x180)
    if fd < 0:
        return 0
    stream.assign(place, fd, parsed[1])
    return place.address


def ansi(t: Task, path: bytes) -> str:
    """A path argument's text."""
    return codepage.decode(path, t.process.acp)


@msvcrt.api()
def fopen(t: Task, filename: STR, mode: STR) -> PTR:
    """Open a stream; NULL with errno."""
    return open_stream(t, ansi(t, filename), mode.decode("latin-1"), lowio.SH_DENYNO)


@msvcrt.api()
def _fsopen(t: Task, filename: STR, mode: STR, shflag: INT) -> PTR:
    """Open a stream with a sharing mode."""
    return open_stream(t, ansi(t, filename), mode.decode("latin-1"), shflag)


@msvcrt.api()
async def freopen(t: Task, path: STR, mode: STR, file: PTR) -> PTR:
    """Close a stream and open another file in its place."""
    return await reopen(t, ansi(t, path), mode.decode("latin-1"), file)


async def reopen(t: Task, path: str, mode: str, file: int) -> int:
    """freopen: the descriptor number is kept where it is the lowest free one, so stdin stays 0."""
    s = stream.stream(t, file)
    if s.get(FLAG) & (IOREAD | IOWRT | IORW):
        await stream.close(t, s)
    return open_stream(t, path, mode, lowio.SH_DENYNO, s)


def attach(t: Task, fd: int, mode: str) -> int:
    """_fdopen: a stream on an open descriptor, or 0 with errno."""
    parsed = parse_mode(mode)
    item = lowio.descriptors(t).get(fd)
    if item is None or parsed is None:
        state.set_errno(t, state.EBADF if item is None else state.EINVAL)
        return 0
    place = stream.streams(t).new()
    if place is None:
        state.set_errno(t, state.EMFILE)
        return 0
    stream.assign(place, fd, parsed[1])
    return place.address


@msvcrt.api()
def _fdopen(t: Task, fd: INT, mode: STR) -> PTR:
    """A stream on an open descriptor (whose text or binary mode stays)."""
    return attach(t, fd, mode.decode("latin-1"))


@msvcrt.api()
async def fclose(t: Task, file: PTR) -> INT:
    """Flush and close."""
    return await stream.close(t, stream.stream(t, file))


@msvcrt.api()
async def _fcloseall(t: Task) -> INT:
    """Close every stream but the three standard ones; how many."""
    own = stream.streams(t)
    count = 0
    for s in own.open_ones():
        if s.address >= own.iob + 3 * stream.FILE_SIZE or s.address < own.iob:
            count += await stream.close(t, s) == 0
    return count


@msvcrt.api()
async def fflush(t: Task, file: PTR) -> INT:
    """Write what is buffered; NULL: of every stream."""
    if not file:
        return 0 if await stream.flush_all(t) >= 0 else EOF
    s = stream.stream(t, file)
    result = await stream.flush(t, s)
    if result == 0 and s.get(FLAG) & stream.IOCOMMIT:
        found = lowio.find(t, s.mem.i32(file + FILENO))
        if found:
            found[1].flush()
    return result


@msvcrt.api()
async def _flushall(t: Task) -> INT:
    """Flush every stream; how many are open."""
    return await stream.flush_all(t, writing_only=False)


@msvcrt.api()
def setvbuf(t: Task, file: PTR, buffer: PTR, mode: INT, size: SIZE_T) -> INT:
    """Choose the buffering: full (0; 40h, line, is the same), none (4); 0, or -1 for a bad mode or size."""
    if mode not in (0, IONBF, stream.IOLBF) or (mode != IONBF and not 2 <= size <= 0x7FFFFFFF):
        return -1
    s = stream.stream(t, file)
    stream.release_buffer(t, s)
    s.drop_flag(IONBF | IOYOURBUF)
    if mode == IONBF:
        s.add_flag(IONBF)
        return 0
    size &= ~1
    own = not buffer
    if own:
        buffer = t.process.heap_alloc(size)
        if not buffer:
            return -1
    t.mem.check(buffer, size, True)
    s.add_flag(stream.IOMYBUF if own else IOYOURBUF)
    s.set(stream.BASE, buffer)
    s.set(stream.BUFSIZ, size)
    s.buffer(buffer, 0)
    return 0


@msvcrt.api()
def setbuf(t: Task, file: PTR, buffer: PTR) -> None:
    """Full buffering in a 512-byte buffer, or none for NULL."""
    setvbuf(t, file, buffer, 0 if buffer else IONBF, 512)


# --- bytes ----------------------------------------------------------------------------
@msvcrt.api()
async def fgetc(t: Task, file: PTR) -> INT:
    """The next byte, or EOF."""
    return await stream.get(t, stream.stream(t, file))


msvcrt.alias("getc", "fgetc")


@msvcrt.api()
async def fputc(t: Task, c: INT, file: PTR) -> INT:
    """Write a byte."""
    return await stream.put(t, stream.stream(t, file), c & 0xFF)


msvcrt.alias("putc", "fputc")


@msvcrt.api()
async def _filbuf(t: Task, file: PTR) -> INT:
    """Called by the getc macro."""
    return await stream.filbuf(t, stream.stream(t, file))


@msvcrt.api()
async def _flsbuf(t: Task, ch: INT, file: PTR) -> INT:
    """Called by the putc macro."""
    return await stream.flsbuf(t, ch, stream.stream(t, file))


@msvcrt.api()
def ungetc(t: Task, c: INT, file: PTR) -> INT:
    """Push a byte back."""
    return stream.unget(t, stream.stream(t, file), c)


def standard(t: Task, index: int) -> stream.Stream:
    """stdin 0, stdout 1, stderr 2."""
    own = stream.streams(t)
    return own.at(own.iob + index * stream.FILE_SIZE)


@msvcrt.api()
async def getchar(t: Task) -> INT:
    """The next byte of stdin."""
    return await stream.get(t, standard(t, 0))


msvcrt.alias("_fgetchar", "getchar")


@msvcrt.api()
async def putchar(t: Task, c: INT) -> INT:
    """Write a byte to stdout."""
    return await stream.put(t, standard(t, 1), c & 0xFF)


msvcrt.alias("_fputchar", "putchar")


@msvcrt.api()
async def _getw(t: Task, file: PTR) -> INT:
    """A binary int, or EOF."""
    data = await stream.read(t, stream.stream(t, file), 4)
    return int.from_bytes(data, "little") if len(data) == 4 else EOF


@msvcrt.api()
async def _putw(t: Task, binint: INT, file: PTR) -> INT:
    """Write a binary int."""
    done = await stream.write(t, stream.stream(t, file), (binint & 0xFFFFFFFF).to_bytes(4, "little"))
    return binint if done == 4 else EOF


# --- lines and blocks -------------------------------------------------------------------
@msvcrt.api()
async def fgets(t: Task, string: PTR, n: INT, file: PTR) -> PTR:
    """A line of at most n-1 bytes with its newline; NULL at the end."""
    if n <= 0:
        return 0
    data = await stream.read(t, stream.stream(t, file), n - 1, 10)
    if not data and n > 1:
        return 0
    t.mem.write(string, data + b"\0")
    return string


@msvcrt.api()
async def gets(t: Task, buffer: PTR) -> PTR:
    """A line of stdin without its newline."""
    data = await stream.read(t, standard(t, 0), 0x7FFFFFFF, 10)
    if not data:
        return 0
    t.mem.write(buffer, data.removesuffix(b"\n") + b"\0")
    return buffer


@msvcrt.api()
async def fputs(t: Task, string: STR, file: PTR) -> INT:
    """Write a string; 0 or EOF."""
    return 0 if await stream.write(t, stream.stream(t, file), string) == len(string) else EOF


@msvcrt.api()
async def puts(t: Task, string: STR) -> INT:
    """Write a line to stdout; 0 or EOF."""
    return 0 if await stream.write(t, standard(t, 1), string + b"\n") == len(string) + 1 else EOF


@msvcrt.api()
async def fread(t: Task, buffer: PTR, size: SIZE_T, count: SIZE_T, file: PTR) -> SIZE_T:
    """Whole items read."""
    total = size * count
    if not total:
        return 0
    data = await stream.read(t, stream.stream(t, file), total)
    t.mem.write(buffer, data)
    return len(data) // size


@msvcrt.api()
async def fwrite(t: Task, buffer: PTR, size: SIZE_T, count: SIZE_T, file: PTR) -> SIZE_T:
    """Whole items written."""
    total = size * count
    if not total:
        return 0
    return await stream.write(t, stream.stream(t, file), t.mem.read(buffer, total)) // size


# --- position and state -------------------------------------------------------------------
@msvcrt.api()
async def fseek(t: Task, file: PTR, offset: LONG, origin: INT) -> INT:
    """Move the position; 0 or -1."""
    return await stream.seek(t, stream.stream(t, file), offset, origin)


@msvcrt.api()
def ftell(t: Task, file: PTR) -> LONG:
    """The position, or -1."""
    return stream.tell(t, stream.stream(t, file))


@msvcrt.api()
async def rewind(t: Task, file: PTR) -> None:
    """To the start, with the error flag cleared."""
    s = stream.stream(t, file)
    await stream.seek(t, s, 0, 0)
    s.drop_flag(IOERR | IOEOF)


@msvcrt.api()
def fgetpos(t: Task, file: PTR, pos: PTR) -> INT:
    """The position as a 64-bit number at ``pos``; 0 or -1."""
    position = stream.tell(t, stream.stream(t, file))
    if position < 0:
        return -1
    t.mem.put64(pos, position)
    return 0


@msvcrt.api()
async def fsetpos(t: Task, file: PTR, pos: PTR) -> INT:
    """Back to a position of fgetpos."""
    return await stream.seek(t, stream.stream(t, file), t.mem.u64(pos), 0)


@msvcrt.not_on_9x()
async def _fseeki64(t: Task, file: PTR, offset: LONG64, origin: INT) -> INT:
    """`fseek`, 64 bits."""
    return await stream.seek(t, stream.stream(t, file), offset, origin)


@msvcrt.not_on_9x()
def _ftelli64(t: Task, file: PTR) -> LONGLONG:
    """`ftell`, 64 bits."""
    return stream.tell(t, stream.stream(t, file))


@msvcrt.api()
def feof(t: Task, file: PTR) -> INT:
    """Nonzero after a read met the end."""
    return stream.stream(t, file).get(FLAG) & IOEOF


@msvcrt.api()
def ferror(t: Task, file: PTR) -> INT:
    """Nonzero after an error."""
    return stream.stream(t, file).get(FLAG) & IOERR


@msvcrt.api()
def clearerr(t: Task, file: PTR) -> None:
    """Forget end and error."""
    s = stream.stream(t, file)
    s.drop_flag(IOEOF | IOERR)
    item = lowio.descriptors(t).get(s.mem.i32(file + FILENO))
    if item:
        item.flags &= ~lowio.FEOF


@msvcrt.api()
def _fileno(t: Task, file: PTR) -> INT:
    """The stream's descriptor."""
    return t.mem.i32(file + FILENO)


@msvcrt.api()
def __p__iob(t: Task) -> PTR:  # the export's name
    """Address of ``_iob``."""
    return stream.streams(t).iob


@msvcrt.not_on_9x()
def __iob_func(t: Task) -> PTR:  # the export's name
    """Address of ``_iob``."""
    return stream.streams(t).iob


@msvcrt.stub("the limit is fixed; documented answer of the first 512")
def _setmaxstdio(t: Task, newmax: INT) -> INT:
    """The limit, when it is asked for."""
    return newmax if IOB_ENTRIES <= newmax <= stream.MAX_STREAMS else -1


@msvcrt.api()
def _getmaxstdio(t: Task) -> INT:
    """How many streams can be open."""
    return stream.MAX_STREAMS


@msvcrt.api()
async def perror(t: Task, string: PTR) -> None:
    """``string: text of errno`` to stderr."""
    from .string import error_text

    text = error_text(state.get_errno(t)).encode() + b"\n"
    if string:
        prefix = t.mem.cstr(string)
        if prefix:
            text = prefix + b": " + text
    await stream.write(t, standard(t, 2), text)
