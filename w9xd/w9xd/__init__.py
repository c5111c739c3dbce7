"""The w9x daemon: the ledgers that all emulated processes of a user share."""

from w9x_arena import __version__

__all__ = ["__version__"]
