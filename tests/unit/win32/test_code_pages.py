"""Code page tables: the published tables' values, and that nothing is lost or crashes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w9x_client.win32.kernel32.code_page_data import find_page, glyphs, page_numbers


def units(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


@pytest.mark.parametrize(
    ("page", "byte", "code"),
    [
        # unicode.org MAPPINGS/VENDORS/MICSFT: CP1252.TXT, CP437.TXT, bestfit1252.txt (81), bestfit874.txt (DB)
        (1252, 0x80, 0x20AC), (1252, 0x81, 0x81), (1252, 0xE9, 0xE9), (437, 0x82, 0xE9), (437, 0xE1, 0xDF),
        (850, 0xD5, 0x131), (1251, 0xC0, 0x410), (1250, 0xB3, 0x142), (874, 0xDB, 0xF8C1), (10000, 0x8E, 0xE9),
    ],
)  # fmt: skip
def test_bytes_map_to_the_published_characters(page: int, byte: int, code: int) -> None:
    found = find_page(page)
    assert found is not None
    assert found.decode(bytes([byte])) == code.to_bytes(2, "little")
    assert found.encode(code.to_bytes(2, "little")) == (bytes([byte]), False)


@pytest.mark.parametrize("page", [437, 850, 852, 857, 866, 874, 1250, 1251, 1252, 1253, 1257, 10000])
def test_every_byte_of_a_single_byte_page_survives_the_round_trip(page: int) -> None:
    found = find_page(page)
    assert found is not None
    data = bytes(range(256))
    assert found.encode(found.decode(data)) == (data, False)


@pytest.mark.parametrize(
    ("page", "char", "expected"),
    [
        # bestfit1252.txt and bestfit437.txt at unicode.org
        (1252, "\u0100", b"A"), (1252, "\u0110", b"\xd0"), (1252, "\u2017", b"="), (437, "\u00a9", b"c"), (437,
        "\u201c", b'"'),
        (437, "\u2022", b"\x07"), (437, "\u00c0", b"A"), (437, "\u00a7", b"\x15"),
    ],
)  # fmt: skip
def test_best_fit_substitutes_are_the_published_ones(page: int, char: str, expected: bytes) -> None:
    found = find_page(page)
    assert found is not None
    assert found.encode(units(char)) == (expected, False)


def test_without_best_fit_the_default_character_stands_in() -> None:
    found = find_page(1252)
    assert found is not None
    assert found.encode(units("a\u0100b"), b"*", best_fit=False) == (b"a*b", True)
    assert found.encode(units("\u4e00"), b"?") == (b"?", True)


def test_shift_jis_reports_its_lead_bytes_and_converts_pairs() -> None:
    found = find_page(932)
    assert found is not None
    assert found.lead == (0x81, 0x9F, 0xE0, 0xFC)  # SDK, code page 932
    assert found.decode(b"\x83\x65\x83\x58\x83\x67\xb1") == units("\u30c6\u30b9\u30c8\uff71")
    assert found.max_char_size == 2


def test_utf8_drops_invalid_sequences_unless_strict() -> None:
    found = find_page(65001)
    assert found is not None
    assert found.decode(b"a\xffb") == units("ab")
    with pytest.raises(UnicodeError):
        found.decode(b"a\xffb", strict=True)


def test_an_unknown_page_is_not_installed() -> None:
    assert find_page(12345) is None
    assert 1252 in page_numbers()


def test_control_codes_have_glyphs() -> None:
    assert glyphs(units("\x01A\x1f\x7f")) == units("\u263aA\u25bc\u2302")  # IBM PC character set


@given(st.binary(max_size=64), st.sampled_from([437, 932, 949, 1252, 65000, 65001]))
def test_decoding_any_bytes_gives_whole_units(data: bytes, page: int) -> None:
    found = find_page(page)
    assert found is not None
    assert len(found.decode(data)) % 2 == 0


@given(st.binary(max_size=64), st.sampled_from([437, 932, 1252, 65001]))
def test_encoding_any_units_gives_bytes(data: bytes, page: int) -> None:
    found = find_page(page)
    assert found is not None
    assert isinstance(found.encode(data[: len(data) & ~1])[0], bytes)
