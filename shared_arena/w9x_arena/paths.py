"""Where w9x keeps things on the host.

Owns the names and the safety check of the runtime directory (socket, arena file, locks). Everything below is
derived from four environment variables: ``XDG_RUNTIME_DIR``, ``XDG_DATA_HOME``, ``XDG_CONFIG_HOME`` and
``XDG_CACHE_HOME`` (XDG Base Directory Specification 0.8). ``W9X_RUNTIME_DIR`` replaces the runtime directory;
``W9X_HOME`` replaces the other three by its folders ``data``, ``config`` and ``cache``.

Callers must not build these paths themselves: only :func:`runtime_dir` refuses a directory that another user
could have prepared (a predictable name in a world-writable temporary folder).
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

SOCKET_PATH_MAX = 107
"""Bytes of a Unix socket's path (unix(7): sun_path holds 108 with the final NUL)."""


class PathError(RuntimeError):
    """A directory cannot be used; the message is one line for the user."""


def _from_environment(name: str) -> Path | None:
    """An absolute path from the environment. XDG: a relative value is to be ignored."""
    value = os.environ.get(name, "")
    return Path(value) if os.path.isabs(value) else None


def runtime_dir() -> Path:
    """The private directory of this user's daemon, created (0700) when missing.

    Raises :class:`PathError` when it is a symbolic link, not ours, or open to others.
    """
    path = _from_environment("W9X_RUNTIME_DIR")
    if path is None:
        base = _from_environment("XDG_RUNTIME_DIR")
        path = base / "w9x" if base is not None else Path(tempfile.gettempdir()) / f"w9x-{os.getuid()}"
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass
    except OSError as error:
        raise PathError(f"cannot create the runtime directory {path}: {error.strerror}") from None
    info = os.lstat(path)
    if stat.S_ISLNK(info.st_mode):
        raise PathError(f"the runtime directory {path} is a symbolic link; remove it")
    if not stat.S_ISDIR(info.st_mode):
        raise PathError(f"the runtime directory {path} is not a directory; remove it")
    if info.st_uid != os.getuid():
        raise PathError(f"the runtime directory {path} belongs to uid {info.st_uid}, not to you; remove it")
    if stat.S_IMODE(info.st_mode) & 0o077:
        raise PathError(f"the runtime directory {path} is open to other users; run: chmod 700 {path}")
    return path


def socket_path() -> Path:
    """The daemon's Unix socket. Raises :class:`PathError` when the path is too long for one."""
    path = runtime_dir() / "w9xd.socket"
    if len(os.fsencode(path)) > SOCKET_PATH_MAX:
        raise PathError(f"the socket path {path} is longer than {SOCKET_PATH_MAX} bytes; set W9X_RUNTIME_DIR")
    return path


def arena_path() -> Path:
    """The arena file (``w9x_arena.segment``)."""
    return runtime_dir() / "arena"


def daemon_lock_path() -> Path:
    """The file the daemon holds an flock(2) on while it lives; its text is the daemon's Linux pid."""
    return runtime_dir() / "w9xd.lock"


def start_lock_path() -> Path:
    """The file a client holds an flock(2) on while it starts the daemon."""
    return runtime_dir() / "start.lock"


def log_path() -> Path:
    """Where a daemon started by a client writes its messages."""
    return runtime_dir() / "w9xd.log"


def _user_dir(home_part: str, xdg: str, default: str) -> Path:
    home = _from_environment("W9X_HOME")
    if home is not None:
        path = home / home_part
    else:
        path = (_from_environment(xdg) or Path.home() / default) / "w9x"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise PathError(f"cannot create {path}: {error.strerror}") from None
    return path


def data_dir() -> Path:
    """Persistent data: registry, drive C. Created when missing."""
    return _user_dir("data", "XDG_DATA_HOME", ".local/share")


def config_dir() -> Path:
    """Settings the user may edit. Created when missing."""
    return _user_dir("config", "XDG_CONFIG_HOME", ".config")


def cache_dir() -> Path:
    """Data that can be rebuilt. Created when missing."""
    return _user_dir("cache", "XDG_CACHE_HOME", ".cache")
