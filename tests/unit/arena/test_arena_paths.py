"""Where the runtime directory is, and which ones are refused."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from w9x_arena import paths


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    xdg = [f"XDG_{name}" for name in ("RUNTIME_DIR", "DATA_HOME", "CONFIG_HOME", "CACHE_HOME")]
    for name in ("W9X_RUNTIME_DIR", "W9X_HOME", *xdg):
        monkeypatch.delenv(name, raising=False)


def test_runtime_dir_is_made_private_in_xdg_runtime_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert paths.runtime_dir() == tmp_path / "w9x"
    assert stat.S_IMODE(os.lstat(tmp_path / "w9x").st_mode) == 0o700


def test_runtime_dir_falls_back_to_a_folder_named_after_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", "relative/is/ignored")
    assert paths.runtime_dir() == tmp_path / f"w9x-{os.getuid()}"


def test_runtime_dir_override_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/nonexistent")
    monkeypatch.setenv("W9X_RUNTIME_DIR", str(tmp_path / "here"))
    assert paths.socket_path().parent == paths.arena_path().parent == tmp_path / "here"


def test_symbolic_link_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("real")
    monkeypatch.setenv("W9X_RUNTIME_DIR", str(tmp_path / "link"))
    with pytest.raises(paths.PathError, match="symbolic link"):
        paths.runtime_dir()


@pytest.mark.parametrize("mode", [0o750, 0o701, 0o777])
def test_directory_open_to_others_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(mode)
    monkeypatch.setenv("W9X_RUNTIME_DIR", str(tmp_path / "open"))
    with pytest.raises(paths.PathError, match="open to other users"):
        paths.runtime_dir()


def test_directory_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other").mkdir(mode=0o700)
    monkeypatch.setenv("W9X_RUNTIME_DIR", str(tmp_path / "other"))
    monkeypatch.setattr(os, "getuid", lambda: os.stat(tmp_path).st_uid + 1)
    with pytest.raises(paths.PathError, match="belongs to uid"):
        paths.runtime_dir()


def test_a_file_in_the_way_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch(mode=0o600)
    monkeypatch.setenv("W9X_RUNTIME_DIR", str(tmp_path / "file"))
    with pytest.raises(paths.PathError, match="not a directory"):
        paths.runtime_dir()


def test_missing_parent_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("W9X_RUNTIME_DIR", str(tmp_path / "a" / "b"))
    with pytest.raises(paths.PathError, match="cannot create"):
        paths.runtime_dir()


def test_socket_path_that_no_socket_can_have_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("W9X_RUNTIME_DIR", str(tmp_path / ("x" * 100)))
    with pytest.raises(paths.PathError, match="longer than 107 bytes"):
        paths.socket_path()


def test_home_override_moves_data_config_and_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("W9X_HOME", str(tmp_path))
    assert (paths.data_dir(), paths.config_dir(), paths.cache_dir()) == (
        tmp_path / "data",
        tmp_path / "config",
        tmp_path / "cache",
    )


def test_xdg_directories_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "d"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert paths.data_dir() == tmp_path / "d" / "w9x"
    assert paths.config_dir() == tmp_path / ".config" / "w9x"
    assert paths.cache_dir().is_dir()
