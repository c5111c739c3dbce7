"""Registry files, change notification and key security, none of which is there (SDK winreg.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import Err
from w9x_client.abi.types import DWORD, FLAGS, LPCTSTR, LPDWORD, PTR, STATUS

from .dll import advapi32

if TYPE_CHECKING:
    from w9x_client.process import Task


@advapi32.stub("no registry files", aw=True)
def RegSaveKey(t: Task, hKey: PTR, lpFile: LPCTSTR, lpSecurityAttributes: PTR) -> STATUS:
    """Fails with ERROR_CALL_NOT_IMPLEMENTED."""
    return Err.CALL_NOT_IMPLEMENTED


@advapi32.stub("no registry files", aw=True)
def RegLoadKey(t: Task, hKey: PTR, lpSubKey: LPCTSTR, lpFile: LPCTSTR) -> STATUS:
    """Fails with ERROR_CALL_NOT_IMPLEMENTED."""
    return Err.CALL_NOT_IMPLEMENTED


@advapi32.stub("no registry files", aw=True)
def RegUnLoadKey(t: Task, hKey: PTR, lpSubKey: LPCTSTR) -> STATUS:
    """Fails with ERROR_CALL_NOT_IMPLEMENTED."""
    return Err.CALL_NOT_IMPLEMENTED


@advapi32.stub("no registry files", aw=True)
def RegReplaceKey(t: Task, hKey: PTR, lpSubKey: LPCTSTR, lpNewFile: LPCTSTR, lpOldFile: LPCTSTR) -> STATUS:
    """Fails with ERROR_CALL_NOT_IMPLEMENTED."""
    return Err.CALL_NOT_IMPLEMENTED


@advapi32.stub("Windows NT only (SDK: RegRestoreKey)", aw=True)
def RegRestoreKey(t: Task, hKey: PTR, lpFile: LPCTSTR, dwFlags: FLAGS) -> STATUS:
    """Fails with ERROR_CALL_NOT_IMPLEMENTED, as on Windows 9x."""
    return Err.CALL_NOT_IMPLEMENTED


@advapi32.stub("no change notification")
def RegNotifyChangeKeyValue(
    t: Task, hKey: PTR, bWatchSubtree: DWORD, dwNotifyFilter: FLAGS, hEvent: PTR, fAsynchronous: DWORD
) -> STATUS:
    """Fails with ERROR_CALL_NOT_IMPLEMENTED (Windows 95 documents no support for it either)."""
    return Err.CALL_NOT_IMPLEMENTED


@advapi32.stub("Windows NT only: keys have no security")
def RegGetKeySecurity(
    t: Task, hKey: PTR, SecurityInformation: FLAGS, pSecurityDescriptor: PTR, lpcb: LPDWORD
) -> STATUS:
    """Fails with ERROR_CALL_NOT_IMPLEMENTED, as on Windows 9x."""
    return Err.CALL_NOT_IMPLEMENTED


@advapi32.stub("Windows NT only: keys have no security")
def RegSetKeySecurity(t: Task, hKey: PTR, SecurityInformation: FLAGS, pSecurityDescriptor: PTR) -> STATUS:
    """Fails with ERROR_CALL_NOT_IMPLEMENTED, as on Windows 9x."""
    return Err.CALL_NOT_IMPLEMENTED
