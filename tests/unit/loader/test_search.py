"""Where DLLs are looked for, and how modules are named and found."""

from __future__ import annotations

import gc
import os
import re
from pathlib import Path

import pytest

from w9x_client.abi import Err, WinError
from w9x_client.loader import load, search
from w9x_client.loader.module import module_name

from .support import FakeProcess, make_pe


@pytest.fixture
def started(process: FakeProcess) -> FakeProcess:
    process.put("C:\\APP\\prog.exe", make_pe())
    process.start("C:\\APP\\prog.exe")
    return process


def library(name: str = "LIB.DLL") -> bytes:
    return make_pe(dll=name, base=0x1000_0000, relocations=[]).data


@pytest.mark.parametrize(
    ("given", "compared"),
    [
        ("kernel32", "KERNEL32.DLL"), ("Foo.Dll", "FOO.DLL"), ("noext.", "NOEXT"), ("c:\\a b\\x.drv", "X.DRV"),
        ("../x/y", "Y.DLL"), ("d:z", "Z.DLL"), ("a.b", "A.B"),
    ],
)  # fmt: skip
def test_names_are_compared_as_documented(given: str, compared: str) -> None:
    assert module_name(given) == compared


def test_the_search_order_is_program_current_system_windows_path(started: FakeProcess) -> None:
    places = ["C:\\APP", "C:\\WORK", "C:\\WINDOWS\\SYSTEM", "C:\\WINDOWS", "C:\\TOOLS"]
    assert search.folders(started) == places
    for place in reversed(places):
        started.put(f"{place}\\lib.dll", library())
    for place in places:
        module = started.load("lib")
        assert module.path.upper() == f"{place}\\LIB.DLL"
        started.free(module)
        (started.root / place[3:].replace("\\", "/") / "lib.dll").unlink()
        started.drives.listings = type(started.drives.listings)()
    with pytest.raises(WinError) as caught:
        started.load("lib")
    assert caught.value.code == Err.DLL_NOT_FOUND


def test_a_trailing_dot_means_no_extension(started: FakeProcess) -> None:
    started.put("C:\\APP\\plain", library())
    assert started.load("plain.").path == "C:\\APP\\plain"
    with pytest.raises(WinError):
        started.load("plain")


def test_a_path_is_taken_as_it_is(started: FakeProcess) -> None:
    started.put("C:\\TOOLS\\sub\\lib.dll", library())
    started.put("C:\\WORK\\lib.dll", library())
    module = started.load("C:\\TOOLS\\sub\\lib")
    assert module.path == "C:\\TOOLS\\sub\\lib.dll"
    assert started.load(".\\lib.dll").path == "C:\\WORK\\lib.dll"
    with pytest.raises(WinError):
        started.load("C:\\TOOLS\\none.dll")
    with pytest.raises(WinError):
        started.load("Q:\\none.dll")


def test_one_file_is_one_module_whatever_the_spelling(started: FakeProcess) -> None:
    started.put("C:\\APP\\lib.dll", library())
    module = started.load("lib")
    assert started.load("C:\\app\\LIB.DLL") is module
    assert started.load("..\\APP\\lib.dll") is module
    assert module.load_count == 3


def test_a_known_dll_is_the_system_module_even_beside_the_program(started: FakeProcess) -> None:
    started.put("C:\\APP\\user32.dll", library("USER32.DLL"))
    assert started.load("user32").is_builtin


def test_another_dll_of_a_system_modules_name_is_the_programs_own(started: FakeProcess) -> None:
    started.put("C:\\APP\\msvcrt.dll", library("MSVCRT.DLL"))
    module = started.load("msvcrt")
    assert not module.is_builtin
    assert module.path == "C:\\APP\\msvcrt.dll"


def test_a_file_in_the_system_folder_does_not_replace_a_system_module(started: FakeProcess) -> None:
    started.put("C:\\WINDOWS\\SYSTEM\\imagehlp.dll", library("IMAGEHLP.DLL"))
    assert started.load("C:\\WINDOWS\\SYSTEM\\imagehlp.dll").is_builtin
    assert started.load("imagehlp").is_builtin


def test_the_altered_search_path_starts_beside_the_library(started: FakeProcess) -> None:
    started.put("C:\\TOOLS\\x\\dep.dll", make_pe(dll="DEP.DLL", base=0x1200_0000, exports={"F": 0}))
    started.put("C:\\TOOLS\\x\\lib.dll", make_pe(dll="LIB.DLL", base=0x1000_0000, imports={"dep.dll": ["F"]}))
    with pytest.raises(WinError):
        started.load("C:\\TOOLS\\x\\lib.dll")
    started.load("C:\\TOOLS\\x\\lib.dll", load.LOAD_WITH_ALTERED_SEARCH_PATH)
    assert started.modules.by_name("dep") is not None


def test_what_is_no_dll_is_a_bad_exe_format(started: FakeProcess) -> None:
    started.put("C:\\APP\\text.dll", b"hello")
    with pytest.raises(WinError) as caught:
        started.load("text")
    assert caught.value.code == Err.BAD_EXE_FORMAT
    assert started.warnings == ["C:\\APP\\text.dll: not a Windows program"]


@pytest.mark.parametrize(
    "name", ["", "a\0b", "\\", ":", "C:", "...", "\\\\?\\C:\\x", "con", "*.dll", "x" * 5000, "a/" * 3000]
)
def test_hostile_names_are_not_found(started: FakeProcess, name: str) -> None:
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(WinError):
        started.load(name)
    assert len(os.listdir("/proc/self/fd")) <= before


def test_modules_are_found_by_base_address_name_and_path(started: FakeProcess) -> None:
    started.put("C:\\APP\\lib.dll", library())
    table, module = started.modules, started.load("lib")
    assert table.by_base(module.base) is module
    assert table.by_base(0) is table.exe
    assert table.by_base(module.base + 0x1000) is None
    assert table.by_address(module.base + 0x2004) is module
    assert table.by_address(module.base + module.size) is not module
    assert table.by_name("LIB") is module
    assert table.by_name("lib.exe") is None
    assert table.by_name("c:\\app\\lib.dll") is module
    assert table.by_name("c:\\other\\lib.dll") is None
    assert table.by_path("c:\\APP\\lib.DLL") is module
    assert [m.name for m in table] == ["prog.exe", "KERNEL32.DLL", "lib.dll"]


def test_the_known_dlls_are_those_of_the_default_registry() -> None:
    import w9xd

    (folder,) = w9xd.__path__
    text = (Path(folder) / "defaults" / "base.reg").read_text(encoding="latin-1")
    block = re.search(r"\\SessionManager\\KnownDLLs\]\r?\n(.*?)\r?\n\r?\n", text, re.S)
    assert block is not None
    assert set(re.findall(r'="([^"]+)"', block[1])) == search.KNOWN_DLLS
