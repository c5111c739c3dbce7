"""The scanf engine."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w9x_client.win32.msvcrt.stdio_scan import NeedMore, Scanned, scan


class Latin:
    def to_wide(self, text: str) -> str:
        return text

    def to_narrow(self, text: str) -> str:
        return text


def run(text: str, fmt: str, complete: bool = True, wide: bool = False) -> Scanned:
    return scan(text, complete, fmt, wide, Latin())


def values(done: Scanned) -> list[bytes]:
    return [data for _, data in done.stores]


def test_integers_in_every_base() -> None:
    done = run("12 -0x1f 017 ff 0777", "%d %i %i %x %o")
    assert done.result == 5
    assert [struct.unpack("<i", v)[0] for v in values(done)] == [12, -31, 15, 255, 511]


def test_sizes() -> None:
    done = run("70000 5000000000 7", "%hd %I64d %ld")
    assert values(done) == [struct.pack("<H", 70000 & 0xFFFF), struct.pack("<q", 5_000_000_000), struct.pack("<i", 7)]


def test_floats_and_doubles() -> None:
    done = run("3.5 -1e3x", "%f%lf%c")
    assert values(done) == [struct.pack("<f", 3.5), struct.pack("<d", -1000.0), b"x"]


def test_a_float_out_of_range_is_infinite() -> None:
    assert values(run("1e300", "%f")) == [struct.pack("<f", float("inf"))]


@pytest.mark.parametrize(
    ("text", "fmt", "expected"),
    [
        ("hello world", "%3s%s", [b"hel\0", b"lo\0"]), ("abc123x", "%[a-z]%[^x]", [b"abc\0", b"123\0"]),
        ("a]b", "%[]a]", [b"a]\0"]),
        ("  x", "%c", [b" "]), ("xyz", "%2c", [b"xy"]), ("1 2", "%*d%s", [b"2\0"]),
        ("hé", "%S", ["hé\0".encode("utf-16-le")]),
    ],
)  # fmt: skip
def test_text_fields(text: str, fmt: str, expected: list[bytes]) -> None:
    assert values(run(text, fmt)) == expected


@pytest.mark.parametrize(
    ("text", "fmt", "result"),
    [
        ("", "%d", -1), ("   ", "%d", -1), ("x", "%d", 0), ("5", "%d%d", 1), ("5 x", "%d%d", 1), ("10%", "%d%%", 1),
        ("10 x", "%d y", 1), ("a,b", "%c,%c", 2), ("abc", "abd", 0), ("", "a", -1), ("-", "%d", 0),
    ],
)  # fmt: skip
def test_the_result_counts_assignments(text: str, fmt: str, result: int) -> None:
    assert run(text, fmt).result == result


def test_n_counts_characters_and_is_no_assignment() -> None:
    done = run("ab  cd", "%s %n")
    assert done.result == 1
    assert values(done)[1] == struct.pack("<i", 4)


def test_nothing_beyond_the_field_is_consumed() -> None:
    assert run("12abc", "%d").used == 2
    assert run("12  abc", "%d ").used == 4


def test_an_incomplete_text_asks_for_more() -> None:
    with pytest.raises(NeedMore):
        run("12", "%d", complete=False)
    assert run("12 ", "%d", complete=False).used == 2


def test_wide_scans_store_wide_strings() -> None:
    assert values(run("ab cd", "%s %hs", wide=True)) == ["ab\0".encode("utf-16-le"), b"cd\0"]


@given(
    st.text(alphabet="%*019hlI64Ldiuoxefgcs[]^-nS ab", max_size=15),
    st.text(alphabet="0123456789abx.e+- ]", max_size=20),
)
def test_any_format_and_text_are_survived(fmt: str, text: str) -> None:
    done = run(text, fmt)
    assert done.result >= -1
    assert 0 <= done.used <= len(text)


@given(st.integers(-(2**31), 2**31 - 1), st.floats(allow_nan=False, allow_infinity=False))
def test_what_printf_writes_scanf_reads(number: int, real: float) -> None:
    done = run(f"{number} {real:.17g}", "%d %lf")
    assert values(done) == [struct.pack("<i", number), struct.pack("<d", real)]
