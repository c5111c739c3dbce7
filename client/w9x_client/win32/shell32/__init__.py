"""SHELL32: importing this package declares its exports, topic by topic."""

from .dll import shell32

__all__ = ["shell32"]
