"""Fixtures of the conformance tests."""

from tests.guest.fixtures import w9x

__all__ = ["w9x"]
