"""Special folders and item identifier lists (SDK shlobj.h).

An item identifier list of ours is one item that holds the folder's path; only we look inside. Folder paths are those
of a Windows 9x without user profiles, with the registry's "Shell Folders" able to change them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import WinError, codepage
from w9x_client.abi.types import BOOL, DWORD, HANDLE, INT, LPDWORD, LPTSTR, PTR
from w9x_client.drives import operations
from w9x_client.win32.advapi32.registry_store import store_of
from w9x_client.win32.ole32.initialize import alloc
from w9x_client.win32.ole32.malloc import malloc_object
from w9x_client.win32.oleaut32.hresult import HRESULT
from w9x_client.win32.oleaut32.variant_data import E_INVALIDARG, E_OUTOFMEMORY, S_OK

from .dll import shell32

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

CSIDL_FLAG_CREATE, CSIDL_MASK = 0x8000, 0xFF
MAX_PATH = 260
_FOLDERS = {
    0x00: ("Desktop", r"C:\WINDOWS\Desktop"), 0x02: ("Programs", r"C:\WINDOWS\Start Menu\Programs"), 0x05: ("Personal",
    r"C:\My Documents"),
    0x06: ("Favorites", r"C:\WINDOWS\Favorites"), 0x07: ("Startup", r"C:\WINDOWS\Start Menu\Programs\StartUp"),
    0x08: ("Recent", r"C:\WINDOWS\Recent"), 0x09: ("SendTo", r"C:\WINDOWS\SendTo"), 0x0B: ("Start Menu",
    r"C:\WINDOWS\Start Menu"),
    0x10: ("Desktop", r"C:\WINDOWS\Desktop"), 0x13: ("NetHood", r"C:\WINDOWS\NetHood"), 0x14: ("Fonts",
    r"C:\WINDOWS\Fonts"),
    0x15: ("Templates", r"C:\WINDOWS\ShellNew"), 0x17: ("Common Programs", r"C:\WINDOWS\All Users\Start Menu\Programs"),
    0x18: ("Common Startup", r"C:\WINDOWS\All Users\Start Menu\Programs\StartUp"), 0x16: ("Common Start Menu",
    r"C:\WINDOWS\All Users\Start Menu"), 0x19: ("Common Desktop", r"C:\WINDOWS\All Users\Desktop"),
    0x1A: ("AppData", r"C:\WINDOWS\Application Data"), 0x1B: ("PrintHood", r"C:\WINDOWS\PrintHood"),
    0x20: ("Cache", r"C:\WINDOWS\Temporary Internet Files"), 0x21: ("Cookies", r"C:\WINDOWS\Cookies"), 0x22: ("History",
    r"C:\WINDOWS\History"),
    0x24: ("", r"C:\WINDOWS"), 0x25: ("", r"C:\WINDOWS\SYSTEM"), 0x26: ("", r"C:\Program Files"), 0x2B: ("",
    r"C:\Program Files\Common Files"),
}  # fmt: skip
"""CSIDL -> name of the value under "Shell Folders", default path."""
_KEY = "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\Shell Folders"
_SIGNATURE = b"w9x:"


def folder_path(process: Process, csidl: int) -> str | None:
    """Where a special folder is, or None for one that is no directory (printers, the control panel...)."""
    known = _FOLDERS.get(csidl & CSIDL_MASK)
    if known is None:
        return None
    name, path = known
    if name:
        root = "HKLM" if name.startswith("Common") else "HKCU"
        try:
            value = store_of(process).query(root, _KEY, name)  # type: ignore[arg-type]  # one of the root names
            stored = codepage.decode(value.data, process.acp).split("\0")[0]
            path = stored or path
        except WinError:
            pass  # no such value: the default
    return path


def _make(process: Process, path: str) -> None:
    """Create a folder with those above it; what exists stays."""
    parts = path.split("\\")
    for end in range(2, len(parts) + 1):
        try:
            found = process.drives.resolve("\\".join(parts[:end]), parent=True)
            if not found.exists:
                operations.make_directory(process.drives, found)
        except WinError:
            return


@shell32.api(since="98", aw=True)
def SHGetSpecialFolderPath(t: Task, hwndOwner: HANDLE, lpszPath: LPTSTR, nFolder: INT, fCreate: BOOL) -> BOOL:
    """The path of a special folder (CSIDL_*), created if asked for."""
    path = folder_path(t.process, nFolder)
    if path is None or not lpszPath:
        return False
    if fCreate or nFolder & CSIDL_FLAG_CREATE:
        _make(t.process, path)
    lpszPath.put(path, MAX_PATH)
    return True


@shell32.not_on_9x("part of SHFOLDER.DLL there", aw=True)
def SHGetFolderPath(t: Task, hwnd: HANDLE, csidl: INT, hToken: HANDLE, dwFlags: DWORD, pszPath: LPTSTR) -> HRESULT:
    """The path of a special folder."""
    path = folder_path(t.process, csidl)
    if path is None or not pszPath:
        return E_INVALIDARG
    if csidl & CSIDL_FLAG_CREATE:
        _make(t.process, path)
    pszPath.put(path, MAX_PATH)
    return S_OK


def _list_of(t: Task, path: str) -> int:
    """An item identifier list for ``path`` in task memory; 0 when memory is short."""
    body = _SIGNATURE + path.encode("utf-8", "surrogatepass")
    body += bytes(len(body) & 1)
    data = (len(body) + 2).to_bytes(2, "little") + body + b"\0\0"
    block = alloc(t, len(data))
    if block:
        t.mem.write(block, data)
    return block


@shell32.partial("folders that are directories")
def SHGetSpecialFolderLocation(t: Task, hwndOwner: HANDLE, nFolder: INT, ppidl: LPDWORD) -> HRESULT:
    """The item identifier list of a special folder."""
    path = folder_path(t.process, nFolder)
    if path is None or not ppidl:
        ppidl.set(0)
        return E_INVALIDARG
    block = _list_of(t, path)
    ppidl.set(block)
    return S_OK if block else E_OUTOFMEMORY


@shell32.partial("lists of SHGetSpecialFolderLocation", aw=True)
def SHGetPathFromIDList(t: Task, pidl: PTR, pszPath: LPTSTR) -> BOOL:
    """The path an item identifier list stands for."""
    if not pidl or not pszPath:
        return False
    size = t.mem.u16(pidl)
    body = t.mem.read(pidl + 2, size - 2) if size > 2 else b""
    if not body.startswith(_SIGNATURE):
        return False
    pszPath.put(body[len(_SIGNATURE) :].rstrip(b"\0").decode("utf-8", "replace"), MAX_PATH)
    return True


@shell32.api()
async def SHGetMalloc(t: Task, ppMalloc: LPDWORD) -> HRESULT:
    """The task allocator: frees what shell functions give out."""
    if not ppMalloc:
        return E_INVALIDARG
    ppMalloc.set(await malloc_object(t))
    return S_OK
