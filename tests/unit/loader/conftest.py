"""Fixtures of the loader's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from w9x_client.loader import attach

from .support import FakeProcess


@pytest.fixture(scope="session")
def builtin_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built system modules, once per test process."""
    return tmp_path_factory.mktemp("builtin")


@pytest.fixture
def process(tmp_path: Path, builtin_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProcess]:
    """A fresh process with an empty drive C; system modules' start-up hooks are only noted in its ``calls``."""
    fake = FakeProcess(tmp_path, builtin_cache)

    def find_hooks(name: str, topics: list[str]) -> list[Callable[[Any], None]]:
        return [lambda t: t.process.calls.append((f"hook of {name}", 1, 0))]

    monkeypatch.setattr(attach, "find_hooks", find_hooks)
    yield fake
    fake.close()
