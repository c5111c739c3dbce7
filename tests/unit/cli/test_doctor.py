"""`w9x doctor` finds what is wrong and says how to mend it."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from types import SimpleNamespace

import pytest

from w9x_client.cli import doctor
from w9x_client.cli.main import run as main


def by_topic(results: list[doctor.Result]) -> dict[str, doctor.Result]:
    return {result.topic: result for result in results}


def test_a_runtime_directory_open_to_others_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_to_all = tmp_path / "run"
    open_to_all.mkdir()
    open_to_all.chmod(0o755)
    monkeypatch.setenv("W9X_RUNTIME_DIR", str(open_to_all))
    found = by_topic(doctor.check_directories())["runtime"]
    assert found.word == "fail"
    assert "chmod 700" in found.text


@pytest.mark.parametrize(("free", "word"), [(1 << 20, "fail"), (100 << 20, "warn"), (1 << 40, "ok")])
def test_little_room_for_the_arena_is_told(free: int, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        os, "statvfs", lambda _path: SimpleNamespace(f_bavail=free // 4096, f_blocks=1 << 30, f_frsize=4096)
    )
    found = by_topic(doctor.check_directories())["arena"]
    assert found.word == word
    assert bool(found.mend) == (word != "ok")


def test_an_address_space_limit_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (1 << 30, 1 << 30))
    found = by_topic(doctor.check_limits())["address space"]
    assert (found.word, found.mend) == ("fail", "ulimit -v unlimited")


def test_a_missing_package_fails_with_its_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_PACKAGES", ("no_such_package_of_ours",))
    (found,) = doctor.check_packages()
    assert (found.word, found.mend) == ("fail", "pip install no_such_package_of_ours")


def test_a_check_that_breaks_is_a_finding(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def check_luck() -> list[doctor.Result]:
        raise ZeroDivisionError("none")

    monkeypatch.setattr(doctor, "CHECKS", (check_luck,))
    assert main(["doctor"]) == 1
    assert "luck" in capsys.readouterr().out


def test_everything_that_is_not_well_says_how_to_mend_it() -> None:
    assert [result for result in doctor.run_checks() if result.word != "ok" and not result.mend] == []
