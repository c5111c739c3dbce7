"""The fixture `guest`: a guest process per test, on every engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from w9x_client.engine import native

from .harness import Guest

_POSSIBLE, _REASON = native.available()
ENGINES = [
    "unicorn",
    pytest.param("native", marks=pytest.mark.skipif(not _POSSIBLE, reason=f"native engine: {_REASON}")),
]


@pytest.fixture(params=ENGINES)
def engine_name(request: pytest.FixtureRequest) -> str:
    """Each engine in turn."""
    return str(request.param)


@pytest.fixture
def make_guest(engine_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Guest]]:
    """Makes guests with options (``windows="95"``, ``drives=...``)."""
    made: list[Guest] = []

    def make(**options: Any) -> Guest:
        guest = Guest(engine_name, tmp_path / "home", **options)
        made.append(guest)
        return guest

    yield make
    for guest in made:
        guest.close()


@pytest.fixture
def guest(make_guest: Callable[..., Guest]) -> Guest:
    """A Windows 98 SE process."""
    return make_guest()
