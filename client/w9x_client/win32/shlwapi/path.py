"""The Path functions (SDK shlwapi.h). What they do to the text is in `path_text`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import BOOL, INT, IS_WIDE, LPCTSTR, PTR, UINT, VOID
from w9x_client.drives import HostPath

from . import path_text as paths
from .dll import shlwapi
from .match import matches
from .text import MAX_PATH, at, encode, read, write

if TYPE_CHECKING:
    from w9x_client.process import Task


@shlwapi.api(aw=True)
def PathAddBackslash(t: Task, pszPath: PTR, W: IS_WIDE) -> PTR:
    """Append a backslash where there is none; the address of the terminator, NULL when too long."""
    path = read(t, pszPath, W)
    added = paths.add_backslash(path)
    if len(added) >= MAX_PATH:
        return 0
    if added != path:
        write(t, pszPath, added, W)
    return at(pszPath, len(added), W)


@shlwapi.api(aw=True)
def PathRemoveBackslash(t: Task, pszPath: PTR, W: IS_WIDE) -> PTR:
    """Remove a trailing backslash except of a root; the address of the last character."""
    path = read(t, pszPath, W)
    if path.endswith("\\") and not paths.is_root(path):
        write(t, pszPath, path[:-1], W)
        return at(pszPath, len(path) - 1, W)
    return at(pszPath, max(len(path) - 1, 0), W)


@shlwapi.api(aw=True)
def PathAddExtension(t: Task, pszPath: PTR, pszExtension: PTR, W: IS_WIDE) -> BOOL:
    """Append an extension (".exe" for NULL) where there is none."""
    path = read(t, pszPath, W)
    if paths.extension(path) < len(path):
        return False
    added = path + (read(t, pszExtension, W) if pszExtension else ".exe")
    if len(added) >= MAX_PATH:
        return False
    write(t, pszPath, added, W)
    return True


@shlwapi.api(aw=True)
def PathRemoveExtension(t: Task, pszPath: PTR, W: IS_WIDE) -> VOID:
    """Cut the extension off."""
    if pszPath:
        path = read(t, pszPath, W)
        write(t, pszPath, path[: paths.extension(path)], W)


@shlwapi.api(aw=True)
def PathRenameExtension(t: Task, pszPath: PTR, pszExt: PTR, W: IS_WIDE) -> BOOL:
    """Replace the extension, or append one."""
    path = read(t, pszPath, W)
    renamed = path[: paths.extension(path)] + read(t, pszExt, W)
    if len(renamed) >= MAX_PATH:
        return False
    write(t, pszPath, renamed, W)
    return True


@shlwapi.api(aw=True)
def PathFindExtension(t: Task, pszPath: PTR, W: IS_WIDE) -> PTR:
    """The address of the extension's dot, or of the terminator."""
    return at(pszPath, paths.extension(read(t, pszPath, W)), W) if pszPath else 0


@shlwapi.api(aw=True)
def PathFindFileName(t: Task, pszPath: PTR, W: IS_WIDE) -> PTR:
    """The address of the last component."""
    return at(pszPath, paths.file_name(read(t, pszPath, W)), W) if pszPath else 0


@shlwapi.api(aw=True)
def PathFindNextComponent(t: Task, pszPath: PTR, W: IS_WIDE) -> PTR:
    """The address behind the next backslash, or of the terminator; NULL at the end."""
    path = read(t, pszPath, W) if pszPath else ""
    if not path:
        return 0
    slash = path.find("\\")
    if slash < 0:
        return at(pszPath, len(path), W)
    return at(pszPath, slash + (2 if path[slash + 1 : slash + 2] == "\\" else 1), W)


@shlwapi.api(aw=True)
def PathSkipRoot(t: Task, pszPath: PTR, W: IS_WIDE) -> PTR:
    """The address behind the drive or share; NULL where there is neither."""
    index = paths.skip_root(read(t, pszPath, W)) if pszPath else None
    return 0 if index is None else at(pszPath, index, W)


@shlwapi.api(aw=True)
def PathGetArgs(t: Task, pszPath: PTR, W: IS_WIDE) -> PTR:
    """The address of a command line's first argument, or of the terminator."""
    return at(pszPath, paths.arguments(read(t, pszPath, W)), W) if pszPath else 0


