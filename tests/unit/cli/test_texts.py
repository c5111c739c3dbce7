"""What commands print, and how they read what people type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w9x_client.cli import memory, output, reg
from w9x_client.cli.drive import parse_drive
from w9x_client.cli.errors import CommandError


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1 KB"), (1536, "1.5 KB"), (64 << 10, "64 KB"), (3 << 30, "3 GB")],
)
def test_sizes(size: int, text: str) -> None:
    assert output.size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0s"), (59.9, "59s"), (185, "3m05s"), (7805, "2h10m"), (370000, "4d06h")]
)
def test_ages(seconds: float, text: str) -> None:
    assert output.age_text(seconds) == text


def test_control_characters_of_a_guest_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(("A", "B"), [("x\x1b[2J", "y"), ("", "z")])
    assert capsys.readouterr().out == "A         B\nx\\x1b[2J  y\n          z\n"


@pytest.mark.parametrize("text", ["401000", "0x00401000", "00401000h", "0040`1000", "0X401000"])
def test_addresses_are_hexadecimal(text: str) -> None:
    assert memory.parse_address(text) == 0x401000


@pytest.mark.parametrize("text", ["", "xyz", "-1", "100000000", "0x"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(CommandError):
        memory.parse_address(text)


@pytest.mark.parametrize(("text", "size"), [("16", 16), ("0x10", 16), ("4K", 4096), ("1m", 1 << 20)])
def test_lengths(text: str, size: int) -> None:
    assert memory.parse_length(text) == size


@pytest.mark.parametrize("text", ["0", "-5", "", "K", "100M", "ten"])
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(CommandError):
        memory.parse_length(text)


def test_a_dump_begins_where_it_is_asked_to_and_folds_equal_lines() -> None:
    data = b"AB" + bytes(48) + b"\xff"
    assert list(memory.dump_lines(0x40100E, data)) == [
        "00401000" + " " * (2 + 14 * 3 + 1) + "41 42" + " " * (2 + 14) + "AB",
        "00401010  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  ................",
        "*",
        "00401040  FF" + " " * (15 * 3 + 1 + 2) + ".",
    ]


@given(st.integers(0, 0xFFFF), st.binary(min_size=1, max_size=200))
def test_a_dump_without_folding_holds_every_byte_in_order(address: int, data: bytes) -> None:
    lines = list(memory.dump_lines(address, data))
    if "*" not in lines:
        assert b"".join(bytes.fromhex(line[10:58].strip()) for line in lines) == data


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("HKLM", ("HKLM", "")),
        ("hkey_local_machine\\Software\\X", ("HKLM", "Software\\X")),
        ("HKCU/Software/X", ("HKCU", "Software\\X")),
        ("HKCR\\MIME\\text/html", ("HKCR", "MIME\\text/html")),
    ],
)
def test_registry_keys(text: str, key: tuple[str, str]) -> None:
    assert reg.parse_key(text) == key


def test_a_key_without_a_root_is_refused() -> None:
    with pytest.raises(CommandError, match="HKLM"):
        reg.parse_key("Software\\X")


@pytest.mark.parametrize(
    ("kind", "text", "data"),
    [
        ("REG_SZ", "a€", b"a\x80\0"),
        ("REG_DWORD", "0x10", b"\x10\0\0\0"),
        ("REG_DWORD_BIG_ENDIAN", "16", b"\0\0\0\x10"),
        ("REG_BINARY", "01 ff", b"\x01\xff"),
        ("REG_MULTI_SZ", "a\\0b", b"a\0b\0\0"),
    ],
)
def test_registry_values_are_written_as_they_are_shown(kind: str, text: str, data: bytes) -> None:
    assert reg.encode(text, kind) == data
    shown = reg.show(reg.TYPES[kind], data)
    assert reg.encode(shown, kind) == data


@pytest.mark.parametrize(
    ("kind", "text"), [("REG_DWORD", "4294967296"), ("REG_DWORD", "x"), ("REG_BINARY", "0g"), ("REG_SZ", "\u0436")]
)
def test_a_value_that_does_not_fit_its_type_is_refused(kind: str, text: str) -> None:
    with pytest.raises(CommandError):
        reg.encode(text, kind)


def test_a_drive_is_a_letter_a_directory_and_a_mode() -> None:
    assert parse_drive("d:=/usr:ro") == ("D", "/usr", True)
    assert parse_drive("E=/usr") == ("E", "/usr", False)


@pytest.mark.parametrize("text", ["", "C:=/usr", "D:", "=/usr", "DD:=/usr", "D:=", "D:=/nowhere/at/all"])
def test_what_is_no_drive_is_refused(text: str) -> None:
    with pytest.raises(CommandError):
        parse_drive(text)
