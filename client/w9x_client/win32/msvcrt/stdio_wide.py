"""Streams of wide characters (wchar.h). A text-mode stream holds multibyte text in the locale's code page, a binary
one UTF-16."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi.types import INT, PTR, WORD

from . import locale, lowio, stream
from .dll import msvcrt
from .state import WSTR
from .stdio_file import attach, open_stream, reopen, standard
from .stdio_format import unit_bytes, units
from .stdio_print import wide_bytes, write_text

if TYPE_CHECKING:
    from w9x_client.process import Task

WEOF = 0xFFFF


@msvcrt.api()
def _wfopen(t: Task, filename: WSTR, mode: WSTR) -> PTR:
    """`fopen`, wide names."""
    return open_stream(t, filename, mode, lowio.SH_DENYNO)


@msvcrt.api()
def _wfsopen(t: Task, filename: WSTR, mode: WSTR, shflag: INT) -> PTR:
    """`_fsopen`, wide names."""
    return open_stream(t, filename, mode, shflag)


@msvcrt.api()
async def _wfreopen(t: Task, path: WSTR, mode: WSTR, file: PTR) -> PTR:
    """`freopen`, wide names."""
    return await reopen(t, path, mode, file)


@msvcrt.api()
def _wfdopen(t: Task, fd: INT, mode: WSTR) -> PTR:
    """`_fdopen`, wide mode."""
    return attach(t, fd, mode)


def _is_text(t: Task, s: stream.Stream) -> bool:
    item = lowio.descriptors(t).get(s.mem.i32(s.address + stream.FILENO))
    return item is None or bool(item.flags & lowio.FTEXT)


async def _get(t: Task, s: stream.Stream) -> int:
    """The next character, or WEOF."""
    if not _is_text(t, s):
        data = await stream.read(t, s, 2)
        return int.from_bytes(data, "little") if len(data) == 2 else WEOF
    first = await stream.get(t, s)
    if first == stream.EOF:
        return WEOF
    data = bytes((first,))
    if locale.is_lead(locale.code_page(t), first):
        second = await stream.get(t, s)
        if second == stream.EOF:
            return WEOF
        data += bytes((second,))
    return ord(locale.decode(t, data)[0])


async def _put(t: Task, s: stream.Stream, char: int) -> int:
    return char if await write_text(t, s, chr(char)) else WEOF


@msvcrt.api()
async def fgetwc(t: Task, file: PTR) -> WORD:
    """The next character, or WEOF."""
    return await _get(t, stream.stream(t, file))


msvcrt.alias("getwc", "fgetwc")


@msvcrt.api()
async def getwchar(t: Task) -> WORD:
    """The next character of stdin."""
    return await _get(t, standard(t, 0))


msvcrt.alias("_fgetwchar", "getwchar")


@msvcrt.api()
async def fputwc(t: Task, c: WORD, file: PTR) -> WORD:
    """Write a character."""
    return await _put(t, stream.stream(t, file), c)


msvcrt.alias("putwc", "fputwc")


@msvcrt.api()
async def putwchar(t: Task, c: WORD) -> WORD:
    """Write a character to stdout."""
    return await _put(t, standard(t, 1), c)


msvcrt.alias("_fputwchar", "putwchar")


@msvcrt.api()
def ungetwc(t: Task, c: WORD, file: PTR) -> WORD:
    """Push a character back."""
    if c == WEOF:
        return WEOF
    s = stream.stream(t, file)
    for byte in reversed(wide_bytes(t, s, chr(c))):
        if stream.unget(t, s, byte) == stream.EOF:
            return WEOF
    return c


async def _line(t: Task, s: stream.Stream, limit: int) -> str:
    out: list[str] = []
    while len(out) < limit:
        char = await _get(t, s)
        if char == WEOF:
            break
        out.append(chr(char))
        if char == 10:
            break
    return "".join(out)


@msvcrt.api()
async def fgetws(t: Task, string: PTR, n: INT, file: PTR) -> PTR:
    """A line of at most n-1 characters."""
    text = await _line(t, stream.stream(t, file), n - 1)
    if not text:
        return 0
    t.mem.write(string, unit_bytes(text + "\0"))
    return string


@msvcrt.api()
async def _getws(t: Task, buffer: PTR) -> PTR:
    """A line of stdin without its newline."""
    text = await _line(t, standard(t, 0), 1 << 24)
    if not text:
        return 0
    t.mem.write(buffer, unit_bytes(text.removesuffix("\n") + "\0"))
    return buffer


@msvcrt.api()
async def fputws(t: Task, string: WSTR, file: PTR) -> INT:
    """Write a string; 0 or WEOF."""
    return 0 if await write_text(t, stream.stream(t, file), string) else WEOF


@msvcrt.api()
async def _putws(t: Task, string: WSTR) -> INT:
    """Write a line to stdout; 0 or WEOF."""
    return 0 if await write_text(t, standard(t, 1), string + "\n") else WEOF


@msvcrt.api()
async def _wperror(t: Task, string: PTR) -> None:
    """`perror`, wide."""
    from . import state
    from .string import error_text

    prefix = units(t.mem.wcstr(string)) + ": " if string else ""
    await write_text(t, standard(t, 2), prefix + error_text(state.get_errno(t)) + "\n")
