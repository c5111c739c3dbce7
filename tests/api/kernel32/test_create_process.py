"""Starting other programs. Expected values: SDK documentation of CreateProcess and WinExec."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.guest.build import build_exe, text_source

from ..harness import Buffer, Guest

SOURCE = r"""
#include <windows.h>
static void say(const char *text) {
    DWORD n;
    WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), text, lstrlenA(text), &n, 0);
}
void start(void) {
    char text[300];
    DWORD n;
    STARTUPINFOA info;
    say(GetCommandLineA()); say("|");
    GetCurrentDirectoryA(sizeof text, text); say(text); say("|");
    if (GetEnvironmentVariableA("ZED", text, sizeof text)) say(text);
    say("|");
    GetStartupInfoA(&info); say(info.lpTitle); say("|");
    if (ReadFile(GetStdHandle(STD_INPUT_HANDLE), text, sizeof text - 1, &n, 0) && n) { text[n] = 0; say(text); }
    ExitProcess(0x12345);
}
"""
STARTF_USESTDHANDLES = 0x100


@pytest.fixture(scope="session")
def program() -> Path:
    return build_exe("child", [text_source("child.c", SOURCE)], crt=False, relocatable=True)


@pytest.fixture
def folder(guest: Guest, program: Path) -> str:
    """The guest folder of the program."""
    return guest.process.drives.expose(program.parent)


def pipe(guest: Guest) -> tuple[int, int]:
    ends = guest.buffer(8)
    assert guest.call("kernel32.CreatePipe", ends, ends.address + 4, 0, 0)
    return ends.u32(0), ends.u32(1)


def create(
    guest: Guest, application: str | None, command_line: str | None, *, startup: Buffer | None = None,
    environment: bytes | None = None, current: str | None = None, flags: int = 0,
) -> tuple[int, ...]:  # fmt: skip
    """CreateProcessA; the PROCESS_INFORMATION, or () with last error set."""
    info = guest.buffer(16)
    started = guest.call(
        "kernel32.CreateProcessA", application, command_line, 0, 0, 1, flags, environment, current,
        startup or guest.buffer(struct.pack("<I", 68) + bytes(64)), info,
    )  # fmt: skip
    return struct.unpack("<4I", info.bytes) if started else ()


def test_a_child_gets_its_line_folder_environment_and_handles_and_tells_its_code(guest: Guest, folder: str) -> None:
    output, child_output = pipe(guest)
    child_input, feed = pipe(guest)
    title = guest.buffer(b"my title\0").address
    fields = [68, 0, 0, title, *[0] * 7, STARTF_USESTDHANDLES, 0, 0, child_input, child_output, 0]
    startup = guest.buffer(struct.pack("<17I", *fields))
    line = f'"{folder}child" one  "two three"'
    process, thread, pid, tid = create(
        guest, None, line, startup=startup, environment=b"A=1\0ZED=zed value\0", current="C:\\WINDOWS"
    )
    assert pid not in (0, guest.process.guest_pid) or guest.process.daemon is None
    assert tid
    code = guest.buffer(4)
    assert guest.call("kernel32.GetExitCodeProcess", process, code) == 1
    assert code.u32() == 259
    assert guest.call("kernel32.WaitForSingleObject", process, 0) == 0x102
    count = guest.buffer(4)
    assert guest.call("kernel32.WriteFile", feed, b"fed", 3, count, 0) == 1
    for handle in (feed, child_output, child_input):
        guest.call("kernel32.CloseHandle", handle)
    assert guest.call("kernel32.WaitForSingleObject", process, 20_000) == 0
    assert guest.call("kernel32.WaitForSingleObject", thread, 0) == 0
    assert guest.call("kernel32.GetExitCodeProcess", process, code) == 1
    assert code.u32() == 0x12345, "all 32 bits"
    text = guest.buffer(400)
    said = b""
    while guest.call("kernel32.ReadFile", output, text, 400, count, 0) and count.u32():
        said += text.bytes[: count.u32()]
    assert said.decode() == f"{line}|C:\\WINDOWS|zed value|my title|fed"


def test_a_running_child_can_be_terminated(guest: Guest, folder: str) -> None:
    child_input, feed = pipe(guest)
    startup = guest.buffer(struct.pack("<17I", 68, *[0] * 10, STARTF_USESTDHANDLES, 0, 0, child_input, 0, 0))
    process, *_ = create(guest, folder + "child.exe", None, startup=startup)
    assert guest.call("kernel32.TerminateProcess", process, 55) == 1
    assert guest.call("kernel32.WaitForSingleObject", process, 20_000) == 0
    code = guest.buffer(4)
    guest.call("kernel32.GetExitCodeProcess", process, code)
    assert code.u32() == 55
    guest.call("kernel32.CloseHandle", feed)


def test_what_is_not_there_is_not_found(guest: Guest) -> None:
    assert create(guest, None, "nosuch program here") == ()
    assert guest.last_error == 2
    assert create(guest, "C:\\nosuch.exe", None) == ()
    assert guest.last_error == 2
    assert guest.call("kernel32.WinExec", b"nosuch", 1) == 2


def test_what_is_no_program_is_a_bad_format(guest: Guest, tmp_path: Path) -> None:
    (tmp_path / "text.exe").write_text("no program at all")
    folder = guest.process.drives.expose(tmp_path)
    assert create(guest, folder + "text.exe", None) == ()
    assert guest.last_error == 193
    assert guest.call("kernel32.WinExec", (folder + "text.exe").encode(), 1) == 11


def test_unquoted_names_with_spaces_are_tried_part_by_part(guest: Guest, program: Path, tmp_path: Path) -> None:
    (tmp_path / "two words").mkdir()
    (tmp_path / "two words" / "a child.exe").write_bytes(program.read_bytes())
    folder = guest.process.drives.expose(tmp_path)
    assert guest.call("kernel32.WinExec", f"{folder}two words\\a child and arguments".encode(), 1) > 31


def test_a_missing_folder_is_refused(guest: Guest, folder: str) -> None:
    assert create(guest, folder + "child.exe", None, current="C:\\nowhere") == ()
    assert guest.last_error == 267


def test_nothing_to_run_is_an_invalid_parameter(guest: Guest) -> None:
    assert create(guest, None, None) == ()
    assert guest.last_error == 87
