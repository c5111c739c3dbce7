"""The registry: one SQLite file, case-insensitive and case-preserving, with Windows 9x's root keys.

Crash safety is SQLite's: write-ahead log, one transaction per request, so a SIGKILL loses at most the request in
hand. The disk is waited for in :meth:`Registry.save`, a moment after the last change. The file is opened exclusively:
two daemons with one home directory cannot both serve it.

Values that differ between Windows 95 and ME are not stored. They come from a *profile layer*, chosen by the
caller's Windows version, that lies under the stored values: whatever a program writes or deletes wins over it.

Aliases (SDK, "Predefined Keys"): HKCR is HKLM\\Software\\Classes, HKCU is HKU\\.Default (no user profiles), HKCC is
HKLM\\Config\\0001. HKDYN_DATA lives in memory, as on Windows 9x.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from w9x_arena import messages as m
from w9x_arena.messages import Code, RootName, WindowsProfile
from w9xd import regedit
from w9xd.ranges import Refused

PROFILES: tuple[WindowsProfile, ...] = ("95", "95osr2", "98", "98se", "me")
NAME_MAX = 255
SCHEMA_VERSION = 1
_CURSOR_BITS = 24
_CURSOR_MASK = (1 << _CURSOR_BITS) - 1
_TOMBSTONE = -1
"""Type of a stored value that hides one of the profile layer."""
_ALIASES: dict[RootName, tuple[str, ...]] = {
    "HKLM": ("hklm",),
    "HKU": ("hku",),
    "HKDYN_DATA": ("hkdyn_data",),
    "HKCR": ("hklm", "software", "classes"),
    "HKCU": ("hku", ".default"),
    "HKCC": ("hklm", "config", "0001"),
}
_SCHEMA = """
CREATE TABLE keys (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL, fold TEXT NOT NULL, name TEXT NOT NULL,
                   UNIQUE (parent, fold));
CREATE INDEX keys_by_parent ON keys (parent);
CREATE TABLE vals (id INTEGER PRIMARY KEY, key INTEGER NOT NULL, fold TEXT NOT NULL, name TEXT NOT NULL,
                   type INTEGER NOT NULL, data BLOB NOT NULL, UNIQUE (key, fold));
"""
_SUBTREE = "WITH RECURSIVE tree(id) AS (SELECT ? UNION ALL SELECT keys.id FROM keys JOIN tree ON parent = tree.id) "
_DELETE_VALUES_BELOW = _SUBTREE + "DELETE FROM vals WHERE key IN tree"  # noqa: S608 - constants
_DELETE_KEYS_BELOW = _SUBTREE + "DELETE FROM keys WHERE id IN tree"  # noqa: S608 - constants

Value = tuple[str, int, bytes]
"""Name, type, data."""
FoldedPath = tuple[str, ...]
Layer = dict[FoldedPath, dict[str, Value]]


class RegistryError(OSError):
    """The store cannot be opened; one line for the user."""


class _Store:
    """Keys and values in one database."""

    def __init__(self, path: str) -> None:
        self.db = sqlite3.connect(path, isolation_level=None, timeout=2.0)
        self.db.execute("PRAGMA locking_mode=EXCLUSIVE")
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=NORMAL")
        # Checkpoints wait for the disk, so Registry.save makes them when nobody is waiting; this is only a bound.
        self.db.execute("PRAGMA wal_autocheckpoint=8192")
        self.ids: dict[FoldedPath, int] = {(): 0}
        self.version = int(self.db.execute("PRAGMA user_version").fetchone()[0])

    def initialise(self) -> None:
        """Create the tables; inside the caller's transaction."""
        for statement in _SCHEMA.split(";"):
            self.db.execute(statement)
        self.db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def find(self, folded: FoldedPath) -> int | None:
        """A key's id."""
        key = self.ids.get(folded)
        if key is not None:
            return key
        parent = self.find(folded[:-1])
        if parent is None:
            return None
        row = self.db.execute("SELECT id FROM keys WHERE parent=? AND fold=?", (parent, folded[-1])).fetchone()
        if row is None:
            return None
        self.ids[folded] = row[0]
        return int(row[0])

    def create(self, folded: FoldedPath, names: tuple[str, ...]) -> bool:
        """Create a key and what is missing above it; false when it exists."""
        if self.find(folded) is not None:
            return False
        self.create(folded[:-1], names[:-1])
        cursor = self.db.execute(
            "INSERT INTO keys (parent, fold, name) VALUES (?, ?, ?)",
            (self.ids[folded[:-1]], folded[-1], names[-1]),
        )
        assert cursor.lastrowid is not None
        self.ids[folded] = cursor.lastrowid
        return True


