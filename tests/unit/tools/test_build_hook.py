"""The build hook adds the guest routines where they can be built, and never stands in the way where they cannot."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("hatchling", reason="hatchling is not installed")
ROOT = Path(__file__).resolve().parents[3]
PRODUCT = "client/w9x_client/engine/guestcode.bin"


class App:
    """What hatchling shows to the user."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def display_warning(self, text: str) -> None:
        self.warnings.append(text)


def build(root: Path, script: str | None) -> tuple[list[str], list[str]]:
    """(artifacts, warnings) of a build of ``root`` with this build script."""
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if script is not None:
        (root / "tools").mkdir()
        (root / "tools/build_guestcode.py").write_text(script)
    (root / PRODUCT).parent.mkdir(parents=True)
    app = App()
    hook = module.CompileHook(str(root), {}, None, None, str(root), "wheel", app)
    data: dict[str, Any] = {"artifacts": []}
    hook.initialize("standard", data)
    return data["artifacts"], app.warnings


def test_what_was_built_goes_into_the_wheel(tmp_path: Path) -> None:
    script = "def build(out):\n    out.write_bytes(b'x')\n    return True\n"
    assert build(tmp_path, script) == ([PRODUCT], [])


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("def build(out):\n    return False\n", "no suitable C compiler"),
        ("def build(out):\n    raise SystemExit('error: x.c:1')\n", "x.c:1"),
        ("import no_such_module_at_all\n", "no_such_module_at_all"),
    ],
)
def test_what_cannot_be_built_is_a_warning(tmp_path: Path, script: str, said: str) -> None:
    artifacts, (warning,) = build(tmp_path, script)
    assert artifacts == []
    assert said in warning


def test_a_source_without_the_script_builds_silently(tmp_path: Path) -> None:
    assert build(tmp_path, None) == ([], [])
