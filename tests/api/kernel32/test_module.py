"""Modules and resources, with a DLL built by mingw. Expected values: SDK documentation of each function."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.guest.build import build_dll, text_source, tool

from ..harness import Guest, GuestDied

SOURCE = """
#include <windows.h>
__declspec(dllexport) volatile LONG events[4];
__declspec(dllexport) int add(int a, int b) { return a + b; }
BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, LPVOID reserved) { events[reason]++; return TRUE; }
"""
RESOURCES = """
LANGUAGE 9, 1
7 RCDATA { "seven bytes of it" }
NAMED RCDATA { "by name" }
1 KIND { "a type with a name" }
LANGUAGE 7, 1
7 RCDATA { "sieben" }
"""
RT_RCDATA = 10
NOT_LOADED = 126
DLL_NOT_FOUND = 1157


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rc")
    (folder / "a.rc").write_text(RESOURCES)
    windres = tool("i686-w64-mingw32-windres", "binutils-mingw-w64-i686")
    subprocess.run([windres, "a.rc", "-O", "coff", "-o", "a.res.o"], cwd=folder, check=True)
    source = text_source("kernel32_module.c", SOURCE)
    return build_dll("modtest", [source], crt=False, dlls=[folder / "a.res.o"])


@pytest.fixture
def dll(guest: Guest, library: Path) -> str:
    """The DLL's guest path."""
    return guest.process.drives.expose(library.parent) + library.name


def test_kernel32_is_loaded_and_has_a_pe_header(guest: Guest) -> None:
    base = guest.call("kernel32.GetModuleHandleA", "KERNEL32")
    assert guest.mem.read(base, 2) == b"MZ"
    assert base >= 0x80000000
    assert guest.call("kernel32.GetModuleHandleA", "kernel32.dll") == base
    assert guest.call("kernel32.GetModuleHandleW", "kernel32.DLL") == base
    buffer = guest.buffer(300)
    assert guest.call("kernel32.GetModuleFileNameA", base, buffer, 300) == len(buffer.cstr)
    assert buffer.cstr == rb"C:\WINDOWS\SYSTEM\KERNEL32.DLL"


def test_a_short_buffer_gets_the_beginning_of_the_name(guest: Guest) -> None:
    base = guest.call("kernel32.GetModuleHandleA", "KERNEL32")
    buffer = guest.buffer(300)
    assert guest.call("kernel32.GetModuleFileNameA", base, buffer, 4) == 3
    assert buffer.bytes[:5] == b"C:\\\0\xcc"


def test_what_is_not_loaded_has_no_handle(guest: Guest) -> None:
    assert guest.call("kernel32.GetModuleHandleA", "nosuch") == 0
    assert guest.last_error == NOT_LOADED
    assert guest.call("kernel32.LoadLibraryA", "nosuch") == 0
    assert guest.last_error == DLL_NOT_FOUND, "Windows 9x's own code; NT says ERROR_MOD_NOT_FOUND"


def test_exports_are_found_by_exact_name(guest: Guest) -> None:
    base = guest.call("kernel32.GetModuleHandleA", "KERNEL32")
    found = guest.call("kernel32.GetProcAddress", base, b"MulDiv")
    assert guest.call_at(found, 6, 7, 2) == 21
    assert guest.call("kernel32.GetProcAddress", base, b"muldiv") == 0
    assert guest.last_error == 127


def test_kernel32_refuses_ordinals(guest: Guest) -> None:
    base = guest.call("kernel32.GetModuleHandleA", "KERNEL32")
    assert guest.call("kernel32.GetProcAddress", base, 1) == 0
    assert guest.last_error == 50


def test_later_functions_are_invisible_to_get_proc_address(guest: Guest) -> None:
    base = guest.call("kernel32.GetModuleHandleA", "KERNEL32")
    assert guest.call("kernel32.GetProcAddress", base, b"EncodePointer") == 0


def test_a_dll_lives_as_long_as_it_is_referenced(guest: Guest, dll: str) -> None:
    base = guest.call("kernel32.LoadLibraryA", dll)
    assert guest.call("kernel32.LoadLibraryA", dll) == base
    events = guest.call("kernel32.GetProcAddress", base, b"events")
    assert guest.mem.u32(events + 4) == 1
    add = guest.call("kernel32.GetProcAddress", base, b"add")
    assert guest.call_at(add, 30, 12) == 42
    assert guest.call("kernel32.FreeLibrary", base) == 1
    assert guest.call("kernel32.GetModuleHandleA", "modtest") == base
    assert guest.call("kernel32.FreeLibrary", base) == 1
    assert guest.call("kernel32.GetModuleHandleA", "modtest") == 0
    assert not guest.mem.readable(base, 1)
    assert guest.call("kernel32.FreeLibrary", base) == 0
    assert guest.last_error == 6


