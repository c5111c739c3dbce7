"""The settings file: precedence, merging, checking."""

from __future__ import annotations

from pathlib import Path

import pytest

from w9x_client.cli import run, settings
from w9x_client.cli.errors import CommandError
from w9x_client.process.version import PROFILES


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings file of an empty home."""
    monkeypatch.setenv("W9X_HOME", str(tmp_path))
    return settings.path()


def test_no_file_means_no_settings(file: Path) -> None:
    assert settings.load().for_program("X.EXE") == settings.RunSettings()


def test_a_programs_settings_go_before_the_defaults(file: Path) -> None:
    file.write_text('[defaults]\nwindows = "95"\narena = "private"\n[program."game.exe"]\nwindows = "me"\n')
    found = settings.load().for_program("/srv/GAME.EXE")
    assert (found.windows, found.arena) == ("me", "private")
    assert settings.load().for_program("other.exe").windows == "95"


@pytest.mark.parametrize("program", ["C:\\GAMES\\Game.Exe", "/srv/game.EXE", "game", "D:game"])
def test_a_program_is_known_by_its_file_name_in_any_case(program: str) -> None:
    assert settings.program_key(program) == "GAME.EXE"


def test_drives_and_variables_are_merged_one_by_one(file: Path) -> None:
    file.write_text(
        '[defaults]\ndrives = { d = "/a", E = "/b" }\nenv = { One = "1", Two = "2" }\n'
        '[program."X.EXE"]\ndrives = { D = "/c:ro" }\nenv = { ONE = "x" }\n'
    )
    found = settings.load().for_program("x.exe")
    assert found.drives == {"D": "/c:ro", "E": "/b"}
    assert found.env == {"ONE": "x", "Two": "2"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[defaults]\nenigne = "auto"\n', "unknown setting 'enigne'; the settings are engine, arena,"),
        ('[default]\nengine = "auto"\n', "unknown section [default]"),
        ('[defaults]\nengine = "fast"\n', "one of auto, native, unicorn"),
        ("[defaults]\nwindows = 98\n", "a Windows version"),
        ("[defaults]\ntimeout = 0\n", "seconds, more than 0"),
        ("[defaults]\ntimeout = true\n", "seconds, more than 0"),
        ('[defaults]\ndrives = { DD = "/a" }\n', "no drive letter"),
        ('[defaults]\ndrives = { D = "relative" }\n', "write the whole path"),
        ('[defaults]\nenv = { "A=B" = "x" }\n', "no variable name"),
        ("[defaults]\nenv = 5\n", "a table"),
        ("[defaults\n", "config.toml"),
        ("program = 3\n", "program is not a table"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_is_valid(file: Path, text: str, said: str) -> None:
    file.write_text(text)
    with pytest.raises(CommandError) as failed:
        settings.load()
    assert failed.value.exit_code == 2
    assert said in str(failed.value)
    assert "\n" not in str(failed.value)
    assert str(file) in str(failed.value)


def merged(**how: object) -> object:
    given: dict[str, object] = {
        "engine": None, "windows": None, "arena": None, "drives": (), "environment": (), "timeout": None,
    }  # fmt: skip
    return run.merge("x.exe", ["a"], **(given | how))  # type: ignore[arg-type]  # what click would pass


def test_the_command_line_goes_before_the_settings(file: Path) -> None:
    file.write_text(
        '[defaults]\nwindows = "95"\ntimeout = 5\ndrives = { D = "/a", E = "/b" }\nenv = { A = "1", B = "2" }\n'
    )
    options = merged(windows="me", drives=("d:=/c",), environment=("A=9",))
    assert options.windows == "me"  # type: ignore[attr-defined]  # a RunOptions
    assert options.timeout == 5  # type: ignore[attr-defined]  # the same
    assert options.drives == ["E:=/b", "d:=/c"]  # type: ignore[attr-defined]  # the same
    # a later assignment of a variable wins
    assert options.environment == ["A=1", "B=2", "A=9"]  # type: ignore[attr-defined]  # the same


def test_the_command_line_offers_every_windows_profile() -> None:
    assert tuple(PROFILES) == run.WINDOWS
