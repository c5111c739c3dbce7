"""Opening documents and telling the shell things (SDK shellapi.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import BOOL, DWORD, FLAGS, HANDLE, INT, LONG, LPCTSTR, LPTSTR, PTR, UINT, VOID

from .dll import shell32

if TYPE_CHECKING:
    from w9x_client.process import Task

SE_ERR_FNF, SE_ERR_NOASSOC = 2, 31
ERROR_NO_ASSOCIATION = 1155
_NOTHING_OPENS = "nothing is opened: no associations yet"
_NO_SHELL = "there is no shell to tell"


def _exists(t: Task, name: str | None) -> bool:
    try:
        return bool(name) and t.process.drives.resolve(name or "").exists
    except WinError:
        return False


@shell32.stub(_NOTHING_OPENS, aw=True)
def ShellExecute(
    t: Task,
    hwnd: HANDLE,
    lpOperation: LPCTSTR,
    lpFile: LPCTSTR,
    lpParameters: LPCTSTR,
    lpDirectory: LPCTSTR,
    nShowCmd: INT,
) -> HANDLE:
    """Fails with SE_ERR_NOASSOC, or SE_ERR_FNF where there is no such file."""
    return SE_ERR_NOASSOC if _exists(t, lpFile) else SE_ERR_FNF


@shell32.stub(_NOTHING_OPENS, aw=True)
def ShellExecuteEx(t: Task, lpExecInfo: PTR) -> BOOL:
    """Fails with ERROR_NO_ASSOCIATION."""
    if lpExecInfo:
        t.mem.put32(lpExecInfo + 32, SE_ERR_NOASSOC)  # SHELLEXECUTEINFO.hInstApp
    raise WinError(ERROR_NO_ASSOCIATION)


@shell32.stub(_NOTHING_OPENS, aw=True)
def FindExecutable(t: Task, lpFile: LPCTSTR, lpDirectory: LPCTSTR, lpResult: LPTSTR) -> HANDLE:
    """Fails with SE_ERR_NOASSOC, or SE_ERR_FNF where there is no such file."""
    lpResult.put("", 260)
    return SE_ERR_NOASSOC if _exists(t, lpFile) else SE_ERR_FNF


@shell32.stub(_NO_SHELL)
def SHChangeNotify(t: Task, wEventId: LONG, uFlags: UINT, dwItem1: PTR, dwItem2: PTR) -> VOID:
    """A hint to the shell's windows, of which there are none."""


@shell32.stub(_NO_SHELL)
def SHAddToRecentDocs(t: Task, uFlags: UINT, pv: PTR) -> VOID:
    """A hint to the Start menu, of which there is none."""


@shell32.stub(_NO_SHELL, aw=True)
def Shell_NotifyIcon(t: Task, dwMessage: DWORD, lpData: PTR) -> BOOL:
    """Fails: there is no taskbar."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@shell32.partial("prints on standard error", aw=True)
def ShellAbout(t: Task, hWnd: HANDLE, szApp: LPCTSTR, szOtherStuff: LPCTSTR, hIcon: HANDLE) -> INT:
    """Tell the user about a program."""
    from w9x_client.win32.user32.message_box import show_box

    name = (szApp or "").split("#")[0]
    version = t.process.version
    show_box(f"About {name}", f"{name}\n{version.title} ({version.number}{version.text})\n{szOtherStuff or ''}", 0)
    return 1


@shell32.stub("drag and drop needs windows")
def DragAcceptFiles(t: Task, hWnd: HANDLE, fAccept: FLAGS) -> VOID:
    """Nothing will be dropped."""
