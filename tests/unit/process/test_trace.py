"""Filters and values of the relay log."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from w9x_client.abi import Export, find_dll, flags
from w9x_client.abi.types import Arg
from w9x_client.process.trace import FilterError, parse_filter, selects


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
    ("parameter_type", "value", "text"),
    [
        (flags.FILE_ACCESS, 0xC0000000, "GENERIC_READ|GENERIC_WRITE"),
        (flags.FILE_ACCESS, 0x80000001, "GENERIC_READ|1"),
        (flags.FILE_SHARE, 0, "0"),
        (flags.FILE_DISPOSITION, 3, "OPEN_EXISTING"),
        (flags.FILE_DISPOSITION, 99, "63"),
        (flags.STD_HANDLE, -11, "STD_OUTPUT_HANDLE"),
        (flags.STD_HANDLE, -1, "FFFFFFFF"),
    ],
)
def test_flags_are_shown_by_name(parameter_type: Any, value: int, text: str) -> None:
    (arg,) = (item for item in get_args(parameter_type) if isinstance(item, Arg))
    assert arg.names[arg.show].text(value) == text
