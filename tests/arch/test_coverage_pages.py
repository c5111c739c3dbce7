"""docs/api says what the declarations say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_committed_pages_are_fresh() -> None:
    # In a process of its own: other tests declare DLLs and exports, which would appear on the pages.
    checked = subprocess.run(
        [sys.executable, str(ROOT / "tools/coverage.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
