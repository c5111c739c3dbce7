"""Every conformance program prints what Windows prints."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from tests.conformance.cases import Case, cases
from tests.guest.run import Runner


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_program_prints_what_windows_prints(case: Case, w9x: Runner, tmp_path: Path) -> None:
    wanted = case.expected_path.read_text(encoding="latin-1")
    if w9x.is_reference and "by hand" in case.provenance_path.read_text(encoding="utf-8").lower():
        pytest.xfail("lines written from documentation, because the reference differs from Windows 98 there")
    printed = case.run(w9x, tmp_path)
    changes = difflib.unified_diff(wanted.splitlines(), printed.splitlines(), "Windows", "this run", lineterm="", n=1)
    assert printed == wanted, "\n".join([*changes, case.error_output])


def test_every_program_says_where_its_expectation_comes_from() -> None:
    for case in cases():
        assert case.provenance_path.is_file(), case.name
        assert len(case.provenance_path.read_text(encoding="utf-8").split()) > 5, case.name
