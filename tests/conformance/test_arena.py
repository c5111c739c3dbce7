"""Two processes, two different programs, one address: what the shared arena promises."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.cases import PROGRAMS, Case
from tests.guest.run import Runner, kill_group


class Guest:
    """A running program that talks in lines."""

    def __init__(self, runner: Runner, name: str, folder: Path, options: tuple[str, ...] = ()) -> None:
        program = Case.read(PROGRAMS / f"arena/{name}.c").build(folder)
        self.process: subprocess.Popen[bytes] = runner.popen(program, cwd=folder, options=options)

    def tell(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode("latin-1").strip()

    def end(self) -> int:
        out, _ = self.process.communicate(timeout=30)
        assert out == b""
        return self.process.returncode


@pytest.fixture
def start(w9x: Runner, tmp_path: Path) -> Iterator[object]:
    if w9x.is_reference:
        pytest.skip("a shared arena is w9x's own promise")
    running: list[Guest] = []

    def begin(name: str, *options: str) -> Guest:
        running.append(Guest(w9x, name, tmp_path, options))
        return running[-1]

    yield begin
    for guest in running:
        if guest.process.poll() is None:
            kill_group(guest.process)
            guest.process.communicate()


def test_one_process_reads_and_writes_the_memory_of_another(start) -> None:
    holder = start("holder")
    addresses = holder.hear()
    visitor = start("visitor")
    visitor.tell(addresses)
    # Both EXEs have the base 00400000: each sees its own image there, so A's data is not visible to B.
    assert visitor.hear().split("|")[0] == "written by A"
    assert visitor.hear() == "written"
    holder.tell("")
    assert holder.hear() == "written by B|far end|data of program A"
    assert holder.hear() == "changed"
    visitor.tell("")
    assert visitor.hear() == "changed by A"
    holder.tell("")
    assert holder.end() == 11
    assert visitor.end() == 12


@pytest.mark.parametrize("victim", ["holder", "visitor"])
def test_a_killed_process_does_not_take_the_arena_with_it(start, victim: str) -> None:
    holder, visitor = start("holder"), None
    addresses = holder.hear()
    visitor = start("visitor")
    visitor.tell(addresses)
    visitor.hear()
    visitor.hear()
    killed, other = (holder, visitor) if victim == "holder" else (visitor, holder)
    kill_group(killed.process)
    killed.process.communicate()
    if victim == "visitor":
        other.tell("")
        assert other.hear() == "written by B|far end|data of program A"
        assert other.hear() == "changed"
        other.tell("")
        assert other.end() == 11
    # Whatever became of the survivor, a new pair works as before.
    again = start("holder")
    fresh = start("visitor")
    fresh.tell(again.hear())
    assert fresh.hear().split("|")[0] == "written by A"


def test_a_private_arena_hides_the_memory(start) -> None:
    holder = start("holder")
    addresses = holder.hear()
    visitor = start("visitor", "--arena", "private")
    visitor.tell(addresses)
    assert "written by A" not in visitor.hear()
    holder.tell("")
    assert holder.hear() == "written by A||data of program A"


def test_two_instances_of_one_program_have_their_own_data(start) -> None:
    first, second = start("holder"), start("holder")
    one, two = first.hear().split(), second.hear().split()
    assert one[0] != two[0], "shared memory of two processes at one address"
    assert one[1] == two[1], "the data section of the same image"
    visitor = start("visitor")
    visitor.tell(f"{one[0]} {two[1]}")
    assert visitor.hear().split("|")[0] == "written by A"
    assert visitor.hear() == "written"
    for guest in (first, second):
        guest.tell("")
    assert first.hear() == "written by B|far end|data of program A"
    assert second.hear() == "written by A||data of program A"
