"""The relay log: what a program asks of Windows, and what it is told.

`Relay.wrap` replaces the entry of an export with one that logs; exports outside the filter keep theirs, and without a
relay nothing is wrapped, so that tracing costs nothing when it is off. Names, order and kinds of arguments come from
the declaration alone.

One line per call::

    F0000008 kernel32.CreateFileA(lpFileName="A.TXT", dwDesiredAccess=GENERIC_READ, ...) = 14  ret TOOL.EXE+1A2B
    F0000008 kernel32.DeleteFileA(lpFileName="B.TXT") = FALSE  last error 2 FILE_NOT_FOUND  ret TOOL.EXE+1A40

A call during which something else is logged (it waits, or calls the guest back) takes two lines: the second repeats
the name. Calls back into the guest are indented::

    F0000008 msvcrt.qsort(base=00412000, ...)  ret TOOL.EXE+2000
    F0000008   call 004010F0(00412000, 00412004)
    F0000008   back from 004010F0 = FFFFFFFF
    F0000008 msvcrt.qsort =

Values are those that the guest passed; everything is read with the guest's own rights, and a pointer it could not
read is shown as a number.
"""

from __future__ import annotations

import errno
import os
import re
import struct
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, get_args

from w9x_client.abi import Err, GuestFault, WinError, tib
from w9x_client.abi.compile import Compiled, Parameter, signature
from w9x_client.abi.flags import Names
from w9x_client.abi.types import Arg, TextOut

from . import crash
from .task import CallRequest

if TYPE_CHECKING:
    from w9x_client.abi import Export

    from .process import Process
    from .task import Task

TEXT_MAX = 160
"""Characters of a string that are shown."""


class FilterError(ValueError):
    """A filter that says nothing; one line for the user."""


def parse_filter(text: str) -> list[tuple[bool, str, str]]:
    """(include, DLL pattern, topic-or-function pattern) of each item, in order; FilterError names a bad item.

    Patterns are lower case and may hold ``*`` and ``?``. A list that begins with an exclusion begins with everything.
    """
    rules: list[tuple[bool, str, str]] = []
    for raw in text.split(","):
        item = raw.strip().lower()
        include = not item.startswith("-")
        item = item.removeprefix("-").strip()
        dll, dot, rest = item.partition(".")
        for extension in ("dll.", "drv."):
            if dot and rest.startswith(extension):
                rest = rest[len(extension) :]
        if not dll or (dot and not rest) or " " in item:
            raise FilterError(
                f"{raw.strip() or 'an empty item'}: write *, DLL, DLL.topic or DLL.Function, each with or without -"
            )
        if not rules and not include:
            rules.append((True, "*", "*"))
        rules.append((include, dll, rest or "*"))
    return rules


def selects(rules: list[tuple[bool, str, str]], export: Export) -> bool:
    """Whether the last rule that fits ``export`` includes it."""
    dll, name = export.dll.lower().removesuffix(".drv"), export.name.lower()
    topic = export.fn.__module__.rpartition(".")[2].lower()
    for include, dll_pattern, pattern in reversed(rules):
        if fnmatchcase(dll, dll_pattern) and (fnmatchcase(name, pattern) or fnmatchcase(topic, pattern)):
            return include
    return False


# --- values --------------------------------------------------------------------------------
Shower = Callable[["Task", Any], str]


def _hex(value: int) -> str:
    return f"{value & 0xFFFFFFFF:08X}" if value > 0xFFFF or value < 0 else f"{value:X}" if value > 9 else str(value)


def _decimal(value: int) -> str:
    """Decimal, unless it is obviously no count."""
    return str(value) if value < 0x8000_0000 else f"{value:X}"


def _handle(value: int) -> str:
    return {0xFFFFFFFF: "-1", 0: "NULL"}.get(value & 0xFFFFFFFF, f"{value & 0xFFFFFFFF:X}")


def _quoted(value: str | bytes) -> str:
    text = value.decode("cp1252", "replace") if isinstance(value, bytes) else value
    cut = text[:TEXT_MAX]
    plain = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"'}
    shown = "".join(plain.get(c, c if c.isprintable() else f"\\x{ord(c):02x}") for c in cut)
    return f'"{shown}"' + ("..." if len(text) > TEXT_MAX else "")


