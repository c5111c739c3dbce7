"""VERSION: importing this package declares its exports, topic by topic."""

from . import (  # noqa: F401  # importing a topic declares its exports
    version_info,
)
from .dll import version

__all__ = ["version"]
