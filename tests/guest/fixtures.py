"""pytest fixtures for tests that run guest programs. A conftest imports the ones it wants by name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.guest.run import Runner


@pytest.fixture(scope="session")
def w9x() -> Iterator[Runner]:
    """One isolated world per test process (so one daemon per xdist worker), stopped at the end."""
    runner = Runner()
    yield runner
    runner.stop()
