"""The printf engine: MSDN's format language, and the numbers of Visual C++ 6's runtime."""

from __future__ import annotations

import ctypes
import math
import struct
from decimal import ROUND_HALF_UP, Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w9x_client.win32.msvcrt import stdio_format
from w9x_client.win32.msvcrt.format_number import INDEFINITE


class Arguments:
    """Python values in place of a guest argument list; a string stands for its own address."""

    def __init__(self, *values: object) -> None:
        self.values = list(values)
        self.strings: dict[int, str] = {}
        self.stored: list[tuple[int, int, int]] = []

    def i32(self) -> int:
        value = self.values.pop(0)
        if isinstance(value, str):
            address = 0x1000 + len(self.strings)
            self.strings[address] = value
            return address
        assert isinstance(value, int)
        value &= 0xFFFFFFFF
        return value - (value >> 31 << 32)

    def u64(self) -> int:
        value = self.values.pop(0)
        assert isinstance(value, int)
        return value & 0xFFFF_FFFF_FFFF_FFFF

    def f64(self) -> float:
        value = self.values.pop(0)
        assert isinstance(value, float)
        return value

    def narrow(self, address: int, limit: int) -> str:
        text = self.strings[address]
        return text if limit < 0 else text[:limit]

    wide = narrow

    def counted(self, address: int, wide: bool) -> str | None:
        return self.strings[address]

    def to_wide(self, text: str) -> str:
        return f"<w {text}>"

    def to_narrow(self, text: str) -> str:
        return f"<n {text}>"

    def store(self, address: int, value: int, size: int) -> None:
        self.stored.append((address, value, size))


def show(fmt: str, *values: object, wide: bool = False) -> str:
    return stdio_format.format_text(fmt, Arguments(*values), wide)


FLAGS = st.text(alphabet="-+ #0", max_size=3)
WIDTH = st.one_of(st.just(""), st.integers(1, 30).map(str))
PRECISION = st.one_of(st.just(""), st.integers(0, 20).map(lambda n: f".{n}"))
snprintf = ctypes.CDLL(None).snprintf


def libc(fmt: str, *arguments: object) -> str:
    buffer = ctypes.create_string_buffer(4096)
    snprintf(buffer, len(buffer), fmt.encode("latin-1"), *arguments)
    return buffer.value.decode("latin-1")


@given(FLAGS, WIDTH, PRECISION, st.sampled_from("diuoxX"), st.integers(-(2**31), 2**31 - 1))
def test_integers_agree_with_the_hosts_c_library(flags: str, width: str, precision: str, kind: str, value: int) -> None:
    fmt = f"%{flags}{width}{precision}{kind}"
    assert show(fmt, value) == libc(fmt, ctypes.c_int(value))


@given(FLAGS, WIDTH, PRECISION, st.sampled_from("diuoxX"), st.integers(-(2**63), 2**63 - 1))
def test_64_bit_integers_agree_with_the_hosts_c_library(
    flags: str, width: str, precision: str, kind: str, value: int
) -> None:
    assert show(f"%{flags}{width}{precision}I64{kind}", value) == libc(
        f"%{flags}{width}{precision}ll{kind}", ctypes.c_longlong(value)
    )


@given(
    st.text(alphabet="-", max_size=1), WIDTH, PRECISION,
    st.text(alphabet=st.characters(min_codepoint=1, max_codepoint=255), max_size=30),
)
def test_strings_agree_with_the_hosts_c_library(flags: str, width: str, precision: str, text: str) -> None:
    fmt = f"[%{flags}{width}{precision}s]"
    assert show(fmt, text) == libc(fmt, ctypes.c_char_p(text.encode("latin-1")))


def seventeen(value: float) -> Decimal:
    """The number that the runtime prints: its first 17 significant digits."""
    return Decimal(f"{value:.16e}")


@given(st.floats(-1e15, 1e15), st.integers(0, 25))
def test_fixed_notation_rounds_seventeen_digits_half_up(value: float, places: int) -> None:
    expected = seventeen(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, Context(prec=80))
    text = f"{expected.copy_abs():f}"
    assert show(f"%.{places}f", value) == ("-" if math.copysign(1, value) < 0 else "") + text


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 25))
def test_scientific_notation_has_three_exponent_digits(value: float, places: int) -> None:
    text = show(f"%.{places}e", value)
    mantissa, _, exponent = text.partition("e")
    assert len(exponent) == 4 and exponent[0] in "+-"
    assert len(mantissa.lstrip("-")) == (places + 2 if places else 1)
    distance = abs(Decimal(text) - seventeen(value))
    assert distance <= Decimal("0.5").scaleb(int(exponent) - places)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_seventeen_digits_read_back_as_the_same_number(value: float) -> None:
    assert float(show("%.16e", value)) == value
    assert float(show("%.17g", value)) == value


