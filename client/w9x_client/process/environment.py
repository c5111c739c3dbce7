"""A process's environment variables.

Names compare without regard to case and keep the spelling and the place they were first given, as in a DOS
environment block. A name may begin with '=' (the per-drive current directories, "=C:=C:\\DIR"). Values are text;
`block` lays them out as the guest reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping

from w9x_client.abi import codepage

MAX_BLOCK = 0x7FFF
"""Longest block (bytes) Windows 9x keeps: SetEnvironmentVariable's documented 32 KB."""


class Environment(MutableMapping[str, str]):
    """Variables by name, case-insensitive, in order.

    Args:
        initial: pairs to start with; later ones win.
    """

    def __init__(self, initial: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        self._items: dict[str, tuple[str, str]] = {}
        self.generation = 0
        """Grows with every change, so that a cached block can be told from a stale one."""
        for name, value in initial.items() if isinstance(initial, Mapping) else initial:
            self[name] = value

    def __getitem__(self, name: str) -> str:
        return self._items[name.upper()][1]

    def __setitem__(self, name: str, value: str) -> None:
        if not name or "=" in name[1:] or "\0" in name or "\0" in value:
            raise ValueError(f"bad environment variable name {name!r}")
        key = name.upper()
        old = self._items.get(key)
        self._items[key] = (old[0] if old else name, value)
        self.generation += 1

    def __delitem__(self, name: str) -> None:
        del self._items[name.upper()]
        self.generation += 1

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._items.values())

    def __len__(self) -> int:
        return len(self._items)

    def copy(self) -> Environment:
        """An independent copy: what a child process inherits."""
        return Environment(self)

    def text(self) -> str:
        r"""NAME=value\0NAME=value\0\0; an empty environment is two zeros."""
        return ("".join(f"{name}={value}\0" for name, value in self._items.values()) or "\0") + "\0"

    def block(self, wide: bool, page: int = 1252) -> bytes:
        """The block as the guest reads it: UTF-16LE, or bytes of code page ``page``."""
        text = self.text()
        return text.encode("utf-16-le", "surrogatepass") if wide else codepage.encode(text, page)

    @classmethod
    def parse(cls, text: str) -> Environment:
        """Read a block back (CreateProcess's lpEnvironment); entries without '=' are dropped."""
        found = cls()
        for entry in text.split("\0"):
            if not entry:
                break
            at = entry.find("=", 1)
            if at > 0:
                found[entry[:at]] = entry[at + 1 :]
        return found

    def expand(self, text: str) -> str:
        """``text`` with every %NAME% of a known variable replaced; unknown ones stay (ExpandEnvironmentStrings)."""
        parts: list[str] = []
        at = 0
        while True:
            start = text.find("%", at)
            end = text.find("%", start + 1) if start >= 0 else -1
            if end < 0:
                parts.append(text[at:])
                return "".join(parts)
            value = self.get(text[start + 1 : end]) if end > start + 1 else None
            if value is None:
                parts.append(text[at:end])
                at = end
            else:
                parts.append(text[at:start] + value)
                at = end + 1
