"""Output that is too long for an `expected` file."""

from __future__ import annotations

from pathlib import Path

from tests.conformance.cases import PROGRAMS, Case
from tests.guest.run import Runner


def test_a_hundred_thousand_lines_arrive_whole_and_in_order(w9x: Runner, tmp_path: Path) -> None:
    done = w9x.run(Case.read(PROGRAMS / "console/lines.c").build(tmp_path))
    assert done.returncode == 0
    assert done.stdout == b"".join(b"line %d\r\n" % i for i in range(100_000))
