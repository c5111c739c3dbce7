"""Ordering and classifying characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w9x_client.win32.kernel32 import collation_data as tables


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # SDK, lstrcmp: "lower case before upper"; CompareString: word sort puts "coop" and "co-op" together
        ("a", "A"), ("coop", "co-op"), ("co-op", "cop"), ("1", "a"), ("!", "1"), ("a", "b"), ("A", "b"), ("", "a"),
        ("a", "ab"),
        ("cote", "cot\u00e9"), ("$", "1"), ("#", "$"), ("e", "\u00e9"), ("\u00e9", "f"),
    ],
)  # fmt: skip
def test_the_first_sorts_before_the_second(first: str, second: str) -> None:
    assert tables.compare(first, second) == -1
    assert tables.compare(second, first) == 1
    assert tables.sort_key(first) < tables.sort_key(second)


def test_case_and_marks_can_be_ignored() -> None:
    assert tables.compare("Stra\u00dfe", "STRASSE", tables.NORM_IGNORECASE) == 0
    assert tables.compare("\u00e9", "e", tables.NORM_IGNORENONSPACE) == 0
    assert tables.compare("a.b!", "ab", tables.NORM_IGNORESYMBOLS) == 0


def test_a_string_sort_treats_the_hyphen_as_a_symbol() -> None:
    # SDK, CompareString: string sort: "bill's" and "bills" are apart, symbols before alphanumerics
    assert tables.compare("bill's", "billet", tables.SORT_STRINGSORT) == -1
    assert tables.compare("bill's", "billet") == 1


def test_the_sort_key_has_the_documented_layout() -> None:
    # SDK, LCMapString: [unicode weights] 01 [diacritic] 01 [case] 01 [extra] 01 [special] 00; A weighs 0E 02, case 12
    # for capitals
    assert tables.sort_key("A") == bytes.fromhex("0e02 01 01 12 01 01 00")
    assert tables.sort_key("a") == bytes.fromhex("0e02 01 01 01 01 00")


@given(st.text(max_size=12), st.text(max_size=12), st.text(max_size=12))
def test_the_order_is_antisymmetric_and_transitive(a: str, b: str, c: str) -> None:
    assert tables.compare(a, b) == -tables.compare(b, a)
    if tables.compare(a, b) <= 0 and tables.compare(b, c) <= 0:
        assert tables.compare(a, c) <= 0


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=12), st.text(max_size=12))
def test_a_sort_key_orders_as_comparison_does(a: str, b: str) -> None:
    x, y = tables.sort_key(a), tables.sort_key(b)
    assert (x > y) - (x < y) == tables.compare(a, b)
    assert 0 not in x[:-1]


def test_case_maps_one_character_to_one() -> None:
    assert tables.upper("stra\u00dfe \u00e9\u00ff \u00b5") == "STRA\u00dfE \u00c9\u0178 \u00b5"
    assert tables.lower("\u0130\u00c9A") == "\u0130\u00e9a"


@pytest.mark.parametrize(
    ("char", "expected"),
    [
        # SDK, GetStringTypeEx: C1_* of the POSIX classes
        ("A", 0x181), ("z", 0x102), ("5", 0x84), (" ", 0x48), ("\t", 0x68), ("\n", 0x28), ("$", 0x10), ("\x7f", 0x20),
        ("\u00e9", 0x102), ("\u00d7", 0x10),
    ],
)  # fmt: skip
def test_classes_of_characters(char: str, expected: int) -> None:
    assert tables.ctype1(char) == expected
