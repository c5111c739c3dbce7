"""Where registry keys live: in the daemon, or in this process when there is none (tests, `Process` without a
connection).

Interface: `RegistryStore`, got with `store_of`. A key is a root name and a path below it. Failures are `WinError` with
the Win32 code the registry functions return. Value data are the guest's bytes: text is ANSI, as on Windows 9x.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from w9x_client.abi import Err, WinError

if TYPE_CHECKING:
    from w9x_arena.messages import RootName
    from w9x_arena.rpc import Connection
    from w9x_client.process import Process

ERROR_REGISTRY_IO_FAILED = 1016
NAME_MAX = 255


class Value(NamedTuple):
    """A value's type (REG_*) and data."""

    type: int
    data: bytes


class ValueName(NamedTuple):
    """A value without its data."""

    name: str
    type: int
    size: int


class KeyInfo(NamedTuple):
    """Counts, and lengths in characters (names) and bytes (data)."""

    subkeys: int
    longest_subkey: int
    values: int
    longest_value_name: int
    longest_data: int


class RegistryStore(Protocol):
    """What the registry functions need."""

    def create(self, root: RootName, path: str) -> bool:
        """Create a key with its parents; False when it existed."""

    def check(self, root: RootName, path: str) -> None:
        """Fails with ERROR_FILE_NOT_FOUND unless the key exists."""

    def delete(self, root: RootName, path: str) -> None:
        """Delete a key and everything below it."""

    def query(self, root: RootName, path: str, name: str) -> Value:
        """A value; ERROR_FILE_NOT_FOUND where there is none."""

    def set(self, root: RootName, path: str, name: str, kind: int, data: bytes) -> None:
        """Set a value of an existing key."""

    def delete_value(self, root: RootName, path: str, name: str) -> None:
        """Delete a value."""

    def key_name(self, root: RootName, path: str, index: int) -> str | None:
        """The index-th sub-key's name."""

    def value_name(self, root: RootName, path: str, index: int) -> ValueName | None:
        """The index-th value."""

    def info(self, root: RootName, path: str) -> KeyInfo:
        """Sizes of a key."""


