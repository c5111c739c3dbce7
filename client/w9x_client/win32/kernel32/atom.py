"""Atoms: local ones belong to the process, global ones to all (SDK winbase.h).

String atoms are C000h..FFFFh, compared without regard to case; values below C000h are integer atoms ("#123") and need
no table. Global atoms live in the daemon; a process without one keeps them to itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import BOOL, DWORD, INT, IS_WIDE, LPTSTR, PTR, WORD

from .dll import kernel32

if TYPE_CHECKING:
    from w9x_arena.rpc import Connection
    from w9x_client.process import Process, Task

FIRST_STRING_ATOM, LAST_ATOM = 0xC000, 0xFFFF
NAME_MAX = 255


class Atoms(Protocol):
    """A table of string atoms. Failures are WinError."""

    def add(self, name: str) -> int:
        """Find or make an atom, counting one reference."""

    def find(self, name: str) -> int:
        """The atom of ``name``; ERROR_FILE_NOT_FOUND."""

    def delete(self, atom: int) -> None:
        """Drop a reference; ERROR_INVALID_HANDLE."""

    def name(self, atom: int) -> str:
        """The spelling it was first added with; ERROR_INVALID_HANDLE."""


class ProcessAtoms:
    """An atom table in this process."""

    def __init__(self) -> None:
        self._by_name: dict[str, int] = {}
        self._entries: dict[int, tuple[str, int]] = {}
        self._next = FIRST_STRING_ATOM

    def add(self, name: str) -> int:
        atom = self._by_name.get(name.lower())
        if atom is not None:
            spelling, references = self._entries[atom]
            self._entries[atom] = (spelling, references + 1)
            return atom
        if len(self._entries) > LAST_ATOM - FIRST_STRING_ATOM:
            raise WinError(Err.NOT_ENOUGH_MEMORY)
        while self._next in self._entries:
            self._next = self._next + 1 if self._next < LAST_ATOM else FIRST_STRING_ATOM
        self._by_name[name.lower()] = self._next
        self._entries[self._next] = (name, 1)
        return self._next

    def find(self, name: str) -> int:
        atom = self._by_name.get(name.lower())
        if atom is None:
            raise WinError(Err.FILE_NOT_FOUND)
        return atom

    def delete(self, atom: int) -> None:
        entry = self._entries.get(atom)
        if entry is None:
            raise WinError(Err.INVALID_HANDLE)
        spelling, references = entry
        self._entries[atom] = (spelling, references - 1)
        if references == 1:
            del self._entries[atom]
            del self._by_name[spelling.lower()]

    def name(self, atom: int) -> str:
        entry = self._entries.get(atom)
        if entry is None:
            raise WinError(Err.INVALID_HANDLE)
        return entry[0]


class DaemonAtoms:
    """The global atom table."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _call(self, message: str, field: str | int, missing: int) -> tuple[int, str]:
        from w9x_arena import messages
        from w9x_arena.messages import Code, ProtocolError
        from w9x_arena.rpc import DaemonUnavailable, RpcError

        try:
            reply: messages.Atom = self._connection.call(getattr(messages, message)(field))
        except RpcError as error:
            raise WinError(missing if error.code == Code.NOT_FOUND else Err.NOT_ENOUGH_MEMORY) from None
        except (ProtocolError, DaemonUnavailable):
            raise WinError(Err.INVALID_PARAMETER) from None
        return reply.atom, reply.name

    def add(self, name: str) -> int:
        return self._call("AddAtom", name, Err.NOT_ENOUGH_MEMORY)[0]

    def find(self, name: str) -> int:
        return self._call("FindAtom", name, Err.FILE_NOT_FOUND)[0]

    def delete(self, atom: int) -> None:
        self._call("DeleteAtom", atom, Err.INVALID_HANDLE)

    def name(self, atom: int) -> str:
        return self._call("GetAtomName", atom, Err.INVALID_HANDLE)[1]


class AtomTables:
    """The two tables a process sees."""

    def __init__(self, process: Process) -> None:
        self.local: Atoms = ProcessAtoms()
        self.shared: Atoms = DaemonAtoms(process.daemon) if process.daemon is not None else ProcessAtoms()


