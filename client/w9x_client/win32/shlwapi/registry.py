"""Registry shortcuts (SDK shlwapi.h), over ADVAPI32's registry functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import DWORD, IS_WIDE, LPCTSTR, LPDWORD, PTR, STATUS
from w9x_client.win32.advapi32 import registry
from w9x_client.win32.advapi32.registry_store import store_of

from .dll import shlwapi

if TYPE_CHECKING:
    from w9x_client.process import Task


@shlwapi.api(aw=True)
def SHQueryValueEx(
    t: Task, hkey: PTR, pszValue: LPCTSTR, pdwReserved: PTR, pdwType: LPDWORD, pvData: PTR, pcbData: LPDWORD, W: IS_WIDE
) -> STATUS:
    """RegQueryValueEx."""
    return registry.RegQueryValueEx(t, hkey, pszValue, pdwReserved, pdwType, pvData, pcbData, W)


@shlwapi.api(aw=True)
def SHGetValue(
    t: Task,
    hkey: PTR,
    pszSubKey: LPCTSTR,
    pszValue: LPCTSTR,
    pdwType: LPDWORD,
    pvData: PTR,
    pcbData: LPDWORD,
    W: IS_WIDE,
) -> STATUS:
    """A value of a sub-key."""
    try:
        handle = _sub_key(t, hkey, pszSubKey)
    except WinError as error:
        return error.code
    try:
        return registry.RegQueryValueEx(t, handle, pszValue, 0, pdwType, pvData, pcbData, W)
    finally:
        registry.RegCloseKey(t, handle)


@shlwapi.api(aw=True)
def SHSetValue(
    t: Task, hkey: PTR, pszSubKey: LPCTSTR, pszValue: LPCTSTR, dwType: DWORD, pvData: PTR, cbData: DWORD, W: IS_WIDE
) -> STATUS:
    """Set a value of a sub-key, creating the key."""
    try:
        handle = _sub_key(t, hkey, pszSubKey, create=True)
    except WinError as error:
        return error.code
    try:
        return registry.RegSetValueEx(t, handle, pszValue, 0, dwType, pvData, cbData, W)
    finally:
        registry.RegCloseKey(t, handle)


@shlwapi.api(aw=True)
def SHDeleteValue(t: Task, hkey: PTR, pszSubKey: LPCTSTR, pszValue: LPCTSTR) -> STATUS:
    """Delete a value of a sub-key."""
    try:
        handle = _sub_key(t, hkey, pszSubKey)
    except WinError as error:
        return error.code
    try:
        return registry.RegDeleteValue(t, handle, pszValue)
    finally:
        registry.RegCloseKey(t, handle)


@shlwapi.api(aw=True)
def SHDeleteKey(t: Task, hkey: PTR, pszSubKey: LPCTSTR) -> STATUS:
    """Delete a key and everything below it."""
    return registry.RegDeleteKey(t, hkey, pszSubKey)


def _sub_key(t: Task, key: int, name: str | None, create: bool = False) -> int:
    """A new handle to a sub-key."""
    keys = t.process.state(registry.Keys)
    root, path = keys.find(key)
    path = "\\".join(part for part in (path, (name or "").strip("\\")) if part)
    if len(path) > registry.KEY_PATH_MAX:
        raise WinError(Err.INVALID_PARAMETER)
    store = store_of(t.process)
    if create and path:
        store.create(root, path)
    else:
        store.check(root, path)
    return keys.add(root, path)
