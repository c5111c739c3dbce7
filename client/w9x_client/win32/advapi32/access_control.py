"""Security identifiers, descriptors and access control lists (SDK winbase.h).

Windows 9x exports these functions so that programs load; each fails with ERROR_CALL_NOT_IMPLEMENTED (SDK: "Windows
95: no").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import BOOL, BYTE, DWORD, FLAGS, HANDLE, PTR, VOID

from .dll import advapi32

if TYPE_CHECKING:
    from w9x_client.process import Task

NT_ONLY = "Windows NT only, as on every Windows 9x"


@advapi32.stub(NT_ONLY)
def AccessCheck(
    t: Task,
    pSecurityDescriptor: PTR,
    ClientToken: HANDLE,
    DesiredAccess: DWORD,
    GenericMapping: PTR,
    PrivilegeSet: PTR,
    PrivilegeSetLength: PTR,
    GrantedAccess: PTR,
    AccessStatus: PTR,
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def AddAccessAllowedAce(t: Task, pAcl: PTR, dwAceRevision: DWORD, AccessMask: DWORD, pSid: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def AddAccessDeniedAce(t: Task, pAcl: PTR, dwAceRevision: DWORD, AccessMask: DWORD, pSid: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def AddAce(
    t: Task, pAcl: PTR, dwAceRevision: DWORD, dwStartingAceIndex: DWORD, pAceList: PTR, nAceListLength: DWORD
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def AddAuditAccessAce(
    t: Task, pAcl: PTR, dwAceRevision: DWORD, dwAccessMask: DWORD, pSid: PTR, bAuditSuccess: DWORD, bAuditFailure: DWORD
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def AllocateAndInitializeSid(
    t: Task,
    pIdentifierAuthority: PTR,
    nSubAuthorityCount: BYTE,
    nSubAuthority0: DWORD,
    nSubAuthority1: DWORD,
    nSubAuthority2: DWORD,
    nSubAuthority3: DWORD,
    nSubAuthority4: DWORD,
    nSubAuthority5: DWORD,
    nSubAuthority6: DWORD,
    nSubAuthority7: DWORD,
    pSid: PTR,
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def AreAllAccessesGranted(t: Task, GrantedAccess: DWORD, DesiredAccess: DWORD) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def AreAnyAccessesGranted(t: Task, GrantedAccess: DWORD, DesiredAccess: DWORD) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def CopySid(t: Task, nDestinationSidLength: DWORD, pDestinationSid: PTR, pSourceSid: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def CreatePrivateObjectSecurity(
    t: Task,
    ParentDescriptor: PTR,
    CreatorDescriptor: PTR,
    NewDescriptor: PTR,
    IsDirectoryObject: DWORD,
    Token: HANDLE,
    GenericMapping: PTR,
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def DeleteAce(t: Task, pAcl: PTR, dwAceIndex: DWORD) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def DestroyPrivateObjectSecurity(t: Task, ObjectDescriptor: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def EqualPrefixSid(t: Task, pSid1: PTR, pSid2: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def EqualSid(t: Task, pSid1: PTR, pSid2: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def FindFirstFreeAce(t: Task, pAcl: PTR, pAce: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def FreeSid(t: Task, pSid: PTR) -> PTR:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def GetAce(t: Task, pAcl: PTR, dwAceIndex: DWORD, pAce: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def GetAclInformation(
    t: Task, pAcl: PTR, pAclInformation: PTR, nAclInformationLength: DWORD, dwAclInformationClass: DWORD
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def GetFileSecurity(
    t: Task,
    lpFileName: PTR,
    RequestedInformation: FLAGS,
    pSecurityDescriptor: PTR,
    nLength: DWORD,
    lpnLengthNeeded: PTR,
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def GetKernelObjectSecurity(
    t: Task, Handle: HANDLE, RequestedInformation: FLAGS, pSecurityDescriptor: PTR, nLength: DWORD, lpnLengthNeeded: PTR
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def GetLengthSid(t: Task, pSid: PTR) -> DWORD:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def GetPrivateObjectSecurity(
    t: Task,
    ObjectDescriptor: PTR,
    SecurityInformation: FLAGS,
    ResultantDescriptor: PTR,
    DescriptorLength: DWORD,
    ReturnLength: PTR,
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def GetSecurityDescriptorControl(t: Task, pSecurityDescriptor: PTR, pControl: PTR, lpdwRevision: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def GetSecurityDescriptorDacl(
    t: Task, pSecurityDescriptor: PTR, lpbDaclPresent: PTR, pDacl: PTR, lpbDaclDefaulted: PTR
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def GetSecurityDescriptorGroup(t: Task, pSecurityDescriptor: PTR, pGroup: PTR, lpbGroupDefaulted: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def GetSecurityDescriptorLength(t: Task, pSecurityDescriptor: PTR) -> DWORD:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def GetSecurityDescriptorOwner(t: Task, pSecurityDescriptor: PTR, pOwner: PTR, lpbOwnerDefaulted: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def GetSecurityDescriptorSacl(
    t: Task, pSecurityDescriptor: PTR, lpbSaclPresent: PTR, pSacl: PTR, lpbSaclDefaulted: PTR
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def GetSidIdentifierAuthority(t: Task, pSid: PTR) -> PTR:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def GetSidLengthRequired(t: Task, nSubAuthorityCount: BYTE) -> DWORD:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def GetSidSubAuthority(t: Task, pSid: PTR, nSubAuthority: DWORD) -> PTR:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def GetSidSubAuthorityCount(t: Task, pSid: PTR) -> PTR:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def InitializeAcl(t: Task, pAcl: PTR, nAclLength: DWORD, dwAclRevision: DWORD) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def InitializeSecurityDescriptor(t: Task, pSecurityDescriptor: PTR, dwRevision: DWORD) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def InitializeSid(t: Task, Sid: PTR, pIdentifierAuthority: PTR, nSubAuthorityCount: BYTE) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def IsValidAcl(t: Task, pAcl: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def IsValidSecurityDescriptor(t: Task, pSecurityDescriptor: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def IsValidSid(t: Task, pSid: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def LookupAccountSid(
    t: Task,
    lpSystemName: PTR,
    Sid: PTR,
    Name: PTR,
    cchName: PTR,
    ReferencedDomainName: PTR,
    cchReferencedDomainName: PTR,
    peUse: PTR,
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def MakeAbsoluteSD(
    t: Task,
    pSelfRelativeSecurityDescriptor: PTR,
    pAbsoluteSecurityDescriptor: PTR,
    lpdwAbsoluteSecurityDescriptorSize: PTR,
    pDacl: PTR,
    lpdwDaclSize: PTR,
    pSacl: PTR,
    lpdwSaclSize: PTR,
    pOwner: PTR,
    lpdwOwnerSize: PTR,
    pPrimaryGroup: PTR,
    lpdwPrimaryGroupSize: PTR,
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def MakeSelfRelativeSD(
    t: Task, pAbsoluteSecurityDescriptor: PTR, pSelfRelativeSecurityDescriptor: PTR, lpdwBufferLength: PTR
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def MapGenericMask(t: Task, AccessMask: PTR, GenericMapping: PTR) -> VOID:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def SetAclInformation(
    t: Task, pAcl: PTR, pAclInformation: PTR, nAclInformationLength: DWORD, dwAclInformationClass: DWORD
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def SetFileSecurity(t: Task, lpFileName: PTR, SecurityInformation: FLAGS, pSecurityDescriptor: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def SetKernelObjectSecurity(t: Task, Handle: HANDLE, SecurityInformation: FLAGS, SecurityDescriptor: PTR) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def SetPrivateObjectSecurity(
    t: Task,
    SecurityInformation: FLAGS,
    ModificationDescriptor: PTR,
    ObjectsSecurityDescriptor: PTR,
    GenericMapping: PTR,
    Token: HANDLE,
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def SetSecurityDescriptorDacl(
    t: Task, pSecurityDescriptor: PTR, bDaclPresent: DWORD, pDacl: PTR, bDaclDefaulted: DWORD
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def SetSecurityDescriptorGroup(t: Task, pSecurityDescriptor: PTR, pGroup: PTR, bGroupDefaulted: DWORD) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def SetSecurityDescriptorOwner(t: Task, pSecurityDescriptor: PTR, pOwner: PTR, bOwnerDefaulted: DWORD) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY)
def SetSecurityDescriptorSacl(
    t: Task, pSecurityDescriptor: PTR, bSaclPresent: DWORD, pSacl: PTR, bSaclDefaulted: DWORD
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def AccessCheckAndAuditAlarm(
    t: Task,
    SubsystemName: PTR,
    HandleId: PTR,
    ObjectTypeName: PTR,
    ObjectName: PTR,
    SecurityDescriptor: PTR,
    DesiredAccess: DWORD,
    GenericMapping: PTR,
    ObjectCreation: DWORD,
    GrantedAccess: PTR,
    AccessStatus: PTR,
    pfGenerateOnClose: PTR,
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def ObjectCloseAuditAlarm(t: Task, SubsystemName: PTR, HandleId: PTR, GenerateOnClose: DWORD) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def ObjectOpenAuditAlarm(
    t: Task,
    SubsystemName: PTR,
    HandleId: PTR,
    ObjectTypeName: PTR,
    ObjectName: PTR,
    pSecurityDescriptor: PTR,
    ClientToken: HANDLE,
    DesiredAccess: DWORD,
    GrantedAccess: DWORD,
    Privileges: PTR,
    ObjectCreation: DWORD,
    AccessGranted: DWORD,
    GenerateOnClose: PTR,
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def ObjectPrivilegeAuditAlarm(
    t: Task,
    SubsystemName: PTR,
    HandleId: PTR,
    ClientToken: HANDLE,
    DesiredAccess: DWORD,
    Privileges: PTR,
    AccessGranted: DWORD,
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@advapi32.stub(NT_ONLY, aw=True)
def PrivilegedServiceAuditAlarm(
    t: Task, SubsystemName: PTR, ServiceName: PTR, ClientToken: HANDLE, Privileges: PTR, AccessGranted: DWORD
) -> BOOL:
    """Windows NT only: ERROR_CALL_NOT_IMPLEMENTED."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)
