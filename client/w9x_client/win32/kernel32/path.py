"""Paths as text, and the directories Windows knows by name (SDK winbase.h)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import BOOL, DWORD, IS_WIDE, PTR, UINT
from w9x_client.process.files import CREATE_NEW, GENERIC_WRITE, open_file

from .dll import kernel32
from .file_names import LPCPATH, LPPATH, fill, need, shown_path

if TYPE_CHECKING:
    from w9x_client.abi.types import TextOut
    from w9x_client.process import Task

WINDOWS, SYSTEM = "C:\\WINDOWS", "C:\\WINDOWS\\SYSTEM"


def _file_part(t: Task, out: TextOut, text: str, where: int) -> None:
    """Store the address of the last component inside the caller's buffer, NULL after a closing backslash."""
    if where:
        head, _, tail = text.rpartition("\\")
        unit = 2 if out.wide else 1
        t.mem.put32(where, out.addr + unit * out.length(head + "\\") if tail else 0)


@kernel32.api(aw=True)
def GetFullPathName(t: Task, lpFileName: LPCPATH, nBufferLength: DWORD, lpBuffer: LPPATH, lpFilePart: PTR) -> DWORD:
    """Make a path absolute by text alone; it need not exist."""
    if not lpFileName:
        raise WinError(Err.INVALID_NAME if lpFileName is not None else Err.INVALID_PARAMETER)
    text = t.process.drives.full_path(lpFileName)
    count = fill(lpBuffer, text, nBufferLength)
    if count < nBufferLength and lpBuffer:
        _file_part(t, lpBuffer, text, lpFilePart)
    return count


def _respell(t: Task, path: str | None, out: TextOut, capacity: int, short: bool) -> int:
    """Replace each component that names something; the path keeps its form (relative stays relative)."""
    path = need(path)
    drives = t.process.drives
    drives.resolve(path)
    text = path.replace("/", "\\")
    prefix = text[:2] if text[1:2] == ":" else ""
    components = text[len(prefix) :].split("\\")
    for index, component in enumerate(components):
        if component.strip("."):
            found = drives.resolve(prefix + "\\".join([*text[len(prefix) :].split("\\")[:index], component]))
            listing = drives.listings.get(found.directory)
            components[index] = listing.alias(found.name) if short else listing.guest(found.name)
    return fill(out, prefix + "\\".join(components), capacity)


@kernel32.api(aw=True)
def GetShortPathName(t: Task, lpszLongPath: LPCPATH, lpszShortPath: LPPATH, cchBuffer: DWORD) -> DWORD:
    """An existing path in 8.3 aliases."""
    return _respell(t, lpszLongPath, lpszShortPath, cchBuffer, True)


@kernel32.api(aw=True, since="98")
def GetLongPathName(t: Task, lpszShortPath: LPCPATH, lpszLongPath: LPPATH, cchBuffer: DWORD) -> DWORD:
    """An existing path in long names."""
    return _respell(t, lpszShortPath, lpszLongPath, cchBuffer, False)


@kernel32.api(aw=True)
def GetCurrentDirectory(t: Task, nBufferLength: DWORD, lpBuffer: LPPATH, W: IS_WIDE) -> DWORD:
    """The current directory."""
    return fill(lpBuffer, shown_path(t, t.process.drives.current, W), nBufferLength)


@kernel32.api(aw=True)
def SetCurrentDirectory(t: Task, lpPathName: LPCPATH) -> BOOL:
    """Change it. Win9x: whatever is wrong with the path is PATH_NOT_FOUND, as DOS function 3Bh reports."""
    try:
        t.process.drives.set_current(need(lpPathName))
    except WinError as error:
        if error.code in (Err.FILE_NOT_FOUND, Err.DIRECTORY):
            raise WinError(Err.PATH_NOT_FOUND) from None
        raise
    return True


@kernel32.api(aw=True)
def GetWindowsDirectory(t: Task, lpBuffer: LPPATH, uSize: UINT) -> UINT:
    """C:\\WINDOWS."""
    return fill(lpBuffer, WINDOWS, uSize)


