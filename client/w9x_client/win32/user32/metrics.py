"""System metrics and settings a program without windows asks for (SDK winuser.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import WinError
from w9x_client.abi.types import BOOL, FLAGS, HANDLE, INT, IS_WIDE, PTR, UINT

from .dll import user32

if TYPE_CHECKING:
    from w9x_client.process import Task

SCREEN_WIDTH, SCREEN_HEIGHT = 1024, 768
ERROR_INVALID_SPI_VALUE = 1439
_METRICS = {
    0: SCREEN_WIDTH, 1: SCREEN_HEIGHT, 2: 16, 3: 16, 4: 19, 5: 1, 6: 1, 7: 3, 8: 3, 9: 16, 10: 16, 11: 32, 12: 32,
    13: 32, 14: 32,
    15: 19, 16: SCREEN_WIDTH, 17: SCREEN_HEIGHT - 19 - 28, 18: 0, 19: 1, 20: 16, 21: 16, 22: 0, 23: 0, 28: 112, 29: 27,
    30: 18, 31: 18,
    32: 4, 33: 4, 34: 112, 35: 27, 36: 4, 37: 4, 38: 75, 39: 75, 40: 0, 41: 0, 42: 0, 43: 3, 44: 0, 45: 2, 46: 2,
    47: 160, 48: 24,
    49: 16, 50: 16, 51: 16, 52: 12, 53: 15, 54: 18, 55: 18, 56: 8, 57: 160, 58: 24, 59: SCREEN_WIDTH + 12,
    60: SCREEN_HEIGHT + 12,
    61: SCREEN_WIDTH + 8, 62: SCREEN_HEIGHT - 28 + 8, 63: 1, 67: 0, 68: 4, 69: 4, 70: 0, 71: 13, 72: 13, 73: 0, 74: 0,
}  # fmt: skip
"""SM_* for Windows 98's standard scheme at 1024 x 768 (SDK: GetSystemMetrics; sizes in pixels)."""
_SINCE_98 = {75: 1, 76: 0, 77: 0, 78: SCREEN_WIDTH, 79: SCREEN_HEIGHT, 80: 1, 81: 1}
"""The wheel and multiple monitors (SDK: not on Windows 95)."""


@user32.api()
def GetSystemMetrics(t: Task, nIndex: INT) -> INT:
    """A size or property of the system; 0 for an unknown index."""
    value = _METRICS.get(nIndex)
    if value is None and t.process.version.at_least("98"):
        value = _SINCE_98.get(nIndex)
    return value or 0


_SPI_NUMBERS = {1: 1, 10: 1, 14: 1, 16: 0, 22: 1, 25: 1, 27: 0, 38: 0, 74: 0, 104: 3}
"""SPI_GETBEEP, GETKEYBOARDSPEED... : what SystemParametersInfo stores as one dword."""


@user32.partial("the work area and a few numbers; nothing can be set", aw=True)
def SystemParametersInfo(t: Task, uiAction: UINT, uiParam: UINT, pvParam: PTR, fWinIni: FLAGS, W: IS_WIDE) -> BOOL:
    """A system-wide setting."""
    if uiAction == 48:  # SPI_GETWORKAREA
        for index, value in enumerate((0, 0, SCREEN_WIDTH, SCREEN_HEIGHT - 28)):
            t.mem.put32(pvParam + 4 * index, value)
        return True
    number = _SPI_NUMBERS.get(uiAction)
    if number is None:
        raise WinError(ERROR_INVALID_SPI_VALUE)
    t.mem.put32(pvParam, number)
    return True


@user32.api()
def GetKeyboardType(t: Task, nTypeFlag: INT) -> INT:
    """An IBM enhanced keyboard with 12 function keys (SDK)."""
    return {0: 4, 1: 0, 2: 12}.get(nTypeFlag, 0)


@user32.api()
def GetDoubleClickTime(t: Task) -> UINT:
    """Milliseconds; Windows' standard."""
    return 500


@user32.api()
def GetCaretBlinkTime(t: Task) -> UINT:
    """Milliseconds; Windows' standard."""
    return 530


@user32.partial("the user's one keyboard layout")
def GetKeyboardLayout(t: Task, dwLayout: UINT) -> HANDLE:
    """Language in the low word, layout in the high word."""
    language = t.process.lcid & 0xFFFF
    return language << 16 | language
