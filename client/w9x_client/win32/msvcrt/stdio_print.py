"""printf and its family: formatting (`stdio_format`) to streams and buffers.

`vprintf`'s list is the address of its first argument, so the v-functions and the others share their bodies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi.types import INT, PTR, SIZE_T, VARARGS

from . import locale, stream
from .dll import msvcrt
from .state import STR, WSTR
from .stdio_file import standard
from .stdio_format import GuestArguments, format_text, unit_bytes

if TYPE_CHECKING:
    from w9x_client.process import Task


def formatted(t: Task, fmt: bytes, arguments: int) -> bytes:
    """The bytes that a narrow printf makes of its format and the arguments at ``arguments``."""
    source = GuestArguments(t.mem, arguments, lambda x: locale.encode(t, x), lambda x: locale.decode(t, x))
    return format_text(fmt.decode("latin-1"), source).encode("latin-1", "replace")


def formatted_wide(t: Task, fmt: str, arguments: int) -> str:
    """The text that a wide printf makes."""
    source = GuestArguments(t.mem, arguments, lambda x: locale.encode(t, x), lambda x: locale.decode(t, x))
    return format_text(fmt, source, wide=True)


async def _print(t: Task, s: stream.Stream, fmt: bytes, arguments: int) -> int:
    data = formatted(t, fmt, arguments)
    return len(data) if await stream.write(t, s, data) == len(data) else -1


@msvcrt.api()
async def printf(t: Task, format: STR, va: VARARGS) -> INT:
    """Formatted text to stdout; the bytes written, or -1."""
    return await _print(t, standard(t, 1), format, va)


@msvcrt.api()
async def vprintf(t: Task, format: STR, argptr: PTR) -> INT:
    """`printf` with an argument list."""
    return await _print(t, standard(t, 1), format, argptr)


@msvcrt.api()
async def fprintf(t: Task, file: PTR, format: STR, va: VARARGS) -> INT:
    """Formatted text to a stream."""
    return await _print(t, stream.stream(t, file), format, va)


@msvcrt.api()
async def vfprintf(t: Task, file: PTR, format: STR, argptr: PTR) -> INT:
    """`fprintf` with an argument list."""
    return await _print(t, stream.stream(t, file), format, argptr)


def _to_buffer(t: Task, buffer: int, fmt: bytes, arguments: int) -> int:
    data = formatted(t, fmt, arguments)
    t.mem.write(buffer, data + b"\0")
    return len(data)


def _to_limited(t: Task, buffer: int, count: int, fmt: bytes, arguments: int) -> int:
    """_snprintf: the terminator only where it fits; -1 where the text does not."""
    data = formatted(t, fmt, arguments)
    if len(data) > count:
        t.mem.write(buffer, data[:count])
        return -1
    t.mem.write(buffer, data + b"\0" if len(data) < count else data)
    return len(data)


@msvcrt.api()
def sprintf(t: Task, buffer: PTR, format: STR, va: VARARGS) -> INT:
    """Formatted text to a buffer."""
    return _to_buffer(t, buffer, format, va)


@msvcrt.api()
def vsprintf(t: Task, buffer: PTR, format: STR, argptr: PTR) -> INT:
    """`sprintf` with an argument list."""
    return _to_buffer(t, buffer, format, argptr)


@msvcrt.api()
def _snprintf(t: Task, buffer: PTR, count: SIZE_T, format: STR, va: VARARGS) -> INT:
    """Formatted text to a buffer of ``count`` bytes."""
    return _to_limited(t, buffer, count, format, va)


@msvcrt.api()
def _vsnprintf(t: Task, buffer: PTR, count: SIZE_T, format: STR, argptr: PTR) -> INT:
    """`_snprintf` with an argument list."""
    return _to_limited(t, buffer, count, format, argptr)


@msvcrt.not_on_9x()
def _scprintf(t: Task, format: STR, va: VARARGS) -> INT:
    """Length of the formatted text."""
    return len(formatted(t, format, va))


@msvcrt.not_on_9x()
def _vscprintf(t: Task, format: STR, argptr: PTR) -> INT:
    """Length of the formatted text."""
    return len(formatted(t, format, argptr))


# --- wide ---------------------------------------------------------------------------
async def write_text(t: Task, s: stream.Stream, text: str) -> bool:
    """Write wide text: as multibyte characters in text mode, as UTF-16 in binary mode."""
    data = wide_bytes(t, s, text)
    return await stream.write(t, s, data) == len(data)


def wide_bytes(t: Task, s: stream.Stream, text: str) -> bytes:
    """The bytes of wide text on this stream."""
    from . import lowio

    item = lowio.descriptors(t).get(s.mem.i32(s.address + stream.FILENO))
    if item is None or item.flags & lowio.FTEXT:
        return locale.encode(t, text)
    return unit_bytes(text)


async def _wprint(t: Task, s: stream.Stream, fmt: str, arguments: int) -> int:
    text = formatted_wide(t, fmt, arguments)
    return len(text) if await write_text(t, s, text) else -1


@msvcrt.api()
async def wprintf(t: Task, format: WSTR, va: VARARGS) -> INT:
    """`printf` with a wide format."""
    return await _wprint(t, standard(t, 1), format, va)


@msvcrt.api()
async def vwprintf(t: Task, format: WSTR, argptr: PTR) -> INT:
    """`wprintf` with an argument list."""
    return await _wprint(t, standard(t, 1), format, argptr)


@msvcrt.api()
async def fwprintf(t: Task, file: PTR, format: WSTR, va: VARARGS) -> INT:
    """`fprintf` with a wide format."""
    return await _wprint(t, stream.stream(t, file), format, va)


@msvcrt.api()
async def vfwprintf(t: Task, file: PTR, format: WSTR, argptr: PTR) -> INT:
    """`fwprintf` with an argument list."""
    return await _wprint(t, stream.stream(t, file), format, argptr)


def _to_wide_buffer(t: Task, buffer: int, fmt: str, arguments: int) -> int:
    text = formatted_wide(t, fmt, arguments)
    t.mem.write(buffer, unit_bytes(text + "\0"))
    return len(text)


def _to_wide_limited(t: Task, buffer: int, count: int, fmt: str, arguments: int) -> int:
    text = formatted_wide(t, fmt, arguments)
    if len(text) > count:
        t.mem.write(buffer, unit_bytes(text[:count]))
        return -1
    t.mem.write(buffer, unit_bytes(text + "\0" if len(text) < count else text))
    return len(text)


@msvcrt.api()
def swprintf(t: Task, buffer: PTR, format: WSTR, va: VARARGS) -> INT:
    """Wide formatted text to a buffer (no size argument in this version)."""
    return _to_wide_buffer(t, buffer, format, va)


@msvcrt.api()
def vswprintf(t: Task, buffer: PTR, format: WSTR, argptr: PTR) -> INT:
    """`swprintf` with an argument list."""
    return _to_wide_buffer(t, buffer, format, argptr)


@msvcrt.api()
def _snwprintf(t: Task, buffer: PTR, count: SIZE_T, format: WSTR, va: VARARGS) -> INT:
    """Wide formatted text to a buffer of ``count`` characters."""
    return _to_wide_limited(t, buffer, count, format, va)


@msvcrt.api()
def _vsnwprintf(t: Task, buffer: PTR, count: SIZE_T, format: WSTR, argptr: PTR) -> INT:
    """`_snwprintf` with an argument list."""
    return _to_wide_limited(t, buffer, count, format, argptr)


@msvcrt.not_on_9x()
def _vscwprintf(t: Task, format: WSTR, argptr: PTR) -> INT:
    """Length of the formatted text."""
    return len(formatted_wide(t, format, argptr))