_PLAIN: dict[str, Callable[[Any], str]] = {
    "hex": _hex,
    "dec": _decimal,
    "handle": _handle,
    "bool": lambda value: {0: "FALSE", 1: "TRUE"}.get(value, _hex(value)),
    "float": lambda value: f"{value:g}",
}


def _shower(arg: Arg) -> Callable[[Any], str]:
    names = arg.names.get(arg.show)
    if isinstance(names, Names):
        return names.text
    return _PLAIN.get(arg.show, _hex)


def _decoder(parameter: Parameter) -> Callable[[Task, Any, bool], Any]:
    """What the body of the export would see of an argument, from the declaration's own expression."""
    expression = parameter.arg.decode.format("a", slot=parameter.offset)
    return eval(f"lambda t, a, W: {expression}", dict(parameter.arg.names))  # noqa: S307  # from declarations


@dataclass(slots=True)
class _Argument:
    """How one parameter is shown."""

    name: str
    show: Callable[[Any], str]
    text: Callable[[Task, Any, bool], Any] | None
    """Decodes a string argument."""
    out: Callable[[Task, Any, bool], Any] | None
    """Decodes an output parameter, which is shown after the call."""
    maybe_text: bool
    """An address that is text by its name."""


_TEXT_NAME = re.compile(r"^(?:lpc?t?sz|psz|lpString|lp\w*(?:Name|Path|Title|Line)$|str\d?$)")
"""Names that the SDK gives to pointers to text; parameters of the general type PTR are shown with the text they
point to.
"""


def _peek(t: Task, address: int, wide: bool) -> str:
    """The text at an address if there is any: it may be a buffer that is yet to be filled."""
    if address < 0x1_0000:
        return ""  # NULL, an atom or a resource number
    try:
        text = (
            t.mem.wide(address, TEXT_MAX + 1) if wide else t.mem.cstr(address, TEXT_MAX + 1).decode("cp1252", "replace")
        )
    except GuestFault:
        return ""
    return f" {_quoted(text)}" if text.isprintable() else ""


def _argument(parameter: Parameter) -> _Argument:
    decode = parameter.arg.decode
    is_text = parameter.arg.show == "str"
    is_out = decode.startswith(("Out(", "TextOut("))
    return _Argument(
        parameter.name,
        _shower(parameter.arg),
        _decoder(parameter) if is_text else None,
        _decoder(parameter) if is_out else None,
        decode == "{0}" and parameter.arg.show == "hex" and bool(_TEXT_NAME.match(parameter.name)),
    )


def _result_shower(export: Export) -> Callable[[int], str]:
    """From the result's own alias, whose first metadata is the same type as a parameter."""
    returned = export.fn.__annotations__.get("return")
    if isinstance(returned, str):
        returned = eval(returned, getattr(export.fn, "__globals__", {}))  # noqa: S307  # our own source, as abi.compile does
    arg = next((item for item in get_args(returned)[1:] if isinstance(item, Arg)), None)
    if arg is None:
        return _decimal
    show = _shower(arg)
    return (lambda value: show(value - (1 << 32) if value >> 31 else value)) if arg.code == "i" else show