def _table(t: Task, shared: bool) -> Atoms:
    tables = t.process.state(AtomTables)
    return tables.shared if shared else tables.local


def _name(t: Task, pointer: int, wide: bool) -> str | int:
    """What an atom function's string parameter names: a text, or the number of an integer atom."""
    if not pointer >> 16:
        number = pointer
    else:
        text = t.mem.wide(pointer, NAME_MAX + 1) if wide else t.ansi(pointer)
        if text[:1] != "#" or not text[1:].isascii() or not text[1:].isdigit():
            if not 0 < len(text) <= NAME_MAX:
                raise WinError(Err.INVALID_PARAMETER)
            return text
        number = int(text[1:])
    if not 0 < number < FIRST_STRING_ATOM:
        raise WinError(Err.INVALID_PARAMETER)
    return number


def _add(t: Task, pointer: int, wide: bool, shared: bool) -> int:
    name = _name(t, pointer, wide)
    return name if isinstance(name, int) else _table(t, shared).add(name)


def _find(t: Task, pointer: int, wide: bool, shared: bool) -> int:
    name = _name(t, pointer, wide)
    return name if isinstance(name, int) else _table(t, shared).find(name)


def _delete(t: Task, atom: int, shared: bool) -> int:
    """0, or the atom itself on failure (SDK)."""
    if atom >= FIRST_STRING_ATOM:
        try:
            _table(t, shared).delete(atom)
        except WinError as error:
            t.last_error = error.code
            return atom
    return 0


def _get_name(t: Task, atom: int, buffer: LPTSTR, size: int, shared: bool) -> int:
    """Windows 9x truncates to a short buffer and calls that success; NT fails."""
    if size <= 0 or not buffer:
        raise WinError(Err.MORE_DATA)
    if atom >= FIRST_STRING_ATOM:
        return buffer.put(_table(t, shared).name(atom), size)
    if not atom:
        raise WinError(Err.INVALID_HANDLE)
    return buffer.put(f"#{atom}", size)


@kernel32.api(aw=True)
def AddAtom(t: Task, lpString: PTR, W: IS_WIDE) -> WORD:
    """Find or make a local atom."""
    return _add(t, lpString, W, False)


@kernel32.api(aw=True)
def FindAtom(t: Task, lpString: PTR, W: IS_WIDE) -> WORD:
    """Find a local atom."""
    return _find(t, lpString, W, False)


@kernel32.api()
def DeleteAtom(t: Task, nAtom: WORD) -> WORD:
    """Drop a reference to a local atom; 0 on success."""
    return _delete(t, nAtom, False)


@kernel32.api(aw=True)
def GetAtomName(t: Task, nAtom: WORD, lpBuffer: LPTSTR, nSize: INT) -> DWORD:
    """A local atom's name; returns its length."""
    return _get_name(t, nAtom, lpBuffer, nSize, False)


@kernel32.api()
def InitAtomTable(t: Task, nSize: DWORD) -> BOOL:
    """The table needs no preparation here: any size will do."""
    return True


@kernel32.api(aw=True)
def GlobalAddAtom(t: Task, lpString: PTR, W: IS_WIDE) -> WORD:
    """Find or make a global atom."""
    return _add(t, lpString, W, True)


@kernel32.api(aw=True)
def GlobalFindAtom(t: Task, lpString: PTR, W: IS_WIDE) -> WORD:
    """Find a global atom."""
    return _find(t, lpString, W, True)


@kernel32.api()
def GlobalDeleteAtom(t: Task, nAtom: WORD) -> WORD:
    """Drop a reference to a global atom; 0 on success."""
    return _delete(t, nAtom, True)


@kernel32.api(aw=True)
def GlobalGetAtomName(t: Task, nAtom: WORD, lpBuffer: LPTSTR, nSize: INT) -> DWORD:
    """A global atom's name; returns its length."""
    return _get_name(t, nAtom, lpBuffer, nSize, True)
