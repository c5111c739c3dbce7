"""USER32: importing this package declares its exports, topic by topic."""

from . import (  # noqa: F401  # importing a topic declares its exports
    message_box,
    metrics,
    rect,
    string_table,
    text,
)
from .dll import user32

__all__ = ["user32"]
