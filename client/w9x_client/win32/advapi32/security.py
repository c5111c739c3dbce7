"""Tokens, privileges and accounts (SDK winbase.h).

Windows 9x exports these functions so that programs load; each fails with ERROR_CALL_NOT_IMPLEMENTED (SDK: "Windows
95: no").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import BOOL, DWORD, HANDLE, PTR

from .dll import advapi32

if TYPE_CHECKING:
    from w9x_client.process import Task

NT_ONLY = "Windows NT only, as on every Windows 9x"


@advapi32.stub(NT_ONLY)
def AdjustTokenGroups(
    t: Task,
    TokenHandle: HANDLE,
    ResetToDefault: DWORD,
    NewState: PTR,
    BufferLength: DWORD,
    PreviousState: PTR,
    ReturnLength: PTR,
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def AdjustTokenPrivileges(
    t: Task,
    TokenHandle: HANDLE,
    DisableAllPrivileges: DWORD,
    NewState: PTR,
    BufferLength: DWORD,
    PreviousState: PTR,
    ReturnLength: PTR,
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def AllocateLocallyUniqueId(t: Task, Luid: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def DuplicateToken(t: Task, ExistingTokenHandle: HANDLE, ImpersonationLevel: DWORD, DuplicateTokenHandle: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def GetTokenInformation(
    t: Task,
    TokenHandle: HANDLE,
    TokenInformationClass: DWORD,
    TokenInformation: PTR,
    TokenInformationLength: DWORD,
    ReturnLength: PTR,
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def ImpersonateLoggedOnUser(t: Task, hToken: HANDLE) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def ImpersonateNamedPipeClient(t: Task, hNamedPipe: HANDLE) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def ImpersonateSelf(t: Task, ImpersonationLevel: DWORD) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def LogonUser(
    t: Task,
    lpszUsername: PTR,
    lpszDomain: PTR,
    lpszPassword: PTR,
    dwLogonType: DWORD,
    dwLogonProvider: DWORD,
    phToken: PTR,
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def LookupAccountName(
    t: Task,
    lpSystemName: PTR,
    lpAccountName: PTR,
    Sid: PTR,
    cbSid: PTR,
    ReferencedDomainName: PTR,
    cchReferencedDomainName: PTR,
    peUse: PTR,
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def LookupPrivilegeDisplayName(
    t: Task, lpSystemName: PTR, lpName: PTR, lpDisplayName: PTR, cchDisplayName: PTR, lpLanguageId: PTR
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def LookupPrivilegeName(t: Task, lpSystemName: PTR, lpLuid: PTR, lpName: PTR, cchName: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def LookupPrivilegeValue(t: Task, lpSystemName: PTR, lpName: PTR, lpLuid: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def OpenProcessToken(t: Task, ProcessHandle: HANDLE, DesiredAccess: DWORD, TokenHandle: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def OpenThreadToken(t: Task, ThreadHandle: HANDLE, DesiredAccess: DWORD, OpenAsSelf: DWORD, TokenHandle: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def PrivilegeCheck(t: Task, ClientToken: HANDLE, RequiredPrivileges: PTR, pfResult: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def RevertToSelf(t: Task) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def SetThreadToken(t: Task, Thread: PTR, Token: HANDLE) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def SetTokenInformation(
    t: Task, TokenHandle: HANDLE, TokenInformationClass: DWORD, TokenInformation: PTR, TokenInformationLength: DWORD
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def CreateProcessAsUser(
    t: Task,
    hToken: HANDLE,
    lpApplicationName: PTR,
    lpCommandLine: PTR,
    lpProcessAttributes: PTR,
    lpThreadAttributes: PTR,
    bInheritHandles: DWORD,
    dwCreationFlags: DWORD,
    lpEnvironment: PTR,
    lpCurrentDirectory: PTR,
    lpStartupInfo: PTR,
    lpProcessInformation: PTR,
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)
