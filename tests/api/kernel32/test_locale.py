"""Locales, formatting, comparing and mapping. Values: SDK winnls.h and the Windows 98 regional settings for US
English.
"""

from __future__ import annotations

import struct

import pytest

from tests.api.harness import Guest
from w9x_client.abi import Err

US = 0x409


def text(guest: Guest, name: str, *arguments: object) -> str:
    buffer = guest.buffer(300)
    count = guest.call(f"kernel32.{name}", *arguments, buffer, 300)
    assert count == len(buffer.cstr) + 1, guest.last_error
    return buffer.cstr.decode("cp1252")


@pytest.mark.parametrize(
    ("lctype", "expected"),
    [(0x1001, "English"), (0x1002, "United States"), (0x0E, "."), (0x14, "$"), (0x1F, "M/d/yy"), (0x1003, "h:mm:ss tt"),
     (0x2A, "Monday"), (0x44, "Jan"), (0x1004, "1252"), (0x0B, "437"), (0x01, "0409")],
)  # fmt: skip
def test_regional_settings(guest: Guest, lctype: int, expected: str) -> None:
    assert text(guest, "GetLocaleInfoA", US, lctype) == expected


def test_locale_info_as_a_number_and_its_failures(guest: Guest) -> None:
    number = guest.buffer(4)
    assert guest.call("kernel32.GetLocaleInfoA", US, 0x2000_1004, number, 4) == 4
    assert number.u32() == 1252
    assert guest.call("kernel32.GetLocaleInfoA", US, 0x2000_001F, number, 4) == 0
    assert guest.last_error == Err.INVALID_FLAGS
    assert guest.call("kernel32.GetLocaleInfoA", 0x7777, 1, number, 4) == 0
    assert guest.last_error == Err.INVALID_PARAMETER
    assert guest.call("kernel32.GetLocaleInfoA", US, 0x1002, number, 4) == 0
    assert guest.last_error == Err.INSUFFICIENT_BUFFER


WHEN = struct.pack("<8H", 1998, 2, 0, 5, 13, 7, 9, 0)


@pytest.mark.parametrize(
    ("flags", "picture", "expected"),
    [
        (0, None, "2/5/98"),
        (1, None, "2/5/98"),
        (2, None, "Thursday, February 05, 1998"),
        (0, "ddd',' MMM dd yy", "Thu, Feb 05 98"),
    ],
)
def test_dates(guest: Guest, flags: int, picture: str | None, expected: str) -> None:
    assert text(guest, "GetDateFormatA", US, flags, guest.buffer(WHEN), picture) == expected


@pytest.mark.parametrize(
    ("flags", "picture", "expected"),
    [(0, None, "1:07:09 PM"), (2, None, "1:07 PM"), (1, None, "1 PM"), (4, None, "1:07:09"), (8, None, "13:07:09 PM"),
     (0, "HH'h'mm", "13h07")],
)  # fmt: skip
def test_times(guest: Guest, flags: int, picture: str | None, expected: str) -> None:
    assert text(guest, "GetTimeFormatA", US, flags, guest.buffer(WHEN), picture) == expected


def test_a_date_that_is_none_is_refused(guest: Guest) -> None:
    bad = guest.buffer(struct.pack("<8H", 1998, 2, 0, 30, 0, 0, 0, 0))
    assert guest.call("kernel32.GetDateFormatA", US, 0, bad, None, guest.buffer(80), 80) == 0
    assert guest.last_error == Err.INVALID_PARAMETER
    assert guest.call("kernel32.GetDateFormatA", US, 1, bad, "d", guest.buffer(80), 80) == 0
    assert guest.last_error == Err.INVALID_FLAGS


def test_numbers_and_money(guest: Guest) -> None:
    assert text(guest, "GetNumberFormatA", US, 0, "-1234567.895", None) == "-1,234,567.90"
    assert text(guest, "GetCurrencyFormatA", US, 0, "-1234.5", None) == "($1,234.50)"
    assert guest.call("kernel32.GetNumberFormatA", US, 0, "12a", None, guest.buffer(80), 80) == 0
    assert guest.last_error == Err.INVALID_PARAMETER


def test_locale_identifiers(guest: Guest) -> None:
    assert guest.call("kernel32.GetUserDefaultLCID") == US
    assert guest.call("kernel32.ConvertDefaultLocale", 0x400) == US
    assert guest.call("kernel32.ConvertDefaultLocale", 0x07) == 0x407
    assert guest.call("kernel32.IsValidLocale", US, 1) == 1
    assert guest.call("kernel32.IsValidLocale", 0x7777, 1) == 0
    assert guest.call("kernel32.SetThreadLocale", 0x407) == 1
    assert guest.call("kernel32.GetThreadLocale") == 0x407


def test_strings_compare_with_documented_results(guest: Guest) -> None:
    assert guest.call("kernel32.CompareStringA", US, 0, b"abc", -1, b"abd", -1) == 1
    assert guest.call("kernel32.CompareStringA", US, 1, b"ABC", 3, b"abcd", 3) == 2
    assert guest.call("kernel32.CompareStringW", US, 0, "b", -1, "a", -1) == 3
    assert guest.call("kernel32.CompareStringA", US, 0x40, b"a", -1, b"a", -1) == 0
    assert guest.last_error == Err.INVALID_FLAGS
    assert guest.call("kernel32.CompareStringA", US, 0, None, -1, b"a", -1) == 0
    assert guest.last_error == Err.INVALID_PARAMETER


def test_case_is_mapped_in_place(guest: Guest) -> None:
    word = guest.buffer(b"stra\xdfe \xe9\x83\0")
    assert guest.call("kernel32.LCMapStringA", US, 0x200, word, -1, word, 10) == 10
    assert word.cstr == b"STRA\xdfE \xc9\x83"  # U+0191 is not in the code page: the character stays
    assert guest.call("kernel32.LCMapStringW", US, 0x100, "\u00c9A", 2, None, 0) == 2
    assert guest.call("kernel32.LCMapStringA", US, 0x300, word, -1, word, 10) == 0
    assert guest.last_error == Err.INVALID_FLAGS


def test_sort_keys_order_as_the_strings_do(guest: Guest) -> None:
    keys = []
    for word in (b"coop", b"co-op", b"cop"):
        buffer = guest.buffer(64)
        count = guest.call("kernel32.LCMapStringA", US, 0x400, word, -1, buffer, 64)
        keys.append(buffer.bytes[:count])
    assert keys == sorted(keys)
    assert all(key.endswith(b"\0") and 0 not in key[:-1] for key in keys)


def test_characters_are_classified(guest: Guest) -> None:
    out = guest.buffer(12)
    assert guest.call("kernel32.GetStringTypeW", 1, guest.wide("aB1 \t"), 5, out) == 1
    assert struct.unpack("<5H", out.bytes[:10]) == (0x182, 0x181, 0x84, 0x48, 0x68)
    assert guest.call("kernel32.GetStringTypeA", US, 1, b"\xe9$", -1, out) == 1
    assert struct.unpack("<3H", out.bytes[:6]) == (0x102, 0x10, 0x20)
    assert guest.call("kernel32.GetStringTypeExA", US, 3, b"a", 1, out) == 0


def test_language_names(guest: Guest) -> None:
    buffer = guest.buffer(40)
    assert guest.call("kernel32.VerLanguageNameA", 0x409, buffer, 40) == len("English (United States)")
    assert buffer.cstr == b"English (United States)"
