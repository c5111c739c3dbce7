"""Bytes that a terminal sends, as Win32 key events. Pure."""

from __future__ import annotations

from dataclasses import dataclass

SHIFT_PRESSED, LEFT_CTRL_PRESSED, LEFT_ALT_PRESSED, ENHANCED_KEY = 0x10, 0x08, 0x02, 0x100

# final byte or number of a CSI / SS3 sequence -> (virtual key, PC scan code)
_CSI_FINAL = {
    "A": (0x26, 0x48), "B": (0x28, 0x50), "C": (0x27, 0x4D), "D": (0x25, 0x4B), "H": (0x24, 0x47), "F": (0x23, 0x4F),
    "P": (0x70, 0x3B), "Q": (0x71, 0x3C), "R": (0x72, 0x3D), "S": (0x73, 0x3E), "Z": (0x09, 0x0F),
}  # fmt: skip
_CSI_NUMBER = {
    1: (0x24, 0x47), 2: (0x2D, 0x52), 3: (0x2E, 0x53), 4: (0x23, 0x4F), 5: (0x21, 0x49), 6: (0x22, 0x51), 7: (0x24,
    0x47), 8: (0x23, 0x4F), 11: (0x70, 0x3B), 12: (0x71, 0x3C), 13: (0x72, 0x3D), 14: (0x73, 0x3E), 15: (0x74, 0x3F),
    17: (0x75, 0x40), 18: (0x76, 0x41), 19: (0x77, 0x42), 20: (0x78, 0x43), 21: (0x79, 0x44), 23: (0x7A, 0x57), 24:
    (0x7B, 0x58),
}  # fmt: skip
_SCAN = {c: 0x10 + i for i, c in enumerate("QWERTYUIOP")}
_SCAN |= {c: 0x1E + i for i, c in enumerate("ASDFGHJKL")}
_SCAN |= {c: 0x2C + i for i, c in enumerate("ZXCVBNM")}
_SCAN |= {c: 0x02 + i for i, c in enumerate("1234567890")}
_OTHER = {"\r": (0x0D, 0x1C), "\t": (0x09, 0x0F), "\b": (0x08, 0x0E), "\x1b": (0x1B, 0x01), " ": (0x20, 0x39)}
_SHIFTED = '~!@#$%^&*()_+{}|:"<>?'


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """One KEY_EVENT_RECORD (SDK wincon.h)."""

    down: bool
    key: int
    """Virtual-key code; 0 where the character belongs to no key of a US keyboard."""
    scan: int
    char: str
    """The character, '' for none."""
    state: int
    """dwControlKeyState."""


def _of_char(c: str, state: int = 0) -> tuple[int, int, str, int]:
    if c == "\n":
        return 0x0D, 0x1C, "\r", state | LEFT_CTRL_PRESSED
    if c == "\x7f":
        c = "\b"  # a terminal's Backspace
    if c in _OTHER:
        key, scan = _OTHER[c]
        return key, scan, c, state
    if c < " ":
        letter = chr(ord(c) + 0x40)
        key = ord(letter) if letter.isalnum() else 0
        return key, _SCAN.get(letter, 0), c, state | LEFT_CTRL_PRESSED
    upper = c.upper()
    if c.isascii() and c.isalnum():
        return ord(upper), _SCAN.get(upper, 0), c, state | (SHIFT_PRESSED if c.isupper() else 0)
    return 0, 0, c, state | (SHIFT_PRESSED if c in _SHIFTED else 0)


def _modifiers(number: int) -> int:
    bits = max(0, number - 1)
    return (
        (SHIFT_PRESSED if bits & 1 else 0)
        | (LEFT_ALT_PRESSED if bits & 2 else 0)
        | (LEFT_CTRL_PRESSED if bits & 4 else 0)
    )


def _sequence(text: str) -> tuple[int, tuple[int, int, str, int] | None] | None:
    """(characters used, key or None) for ``text`` that begins with ESC; None where more bytes may follow."""
    if len(text) == 1:
        return 1, _of_char("\x1b")
    if text[1] not in "[O":
        return 2, _of_char(text[1], LEFT_ALT_PRESSED)
    index = 2
    while index < len(text) and text[index] in "0123456789;":
        index += 1
    if index >= len(text):
        return None if index < 32 else (index, None)
    final = text[index]
    numbers = [int(n) if n and len(n) < 5 else 0 for n in text[2:index].split(";")]
    state = _modifiers(numbers[1]) if len(numbers) > 1 else 0
    found = _CSI_NUMBER.get(numbers[0]) if final == "~" else _CSI_FINAL.get(final)
    if final == "Z":
        return index + 1, (*_CSI_FINAL["Z"], "\t", SHIFT_PRESSED)
    if found is None:
        return index + 1, None
    return index + 1, (*found, "", state | ENHANCED_KEY)


def parse_keys(data: bytes) -> tuple[list[KeyEvent], bytes]:
    """Key events (down and up) of what a terminal sent, and the unfinished rest. A lone ESC is the Escape key."""
    tail = b""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.end == len(data) and len(data) - error.start < 4:
            tail = data[error.start :]
        text = data[: len(data) - len(tail)].decode("utf-8", "replace")
    events: list[KeyEvent] = []
    while text:
        if text[0] == "\x1b":
            found = _sequence(text)
            if found is None:
                return events, text.encode("utf-8") + tail
            used, key = found
        else:
            used, key = 1, _of_char(text[0])
        text = text[used:]
        if key is not None:
            events.append(KeyEvent(True, *key))
            events.append(KeyEvent(False, *key))
    return events, tail
