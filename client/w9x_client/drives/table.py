"""Drive letters: the one door between the guest and the host's files.

`DriveTable.resolve` turns a guest path into a `HostPath` inside a drive's directory; `to_guest` goes the other way.
Operations on the result (`HostPath.open`, `.unlink`, ...) walk from the drive's own descriptor with O_NOFOLLOW, so
that a symbolic link put in place after the look-up leads nowhere. Callers must not open `HostPath.path` by name
themselves.

What a symbolic link may do: lead to a place inside its own drive. One that leads outside exists, but is ACCESS_DENIED.
"""

from __future__ import annotations

import errno
import os
import stat
import weakref
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from w9x_client.abi import Err, WinError

from . import names
from .hosterror import win_error
from .listing import Listing, ListingCache
from .names import GuestPath


class DriveType(IntEnum):
    """GetDriveType's results (SDK winbase.h)."""

    UNKNOWN = 0
    NO_ROOT_DIR = 1
    REMOVABLE = 2
    FIXED = 3
    REMOTE = 4
    CDROM = 5
    RAMDISK = 6


class DriveError(ValueError):
    """A drive cannot be set up; the message is one line for the user."""


def join(directory: str, name: str) -> str:
    """A host path below a host directory."""
    return directory + "/" + name if directory != "/" else "/" + name


class Drive:
    """One letter and the host directory behind it.

    Args:
        root: real path of an existing directory.
    """

    def __init__(self, letter: str, root: str, kind: DriveType, read_only: bool, label: str) -> None:
        self.letter, self.root, self.kind, self.read_only, self.label = letter, root, kind, read_only, label
        self._fd = -1

    @property
    def serial(self) -> int:
        """A volume serial number that stays the same for the same host directory."""
        st = os.stat(self.root)
        return (st.st_dev * 0x9E3779B1 ^ st.st_ino * 0x85EBCA6B) & 0xFFFFFFFF

    def fd(self) -> int:
        """A descriptor of the root, opened once."""
        if self._fd < 0:
            self._fd = os.open(self.root, os.O_PATH | os.O_DIRECTORY)
            weakref.finalize(self, os.close, self._fd)
        return self._fd

    def inside(self, path: str) -> bool:
        """Whether a real host path lies in this drive."""
        return path == self.root or path.startswith(self.root if self.root == "/" else self.root + "/")

    def open_directory(self, path: str) -> int:
        """An O_PATH descriptor of the real directory ``path``, reached without following a link. Raises OSError."""
        fd = os.dup(self.fd())
        for component in path[len(self.root) :].split("/"):
            if component:
                try:
                    below = os.open(component, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
                finally:
                    os.close(fd)
                fd = below
        return fd


def follow(drive: Drive, link: str) -> tuple[str, os.stat_result]:
    """(real path, stat) of what a link denotes. WinError ACCESS_DENIED outside the drive, FILE_NOT_FOUND dangling."""
    try:
        path = os.path.realpath(link, strict=True)
        if not drive.inside(path):
            raise WinError(Err.ACCESS_DENIED)
        return path, os.lstat(path)
    except OSError as error:
        # A dangling link: there is nothing to open, and nothing may be created through it.
        raise WinError(Err.FILE_NOT_FOUND if error.errno == errno.ENOENT else Err.ACCESS_DENIED) from None


@dataclass(slots=True)
class HostPath:
    """A guest path that has been looked up.

    ``directory`` and ``name`` are the entry itself (real directory, host's spelling; ``name`` is '' for a root);
    ``path`` is what it denotes, after symbolic links. ``st`` is None where nothing has that name.
    """

    drive: Drive
    directory: str
    name: str
    path: str
    guest: str
    """Absolute guest path in the spelling of the directory."""
    st: os.stat_result | None
    device: str = ""
    """A DOS device name (NUL, CON...): there is no host path then."""
    asked: str = ""
    """The last component as the guest wrote it."""

    @property
    def exists(self) -> bool:
        return self.st is not None

    @property
    def is_directory(self) -> bool:
        return self.st is not None and stat.S_ISDIR(self.st.st_mode)

    @property
    def entry(self) -> str:
        """Host path of the entry itself, a link not followed."""
        return join(self.directory, self.name) if self.name else self.directory

    def require(self) -> os.stat_result:
        """``st``; WinError FILE_NOT_FOUND where there is none."""
        if self.st is None:
            raise WinError(Err.FILE_NOT_FOUND)
        return self.st

    def writable(self) -> None:
        """WinError WRITE_PROTECT on a read-only drive."""
        if self.drive.read_only:
            raise WinError(Err.WRITE_PROTECT)

    def open(self, flags: int, mode: int = 0o666) -> int:
        """open(2) of what the path denotes. Only regular files: WinError ACCESS_DENIED for anything else."""
        head, _, name = self.path.rpartition("/")
        if not self.name:
            raise WinError(Err.ACCESS_DENIED)
        try:
            parent = self.drive.open_directory(head)
            try:
                fd = os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY, mode, dir_fd=parent)
            finally:
                os.close(parent)
        except OSError as error:
            raise win_error(error) from None
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise WinError(Err.ACCESS_DENIED)
        return fd

    def reopen_directory(self) -> int:
        """A descriptor of this directory itself, for utime and xattr. Raises WinError."""
        try:
            parent = self.drive.open_directory(self.path)
            try:
                return os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=parent)
            finally:
                os.close(parent)
        except OSError as error:
            raise win_error(error) from None