# --- the log ---------------------------------------------------------------------------------
class Relay:
    """Logs the calls of one process.

    Args:
        process: whose calls.
        filter_text: see `parse_filter`; FilterError when it is bad.
        file: path of the log, None for standard error. OSError when it cannot be written.
    """

    def __init__(self, process: Process, filter_text: str = "*", file: str | None = None) -> None:
        self._rules = parse_filter(filter_text)
        self._process = process
        self._fd = 2 if file is None else os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        self._owned = file is not None
        self._pending: tuple[Task, str, str] | None = None
        """(task, name, text) of a call whose result may still come on the same line."""
        self._depth: dict[int, int] = {}
        """Task id -> calls into the guest it is inside of."""

    def wrap(self, compiled: Compiled) -> Compiled:
        """``compiled`` with logging, or itself where the filter leaves it out."""
        if not selects(self._rules, compiled.export):
            return compiled
        call = _Call(self, compiled)
        if compiled.is_async:
            return replace(compiled, entry=call.enter_async, finish=call.finish, fail=call.fail)
        return replace(compiled, entry=call.enter)

    def close(self) -> None:
        """Finish the last line and close the file."""
        self.flush()
        if self._owned and self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    # --- what calls report ------------------------------------------------------------------
    def begin(self, task: Task, name: str, text: str) -> None:
        """A call begins."""
        self.flush()
        self._pending = (task, name, text)

    def end(self, task: Task, name: str, text: str) -> None:
        """A call has ended; ``text`` is what follows its name or its arguments."""
        pending = self._pending
        if pending is not None and pending[0] is task and pending[1] == name:
            self._pending = None
            self._write(task, pending[2] + text)
        else:
            self.flush()
            self._write(task, name + text)

    def flush(self) -> None:
        """The call in progress gets a line of its own."""
        pending, self._pending = self._pending, None
        if pending is not None:
            self._write(pending[0], pending[2])

    def callback(self, task: Task, request: CallRequest) -> None:
        """A handler calls guest code."""
        self.flush()
        arguments = ", ".join(f"{word & 0xFFFFFFFF:08X}" for word in request.arguments)
        self._depth[task.id] = self._depth.get(task.id, 0) + 1
        self._write(task, f"call {self._where(request.fn)}({arguments})")

    def returned(self, task: Task, request: CallRequest, value: int) -> None:
        """Guest code has come back to the handler that called it."""
        self.flush()
        self._write(task, f"back from {request.fn:08X} = {value & 0xFFFFFFFF:X}")
        self._depth[task.id] = max(self._depth.get(task.id, 1) - 1, 0)

    def abandoned(self, task: Task) -> None:
        """A call into the guest will not return: an unwind or longjmp went past it."""
        self._depth[task.id] = max(self._depth.get(task.id, 1) - 1, 0)

    def _where(self, address: int) -> str:
        place = crash.place(self._process, address)
        return f"{address:08X}" if place == f"{address:08X}" else f"{address:08X} {place}"

    def caller(self, address: int) -> str:
        """MODULE+offset of a return address."""
        return crash.place(self._process, address)

    def _write(self, task: Task, text: str) -> None:
        line = f"{task.id:08X} {'  ' * self._depth.get(task.id, 0)}{text}\n".encode("utf-8", "backslashreplace")
        try:
            while line:
                line = line[os.write(self._fd, line) :]
        except OSError as error:
            if error.errno in (errno.EPIPE, errno.ENOSPC, errno.EBADF):
                return  # the log's reader is gone or its disk is full: the program goes on
            raise


@dataclass(frozen=True, slots=True)
class _State:
    """What the end of a call needs to know of its beginning."""

    last_error: int
    words: tuple[Any, ...]
    place: str
    """Where it returns to."""


