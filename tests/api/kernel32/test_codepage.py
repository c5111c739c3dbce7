"""Code page conversion through real calls. Error codes: SDK, MultiByteToWideChar and WideCharToMultiByte."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.api.harness import POISON, Guest
from w9x_client.abi import Err


def test_ansi_text_becomes_utf16_with_its_terminator(guest: Guest) -> None:
    out = guest.buffer(20)
    assert guest.call("kernel32.MultiByteToWideChar", 0, 0, b"caf\xe9", -1, out, 10) == 5
    assert out.wide == "café"
    assert guest.last_error == POISON


def test_a_zero_capacity_asks_for_the_size(guest: Guest) -> None:
    assert guest.call("kernel32.MultiByteToWideChar", 0, 0, b"abc", 3, None, 0) == 3
    assert guest.call("kernel32.WideCharToMultiByte", 0, 0, guest.wide("abc"), -1, None, 0, None, None) == 4


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((0, 0, None, 3, None, 0), Err.INVALID_PARAMETER),
        ((0, 0, b"abc", 0, None, 0), Err.INVALID_PARAMETER),
        ((0, 0, b"abc", 3, None, 5), Err.INVALID_PARAMETER),
        ((12345, 0, b"abc", 3, None, 0), Err.INVALID_PARAMETER),
        ((0, 0x100, b"abc", 3, None, 0), Err.INVALID_FLAGS),
        ((0, 3, b"abc", 3, None, 0), Err.INVALID_FLAGS),
        ((65001, 1, b"abc", 3, None, 0), Err.INVALID_FLAGS),
        ((932, 8, b"\x81\x20", 2, None, 0), Err.NO_UNICODE_TRANSLATION),
    ],
)
def test_wrong_arguments_fail_with_the_documented_code(guest: Guest, arguments: tuple[object, ...], error: int) -> None:
    assert guest.call("kernel32.MultiByteToWideChar", *arguments) == 0
    assert guest.last_error == error


def test_a_buffer_too_small_is_an_error_in_both_directions(guest: Guest) -> None:
    out = guest.buffer(4)
    assert guest.call("kernel32.MultiByteToWideChar", 0, 0, b"abc", 3, out, 2) == 0
    assert guest.last_error == Err.INSUFFICIENT_BUFFER
    assert guest.call("kernel32.WideCharToMultiByte", 0, 0, guest.wide("abc"), -1, out, 3, None, None) == 0
    assert guest.last_error == Err.INSUFFICIENT_BUFFER


def test_what_the_page_lacks_becomes_the_default_character_and_is_reported(guest: Guest) -> None:
    out, used = guest.buffer(8), guest.buffer(4)
    assert guest.call("kernel32.WideCharToMultiByte", 1252, 0, guest.wide("a\u4e00"), -1, out, 8, b"#", used) == 3
    assert out.cstr == b"a#"
    assert used.u32() == 1
    assert guest.call("kernel32.WideCharToMultiByte", 1252, 0, guest.wide("a\u0100"), -1, out, 8, None, used) == 3
    assert (out.cstr, used.u32()) == (b"aA", 0)  # best fit is no default character
    assert guest.call("kernel32.WideCharToMultiByte", 1252, 0x400, guest.wide("a\u0100"), -1, out, 8, None, used) == 3
    assert (out.cstr, used.u32()) == (b"a?", 1)


def test_utf8_refuses_a_default_character(guest: Guest) -> None:
    assert guest.call("kernel32.WideCharToMultiByte", 65001, 0, guest.wide("\u20ac"), 1, None, 0, None, None) == 3
    assert guest.call("kernel32.WideCharToMultiByte", 65001, 0, guest.wide("x"), 1, None, 0, b"?", None) == 0
    assert guest.last_error == Err.INVALID_PARAMETER


def test_windows_95_knows_no_utf8(make_guest: Callable[..., Guest]) -> None:
    old = make_guest(windows="95")
    assert old.call("kernel32.IsValidCodePage", 65001) == 0  # SDK: "Windows 95: not supported"
    assert old.call("kernel32.IsValidCodePage", 1252) == 1


def test_cpinfo_lists_lead_bytes(guest: Guest) -> None:
    info = guest.buffer(20)
    assert guest.call("kernel32.GetCPInfo", 932, info) == 1
    assert info.bytes[:18] == b"\2\0\0\0?\0\x81\x9f\xe0\xfc" + bytes(8)
    assert guest.call("kernel32.GetCPInfo", 0, info) == 1
    assert info.bytes[:18] == b"\1\0\0\0?\0" + bytes(12)
    assert guest.call("kernel32.GetCPInfo", 4711, info) == 0
    assert guest.last_error == Err.INVALID_PARAMETER


def test_the_process_has_its_code_pages(guest: Guest) -> None:
    assert (guest.call("kernel32.GetACP"), guest.call("kernel32.GetOEMCP")) == (1252, 437)
    assert guest.call("kernel32.IsDBCSLeadByteEx", 932, 0x81) == 1
    assert guest.call("kernel32.IsDBCSLeadByte", 0x81) == 0


def test_code_pages_are_enumerated_until_the_callback_says_stop(guest: Guest) -> None:
    counter = guest.buffer(bytes(4))
    # inc dword [counter]; mov eax, [counter]; cmp eax, 3; setl al; movzx eax, al; ret 4
    code = b"\xff\x05" + counter.address.to_bytes(4, "little") + b"\xa1" + counter.address.to_bytes(4, "little")
    callback = guest.code(code + bytes.fromhex("83f803 0f9cc0 0fb6c0 c20400"))
    assert guest.call("kernel32.EnumSystemCodePagesA", callback, 1) == 1
    assert counter.u32() == 3
