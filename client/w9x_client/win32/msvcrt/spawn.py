"""Child processes (process.h): system, the _spawn and _exec families, _cwait, _popen.

Children are started by KERNEL32's process machinery; standard handles are inherited, other descriptors are not passed
on. Where COMSPEC names no program that can run, `system` and `_popen` start the program their command names, as long
as the command has no redirection or other business of an interpreter.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from w9x_client.abi import WinError, codepage
from w9x_client.abi.types import INT, PTR, VARARGS
from w9x_client.process.child import ChildProcess, spec_for, start
from w9x_client.process.environment import Environment
from w9x_client.process.files import FileObject, PipeFile
from w9x_client.win32.kernel32.create_process import find_program

from . import lowio, state, stream
from .dll import msvcrt
from .state import STR, WSTR
from .stdio_file import parse_mode

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

P_WAIT, P_NOWAIT, P_OVERLAY, P_NOWAITO, P_DETACH = range(5)
_MAX_ARGUMENTS = 0x4000


def _texts(t: Task, address: int, wide: bool) -> list[str]:
    """A guest array of string pointers that ends with NULL."""
    found: list[str] = []
    for index in range(_MAX_ARGUMENTS):
        pointer = t.mem.u32(address + 4 * index)
        if not pointer:
            break
        found.append(t.mem.wide(pointer) if wide else t.ansi(pointer))
    return found


def _environment(t: Task, address: int, wide: bool) -> Environment | None:
    if not address:
        return None
    return Environment.parse("\0".join(_texts(t, address, wide)) + "\0\0")


def _program(t: Task, name: str, search: bool) -> str:
    """The program a spawn function names: as given, or with .com and .exe. Raises WinError."""
    base = name.replace("/", "\\")
    candidates = [base] if "." in base.rpartition("\\")[2] else [base + ".com", base + ".exe", base]
    for candidate in candidates:
        try:
            if search and "\\" not in base and base[1:2] != ":":
                return find_program(t, None, f'"{candidate}"')
            return find_program(t, candidate, "")
        except WinError:
            continue
    raise WinError(2)


def descriptors(t: Task) -> tuple[int, int, int]:
    """Host descriptors of the standard handles."""
    found = []
    for number in (-10, -11, -12):
        item = t.process.handles.find(t.process.std_handles.get(number, 0))
        found.append(item.fd if isinstance(item, FileObject) else -1)
    return found[0], found[1], found[2]


async def _spawn(
    t: Task, mode: int, name: str, arguments: list[str], environment: Environment | None, search: bool
) -> int:
    """Start ``name``: its exit code (wait), handle (no wait), or -1 with errno."""
    if not P_WAIT <= mode <= P_DETACH:
        state.set_errno(t, state.EINVAL)
        return -1
    await stream.flush_all(t)
    try:
        spec = spec_for(t.process, _program(t, name, search), " ".join(arguments))
        if environment is not None:
            spec.environment = [[key, value] for key, value in environment.items()]
        child = await start(t, spec, descriptors(t))
    except WinError as error:
        state.map_os_error(t, error)
        return -1
    if mode == P_OVERLAY:
        # The runtime starts the child and exits at once; waiting keeps the caller's console and exit code together.
        await t.wait([child])
        await t.process.exit(t, child.exit_code)
    if mode == P_WAIT:
        await t.wait([child])
        return child.exit_code
    return 0 if mode == P_DETACH else t.process.handles.add(child)


def _declare(name: str, *, vector: bool, environment: bool, search: bool, wide: bool) -> None:
    """The _spawn and the _exec function of one kind: arguments on the stack or in an array, with or without an
    environment."""

    async def run(t: Task, mode: int, program: int, at: int, envp: int) -> int:
        arguments = _texts(t, at, wide)
        if environment and not vector:
            envp = t.mem.u32(at + 4 * (len(arguments) + 1))
        block = _environment(t, envp, wide) if environment else None
        return await _spawn(t, mode, _text(t, program, wide), arguments, block, search)

    async def spawn_list(t: Task, mode: INT, cmdname: PTR, va: VARARGS) -> INT:
        return await run(t, mode, cmdname, va, 0)

    async def exec_list(t: Task, cmdname: PTR, va: VARARGS) -> INT:
        return await run(t, P_OVERLAY, cmdname, va, 0)

    async def spawn_vector(t: Task, mode: INT, cmdname: PTR, argv: PTR, va: VARARGS) -> INT:
        return await run(t, mode, cmdname, argv, t.mem.u32(va) if environment else 0)

    async def exec_vector(t: Task, cmdname: PTR, argv: PTR, va: VARARGS) -> INT:
        return await run(t, P_OVERLAY, cmdname, argv, t.mem.u32(va) if environment else 0)

    spawn_list.__doc__ = spawn_vector.__doc__ = "Run a program: its exit code or handle, or -1 with errno."
    exec_list.__doc__ = exec_vector.__doc__ = "Run a program in place of this one; returns only on failure."
    prefix = "_w" if wide else "_"
    declare = msvcrt.partial
    declare(_NOTE, name=f"{prefix}spawn{name}")(spawn_vector if vector else spawn_list)
    declare(_NOTE, name=f"{prefix}exec{name}")(exec_vector if vector else exec_list)


def _text(t: Task, address: int, wide: bool) -> str:
    return t.mem.wide(address) if wide else t.ansi(address)


_NOTE = "open descriptors above 2 are not passed on"
for _wide in (False, True):
    for _letters in ("", "e", "p", "pe"):
        for _form in ("l", "v"):
            _declare(
                _form + _letters, vector=_form == "v", environment="e" in _letters, search="p" in _letters, wide=_wide
            )


@msvcrt.api()
async def _cwait(t: Task, termstat: PTR, procHandle: PTR, action: INT) -> PTR:
    """Wait for a child; its handle, the exit code at ``termstat``; FFFFFFFF with ECHILD."""
    child = t.process.handles.find(procHandle)
    if not isinstance(child, ChildProcess):
        state.map_os_error(t, 6)
        state.set_errno(t, state.ECHILD)
        return 0xFFFFFFFF
    await t.wait([child])
    if termstat:
        t.mem.put32(termstat, child.exit_code)
    t.process.handles.close(procHandle)
    return procHandle


_SHELL_SIGNS = frozenset("|<>&%^")


def _direct(t: Task, command: str) -> tuple[str, list[str]] | None:
    """Program and command line of a command that needs no interpreter, or None."""
    if _SHELL_SIGNS & set(command):
        return None
    try:
        return find_program(t, None, command), [command.lstrip()]
    except WinError:
        return None


def _shell(t: Task) -> str | None:
    """The command interpreter, when there is one that we can run."""
    name = t.process.environment.get("COMSPEC")
    if not name:
        return None
    try:
        return _program(t, name, True)
    except WinError:
        return None


@msvcrt.partial("without a COMSPEC that can run: single programs only, no redirection or built-in commands")
async def system(t: Task, command: PTR) -> INT:
    """Run a command line through COMSPEC; for NULL, whether there is an interpreter."""
    return await _system(t, t.ansi(command) if command else None)


@msvcrt.partial("as system")
async def _wsystem(t: Task, command: PTR) -> INT:
    """`system`, wide."""
    return await _system(t, t.mem.wide(command) if command else None)


async def _system(t: Task, command: str | None) -> int:
    if command is None:
        return int(_shell(t) is not None)
    chosen = _command(t, command)
    if chosen is None:
        state.set_errno(t, state.ENOENT)
        return -1
    return await _spawn(t, P_WAIT, *chosen, None, False)


def _command(t: Task, command: str) -> tuple[str, list[str]] | None:
    """What runs a command line: the interpreter, else the program it names; None where neither can."""
    shell = _shell(t)
    return (shell, [shell, "/c", command]) if shell else _direct(t, command)


class Pipes:
    """Children of _popen by the address of their stream (``process.state(Pipes)``)."""

    def __init__(self, process: Process) -> None:
        self.children: dict[int, ChildProcess] = {}


@msvcrt.partial("as system")
async def _popen(t: Task, command: STR, mode: STR) -> PTR:
    """Run a command with its output ("r") or input ("w") on a stream; NULL with errno."""
    return await _open_pipe(t, codepage.decode(command, t.process.acp), mode.decode("latin-1"))


@msvcrt.partial("as system")
async def _wpopen(t: Task, command: WSTR, mode: WSTR) -> PTR:
    """`_popen`, wide."""
    return await _open_pipe(t, command, mode)


async def _open_pipe(t: Task, command: str, mode: str) -> int:
    parsed = parse_mode(mode)
    chosen = _command(t, command)
    place = stream.streams(t).new()
    if parsed is None or chosen is None or place is None or mode[:1] not in ("r", "w"):
        state.set_errno(t, state.ENOENT if parsed else state.EINVAL)
        return 0
    await stream.flush_all(t)
    reading = mode[:1] == "r"
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    ours, theirs = (read_end, write_end) if reading else (write_end, read_end)
    standard = list(descriptors(t))
    standard[1 if reading else 0] = theirs
    try:
        spec = spec_for(t.process, chosen[0], " ".join(chosen[1]))
        child = await start(t, spec, (standard[0], standard[1], standard[2]))
    except WinError as error:
        os.close(ours)
        state.map_os_error(t, error)
        return 0
    finally:
        os.close(theirs)
    os.set_blocking(ours, False)
    handle = t.process.handles.add(PipeFile(ours, readable=reading, writable=not reading))
    fd = lowio.descriptors(t).add(handle, 0 if parsed[0] & lowio.O_BINARY else lowio.FTEXT)
    if fd < 0:
        t.process.handles.close(handle)
        state.set_errno(t, state.EMFILE)
        return 0
    stream.assign(place, fd, parsed[1])
    t.process.state(Pipes).children[place.address] = child
    return place.address


@msvcrt.api()
async def _pclose(t: Task, file: PTR) -> INT:
    """Close a stream of _popen and wait; the command's exit code, or -1."""
    child = t.process.state(Pipes).children.pop(file, None)
    if child is None:
        return -1
    await stream.close(t, stream.stream(t, file))
    await t.wait([child])
    return child.exit_code


@msvcrt.api()
def _getpid(t: Task) -> INT:
    """The process id."""
    return t.process.guest_pid


@msvcrt.api()
async def _sleep(t: Task, duration: PTR) -> None:
    """Sleep for milliseconds."""
    await t.sleep(duration)