@pytest.mark.parametrize(
    ("fmt", "value", "expected"),
    [
        ("%f", 0.1, "0.100000"),
        ("%.20f", 0.1, "0.10000000000000001000"),  # 17 significant digits, then zeros
        ("%.0f", 0.5, "1"),
        ("%.0f", 2.5, "3"),
        ("%g", 100000.0, "100000"),
        ("%g", 1000000.0, "1e+006"),
        ("%g", 0.0001, "0.0001"),
        ("%g", 0.00001, "1e-005"),
        ("%#g", 1.0, "1.00000"),
        ("%g", 0.0, "0"),
        ("%e", 0.0, "0.000000e+000"),
        ("%#.0f", 3.0, "3."),
        ("%010.3f", -3.14159, "-00003.142"),
        ("%+.1f", 0.05, "+0.1"),
        ("%G", 1e-10, "1E-010"),
    ],
)
def test_floating_point_examples(fmt: str, value: float, expected: str) -> None:
    assert show(fmt, value) == expected


SNAN = struct.unpack("<d", struct.pack("<Q", 0x7FF0_0000_0000_0001))[0]


@pytest.mark.parametrize(
    ("fmt", "value", "expected"),
    [
        ("%f", math.inf, "1.#INF00"), ("%f", -math.inf, "-1.#INF00"), ("%g", math.inf, "1.#INF"),
        ("%e", math.inf, "1.#INF00e+000"), ("%.2f", math.inf, "1.#J"), ("%.1f", math.inf, "1.$"),
        ("%.0f", math.inf, "1"),
        ("%f", INDEFINITE, "-1.#IND00"), ("%g", math.nan, "1.#QNAN"), ("%g", SNAN, "1.#SNAN"),
    ],
)  # fmt: skip
def test_infinities_and_nans_are_digit_strings(fmt: str, value: float, expected: str) -> None:
    assert show(fmt, value) == expected


@pytest.mark.parametrize(
    ("fmt", "values", "expected"),
    [
        ("%p", (0x401000,), "00401000"), ("%hd", (70000,), "4464"), ("%hu", (-1,), "65535"),
        ("%c|%5c|%-5c|", (65, 66, 67), "A|    B|C    |"),
        ("%*d|%-*d|%*d|", (5, 1, 4, 2, -3, 3), "    1|2   |3  |"), ("%.*s", (2, "abcdef"), "ab"),
        ("%05s", ("ab",), "000ab"),
        ("%s", (0,), "(null)"), ("100%%", (), "100%"), ("%y%", (), "y"), ("%I32d", (5,), "5"),
        ("%lld", (5_000_000_000,), "5000000000"),
    ],
)  # fmt: skip
def test_integers_strings_and_the_rest(fmt: str, values: tuple[object, ...], expected: str) -> None:
    assert show(fmt, *values) == expected


@pytest.mark.parametrize(
    ("fmt", "wide", "expected"),
    [
        ("%s", False, "x"), ("%S", False, "<n x>"), ("%ls", False, "<n x>"), ("%hs", False, "x"), ("%hS", False, "x"),
        ("%s", True, "x"), ("%S", True, "<w x>"), ("%hs", True, "<w x>"), ("%ls", True, "x"),
    ],
)  # fmt: skip
def test_string_arguments_are_wide_as_size_and_case_say(fmt: str, wide: bool, expected: str) -> None:
    assert show(fmt, "x", wide=wide) == expected


def test_n_stores_the_count_so_far() -> None:
    arguments = Arguments(1234, 0x5000)
    assert stdio_format.format_text("ab%d%nxyz", arguments) == "ab1234xyz"
    assert arguments.stored == [(0x5000, 6, 4)]


def test_a_hostile_width_is_bounded() -> None:
    assert len(show("%2147483647d", 1)) == stdio_format.MAX_FIELD
    assert len(show("%*d", -0x80000000, 1)) == stdio_format.MAX_FIELD


@given(st.text(max_size=20))
def test_any_format_is_survived(fmt: str) -> None:
    class Endless(Arguments):
        def i32(self) -> int:
            return 5

        def u64(self) -> int:
            return 5

        def f64(self) -> float:
            return 0.5

        def narrow(self, address: int, limit: int) -> str:
            return "s"

        wide = narrow

        def counted(self, address: int, wide: bool) -> str | None:
            return None

    stdio_format.format_text("%" + fmt, Endless())


@given(st.lists(st.integers(0, 0xFFFF), max_size=20))
def test_wide_units_survive_the_round_trip(codes: list[int]) -> None:
    data = struct.pack(f"<{len(codes)}H", *codes)
    text = stdio_format.units(data)
    assert [ord(c) for c in text] == codes
    assert stdio_format.unit_bytes(text) == data
