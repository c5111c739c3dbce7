"""MessageBox without a desktop: the text goes to standard error and the default button is the answer (SDK
winuser.h).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import BOOL, DWORD, FLAGS, HANDLE, INT, IS_WIDE, LPCTSTR, PTR, UINT, VOID
from w9x_client.win32.kernel32.system import ring_bell

from .dll import user32
from .string_table import load_string

if TYPE_CHECKING:
    from w9x_client.process import Task

IDOK, IDCANCEL, IDABORT, IDRETRY, IDIGNORE, IDYES, IDNO = range(1, 8)
_BUTTONS = {
    0: (IDOK,),
    1: (IDOK, IDCANCEL),
    2: (IDABORT, IDRETRY, IDIGNORE),
    3: (IDYES, IDNO, IDCANCEL),
    4: (IDYES, IDNO),
    5: (IDRETRY, IDCANCEL),
}
_NO_DESKTOP = "no desktop yet: prints the text on standard error and answers the default button"
TEXT_MAX = 0x4000


def show_box(caption: str | None, text: str | None, style: int) -> int:
    """Print one block "caption: text" and answer the button that Enter would press; 0 for a style that is none."""
    buttons = _BUTTONS.get(style & 0xF)
    if buttons is None:
        return 0
    lines = (text or "")[:TEXT_MAX].replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")
    head = f"[{'Error' if caption is None else caption[:TEXT_MAX]}]"  # SDK: a NULL caption is "Error"
    block = "\n".join([head, *("  " + line for line in lines)]) + "\n"
    try:
        os.write(2, block.encode("utf-8", "replace"))
    except OSError:
        pass  # a closed standard error: nobody to tell
    index = style >> 8 & 3
    return buttons[index] if index < len(buttons) else buttons[0]


@user32.partial(_NO_DESKTOP, aw=True)
def MessageBox(t: Task, hWnd: HANDLE, lpText: LPCTSTR, lpCaption: LPCTSTR, uType: FLAGS) -> INT:
    """Tell the user something and get a button's number back."""
    return show_box(lpCaption, lpText, uType)


@user32.partial(_NO_DESKTOP, aw=True)
def MessageBoxEx(t: Task, hWnd: HANDLE, lpText: LPCTSTR, lpCaption: LPCTSTR, uType: FLAGS, wLanguageId: DWORD) -> INT:
    """MessageBox with buttons in a language."""
    return show_box(lpCaption, lpText, uType)


@user32.partial(_NO_DESKTOP, aw=True)
def MessageBoxIndirect(t: Task, lpMsgBoxParams: PTR, W: IS_WIDE) -> INT:
    """MessageBox described by a MSGBOXPARAMS (40 bytes: size, owner, instance, text, caption, style, ...)."""
    mem = t.mem
    instance, text, caption, style = (mem.u32(lpMsgBoxParams + 8 + 4 * n) for n in range(4))

    def read(pointer: int) -> str | None:
        if not pointer >> 16:
            return load_string(t, instance, pointer) if pointer else None
        return mem.wide(pointer) if W else t.ansi(pointer)

    return show_box(read(caption), read(text), style)


@user32.partial("the terminal's bell for every sound")
def MessageBeep(t: Task, uType: UINT) -> BOOL:
    """Play a system sound."""
    ring_bell()
    return True


@user32.stub("Windows does not end: only this process could")
def ExitWindowsEx(t: Task, uFlags: FLAGS, dwReserved: DWORD) -> BOOL:
    """Refused with ERROR_NOT_SUPPORTED: a guest cannot log its user off."""
    raise WinError(Err.NOT_SUPPORTED)


@user32.api()
def GetActiveWindow(t: Task) -> HANDLE:
    """A thread without windows has no active window."""
    return 0


@user32.api()
def GetFocus(t: Task) -> HANDLE:
    """A thread without windows has no focus."""
    return 0


@user32.api()
def SetLastErrorEx(t: Task, dwErrCode: DWORD, dwType: DWORD) -> VOID:
    """SetLastError; the type is for a debugger."""
    t.last_error = dwErrCode
