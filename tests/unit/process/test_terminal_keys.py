"""Bytes of a terminal as key events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w9x_client.process.terminal_keys import parse_keys


# Expected: virtual keys of SDK winuser.h, scan codes of the PC/XT set 1, sequences of xterm's ctlseqs document.
@pytest.mark.parametrize(
    ("data", "key", "scan", "char", "state"),
    [
        (b"a", 0x41, 0x1E, "a", 0),
        (b"Z", 0x5A, 0x2C, "Z", 0x10),
        (b"7", 0x37, 0x08, "7", 0),
        (b"\r", 0x0D, 0x1C, "\r", 0),
        (b"\x7f", 0x08, 0x0E, "\b", 0),
        (b"\x03", 0x43, 0x2E, "\x03", 8),
        (b"\x1b", 0x1B, 0x01, "\x1b", 0),
        (b"\x1bx", 0x58, 0x2D, "x", 2),
        (b"\x1b[D", 0x25, 0x4B, "", 0x100),
        (b"\x1b[1;5C", 0x27, 0x4D, "", 0x108),
        (b"\x1b[3~", 0x2E, 0x53, "", 0x100),
        (b"\x1bOP", 0x70, 0x3B, "", 0x100),
        (b"\x1b[24~", 0x7B, 0x58, "", 0x100),
        (b"\x1b[Z", 0x09, 0x0F, "\t", 0x10),
        ("é".encode(), 0, 0, "é", 0),
    ],
)
def test_a_key_goes_down_and_up(data: bytes, key: int, scan: int, char: str, state: int) -> None:
    events, rest = parse_keys(data)
    assert rest == b""
    assert [(e.down, e.key, e.scan, e.char, e.state) for e in events] == [
        (True, key, scan, char, state),
        (False, key, scan, char, state),
    ]


@pytest.mark.parametrize("data", [b"\x1b[", b"\x1b[1;", "é".encode()[:1], b"a\x1b[2", "😀".encode()[:3]])
def test_an_unfinished_sequence_waits_for_its_rest(data: bytes) -> None:
    events, rest = parse_keys(data)
    assert rest
    assert parse_keys(data[: len(data) - len(rest)])[0] == events


@given(st.binary(max_size=200))
def test_any_bytes_are_consumed_and_the_rest_is_bounded(data: bytes) -> None:
    _, rest = parse_keys(data)
    assert len(rest) < 40
