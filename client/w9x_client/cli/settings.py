"""The user's settings: ``config.toml`` in the configuration directory.

::

    [defaults]
    windows = "98se"
    timeout = 60
    drives = { D = "/srv/cdrom:ro" }
    env = { TZ = "UTC" }

    [program."GAME.EXE"]
    arena = "private"

A program's own settings go before the defaults; the command line goes before both. Drives and variables are merged
one by one, everything else is replaced. Program names are file names, compared without regard to case. Keys and
values are checked, so that a typing mistake is an error and not a setting without effect.

Interface: `load`, `Settings.for_program`, `check`, `KEYS`. Writing is `config`'s business.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import USAGE, fail

ENGINES = ("auto", "native", "unicorn")
ARENAS = ("shared", "private")
KEYS = {
    "engine": f"one of {', '.join(ENGINES)}",
    "arena": f"one of {', '.join(ARENAS)}",
    "windows": "a Windows version: 95, 95osr2, 98, 98se, me",
    "timeout": "seconds, more than 0",
    "drives": 'a table, letter = "PATH" or "PATH:ro"',
    "env": 'a table, NAME = "VALUE"; an empty value removes the variable',
}
"""Setting -> what it takes."""
TABLES = ("drives", "env")


@dataclass(slots=True)
class RunSettings:
    """What the settings say about one run; None where they say nothing."""

    engine: str | None = None
    arena: str | None = None
    windows: str | None = None
    timeout: float | None = None
    drives: dict[str, str] = field(default_factory=dict)
    """Letter -> path, with ``:ro`` for a read-only drive."""
    env: dict[str, str] = field(default_factory=dict)
    """Name as written -> value."""


def path() -> Path:
    """The settings file; it need not exist."""
    from w9x_arena import paths

    return paths.config_dir() / "config.toml"


def program_key(program: str) -> str:
    """The name under which a program's settings are kept: its file name in upper case, with an extension."""
    name = program.replace("\\", "/").rpartition("/")[2].rpartition(":")[2].upper()
    return name if "." in name else name + ".EXE"


def check(key: str, value: Any) -> str | None:
    """Why ``value`` is nothing for ``key`` (``env.NAME`` and ``drives.X`` for single entries); None when it is
    right.
    """
    head, _, name = key.partition(".")
    if head not in KEYS:
        return f"unknown setting {head!r}; the settings are {', '.join(KEYS)}"
    if head in TABLES:
        if not name:
            if not isinstance(value, Mapping):
                return f"{head} is {KEYS[head]}"
            return next(filter(None, (check(f"{head}.{entry}", item) for entry, item in value.items())), None)
        return _check_entry(head, name, value)
    if name:
        return f"{head} is no table; it takes {KEYS[head]}"
    return _check_plain(head, value)


def _check_plain(key: str, value: Any) -> str | None:
    from w9x_client.process.version import PROFILES

    if key == "timeout":
        good = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1e9
    else:
        choices = {"engine": ENGINES, "arena": ARENAS, "windows": tuple(PROFILES)}[key]
        good = isinstance(value, str) and value.lower() in choices
    return None if good else f"{key} = {value!r}: it takes {KEYS[key]}"


def _check_entry(table: str, name: str, value: Any) -> str | None:
    if not isinstance(value, str):
        return f"{table}.{name} = {value!r}: it takes text"
    if table == "drives":
        if len(name) != 1 or not ("A" <= name.upper() <= "Z"):
            return f"drives.{name}: {name!r} is no drive letter"
        if not os.path.isabs(os.path.expanduser(value)):
            return f"drives.{name} = {value!r}: write the whole path, beginning with / or ~"
    elif not name or "=" in name or "\0" in name + value:
        return f"env.{name}: {name!r} is no variable name"
    return None


@dataclass(frozen=True, slots=True)
class Settings:
    """A checked settings file."""

    defaults: Mapping[str, Any]
    programs: Mapping[str, Mapping[str, Any]]
    """By `program_key`."""

    def for_program(self, program: str) -> RunSettings:
        """The settings of a run of ``program`` (any path of it)."""
        merged = RunSettings()
        letters: dict[str, str] = {}
        variables: dict[str, tuple[str, str]] = {}
        for section in (self.defaults, self.programs.get(program_key(program), {})):
            for key in ("engine", "arena", "windows"):
                if key in section:
                    setattr(merged, key, str(section[key]).lower())
            if "timeout" in section:
                merged.timeout = float(section["timeout"])
            letters |= {letter.upper(): str(value) for letter, value in section.get("drives", {}).items()}
            variables |= {name.upper(): (name, str(value)) for name, value in section.get("env", {}).items()}
        merged.drives, merged.env = letters, dict(variables.values())
        return merged


def read(data: Mapping[str, Any], where: str) -> Settings:
    """Check a parsed settings file; fails with a line that begins with ``where``."""

    def section(title: str, value: Any) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            fail(f"{where}: {title} is not a table", USAGE)
        for key, item in value.items():
            wrong = check(key if key in KEYS else key.partition(".")[0], item)
            if wrong:
                fail(f"{where}: {title}: {wrong}", USAGE)
        return value

    for key in data:
        if key not in ("defaults", "program"):
            fail(f'{where}: unknown section [{key}]; the sections are [defaults] and [program."NAME.EXE"]', USAGE)
    programs = data.get("program", {})
    if not isinstance(programs, Mapping):
        fail(f"{where}: program is not a table", USAGE)
    return Settings(
        section("[defaults]", data.get("defaults", {})),
        {program_key(name): section(f'[program."{name}"]', value) for name, value in programs.items()},
    )


def load() -> Settings:
    """The settings file, or no settings where there is none; fails with one line when it is damaged."""
    file = path()
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return Settings({}, {})
    import tomllib

    try:
        return read(tomllib.loads(data.decode("utf-8")), str(file))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        fail(f"{file}: {error}", USAGE)


__all__ = [
    "ARENAS",
    "ENGINES",
    "KEYS",
    "TABLES",
    "RunSettings",
    "Settings",
    "check",
    "load",
    "path",
    "program_key",
    "read",
]