def _edit(t: Task, address: int, new: str, old: str, wide: bool) -> bool:
    """Store a changed path; False where it is the same."""
    if new == old:
        return False
    write(t, address, new, wide)
    return True


@shlwapi.api(aw=True)
def PathRemoveFileSpec(t: Task, pszPath: PTR, W: IS_WIDE) -> BOOL:
    """Cut the last component off; whether there was one."""
    if not pszPath:
        return False
    path = read(t, pszPath, W)
    return _edit(t, pszPath, paths.remove_file_spec(path), path, W)


@shlwapi.api(aw=True)
def PathStripPath(t: Task, pszPath: PTR, W: IS_WIDE) -> VOID:
    """Keep the last component only."""
    if pszPath:
        path = read(t, pszPath, W)
        _edit(t, pszPath, path[paths.file_name(path) :], path, W)


@shlwapi.api(aw=True)
def PathStripToRoot(t: Task, pszPath: PTR, W: IS_WIDE) -> BOOL:
    """Keep the root only; whether there is one."""
    if not pszPath:
        return False
    path = read(t, pszPath, W)
    while path and not paths.is_root(path):
        shorter = paths.remove_file_spec(path)
        if shorter == path:
            write(t, pszPath, path, W)
            return False
        path = shorter
    write(t, pszPath, path, W)
    return bool(path)


@shlwapi.api(aw=True)
def PathRemoveBlanks(t: Task, pszPath: PTR, W: IS_WIDE) -> VOID:
    """Cut blanks off both ends."""
    if pszPath:
        path = read(t, pszPath, W)
        _edit(t, pszPath, paths.remove_blanks(path), path, W)


@shlwapi.api(aw=True)
def PathRemoveArgs(t: Task, pszPath: PTR, W: IS_WIDE) -> VOID:
    """Keep a command line's program only."""
    if pszPath:
        path = read(t, pszPath, W)
        _edit(t, pszPath, path[: paths.arguments(path)].rstrip(" "), path, W)


@shlwapi.api(aw=True)
def PathQuoteSpaces(t: Task, lpsz: PTR, W: IS_WIDE) -> VOID:
    """Put a path with blanks in quotation marks."""
    path = read(t, lpsz, W) if lpsz else ""
    if " " in path and len(path) + 2 < MAX_PATH:
        write(t, lpsz, f'"{path}"', W)


@shlwapi.api(aw=True)
def PathUnquoteSpaces(t: Task, lpsz: PTR, W: IS_WIDE) -> VOID:
    """Take the quotation marks off."""
    path = read(t, lpsz, W) if lpsz else ""
    if len(path) >= 2 and path[0] == '"' == path[-1]:
        write(t, lpsz, path[1:-1], W)


@shlwapi.api(aw=True)
def PathBuildRoot(t: Task, pszRoot: PTR, iDrive: INT, W: IS_WIDE) -> PTR:
    """The root of drive number iDrive (0 = A)."""
    if pszRoot and 0 <= iDrive < 26:
        write(t, pszRoot, f"{chr(65 + iDrive)}:\\", W)
    return pszRoot


@shlwapi.api(aw=True)
def PathAppend(t: Task, pszPath: PTR, pszMore: PTR, W: IS_WIDE) -> BOOL:
    """Append a path; leading backslashes of what is appended do not make it absolute."""
    if not pszPath or not pszMore:
        return False
    more = read(t, pszMore, W)
    more = more if paths.is_unc(more) else more.lstrip("\\")
    combined = paths.combine(read(t, pszPath, W), more)
    if combined is None or len(combined) >= MAX_PATH:
        return False
    write(t, pszPath, combined, W)
    return True


@shlwapi.api(aw=True)
def PathCombine(t: Task, pszDest: PTR, pszDir: PTR, pszFile: PTR, W: IS_WIDE) -> PTR:
    """A file seen from a directory; NULL when it is too long."""
    if not pszDest:
        return 0
    combined = paths.combine(read(t, pszDir, W) if pszDir else None, read(t, pszFile, W) if pszFile else None)
    if combined is None or len(combined) >= MAX_PATH:
        t.mem.write(pszDest, encode("\0", W))
        return 0
    write(t, pszDest, combined, W)
    return pszDest


