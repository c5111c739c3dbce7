"""OLE32: importing this package declares its exports, topic by topic."""

from .dll import ole32

__all__ = ["ole32"]
