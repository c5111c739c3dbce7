"""NTDLL: importing this package declares its exports, topic by topic."""

from . import rtl  # noqa: F401  # importing a topic declares its exports
from .dll import ntdll

__all__ = ["ntdll"]