@shlwapi.api(aw=True)
def PathCanonicalize(t: Task, pszBuf: PTR, pszPath: PTR, W: IS_WIDE) -> BOOL:
    """Resolve "." and ".."."""
    if not pszBuf or not pszPath:
        raise WinError(Err.INVALID_PARAMETER)
    path = paths.canonicalize(read(t, pszPath, W))
    if len(path) >= MAX_PATH:
        return False
    write(t, pszBuf, path, W)
    return True


@shlwapi.api(aw=True)
def PathCommonPrefix(t: Task, pszFile1: PTR, pszFile2: PTR, achPath: PTR, W: IS_WIDE) -> INT:
    """The directories two paths share, and their length."""
    if not pszFile1 or not pszFile2:
        return 0
    prefix = paths.common_prefix(read(t, pszFile1, W), read(t, pszFile2, W))
    if achPath:
        write(t, achPath, prefix[: MAX_PATH - 1], W)
    return len(prefix)


@shlwapi.api(aw=True)
def PathIsPrefix(t: Task, pszPrefix: PTR, pszPath: PTR, W: IS_WIDE) -> BOOL:
    """Whether a path lies below another."""
    if not pszPrefix or not pszPath:
        return False
    prefix, path = read(t, pszPrefix, W), read(t, pszPath, W)
    return len(paths.common_prefix(path, prefix)) == len(prefix)


@shlwapi.api(aw=True)
def PathIsRelative(t: Task, pszPath: PTR, W: IS_WIDE) -> BOOL:
    """Whether a path depends on the current directory."""
    return not pszPath or paths.is_relative(read(t, pszPath, W))


@shlwapi.api(aw=True)
def PathIsRoot(t: Task, pszPath: PTR, W: IS_WIDE) -> BOOL:
    """Whether a path is a root."""
    return bool(pszPath) and paths.is_root(read(t, pszPath, W))


@shlwapi.api(aw=True)
def PathIsUNC(t: Task, pszPath: PTR, W: IS_WIDE) -> BOOL:
    """Whether a path names a server."""
    return bool(pszPath) and paths.is_unc(read(t, pszPath, W))


@shlwapi.api(aw=True)
def PathIsFileSpec(t: Task, pszPath: PTR, W: IS_WIDE) -> BOOL:
    """Whether a path is a bare name."""
    return bool(pszPath) and not any(c in "\\:" for c in read(t, pszPath, W))


@shlwapi.api(aw=True)
def PathGetDriveNumber(t: Task, pszPath: PTR, W: IS_WIDE) -> INT:
    """0 for A: to 25 for Z:, -1 where there is no drive."""
    path = read(t, pszPath, W).upper() if pszPath else ""
    return ord(path[0]) - 65 if path[1:2] == ":" and "A" <= path[0] <= "Z" else -1


@shlwapi.api(aw=True)
def PathMatchSpec(t: Task, pszFile: LPCTSTR, pszSpec: LPCTSTR) -> BOOL:
    """Whether a name fits one of the patterns, separated by semicolons."""
    if pszFile is None or pszSpec is None:
        return False
    specs = [spec.strip(" ") for spec in pszSpec.split(";")]
    return any(spec == "*.*" or matches(pszFile, spec) for spec in specs)


# --- files ----------------------------------------------------------------------------


def _look(t: Task, name: str | None) -> HostPath | None:
    """What a path denotes; None, with last error set, where there is nothing."""
    if not name:
        return None
    try:
        found = t.process.drives.resolve(name)
    except WinError as error:
        t.last_error = error.code
        return None
    return found if found.exists else None


@shlwapi.api(aw=True)
def PathFileExists(t: Task, pszPath: LPCTSTR) -> BOOL:
    """Whether there is a file or directory."""
    return _look(t, pszPath) is not None


@shlwapi.api(aw=True)
def PathIsDirectory(t: Task, pszPath: LPCTSTR) -> UINT:
    """FILE_ATTRIBUTE_DIRECTORY (10h) for a directory, else 0."""
    found = _look(t, pszPath)
    return 0x10 if found is not None and found.is_directory else 0
