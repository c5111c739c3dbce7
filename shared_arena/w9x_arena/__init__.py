"""What two w9x processes must agree on: address layout, arena file, messages."""

__version__ = "0.1.0"
"""The product's version, for all its packages."""
