"""Resources: finding, enumerating, strings, version information, damage."""

from __future__ import annotations

import struct

import pytest

from w9x_client.loader import ImageError, image, parse, version
from w9x_client.loader.resources import Resources

from .support import RDATA, make_pe


def strings(*texts: str) -> bytes:
    """A string table of 16 strings."""
    padded = [*texts, *[""] * (16 - len(texts))]
    return b"".join(struct.pack("<H", len(t)) + t.encode("utf-16-le") for t in padded)


ITEMS: dict[tuple[int | str, int | str, int], bytes] = {
    (10, 1, 0x409): b"english", (10, 1, 0x407): b"german", (10, 1, 0): b"neutral", (10, "MixedCase", 0): b"named",
    ("OwnType", 5, 0x411): b"japanese", (6, 1, 0x409): strings("", "one", "zwei"), (6, 3, 0x409): strings("thirty-two"),
    (16, 1, 0x409): version.build((1, 2, 3, 4), {"FileVersion": "1.2.3.4", "Comments": ""}),
}  # fmt: skip


@pytest.fixture
def tree() -> Resources:
    found = parse(make_pe(resources=ITEMS).data).resources
    assert found is not None
    return found


def content(tree: Resources, kind: int | str, name: int | str, language: int | None = None) -> bytes | None:
    entry = tree.find(kind, name, language)
    return None if entry is None else tree.read(entry)


def test_resources_are_found_by_number_name_and_language(tree: Resources) -> None:
    assert content(tree, 10, 1, 0x407) == b"german"
    assert content(tree, "#10", "#1", 0x407) == b"german"
    assert content(tree, 10, "mixedcase") == b"named" == content(tree, 10, "MIXEDCASE")
    assert content(tree, "owntype", 5) == b"japanese"
    assert content(tree, 10, 2) is None
    assert content(tree, 11, 1) is None
    assert content(tree, "none", 1) is None


def test_without_the_wanted_language_the_neutral_one_serves(tree: Resources) -> None:
    assert content(tree, 10, 1) == b"neutral"
    assert content(tree, 10, 1, 0x40C) == b"neutral"


def test_enumeration_follows_the_tree(tree: Resources) -> None:
    assert tree.types() == ["OwnType", 6, 10, 16]
    assert tree.names(10) == ["MixedCase", 1]
    assert tree.languages(10, 1) == [0, 0x407, 0x409]
    assert tree.names("nothing") == []
    assert tree.languages(10, 99) == []


def test_strings_are_counted_from_their_table(tree: Resources) -> None:
    assert tree.string(1) == "one"
    assert tree.string(2) == "zwei"
    assert tree.string(32) == "thirty-two"
    assert tree.string(0) is None
    assert tree.string(3) is None
    assert tree.string(500) is None


def test_version_information_is_found_by_path(tree: Resources) -> None:
    block = tree.version()
    assert block is not None
    fixed = version.fixed_info(block)
    assert fixed is not None
    assert fixed[0] == 0xFEEF04BD
    assert fixed[2:4] == (0x1_0002, 0x3_0004)
    found = version.query(block, "\\stringfileinfo\\040904e4\\FILEVERSION")
    assert found is not None
    assert found.is_text
    assert block[found.value : found.value + found.value_size].decode("utf-16-le") == "1.2.3.4\0"
    translation = version.query(block, "\\VarFileInfo\\Translation")
    assert translation is not None
    assert struct.unpack_from("<HH", block, translation.value) == (0x409, 1252)
    assert version.query(block, "\\StringFileInfo\\00000000\\FileVersion") is None
    root = version.query(block, "\\")
    assert root is not None
    assert root.value_size == 52


