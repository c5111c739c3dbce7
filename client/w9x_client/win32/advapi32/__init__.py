"""ADVAPI32: importing this package declares its exports, topic by topic."""

from . import (  # noqa: F401  # importing a topic declares its exports
    crypt,
    registry,
    security,
    services,
    user,
)
from .dll import advapi32

__all__ = ["advapi32"]
