"""Failures of a command as the user sees them: one line, and an exit code."""

from __future__ import annotations

from typing import NoReturn

FAILURE, USAGE, NOT_RUNNING, DEFECT, INTERRUPTED, PIPE_CLOSED = 1, 2, 3, 125, 130, 141
"""Exit codes. 3 is LSB's for a service that does not run, 125 the one `w9x run` uses for a defect of its own."""


class CommandError(Exception):
    """A command failed; the text is one line that says what, where and what to do."""

    def __init__(self, text: str, exit_code: int = FAILURE) -> None:
        super().__init__(text)
        self.exit_code = exit_code


def fail(text: str, exit_code: int = FAILURE) -> NoReturn:
    """Raise `CommandError`."""
    raise CommandError(text, exit_code)
