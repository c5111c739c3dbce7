"""Profile (initialisation file) functions and WIN.INI (SDK winbase.h).

A file name without a directory means the Windows directory. Files are parsed once and re-read when they have changed
on disk; every write goes to the file at once, so there is nothing to flush.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError, codepage
from w9x_client.abi.types import BOOL, DWORD, INT, IS_WIDE, LPCTSTR, LPTSTR, PTR, UINT
from w9x_client.drives import operations

from .dll import kernel32
from .ini_file import FILE_MAX, IniFile, to_integer, unquoted
from .path import WINDOWS

if TYPE_CHECKING:
    from w9x_client.drives import HostPath
    from w9x_client.process import Process, Task

WIN_INI = "win.ini"
_Stamp = tuple[int, int, int, int]
CACHED_FILES = 16


class Profiles:
    """The profile files this process has read, with what identifies the version read."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._files: dict[str, tuple[_Stamp, IniFile]] = {}

    def _resolve(self, name: str) -> HostPath:
        if not any(c in name for c in "\\/:"):
            name = f"{WINDOWS}\\{name}"
        return self._process.drives.resolve(name, parent=True)

    def load(self, name: str) -> IniFile:
        """The contents of a file; a missing one is empty. Do not change what is returned: see `change`."""
        found = self._resolve(name)
        if not found.exists or found.is_directory or found.device:
            return IniFile()
        fd = found.open(os.O_RDONLY | os.O_CLOEXEC)
        try:
            st = os.fstat(fd)
            stamp = (st.st_dev, st.st_ino, st.st_mtime_ns, st.st_size)
            known = self._files.get(found.path)
            if known is not None and known[0] == stamp:
                return known[1]
            data = bytearray()
            while len(data) < FILE_MAX and (chunk := os.read(fd, 0x10000)):
                data += chunk
        except OSError:
            raise WinError(Err.READ_FAULT) from None
        finally:
            os.close(fd)
        ini = IniFile(bytes(data))
        if len(self._files) >= CACHED_FILES:
            self._files.pop(next(iter(self._files)))
        self._files[found.path] = (stamp, ini)
        return ini

    def save(self, name: str, ini: IniFile) -> None:
        """Replace a file's contents, creating it where it is missing."""
        found = self._resolve(name)
        if found.device or found.is_directory:
            raise WinError(Err.ACCESS_DENIED)
        found.writable()
        fd = found.open(os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC)
        try:
            data = memoryview(ini.to_bytes())
            while data:
                data = data[os.write(fd, data) :]
        except OSError:
            raise WinError(Err.DISK_FULL) from None
        finally:
            os.close(fd)
            self._files.pop(found.path, None)
        if not found.exists:
            operations.created(self._process.drives, found)


def _ansi(t: Task, text: str) -> bytes:
    return codepage.encode(text, t.process.acp)


def _load(t: Task, name: str | None) -> IniFile:
    """A file for reading: one that cannot be read has no settings."""
    try:
        return t.process.state(Profiles).load(name or WIN_INI)
    except WinError as error:
        t.last_error = error.code
        return IniFile()


def _fill(t: Task, buffer: LPTSTR, size: int, value: bytes) -> int:
    return buffer.put(codepage.decode(value, t.process.acp), size)


def _fill_list(t: Task, buffer: LPTSTR, size: int, items: list[bytes]) -> int:
    """Zero-terminated texts and a final zero; a list that does not fit is cut and the result is size - 2 (SDK)."""
    if not buffer or size <= 0:
        return 0
    unit = 2 if buffer.wide else 1
    data = b"".join(buffer.encode(codepage.decode(item, t.process.acp) + "\0") for item in items)
    if not items:
        data = bytes(unit)
    if len(data) // unit + 1 <= size:
        t.mem.write(buffer.addr, data + bytes(unit))
        return len(data) // unit if items else 0
    if size < 2:
        t.mem.write(buffer.addr, bytes(unit))
        return 0
    t.mem.write(buffer.addr, data[: (size - 2) * unit] + bytes(2 * unit))
    return size - 2


