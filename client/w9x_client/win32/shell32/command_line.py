"""CommandLineToArgvW (SDK shellapi.h)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import LPCWSTR, LPDWORD, PTR

from .dll import shell32

if TYPE_CHECKING:
    from w9x_client.process import Task


def split_command_line(text: str) -> list[str]:
    """The arguments of a command line by the C run-time's rules.

    The program's name ends at the next quotation mark or blank. Elsewhere 2n backslashes before a quotation mark are n
    backslashes, 2n+1 are n and a literal mark, and two marks inside quotes are one and end the quotes (SDK:
    CommandLineToArgvW remarks).
    """
    arguments: list[str] = []
    if text.startswith('"'):
        end = text.find('"', 1)
        end = len(text) if end < 0 else end
        arguments.append(text[1:end])
        at = end + 1
    else:
        at = 0
        while at < len(text) and text[at] not in " \t":
            at += 1
        arguments.append(text[:at])
    while True:
        while at < len(text) and text[at] in " \t":
            at += 1
        if at >= len(text):
            return arguments
        argument, at = _argument(text, at)
        arguments.append(argument)


def _argument(text: str, at: int) -> tuple[str, int]:
    out: list[str] = []
    quoted = False
    while at < len(text) and (quoted or text[at] not in " \t"):
        start = at
        while at < len(text) and text[at] == "\\":
            at += 1
        slashes = at - start
        if at < len(text) and text[at] == '"':
            out.append("\\" * (slashes // 2))
            if slashes & 1:
                out.append('"')
            elif quoted and text[at + 1 : at + 2] == '"':
                out.append('"')
                at += 1
                quoted = False
            else:
                quoted = not quoted
            at += 1
        elif slashes:
            out.append("\\" * slashes)
        else:
            out.append(text[at])
            at += 1
    return "".join(out), at


@shell32.api(wide=True)
def CommandLineToArgvW(t: Task, lpCmdLine: LPCWSTR, pNumArgs: LPDWORD) -> PTR:
    """An array of argument pointers with the texts behind it, in one block; an empty command line gives the program's
    path.
    """
    if lpCmdLine is None or not pNumArgs:
        raise WinError(Err.INVALID_PARAMETER)
    if lpCmdLine:
        arguments = split_command_line(lpCmdLine)
    else:
        program = t.process.modules.exe
        arguments = [program.path if program is not None else ""]
    table = 4 * (len(arguments) + 1)
    texts = [(argument + "\0").encode("utf-16-le", "surrogatepass") for argument in arguments]
    block = t.process.heap_alloc(table + sum(map(len, texts)))
    pointers: list[int] = []
    at = block + table
    for data in texts:
        t.mem.write(at, data)
        pointers.append(at)
        at += len(data)
    t.mem.write(block, struct.pack(f"<{len(pointers) + 1}I", *pointers, 0))
    pNumArgs.set(len(arguments))
    return block
