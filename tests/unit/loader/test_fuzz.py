"""Mutated images: each ends, in under a second, as a description or as an `ImageError`.

The default run takes 2,000 images; ``--long`` or W9X_LONG_TESTS=1 takes 100,000. An image is reproduced by its
number alone.
"""

from __future__ import annotations

import functools
import os
import random
import struct
import time
from itertools import islice
from pathlib import Path

import pytest

from w9x_client.abi import WinError
from w9x_client.loader import ImageError, image, load, mapper, parse, version
from w9x_client.loader.system import SystemModules

from .support import FakeProcess, make_pe

BATCHES = 4
SHORT, LONG = 2_000, 100_000
SLOW = 1.0
INTERESTING = (
    0, 1, 2, 3, 4, 7, 8, 0xFF, 0x100, 0x1FF, 0x200, 0xFFF, 0x1000, 0x2000, 0xFFFF, 0x1_0000, 0x40_0000,
    0x3FFF_FFFF, 0x4000_0000, 0x7FFF_FFFF, 0x8000_0000, 0x8000_0001, 0xFFFF_F000, 0xFFFF_FFFC, 0xFFFF_FFFF,
)  # fmt: skip


def hand_made() -> list[bytes]:
    resources: dict[tuple[int | str, int | str, int], bytes] = {
        (16, 1, 0x409): version.build((1, 2, 3, 4), {"FileVersion": "1.2.3.4"}),
        ("TYPE", "NAME", 0): b"data", (6, 1, 0x409): struct.pack("<H", 3) + "abc".encode("utf-16-le") + bytes(30),
    }  # fmt: skip
    imports: dict[str, list[str | int]] = {"a.dll": ["One", "Two", 3], "b.dll": ["Four"]}
    exports: dict[str, str | int] = {"A": 4, "B": "X.Y", "C": "X.#3"}
    built = [
        make_pe(),
        make_pe(imports=imports, relocations=[0x2000], resources=resources),
        make_pe(dll="F.DLL", exports=exports, ordinals={5: 1, 9: 2}, relocations=[0x1004]),
        make_pe(imports=imports, lookup=False, tls=(b"template", 8), tls_callbacks=[4, 8], relocations=[]),
    ]
    return [seed.data for seed in built]


@functools.cache
def seeds(cache: Path) -> list[bytes]:
    found = hand_made()
    built = SystemModules("98se", cache).image("version")
    assert built is not None
    found.append(built.data)
    try:
        from tests.guest.build import MissingTool, build_dll, build_exe, text_source

        source = text_source("fuzzseed.c", '#include <stdio.h>\nint main(void) { puts("x"); return 0; }\n')
        library = text_source("fuzzlib.c", "__declspec(dllexport) int f(int a) { static int n; return n += a; }\n")
        found.append(build_exe("fuzzseed", [source]).read_bytes())
        found.append(build_dll("fuzzlib", [library]).read_bytes())
    except MissingTool:
        pass
    return found


def directory_offsets(data: bytes) -> list[int]:
    """File offsets at which the data directories begin, where damage tells most."""
    parsed = parse(data)
    offsets = []
    for rva, size in parsed.directory_table:
        if rva and size:
            offsets.append(parsed.extent(rva)[0])
    return offsets


