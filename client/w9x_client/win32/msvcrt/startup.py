"""What a program's start-up code asks of the runtime: arguments, tables of initialisers, flags; and the exported
variables about the program.

The variables are filled by `attach`.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from w9x_client.abi import WinError, codepage
from w9x_client.abi.types import INT, PTR

from . import command_line, environment, state
from .dll import msvcrt
from .stdio_format import unit_bytes

if TYPE_CHECKING:
    from w9x_client.process import Task

for _name in (
    "__argc", "__argv", "__wargv", "_acmdln", "_wcmdln", "_pgmptr", "_wpgmptr", "_adjust_fdiv", "_osver", "_winver",
    "_winmajor", "_winminor", "_osplatform", "_aexit_rtn",
):  # fmt: skip
    msvcrt.data(_name, 4)
msvcrt.data("_fileinfo", 4, struct.pack("<i", -1))


def arguments(t: Task, expand: bool) -> list[str]:
    """The program's argument vector; the first is its name."""
    found: list[str] = []
    for index, (text, quoted) in enumerate(command_line.split_marked(t.process.command_line)):
        if index and expand and not quoted and command_line.has_wildcard(text):
            found += _expanded(t, text)
        else:
            found.append(text)
    return found


def _expanded(t: Task, pattern: str) -> list[str]:
    """The names that match, sorted as setargv does; the pattern itself where none does."""
    from .directory import matches

    cut = max(pattern.rfind("\\"), pattern.rfind("/"), pattern.rfind(":")) + 1
    try:
        names = sorted((m for m in matches(t, pattern) if m not in (".", "..")), key=str.lower)
    except WinError:
        names = []
    return [pattern[:cut] + name for name in names] or [pattern]


def vector(t: Task, texts: list[str], wide: bool) -> int:
    """A zero-terminated guest array of pointers to ``texts``, in one block."""
    blobs = [unit_bytes(s + "\0") if wide else codepage.encode(s + "\0", t.process.acp) for s in texts]
    table = 4 * (len(blobs) + 1)
    address = t.process.heap_alloc(table + sum(map(len, blobs)))
    pointers, at = [], address + table
    for blob in blobs:
        pointers.append(at)
        at += len(blob)
    t.mem.write(address, struct.pack(f"<{len(blobs) + 1}I", *pointers, 0) + b"".join(blobs))
    return address


def main_arguments(t: Task, argc: int, argv: int, envp: int, wildcards: int, new_mode: int, wide: bool) -> None:
    """__getmainargs: store argc, argv and envp at the addresses given; ``new_mode`` may be 0."""
    own = state.crt(t)
    texts = arguments(t, bool(wildcards))
    table = vector(t, texts, wide)
    t.mem.put32(own.variable("__argc"), len(texts))
    t.mem.put32(own.variable("__wargv" if wide else "__argv"), table)
    t.mem.put32(argc, len(texts))
    t.mem.put32(argv, table)
    t.mem.put32(envp, environment.arrays(t).array(wide))
    if new_mode:
        own.new_mode = t.mem.u32(new_mode) & 1


@msvcrt.api()
def __getmainargs(t: Task, argc: PTR, argv: PTR, envp: PTR, dowildcard: INT, startinfo: PTR) -> INT:
    """main's arguments; wildcards are expanded when ``dowildcard`` is set."""
    main_arguments(t, argc, argv, envp, dowildcard, startinfo, False)
    return 0


@msvcrt.api()
def __wgetmainargs(t: Task, argc: PTR, argv: PTR, envp: PTR, dowildcard: INT, startinfo: PTR) -> INT:
    """wmain's arguments."""
    main_arguments(t, argc, argv, envp, dowildcard, startinfo, True)
    return 0


@msvcrt.api()
def __set_app_type(t: Task, apptype: INT) -> None:
    """1: console, 2: GUI; decides where error messages go."""
    state.crt(t).app_type = apptype


@msvcrt.api()
async def _initterm(t: Task, begin: PTR, end: PTR) -> None:
    """Call every function of a table, NULLs skipped."""
    at = begin
    while at < end:
        fn = t.mem.u32(at)
        if fn:
            await t.call(fn, convention="cdecl")
        at += 4


@msvcrt.not_on_9x()
async def _initterm_e(t: Task, begin: PTR, end: PTR) -> INT:
    """`_initterm` of functions that may fail: the first nonzero result ends it."""
    at = begin
    while at < end:
        fn = t.mem.u32(at)
        if fn:
            result = await t.call(fn, convention="cdecl")
            if result:
                return result
        at += 4
    return 0


def _declare_address(export: str, variable: str) -> None:
    def handler(t: Task) -> PTR:
        return state.crt(t).variable(variable)

    handler.__doc__ = f"Address of ``{variable}``."
    msvcrt.api(name=export)(handler)


for _variable in (
    "_fmode", "_commode", "_acmdln", "_wcmdln", "_pgmptr", "_wpgmptr", "_osver", "_winver", "_winmajor", "_winminor",
    "_fileinfo",
):  # fmt: skip
    _declare_address("__p_" + _variable, _variable)
for _variable in ("__argc", "__argv", "__wargv"):
    _declare_address("__p_" + _variable, _variable)


@msvcrt.api()
def _set_error_mode(t: Task, mode: INT) -> INT:
    """Where runtime error messages go (0 default, 1 stderr, 2 box, 3 ask); returns the previous mode."""
    own = state.crt(t)
    if not 0 <= mode <= 3:
        return -1
    previous = own.error_mode
    if mode != 3:
        own.error_mode = mode
    return previous


@msvcrt.api()
def _errno(t: Task) -> PTR:
    """Address of this thread's errno."""
    return state.thread(t).address + state.ERRNO


@msvcrt.api()
def __doserrno(t: Task) -> PTR:
    """Address of this thread's _doserrno."""
    return state.thread(t).address + state.DOSERRNO


@msvcrt.api()
def _seterrormode(t: Task, mode: INT) -> None:
    """SetErrorMode."""
    t.process.error_mode = mode
