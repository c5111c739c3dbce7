"""Fixtures of the KERNEL32 tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from w9x_client.process.ticker import Ticker

from ..harness import Guest


@pytest.fixture
def ticking(guest: Guest) -> Iterator[Guest]:
    """A guest whose threads are preempted."""
    ticker = Ticker(guest.process, None, lambda: None, lambda number: None)
    ticker.start()
    yield guest
    ticker.close()
