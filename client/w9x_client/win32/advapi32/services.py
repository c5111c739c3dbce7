"""The service controller, the event log and system shutdown (SDK winsvc.h, winbase.h).

Windows 9x has none of them: the functions exist so that programs load, and fail with ERROR_CALL_NOT_IMPLEMENTED.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import BOOL, DWORD, FLAGS, HANDLE, PTR, WORD

from .dll import advapi32

if TYPE_CHECKING:
    from w9x_client.process import Task

NT_ONLY = "Windows NT only, as on every Windows 9x"


@advapi32.stub(NT_ONLY, aw=True)
def ChangeServiceConfig(
    t: Task,
    hService: HANDLE,
    dwServiceType: DWORD,
    dwStartType: DWORD,
    dwErrorControl: DWORD,
    lpBinaryPathName: PTR,
    lpLoadOrderGroup: PTR,
    lpdwTagId: PTR,
    lpDependencies: PTR,
    lpServiceStartName: PTR,
    lpPassword: PTR,
    lpDisplayName: PTR,
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def CloseServiceHandle(t: Task, hSCObject: HANDLE) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def ControlService(t: Task, hService: HANDLE, dwControl: DWORD, lpServiceStatus: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def CreateService(
    t: Task,
    hSCManager: HANDLE,
    lpServiceName: PTR,
    lpDisplayName: PTR,
    dwDesiredAccess: DWORD,
    dwServiceType: DWORD,
    dwStartType: DWORD,
    dwErrorControl: DWORD,
    lpBinaryPathName: PTR,
    lpLoadOrderGroup: PTR,
    lpdwTagId: PTR,
    lpDependencies: PTR,
    lpServiceStartName: PTR,
    lpPassword: PTR,
) -> HANDLE:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def DeleteService(t: Task, hService: HANDLE) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def EnumDependentServices(
    t: Task,
    hService: HANDLE,
    dwServiceState: DWORD,
    lpServices: PTR,
    cbBufSize: DWORD,
    pcbBytesNeeded: PTR,
    lpServicesReturned: PTR,
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def EnumServicesStatus(
    t: Task,
    hSCManager: HANDLE,
    dwServiceType: DWORD,
    dwServiceState: DWORD,
    lpServices: PTR,
    cbBufSize: DWORD,
    pcbBytesNeeded: PTR,
    lpServicesReturned: PTR,
    lpResumeHandle: PTR,
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def GetServiceDisplayName(
    t: Task, hSCManager: HANDLE, lpServiceName: PTR, lpDisplayName: PTR, lpcchBuffer: PTR
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def GetServiceKeyName(t: Task, hSCManager: HANDLE, lpDisplayName: PTR, lpServiceName: PTR, lpcchBuffer: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def LockServiceDatabase(t: Task, hSCManager: HANDLE) -> HANDLE:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def NotifyBootConfigStatus(t: Task, BootAcceptable: DWORD) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def OpenSCManager(t: Task, lpMachineName: PTR, lpDatabaseName: PTR, dwDesiredAccess: DWORD) -> HANDLE:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def OpenService(t: Task, hSCManager: HANDLE, lpServiceName: PTR, dwDesiredAccess: DWORD) -> HANDLE:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def QueryServiceConfig(t: Task, hService: HANDLE, lpServiceConfig: PTR, cbBufSize: DWORD, pcbBytesNeeded: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def QueryServiceLockStatus(
    t: Task, hSCManager: HANDLE, lpLockStatus: PTR, cbBufSize: DWORD, pcbBytesNeeded: PTR
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def QueryServiceObjectSecurity(
    t: Task,
    hService: HANDLE,
    dwSecurityInformation: FLAGS,
    lpSecurityDescriptor: PTR,
    cbBufSize: DWORD,
    pcbBytesNeeded: PTR,
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def QueryServiceStatus(t: Task, hService: HANDLE, lpServiceStatus: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def RegisterServiceCtrlHandler(t: Task, lpServiceName: PTR, lpHandlerProc: PTR) -> HANDLE:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def SetServiceObjectSecurity(
    t: Task, hService: HANDLE, dwSecurityInformation: FLAGS, lpSecurityDescriptor: PTR
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def SetServiceStatus(t: Task, hServiceStatus: HANDLE, lpServiceStatus: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def StartService(t: Task, hService: HANDLE, dwNumServiceArgs: DWORD, lpServiceArgVectors: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def StartServiceCtrlDispatcher(t: Task, lpServiceStartTable: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def UnlockServiceDatabase(t: Task, ScLock: HANDLE) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def BackupEventLog(t: Task, hEventLog: HANDLE, lpBackupFileName: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def ClearEventLog(t: Task, hEventLog: HANDLE, lpBackupFileName: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def CloseEventLog(t: Task, hEventLog: HANDLE) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def DeregisterEventSource(t: Task, hEventLog: HANDLE) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def GetNumberOfEventLogRecords(t: Task, hEventLog: HANDLE, NumberOfRecords: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def GetOldestEventLogRecord(t: Task, hEventLog: HANDLE, OldestRecord: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def NotifyChangeEventLog(t: Task, hEventLog: HANDLE, hEvent: HANDLE) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def OpenBackupEventLog(t: Task, lpUNCServerName: PTR, lpFileName: PTR) -> HANDLE:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def OpenEventLog(t: Task, lpUNCServerName: PTR, lpSourceName: PTR) -> HANDLE:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def ReadEventLog(
    t: Task,
    hEventLog: HANDLE,
    dwReadFlags: DWORD,
    dwRecordOffset: DWORD,
    lpBuffer: PTR,
    nNumberOfBytesToRead: DWORD,
    pnBytesRead: PTR,
    pnMinNumberOfBytesNeeded: PTR,
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def RegisterEventSource(t: Task, lpUNCServerName: PTR, lpSourceName: PTR) -> HANDLE:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def ReportEvent(
    t: Task,
    hEventLog: HANDLE,
    wType: WORD,
    wCategory: WORD,
    dwEventID: DWORD,
    lpUserSid: PTR,
    wNumStrings: WORD,
    dwDataSize: DWORD,
    lpStrings: PTR,
    lpRawData: PTR,
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def AbortSystemShutdown(t: Task, lpMachineName: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def InitiateSystemShutdown(
    t: Task, lpMachineName: PTR, lpMessage: PTR, dwTimeout: DWORD, bForceAppsClosed: DWORD, bRebootAfterShutdown: DWORD
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)
