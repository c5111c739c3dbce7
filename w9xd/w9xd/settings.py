"""Drives and default environment: two small JSON files in the configuration directory.

They are read at each request, so an edit by hand takes effect at once, and replaced atomically. A damaged file is
reported as such and never overwritten.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from w9x_arena.codec import check
from w9x_arena.messages import ROWS_MAX, Code, DriveRow, EnvironmentRow, ProtocolError
from w9xd.ranges import Refused

FILE_MAX = 4 << 20


class JsonFile:
    """A JSON object on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Any]:
        """The object; empty when there is no file. Raises :class:`Refused` (INVALID) when it is damaged."""
        try:
            with open(self.path, "rb") as file:
                value = json.loads(file.read(FILE_MAX))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            raise Refused(Code.INVALID, f"{self.path}: {error}") from None
        if not isinstance(value, dict):
            raise Refused(Code.INVALID, f"{self.path}: not a JSON object")
        return value

    def write(self, value: dict[str, Any]) -> None:
        """Replace the file. Raises :class:`Refused` (NO_SPACE)."""
        temporary = self.path.with_name(self.path.name + ".new")
        try:
            temporary.write_text(json.dumps(value, indent=2) + "\n", encoding="ascii")
            os.replace(temporary, self.path)
        except OSError as error:
            raise Refused(Code.NO_SPACE, f"{self.path}: {error.strerror}") from None


class Drives:
    """Persistent drive letters: ``{"D": {"path": "/srv/games", "read_only": true}}``."""

    def __init__(self, config: Path) -> None:
        self._file = JsonFile(config / "drives.json")

    def list(self) -> tuple[DriveRow, ...]:
        """All drives by letter. Raises :class:`Refused` (INVALID)."""
        rows = []
        for letter, about in sorted(self._file.read().items()):
            fields: Any = about if isinstance(about, dict) else {}
            name: Any = letter
            try:
                rows.append(check(DriveRow(name, fields.get("path"), fields.get("read_only", False))))
            except ProtocolError as error:
                raise Refused(Code.INVALID, f"{self._file.path}: drive {letter}: {error}") from None
        return tuple(rows)

    def set(self, row: DriveRow) -> None:
        """Map a letter to an absolute Linux path. Raises :class:`Refused` (INVALID, NO_SPACE)."""
        if not os.path.isabs(row.path):
            raise Refused(Code.INVALID, f"drive {row.letter}: {row.path} is not an absolute path")
        drives = self._file.read()
        drives[row.letter] = {"path": row.path, "read_only": row.read_only}
        self._file.write(drives)

    def remove(self, letter: str) -> None:
        """Forget a letter. Raises :class:`Refused` (NOT_FOUND)."""
        drives = self._file.read()
        if drives.pop(letter, None) is None:
            raise Refused(Code.NOT_FOUND, f"no drive {letter}:")
        self._file.write(drives)


class Environment:
    """Variables every guest process starts with; names are compared without case."""

    def __init__(self, config: Path) -> None:
        self._file = JsonFile(config / "environment.json")

    def list(self) -> tuple[EnvironmentRow, ...]:
        """All variables by name. Raises :class:`Refused` (INVALID)."""
        rows = []
        for name, value in sorted(self._file.read().items()):
            try:
                rows.append(check(EnvironmentRow(name, value)))
            except ProtocolError as error:
                raise Refused(Code.INVALID, f"{self._file.path}: {name}: {error}") from None
        if len(rows) > ROWS_MAX:
            raise Refused(Code.LIMIT, f"{self._file.path}: more than {ROWS_MAX} variables")
        return tuple(rows)

    def set(self, name: str, value: str) -> None:
        """Set, or remove with an empty value. Raises :class:`Refused` (INVALID, LIMIT, NO_SPACE)."""
        if not name or "=" in name:
            raise Refused(Code.INVALID, f"{name!r} is no variable name")
        variables = {key: old for key, old in self._file.read().items() if key.upper() != name.upper()}
        if value:
            variables[name] = value
        size = sum(len(key) + len(old) for key, old in variables.items() if isinstance(old, str))
        if len(variables) > ROWS_MAX or size > 0x8000:
            raise Refused(Code.LIMIT, f"the environment is limited to {ROWS_MAX} variables and 32 KB")
        self._file.write(variables)