def mutate(data: bytes, places: list[int], rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        where = rng.random()
        if where < 0.55 or not places:
            at = rng.randrange(0, min(0x300, len(out)))
        elif where < 0.9:
            at = min(rng.choice(places) + rng.randrange(0, 0x80), len(out) - 1)
        else:
            at = rng.randrange(0, len(out))
        kind = rng.random()
        if kind < 0.4:
            width = rng.choice((1, 2, 4))
            value = rng.choice(INTERESTING) if rng.random() < 0.7 else rng.getrandbits(32)
            out[at : at + width] = (value & ((1 << 8 * width) - 1)).to_bytes(width, "little")
        elif kind < 0.6:
            out[at] ^= 1 << rng.randrange(8)
        elif kind < 0.7:
            value = int.from_bytes(out[at : at + 4], "little") + rng.choice((-0x1000, -4, -1, 1, 4, 0x1000))
            out[at : at + 4] = (value & 0xFFFFFFFF).to_bytes(4, "little")
        elif kind < 0.8:
            del out[rng.randrange(0x40, len(out)) if rng.random() < 0.8 else at :]
        elif kind < 0.9:
            size, other = rng.randrange(1, 64), rng.randrange(0, len(out))
            out[at : at + size] = out[other : other + size]
        else:
            size = rng.randrange(1, 256)
            out[at : at + size] = bytes((rng.choice((0, 0xFF)),)) * size
        if len(out) <= 0x40:
            break
    return bytes(out)


def exercise(data: bytes) -> image.PeImage | None:
    """Parse an image and read everything the loader and the API ever read of it."""

    def attempt(read: object) -> None:
        try:
            assert callable(read)
            read()
        except ImageError:
            pass

    try:
        parsed = parse(data)
    except ImageError as error:
        if "\n" in error.text or error.exit_code != 126:
            raise AssertionError(error.text) from error
        return None
    attempt(lambda: [f.name for d in parsed.imports for f in d.functions])
    attempt(lambda: parsed.delayed)
    attempt(lambda: sum(1 for _ in parsed.relocations()))
    attempt(lambda: parsed.tls)
    exports = None
    try:
        exports = parsed.exports
    except ImageError:
        pass
    if exports is not None:
        attempt(lambda: exports.dll_name)
        attempt(lambda: exports.by_name("A"))
        for ordinal in range(exports.base, exports.base + 40):
            attempt(functools.partial(exports.by_ordinal, ordinal))
    tree = parsed.resources
    if tree is not None:
        attempt(lambda: tree.string(1))
        attempt(lambda: version.query(tree.version() or b"", "\\StringFileInfo\\040904E4\\FileVersion"))
        attempt(
            lambda: [
                tree.find(kind, name, language)
                for kind in islice(tree.types(), 20)
                for name in islice(tree.names(kind), 20)
                for language in islice(tree.languages(kind, name), 20)
            ]
        )
    attempt(lambda: mapper.Plan(parsed, parsed.image_base))
    attempt(lambda: mapper.Plan(parsed, parsed.image_base ^ 0x1000_0000))
    attempt(lambda: mapper.Plan(parsed, 0x9000_0000, data_only=True))
    return parsed


@pytest.mark.parametrize("batch", range(BATCHES))
def test_mutated_images_end_as_a_description_or_one_error(
    batch: int, builtin_cache: Path, request: pytest.FixtureRequest
) -> None:
    long = os.environ.get("W9X_LONG_TESTS") == "1" or request.config.getoption("--long", default=False)
    originals = seeds(builtin_cache)
    places = [directory_offsets(data) for data in originals]
    accepted = slowest = 0.0
    numbers = range(batch, LONG if long else SHORT, BATCHES)
    for number in numbers:
        rng = random.Random(number)
        which = number // BATCHES % len(originals)
        data = mutate(originals[which], places[which], rng)
        begin = time.process_time()
        try:
            accepted += exercise(data) is not None
        except Exception as error:  # any exception but ImageError is a finding
            raise AssertionError(f"image {number}: {type(error).__name__}: {error}") from error
        taken = time.process_time() - begin
        slowest = max(slowest, taken)
        assert taken < SLOW, f"image {number} takes {taken:.1f} s"
    share = accepted / len(numbers)
    assert 0.1 < share < 0.95, f"{share:.0%} of the mutations are accepted: the fuzzer tests nothing"


# --- what mutation does not reach: small files that describe enormous work ------------------------------------
def overlapping_imports() -> bytes:
    """1,000 descriptors that share one table of 8,000 functions with one long name."""
    table = 0x2000 + 20 * 1001 + 8
    name = table + 4 * 8001
    content = struct.pack("<5I", table, 0, 0, name, table) * 1000 + bytes(28)
    content += struct.pack("<I", name) * 8000 + bytes(4) + b"n" * 2000 + b"\0"
    return with_directory(image.DIR_IMPORT, content)


def overlapping_exports() -> bytes:
    """65,535 names, all of them the same 4,000 bytes."""
    head = struct.pack("<10I", 0, 0, 0, 0, 1, 0, 0xFFFF, 0, 0x2028, 0x2028 + 4 * 0xFFFF)
    text = 0x2028 + 6 * 0xFFFF + 2
    return with_directory(
        image.DIR_EXPORT, head + struct.pack("<I", text) * 0xFFFF + bytes(2 * 0xFFFF + 2) + b"n" * 4000 + b"\0"
    )


def overlapping_resources() -> bytes:
    """A directory of 65,535 entries whose names are the same 60,000 characters, and that is its own child."""
    text = 16 + 8 * 0xFFFF
    entries = struct.pack("<II", 0x8000_0000 | text, 0x8000_0000) * 0xFFFF
    return with_directory(
        image.DIR_RESOURCE, struct.pack("<12xHH", 0xFFFF, 0) + entries + struct.pack("<H", 60000) + bytes(120000)
    )


def endless_relocations() -> bytes:
    """100,000 empty relocation blocks."""
    return with_directory(image.DIR_RELOC, struct.pack("<II", 0x1000, 8) * 100_000)


def enormous_zero_section() -> bytes:
    """Nearly a gigabyte of zeros that the directories lie in."""
    data = bytearray(with_directory(image.DIR_RELOC, b"x", size=0x3000_0000))
    struct.pack_into("<I", data, 0x80 + 24 + 56, 0x3F00_0000)
    struct.pack_into("<I", data, 0x80 + 24 + 224 + 40 + 8, 0x3EF0_0000)
    for number in (image.DIR_EXPORT, image.DIR_IMPORT, image.DIR_RESOURCE, image.DIR_TLS):
        struct.pack_into("<II", data, 0x80 + 24 + 96 + 8 * number, 0x10_0000, 0x3000_0000)
    return bytes(data)


def with_directory(number: int, content: bytes, size: int = 0) -> bytes:
    data = bytearray(make_pe(data=content).data)
    struct.pack_into("<II", data, 0x80 + 24 + 96 + 8 * number, 0x2000, size or len(content))
    data[0x80 + 22] &= 0xFE  # relocations are not stripped
    return bytes(data)


@pytest.mark.parametrize(
    "make",
    [overlapping_imports, overlapping_exports, overlapping_resources, endless_relocations, enormous_zero_section],
)
def test_small_files_cannot_ask_for_enormous_work(make: object) -> None:
    assert callable(make)
    data = make()
    begin = time.process_time()
    assert exercise(data) is not None
    assert time.process_time() - begin < SLOW


def test_mutated_dlls_load_or_fail_with_a_windows_error_and_leave_nothing(
    process: FakeProcess, builtin_cache: Path
) -> None:
    process.put("C:\\APP\\prog.exe", make_pe())
    process.start("C:\\APP\\prog.exe")
    originals = [data for data in seeds(builtin_cache) if parse(data).is_dll]
    originals.append(make_pe(dll="T.DLL", base=0x1000_0000, tls=(b"x" * 40, 8), tls_callbacks=[4], relocations=[]).data)
    places = [directory_offsets(data) for data in originals]
    before = {module.name for module in process.modules}, len(process.space.reservations())
    loaded = failed = 0
    for number in range(LONG // 20 if os.environ.get("W9X_LONG_TESTS") == "1" else 300):
        which = number % len(originals)
        process.put("C:\\APP\\lib.dll", mutate(originals[which], places[which], random.Random(number)))
        try:
            module = process.load("lib")
        except WinError:
            failed += 1
        else:
            loaded += 1
            for symbol in ("A", "B", "C", 1, 5, 9):
                try:
                    process.run(load.get_proc_address(process.task, module, symbol))
                except WinError:
                    pass
            process.free(module)
        # a system module that an import brought in stays
        left = {module.name for module in process.modules if not module.is_builtin}
        system = sum(module.is_builtin for module in process.modules)
        assert left == {"prog.exe"}, f"image {number}"
        assert len(process.space.reservations()) == before[1] + system - 1, f"image {number}"
    assert loaded > 20
    assert failed > 20
