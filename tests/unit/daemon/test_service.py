"""The systemd units, and the command line of the daemon."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from w9xd import main, service

UNITS = Path(__file__).resolve().parents[3] / "systemd"


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user whose systemd cannot be reached."""
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.delenv("W9X_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(service, "_systemctl", lambda *_arguments, **_options: False)
    return tmp_path


@pytest.mark.parametrize("name", service.UNITS)
def test_units_in_the_source_tree_are_the_packages(name: str) -> None:
    assert (UNITS / name).read_text() == service.unit_text(name)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_accepts_the_units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    for name in service.UNITS:
        (tmp_path / name).write_text(service.unit_text(name, command="/bin/true"))
    files = [str(tmp_path / name) for name in service.UNITS]
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", *files], capture_output=True, text=True, timeout=60, check=False
    )
    complaints = [line for line in done.stderr.splitlines() if "w9xd" in line]
    assert complaints == []


def test_install_and_uninstall(user: Path, capsys: pytest.CaptureFixture[str]) -> None:
    units = user / "config" / "systemd" / "user"
    assert main.main(["service", "status"]) == 3
    assert main.main(["service", "install"]) == 0
    assert "cannot be reached" in capsys.readouterr().out
    assert "ListenStream=%t/w9x/w9xd.socket\n" in (units / "w9xd.socket").read_text()
    assert " -m w9xd\n" in (units / "w9xd.service").read_text()
    assert main.main(["service", "status"]) == 0
    assert main.main(["service", "uninstall"]) == 0
    assert list(units.iterdir()) == []


def test_socket_outside_the_login_directory_is_named_in_full(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("W9X_RUNTIME_DIR", str(user / "100%"))
    assert service.socket_specifier() == str(user / "100%%" / "w9xd.socket")


def test_words_are_quoted_for_systemd() -> None:
    assert service._quote('/opt/my "50%" $x\\y') == '"/opt/my \\"50%%\\" $$x\\\\y"'


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("w9xd 0.")


def test_unusable_runtime_directory_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                                monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setenv("W9X_RUNTIME_DIR", "")
    assert main.main(["--runtime-dir", str(tmp_path / "a" / "b")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
