"""Requests about what outlives the daemon: registry, drives, environment. Importing this registers the handlers."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from w9x_arena import messages as m
from w9x_arena.codec import Message, Reply
from w9x_arena.messages import Code
from w9xd.daemon import Daemon, Session, handles, page
from w9xd.ranges import Refused

Body = Callable[[Daemon, Session, Any], Reply]
B = TypeVar("B", bound=Body)


def _registry(request: type[Message]) -> Callable[[B], B]:
    """A registry handler: the store's own errors (disk full, input/output) become refusals."""

    def mark(function: B) -> B:
        @wraps(function)
        def guarded(daemon: Daemon, session: Session, request: Any) -> Reply:
            try:
                return function(daemon, session, request)
            except sqlite3.Error as error:
                raise Refused(Code.NO_SPACE, f"the registry cannot be written: {error}") from None

        handles(request)(guarded)
        return function

    return mark


@_registry(m.RegCreateKey)
def create_key(daemon: Daemon, _session: Session, request: m.RegCreateKey) -> Reply:
    """Create a key."""
    return m.KeyCreated(daemon.registry.create_key(request.root, request.path))


@_registry(m.RegOpenKey)
def open_key(daemon: Daemon, _session: Session, request: m.RegOpenKey) -> Reply:
    """Check that a key exists."""
    daemon.registry.check_key(request.root, request.path)
    return m.Done()


@_registry(m.RegDeleteKey)
def delete_key(daemon: Daemon, _session: Session, request: m.RegDeleteKey) -> Reply:
    """Delete a key and what is below."""
    daemon.registry.delete_key(request.root, request.path)
    return m.Done()


@_registry(m.RegQueryValue)
def query_value(daemon: Daemon, session: Session, request: m.RegQueryValue) -> Reply:
    """Read a value."""
    return m.RegValue(*daemon.registry.query(request.root, request.path, request.name, session.windows))


@_registry(m.RegSetValue)
def set_value(daemon: Daemon, _session: Session, request: m.RegSetValue) -> Reply:
    """Write a value."""
    daemon.registry.set(request.root, request.path, request.name, request.type, request.data)
    return m.Done()


@_registry(m.RegDeleteValue)
def delete_value(daemon: Daemon, session: Session, request: m.RegDeleteValue) -> Reply:
    """Delete a value."""
    daemon.registry.delete_value(request.root, request.path, request.name, session.windows)
    return m.Done()


@_registry(m.RegEnumKeys)
def enum_keys(daemon: Daemon, _session: Session, request: m.RegEnumKeys) -> Reply:
    """List sub-keys."""
    count = min(request.count, m.ROWS_MAX)
    return m.KeyNames(page(daemon.registry.enum_keys(request.root, request.path, request.index, count), 0)[0])


@_registry(m.RegEnumValues)
def enum_values(daemon: Daemon, session: Session, request: m.RegEnumValues) -> Reply:
    """List values."""
    count = min(request.count, m.ROWS_MAX)
    rows = daemon.registry.enum_values(request.root, request.path, request.index, count, session.windows)
    return m.ValueRows(page(rows, 0)[0])


@_registry(m.RegQueryInfo)
def query_info(daemon: Daemon, session: Session, request: m.RegQueryInfo) -> Reply:
    """Count and measure."""
    return daemon.registry.info(request.root, request.path, session.windows)


@_registry(m.RegExport)
def export(daemon: Daemon, session: Session, request: m.RegExport) -> Reply:
    """A part of a .reg file."""
    return m.RegText(*daemon.registry.export_text(request.root, request.path, request.start, session.windows))


@_registry(m.RegImport)
def import_(daemon: Daemon, _session: Session, request: m.RegImport) -> Reply:
    """A part of a .reg file, the other way."""
    return m.RegImported(*daemon.registry.import_text(request.data, request.first_line))


@handles(m.ListDrives)
def list_drives(daemon: Daemon, _session: Session, _request: m.ListDrives) -> Reply:
    """The persistent drives."""
    return m.Drives(daemon.drives.list())


@handles(m.SetDrive)
def set_drive(daemon: Daemon, _session: Session, request: m.SetDrive) -> Reply:
    """Map a letter."""
    daemon.drives.set(m.DriveRow(request.letter, request.path, request.read_only))
    return m.Done()


@handles(m.RemoveDrive)
def remove_drive(daemon: Daemon, _session: Session, request: m.RemoveDrive) -> Reply:
    """Forget a letter."""
    daemon.drives.remove(request.letter)
    return m.Done()


@handles(m.GetEnvironment)
def get_environment(daemon: Daemon, _session: Session, _request: m.GetEnvironment) -> Reply:
    """The default environment."""
    return m.Environment(daemon.environment.list())


@handles(m.SetEnvironment)
def set_environment(daemon: Daemon, _session: Session, request: m.SetEnvironment) -> Reply:
    """Change a default."""
    daemon.environment.set(request.name, request.value)
    return m.Done()
