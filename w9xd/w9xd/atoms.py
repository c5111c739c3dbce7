"""Global atoms: numbers for strings, shared by all processes and counted.

Facts (SDK, "About Atom Tables"): string atoms are C000h-FFFFh, names are compared without case and at most 255
characters long; integer atoms 1-BFFFh are spelled ``#1234``, take no room and are never deleted. Global atoms
survive the process that made them.
"""

from __future__ import annotations

from w9x_arena.messages import Atom, Code
from w9xd.journal import Put, Rows, put_nowhere
from w9xd.ranges import Refused

FIRST, LAST = 0xC000, 0xFFFF


class AtomTable:
    """The global atom table."""

    def __init__(self, put: Put = put_nowhere) -> None:
        self._put = put
        self._names: dict[int, str] = {}
        self._references: dict[int, int] = {}
        self._atoms: dict[str, int] = {}
        self._next = FIRST

    def __len__(self) -> int:
        return len(self._names)

    def add(self, name: str) -> Atom:
        """GlobalAddAtom. Raises :class:`Refused`: INVALID, NO_SPACE."""
        integer = _integer(name)
        if integer is not None:
            return Atom(integer, 0, name)
        atom = self._atoms.get(name.upper())
        if atom is None:
            atom = self._free_number()
            self._names[atom] = name
            self._atoms[name.upper()] = atom
            self._references[atom] = 0
        self._references[atom] += 1
        return self._changed(atom)

    def find(self, name: str) -> Atom:
        """GlobalFindAtom. Raises :class:`Refused`: INVALID, NOT_FOUND."""
        integer = _integer(name)
        if integer is not None:
            return Atom(integer, 0, name)
        atom = self._atoms.get(name.upper())
        if atom is None:
            raise Refused(Code.NOT_FOUND, f"no atom {name!r}")
        return Atom(atom, self._references[atom], self._names[atom])

    def delete(self, atom: int) -> Atom:
        """GlobalDeleteAtom. Raises :class:`Refused` (NOT_FOUND)."""
        if 0 < atom < FIRST:
            return Atom(atom, 0, f"#{atom}")
        name = self.name(atom).name
        self._references[atom] -= 1
        if self._references[atom]:
            return self._changed(atom)
        del self._references[atom], self._names[atom], self._atoms[name.upper()]
        self._put(("a", atom), None)
        return Atom(atom, 0, name)

    def name(self, atom: int) -> Atom:
        """GlobalGetAtomName. Raises :class:`Refused` (NOT_FOUND)."""
        if 0 < atom < FIRST:
            return Atom(atom, 0, f"#{atom}")
        if atom not in self._names:
            raise Refused(Code.NOT_FOUND, f"no atom {atom:#06x}")
        return Atom(atom, self._references[atom], self._names[atom])

    def _changed(self, atom: int) -> Atom:
        references, name = self._references[atom], self._names[atom]
        self._put(("a", atom), [name, references])
        return Atom(atom, references, name)

    def _free_number(self) -> int:
        if len(self._names) > LAST - FIRST:
            raise Refused(Code.NO_SPACE, "the global atom table is full")
        while self._next in self._names:
            self._next = FIRST if self._next == LAST else self._next + 1
        return self._next

    def restore(self, rows: Rows) -> None:
        """Rebuild an empty table from journal rows. Raises ValueError or TypeError when they are bad."""
        for key, (name, references) in rows.of("a"):
            atom = key[1]
            self._names[atom] = name
            self._atoms[name.upper()] = atom
            self._references[atom] = references
            self._changed(atom)


def _integer(name: str) -> int | None:
    """The number of an integer atom's spelling; None for a string atom."""
    if not name:
        raise Refused(Code.INVALID, "an atom needs a name")
    if name[0] != "#" or not name[1:].isascii() or not name[1:].isdigit():
        return None
    value = int(name[1:])
    if not 0 < value < FIRST:
        raise Refused(Code.INVALID, f"no integer atom {name}")
    return value
