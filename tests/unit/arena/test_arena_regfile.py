"""Cutting .reg files into parts keeps every value, its key and its line number."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from w9x_arena.regfile import split
from w9xd import regedit


def _applied(operations: list[regedit.Operation]) -> list[tuple[object, ...]]:
    out: list[tuple[object, ...]] = []
    key: regedit.KeyLine | None = None
    for operation in operations:
        if isinstance(operation, regedit.KeyLine):
            if operation != key:
                out.append((operation,))
            key = operation
        else:
            out.append((key, operation))
    return out


VALUES = st.tuples(st.text("ab\\\"; []", max_size=6), st.binary(max_size=90), st.sampled_from([1, 3, 4, 7]))


@given(st.lists(st.lists(VALUES, max_size=6), min_size=1, max_size=5), st.integers(60, 400))
@settings(max_examples=100, deadline=None)
def test_parts_say_the_same_as_the_whole(keys: list[list[tuple[str, bytes, int]]], limit: int) -> None:
    text = bytearray(regedit.HEADER)
    for number, values in enumerate(keys):
        text += regedit.key_line("HKLM", f"Software\\K{number}") + b"; a comment \\\r\n"
        for name, data, kind in values:
            text += regedit.value_line(name, kind, data)
    whole = regedit.parse(bytes(text))
    parts: list[regedit.Operation] = []
    repeats = 0
    for part, first_line, repeated in split(bytes(text), limit):
        parts += regedit.parse(part, first_line)
        repeats += repeated
    assert _applied(parts) == _applied(whole)
    assert len(parts) - repeats == len(whole)


def test_part_numbers_are_the_files_lines() -> None:
    lines = ["REGEDIT4", "", "[HKEY_CURRENT_USER\\A]", *[f'"v{n}"="{n}"' for n in range(50)], "broken", "[HKEY_USERS]"]
    data = "\r\n".join(lines).encode()
    complaints = []
    for part, first_line, _repeated in split(data, 120):
        try:
            regedit.parse(part, first_line)
        except regedit.RegSyntaxError as error:
            complaints.append(str(error))
    assert complaints == ["line 54: neither a key nor a value"]


def test_small_file_is_one_part() -> None:
    assert list(split(b"REGEDIT4\n")) == [(b"REGEDIT4\n", 1, False)]
