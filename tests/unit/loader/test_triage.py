"""Judging programs by their files."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w9x_client.abi import find_dll
from w9x_client.loader import coverage, triage
from w9x_client.loader.triage import examine

from .support import make_pe

GUI, CONSOLE = 2, 3


def file(folder: Path, data: bytes, name: str = "x.exe") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def old(signature: bytes, tail: bytes) -> bytes:
    """An MZ file with a second header at 80h."""
    head = bytearray(0x80)
    head[:2] = b"MZ"
    struct.pack_into("<I", head, 0x3C, 0x80)
    return bytes(head) + (signature + tail).ljust(0x200, b"\0")


def ne(*, system: int = 2, flags: int = 0) -> bytes:
    header = bytearray(0x80)
    header[0x0D], header[0x36], header[0x3E], header[0x3F] = flags, system, 10, 3
    return old(b"NE", bytes(header[2:]))


@pytest.mark.parametrize(
    ("data", "name", "tier", "said"),
    [
        (b"", "x.exe", "not-a-program", "empty"),
        (b"\x7fELF" + bytes(60), "x", "not-a-program", "Linux"),
        (b"MZ" + bytes(100), "x.exe", "dos", "DOS"),
        (b"\xb4\x4c\xcd\x21\x00", "x.com", "dos", "DOS"),
        (b"$ set verify\n", "make.com", "not-a-program", "not a Windows program"),
        (ne(), "x.exe", "win16", "16-bit"),
        (ne(flags=0x80), "x.dll", "win16", "16-bit DLL"),
        (ne(system=1), "x.exe", "os2", "OS/2"),
        (old(b"LE", struct.pack("<8xH", 4)), "x.vxd", "vxd", "VxD"),
        (old(b"LE", struct.pack("<8xH", 1)), "x.exe", "dos", "DOS extender"),
        (old(b"LX", b""), "x.exe", "os2", "OS/2"),
        (old(b"PE\0\0", struct.pack("<HH12xHHH", 0x8664, 1, 0xF0, 2, 0x20B)), "x.exe", "64-bit", "64-bit"),
        (old(b"PE\0\0", struct.pack("<HH12xHHH", 0x1C0, 1, 0xE0, 2, 0x10B)), "x.exe", "other-cpu", "ARM"),
    ],
)
def test_what_cannot_run_is_told_apart(tmp_path: Path, data: bytes, name: str, tier: str, said: str) -> None:
    report = examine(file(tmp_path, data, name))
    assert (report.tier, report.expected) == (tier, "will not run")
    assert said in report.reason


def test_a_program_whose_imports_are_all_there_runs(tmp_path: Path) -> None:
    report = examine(
        file(tmp_path, make_pe(imports={"KERNEL32.dll": ["ExitProcess", "GetLastError"]}, subsystem=CONSOLE).data)
    )
    assert (report.tier, report.expected) == ("console", "runs")
    assert {need.label: need.status for need in report.needs} == {"ExitProcess": "full", "GetLastError": "full"}


def test_a_missing_function_is_named(tmp_path: Path) -> None:
    absent = "NoSuchFunctionAnywhere"
    report = examine(file(tmp_path, make_pe(imports={"KERNEL32.dll": [absent, "ExitProcess"]}, subsystem=CONSOLE).data))
    assert report.expected == "may run"
    assert [need.label for need in report.missing] == [absent]
    assert f"kernel32.{absent}" in report.reason


def test_a_missing_dll_stops_a_program(tmp_path: Path) -> None:
    report = examine(file(tmp_path, make_pe(imports={"MSVBVM50.DLL": ["ThunRTMain"]}, subsystem=CONSOLE).data))
    assert report.expected == "will not run"
    assert report.missing_dlls == ["MSVBVM50.DLL"]


def test_the_imports_of_a_dll_beside_the_program_count(tmp_path: Path) -> None:
    file(
        tmp_path, make_pe(dll="OWN.DLL", exports={"F": 0}, imports={"KERNEL32.dll": ["NoSuchFunction"]}).data, "Own.dll"
    )
    report = examine(file(tmp_path, make_pe(imports={"OWN.DLL": ["F"]}, subsystem=CONSOLE).data))
    assert report.missing_dlls == []
    assert [(need.label, need.by) for need in report.missing] == [("NoSuchFunction", "OWN.DLL")]


def test_two_dlls_that_import_each_other_are_examined_once(tmp_path: Path) -> None:
    file(tmp_path, make_pe(dll="A.DLL", exports={"F": 0}, imports={"B.DLL": ["F"]}).data, "a.dll")
    file(tmp_path, make_pe(dll="B.DLL", exports={"F": 0}, imports={"A.DLL": ["F"]}).data, "b.dll")
    report = examine(file(tmp_path, make_pe(imports={"A.DLL": ["F"]}, subsystem=CONSOLE).data))
    assert report.expected == "runs"


@pytest.mark.parametrize(
    ("imports", "tier"),
    [
        ({"DDRAW.dll": ["DirectDrawCreate"]}, "directx"),
        ({"KERNEL32.dll": ["ThunkConnect32"]}, "thunks"),
        ({"WOW32.dll": ["WOWCallback16"]}, "thunks"),
        ({"KERNEL32.dll": [1]}, "vxd-calls"),
    ],
)
def test_imports_name_the_tier(tmp_path: Path, imports: dict[str, list[str | int]], tier: str) -> None:
    assert examine(file(tmp_path, make_pe(imports=imports, subsystem=GUI).data)).tier == tier


def test_names_of_device_drivers_name_the_tier(tmp_path: Path) -> None:
    report = examine(file(tmp_path, make_pe(data=b"\\\\.\\VWIN32.VXD\0\\\\.\\PIPE\0", subsystem=CONSOLE).data))
    assert report.tier == "vxd-calls"
    assert "opens device drivers VWIN32.VXD" in report.traits


def test_a_writable_shared_section_names_the_tier(tmp_path: Path) -> None:
    report = examine(file(tmp_path, make_pe(data_flags=0xD000_0040, subsystem=CONSOLE).data))
    assert report.tier == "shared-arena"


def test_a_program_with_windows_does_not_run_while_there_are_none(tmp_path: Path) -> None:
    if coverage.of("user32", "CreateWindowExA").status != "absent":
        pytest.skip("windows are there now")
    report = examine(file(tmp_path, make_pe(imports={"USER32.dll": ["CreateWindowExA"]}, subsystem=GUI).data))
    assert (report.tier, report.expected) == ("gui", "will not run")


@pytest.mark.parametrize(
    ("behind", "installer"),
    [
        (bytes(512) + b"\0\0\0\0\xef\xbe\xad\xdeNullsoftInst", "NSIS"),
        (b"7z\xbc\xaf\x27\x1c\0\4", "7z self-extractor"),
        (b"PK\x03\x04" + bytes(100), "zip self-extractor"),
        (b"....Inno Setup Setup Data (1.3.26)", "Inno Setup"),
        (b"Rar!\x1a\x07\0", "RAR self-extractor"),
        (b"nothing known", ""),
    ],
)
def test_installers_are_known_by_the_data_behind_the_image(tmp_path: Path, behind: bytes, installer: str) -> None:
    assert examine(file(tmp_path, make_pe(subsystem=CONSOLE).data + behind)).installer == installer


@pytest.mark.parametrize(
    ("name", "packer"),
    [(b"UPX0", "UPX"), (b".aspack", "ASPack"), (b"PEC2MO", "PECompact"), (b".petite", "Petite"), (b".rdata", "")],
)
def test_packers_are_known_by_their_sections(tmp_path: Path, name: bytes, packer: str) -> None:
    data = make_pe(subsystem=CONSOLE).data.replace(b".data\0\0\0", name.ljust(8, b"\0"), 1)
    report = examine(file(tmp_path, data))
    assert report.packer == packer
    assert report.expected == ("may run" if packer else "runs")


def test_coverage_follows_forwarders() -> None:
    declared = find_dll("kernel32")
    assert declared is not None
    assert coverage.of("kernel32", "GetLastError").status == "full"
    assert coverage.of("kernel32", "NoSuchFunction").status == "absent"


_SEED = make_pe(imports={"KERNEL32.dll": ["ExitProcess", 1]}, exports={"A": 0}).data


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.integers(0, len(_SEED) - 1), st.integers(0, 255)), min_size=1, max_size=12),
    st.integers(0, len(_SEED)),
)
def test_a_mutated_program_gives_a_report(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(_SEED)
    for at, value in changes:
        data[at] = value
    path = tmp_path_factory.getbasetemp() / "mutated.exe"
    for content in (bytes(data), bytes(data[:cut])):
        path.write_bytes(content)
        report = examine(path)
        assert report.tier in triage.TIERS
        assert report.reason
        assert "\n" not in report.reason