def test_dlls_hear_of_threads_unless_they_asked_not_to(guest: Guest, dll: str) -> None:
    from .test_sync import thread, wait

    base = guest.call("kernel32.LoadLibraryA", dll)
    events = guest.call("kernel32.GetProcAddress", base, b"events")
    handle = thread(guest, bytes.fromhex("31c0 c20400"))
    assert wait(guest, handle, 5000) == 0
    assert (guest.mem.u32(events + 8), guest.mem.u32(events + 12)) == (1, 1)
    assert guest.call("kernel32.DisableThreadLibraryCalls", base) == 1
    handle = thread(guest, bytes.fromhex("31c0 c20400"))
    assert wait(guest, handle, 5000) == 0
    assert (guest.mem.u32(events + 8), guest.mem.u32(events + 12)) == (1, 1)


def test_a_data_file_is_mapped_but_not_initialised(guest: Guest, dll: str) -> None:
    base = guest.call("kernel32.LoadLibraryExA", dll, 0, 2)
    assert guest.mem.read(base, 2) == b"MZ"
    info = guest.call("kernel32.FindResourceA", base, 7, RT_RCDATA)
    assert info
    assert guest.call("kernel32.FreeLibrary", base) == 1


def resource(guest: Guest, base: int, info: int) -> bytes:
    size = guest.call("kernel32.SizeofResource", base, info)
    data = guest.call("kernel32.LockResource", guest.call("kernel32.LoadResource", base, info))
    return guest.mem.read(data, size).rstrip(b"\0")


def test_resources_are_found_by_number_name_and_text_number(guest: Guest, dll: str) -> None:
    base = guest.call("kernel32.LoadLibraryA", dll)
    for name, kind, text in (
        (7, RT_RCDATA, b"seven bytes of it"), (b"#7", b"#10", b"seven bytes of it"), (b"named", RT_RCDATA, b"by name"),
        (1, b"kind", b"a type with a name"),
    ):  # fmt: skip
        info = guest.call("kernel32.FindResourceA", base, name, kind)
        assert resource(guest, base, info) == text
    wide = guest.call("kernel32.FindResourceW", base, guest.wide("NAMED"), RT_RCDATA)
    assert resource(guest, base, wide) == b"by name"


def test_a_language_can_be_asked_for(guest: Guest, dll: str) -> None:
    base = guest.call("kernel32.LoadLibraryA", dll)
    info = guest.call("kernel32.FindResourceExA", base, RT_RCDATA, 7, 0x407)
    assert resource(guest, base, info) == b"sieben"


def test_missing_resources_tell_type_from_name(guest: Guest, dll: str) -> None:
    base = guest.call("kernel32.LoadLibraryA", dll)
    assert guest.call("kernel32.FindResourceA", base, 8, RT_RCDATA) == 0
    assert guest.last_error == 1814
    assert guest.call("kernel32.FindResourceA", base, 7, 999) == 0
    assert guest.last_error == 1813


@pytest.mark.parametrize("info", [0, 5, 0x1000_0000, 0xFFFFFFF0])
def test_wild_resource_handles_are_refused(guest: Guest, dll: str, info: int) -> None:
    base = guest.call("kernel32.LoadLibraryA", dll)
    assert guest.call("kernel32.LoadResource", base, info) == 0


def collector(guest: Guest, argument: int, pops: int) -> tuple[int, object]:
    """A callback that appends its ``argument``-th dword to a list; and the list: count, then the dwords."""
    found = guest.buffer(bytes(84))
    code = (
        b"\x8b\x54\x24" + bytes([4 * argument]) + b"\xb9" + found.address.to_bytes(4, "little")
        + bytes.fromhex("8b01 895481 04 ff01 b801000000 c2") + bytes([pops, 0])
    )  # fmt: skip
    return guest.code(code), found


def test_enumeration_tells_types_names_and_languages(guest: Guest, dll: str) -> None:
    base = guest.call("kernel32.LoadLibraryA", dll)
    callback, found = collector(guest, 2, 12)
    assert guest.call("kernel32.EnumResourceTypesA", base, callback, 5) == 1
    assert found.u32(0) == 2
    assert RT_RCDATA in (found.u32(1), found.u32(2))
    callback, found = collector(guest, 3, 16)
    assert guest.call("kernel32.EnumResourceNamesA", base, RT_RCDATA, callback, 5) == 1
    assert found.u32(0) == 2
    assert 7 in (found.u32(1), found.u32(2))
    callback, found = collector(guest, 4, 20)
    assert guest.call("kernel32.EnumResourceLanguagesA", base, RT_RCDATA, 7, callback, 5) == 1
    assert sorted((found.u32(1), found.u32(2))) == [0x407, 0x409]


def test_an_enumeration_stops_when_the_callback_says_so(guest: Guest, dll: str) -> None:
    base = guest.call("kernel32.LoadLibraryA", dll)
    stop = guest.code(bytes.fromhex("31c0 c20c00"))
    assert guest.call("kernel32.EnumResourceTypesA", base, stop, 0) == 0


def test_exit_process_ends_with_its_code(guest: Guest) -> None:
    with pytest.raises(GuestDied) as died:
        guest.call("kernel32.ExitProcess", 0x12345)
    assert died.value.code == 0x12345
