"""Fixtures of the command's end-to-end tests: each test has a world (daemon, registry, settings) of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.guest.build import build_exe
from tests.guest.run import Runner, kill_group

PROGRAM = Path(__file__).parent / "programs/holder.c"


@pytest.fixture
def world() -> Iterator[Runner]:
    """A world of its own, removed with everything that still runs in it."""
    runner = Runner()
    runner.reference = None  # these tests are about the command, not about Windows
    yield runner
    runner.w9x("stop", "--kill", timeout=30)
    runner.stop()


@pytest.fixture(scope="session")
def holder() -> Path:
    """The program that holds memory until it is told to go."""
    return build_exe("holder", [PROGRAM])


@pytest.fixture
def start(world: Runner, holder: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts the program in the background."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(*arguments: str, options: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
        guest = world.popen(holder, arguments, options=options, stderr=subprocess.PIPE)
        started.append(guest)
        return guest

    yield begin
    for guest in started:
        if guest.poll() is None:
            kill_group(guest)
        guest.communicate()