def _get_string(
    t: Task, app: str | None, key: str | None, default: str | None, buffer: LPTSTR, size: int, file: str | None
) -> int:
    if not buffer or not size:
        return 0
    ini = _load(t, file)
    if app is None:
        return _fill_list(t, buffer, size, [section.name for section in ini.sections])
    if key is None:
        keys = ini.keys(_ansi(t, app))
        return _fill_list(t, buffer, size, keys or [])
    value = ini.get(_ansi(t, app), _ansi(t, key))
    if value is None:
        return buffer.put((default or "").rstrip(" "), size)
    return _fill(t, buffer, size, unquoted(value))


def _get_int(t: Task, app: str | None, key: str | None, default: int, file: str | None) -> int:
    if app is None or key is None:
        return default
    value = _load(t, file).get(_ansi(t, app), _ansi(t, key))
    return to_integer(unquoted(value)) if value else default


def _change(t: Task, app: str | None, key: str | None, value: str | None, file: str | None) -> bool:
    if app is None:
        # All NULL asks to write the cache out (Windows 9x): nothing is held back here. It answers FALSE by
        # documentation.
        return False
    profiles = t.process.state(Profiles)
    name = file or WIN_INI
    ini = IniFile(profiles.load(name).to_bytes())
    section = _ansi(t, app)
    if key is None:
        changed = ini.delete_section(section)
    elif value is None:
        changed = ini.delete(section, _ansi(t, key))
    else:
        ini.set(section, _ansi(t, key), _ansi(t, value))
        changed = True
    if changed:
        profiles.save(name, ini)
    return True


def _put_section(t: Task, app: str | None, data: list[bytes] | None, file: str | None) -> bool:
    if not app:
        raise WinError(Err.INVALID_PARAMETER)
    profiles = t.process.state(Profiles)
    name = file or WIN_INI
    ini = IniFile(profiles.load(name).to_bytes())
    if data is None:
        ini.delete_section(_ansi(t, app))
    else:
        ini.replace_section(_ansi(t, app), data)
    profiles.save(name, ini)
    return True


def _entries(t: Task, address: int, wide: bool) -> list[bytes] | None:
    """The zero-terminated lines of a guest's section buffer."""
    if not address:
        return None
    found: list[bytes] = []
    while len(found) < 0x10000:
        raw = t.mem.wcstr(address) if wide else t.mem.cstr(address)
        if not raw:
            break
        address += len(raw) + (2 if wide else 1)
        found.append(_ansi(t, raw.decode("utf-16-le", "surrogatepass")) if wide else raw)
    return found


def _get_section(t: Task, app: str | None, buffer: LPTSTR, size: int, file: str | None) -> int:
    if not app:
        raise WinError(Err.INVALID_PARAMETER)
    section = _load(t, file).section(_ansi(t, app))
    lines = [] if section is None else section.lines
    texts = [
        line.key + b"=" + line.value if line.key is not None else line.text.strip(b" \t")
        for line in lines
        if line.text.strip(b" \t") and not line.text.lstrip(b" \t").startswith(b";")
    ]
    return _fill_list(t, buffer, size, texts)


@kernel32.api(aw=True)
def GetPrivateProfileString(
    t: Task,
    lpAppName: LPCTSTR,
    lpKeyName: LPCTSTR,
    lpDefault: LPCTSTR,
    lpReturnedString: LPTSTR,
    nSize: DWORD,
    lpFileName: LPCTSTR,
) -> DWORD:
    """A setting, or the names of all keys (no key) or all sections (no section)."""
    return _get_string(t, lpAppName, lpKeyName, lpDefault, lpReturnedString, nSize, lpFileName)


@kernel32.api(aw=True)
def GetProfileString(
    t: Task, lpAppName: LPCTSTR, lpKeyName: LPCTSTR, lpDefault: LPCTSTR, lpReturnedString: LPTSTR, nSize: DWORD
) -> DWORD:
    """A setting of WIN.INI."""
    return _get_string(t, lpAppName, lpKeyName, lpDefault, lpReturnedString, nSize, None)


@kernel32.api(aw=True)
def GetPrivateProfileInt(t: Task, lpAppName: LPCTSTR, lpKeyName: LPCTSTR, nDefault: INT, lpFileName: LPCTSTR) -> UINT:
    """A number; the default where the key is missing or empty."""
    return _get_int(t, lpAppName, lpKeyName, nDefault, lpFileName)


