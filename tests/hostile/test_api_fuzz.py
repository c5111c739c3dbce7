"""No export may raise into nothing or hang, whatever it is called with (see `fuzz`)."""

from __future__ import annotations

import pytest

from .fuzz import defects

DLLS = (
    "kernel32",
    "msvcrt",
    "user32",
    "advapi32",
    "oleaut32",
    "ole32",
    "shlwapi",
    "shell32",
    "version",
    "winmm",
    "ws2_32",
)
KINDS = ("0", "0xffffffff", "random:1", "shaped:1")


@pytest.mark.parametrize("share", [0.04, pytest.param(1.0, marks=[pytest.mark.long, pytest.mark.timeout(1200)])])
def test_wild_arguments_do_no_harm(share: float) -> None:
    assert defects(DLLS, KINDS, share, seed=4) == []