class Registry:
    """All root keys. Paths are relative to a root, with backslashes; errors are :class:`Refused`."""

    def __init__(self, path: Path) -> None:
        self._layers = {profile: _layer(profile) for profile in PROFILES}
        self._layered = {(key, fold) for layer in self._layers.values() for key in layer for fold in layer[key]}
        self._disk = self._open(path)
        self._saved_changes = 0
        self._memory = _Store(":memory:")
        self._memory.initialise()
        self._memory.create(("hkdyn_data",), ("HKDYN_DATA",))
        if not self._disk.version:
            self._seed()
        # HKDYN_DATA is made anew at each start, as Windows does at boot.
        self._apply(regedit.parse(_default_text("dynamic")))

    def _open(self, path: Path) -> _Store:
        try:
            store = _Store(str(path))
            if store.version > SCHEMA_VERSION:
                raise RegistryError(f"the registry {path} was written by a newer w9x")
            return store
        except sqlite3.OperationalError as error:
            reason = "another daemon uses it" if "locked" in str(error) else str(error)
            raise RegistryError(f"cannot open the registry {path}: {reason}") from None
        except sqlite3.DatabaseError as error:
            # Somebody overwrote the file. It is kept for them, and Windows starts with a fresh registry.
            aside = path.with_name(path.name + ".damaged")
            print(f"w9xd: the registry {path} is damaged ({error}); it is now {aside}", file=sys.stderr)
            path.replace(aside)
            for suffix in ("-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            return _Store(str(path))

    def _seed(self) -> None:
        operations = regedit.parse(_default_text("base"))
        with _transaction(self._disk):
            self._disk.initialise()
            for name in ("HKLM", "HKU"):
                self._disk.create((name.lower(),), (name,))
            self._run(operations)

    @property
    def unsaved(self) -> bool:
        """Whether :meth:`save` has something to do."""
        return self._disk.db.total_changes != self._saved_changes

    def save(self) -> None:
        """Fold the log into the file and wait for the disk: for when nobody is waiting for the daemon."""
        self._saved_changes = self._disk.db.total_changes
        try:
            self._disk.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            print(f"w9xd: the registry's log cannot be folded in yet: {error}", file=sys.stderr)

    def close(self) -> None:
        """Fold the log into the file and close."""
        self._disk.db.close()
        self._memory.db.close()

    # --- keys -------------------------------------------------------------------------------------------------

    def _resolve(self, root: RootName, path: str) -> tuple[_Store, FoldedPath, tuple[str, ...]]:
        """Store, canonical folded path and spelled path of a key that may not exist."""
        head = _ALIASES[root]
        names: tuple[str, ...] = ()
        if path:
            names = tuple(path.strip("\\").split("\\"))
            if not all(0 < len(name) <= NAME_MAX for name in names):
                raise Refused(Code.INVALID, "a key name is empty or longer than 255 characters")
        store = self._memory if root == "HKDYN_DATA" else self._disk
        return store, head + tuple([name.lower() for name in names]), head + names

    def _key(self, root: RootName, path: str) -> tuple[_Store, FoldedPath, int]:
        store, folded, _names = self._resolve(root, path)
        key = store.find(folded)
        if key is None:
            raise Refused(Code.NOT_FOUND, f"no key {root}\\{path}"[:300])
        return store, folded, key

    def create_key(self, root: RootName, path: str) -> bool:
        """Create a key with its parents; false when it existed. Raises INVALID."""
        store, folded, names = self._resolve(root, path)
        if store.find(folded) is not None:
            return False
        with _transaction(store):
            return store.create(folded, names)

    def check_key(self, root: RootName, path: str) -> None:
        """Raises NOT_FOUND or INVALID unless the key exists."""
        self._key(root, path)

    def delete_key(self, root: RootName, path: str) -> None:
        """Delete a key and everything below it (Windows 9x). Raises NOT_FOUND, INVALID."""
        if not path.strip("\\"):
            raise Refused(Code.INVALID, "a root key cannot be deleted")
        store, folded, key = self._key(root, path)
        with _transaction(store):
            store.db.execute(_DELETE_VALUES_BELOW, (key,))
            store.db.execute(_DELETE_KEYS_BELOW, (key,))
        depth = len(folded)
        for cached in [path for path in store.ids if path[:depth] == folded]:
            del store.ids[cached]

    def enum_keys(self, root: RootName, path: str, index: int, count: int) -> list[str]:
        """Names of sub-keys, oldest first."""
        store, _folded, key = self._key(root, path)
        query = "SELECT name FROM keys WHERE parent=? ORDER BY id LIMIT ? OFFSET ?"
        return [row[0] for row in store.db.execute(query, (key, count, index))]

    # --- values -----------------------------------------------------------------------------------------------

    def query(self, root: RootName, path: str, name: str, windows: WindowsProfile) -> Value:
        """A value as this Windows version sees it. Raises NOT_FOUND."""
        store, folded, key = self._key(root, path)
        fold = name.lower()
        row = store.db.execute("SELECT name, type, data FROM vals WHERE key=? AND fold=?", (key, fold)).fetchone()
        if row is None:
            row = self._layers[windows].get(folded, {}).get(fold)
        if row is None or row[1] == _TOMBSTONE:
            raise Refused(Code.NOT_FOUND, f"no value {name!r}")
        return row[0], row[1], row[2]

    def set(self, root: RootName, path: str, name: str, kind: int, data: bytes) -> None:
        """Set a value of an existing key; its name keeps its first spelling. Raises NOT_FOUND."""
        store, _folded, key = self._key(root, path)
        self._set(store, key, name, kind, data)

    def _set(self, store: _Store, key: int, name: str, kind: int, data: bytes) -> None:
        store.db.execute(
            "INSERT INTO vals (key, fold, name, type, data) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (key, fold) DO UPDATE SET type=excluded.type, data=excluded.data",
            (key, name.lower(), name, kind, data),
        )

    def delete_value(self, root: RootName, path: str, name: str, windows: WindowsProfile) -> None:
        """Delete a value. Raises NOT_FOUND."""
        self.query(root, path, name, windows)
        store, folded, key = self._key(root, path)
        if (folded, name.lower()) in self._layered:
            self._set(store, key, name, _TOMBSTONE, b"")
        else:
            store.db.execute("DELETE FROM vals WHERE key=? AND fold=?", (key, name.lower()))

    def _value_rows(self, store: _Store, folded: FoldedPath, key: int, windows: WindowsProfile) -> list[m.ValueRow]:
        """Values of a key, the profile's first, without data."""
        stored = store.db.execute("SELECT fold, name, type, length(data) FROM vals WHERE key=? ORDER BY id", (key,))
        rows = {
            fold: m.ValueRow(name, kind, len(data))
            for fold, (name, kind, data) in self._layers[windows].get(folded, {}).items()
        }
        for fold, name, kind, size in stored:
            if kind == _TOMBSTONE:
                rows.pop(fold, None)
            else:
                rows[fold] = m.ValueRow(name, kind, size)
        return list(rows.values())

    def enum_values(
        self, root: RootName, path: str, index: int, count: int, windows: WindowsProfile
    ) -> list[m.ValueRow]:
        """Values of a key without their data."""
        return self._value_rows(*self._key(root, path), windows)[index : index + count]

    def info(self, root: RootName, path: str, windows: WindowsProfile) -> m.KeyInfo:
        """Counts and longest lengths."""
        store, folded, key = self._key(root, path)
        subkeys, longest = store.db.execute(
            "SELECT count(*), coalesce(max(length(name)), 0) FROM keys WHERE parent=?", (key,)
        ).fetchone()
        rows = self._value_rows(store, folded, key, windows)
        return m.KeyInfo(
            subkeys,
            longest,
            len(rows),
            max((len(row.name) for row in rows), default=0),
            max((row.size for row in rows), default=0),
        )

    # --- files ------------------------------------------------------------------------------------------------

    def import_text(self, data: bytes, first_line: int) -> tuple[int, int]:
        """Apply a REGEDIT4 text, all or nothing; the numbers of keys and values. Raises INVALID naming the line."""
        try:
            operations = regedit.parse(data, first_line)
        except regedit.RegSyntaxError as error:
            raise Refused(Code.INVALID, str(error)) from None
        self._apply(operations)
        keys = sum(isinstance(operation, regedit.KeyLine) for operation in operations)
        return keys, len(operations) - keys

    def _apply(self, operations: list[regedit.Operation]) -> None:
        with _transaction(self._disk), _transaction(self._memory):
            self._run(operations)

    def _run(self, operations: list[regedit.Operation]) -> None:
        store, key = self._disk, 0
        folded: FoldedPath = ()
        for operation in operations:
            if isinstance(operation, regedit.KeyLine):
                if operation.delete:
                    self._delete_if_there(operation.root, operation.path)
                    continue
                store, folded, names = self._resolve(operation.root, operation.path)
                store.create(folded, names)
                key = store.ids[folded]
            elif operation.data is not None:
                self._set(store, key, operation.name, operation.type, operation.data)
            elif (folded, operation.name.lower()) in self._layered:
                self._set(store, key, operation.name, _TOMBSTONE, b"")
            else:
                store.db.execute("DELETE FROM vals WHERE key=? AND fold=?", (key, operation.name.lower()))

    def _delete_if_there(self, root: RootName, path: str) -> None:
        try:
            self.delete_key(root, path)
        except Refused as error:
            if error.code != Code.NOT_FOUND:
                raise

    def export_text(self, root: RootName, path: str, start: int, windows: WindowsProfile) -> tuple[bytes, int]:
        """A part of the REGEDIT4 text of a subtree that fits a message, and the next part's ``start``.

        ``start`` holds a key's id and what of it is written: 0 nothing, n its line and n - 1 values. Raises
        NOT_FOUND, also when that key was deleted between two parts.
        """
        store, _folded, top = self._key(root, path)
        key, done = (start >> _CURSOR_BITS, start & _CURSOR_MASK) if start else (top, 0)
        names = _names_below(store, top, key)
        if names is None:
            raise Refused(Code.NOT_FOUND, "the key was deleted during the export")
        base = path.strip("\\").split("\\") if path.strip("\\") else []
        out = bytearray() if start else bytearray(regedit.HEADER)
        following: int | None = key
        while following is not None:
            key = following
            for line in self._export_key(store, root, "\\".join(base + names), key, done, windows):
                if len(out) + len(line) > m.REG_CHUNK_MAX:
                    return bytes(out), key << _CURSOR_BITS | done
                out += line
                done += 1
            done = 0
            following = _next_key(store, top, key, names)
        return bytes(out), 0

    def _export_key(
        self, store: _Store, root: RootName, path: str, key: int, done: int, windows: WindowsProfile
    ) -> Iterator[bytes]:
        """The lines of one key after the first ``done``."""
        if not done:
            yield regedit.key_line(root, path)
        _store, folded, _names = self._resolve(root, path)
        for row in self._value_rows(store, folded, key, windows)[max(done - 1, 0) :]:
            yield regedit.value_line(*self.query(root, path, row.name, windows))


def _names_below(store: _Store, top: int, key: int) -> list[str] | None:
    """Names on the way from ``top`` down to ``key``; None when it is not below."""
    names: list[str] = []
    while key != top:
        row = store.db.execute("SELECT parent, name FROM keys WHERE id=?", (key,)).fetchone()
        if row is None:
            return None
        key = row[0]
        names.insert(0, row[1])
    return names


def _next_key(store: _Store, top: int, key: int, names: list[str]) -> int | None:
    """The key after ``key`` in depth-first order below ``top``; ``names`` follows it."""
    query = "SELECT id, name FROM keys WHERE parent=? AND id>? ORDER BY id LIMIT 1"
    row = store.db.execute(query, (key, 0)).fetchone()
    while row is None and key != top:
        (parent,) = store.db.execute("SELECT parent FROM keys WHERE id=?", (key,)).fetchone()
        row = store.db.execute(query, (parent, key)).fetchone()
        names.pop()
        key = parent
    if row is None:
        return None
    names.append(row[1])
    return int(row[0])


@contextmanager
def _transaction(store: _Store) -> Iterator[None]:
    """All or nothing; joins a transaction that is open already."""
    if store.db.in_transaction:
        yield
        return
    store.db.execute("BEGIN IMMEDIATE")
    try:
        yield
        store.db.execute("COMMIT")
    except BaseException:
        store.ids = {(): 0}
        store.db.execute("ROLLBACK")
        raise


def _default_text(name: str) -> bytes:
    return resources.files("w9xd").joinpath("defaults", f"{name}.reg").read_bytes()


def _layer(profile: WindowsProfile) -> Layer:
    """The values of one Windows version; its file holds only values of keys that base.reg makes."""
    layer: Layer = {}
    values: dict[str, Value] = {}
    for operation in regedit.parse(_default_text(profile)):
        if isinstance(operation, regedit.KeyLine):
            folded = _ALIASES[operation.root] + tuple(operation.path.lower().split("\\"))
            values = layer.setdefault(folded, {})
        elif operation.data is not None:
            values[operation.name.lower()] = (operation.name, operation.type, operation.data)
    return layer
