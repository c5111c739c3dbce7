"""The registry functions (SDK winreg.h), ANSI and Unicode.

They return their error code. A key handle is an index into the process's table; the predefined keys are constants.
Windows 9x ignores access masks and security, keeps no class names and no write times, and deletes keys with all that
is below them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_arena.layout import PAGE
from w9x_client.abi import Err, WinError, codepage
from w9x_client.abi.flags import KEY_ACCESS, VALUE_TYPE
from w9x_client.abi.types import DWORD, FLAGS, IS_WIDE, LPCTSTR, LPDWORD, LPTSTR, PTR, STATUS

from .dll import advapi32
from .registry_store import Value, store_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from w9x_arena.messages import RootName
    from w9x_client.process import Process, Task

HKEY_CLASSES_ROOT = 0x8000_0000
_ROOTS: dict[int, RootName] = {
    0x8000_0000: "HKCR",
    0x8000_0001: "HKCU",
    0x8000_0002: "HKLM",
    0x8000_0003: "HKU",
    0x8000_0005: "HKCC",
    0x8000_0006: "HKDYN_DATA",
}
"""SDK winreg.h. HKEY_PERFORMANCE_DATA (80000004h) is Windows NT's."""
REG_NONE, REG_SZ, REG_EXPAND_SZ, REG_BINARY, REG_DWORD, REG_MULTI_SZ = 0, 1, 2, 3, 4, 7
REG_CREATED_NEW_KEY, REG_OPENED_EXISTING_KEY = 1, 2
_TEXT_TYPES = (REG_SZ, REG_EXPAND_SZ, REG_MULTI_SZ)
_FIRST_HANDLE = 0xC2A0_0000
MAX_HANDLES = 0x1_0000
VALUE_MAX = 0x10000
KEY_PATH_MAX = 8000


class Keys:
    """The open keys of a process: handle -> root and path."""

    def __init__(self, process: Process) -> None:
        self.open: dict[int, tuple[RootName, str]] = {}
        self._next = _FIRST_HANDLE

    def add(self, root: RootName, path: str) -> int:
        """A new handle."""
        if len(self.open) >= MAX_HANDLES:
            raise WinError(Err.OUTOFMEMORY)
        self._next += 0x10
        self.open[self._next] = (root, path)
        return self._next

    def find(self, handle: int) -> tuple[RootName, str]:
        """Root and path of ``handle``; ERROR_BADKEY, Windows 9x's code for a key handle that is none."""
        root = _ROOTS.get(handle)
        if root is not None:
            return root, ""
        try:
            return self.open[handle]
        except KeyError:
            raise WinError(Err.BADKEY) from None


def _status(function: Callable[[], None]) -> int:
    """Run a registry operation; its error code is the result."""
    try:
        function()
    except WinError as error:
        return error.code
    return Err.SUCCESS


def _below(t: Task, key: int, name: str | None) -> tuple[RootName, str]:
    """Root and path of the sub-key ``name`` of an open key."""
    root, path = t.process.state(Keys).find(key)
    name = (name or "").strip("\\")
    full = f"{path}\\{name}" if path and name else path or name
    if len(full) > KEY_PATH_MAX:
        raise WinError(Err.INVALID_PARAMETER)
    return root, full


def _to_guest(t: Task, value: Value, wide: bool) -> bytes:
    """Stored ANSI bytes as the caller's twin sees them."""
    if wide and value.type in _TEXT_TYPES:
        return codepage.decode(value.data, t.process.acp).encode("utf-16-le", "surrogatepass")
    return value.data


def _from_guest(t: Task, kind: int, address: int, size: int, wide: bool) -> bytes:
    """The caller's bytes as they are stored.

    Windows 9x takes a REG_SZ up to its terminator, whatever the size says; the other text types gain a forgotten
    terminator.
    """
    if kind == REG_SZ and address:
        text = t.mem.wide(address) if wide else t.ansi(address)
        return codepage.encode(text, t.process.acp) + b"\0"
    if size > VALUE_MAX * 2:
        raise WinError(Err.INVALID_PARAMETER)
    data = t.mem.read(address, size) if size else b""
    if kind in _TEXT_TYPES and wide:
        data = codepage.encode(data.decode("utf-16-le", "surrogatepass"), t.process.acp)
    return data


def _put_name(buffer: LPTSTR, size: LPDWORD, name: str) -> None:
    """A name with its length; ERROR_MORE_DATA when the buffer (``size`` characters) is too small."""
    length = buffer.length(name)
    if size.get() <= length or not buffer:
        raise WinError(Err.MORE_DATA)
    buffer.put(name, size.get())
    size.set(length)


