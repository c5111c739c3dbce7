"""Fixtures of the loader's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .support import FakeProcess


@pytest.fixture(scope="session")
def builtin_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built system modules, once per test process."""
    return tmp_path_factory.mktemp("builtin")


@pytest.fixture
def process(tmp_path: Path, builtin_cache: Path) -> Iterator[FakeProcess]:
    """A fresh process with an empty drive C."""
    fake = FakeProcess(tmp_path, builtin_cache)
    yield fake
    fake.close()


def pytest_addoption(parser: pytest.Parser) -> None:
    """--long may already belong to an outer conftest."""
    try:
        parser.addoption("--long", action="store_true", help="run the long fuzz budgets")
    except ValueError:
        pass
