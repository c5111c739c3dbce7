"""The environment as the C runtime keeps it: getenv, putenv, the ``_environ`` arrays and ``_searchenv``.

`getenv` answers with pointers into the ``_environ`` array's strings, which stay valid until the variable changes. The
process's environment (KERNEL32's) is changed along, as documented for _putenv.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from w9x_client.abi import WinError, codepage
from w9x_client.abi.types import INT, PTR

from . import state
from .dll import msvcrt
from .state import STR, WSTR
from .stdio_format import unit_bytes, units

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

for _name in ("_environ", "_wenviron", "__initenv", "__winitenv"):
    msvcrt.data(_name, 4)


class EnvironmentArrays:
    """The guest's ``_environ`` and, once asked for, ``_wenviron`` (``process.state(EnvironmentArrays)``)."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.blocks: dict[bool, tuple[int, list[int]]] = {}

    def strings(self, wide: bool) -> list[str]:
        """NAME=VALUE of every variable; the "=C:" ones of the shell are not the program's."""
        return [f"{n}={v}" for n, v in self.process.environment.items() if not n.startswith("=")]

    def build(self, wide: bool) -> int:
        """Make the array of one kind and assign its variable; the array's address."""
        process = self.process
        pointers: list[int] = []
        for text in self.strings(wide):
            data = unit_bytes(text + "\0") if wide else codepage.encode(text + "\0", process.acp)
            at = process.heap_alloc(len(data))
            process.mem.write(at, data)
            pointers.append(at)
        array = process.heap_alloc(4 * len(pointers) + 4)
        process.mem.write(array, struct.pack(f"<{len(pointers) + 1}I", *pointers, 0))
        old = self.blocks.get(wide)
        self.blocks[wide] = (array, pointers)
        process.mem.put32(process.variable("msvcrt", "_wenviron" if wide else "_environ"), array)
        if old is None:
            process.mem.put32(process.variable("msvcrt", "__winitenv" if wide else "__initenv"), array)
        return array

    def array(self, wide: bool) -> int:
        """The array's address, made on first use."""
        found = self.blocks.get(wide)
        return found[0] if found else self.build(wide)

    def lookup(self, name: str, wide: bool) -> int:
        """Address of a variable's value in the array the program sees, 0 when it has none."""
        mem = self.process.mem
        at = mem.u32(self.process.variable("msvcrt", "_wenviron" if wide else "_environ")) or self.array(wide)
        wanted = name.upper() + "="
        for _ in range(0x10000):
            text = mem.u32(at)
            if not text:
                return 0
            entry = units(mem.wcstr(text)) if wide else codepage.decode(mem.cstr(text), self.process.acp)
            if entry[: len(wanted)].upper() == wanted:
                return text + len(wanted) * (2 if wide else 1)
            at += 4
        return 0


def arrays(t: Task) -> EnvironmentArrays:
    """This process's arrays."""
    return t.process.state(EnvironmentArrays)


def _replace(t: Task, name: str, value: str) -> int:
    """Set (or, with an empty value, remove) a variable: 0, or -1 for a bad name."""
    if not name:
        return -1
    environment = t.process.environment
    try:
        if value:
            environment[name] = value
        else:
            environment.pop(name, None)
    except (ValueError, WinError):
        return -1
    own = arrays(t)
    for wide in list(own.blocks) or [False]:
        own.build(wide)
    return 0


@msvcrt.api()
def getenv(t: Task, varname: STR) -> PTR:
    """A variable's value, or NULL."""
    return arrays(t).lookup(codepage.decode(varname, t.process.acp), False)


@msvcrt.api()
def _wgetenv(t: Task, varname: WSTR) -> PTR:
    """`getenv`, wide."""
    return arrays(t).lookup(varname, True)


@msvcrt.api()
def _putenv(t: Task, envstring: STR) -> INT:
    """NAME=VALUE sets, NAME= removes; 0 or -1."""
    name, sign, value = codepage.decode(envstring, t.process.acp).partition("=")
    return _replace(t, name, value) if sign else -1


@msvcrt.api()
def _wputenv(t: Task, envstring: WSTR) -> INT:
    """`_putenv`, wide."""
    name, sign, value = envstring.partition("=")
    return _replace(t, name, value) if sign else -1


@msvcrt.api()
def __p__environ(t: Task) -> PTR:  # the export's name
    """Address of ``_environ``."""
    arrays(t).array(False)
    return state.crt(t).variable("_environ")


@msvcrt.api()
def __p__wenviron(t: Task) -> PTR:  # the export's name
    """Address of ``_wenviron``."""
    arrays(t).array(True)
    return state.crt(t).variable("_wenviron")


@msvcrt.api()
def __p___initenv(t: Task) -> PTR:  # the export's name
    """Address of ``__initenv``."""
    return state.crt(t).variable("__initenv")


@msvcrt.api()
def __p___winitenv(t: Task) -> PTR:  # the export's name
    """Address of ``__winitenv``."""
    arrays(t).array(True)
    return state.crt(t).variable("__winitenv")
