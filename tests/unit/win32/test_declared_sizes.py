"""Every declared function pops what the import libraries of mingw-w64 say it pops.

A stdcall export's name in an import library carries its argument bytes ("_MulDiv@12"): an independent statement of
every arity.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from w9x_client.abi import find_dll
from w9x_client.abi.compile import signature

LIBRARIES = Path("/usr/i686-w64-mingw32/lib")
NM = shutil.which("i686-w64-mingw32-nm")
DLLS = (
    "advapi32", "gdi32", "kernel32", "lz32", "ole32", "oleaut32", "shell32", "shlwapi", "user32", "version", "winmm",
    "ws2_32", "wsock32",
)  # fmt: skip

pytestmark = pytest.mark.skipif(NM is None or not LIBRARIES.is_dir(), reason="needs mingw-w64's import libraries")


@cache
def library_sizes(dll: str) -> dict[str, int]:
    library = LIBRARIES / f"lib{dll}.a"
    listing = subprocess.run([str(NM), str(library)], capture_output=True, text=True, check=False).stdout
    return {name: int(size) for name, size in re.findall(r" T _(\w+)@(\d+)", listing)}


@pytest.mark.parametrize("dll", DLLS)
def test_declared_functions_pop_what_import_libraries_say(dll: str) -> None:
    declared = find_dll(dll)
    if declared is None:
        pytest.skip(f"{dll} has no declarations yet")
    sizes = library_sizes(dll)
    wrong = {
        name: (signature(export).pops, sizes[name])
        for name, export in declared.exports.items()
        if export.convention == "stdcall" and name in sizes and signature(export).pops != sizes[name]
    }
    assert not wrong, f"(declared, import library) bytes: {wrong}"
    assert not declared.exports or sizes