def test_version_information_of_windres_is_read() -> None:
    import shutil
    import subprocess
    import tempfile
    from pathlib import Path

    from tests.guest.build import build_exe, text_source

    if shutil.which("i686-w64-mingw32-windres") is None:
        pytest.skip("no windres")
    script = (
        "1 VERSIONINFO FILEVERSION 9,8,7,6 PRODUCTVERSION 5,4,3,2 BEGIN "
        'BLOCK "StringFileInfo" BEGIN BLOCK "040904b0" BEGIN '
        'VALUE "CompanyName", "Some Company" VALUE "ProductName", "A Product" END END '
        'BLOCK "VarFileInfo" BEGIN VALUE "Translation", 0x409, 1200 END END\n'
        'STRINGTABLE { 7, "seven" 300, "three hundred" }\n'
        'MyThing MYTYPE { "raw bytes" }\n'
    )
    with tempfile.TemporaryDirectory() as folder:
        source, product = Path(folder) / "v.rc", Path(folder) / "v.o"
        source.write_text(script)
        subprocess.run(["i686-w64-mingw32-windres", str(source), str(product)], check=True)
        main = text_source("vmain.c", "int start(void) { return 0; }\n")
        data = build_exe("vers", [main], crt=False, entry="_start", link=[str(product)]).read_bytes()
    tree = parse(data).resources
    assert tree is not None
    assert tree.string(7) == "seven"
    assert tree.string(300) == "three hundred"
    assert content(tree, "mytype", "mything") == b"raw bytes"
    block = tree.version()
    assert block is not None
    fixed = version.fixed_info(block)
    assert fixed is not None
    assert fixed[2:6] == (0x9_0008, 0x7_0006, 0x5_0004, 0x3_0002)
    found = version.query(block, "\\StringFileInfo\\040904b0\\ProductName")
    assert found is not None
    assert block[found.value : found.value + found.value_size].decode("utf-16-le") == "A Product\0"


# --- damage -----------------------------------------------------------------------------------
def raw_tree(*words: int) -> Resources:
    content = struct.pack(f"<{len(words)}I", *words)
    data = bytearray(make_pe(data=content, data_flags=RDATA).data)
    struct.pack_into("<II", data, 0x80 + 24 + 96 + 8 * image.DIR_RESOURCE, 0x2000, len(content))
    found = parse(bytes(data)).resources
    assert found is not None
    return found


def test_a_directory_that_contains_itself_is_no_endless_loop() -> None:
    tree = raw_tree(0, 0, 0, 1 << 16, 10, 0x8000_0000)
    assert tree.types() == [10]
    assert tree.names(10) == [10]
    with pytest.raises(ImageError):
        tree.find(10, 10)


@pytest.mark.parametrize(
    "words",
    [
        (0, 0, 0, 0xFFFF_FFFF),
        (0, 0, 0, 1 << 16, 10, 0x8000_9000),
        (0, 0, 0, 1 << 16, 10, 24),
        (0, 0, 0, 1, 0x8000_9000, 0x8000_0000),
    ],
)
def test_damaged_trees_are_image_errors(words: tuple[int, ...]) -> None:
    tree = raw_tree(*words)
    with pytest.raises(ImageError):
        tree.find(10, 10)


def test_a_resource_outside_the_image_is_an_image_error() -> None:
    data = bytearray(make_pe(resources={(10, 1, 0): b"x"}).data)
    parsed = parse(bytes(data))
    assert parsed.resources is not None
    entry = parsed.resources.find(10, 1)
    assert entry is not None
    struct.pack_into("<I", data, parsed.extent(entry.entry)[0], 0xFFFF_FFF0)
    tree = parse(bytes(data)).resources
    assert tree is not None
    with pytest.raises(ImageError):
        tree.find(10, 1)


@pytest.mark.parametrize("length", [0, 1, 6, 40, 91, 200])
def test_cut_version_blocks_have_no_answer(length: int) -> None:
    block = version.build((1, 2, 3, 4), {"FileVersion": "1.2.3.4"})[:length]
    assert version.query(block, "\\StringFileInfo\\040904E4\\FileVersion") is None
    assert version.fixed_info(block) is None