def _put_data(t: Task, data: bytes, address: int, size: LPDWORD) -> None:
    """Value data with its size; ERROR_MORE_DATA leaves the size needed."""
    if not size:
        if address:
            raise WinError(Err.INVALID_PARAMETER)
        return
    capacity = size.get()
    size.set(len(data))
    if address:
        if capacity < len(data):
            raise WinError(Err.MORE_DATA)
        t.mem.write(address, data)


# --- keys -----------------------------------------------------------------------------


def _open(t: Task, key: int, name: str | None, result: LPDWORD) -> None:
    if not result:
        raise WinError(Err.INVALID_PARAMETER)
    root, path = _below(t, key, name)
    store_of(t.process).check(root, path)
    result.set(t.process.state(Keys).add(root, path))


def _create(t: Task, key: int, name: str | None, result: LPDWORD) -> bool:
    if not result:
        raise WinError(Err.INVALID_PARAMETER)
    root, path = _below(t, key, name)
    created = store_of(t.process).create(root, path) if path else False
    result.set(t.process.state(Keys).add(root, path))
    return created


@advapi32.api(aw=True)
def RegOpenKeyEx(
    t: Task, hKey: PTR, lpSubKey: LPCTSTR, ulOptions: DWORD, samDesired: KEY_ACCESS, phkResult: LPDWORD
) -> STATUS:
    """Open an existing key. Windows 9x ignores the access mask."""
    return _status(lambda: _open(t, hKey, lpSubKey, phkResult))


@advapi32.api(aw=True)
def RegOpenKey(t: Task, hKey: PTR, lpSubKey: LPCTSTR, phkResult: LPDWORD) -> STATUS:
    """Open an existing key; without a name the same handle comes back (SDK)."""

    def run() -> None:
        if not lpSubKey and phkResult:
            t.process.state(Keys).find(hKey)
            phkResult.set(hKey)
        else:
            _open(t, hKey, lpSubKey, phkResult)

    return _status(run)


@advapi32.partial("REG_OPTION_VOLATILE keys persist", aw=True)
def RegCreateKeyEx(
    t: Task,
    hKey: PTR,
    lpSubKey: LPCTSTR,
    Reserved: DWORD,
    lpClass: LPCTSTR,
    dwOptions: FLAGS,
    samDesired: KEY_ACCESS,
    lpSecurityAttributes: PTR,
    phkResult: LPDWORD,
    lpdwDisposition: LPDWORD,
) -> STATUS:
    """Open a key, creating it and what is missing above it."""

    def run() -> None:
        created = _create(t, hKey, lpSubKey, phkResult)
        lpdwDisposition.set(REG_CREATED_NEW_KEY if created else REG_OPENED_EXISTING_KEY)

    return _status(run)


@advapi32.api(aw=True)
def RegCreateKey(t: Task, hKey: PTR, lpSubKey: LPCTSTR, phkResult: LPDWORD) -> STATUS:
    """Open or create a key; without a name the same handle comes back (SDK)."""

    def run() -> None:
        if not lpSubKey and phkResult:
            t.process.state(Keys).find(hKey)
            phkResult.set(hKey)
        else:
            _create(t, hKey, lpSubKey, phkResult)

    return _status(run)


@advapi32.api()
def RegCloseKey(t: Task, hKey: PTR) -> STATUS:
    """Close a key; a predefined key stays open."""
    if hKey in _ROOTS:
        return Err.SUCCESS
    return Err.SUCCESS if t.process.state(Keys).open.pop(hKey, None) is not None else Err.BADKEY


@advapi32.api(aw=True)
def RegDeleteKey(t: Task, hKey: PTR, lpSubKey: LPCTSTR) -> STATUS:
    """Delete a key and everything below it (Windows 9x; on NT it must have no sub-keys)."""

    def run() -> None:
        if lpSubKey is None:
            raise WinError(Err.INVALID_PARAMETER)
        root, path = _below(t, hKey, lpSubKey)
        if not path:
            raise WinError(Err.ACCESS_DENIED)
        store_of(t.process).delete(root, path)

    return _status(run)


@advapi32.api()
def RegFlushKey(t: Task, hKey: PTR) -> STATUS:
    """Every change is on disk already (see the daemon's registry)."""
    return _status(lambda: (t.process.state(Keys).find(hKey), None)[1])


@advapi32.api(aw=True)
def RegConnectRegistry(t: Task, lpMachineName: LPCTSTR, hKey: PTR, phkResult: LPDWORD) -> STATUS:
    """Only this computer's registry can be reached; any other name is ERROR_BAD_NETPATH."""

    def run() -> None:
        from w9x_client.win32.kernel32.system import computer_name

        if hKey not in _ROOTS or not phkResult:
            raise WinError(Err.INVALID_PARAMETER)
        if lpMachineName and lpMachineName.lstrip("\\").upper() != computer_name():
            raise WinError(Err.BAD_NETPATH)
        phkResult.set(t.process.state(Keys).add(_ROOTS[hKey], ""))

    return _status(run)