@kernel32.not_on_9x()
def GetSystemWindowsDirectoryA(t: Task, lpBuffer: LPPATH, uSize: UINT) -> UINT:
    """C:\\WINDOWS."""
    return fill(lpBuffer, WINDOWS, uSize)


@kernel32.api(aw=True)
def GetSystemDirectory(t: Task, lpBuffer: LPPATH, uSize: UINT) -> UINT:
    """C:\\WINDOWS\\SYSTEM."""
    return fill(lpBuffer, SYSTEM, uSize)


@kernel32.api(aw=True)
def GetTempPath(t: Task, nBufferLength: DWORD, lpBuffer: LPPATH) -> DWORD:
    """TMP, else TEMP, else the current directory; with a closing backslash."""
    environment = t.process.environment
    text = environment.get("TMP") or environment.get("TEMP") or t.process.drives.current
    text = t.process.drives.full_path(text)
    return fill(lpBuffer, text if text.endswith("\\") else text + "\\", nBufferLength)


@kernel32.api(aw=True)
def GetTempFileName(
    t: Task, lpPathName: LPCPATH, lpPrefixString: LPCPATH, uUnique: UINT, lpTempFileName: LPPATH
) -> UINT:
    """A name PATH\\PREuuuu.TMP. With uUnique 0 a number is found that is free, and the file is created."""
    path, prefix = need(lpPathName), (lpPrefixString or "")[:3]
    found = t.process.drives.resolve(path)
    if not found.is_directory:
        raise WinError(Err.PATH_NOT_FOUND)
    base = path if path.endswith(("\\", "/")) else path + "\\"
    if uUnique & 0xFFFF:
        text = f"{base}{prefix}{uUnique & 0xFFFF:X}.TMP"
        lpTempFileName.put(text, 260)
        return uUnique & 0xFFFF
    number = time.monotonic_ns() // 1_000_000 & 0xFFFF
    for _ in range(0xFFFF):
        number = number % 0xFFFF + 1
        text = f"{base}{prefix}{number:X}.TMP"
        try:
            item, _existed = open_file(t.process, text, GENERIC_WRITE, 0, CREATE_NEW, 0)
        except WinError as error:
            if error.code == Err.FILE_EXISTS:
                continue
            raise
        item.close()
        lpTempFileName.put(text, 260)
        return number
    raise WinError(Err.FILE_EXISTS)


@kernel32.api(aw=True)
def SearchPath(
    t: Task,
    lpPath: LPCPATH,
    lpFileName: LPCPATH,
    lpExtension: LPCPATH,
    nBufferLength: DWORD,
    lpBuffer: LPPATH,
    lpFilePart: PTR,
) -> DWORD:
    """Find a file in lpPath; for NULL in the program's directory, the current one, SYSTEM, WINDOWS, PATH."""
    if not lpFileName:
        raise WinError(Err.INVALID_PARAMETER)
    drives = t.process.drives
    name = lpFileName
    if lpExtension and "." not in name.replace("/", "\\").rpartition("\\")[2]:
        name += lpExtension
    if ":" in name or "\\" in name or "/" in name:
        directories = [""]
    elif lpPath is not None:
        directories = [d for d in lpPath.split(";") if d]
    else:
        exe = t.process.modules.exe
        directories = [exe.path.rpartition("\\")[0]] if exe is not None else []
        directories += [drives.current, SYSTEM, WINDOWS]
        directories += [d for d in (t.process.environment.get("PATH") or "").split(";") if d]
    for directory in directories:
        candidate = directory.rstrip("\\/") + "\\" + name if directory else name
        try:
            found = drives.resolve(candidate)
        except WinError:
            continue
        if found.exists:
            text = drives.full_path(candidate)
            count = fill(lpBuffer, text, nBufferLength)
            if count < nBufferLength and lpBuffer:
                _file_part(t, lpBuffer, text, lpFilePart)
            return count
    raise WinError(Err.FILE_NOT_FOUND)
