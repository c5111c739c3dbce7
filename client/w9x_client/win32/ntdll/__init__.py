"""NTDLL: importing this package declares its exports, topic by topic."""

from . import (  # noqa: F401  # importing a topic declares its exports
    rtl,
)
from .dll import ntdll

__all__ = ["ntdll"]
