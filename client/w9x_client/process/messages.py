"""One-line diagnostics to the user, on the host's standard error."""

from __future__ import annotations

import os


class Messages:
    """Writes ``w9x: ...`` lines; each distinct text of `once` only the first time."""

    def __init__(self, fd: int = 2) -> None:
        self._fd = fd
        self._said: set[str] = set()

    def warn(self, text: str) -> None:
        """Say ``text`` on a line of its own. A closed standard error is no reason to fail.

        Names come from the guest's files: what is no printable character must not reach a terminal.
        """
        shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
        line = f"w9x: {shown}\n".encode("utf-8", "backslashreplace")
        try:
            os.write(self._fd, line)
        except OSError:
            pass

    def once(self, text: str) -> None:
        """`warn`, unless it has been said."""
        if text not in self._said:
            self._said.add(text)
            self.warn(text)