# --- enumeration ----------------------------------------------------------------------


def _sub_key(t: Task, key: int, index: int) -> str:
    root, path = _below(t, key, None)
    name = store_of(t.process).key_name(root, path, index)
    if name is None:
        raise WinError(Err.NO_MORE_ITEMS)
    return name


@advapi32.api(aw=True)
def RegEnumKeyEx(
    t: Task,
    hKey: PTR,
    dwIndex: DWORD,
    lpName: LPTSTR,
    lpcName: LPDWORD,
    lpReserved: PTR,
    lpClass: LPTSTR,
    lpcClass: LPDWORD,
    lpftLastWriteTime: PTR,
) -> STATUS:
    """The dwIndex-th sub-key. Windows 9x keeps no classes and no times: both come back empty."""

    def run() -> None:
        if not lpcName:
            raise WinError(Err.INVALID_PARAMETER)
        _put_name(lpName, lpcName, _sub_key(t, hKey, dwIndex))
        _put_class(t, lpClass, lpcClass, lpftLastWriteTime)

    return _status(run)


def _put_class(t: Task, lpClass: LPTSTR, lpcClass: LPDWORD, lpftLastWriteTime: int) -> None:
    if lpClass and lpcClass.get():
        lpClass.put("", 1)
    lpcClass.set(0)
    if lpftLastWriteTime:
        t.mem.write(lpftLastWriteTime, bytes(8))


@advapi32.api(aw=True)
def RegEnumKey(t: Task, hKey: PTR, dwIndex: DWORD, lpName: LPTSTR, cbName: DWORD) -> STATUS:
    """The dwIndex-th sub-key's name in a buffer of ``cbName`` characters."""

    def run() -> None:
        name = _sub_key(t, hKey, dwIndex)
        if lpName.length(name) >= cbName:
            raise WinError(Err.MORE_DATA)
        lpName.put(name, cbName)

    return _status(run)


@advapi32.api(aw=True)
def RegEnumValue(
    t: Task,
    hKey: PTR,
    dwIndex: DWORD,
    lpValueName: LPTSTR,
    lpcbValueName: LPDWORD,
    lpReserved: PTR,
    lpType: LPDWORD,
    lpData: PTR,
    lpcbData: LPDWORD,
    W: IS_WIDE,
) -> STATUS:
    """The dwIndex-th value."""

    def run() -> None:
        if not lpcbValueName or (lpData and not lpcbData):
            raise WinError(Err.INVALID_PARAMETER)
        root, path = _below(t, hKey, None)
        store = store_of(t.process)
        row = store.value_name(root, path, dwIndex)
        if row is None:
            raise WinError(Err.NO_MORE_ITEMS)
        _put_name(lpValueName, lpcbValueName, row.name)
        lpType.set(row.type)
        if lpcbData:
            _put_data(t, _to_guest(t, store.query(root, path, row.name), W), lpData, lpcbData)

    return _status(run)


@advapi32.api(aw=True)
def RegQueryInfoKey(
    t: Task,
    hKey: PTR,
    lpClass: LPTSTR,
    lpcbClass: LPDWORD,
    lpReserved: PTR,
    lpcSubKeys: LPDWORD,
    lpcbMaxSubKeyLen: LPDWORD,
    lpcbMaxClassLen: LPDWORD,
    lpcValues: LPDWORD,
    lpcbMaxValueNameLen: LPDWORD,
    lpcbMaxValueLen: LPDWORD,
    lpcbSecurityDescriptor: LPDWORD,
    lpftLastWriteTime: PTR,
    W: IS_WIDE,
) -> STATUS:
    """How many sub-keys and values a key has and how long they are, without terminators."""

    def run() -> None:
        root, path = _below(t, hKey, None)
        info = store_of(t.process).info(root, path)
        _put_class(t, lpClass, lpcbClass, lpftLastWriteTime)
        lpcSubKeys.set(info.subkeys)
        lpcbMaxSubKeyLen.set(info.longest_subkey)
        lpcbMaxClassLen.set(0)
        lpcValues.set(info.values)
        lpcbMaxValueNameLen.set(info.longest_value_name)
        lpcbMaxValueLen.set(info.longest_data * (2 if W else 1))
        lpcbSecurityDescriptor.set(0)

    return _status(run)


# --- values ---------------------------------------------------------------------------


