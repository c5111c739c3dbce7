"""The relay log, through real calls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from w9x_client.process.trace import Relay

from .harness import Guest, GuestDied

Traced = Callable[..., tuple[Guest, Callable[[], list[str]]]]


@pytest.fixture
def traced(make_guest: Callable[..., Guest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Traced:
    """Makes a guest with a relay, and a function that gives the lines logged so far without their thread."""
    monkeypatch.setenv("W9X_NO_GUEST_CODE", "1")

    def make(filter_text: str = "*") -> tuple[Guest, Callable[[], list[str]]]:
        guest = make_guest()
        path = tmp_path / "log"
        relay = Relay(guest.process, filter_text, str(path))
        guest.process.trace = relay

        def lines() -> list[str]:
            relay.flush()
            thread = f"{guest.task.id:08X} "
            text = path.read_text(encoding="utf-8").splitlines()
            assert all(line.startswith(thread) for line in text)
            return [line.removeprefix(thread).partition("  ret ")[0] for line in text]

        return guest, lines

    return make


def test_arguments_have_names_and_kinds(traced: Traced) -> None:
    guest, lines = traced()
    guest.call("kernel32.MulDiv", 6, -7, 2)
    guest.call("kernel32.GetModuleHandleA", 'say "hi"\r\n')
    assert lines() == [
        "kernel32.MulDiv(nNumber=6, nNumerator=-7, nDenominator=2) = -21",
        'kernel32.GetModuleHandleA(lpModuleName="say \\"hi\\"\\r\\n") = NULL  last error 126 MOD_NOT_FOUND',
    ]


def test_an_address_that_is_text_by_its_name_is_shown_with_the_text(traced: Traced) -> None:
    guest, lines = traced()
    text = guest.buffer(b"abc\0")
    guest.call("kernel32.lstrlenA", text)
    assert lines() == [f'kernel32.lstrlenA(lpString={text.address:08X} "abc") = 3']


def test_a_failure_shows_the_last_error_it_sets(traced: Traced) -> None:
    guest, lines = traced()
    guest.call("kernel32.DeleteFileA", "C:\\NOPE.TXT")
    guest.call("kernel32.MulDiv", 1, 1, 1)
    found = lines()
    assert found[0] == 'kernel32.DeleteFileA(lpFileName="C:\\NOPE.TXT") = FALSE  last error 2 FILE_NOT_FOUND'
    assert "last error" not in found[1]


def test_a_pointer_that_cannot_be_read_is_shown_as_a_number(traced: Traced) -> None:
    guest, lines = traced()
    with pytest.raises(GuestDied):
        guest.call("kernel32.GetModuleHandleA", 0xDEAD0000)
    assert lines()[0].startswith("kernel32.GetModuleHandleA(lpModuleName=DEAD0000 (unreadable)) : access violation")


def test_calls_outside_the_filter_are_not_wrapped(traced: Traced) -> None:
    guest, lines = traced("*,-kernel32.string")
    guest.call("kernel32.MulDiv", 1, 2, 1)
    guest.call("kernel32.GetTickCount")
    assert [line.partition("(")[0] for line in lines()] == ["kernel32.GetTickCount"]


def test_calls_back_into_the_guest_are_indented(traced: Traced) -> None:
    guest, lines = traced("msvcrt")
    guest.address("msvcrt.qsort")
    # compare(a, b): mov eax,[esp+4]; mov eax,[eax]; mov ecx,[esp+8]; sub eax,[ecx]; ret
    compare = guest.code(bytes.fromhex("8b442404 8b00 8b4c2408 2b01 c3"))
    numbers = guest.buffer(bytes.fromhex("02000000 01000000"))
    guest.call("msvcrt.qsort", numbers, 2, 4, compare)
    assert numbers.u32(0) == 1
    found = lines()
    assert found[0].startswith("msvcrt.qsort(")
    assert found[1].startswith(f"  call {compare:08X}(")
    assert found[2].startswith(f"  back from {compare:08X} = ")
    assert found[-1] == "msvcrt.qsort = void"


def test_output_parameters_follow_the_result(traced: Traced) -> None:
    guest, lines = traced()
    guest.call("kernel32.GetEnvironmentVariableA", "windir", guest.buffer(64), 64)
    assert lines()[0].endswith('= 10 {lpBuffer: "C:\\WINDOWS"}')


def test_the_end_of_the_process_is_in_the_log(traced: Traced) -> None:
    guest, lines = traced("kernel32.ExitProcess")
    with pytest.raises(GuestDied):
        guest.call("kernel32.ExitProcess", 3)
    assert lines() == ["kernel32.ExitProcess(uExitCode=3) : the process ends"]
