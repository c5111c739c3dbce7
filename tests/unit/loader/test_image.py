"""What the parser accepts, what it refuses and in which words; directories against pefile's reading of them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pefile  # type: ignore[import-untyped]  # it ships no types
import pytest

from w9x_client.loader import ImageError, image, load, parse, pewriter
from w9x_client.loader.directories import Delayed, Forward, Import

from .support import CODE, DATA, RDATA, make_pe

PE = 0x80
"""Where `pewriter` puts the PE header; field offsets below are from the PE/COFF specification."""
OPTIONAL = PE + 24
SECTIONS = OPTIONAL + 224


def patched(offset: int, fmt: str, *values: int, data: bytes | None = None) -> bytes:
    out = bytearray(data if data is not None else make_pe().data)
    struct.pack_into("<" + fmt, out, offset, *values)
    return bytes(out)


def section_field(number: int, offset: int) -> int:
    return SECTIONS + 40 * number + offset


def refusal(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        parse(data)
    assert "\n" not in caught.value.text
    assert caught.value.exit_code == 126
    return caught.value.text


# --- kinds of file ---------------------------------------------------------------------------
def dos_program(at: int, relocations: int = 0x40) -> bytes:
    return struct.pack("<H22xH34xI", 0x5A4D, relocations, at) + bytes(64)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b"hello world", "not a Windows program"),
        (b"\x7fELF" + bytes(60), "Linux program"),
        (b"#!/bin/sh\n", "script"),
        (b"MZ" + bytes(20), "cut short"),
        (dos_program(0), "a DOS program"),
        (dos_program(0x123456, 0x1C), "a DOS program"),
        (dos_program(0x8000), "lies past the end of the file"),
        (dos_program(0x40) [:0x40] + b"NE" + bytes(62), "16-bit Windows program"),
        (dos_program(0x40) [:0x40] + b"LE" + bytes(62), "linear executable"),
        (dos_program(0x40) [:0x40] + b"LX" + bytes(62), "linear executable"),
        (dos_program(0x40) [:0x40] + b"PE\0\0", "cut short"),
        (patched(PE + 4, "H", 0x8664), "64-bit x86"),
        (patched(PE + 4, "H", 0x1F0), "PowerPC"),
        (patched(PE + 4, "H", 0xBEEF), "unknown processor (0xbeef)"),
        (patched(OPTIONAL, "H", 0x20B), "64-bit program"),
        (patched(OPTIONAL, "H", 0x107), "optional header of unknown kind"),
        (patched(PE + 6, "H", 0), "no sections"),
        (patched(PE + 6, "H", 0xFFFF), "65535 sections"),
        (patched(PE + 6, "H", 90), "damaged"),
        (patched(PE + 22, "H", 0x10F & ~2), "linker reported errors"),
        (patched(OPTIONAL + 56, "I", 0), "image size"),
        (patched(OPTIONAL + 56, "I", 0xF000_0000), "image size"),
        (patched(OPTIONAL + 28, "I", 0x40_1000), "image base"),
        (patched(OPTIONAL + 28, "I", 0xFFFF_0000, data=patched(OPTIONAL + 56, "I", 0x2_0000)), "image base"),
        (patched(OPTIONAL + 32, "I", 0x1234), "section alignment"),
        (patched(OPTIONAL + 36, "I", 0), "file alignment"),
        (patched(OPTIONAL + 16, "I", 0x9999_9999), "entry point"),
        (patched(OPTIONAL + 68, "H", 1), "driver"),
        (patched(OPTIONAL + 68, "H", 9), "Windows CE"),
        (patched(section_field(1, 12), "I", 0x1000), "overlap"),
        (patched(section_field(1, 12), "I", 0x2001), "does not start on a page"),
        (patched(section_field(1, 8), "I", 0xFFFF_F000), "past the end of the image"),
        (patched(section_field(1, 12), "I", 0xFFFF_F000), "past the end of the image"),
        (patched(section_field(0, 20), "I", 0x10_0000), "past the end of the file"),
        (patched(section_field(1, 16), "I", 0x10_0000, data=patched(section_field(1, 8), "I", 0)), "damaged"),
        (make_pe().data[:0x300], "past the end of the file"),
        (make_pe().data[: PE + 60], "cut short"),
    ],
)  # fmt: skip
def test_what_cannot_run_is_refused_in_one_line(data: bytes, words: str) -> None:
    assert words in refusal(data)


def test_a_dotnet_program_is_named_as_such() -> None:
    header = struct.pack("<IHHII", 0x48, 2, 5, 0x2000, 0x100).ljust(0x48, b"\0")
    data = make_pe(data=header).data
    assert ".NET" in refusal(patched(OPTIONAL + 96 + 8 * 14, "II", 0x2000, 0x48, data=data))


def test_a_com_descriptor_of_a_packer_is_no_dotnet_program() -> None:
    assert parse(patched(OPTIONAL + 96 + 8 * 14, "II", 0x2000, 0x48)).entry == 0x1000


def test_a_missing_program_is_127_and_a_dll_is_no_program(tmp_path: Path) -> None:
    with pytest.raises(ImageError) as caught:
        load.read_program(str(tmp_path / "none.exe"))
    assert caught.value.exit_code == 127
    path = tmp_path / "some.dll"
    path.write_bytes(make_pe(dll="SOME.DLL").data)
    with pytest.raises(ImageError, match="a DLL") as caught:
        load.read_program(str(path))
    assert caught.value.exit_code == 126
    with pytest.raises(ImageError, match="cannot be read"):
        load.read_program(str(tmp_path))


def test_an_installers_payload_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "setup.exe"
    plain = make_pe().data
    path.write_bytes(plain + bytes(0x20_0000))
    assert len(load.read_program(str(path)).image.data) <= 0x1_0000


# --- Windows 9x's leniency -------------------------------------------------------------------
def test_virtual_size_zero_means_the_raw_size() -> None:
    found = parse(patched(section_field(1, 8), "I", 0)).sections[1]
    assert (found.rva, found.size, found.raw_size) == (0x2000, 0x1000, 0x200)


def test_raw_data_behind_the_virtual_size_is_there_to_the_end_of_the_page() -> None:
    parsed = parse(make_pe(data=b"x" * 0x1800).data)
    assert parsed.sections[1].size == 0x2000
    parsed = parse(patched(section_field(1, 8), "I", 0x10, data=make_pe(data=b"x" * 0x1800).data))
    assert parsed.read(0x2000, 0x1000) == b"x" * 0x1000
    with pytest.raises(ImageError):
        parsed.read(0x2000, 0x1001)


def test_the_file_pointer_is_rounded_down_to_a_sector() -> None:
    plain = parse(make_pe().data)
    offset = plain.sections[1].raw_offset
    assert parse(patched(section_field(1, 20), "I", offset + 0x1F)).sections[1].raw_offset == offset


def test_the_last_sector_of_the_file_need_not_be_padded() -> None:
    data = make_pe(data=b"tail").data
    assert parse(data[:-0x1FC]).read(0x2000, 8) == b"tail" + bytes(4)


def test_unnamed_sections_and_odd_flags_are_accepted() -> None:
    data = patched(section_field(1, 0), "8s", bytes(8))  # type: ignore[arg-type]
    assert parse(patched(section_field(1, 36), "I", 0, data=data)).sections[1].name == ""


def test_a_section_without_memory_is_left_out() -> None:
    data = patched(section_field(1, 8), "I", 0)
    assert len(parse(patched(section_field(1, 16), "II", 0, 0, data=data)).sections) == 1


def test_sections_below_page_alignment_are_placed_as_they_say() -> None:
    sections = [pewriter.SectionSpec("a", 0x400, b"A" * 16, CODE), pewriter.SectionSpec("b", 0x600, b"B" * 16, DATA)]
    data = pewriter.write_pe(
        sections, base=0x40_0000, directories={}, entry=0x400, section_alignment=0x200, size_of_image=0x800
    )
    parsed = parse(data)
    assert parsed.read(0x400, 4) == b"AAAA"
    assert parsed.read(0x600, 4) == b"BBBB"
    assert parsed.size_of_image == 0x1000


def test_odd_header_and_image_sizes_are_accepted() -> None:
    parsed = parse(patched(OPTIONAL + 56, "II", 0x2801, 0x123))
    assert parsed.size_of_image == 0x3000
    assert parsed.header_size >= SECTIONS + 80, "the section table itself is part of the headers"


def test_sections_may_stand_in_any_order() -> None:
    sections = [pewriter.SectionSpec("b", 0x3000, b"B", DATA), pewriter.SectionSpec("a", 0x1000, b"A", CODE)]
    data = pewriter.write_pe(sections, base=0x40_0000, directories={}, entry=0x1000, size_of_image=0x4000)
    assert [s.name for s in parse(data).sections] == ["a", "b"]


# --- damaged directories -----------------------------------------------------------------------
def with_directory(number: int, rva: int, size: int, content: bytes = b"data") -> image.PeImage:
    data = make_pe(data=content, data_flags=RDATA).data
    return parse(patched(OPTIONAL + 96 + 8 * number, "II", rva, size, data=data))


def imports_of(content: bytes) -> Callable[[], object]:
    parsed = with_directory(image.DIR_IMPORT, 0x2000, 40, content)
    return lambda: parsed.imports


def relocations_of(*words: int) -> Callable[[], object]:
    content = struct.pack(f"<{len(words)}H", *words)
    parsed = with_directory(image.DIR_RELOC, 0x2000, len(content), content)
    return lambda: list(parsed.relocations())


def tls_of(*fields: int) -> Callable[[], object]:
    parsed = with_directory(image.DIR_TLS, 0x2000, 24, struct.pack("<6I", *fields))
    return lambda: parsed.tls


def exports_of(functions: int, names: int, at: int = 0x2028) -> Callable[[], object]:
    content = struct.pack("<10I", 0, 0, 0, 0, 1, functions, names, at, at, at) + bytes(64)
    parsed = with_directory(image.DIR_EXPORT, 0x2000, 40, content)
    return lambda: parsed.exports and parsed.exports.names


@pytest.mark.parametrize(
    "read",
    [
        lambda: with_directory(image.DIR_IMPORT, 0x9000, 40).imports,
        lambda: with_directory(image.DIR_IMPORT, 0x2FF0, 40).imports,
        imports_of(struct.pack("<5I", 0, 0, 0, 0x9000, 0x2000)),
        imports_of(struct.pack("<5I", 0, 0, 0, 0x2014, 0x9000) + b"a.dll\0"),
        imports_of(struct.pack("<5I", 0, 0, 0, 0x2014, 0x2020) + b"a.dll\0".ljust(12, b"\0") + b"\x01\0\0\0" * 0xF00),
        imports_of(struct.pack("<5I", 0, 0, 0, 0x2014, 0x2020) + b"a.dll\0".ljust(12, b"\0") + b"\0\x90\0\0" * 4),
        imports_of(struct.pack("<5I", 0, 0, 0, 0x2014, 0x2020) + b"\0" * 12 + b"\x01\0\0\x80"),
        relocations_of(0x1000, 0, 4, 0, 0x3000),
        relocations_of(0x1000, 0, 0, 0, 0x3000, 0),
        relocations_of(0x1000, 0, 0xFFFE, 0xFFFF),
        relocations_of(0x1000, 0, 11, 0, 0x3000, 0),
        relocations_of(0, 0x7000, 12, 0, 0x3000, 0),
        relocations_of(0x2000, 0, 12, 0, 0x3FFE, 0),
        relocations_of(0x1000, 0, 10, 0, 0x4000),
        relocations_of(0x1000, 0, 12, 0, 0x9000, 0),
        tls_of(0x40_2000, 0x40_1000, 0x40_2000, 0, 0, 0),
        tls_of(0x40_2000, 0x40_9000, 0x40_2000, 0, 0, 0),
        tls_of(0x40_2000, 0x40_2004, 0x50_0000, 0, 0, 0),
        tls_of(0x40_2000, 0x40_2004, 0x40_2000, 0x50_0000, 0, 0),
        tls_of(0x40_2000, 0x40_2004, 0x40_2000, 0, 0x7000_0000, 0),
        exports_of(0xFFFF_FFFF, 0),
        exports_of(0, 0xFFFF_FFFF),
        exports_of(0x8000, 0),
        exports_of(1, 1, at=0x9000),
    ],
)
def test_damaged_directories_are_image_errors(read: Callable[[], object]) -> None:
    with pytest.raises(ImageError, match="damaged"):
        read()


def delayed(attributes: int, name: int, handle: int, table: int) -> object:
    content = struct.pack("<8I", attributes, name, handle, table, 0, 0, 0, 0) + bytes(32) + b"LATE.DLL\0"
    return with_directory(image.DIR_DELAY_IMPORT, 0x2000, 64, content).delayed


def test_delayed_imports_of_both_visual_c_versions_are_read() -> None:
    assert delayed(0, 0x40_2040, 0x40_2000, 0x40_2000) == (Delayed("LATE.DLL", False),)
    assert delayed(1, 0x2040, 0x2000, 0x2000) == (Delayed("LATE.DLL", True),)


@pytest.mark.parametrize(
    "fields", [(0, 0x2040, 0x2000, 0x2000), (1, 0x2040, 0x9000, 0x2000), (1, 0x9000, 0x2000, 0x2000)]
)
def test_damaged_delayed_imports_are_image_errors(fields: tuple[int, int, int, int]) -> None:
    with pytest.raises(ImageError, match="damaged"):
        delayed(*fields)


def test_zeros_end_a_relocation_table() -> None:
    assert relocations_of(0x1000, 0, 12, 0, 0x3004, 0, 0, 0, 0, 0)() == [(0x1004, 3, 0)]


def test_forwarders_and_ordinals_are_told_apart() -> None:
    exports = parse(
        make_pe(dll="F.DLL", exports={"A": 4, "B": "NTDLL.RtlUnwind", "C": "x.y.#12"}, ordinals={30: 8}).data
    ).exports
    assert exports is not None
    assert exports.by_name("A") == 0x1004 == exports.by_ordinal(31)
    assert exports.by_name("B") == Forward("NTDLL", "RtlUnwind")
    assert exports.by_name("C") == Forward("x.y", 12)
    assert exports.by_ordinal(30) == 0x1008
    assert exports.by_ordinal(29) is None
    assert exports.by_ordinal(34) is None
    assert exports.by_name("a") is None


# --- agreement with pefile ---------------------------------------------------------------------
def agree(data: bytes) -> None:
    """Compare what we read with pefile's full parse of the same bytes."""
    ours, theirs = parse(data), pefile.PE(data=data)
    expected = [
        (
            d.dll.decode(),
            [(None, i.ordinal) if i.import_by_ordinal else (i.name.decode(), i.hint) for i in d.imports],
        )
        for d in getattr(theirs, "DIRECTORY_ENTRY_IMPORT", ())
    ]
    assert [(d.name, [(f.name, f.ordinal) for f in d.functions]) for d in ours.imports] == expected
    slots = [
        i.address - ours.image_base for d in getattr(theirs, "DIRECTORY_ENTRY_IMPORT", ()) for i in d.imports
    ]
    assert [d.iat_rva + 4 * n for d in ours.imports for n in range(len(d.functions))] == slots
    if hasattr(theirs, "DIRECTORY_ENTRY_EXPORT"):
        symbols = theirs.DIRECTORY_ENTRY_EXPORT.symbols
        assert ours.exports is not None
        for symbol in symbols:
            found = ours.exports.by_ordinal(symbol.ordinal)
            if symbol.forwarder:
                assert isinstance(found, Forward)
                assert f"{found.dll}.{found.symbol}" == symbol.forwarder.decode().replace("#", "")
            else:
                assert found == symbol.address
            if symbol.name:
                assert ours.exports.by_name(symbol.name.decode()) == found
        assert len(ours.exports.names) == sum(symbol.name is not None for symbol in symbols)
    else:
        assert ours.exports is None
    entries = [
        (entry.rva, entry.type)
        for block in getattr(theirs, "DIRECTORY_ENTRY_BASERELOC", ())
        for entry in block.entries
        if entry.type
    ]
    assert [(rva, kind) for rva, kind, _low in ours.relocations()] == entries
    if hasattr(theirs, "DIRECTORY_ENTRY_TLS"):
        assert ours.tls is not None
        theirs_tls = theirs.DIRECTORY_ENTRY_TLS.struct
        assert ours.tls.index + ours.image_base == theirs_tls.AddressOfIndex
        assert ours.tls.size == theirs_tls.EndAddressOfRawData - theirs_tls.StartAddressOfRawData