class _Call:
    """One traced export."""

    def __init__(self, relay: Relay, compiled: Compiled) -> None:
        self._relay, self._compiled = relay, compiled
        export = compiled.export
        self._sig = signature(export)
        self._wide = export.wide
        self._name = f"{export.dll}.{export.name}"
        coded = [parameter for parameter in self._sig.parameters if parameter.arg.code]
        self._words = struct.Struct("<" + "".join(parameter.arg.code for parameter in coded))
        self._arguments = [_argument(parameter) for parameter in coded]
        self._has_out = any(argument.out for argument in self._arguments)
        self._result = _result_shower(export)
        self._done: dict[int, _State] = {}
        """Task id -> state of its call whose coroutine has just ended; `finish` or `fail` comes next."""

    # --- entries that take the place of the export's own -----------------------------------------
    def enter(self, t: Task, esp: int) -> int:
        """A synchronous export."""
        state = self._begin(t, esp)
        try:
            eax = self._compiled.entry(t, esp)
        except BaseException as error:
            self._relay.end(t, self._name, f" : {_outcome(error)}  ret {state.place}")
            raise
        self._end(t, eax, state)
        return eax

    def enter_async(self, t: Task, esp: int) -> Coroutine[Any, Any, Any]:
        """An asynchronous export: its coroutine inside one that sees what it asks for."""
        return self._watch(t, self._compiled.entry(t, esp), self._begin(t, esp))

    async def _watch(self, t: Task, inner: Coroutine[Any, Any, Any], state: _State) -> Any:
        try:
            result = await _Requests(self._relay, t, inner)
        except WinError:
            self._done[t.id] = state
            raise
        except GeneratorExit:
            raise  # the frame is dropped: an unwind or longjmp went past it
        except BaseException as error:
            self._relay.end(t, self._name, f" : {_outcome(error)}  ret {state.place}")
            raise
        self._done[t.id] = state
        return result

    def finish(self, t: Task, value: Any) -> int:
        """The result of an asynchronous export."""
        eax = self._compiled.finish(t, value)
        self._end(t, eax, self._done.pop(t.id))
        return eax

    def fail(self, t: Task, code: int) -> int:
        """The failure of an asynchronous export."""
        eax = self._compiled.fail(t, code)
        self._end(t, eax, self._done.pop(t.id))
        return eax

    # --- text -----------------------------------------------------------------------------------
    def _begin(self, t: Task, esp: int) -> _State:
        ram = t.mem.ram
        words: tuple[Any, ...] = ()
        if self._arguments:
            words = self._words.unpack_from(ram, esp + 8)
        shown = ", ".join(
            f"{argument.name}={self._value(t, argument, word)}"
            for argument, word in zip(self._arguments, words, strict=True)
        )
        place = self._relay.caller(int.from_bytes(ram[esp + 4 : esp + 8], "little"))
        self._relay.begin(t, self._name, f"{self._name}({shown})")
        return _State(t.last_error, words, place)

    def _value(self, t: Task, argument: _Argument, word: Any) -> str:
        if argument.text is None:
            return argument.show(word) + (_peek(t, word, self._wide) if argument.maybe_text else "")
        try:
            value = argument.text(t, word, self._wide)
        except GuestFault:
            return f"{word:08X} (unreadable)"
        return "NULL" if value is None else _quoted(value)

    def _end(self, t: Task, eax: int, state: _State) -> None:
        kind = self._sig.ret.kind
        if kind == "eax":
            text = f" = {self._result(eax & 0xFFFFFFFF)}"
        elif kind == "edx:eax":
            text = f" = {t.mem.u32(t.tib + tib.RESULT_HIGH) << 32 | eax & 0xFFFFFFFF:X}"
        elif kind == "st0":
            text = f" = {t.mem.f64(t.tib + tib.RESULT_FLOAT):g}"
        else:
            text = " = void"
        if self._has_out:
            text += self._outputs(t, state.words)
        after = t.last_error
        if after != state.last_error:
            text += f"  last error {error_text(after)}"
        self._relay.end(t, self._name, f"{text}  ret {state.place}")

    def _outputs(self, t: Task, words: tuple[Any, ...]) -> str:
        parts = []
        for argument, word in zip(self._arguments, words, strict=True):
            if argument.out is None or not word:
                continue
            try:
                out = argument.out(t, word, self._wide)
                if isinstance(out, TextOut):
                    value = _quoted(t.mem.wide(word, TEXT_MAX + 1) if out.wide else t.mem.cstr(word, TEXT_MAX + 1))
                else:
                    value = _decimal(out.get())
            except GuestFault:
                value = "unreadable"
            parts.append(f"{argument.name}: {value}")
        return f" {{{', '.join(parts)}}}" if parts else ""


class _Requests:
    """Awaits a coroutine and reports its calls into the guest."""

    __slots__ = ("_inner", "_relay", "_task")

    def __init__(self, relay: Relay, task: Task, inner: Coroutine[Any, Any, Any]) -> None:
        self._relay, self._task, self._inner = relay, task, inner

    def __await__(self) -> Generator[Any, Any, Any]:
        relay, task, inner = self._relay, self._task, self._inner
        value: Any = None
        try:
            while True:
                try:
                    request = inner.send(value)
                except StopIteration as stop:
                    return stop.value
                if not isinstance(request, CallRequest):
                    relay.flush()  # it waits: whoever reads the log should see in what
                    value = yield request
                    continue
                relay.callback(task, request)
                try:
                    value = yield request
                except GeneratorExit:
                    relay.abandoned(task)
                    raise
                relay.returned(task, request, value)
        finally:
            inner.close()


def error_text(code: int) -> str:
    """A Win32 error code with its name."""
    try:
        return f"{code} {Err(code).name}"
    except ValueError:
        return str(code)


def _outcome(error: BaseException) -> str:
    """What became of a call that did not return."""
    if isinstance(error, GuestFault):
        return f"access violation {'writing' if error.write else 'reading'} {error.address:08X}"
    name = type(error).__name__
    known = {
        "GuestExit": "the process ends",
        "Redirected": "goes on elsewhere",
        "GuestException": "raises an exception",
    }
    return known.get(name, name)


__all__ = ["FilterError", "Relay", "parse_filter"]
