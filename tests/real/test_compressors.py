"""minigzip (zlib 1.2.13) and bzip2 1.0.8, through pipes and files, against Python's own zlib and bz2."""

from __future__ import annotations

import bz2
import gzip
import random
from pathlib import Path

import pytest

from tests.guest.run import Runner, shown
from tests.real.programs import Program, bzip2, minigzip

PROGRAMS = {"minigzip": (minigzip, ".gz", gzip), "bzip2": (bzip2, ".bz2", bz2)}


def megabyte() -> bytes:
    """1 MB of binary data with every byte value (so also 0Ah, 0Dh and 1Ah), half of it compressible."""
    rng = random.Random(95)
    return rng.randbytes(512 * 1024) + b"".join(bytes([i]) * (i + 1) for i in range(256)) * 16


@pytest.fixture(params=sorted(PROGRAMS))
def tool(request: pytest.FixtureRequest) -> tuple[Program, str, object]:
    build, suffix, judge = PROGRAMS[request.param]
    return build(), suffix, judge


def test_binary_data_passes_through_pipes_unchanged(w9x: Runner, tool) -> None:
    program, _, judge = tool
    data = megabyte()
    packed = w9x.run(program.exe, stdin=data)
    assert packed.returncode == 0, shown(packed)[:2000]
    assert judge.decompress(packed.stdout) == data
    plain = w9x.run(program.exe, ["-d"], stdin=judge.compress(data))
    assert plain.returncode == 0
    assert plain.stdout == data


def test_a_file_is_replaced_by_its_compressed_form_and_back(w9x: Runner, tool, tmp_path: Path) -> None:
    program, suffix, judge = tool
    data = megabyte()
    (tmp_path / "a file.bin").write_bytes(data)
    done = w9x.run(program.exe, ["a file.bin"], cwd=tmp_path)
    assert done.returncode == 0, shown(done)
    assert [p.name for p in tmp_path.iterdir()] == ["a file.bin" + suffix]
    assert judge.decompress((tmp_path / ("a file.bin" + suffix)).read_bytes()) == data
    done = w9x.run(program.exe, ["-d", "a file.bin" + suffix], cwd=tmp_path)
    assert done.returncode == 0, shown(done)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a file.bin", data)]


@pytest.mark.parametrize("data", [b"", b"\x1a", b"\r\n" * 5, bytes(range(256))], ids=["empty", "ctrl-z", "crlf", "all"])
def test_small_inputs_survive(w9x: Runner, tool, data: bytes) -> None:
    program, _, judge = tool
    packed = w9x.run(program.exe, stdin=data)
    assert judge.decompress(packed.stdout) == data, shown(packed)


def test_bzip2_reports_a_damaged_file_with_code_2(w9x: Runner, tmp_path: Path) -> None:
    data = bytearray(bz2.compress(megabyte()))
    data[len(data) // 2] ^= 0x10
    (tmp_path / "bad.bz2").write_bytes(data)
    done = w9x.run(bzip2().exe, ["-t", "bad.bz2"], cwd=tmp_path)
    assert done.returncode == 2, shown(done)
    assert b"data integrity (CRC) error in data" in done.stderr, shown(done)
    done = w9x.run(bzip2().exe, ["-d", "absent.bz2"], cwd=tmp_path)
    assert done.returncode == 1, shown(done)
    assert b"Can't open input file absent.bz2: No such file or directory." in done.stderr, shown(done)
