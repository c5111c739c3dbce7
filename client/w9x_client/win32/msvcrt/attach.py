"""Filling the exported variables when a process loads MSVCRT.

The declarations stand with their topics; what the loader runs stands here, in one module with few imports, because
every program's start pays for it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from w9x_client.abi import codepage

from . import environment, lowio, state
from .dll import msvcrt
from .stdio_format import unit_bytes

if TYPE_CHECKING:
    from w9x_client.process import Task

OWN_CLASSES = ("exception", "bad_cast", "bad_typeid", "__non_rtti_object")
"""The runtime's C++ classes (see `rtti`), besides type_info."""
WHAT = "?what@exception@@UBEPBDXZ"


def table_name(name: str) -> str:
    """Export name of a class's virtual function table."""
    return f"??_7{name}@@6B@"


def deleting_name(name: str) -> str:
    """Export name of a class's deleting destructor."""
    return f"??_E{name}@@UAEPAXI@Z"


@msvcrt.on_attach
def attach(t: Task) -> None:
    """Everything a program may read before it calls anything."""
    _program(t)
    _tables(t)
    _vftables(t)
    environment.arrays(t).array(False)
    lowio.descriptors(t)


def _program(t: Task) -> None:
    own, mem, process = state.crt(t), t.mem, t.process
    program = process.modules.exe.path if process.modules.exe is not None else ""
    for name, text in (("_acmdln", process.command_line), ("_pgmptr", program)):
        mem.put32(own.variable(name), own.keep(name, codepage.encode(text, process.acp) + b"\0"))
    for name, text in (("_wcmdln", process.command_line), ("_wpgmptr", program)):
        mem.put32(own.variable(name), own.keep(name, unit_bytes(text + "\0")))
    version = process.version
    for name, value in (
        ("_osver", version.build & 0x7FFF | 0x8000), ("_winver", version.major << 8 | version.minor),
        ("_winmajor", version.major), ("_winminor", version.minor), ("_osplatform", 1),  # VER_PLATFORM_WIN32_WINDOWS
        ("_aexit_rtn", process.export_address("msvcrt", "_exit")),
    ):  # fmt: skip
        mem.put32(own.variable(name), value)


def _tables(t: Task) -> None:
    own, mem = state.crt(t), t.mem
    classes = own.variable("_ctype") + 2
    mem.put32(own.variable("_pctype"), classes)
    mem.put32(own.variable("_pwctype"), classes)
    for index, name in enumerate((b"PST", b"PDT")):  # until _tzset knows better (MSDN)
        mem.put32(own.variable("_tzname") + 4 * index, own.keep(f"_tzname {index}", name.ljust(64, b"\0")))
    texts = [text.encode() + b"\0" for text in state.ERRNO_TEXT]
    at = own.keep("error texts", b"".join(texts))
    pointers = []
    for text in texts:
        pointers.append(at)
        at += len(text)
    mem.write(own.variable("_sys_errlist"), struct.pack(f"<{len(pointers)}I", *pointers))
    if t.process.acp != 1252:
        from . import mbstring

        mbstring.show_page(t)


def _vftables(t: Task) -> None:
    own, process = state.crt(t), t.process
    what = process.export_address("msvcrt", WHAT)
    for name in OWN_CLASSES:
        destroy = process.export_address("msvcrt", deleting_name(name))
        t.mem.write(own.variable(table_name(name)), struct.pack("<II", destroy, what))
    t.mem.put32(own.variable(table_name("type_info")), process.export_address("msvcrt", deleting_name("type_info")))
