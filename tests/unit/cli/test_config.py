"""`w9x config` keeps what the user wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from w9x_client.cli import settings
from w9x_client.cli.main import run as main


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings file of an empty home."""
    monkeypatch.setenv("W9X_HOME", str(tmp_path))
    return settings.path()


def config(*words: str) -> int:
    return main(["config", *words])


def test_what_is_set_is_got_and_can_be_unset(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert config("set", "windows", "95") == 0
    assert config("get", "windows") == 0
    assert capsys.readouterr().out == "95\n"
    assert config("unset", "windows") == 0
    assert config("get", "windows") == 1
    assert config("unset", "windows") == 1


def test_a_programs_setting_is_found_by_any_spelling(file: Path) -> None:
    assert config("set", "--program", "Game", "arena", "private") == 0
    assert config("set", "--program", "C:\\X\\GAME.EXE", "timeout", "2.5") == 0
    found = settings.load().for_program("game.exe")
    assert (found.arena, found.timeout) == ("private", 2.5)


def test_comments_and_order_survive(file: Path) -> None:
    file.write_text('# mine\n[defaults]\ntimeout = 5 # seconds\n\n[program."a.exe"]\nwindows = "95"\n')
    assert config("set", "engine", "unicorn") == 0
    assert config("set", "--program", "A.EXE", "windows", "me") == 0
    text = file.read_text()
    assert text.startswith("# mine\n[defaults]\ntimeout = 5 # seconds\n")
    assert '[program."a.exe"]\nwindows = "me"' in text


def test_tables_are_set_entry_by_entry(file: Path, tmp_path: Path) -> None:
    assert config("set", "drives.d", str(tmp_path)) == 0
    assert config("set", "drives.D", "/usr:ro") == 0
    assert config("set", "env.PATH", "C:\\BIN") == 0
    found = settings.load().for_program("x")
    assert found.drives == {"D": "/usr:ro"}
    assert found.env == {"PATH": "C:\\BIN"}
    assert config("unset", "env.path") == 0
    assert settings.load().for_program("x").env == {}


@pytest.mark.parametrize(
    "words",
    [
        ("nope", "1"),
        ("windows", "3.1"),
        ("timeout", "-1"),
        ("timeout", "soon"),
        ("drives", "/x"),
        ("env", "A"),
        ("windows.x", "95"),
        ("drives.1", "/x"),
    ],
)
def test_nothing_invalid_is_written(file: Path, words: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert config("set", *words) == 2
    assert not file.exists()
    assert capsys.readouterr().err.startswith("w9x: ")


def test_a_damaged_file_is_reported_and_not_overwritten(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("[defaults\n")
    assert config("set", "windows", "95") == 2
    assert file.read_text() == "[defaults\n"


def test_what_an_editor_left_behind_is_checked(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "true")
    assert config("edit") == 0
    assert file.read_text().startswith("# Settings")
    monkeypatch.setenv("EDITOR", "sed -i s/defaults/default/")
    assert config("edit") == 2
    assert "unknown section [default]" in capsys.readouterr().err
