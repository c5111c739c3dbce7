"""Drives and volumes (SDK winbase.h).

GetDiskFreeSpace on Windows 9x never shows more than 2 GB, so that 16-bit arithmetic of programs of its time stays
right; the Ex function tells the truth.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import BOOL, DWORD, LPCTSTR, LPDWORD, LPTSTR, PTR, UINT
from w9x_client.drives import DriveType, win_error

from .dll import kernel32
from .file_names import fill

if TYPE_CHECKING:
    from w9x_client.drives import Drive
    from w9x_client.process import Task

SECTOR = 512
SECTORS_PER_CLUSTER = 64
MAX_CLUSTERS = 65_526
"""FAT16's limit; with 32 KB clusters 2,147,155,968 bytes, what Windows 9x shows of larger volumes."""
FS_CASE_IS_PRESERVED, FS_UNICODE_STORED_ON_DISK = 2, 4
_LABEL = "user.w9x.label"


def _drive(t: Task, root: str | None) -> Drive:
    """The drive of a root path ("C:\\", "C:"), the current one for NULL; WinError INVALID_DRIVE."""
    letter = t.process.drives.letter
    if root is not None:
        text = root.replace("/", "\\")
        if text[1:] not in (":", ":\\") and text != "\\":
            raise WinError(Err.INVALID_NAME if text[1:3] == ":\\" else Err.INVALID_DRIVE)
        letter = text[0].upper() if text != "\\" else letter
    drive = t.process.drives.drives.get(letter)
    if drive is None:
        raise WinError(Err.INVALID_DRIVE)
    return drive


@kernel32.api()
def GetLogicalDrives(t: Task) -> DWORD:
    """Bit 0 for A:, and so on."""
    return sum(1 << (ord(letter) - ord("A")) for letter in t.process.drives.drives)


@kernel32.api(aw=True)
def GetLogicalDriveStrings(t: Task, nBufferLength: DWORD, lpBuffer: LPTSTR) -> DWORD:
    """ "A:\\", "C:\\"..., each terminated, and the list once more."""
    text = "".join(f"{letter}:\\\0" for letter in sorted(t.process.drives.drives))
    return fill(lpBuffer, text, nBufferLength)


@kernel32.api(aw=True)
def GetDriveType(t: Task, lpRootPathName: LPCTSTR) -> UINT:
    """DRIVE_FIXED...; DRIVE_NO_ROOT_DIR for a path that is no root, or has no drive (SDK)."""
    try:
        return int(_drive(t, lpRootPathName).kind)
    except WinError:
        return int(DriveType.NO_ROOT_DIR)


def _space(drive: Drive) -> os.statvfs_result:
    try:
        return os.statvfs(drive.root)
    except OSError as error:
        raise win_error(error) from None


@kernel32.api(aw=True)
def GetDiskFreeSpace(
    t: Task,
    lpRootPathName: LPCTSTR,
    lpSectorsPerCluster: LPDWORD,
    lpBytesPerSector: LPDWORD,
    lpNumberOfFreeClusters: LPDWORD,
    lpTotalNumberOfClusters: LPDWORD,
) -> BOOL:
    """Space in clusters of 32 KB, at most 2 GB."""
    vfs = _space(_drive(t, lpRootPathName))
    cluster = SECTOR * SECTORS_PER_CLUSTER
    lpSectorsPerCluster.set(SECTORS_PER_CLUSTER)
    lpBytesPerSector.set(SECTOR)
    lpNumberOfFreeClusters.set(min(vfs.f_bavail * vfs.f_frsize // cluster, MAX_CLUSTERS))
    lpTotalNumberOfClusters.set(min(vfs.f_blocks * vfs.f_frsize // cluster, MAX_CLUSTERS))
    return True


@kernel32.api(aw=True, since="95osr2")
def GetDiskFreeSpaceEx(
    t: Task,
    lpDirectoryName: LPCTSTR,
    lpFreeBytesAvailable: PTR,
    lpTotalNumberOfBytes: PTR,
    lpTotalNumberOfFreeBytes: PTR,
) -> BOOL:
    """Space in bytes, of the volume of any directory."""
    if lpDirectoryName is None:
        drive = _drive(t, None)
    else:
        drive = t.process.drives.resolve(lpDirectoryName).drive
    vfs = _space(drive)
    for address, blocks in (
        (lpFreeBytesAvailable, vfs.f_bavail),
        (lpTotalNumberOfBytes, vfs.f_blocks),
        (lpTotalNumberOfFreeBytes, vfs.f_bfree),
    ):
        if address:
            t.mem.put64(address, blocks * vfs.f_frsize)
    return True


@kernel32.api(aw=True)
def GetVolumeInformation(
    t: Task,
    lpRootPathName: LPCTSTR,
    lpVolumeNameBuffer: LPTSTR,
    nVolumeNameSize: DWORD,
    lpVolumeSerialNumber: LPDWORD,
    lpMaximumComponentLength: LPDWORD,
    lpFileSystemFlags: LPDWORD,
    lpFileSystemNameBuffer: LPTSTR,
    nFileSystemNameSize: DWORD,
) -> BOOL:
    """Label, serial number, and what a FAT32 volume can do."""
    drive = _drive(t, lpRootPathName)
    label = _label(drive)
    system = "CDFS" if drive.kind == DriveType.CDROM else "FAT32"
    for buffer, size, text in (
        (lpVolumeNameBuffer, nVolumeNameSize, label),
        (lpFileSystemNameBuffer, nFileSystemNameSize, system),
    ):
        if buffer and size <= buffer.length(text):
            raise WinError(Err.MORE_DATA)
        buffer.put(text, size)
    try:
        lpVolumeSerialNumber.set(drive.serial)
    except OSError as error:
        raise win_error(error) from None
    lpMaximumComponentLength.set(255)
    lpFileSystemFlags.set(FS_CASE_IS_PRESERVED | FS_UNICODE_STORED_ON_DISK)
    return True


def _label(drive: Drive) -> str:
    if drive.label:
        return drive.label
    try:
        return os.getxattr(drive.root, _LABEL).decode("utf-8", "replace")[:11]
    except OSError:
        return ""


@kernel32.partial("kept only where the host has user extended attributes", aw=True)
def SetVolumeLabel(t: Task, lpRootPathName: LPCTSTR, lpVolumeName: LPCTSTR) -> BOOL:
    """Set or (NULL) delete a volume's label of at most 11 characters."""
    drive = _drive(t, lpRootPathName)
    if drive.read_only:
        raise WinError(Err.WRITE_PROTECT)
    label = lpVolumeName or ""
    if len(label) > 11 or any(c in '*?/\\|.,;:+=[]()&^<>"' or c < " " for c in label):
        raise WinError(Err.INVALID_NAME)
    try:
        os.setxattr(drive.root, _LABEL, label.upper().encode())
    except OSError:
        raise WinError(Err.ACCESS_DENIED) from None
    drive.label = ""
    return True
