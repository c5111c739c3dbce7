"""A guest whose current directory is an empty folder of the test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.api.harness import Guest
from w9x_client.drives import DriveTable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Drive C: of `guest`, empty at first."""
    path = tmp_path / "c"
    path.mkdir()
    return path


@pytest.fixture
def guest(make_guest: Callable[..., Guest], folder: Path) -> Guest:
    """A guest with `folder` as drive C:, its current directory."""
    return make_guest(drives=DriveTable(folder))
