"""WINMM: importing this package declares its exports, topic by topic."""

from .dll import winmm

__all__ = ["winmm"]
