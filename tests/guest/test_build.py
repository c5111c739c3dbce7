"""The builders themselves: what comes out is what a Windows 98 loader takes, and is made once."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.guest.build import BuildError, assemble, build_dll, build_exe, build_native, text_source

_SOURCE = "void start(void) { for (;;) ; }\n"
DYNAMIC_BASE, RELOCS_STRIPPED = 0x40, 0x0001


def optional_header(path: Path) -> tuple[bytes, int]:
    """The optional header of a PE file, and the file header's characteristics."""
    data = path.read_bytes()
    (pe,) = struct.unpack_from("<I", data, 0x3C)
    assert data[pe : pe + 4] == b"PE\0\0"
    machine, flags = struct.unpack_from("<H16xH", data, pe + 4)
    assert machine == 0x14C
    return data[pe + 24 :], flags


def test_a_program_is_fixed_and_asks_for_windows_4_0() -> None:
    header, flags = optional_header(build_exe("plain", [text_source("plain.c", _SOURCE)], crt=False))
    magic, base, os_major, subsystem_major, subsystem_minor, subsystem, dll_flags = struct.unpack_from(
        "<H26xI8xH6xHH16xHH", header, 0
    )
    assert (magic, base) == (0x10B, 0x400000)
    assert (os_major, subsystem_major, subsystem_minor, subsystem) == (4, 4, 0, 3)
    assert not dll_flags & DYNAMIC_BASE
    assert flags & RELOCS_STRIPPED


def test_a_relocatable_program_with_another_base_and_subsystem() -> None:
    source = text_source("plain.c", _SOURCE)
    program = build_exe("gui", [source], crt=False, relocatable=True, image_base=0x5000000, subsystem="windows")
    header, flags = optional_header(program)
    assert struct.unpack_from("<I", header, 28) == (0x5000000,)
    assert struct.unpack_from("<H", header, 68) == (2,)
    assert not flags & RELOCS_STRIPPED


def test_a_dll_can_be_relocated() -> None:
    text = """int __stdcall DllMain(void *h, int r, void *p) { return 1; }
    __declspec(dllexport) int f(void) { return 7; }
    """
    _, flags = optional_header(build_dll("one", [text_source("one.c", text)], crt=False))
    assert flags & 0x2000
    assert not flags & RELOCS_STRIPPED


def test_the_same_source_is_built_once_and_a_changed_header_counts(tmp_path: Path) -> None:
    source = tmp_path / "with_header.c"
    source.write_text('#include "value.h"\nint start(void) { return VALUE; }\n')
    (tmp_path / "value.h").write_text("#define VALUE 1\n")
    first = build_exe("with_header", [source], crt=False)
    assert build_exe("with_header", [source], crt=False) == first
    (tmp_path / "value.h").write_text("#define VALUE 2\n")
    assert build_exe("with_header", [source], crt=False) != first


def test_a_compiler_s_complaint_is_the_error() -> None:
    with pytest.raises(BuildError, match="undeclared"):
        build_native("wrong", [text_source("wrong.c", "int main(void) { return nothing; }\n")])


def test_assembling_gives_machine_code() -> None:
    assert assemble("mov ax, 4c00h\nint 21h", 16) == b"\xb8\x00\x4c\xcd\x21"
    assert assemble("ret") == b"\xc3"
    with pytest.raises(BuildError, match="error"):
        assemble("mov nonsense")
