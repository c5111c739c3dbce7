"""Devices that CreateFile opens by ``\\\\.\\NAME``: VxDs, by their file or device name.

Packages above the API register theirs here; the API finds them without importing them. A factory is called with
(task, name as the program wrote it) and returns the kernel object that the handle refers to; it may raise WinError.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

factories: dict[str, Callable[[Any, str], Any]] = {}
"""Upper-case name without ".VXD" -> factory."""


def find(name: str) -> Callable[[Any, str], Any] | None:
    """The factory for ``\\\\.\\name``; the ``.VXD`` extension is optional."""
    return factories.get(name.upper().removesuffix(".VXD"))
