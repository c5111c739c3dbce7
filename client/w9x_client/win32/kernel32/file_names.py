"""File names as parameters of the file functions: ANSI or OEM (SetFileApisToOEM), or wide.

`LPCPATH` and `LPPATH` stand where SDK prototypes say LPCTSTR and LPTSTR for a file name. Windows 9x keeps the OEM
setting per process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from w9x_client.abi import Err, WinError, codepage
from w9x_client.abi.types import BOOL, VOID, Arg, TextOut

from .dll import kernel32

if TYPE_CHECKING:
    from w9x_client.drives.listing import Listing
    from w9x_client.process import Process, Task


class FileApis:
    """Which code page the A file functions use; kept in ``process.state(FileApis)``."""

    def __init__(self, process: Process) -> None:
        self.page = process.acp


def path_in(t: Task, address: int, wide: bool) -> str | None:
    """The file name at ``address``; None for NULL."""
    if not address:
        return None
    if wide:
        return t.mem.wide(address)
    return codepage.decode(t.mem.cstr(address), t.process.state(FileApis).page)


def path_out(t: Task, address: int, wide: bool) -> TextOut:
    """A buffer for a file name."""
    return TextOut(address, t.mem, wide, t.process.state(FileApis).page)


LPCPATH = Annotated["str | None", Arg("I", "path_in(t, {0}, W)", "str", {"path_in": path_in})]
LPPATH = Annotated[TextOut, Arg("I", "path_out(t, {0}, W)", "hex", {"path_out": path_out})]


def need(path: str | None) -> str:
    """A path that was not NULL; WinError PATH_NOT_FOUND."""
    if path is None:
        raise WinError(Err.PATH_NOT_FOUND)
    return path


def fill(out: TextOut, text: str, capacity: int) -> int:
    """The usual contract of functions that return a path: the length, or the size needed with its terminator."""
    needed = out.length(text)
    if capacity <= needed:
        return needed + 1
    out.put(text, capacity)
    return needed


def representable(text: str, page: int) -> bool:
    """Whether the code page has every character of ``text``."""
    if text.isascii():
        return True
    name = codepage.codec_name(page)
    if name is None:
        return False
    try:
        text.encode(name)
    except UnicodeEncodeError:
        return False
    return True


def shown_path(t: Task, text: str, wide: bool) -> str:
    """An existing path as a caller can use it: in 8.3 aliases where its code page lacks a character."""
    if wide or representable(text, t.process.state(FileApis).page):
        return text
    try:
        return t.process.drives.short_path(text)
    except WinError:
        return text


def shown_name(t: Task, listing: Listing, host: str, wide: bool) -> str:
    """A directory entry's name as a caller can use it."""
    name = listing.guest(host)
    if wide or representable(name, t.process.state(FileApis).page):
        return name
    return listing.alias(host) or name


@kernel32.api()
def AreFileApisANSI(t: Task) -> BOOL:
    """Whether the A file functions use the ANSI code page."""
    return t.process.state(FileApis).page == t.process.acp


@kernel32.api()
def SetFileApisToANSI(t: Task) -> VOID:
    """The A file functions use the ANSI code page."""
    t.process.state(FileApis).page = t.process.acp


@kernel32.api()
def SetFileApisToOEM(t: Task) -> VOID:
    """The A file functions use the OEM code page."""
    t.process.state(FileApis).page = t.process.oemcp
