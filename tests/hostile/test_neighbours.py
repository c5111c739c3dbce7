"""Programs that share memory, where one of them does harm: what the other sees is documented, and never a crash."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.guest.fixtures import w9x
from tests.guest.run import Runner, kill_group, shown

from .test_host import attacker

__all__ = ["attacker", "w9x"]
ERROR_INVALID_PARAMETER = 87
ACCESS_VIOLATION = 0xC0000005 & 0xFF
Guest = subprocess.Popen[bytes]


@pytest.fixture
def begin(w9x: Runner, attacker: Path) -> Iterator[Callable[..., Guest]]:
    """Starts the attacker in the background."""
    started: list[Guest] = []

    def start(*words: str, options: tuple[str, ...] = ()) -> Guest:
        started.append(w9x.popen(attacker, words, options=options, stderr=subprocess.PIPE))
        return started[-1]

    yield start
    for guest in started:
        if guest.poll() is None:
            kill_group(guest)
        guest.communicate()


def line(guest: Guest) -> str:
    """The next line of a guest's output."""
    assert guest.stdout is not None
    return guest.stdout.readline().decode().strip()


def go_on(guest: Guest) -> None:
    """Give a guest the line of input it waits for."""
    assert guest.stdin is not None
    guest.stdin.write(b"\n")
    guest.stdin.flush()


def test_a_patched_program_is_patched_for_itself_alone(begin: Callable[..., Guest]) -> None:
    """Read-only pages of an image are shared; one that is made writable becomes its process's own."""
    patched = begin("patch", "own", "write")
    before = line(patched)
    assert before.startswith("1 0 ")
    assert line(patched) == "ready cc"
    other = begin("patch", "own")
    assert line(other) == before
    assert line(other) == f"ready {before[-2:]}"


def test_system_code_cannot_be_made_writable(begin: Callable[..., Guest]) -> None:
    """KB Q170426: VirtualProtect fails with ERROR_INVALID_PARAMETER from 2 GB on."""
    assert line(begin("patch", "GetTickCount", "write")).startswith(f"0 {ERROR_INVALID_PARAMETER} ")


def test_memory_that_its_owner_has_freed_is_gone_for_all(begin: Callable[..., Guest]) -> None:
    owner = begin("hold")
    address = line(owner)
    other = begin("touch", address)
    assert line(other) == "5a"
    go_on(owner)
    assert line(owner) == "freed"
    out, err = other.communicate(b"\n", timeout=30)
    assert out == b"" and other.returncode == ACCESS_VIOLATION, (out, err)
    assert f"reading {address}".encode() in err


def test_memory_of_a_killed_process_is_gone_for_all(w9x: Runner, begin: Callable[..., Guest]) -> None:
    owner = begin("hold")
    address = line(owner)
    other = begin("touch", address)
    assert line(other) == "5a"
    kill_group(owner)
    owner.wait()
    while w9x.w9x("ps", "--json").stdout.count(b"linux_pid") > 1:
        pass  # the daemon has not noticed yet
    out, err = other.communicate(b"\n", timeout=30)
    assert out == b"" and other.returncode == ACCESS_VIOLATION, (out, err)


@pytest.mark.parametrize("private", ["owner", "other"])
def test_a_private_arena_keeps_memory_apart(begin: Callable[..., Guest], private: str) -> None:
    options = ("--arena", "private")
    owner = begin("hold", options=options if private == "owner" else ())
    other = begin("touch", line(owner), options=options if private == "other" else ())
    out, err = other.communicate(timeout=30)
    done = subprocess.CompletedProcess("touch", other.returncode, out, err)
    assert out == b"" and other.returncode == ACCESS_VIOLATION, shown(done)
