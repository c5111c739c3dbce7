"""OLEAUT32: importing this package declares its exports, topic by topic."""

from . import (  # noqa: F401  # importing a topic declares its exports
    bstr,
    conversion,
    error_info,
    safearray,
    variant,
)
from .dll import oleaut32

__all__ = ["oleaut32"]