@advapi32.api(aw=True)
def RegQueryValueEx(
    t: Task,
    hKey: PTR,
    lpValueName: LPCTSTR,
    lpReserved: PTR,
    lpType: LPDWORD,
    lpData: PTR,
    lpcbData: LPDWORD,
    W: IS_WIDE,
) -> STATUS:
    """A value by name. Without a buffer, its size; with too small a one, ERROR_MORE_DATA and the size."""

    def run() -> None:
        if lpData and not lpcbData:
            raise WinError(Err.INVALID_PARAMETER)
        root, path = _below(t, hKey, None)
        value = store_of(t.process).query(root, path, lpValueName or "")
        lpType.set(value.type)
        _put_data(t, _to_guest(t, value, W), lpData, lpcbData)

    return _status(run)


@advapi32.api(aw=True)
def RegSetValueEx(
    t: Task,
    hKey: PTR,
    lpValueName: LPCTSTR,
    Reserved: DWORD,
    dwType: VALUE_TYPE,
    lpData: PTR,
    cbData: DWORD,
    W: IS_WIDE,
) -> STATUS:
    """Set a value of an open key."""

    def run() -> None:
        root, path = _below(t, hKey, None)
        data = _from_guest(t, dwType, lpData, cbData, W)
        if len(data) > VALUE_MAX or len(lpValueName or "") > 255:
            raise WinError(Err.INVALID_PARAMETER)
        try:
            store_of(t.process).set(root, path, lpValueName or "", dwType, data)
        except WinError as error:
            # The key is open, so it existed: somebody has deleted it since.
            raise WinError(Err.KEY_DELETED if error.code == Err.FILE_NOT_FOUND else error.code) from None

    return _status(run)


@advapi32.api(aw=True)
def RegDeleteValue(t: Task, hKey: PTR, lpValueName: LPCTSTR) -> STATUS:
    """Delete a value."""

    def run() -> None:
        root, path = _below(t, hKey, None)
        store_of(t.process).delete_value(root, path, lpValueName or "")

    return _status(run)


@advapi32.api(aw=True)
def RegQueryValue(t: Task, hKey: PTR, lpSubKey: LPCTSTR, lpValue: PTR, lpcbValue: LPDWORD, W: IS_WIDE) -> STATUS:
    """The default value of a sub-key as text; a key without one has the empty text."""

    def run() -> None:
        root, path = _below(t, hKey, lpSubKey)
        store = store_of(t.process)
        store.check(root, path)
        try:
            value = store.query(root, path, "")
        except WinError as error:
            if error.code != Err.FILE_NOT_FOUND:
                raise
            value = Value(REG_SZ, b"\0")
        if value.type not in (REG_SZ, REG_EXPAND_SZ):
            raise WinError(Err.INVALID_DATA)
        _put_data(t, _to_guest(t, value, W), lpValue, lpcbValue)

    return _status(run)


@advapi32.api(aw=True)
def RegSetValue(
    t: Task, hKey: PTR, lpSubKey: LPCTSTR, dwType: VALUE_TYPE, lpData: PTR, cbData: DWORD, W: IS_WIDE
) -> STATUS:
    """Set the default value of a sub-key, creating the key; the type must be REG_SZ."""

    def run() -> None:
        if dwType != REG_SZ or not lpData:
            raise WinError(Err.INVALID_PARAMETER)
        root, path = _below(t, hKey, lpSubKey)
        store = store_of(t.process)
        if path:
            store.create(root, path)
        store.set(root, path, "", REG_SZ, _from_guest(t, REG_SZ, lpData, cbData, W))

    return _status(run)


@advapi32.api(aw=True)
def RegQueryMultipleValues(
    t: Task, hKey: PTR, val_list: PTR, num_vals: DWORD, lpValueBuf: PTR, ldwTotsize: LPDWORD, W: IS_WIDE
) -> STATUS:
    """Several values at once: an array of VALENT {name, length, address, type}, the data in one buffer."""

    def run() -> None:
        if not val_list or not ldwTotsize or num_vals > PAGE:
            raise WinError(Err.INVALID_PARAMETER)
        root, path = _below(t, hKey, None)
        store = store_of(t.process)
        found: list[tuple[int, Value, bytes]] = []
        for index in range(num_vals):
            entry = val_list + 16 * index
            name = t.mem.u32(entry)
            text = (t.mem.wide(name) if W else t.ansi(name)) if name else ""
            value = store.query(root, path, text)
            found.append((entry, value, _to_guest(t, value, W)))
        needed = sum((len(data) + 3) & ~3 for _, _, data in found)
        capacity = ldwTotsize.get()
        ldwTotsize.set(needed)
        if capacity < needed or not lpValueBuf:
            raise WinError(Err.MORE_DATA)
        at = lpValueBuf
        for entry, value, data in found:
            t.mem.write(at, data)
            t.mem.put32(entry + 4, len(data))
            t.mem.put32(entry + 8, at)
            t.mem.put32(entry + 12, value.type)
            at += (len(data) + 3) & ~3

    return _status(run)