@kernel32.api(aw=True)
def GetProfileInt(t: Task, lpAppName: LPCTSTR, lpKeyName: LPCTSTR, nDefault: INT) -> UINT:
    """A number of WIN.INI."""
    return _get_int(t, lpAppName, lpKeyName, nDefault, None)


@kernel32.api(aw=True)
def WritePrivateProfileString(
    t: Task, lpAppName: LPCTSTR, lpKeyName: LPCTSTR, lpString: LPCTSTR, lpFileName: LPCTSTR
) -> BOOL:
    """Change a setting; delete it (no text), or its whole section (no key)."""
    return _change(t, lpAppName, lpKeyName, lpString, lpFileName)


@kernel32.api(aw=True)
def WriteProfileString(t: Task, lpAppName: LPCTSTR, lpKeyName: LPCTSTR, lpString: LPCTSTR) -> BOOL:
    """Change a setting of WIN.INI."""
    return _change(t, lpAppName, lpKeyName, lpString, None)


@kernel32.api(aw=True)
def GetPrivateProfileSection(
    t: Task, lpAppName: LPCTSTR, lpReturnedString: LPTSTR, nSize: DWORD, lpFileName: LPCTSTR
) -> DWORD:
    """All "key=value" lines of a section."""
    return _get_section(t, lpAppName, lpReturnedString, nSize, lpFileName)


@kernel32.api(aw=True)
def GetProfileSection(t: Task, lpAppName: LPCTSTR, lpReturnedString: LPTSTR, nSize: DWORD) -> DWORD:
    """All "key=value" lines of a section of WIN.INI."""
    return _get_section(t, lpAppName, lpReturnedString, nSize, None)


@kernel32.api(aw=True)
def WritePrivateProfileSection(t: Task, lpAppName: LPCTSTR, lpString: PTR, lpFileName: LPCTSTR, W: IS_WIDE) -> BOOL:
    """Replace a section's lines."""
    return _put_section(t, lpAppName, _entries(t, lpString, W), lpFileName)


@kernel32.api(aw=True)
def WriteProfileSection(t: Task, lpAppName: LPCTSTR, lpString: PTR, W: IS_WIDE) -> BOOL:
    """Replace the lines of a section of WIN.INI."""
    return _put_section(t, lpAppName, _entries(t, lpString, W), None)


@kernel32.api(aw=True)
def GetPrivateProfileSectionNames(t: Task, lpszReturnBuffer: LPTSTR, nSize: DWORD, lpFileName: LPCTSTR) -> DWORD:
    """The names of all sections."""
    return _fill_list(t, lpszReturnBuffer, nSize, [section.name for section in _load(t, lpFileName).sections])


@kernel32.api(aw=True)
def GetPrivateProfileStruct(
    t: Task, lpszSection: LPCTSTR, lpszKey: LPCTSTR, lpStruct: PTR, uSizeStruct: UINT, szFile: LPCTSTR
) -> BOOL:
    """Bytes written by WritePrivateProfileStruct: hexadecimal, the last byte the sum of the others."""
    if lpszSection is None or lpszKey is None:
        raise WinError(Err.INVALID_PARAMETER)
    value = _load(t, szFile).get(_ansi(t, lpszSection), _ansi(t, lpszKey))
    try:
        data = bytes.fromhex((value or b"").decode("ascii"))
    except (ValueError, UnicodeDecodeError):
        raise WinError(Err.INVALID_DATA) from None
    if len(data) != uSizeStruct + 1:
        raise WinError(Err.BAD_LENGTH)
    if sum(data[:-1]) & 0xFF != data[-1]:
        raise WinError(Err.INVALID_DATA)
    t.mem.write(lpStruct, data[:-1])
    return True


@kernel32.api(aw=True)
def WritePrivateProfileStruct(
    t: Task, lpszSection: LPCTSTR, lpszKey: LPCTSTR, lpStruct: PTR, uSizeStruct: UINT, szFile: LPCTSTR
) -> BOOL:
    """Write bytes as hexadecimal with a check sum; NULL deletes the key."""
    if not lpStruct:
        return _change(t, lpszSection, lpszKey, None, szFile)
    if uSizeStruct > 0x10000:
        raise WinError(Err.INVALID_PARAMETER)
    data = t.mem.read(lpStruct, uSizeStruct)
    return _change(t, lpszSection, lpszKey, (data + bytes([sum(data) & 0xFF])).hex().upper(), szFile)
