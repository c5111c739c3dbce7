"""Where a DLL's file is: the search order of Windows 9x.

Source: KB Q151646: the program's folder, the current directory, the system folder, the Windows folder, PATH; a
DLL under the registry key KnownDLLs is looked for in the system folder first. A system module of ours stands
for the file of that name in the system folder.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from w9x_client.abi import WinError

from .module import base_name, module_name

if TYPE_CHECKING:
    from .host import Process

SYSTEM_FOLDER = "C:\\WINDOWS\\SYSTEM"
WINDOWS_FOLDER = "C:\\WINDOWS"
KNOWN_DLLS = frozenset(
    f"{name}.DLL"
    for name in (
        "ADVAPI32", "COMCTL32", "COMDLG32", "GDI32", "KERNEL32", "LZ32", "MPR", "OLE32", "OLEAUT32", "RPCRT4",
        "SHELL32", "SHLWAPI", "USER32", "VERSION", "WINMM",
    )
)  # fmt: skip
"""What the default registry lists under SessionManager\\KnownDLLs (a test compares them).

Not read from the registry, which would cost a request for each DLL.
"""


class Found:
    """A file, or a system module, that a name led to. ``fd`` belongs to the receiver; -1 for a system module."""

    __slots__ = ("fd", "path", "system")

    def __init__(self, path: str, fd: int = -1, system: str = "") -> None:
        self.path, self.fd, self.system = path, fd, system


def open_file(process: Process, path: str) -> Found | None:
    """The file at a guest path, opened for reading, or None where there is none that can be read."""
    try:
        host = process.drives.resolve(path)
        if host.device or not host.exists or host.is_directory:
            return None
        return Found(host.guest, host.open(os.O_RDONLY))
    except WinError:
        return None


def program_folder(process: Process) -> str:
    """The folder of the program's file."""
    exe = process.modules.exe
    return exe.path.rpartition("\\")[0] if exe is not None else ""


def folders(process: Process, first: str = "") -> list[str]:
    """The folders searched, in order, each once; ``first`` replaces the program's (LOAD_WITH_ALTERED_SEARCH_PATH)."""
    places = [first or program_folder(process), process.drives.current, SYSTEM_FOLDER, WINDOWS_FOLDER]
    places += (process.environment.get("PATH") or "").split(";")
    found: list[str] = []
    seen: set[str] = set()
    for place in places:
        folder = place.strip().strip('"').rstrip("\\/")
        if folder.endswith(":"):
            folder += "\\"
        if folder and folder.upper() not in seen:
            seen.add(folder.upper())
            found.append(folder)
    return found


def find(process: Process, name: str, first_folder: str = "") -> Found | None:
    """What LoadLibrary's ``name`` means: a system module or an opened file; None where nothing has that name."""
    name = name.replace("/", "\\")
    wanted = module_name(name)
    system = process.modules.system
    is_system = wanted.endswith((".DLL", ".DRV")) and system.has(wanted)
    if "\\" in name or name[1:2] == ":":
        try:
            folder = process.drives.full_path(name).rpartition("\\")[0]
        except WinError:
            return None
        if is_system and folder.upper() == SYSTEM_FOLDER.upper():
            return Found(f"{SYSTEM_FOLDER}\\{wanted}", system=wanted)
        last = base_name(name)
        path = name[: len(name) - len(last)] + _with_extension(last)
        return open_file(process, path)
    if is_system and wanted in KNOWN_DLLS:
        return Found(f"{SYSTEM_FOLDER}\\{wanted}", system=wanted)
    file_name = _with_extension(name)
    for folder in folders(process, first_folder):
        if is_system and folder.upper() == SYSTEM_FOLDER.upper():
            return Found(f"{SYSTEM_FOLDER}\\{wanted}", system=wanted)
        found = open_file(process, folder.rstrip("\\") + "\\" + file_name)
        if found is not None:
            return found
    return None


def _with_extension(name: str) -> str:
    if name.endswith("."):
        return name[:-1]
    return name if "." in name else name + ".dll"
