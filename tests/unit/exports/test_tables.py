"""The export tables parse, agree with themselves, and hold facts that Microsoft's documents and headers state."""

from __future__ import annotations

import pytest

from w9x_client.loader import exports
from w9x_client.loader.exports.demand import PROGRAMS, demand

ALL = exports.modules()


def table(dll: str) -> exports.ExportTable:
    found = exports.load(dll)
    assert found is not None
    return found


@pytest.mark.parametrize("dll", ALL)
def test_table_is_consistent(dll: str) -> None:
    rows = table(dll).exports
    named = [e.name for e in rows if e.name]
    numbered = [e.ordinal for e in rows if e.ordinal is not None]
    assert len(set(named)) == len(named)
    assert len(set(numbered)) == len(numbered)
    for export in rows:
        assert export.name or export.ordinal is not None
        assert export.ordinal is None or 0 < export.ordinal <= 0xFFFF
        assert export.since in (*exports.VERSIONS, exports.LATER)
        assert export.kind in ("", "data", "forward")
        assert (export.forward is not None) == (export.kind == "forward")


@pytest.mark.parametrize("dll", ALL)
def test_completeness_is_declared(dll: str) -> None:
    assert table(dll).completeness.startswith(("full", "partial", "none"))


def test_every_demanded_function_has_a_line() -> None:
    missing = []
    for dll, functions in demand().items():
        found = exports.load(dll)
        for function in functions:
            if function.startswith("#"):
                present = found is not None and int(function[1:]) in found.by_ordinal
            else:
                present = found is not None and function in found.by_name
            if not present:
                missing.append((dll, function))
    assert missing == []


def test_demand_counts_programs() -> None:
    counts = demand()["kernel32.dll"]
    assert counts["GetModuleHandleA"] == 690
    assert all(0 < n <= PROGRAMS for functions in demand().values() for n in functions.values())


# Sources: winsock.h/winsock2.h import libraries, oleauto.h, commctrl.h and shlobj.h documentation ("export ordinal N"),
# Knowledge Base articles on by-ordinal exports; KERNEL32's nameless block is A. Schulman's list.
@pytest.mark.parametrize(
    ("dll", "ordinal", "label"),
    [
        ("ws2_32", 115, "WSAStartup"),
        ("ws2_32", 116, "WSACleanup"),
        ("ws2_32", 19, "send"),
        ("ws2_32", 16, "recv"),
        ("ws2_32", 23, "socket"),
        ("ws2_32", 11, "inet_addr"),
        ("wsock32", 10, "inet_addr"),
        ("wsock32", 115, "WSAStartup"),
        ("wsock32", 57, "gethostname"),
        ("wsock32", 1107, "WSARecvEx"),
        ("oleaut32", 2, "SysAllocString"),
        ("oleaut32", 6, "SysFreeString"),
        ("oleaut32", 9, "VariantClear"),
        ("oleaut32", 15, "SafeArrayCreate"),
        ("oleaut32", 161, "LoadTypeLib"),
        ("comctl32", 17, "InitCommonControls"),
        ("comctl32", 410, "SetWindowSubclass"),
        ("comctl32", 332, "DPA_GetPtr"),
        ("shell32", 61, "RunFileDlg"),
        ("shell32", 60, "ExitWindowsDialog"),
        ("shell32", 155, "ILFree"),
        ("shell32", 25, "ILCombine"),
        ("dsound", 1, "DirectSoundCreate"),
        ("dplayx", 4, "DirectPlayLobbyCreateA"),
        ("olepro32", 251, "OleLoadPicture"),
        ("kernel32", 1, "VxDCall0"),
        ("kernel32", 35, "LoadLibrary16"),
        ("kernel32", 93, "GetpWin16Lock"),
    ],
)
def test_ordinal(dll: str, ordinal: int, label: str) -> None:
    assert table(dll).by_ordinal[ordinal].label == label


def test_undocumented_kernel32_block_has_no_names() -> None:
    block = [e for e in table("kernel32").exports if e.ordinal is not None]
    assert len(block) > 80
    assert all(e.name is None and e.ordinal <= 100 for e in block if e.ordinal)


@pytest.mark.parametrize(
    ("dll", "name"),
    [
        ("kernel32", "GetTickCount64"),
        ("kernel32", "InitializeSRWLock"),
        ("kernel32", "IsWow64Process"),
        ("kernel32", "AddVectoredExceptionHandler"),
        ("kernel32", "GetConsoleWindow"),
        ("kernel32", "SetFilePointerEx"),
        ("kernel32", "EncodePointer"),
        ("user32", "SetLayeredWindowAttributes"),
        ("advapi32", "RegGetValueW"),
        ("ws2_32", "getaddrinfo"),
        ("ole32", "CoCreateInstanceFromApp"),
        ("comctl32", "TaskDialogIndirect"),
        ("msvcrt", "strcpy_s"),
        ("dsound", "DirectSoundCreate8"),
    ],
)
@pytest.mark.parametrize("version", exports.VERSIONS)
def test_function_of_windows_nt_5_and_later_is_on_no_windows_9x(dll: str, name: str, version: str) -> None:
    assert name not in {e.name for e in table(dll).visible(version)}


# "Requirements" sections of the Platform SDK.
@pytest.mark.parametrize(
    ("dll", "name", "since"),
    [
        ("kernel32", "CreateFileA", "95"),
        ("kernel32", "CreateFileW", "95"),
        ("kernel32", "RegisterServiceProcess", "95"),
        ("kernel32", "QT_Thunk", "95"),
        ("kernel32", "GetDiskFreeSpaceExA", "95osr2"),
        ("kernel32", "SwitchToFiber", "98"),
        ("kernel32", "InterlockedCompareExchange", "98"),
        ("kernel32", "GetLongPathNameA", "98"),
        ("kernel32", "OpenThread", "me"),
        ("user32", "MonitorFromPoint", "98"),
        ("user32", "SendInput", "98"),
        ("msimg32", "AlphaBlend", "98"),
        ("ddraw", "DirectDrawCreateEx", "me"),
    ],
)
def test_first_version(dll: str, name: str, since: str) -> None:
    assert table(dll).by_name[name].since == since


def test_versions_only_add() -> None:
    for dll in ALL:
        seen: set[exports.Export] = set()
        for version in exports.VERSIONS:
            now = set(table(dll).visible(version))
            assert seen <= now
            seen = now


def test_visible_rejects_an_unknown_version() -> None:
    with pytest.raises(ValueError):
        table("kernel32").visible("2000")


@pytest.mark.parametrize("name", ["_iob", "_fmode", "_adjust_fdiv", "_acmdln"])
def test_c_library_variables_are_data(name: str) -> None:
    assert table("msvcrt").by_name[name].kind == "data"


@pytest.mark.parametrize("spelling", ["kernel32", "KERNEL32", "Kernel32.DLL"])
def test_load_takes_any_spelling(spelling: str) -> None:
    assert exports.load(spelling) is exports.load("kernel32.dll")


@pytest.mark.parametrize("name", ["", ".dll", "nosuch", "../demand", "demand", "modules", "winspool"])
def test_load_of_something_else_is_none(name: str) -> None:
    assert exports.load(name) is None


def test_other_extension_is_part_of_the_stem() -> None:
    info = exports.module_info("WINSPOOL.DRV")
    assert info is not None
    assert (info.stem, info.file_name) == ("winspool.drv", "winspool.drv")
    assert "OpenPrinterA" in table("winspool.drv").by_name
