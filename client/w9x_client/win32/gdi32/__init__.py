"""GDI32: importing this package declares its exports, topic by topic."""

from .dll import gdi32

__all__ = ["gdi32"]