def test_a_program_of_ours_reads_as_pefile_reads_it() -> None:
    agree(
        make_pe(
            imports={"a.dll": ["One", "Two", 7], "b.dll": ["Three"]}, exports={"X": 4, "Y": "k.Z"}, ordinals={9: 12},
            relocations=[0x2000], tls=(b"tls", 4), tls_callbacks=[8],
        ).data
    )  # fmt: skip


@pytest.mark.parametrize("dll", ["kernel32", "msvcrt", "comctl32", "winspool.drv"])
def test_system_modules_read_as_pefile_reads_them(dll: str, builtin_cache: Path) -> None:
    from w9x_client.loader.system import SystemModules

    built = SystemModules("98se", builtin_cache).image(dll)
    assert built is not None
    agree(built.data)


def test_a_mingw_program_reads_as_pefile_reads_it() -> None:
    from tests.guest.build import build_dll, build_exe, text_source

    source = text_source("t.c", "#include <stdio.h>\nint main(void) { puts(\"x\"); return 0; }\n")
    agree(build_exe("agree", [source]).read_bytes())
    library = text_source("l.c", "__declspec(dllexport) int f(int a) { static int n; return n += a; }\n")
    agree(build_dll("agreelib", [library]).read_bytes())


def test_ordinal_imports_have_no_name() -> None:
    (dll,) = parse(make_pe(imports={"a.dll": [5]}).data).imports
    assert dll.functions == (Import(None, 5),)
