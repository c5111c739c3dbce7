"""Creating and removing directories (SDK winbase.h). The current directory is in `path`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import BOOL, PTR
from w9x_client.drives import attributes as dos
from w9x_client.drives import operations

from .dll import kernel32
from .file_names import LPCPATH, need

if TYPE_CHECKING:
    from w9x_client.drives import HostPath
    from w9x_client.process import Task


def _new(t: Task, path: str | None) -> HostPath:
    # A closing backslash is allowed here, though what it closes does not exist yet.
    text = need(path)
    found = t.process.drives.resolve(text.rstrip("\\/") or text, parent=True)
    if found.device:
        raise WinError(Err.ACCESS_DENIED)
    return found


@kernel32.api(aw=True)
def CreateDirectory(t: Task, lpPathName: LPCPATH, lpSecurityAttributes: PTR) -> BOOL:
    """Create a directory in an existing one."""
    operations.make_directory(t.process.drives, _new(t, lpPathName))
    return True


@kernel32.api(aw=True)
def CreateDirectoryEx(
    t: Task, lpTemplateDirectory: LPCPATH, lpNewDirectory: LPCPATH, lpSecurityAttributes: PTR
) -> BOOL:
    """Create a directory with another's attributes."""
    template = t.process.drives.resolve(need(lpTemplateDirectory))
    if not template.is_directory:
        raise WinError(Err.PATH_NOT_FOUND)
    bits = dos.attributes(template.path, template.require())
    found = _new(t, lpNewDirectory)
    operations.make_directory(t.process.drives, found)
    if bits & dos.SETTABLE:
        operations.set_attributes(t.process.drives.resolve(found.guest), bits)
    return True


@kernel32.api(aw=True)
def RemoveDirectory(t: Task, lpPathName: LPCPATH) -> BOOL:
    """Remove an empty directory."""
    found = t.process.drives.resolve(need(lpPathName))
    if found.device:
        raise WinError(Err.PATH_NOT_FOUND)
    operations.remove_directory(t.process.drives, found)
    return True
