"""SHFileOperation: copying, moving, deleting and renaming groups of files (SDK shellapi.h).

Runs through KERNEL32's functions, so that drives, sharing and attributes follow their rules. Nothing is asked: every
question is answered yes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import INT, IS_WIDE, PTR
from w9x_client.drives import operations
from w9x_client.win32.kernel32.file_manage import CopyFile, DeleteFile, MoveFile

from .dll import shell32

if TYPE_CHECKING:
    from w9x_client.process import Task

FO_MOVE, FO_COPY, FO_DELETE, FO_RENAME = 1, 2, 3, 4
FOF_MULTIDESTFILES, FOF_FILESONLY = 0x1, 0x80
NAMES_MAX = 0x10000
DEPTH_MAX = 64


def _names(t: Task, address: int, wide: bool) -> list[str]:
    """A list of zero-terminated names with an empty one at the end."""
    found: list[str] = []
    while address and len(found) < NAMES_MAX:
        raw = t.mem.wcstr(address) if wide else t.mem.cstr(address)
        if not raw:
            break
        found.append(raw.decode("utf-16-le", "surrogatepass") if wide else t.ansi(address))
        address += len(raw) + (2 if wide else 1)
    return found


def _expand(t: Task, name: str) -> list[str]:
    """The files a name with wildcards in its last part means; any other name is itself."""
    folder, _, pattern = name.rpartition("\\")
    if not any(c in pattern for c in "*?"):
        return [name]
    from w9x_client.win32.shlwapi.match import matches

    drives = t.process.drives
    directory = drives.resolve(folder or ".")
    prefix = f"{folder}\\" if folder else ""
    return [
        prefix + entry for entry in _entries(t, directory.guest) if matches(entry, "*" if pattern == "*.*" else pattern)
    ]


def _entries(t: Task, folder: str) -> list[str]:
    """The names in a directory."""
    listing = t.process.drives.list(t.process.drives.resolve(folder))
    return [name for name in listing.shown.values() if name not in (".", "..")]


def _is_directory(t: Task, name: str) -> bool:
    try:
        return t.process.drives.resolve(name).is_directory
    except WinError:
        return False


def _delete(t: Task, name: str, depth: int = 0) -> None:
    if not _is_directory(t, name):
        DeleteFile(t, name)
        return
    if depth < DEPTH_MAX:
        for entry in _entries(t, name):
            _delete(t, f"{name}\\{entry}", depth + 1)
    operations.remove_directory(t.process.drives, t.process.drives.resolve(name))


def _copy(t: Task, source: str, target: str, depth: int = 0) -> None:
    if not _is_directory(t, source):
        CopyFile(t, source, target, False)
        return
    if not _is_directory(t, target):
        operations.make_directory(t.process.drives, t.process.drives.resolve(target, parent=True))
    if depth < DEPTH_MAX:
        for entry in _entries(t, source):
            _copy(t, f"{source}\\{entry}", f"{target}\\{entry}", depth + 1)


def _move(t: Task, source: str, target: str) -> None:
    try:
        MoveFile(t, source, target)
    except WinError as error:
        if error.code not in (Err.NOT_SAME_DEVICE, Err.ALREADY_EXISTS):
            raise
        _copy(t, source, target)
        _delete(t, source)


def _run(t: Task, function: int, sources: list[str], targets: list[str], flags: int) -> None:
    pairs: list[tuple[str, str]] = []
    for number, source in enumerate(sources):
        files = _expand(t, source.rstrip("\\"))
        if flags & FOF_FILESONLY and files != [source]:
            files = [file for file in files if not _is_directory(t, file)]
        for file in files:
            if flags & FOF_MULTIDESTFILES and len(targets) == len(sources):
                target = targets[number]
            else:
                target = (targets[0] if targets else "").rstrip("\\")
            pairs.append((file, target))
    into = function in (FO_COPY, FO_MOVE) and not flags & FOF_MULTIDESTFILES
    into = into and (len(pairs) > 1 or (bool(targets) and _is_directory(t, targets[0])))
    if into and not _is_directory(t, pairs[0][1]):
        operations.make_directory(t.process.drives, t.process.drives.resolve(pairs[0][1], parent=True))
    for source, target in pairs:
        if into:
            target = f"{target}\\{source.rpartition(chr(92))[2]}"
        if function == FO_DELETE:
            _delete(t, source)
        elif function == FO_COPY:
            _copy(t, source, target)
        else:
            _move(t, source, target)


@shell32.partial("asks nothing, shows nothing, keeps nothing for undo", aw=True)
def SHFileOperation(t: Task, lpFileOp: PTR, W: IS_WIDE) -> INT:
    """Copy, move, delete or rename what an SHFILEOPSTRUCT says; 0, or an error code."""
    mem = t.mem
    function, sources, targets = (mem.u32(lpFileOp + 4 + 4 * n) for n in range(3))
    flags = mem.u16(lpFileOp + 16)
    # The structure is packed to bytes: fAnyOperationsAborted follows the 16-bit flags directly (SDK shellapi.h,
    # pshpack1.h).
    mem.write(lpFileOp + 18, bytes(4))
    if not FO_MOVE <= function <= FO_RENAME:
        return Err.INVALID_PARAMETER
    try:
        names = _names(t, sources, W)
        others = _names(t, targets, W)
        if not names or (function != FO_DELETE and not others):
            return Err.INVALID_PARAMETER
        _run(t, function, names, others, flags)
    except WinError as error:
        mem.put32(lpFileOp + 18, 1)
        return error.code
    return 0
