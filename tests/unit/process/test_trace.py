"""Filters and values of the relay log."""

from __future__ import annotations

import pytest

from w9x_client.abi import Export, find_dll, flags
from w9x_client.process.trace import FilterError, named, parse_filter, selects


def export(name: str) -> Export:
    dll, function = name.split(".")
    declared = find_dll(dll)
    assert declared is not None
    return declared.exports[function]


@pytest.mark.parametrize(
    ("text", "name", "wanted"),
    [
        ("*", "kernel32.HeapAlloc", True),
        ("kernel32", "kernel32.HeapAlloc", True),
        ("KERNEL32.DLL.HEAP", "kernel32.HeapAlloc", True),
        ("msvcrt", "kernel32.HeapAlloc", False),
        ("*,-kernel32.heap", "kernel32.HeapAlloc", False),
        ("*,-kernel32.heap", "kernel32.GetLastError", True),
        ("-kernel32.heap", "kernel32.GetLastError", True),
        ("*,-kernel32,kernel32.HeapAlloc", "kernel32.HeapAlloc", True),
        ("*,-kernel32,kernel32.HeapAlloc", "kernel32.HeapFree", False),
        ("kernel32.heap*", "kernel32.HeapFree", True),
        ("kernel32.heapalloc", "kernel32.HeapAlloc", True),
        (" * , -msvcrt ", "kernel32.HeapFree", True),
    ],
)
def test_the_last_rule_that_fits_decides(text: str, name: str, wanted: bool) -> None:
    assert selects(parse_filter(text), export(name)) is wanted


@pytest.mark.parametrize("text", ["", ",", "*,", "-", "kernel32.", ".heap", "a b"])
def test_a_filter_that_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(FilterError):
        parse_filter(text)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (flags.FileAccess, 0xC0000000, "GENERIC_WRITE|GENERIC_READ"),
        (flags.FileAccess, 0x80000001, "GENERIC_READ|1"),
        (flags.FileShare, 0, "0"),
        (flags.FileDisposition, 3, "OPEN_EXISTING"),
        (flags.FileDisposition, 99, "63"),
    ],
)
def test_flags_are_shown_by_name(kind: type, value: int, text: str) -> None:
    assert sorted(named(kind, value).split("|")) == sorted(text.split("|"))
