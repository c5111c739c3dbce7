"""Code pages lose no byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w9x_client.abi import codepage


@given(st.binary(max_size=64), st.sampled_from([437, 850, 1250, 1251, 1252, 866]))
def test_every_byte_string_survives_the_way_to_text_and_back(data: bytes, page: int) -> None:
    assert codepage.encode(codepage.decode(data, page), page) == data


def test_what_a_page_lacks_becomes_a_question_mark() -> None:
    assert codepage.encode("a\u4e2db", 1252) == b"a?b"


@pytest.mark.parametrize(
    ("page", "byte", "char"), [(1252, 0x80, "\u20ac"), (437, 0x81, "\u00fc"), (1251, 0xC0, "\u0410")]
)
def test_known_characters(page: int, byte: int, char: str) -> None:
    assert codepage.decode(bytes((byte,)), page) == char
