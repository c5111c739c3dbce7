"""The daemon's memory of its ledgers: an append-only file of rows, so that a killed daemon can be replaced.

A row is a key (a tuple that begins with a letter for the ledger) and a value; a later row with the same key
replaces it, the value None removes it. Writes are collected and appended by :meth:`Journal.flush` in one write(2)
before the reply leaves, so a SIGKILL loses nothing a client was told. Nothing is synced to disk: the journal
lives beside the arena file in the runtime directory, and neither survives a power failure.

Ledger letters: p process, r range, i image, u use of an image, o overlay, m module, a atom, n next id.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]  # ships no types

Key = tuple[Any, ...]
Put = Callable[[Key, Any], None]
"""How a ledger reports a changed row: ``put(key, value)``; None removes."""

FORMAT = 1
_COMPACT_AT = 1 << 20


def put_nowhere(_key: Key, _value: Any) -> None:
    """For ledgers without a journal."""


class Rows:
    """The rows read from a journal."""

    def __init__(self, rows: dict[Key, Any]) -> None:
        self._rows = rows

    def of(self, letter: str) -> Iterator[tuple[Key, Any]]:
        """Rows of one ledger, oldest first."""
        for key, value in self._rows.items():
            if key[0] == letter:
                yield key, value


class Journal:
    """An open journal for one arena file, named by its creation id."""

    def __init__(self, path: Path, arena_id: bytes) -> None:
        self._path = path
        self._head = msgpack.packb([FORMAT, arena_id])
        self._rows: dict[Key, bytes] = {}
        self._pending: list[bytes] = []
        self._size = self._live_size = 0
        self._fd = -1
        self._broken = False

    def load(self) -> Rows:
        """Rows of an earlier daemon; none when the file is missing or belongs to another arena file."""
        try:
            data = self._path.read_bytes()
        except OSError:
            return Rows({})
        rows: dict[Key, Any] = {}
        unpacker = msgpack.Unpacker(max_buffer_size=max(len(data), 1), unicode_errors="surrogateescape")
        unpacker.feed(data)
        try:
            if next(unpacker, None) != msgpack.unpackb(self._head):
                return Rows({})
            for key, value in unpacker:
                if value is None:
                    rows.pop(tuple(key), None)
                else:
                    rows[tuple(key)] = value
        except (ValueError, TypeError, msgpack.UnpackException):
            pass  # the last write was cut short; what stands before it is whole
        return Rows(rows)

    def start(self) -> None:
        """Begin a new journal holding the rows put so far."""
        self._pending.clear()
        data = self._head + b"".join(self._rows.values())
        temporary = self._path.with_name(self._path.name + ".new")
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            _write(fd, data)
            os.rename(temporary, self._path)
        except BaseException:
            os.close(fd)
            raise
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = fd
        self._size = len(data)
        self._broken = False

    def put(self, key: Key, value: Any) -> None:
        """Note a row for the next flush."""
        record: bytes = msgpack.packb([key, value], unicode_errors="surrogateescape")
        self._live_size -= len(self._rows.pop(key, b""))
        if value is not None:
            self._rows[key] = record
            self._live_size += len(record)
        self._pending.append(record)

    def flush(self) -> None:
        """Append what was put. A full disk is reported once; the rows are written as soon as there is room."""
        if not self._pending:
            return
        data = b"".join(self._pending)
        try:
            if self._broken or (self._size > _COMPACT_AT and self._size > 4 * self._live_size):
                self.start()
            else:
                self._pending.clear()
                _write(self._fd, data)
                self._size += len(data)
        except OSError as error:
            if not self._broken:
                print(f"w9xd: cannot write {self._path}: {error.strerror}", file=sys.stderr)
            self._broken = True

    def close(self, *, remove: bool) -> None:
        """Stop; ``remove`` when no process is left that a later daemon would have to know."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        if remove:
            self._path.unlink(missing_ok=True)


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