class DriveTable:
    """One process's drives and its current directories.

    Args:
        drive_c: host directory of C:, which must exist; None for a table without C: (tests).
    """

    def __init__(self, drive_c: str | os.PathLike[str] | None = None) -> None:
        self.drives: dict[str, Drive] = {}
        self.listings = ListingCache()
        self._current: dict[str, tuple[str, ...]] = {}
        self.letter = "C"
        """The current drive."""
        if drive_c is not None:
            self.add("C", drive_c, label="")

    # --- set-up ---------------------------------------------------------------------------
    def add(
        self,
        letter: str,
        host_dir: str | os.PathLike[str],
        *,
        read_only: bool = False,
        kind: DriveType = DriveType.FIXED,
        label: str = "",
    ) -> Drive:
        """Put a host directory behind a letter, replacing what was there. Raises DriveError."""
        letter = letter.rstrip(":").upper()
        if len(letter) != 1 or not "A" <= letter <= "Z":
            raise DriveError(f"'{letter}' is no drive letter; use A to Z")
        root = os.path.realpath(os.fspath(host_dir))
        if not os.path.isdir(root):
            raise DriveError(f"drive {letter}: {os.fspath(host_dir)} is not a directory")
        drive = self.drives[letter] = Drive(letter, root, kind, read_only, label)
        return drive

    def add_option(self, text: str) -> Drive:
        """Add a drive as ``--drive`` says it: ``X:=PATH[:ro]``. Raises DriveError."""
        letter, sign, path = text.partition("=")
        if not sign or not path:
            raise DriveError(f"'{text}' is no drive; write X:=PATH or X:=PATH:ro")
        read_only = path.endswith(":ro")
        return self.add(letter, os.path.expanduser(path.removesuffix(":ro")), read_only=read_only)

    def expose(self, host_dir: str | os.PathLike[str], *, read_only: bool = False) -> str:
        """Make a host directory reachable and return its guest path.

        A directory inside an existing drive keeps its place there; any other gets the first free letter from D: up,
        and nothing above it becomes visible. Raises DriveError for the host's root and when no letter is free.
        """
        root = os.path.realpath(os.fspath(host_dir))
        known = self.to_guest(root)
        if known is not None:
            return known
        if root == "/":
            raise DriveError("the host's root directory cannot become a drive")
        for code in range(ord("D"), ord("Z") + 1):
            if chr(code) not in self.drives:
                self.add(chr(code), root, read_only=read_only)
                return f"{chr(code)}:\\"
        raise DriveError(f"no drive letter is left for {root}")

    def expose_all(self, host_dirs: list[str]) -> list[str]:
        """`expose` for several directories, outer ones first, so that an inner one needs no letter of its own."""
        real = [os.path.realpath(d) for d in host_dirs]
        for path in sorted(set(real), key=real.index):
            outer = [o for o in real if path.startswith(o.rstrip("/") + "/")]
            if not outer:
                self.expose(path)
        return [self.expose(path) for path in real]

    # --- current directories ----------------------------------------------------------------
    def current_parts(self, letter: str) -> tuple[str, ...]:
        """The current directory of a drive, as components."""
        return self._current.get(letter, ())

    @property
    def current(self) -> str:
        """The process's current directory."""
        return str(GuestPath(self.letter, self.current_parts(self.letter)))

    def set_current(self, path: str) -> None:
        """SetCurrentDirectory. Raises WinError."""
        found = self.resolve(path)
        if found.device or not found.exists:
            raise WinError(Err.PATH_NOT_FOUND if found.device else Err.FILE_NOT_FOUND)
        if not found.is_directory:
            raise WinError(Err.DIRECTORY)
        self.letter = found.drive.letter
        self._current[self.letter] = tuple(p for p in found.guest[3:].split("\\") if p)

    def is_current(self, guest: str) -> bool:
        """Whether some drive's current directory is ``guest`` or below it."""
        prefix = names.fold(guest.rstrip("\\"))
        for letter, parts in self._current.items():
            here = names.fold(str(GuestPath(letter, parts)))
            if here == prefix or here.startswith(prefix + "\\"):
                return True
        return False

    def full_path(self, path: str) -> str:
        """GetFullPathName: by text alone."""
        return names.full_path(path, self.letter, self.current_parts)

    # --- look-up -----------------------------------------------------------------------------
    def parse(self, path: str, cwd: str | None = None, *, wildcards: bool = False) -> GuestPath:
        """`names.parse` with this process's current directories, or ``cwd`` (an absolute guest path) in their place."""
        if cwd is None:
            return names.parse(path, self.letter, self.current_parts, wildcards=wildcards)
        base = names.parse(cwd, self.letter, self.current_parts)
        return names.parse(
            path,
            base.letter,
            lambda letter: base.parts if letter == base.letter else self.current_parts(letter),
            wildcards=wildcards,
        )

    def drive(self, letter: str) -> Drive:
        """The drive of a letter; WinError PATH_NOT_FOUND, as the file functions report a missing drive."""
        found = self.drives.get(letter)
        if found is None:
            raise WinError(Err.PATH_NOT_FOUND)
        return found

    def resolve(self, path: str, cwd: str | None = None, *, parent: bool = False) -> HostPath:
        """Look a guest path up.

        Args:
            parent: True: only the directory must exist, the last component may be new (``st`` is None then).
                False: a missing last component is FILE_NOT_FOUND.

        Raises WinError: PATH_NOT_FOUND (a directory on the way is missing, or is a file), FILE_NOT_FOUND,
        ACCESS_DENIED (a link that leaves the drive), and what `names.parse` raises.
        """
        return self.lookup(self.parse(path, cwd), parent=parent)

    def lookup(self, guest: GuestPath, *, parent: bool = False) -> HostPath:
        """`resolve` for a parsed path."""
        if guest.vxd:
            raise WinError(Err.FILE_NOT_FOUND)
        drive = self.drive(guest.letter)
        here = drive.root
        shown: list[str] = []
        last = len(guest.parts) - 1
        for index, component in enumerate(guest.parts):
            entry, st = self._entry(here, component)
            if entry is None or st is None:
                if index < last or guest.device or guest.directory:
                    raise WinError(Err.PATH_NOT_FOUND)
                if not parent:
                    raise WinError(Err.FILE_NOT_FOUND)
                shown.append(component)
                return HostPath(
                    drive, here, component, join(here, component), self._text(drive, shown), None, "", component
                )
            if entry == component:
                shown.append(component)
            else:
                shown.append(self.listings.get(here).guest(entry))
            path = join(here, entry)
            if stat.S_ISLNK(st.st_mode):
                path, st = follow(drive, path)
            if index == last and not guest.device:
                if guest.directory and not stat.S_ISDIR(st.st_mode):
                    raise WinError(Err.PATH_NOT_FOUND)
                return HostPath(drive, here, entry, path, self._text(drive, shown), st, "", component)
            if not stat.S_ISDIR(st.st_mode):
                raise WinError(Err.PATH_NOT_FOUND)
            here = path
        if guest.device:
            return HostPath(drive, here, "", "", self._text(drive, shown), None, guest.device)
        try:
            return HostPath(drive, here, "", here, self._text(drive, shown), os.stat(here))
        except OSError as error:
            raise win_error(error) from None

    @staticmethod
    def _text(drive: Drive, shown: list[str]) -> str:
        return f"{drive.letter}:\\" + "\\".join(shown)

    def _entry(self, directory: str, name: str) -> tuple[str | None, os.stat_result | None]:
        """The host's spelling of ``name`` in a directory, and its lstat; (None, None) where it is missing."""
        base = directory + "/" if directory != "/" else "/"
        try:
            return name, os.lstat(base + name)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
                raise win_error(error) from None
        try:
            host = self.listings.get(directory).find(name)
            if host is None:
                return None, None
            return host, os.lstat(base + host)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                return None, None
            raise win_error(error) from None

    def list(self, directory: HostPath) -> Listing:
        """A fresh listing of a directory that was looked up. Raises WinError."""
        try:
            return self.listings.get(directory.path, fresh=True)
        except OSError as error:
            raise win_error(error) from None

    def short_path(self, path: str) -> str:
        """The path in 8.3 aliases; every component must exist. Raises WinError."""
        return self._respell(path, short=True)

    def long_path(self, path: str) -> str:
        """The path in long names; every component must exist. Raises WinError."""
        return self._respell(path, short=False)

    def _respell(self, path: str, *, short: bool) -> str:
        guest = self.parse(path)
        out: list[str] = []
        for index in range(1, len(guest.parts) + 1):
            found = self.lookup(GuestPath(guest.letter, guest.parts[:index]))
            listing = self.listings.get(found.directory)
            out.append(listing.alias(found.name) if short else listing.guest(found.name))
        return f"{guest.letter}:\\" + "\\".join(out)

    def to_guest(self, host: str | os.PathLike[str]) -> str | None:
        """The guest path of a host path, or None where no drive reaches it. The innermost drive wins."""
        # The last component may be a link: the name counts, not what it denotes.
        text = os.path.abspath(os.fspath(host))
        head, tail = os.path.split(text)
        path = os.path.join(os.path.realpath(head), tail) if tail else "/"
        if os.path.isdir(path):
            path = os.path.realpath(path)
        best: Drive | None = None
        for drive in self.drives.values():
            if drive.inside(path) and (best is None or len(drive.root) > len(best.root)):
                best = drive
        if best is None:
            return None
        here, shown = best.root, []
        for component in path[len(best.root) :].split("/"):
            if not component:
                continue
            guest = names.guest_name(component)
            if guest != component:
                try:
                    guest = self.listings.get(here).guest(component)
                except OSError:
                    pass
            shown.append(guest)
            here = join(here, component)
        return self._text(best, shown)


def open_table(data_dir: Path) -> DriveTable:
    """The user's drives: C: at ``data_dir``/drive_c, with the directories of a fresh Windows made on first use."""
    root = data_dir / "drive_c"
    for name in (
        "WINDOWS/SYSTEM", "WINDOWS/TEMP", "WINDOWS/COMMAND", "WINDOWS/FONTS", "WINDOWS/INF",
        "Program Files/Common Files", "My Documents",
    ):  # fmt: skip
        path = root / name
        if not path.is_dir():
            path.mkdir(parents=True, exist_ok=True)
    return DriveTable(root)