class DaemonRegistry:
    """The user's registry, in the daemon. One request per call."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _call(self, name: str, *fields: Any) -> Any:
        from w9x_arena import messages
        from w9x_arena.messages import Code, ProtocolError
        from w9x_arena.rpc import DaemonUnavailable, RpcError

        try:
            return self._connection.call(getattr(messages, name)(*fields))
        except RpcError as error:
            codes = {Code.NOT_FOUND: Err.FILE_NOT_FOUND, Code.DENIED: Err.ACCESS_DENIED, Code.NO_SPACE: Err.OUTOFMEMORY}
            raise WinError(codes.get(error.code, Err.INVALID_PARAMETER)) from None
        except ProtocolError:
            raise WinError(Err.INVALID_PARAMETER) from None
        except DaemonUnavailable:
            raise WinError(ERROR_REGISTRY_IO_FAILED) from None

    def create(self, root: RootName, path: str) -> bool:
        return bool(self._call("RegCreateKey", root, path).created)

    def check(self, root: RootName, path: str) -> None:
        self._call("RegOpenKey", root, path)

    def delete(self, root: RootName, path: str) -> None:
        self._call("RegDeleteKey", root, path)

    def query(self, root: RootName, path: str, name: str) -> Value:
        reply = self._call("RegQueryValue", root, path, name)
        return Value(reply.type, reply.data)

    def set(self, root: RootName, path: str, name: str, kind: int, data: bytes) -> None:
        self._call("RegSetValue", root, path, name, kind, data)

    def delete_value(self, root: RootName, path: str, name: str) -> None:
        self._call("RegDeleteValue", root, path, name)

    def key_name(self, root: RootName, path: str, index: int) -> str | None:
        names = self._call("RegEnumKeys", root, path, index, 1).names
        return names[0] if names else None

    def value_name(self, root: RootName, path: str, index: int) -> ValueName | None:
        rows = self._call("RegEnumValues", root, path, index, 1).rows
        return ValueName(rows[0].name, rows[0].type, rows[0].size) if rows else None

    def info(self, root: RootName, path: str) -> KeyInfo:
        reply = self._call("RegQueryInfo", root, path)
        return KeyInfo(reply.subkeys, reply.longest_subkey, reply.values, reply.longest_value_name, reply.longest_data)


class _Node:
    def __init__(self, name: str) -> None:
        self.name = name
        self.keys: dict[str, _Node] = {}
        self.values: dict[str, tuple[str, Value]] = {}


_ALIASES: dict[str, tuple[str, ...]] = {
    "HKCR": ("HKLM", "Software", "Classes"),
    "HKCU": ("HKU", ".Default"),
    "HKCC": ("HKLM", "Config", "0001"),
}


class LocalRegistry:
    """An empty registry that ends with the process."""

    def __init__(self) -> None:
        self._top = _Node("")
        for root in ("HKLM", "HKU", "HKDYN_DATA", "HKCR", "HKCU", "HKCC"):
            self._walk(root, "", True)

    def _walk(self, root: str, path: str, make: bool) -> _Node:
        node = self._top
        names = _ALIASES.get(root, (root,)) + tuple(path.strip("\\").split("\\") if path else ())
        for name in names:
            if not 0 < len(name) <= NAME_MAX:
                raise WinError(Err.INVALID_PARAMETER)
            child = node.keys.get(name.lower())
            if child is None:
                if not make:
                    raise WinError(Err.FILE_NOT_FOUND)
                child = node.keys[name.lower()] = _Node(name)
            node = child
        return node

    def create(self, root: RootName, path: str) -> bool:
        try:
            self._walk(root, path, False)
        except WinError as error:
            if error.code != Err.FILE_NOT_FOUND:
                raise
            self._walk(root, path, True)
            return True
        return False

    def check(self, root: RootName, path: str) -> None:
        self._walk(root, path, False)

    def delete(self, root: RootName, path: str) -> None:
        parent, _, name = path.strip("\\").rpartition("\\")
        if not name:
            raise WinError(Err.INVALID_PARAMETER)
        keys = self._walk(root, parent, False).keys
        if keys.pop(name.lower(), None) is None:
            raise WinError(Err.FILE_NOT_FOUND)

    def query(self, root: RootName, path: str, name: str) -> Value:
        found = self._walk(root, path, False).values.get(name.lower())
        if found is None:
            raise WinError(Err.FILE_NOT_FOUND)
        return found[1]

    def set(self, root: RootName, path: str, name: str, kind: int, data: bytes) -> None:
        values = self._walk(root, path, False).values
        old = values.get(name.lower())
        values[name.lower()] = (old[0] if old else name, Value(kind, data))

    def delete_value(self, root: RootName, path: str, name: str) -> None:
        if self._walk(root, path, False).values.pop(name.lower(), None) is None:
            raise WinError(Err.FILE_NOT_FOUND)

    def key_name(self, root: RootName, path: str, index: int) -> str | None:
        names = [node.name for node in self._walk(root, path, False).keys.values()]
        return names[index] if index < len(names) else None

    def value_name(self, root: RootName, path: str, index: int) -> ValueName | None:
        values = list(self._walk(root, path, False).values.values())
        if index >= len(values):
            return None
        name, value = values[index]
        return ValueName(name, value.type, len(value.data))

    def info(self, root: RootName, path: str) -> KeyInfo:
        node = self._walk(root, path, False)
        return KeyInfo(
            len(node.keys),
            max((len(child.name) for child in node.keys.values()), default=0),
            len(node.values),
            max((len(name) for name, _ in node.values.values()), default=0),
            max((len(value.data) for _, value in node.values.values()), default=0),
        )


class _Holder:
    def __init__(self, process: Process) -> None:
        self.store: RegistryStore = DaemonRegistry(process.daemon) if process.daemon is not None else LocalRegistry()


def store_of(process: Process) -> RegistryStore:
    """The registry of ``process``."""
    return process.state(_Holder).store
