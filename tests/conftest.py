"""What all tests share: the option --long, and a world of its own for each test process."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# Wall-clock deadlines say more about what else the machine does than about the code.
hypothesis.settings.register_profile("w9x", deadline=None)
hypothesis.settings.load_profile("w9x")


def pytest_addoption(parser: pytest.Parser) -> None:
    """--long runs the tests that take minutes."""
    parser.addoption("--long", action="store_true", help="run the tests marked long, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip long tests unless they are asked for."""
    if config.getoption("--long"):
        return
    skip = pytest.mark.skip(reason="takes minutes; run with --long")
    for item in items:
        if "long" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session", autouse=True)
def _private_home() -> Iterator[None]:
    """No test reads or writes the user's own drive C:, registry, settings or daemon.

    The cache of built system modules is kept in a folder of this test process; a test that wants a world of its own
    sets the same variables for itself.
    """
    # Short, because a Unix socket's path is limited to 107 bytes.
    with tempfile.TemporaryDirectory(prefix="w9xh-", ignore_cleanup_errors=True) as folder:
        runtime = Path(folder, "run")
        runtime.mkdir(mode=0o700)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("W9X_HOME", os.path.join(folder, "home"))
            patch.setenv("W9X_RUNTIME_DIR", str(runtime))
            yield
