"""Strings, message boxes and rectangles of USER32."""

from __future__ import annotations

import struct

import pytest

from tests.api.harness import Guest


def test_wsprintf_formats_from_the_stack(guest: Guest) -> None:
    out = guest.buffer(1024)
    wide, narrow = guest.wide("wide"), guest.buffer(b"narrow\0")
    count = guest.call("user32.wsprintfA", out, b"%d|%5s|%-3u|%08lX|%c|%S", -1, b"ab", 7, 0xABC, 65, wide)
    assert out.cstr == b"-1|   ab|7  |00000ABC|A|wide"
    assert count == len(out.cstr)
    arguments = guest.buffer(struct.pack("<II", 5, narrow.address))
    assert guest.call("user32.wvsprintfW", out, "%d %S", arguments) == 8
    assert out.wide == "5 narrow"


def test_wsprintf_stops_at_1024_characters(guest: Guest) -> None:
    out = guest.buffer(2000)
    assert guest.call("user32.wsprintfA", out, b"%1500d", 1) == 1023  # SDK: at most 1,024 bytes
    assert len(out.cstr) == 1023


def test_case_in_place_and_of_one_character(guest: Guest) -> None:
    word = guest.buffer(b"h\xe9llo\0")
    assert guest.call("user32.CharUpperA", word) == word.address
    assert word.cstr == b"H\xc9LLO"
    assert guest.call("user32.CharLowerA", 0xC9) == 0xE9
    assert guest.call("user32.CharUpperW", ord("é")) == ord("É")
    assert guest.call("user32.CharLowerBuffA", word, 2) == 2
    assert word.cstr == b"h\xe9LLO"


def test_characters_are_stepped_over(guest: Guest) -> None:
    word = guest.buffer(b"ab\0")
    assert guest.call("user32.CharNextA", word) == word.address + 1
    assert guest.call("user32.CharNextA", word.address + 2) == word.address + 2
    assert guest.call("user32.CharPrevA", word, word.address + 2) == word.address + 1
    assert guest.call("user32.CharPrevA", word, word) == word.address
    pair = guest.buffer(b"\x83\x65x\0")
    assert guest.call("user32.CharNextExA", 932, pair, 0) == pair.address + 2
    assert guest.call("user32.CharPrevExA", 932, pair, pair.address + 2, 0) == pair.address


def test_characters_have_classes(guest: Guest) -> None:
    assert guest.call("user32.IsCharAlphaA", ord("a")) == 1
    assert guest.call("user32.IsCharAlphaA", ord("1")) == 0
    assert guest.call("user32.IsCharAlphaNumericA", ord("1")) == 1
    assert guest.call("user32.IsCharUpperA", 0xC9) == 1
    assert guest.call("user32.IsCharLowerW", 0x451) == 1


def test_oem_and_ansi_text_convert_in_place(guest: Guest) -> None:
    word = guest.buffer(b"caf\xe9\0")
    assert guest.call("user32.CharToOemA", word, word) == 1
    assert word.cstr == b"caf\x82"  # CP437.TXT
    assert guest.call("user32.OemToCharBuffA", word, word, 4) == 1
    assert word.cstr == b"caf\xe9"


@pytest.mark.parametrize(
    ("style", "answer"),
    # SDK, MessageBox: IDOK 1, IDCANCEL 2, IDABORT 3, IDRETRY 4, IDIGNORE 5, IDYES 6, IDNO 7; MB_DEFBUTTON2 100h
    [(0, 1), (1, 1), (0x101, 2), (2, 3), (4, 6), (0x104, 7), (0x203, 2), (5, 4)],
)
def test_a_message_box_answers_its_default_button(
    guest: Guest, capfd: pytest.CaptureFixture[str], style: int, answer: int
) -> None:
    assert guest.call("user32.MessageBoxA", 0, b"line one\r\nline two", b"Caption", style) == answer
    assert capfd.readouterr().err == "[Caption]\n  line one\n  line two\n"


def test_rectangles(guest: Guest) -> None:
    def rect(*sides: int) -> object:
        return guest.buffer(struct.pack("<4i", *sides))

    out = guest.buffer(16)
    assert guest.call("user32.IntersectRect", out, rect(0, 0, 10, 10), rect(5, 5, 20, 20)) == 1
    assert struct.unpack("<4i", out.bytes) == (5, 5, 10, 10)
    assert guest.call("user32.IntersectRect", out, rect(0, 0, 5, 5), rect(5, 5, 6, 6)) == 0
    assert struct.unpack("<4i", out.bytes) == (0, 0, 0, 0)
    assert guest.call("user32.UnionRect", out, rect(0, 0, 1, 1), rect(5, 5, 6, 6)) == 1
    assert struct.unpack("<4i", out.bytes) == (0, 0, 6, 6)
    assert guest.call("user32.PtInRect", rect(0, 0, 5, 5), 4, 4) == 1
    assert guest.call("user32.PtInRect", rect(0, 0, 5, 5), 5, 4) == 0
    assert guest.call("user32.SubtractRect", out, rect(10, 10, 100, 100), rect(50, 10, 150, 150)) == 1  # SDK's example
    assert struct.unpack("<4i", out.bytes) == (10, 10, 50, 100)


def test_windows_cannot_be_ended_by_a_guest(guest: Guest) -> None:
    assert guest.call("user32.ExitWindowsEx", 1, 0) == 0
