"""One emulated process: threads, scheduling, exceptions, handles, waitable objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .process import Process
    from .task import Task

__all__ = ["Process", "Task"]


def __getattr__(name: str) -> Any:
    """`Process` and `Task` are loaded when they are first used: the parts of this package import each other freely."""
    if name == "Process":
        from .process import Process

        return Process
    if name == "Task":
        from .task import Task

        return Task
    raise AttributeError(name)
