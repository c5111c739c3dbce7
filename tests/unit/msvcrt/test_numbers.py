"""Text to numbers and back, and the command line."""

from __future__ import annotations

import ctypes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w9x_client.win32.msvcrt import command_line
from w9x_client.win32.msvcrt.number_text import digits_of, parse_integer, parse_real, real_text_is_zero

NUMBERISH = st.text(alphabet="0123456789abcxXzZ+- .eEdD\t", max_size=20)
libc = ctypes.CDLL(None)
libc.strtod.restype = ctypes.c_double
libc.strtoll.restype = ctypes.c_longlong


@given(NUMBERISH, st.sampled_from([0, *range(2, 37)]))
def test_integers_agree_with_the_hosts_strtol(text: str, base: int) -> None:
    data = ctypes.create_string_buffer(text.encode())
    end = ctypes.c_char_p()
    expected = libc.strtoll(data, ctypes.byref(end), base)
    length = ctypes.cast(end, ctypes.c_void_p).value - ctypes.addressof(data)  # type: ignore[operator]
    value, used = parse_integer(text, base)
    lone_zero = text[: max(length - 1, 0)].strip() in ("", "+", "-")
    prefix_only = lone_zero and text[length - 1 : length + 1].lower() == "0x" and base in (0, 16)
    if prefix_only:
        assert (value, used) == (None, 0)  # C89 reads the 0; this runtime takes 0x without digits for no number
    elif length == 0:
        assert value is None
    else:
        assert used == length
        assert max(-(2**63), min(2**63 - 1, value or 0)) == expected


@given(st.text(alphabet="0123456789.eE+-", max_size=25))
def test_reals_agree_with_the_hosts_strtod(text: str) -> None:
    data = ctypes.create_string_buffer(text.encode())
    end = ctypes.c_char_p()
    expected = libc.strtod(data, ctypes.byref(end))
    length = ctypes.cast(end, ctypes.c_void_p).value - ctypes.addressof(data)  # type: ignore[operator]
    assert parse_real(text) == (expected, length)


def test_an_exponent_may_be_marked_with_d() -> None:
    assert parse_real("1.5d2") == (150.0, 5)
    assert parse_real("1D-1x") == (0.1, 4)


@pytest.mark.parametrize("text", ["inf", "nan", "0x10", "infinity", ""])
def test_what_c89_does_not_know_is_no_number(text: str) -> None:
    assert parse_real(text) in ((0.0, 0), (0.0, 1))


def test_underflow_is_told_from_zero() -> None:
    assert real_text_is_zero("0.000e5") and not real_text_is_zero("1e-400")


def test_a_million_digits_are_no_denial_of_service() -> None:
    assert parse_integer("9" * 1_000_000, 10)[0] == 1 << 80
    parse_real("9" * 1_000_000)


@given(st.integers(0, 2**64 - 1), st.integers(2, 36))
def test_digits_read_back(value: int, base: int) -> None:
    assert int(digits_of(value, base), base) == value


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        # MSDN, "Parsing C++ Command-Line Arguments", results of command lines
        ('p "abc" d e', ["p", "abc", "d", "e"]),
        (r'p a\\b d"e f"g h', ["p", r"a\\b", "de fg", "h"]),
        (r"p a\\\"b c d", ["p", r"a\"b", "c", "d"]),
        (r'p a\\\\"b c" d e', ["p", r"a\\b c", "d", "e"]),
        ('"C:\\Program Files\\x.exe" 1', ["C:\\Program Files\\x.exe", "1"]),
        ('p ""', ["p", ""]),
        ("p   ", ["p"]),
        ("", [""]),
        ('p "a""b"', ["p", 'a"b']),
        (r'p "a\"b" c', ["p", 'a"b', "c"]),
        ("p a\tb", ["p", "a", "b"]),
    ],
)
def test_command_lines_split_as_documented(line: str, arguments: list[str]) -> None:
    assert command_line.split(line) == arguments


@given(st.text(alphabet='ab \\"\t', max_size=30))
def test_any_command_line_splits(line: str) -> None:
    assert command_line.split(line)


def test_quoted_arguments_are_not_wildcards() -> None:
    assert command_line.split_marked('p *.c "*.h"')[1:] == [("*.c", False), ("*.h", True)]
