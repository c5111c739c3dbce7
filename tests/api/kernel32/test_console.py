"""The console, on a pseudo-terminal."""

from __future__ import annotations

import os
import pty
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator

import pytest

from tests.api.harness import Guest
from w9x_client.abi import Err
from w9x_client.process.files import from_descriptor
from w9x_client.process.terminal import Console


class Terminal:
    """A pseudo-terminal whose slave is the guest's console."""

    def __init__(self, guest: Guest) -> None:
        self.master, self.slave = pty.openpty()
        attributes = termios.tcgetattr(self.slave)
        attributes[1] &= ~termios.OPOST  # what arrives is what was sent
        termios.tcsetattr(self.slave, termios.TCSANOW, attributes)
        termios.tcsetwinsize(self.slave, (25, 80))
        self.guest = guest
        process = guest.process
        self.input = process.handles.add(from_descriptor(process, self.slave, readable=True, writable=False))
        self.output = process.handles.add(from_descriptor(process, self.slave, readable=False, writable=True))

    def type(self, data: bytes) -> None:
        os.write(self.master, data)

    def shown(self) -> bytes:
        """What has been sent to the screen since the last call."""
        out = b""
        while select.select([self.master], [], [], 0.05)[0]:
            out += os.read(self.master, 65536)
        return out

    def write(self, data: bytes) -> None:
        assert self.guest.call("kernel32.WriteFile", self.output, data, len(data), self.guest.buffer(4), 0)

    def close(self) -> None:
        self.guest.process.state(Console).restore()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminal(guest: Guest) -> Iterator[Terminal]:
    made = Terminal(guest)
    yield made
    made.close()


# --- output ---------------------------------------------------------------------------------------
def test_oem_bytes_appear_as_utf_8(guest: Guest, terminal: Terminal) -> None:
    terminal.write(b"caf\x82 \xc9\xcd\xbb\r\n")
    assert terminal.shown().decode() == "café ╔═╗\r\n"
    assert guest.call("kernel32.SetConsoleOutputCP", 1252)
    terminal.write(b"caf\xe9")
    assert terminal.shown().decode() == "café"
    assert guest.call("kernel32.SetConsoleOutputCP", 4711) == 0


def test_a_double_byte_character_may_come_in_two_writes(guest: Guest, terminal: Terminal) -> None:
    guest.call("kernel32.SetConsoleOutputCP", 932)
    first, second = "日".encode("cp932")
    terminal.write(bytes([first]))
    terminal.write(bytes([second]))
    assert terminal.shown().decode() == "日"


def test_control_characters_are_drawn_and_never_reach_the_terminal(guest: Guest, terminal: Terminal) -> None:
    terminal.write(b"\x1b[2J\x01\x7f\t\x07")
    assert terminal.shown().decode() == "←[2J☺⌂\t\x07"
    assert guest.call("kernel32.WriteConsoleW", terminal.output, "\x9b1m€", 4, guest.buffer(4), 0)
    assert terminal.shown().decode() == "?1m€"


def test_colours_become_sequences(guest: Guest, terminal: Terminal) -> None:
    for attribute, sequence in ((0x0C, b"\x1b[0;91m"), (0x1E, b"\x1b[0;93;44m"), (0x07, b"\x1b[0m")):
        assert guest.call("kernel32.SetConsoleTextAttribute", terminal.output, attribute)
        assert terminal.shown() == sequence


def test_screen_information_follows_the_cursor(guest: Guest, terminal: Terminal) -> None:
    terminal.write(b"one\r\ntwo\tx")
    info = guest.buffer(22)
    assert guest.call("kernel32.GetConsoleScreenBufferInfo", terminal.output, info)
    fields = struct.unpack("<4hH6h", info.bytes)
    assert fields == (80, 25, 9, 1, 7, 0, 0, 79, 24, 80, 25)
    terminal.shown()
    assert guest.call("kernel32.SetConsoleCursorPosition", terminal.output, 5)
    assert terminal.shown() == b"\x1b[1A\x1b[6G"
    assert guest.call("kernel32.SetConsoleCursorPosition", terminal.output, 25 << 16) == 0
    assert guest.last_error == Err.INVALID_PARAMETER


def test_filling_the_screen_with_spaces_clears_it(guest: Guest, terminal: Terminal) -> None:
    done = guest.buffer(4)
    assert guest.call("kernel32.FillConsoleOutputCharacterA", terminal.output, 0x20, 80 * 25, 0, done)
    assert terminal.shown().startswith(b"\x1b[H\x1b[2J")
    assert done.u32() == 2000
    assert guest.call("kernel32.FillConsoleOutputCharacterA", terminal.output, 0x2A, 0xFFFFFFFF, 24 << 16, done)
    assert done.u32() == 80
    assert terminal.shown().count(b"*") == 80


def test_cells_are_drawn_with_their_colours_and_the_cursor_stays(guest: Guest, terminal: Terminal) -> None:
    cells = guest.buffer(struct.pack("<8H", *[v for c in "abcd" for v in (ord(c), 0x0A)]))
    region = guest.buffer(struct.pack("<4h", 3, 1, 4, 2))
    assert guest.call("kernel32.WriteConsoleOutputA", terminal.output, cells, 2 << 16 | 2, 0, region)
    assert struct.unpack("<4h", region.bytes) == (3, 1, 4, 2)
    shown = terminal.shown()
    assert b"\x1b[0;92mab" in shown
    assert b"\x1b[0;92mcd" in shown
    info = guest.buffer(22)
    guest.call("kernel32.GetConsoleScreenBufferInfo", terminal.output, info)
    assert struct.unpack_from("<4h", info.bytes)[2:] == (0, 0)


def test_the_title(guest: Guest, terminal: Terminal) -> None:
    assert guest.call("kernel32.SetConsoleTitleA", b"My \x1bprogram")
    assert terminal.shown() == b"\x1b]0;My program\x07"
    buffer = guest.buffer(20)
    assert guest.call("kernel32.GetConsoleTitleA", buffer, 20) == 11


# --- input ----------------------------------------------------------------------------------------
def test_a_line_comes_with_cr_lf_and_in_pieces(guest: Guest, terminal: Terminal) -> None:
    terminal.type("caf\u00e9\n".encode())
    data, done = guest.buffer(20), guest.buffer(4)
    assert guest.call("kernel32.ReadFile", terminal.input, data, 4, done, 0)
    assert data.bytes[: done.u32()] == b"caf\x82"
    assert guest.call("kernel32.ReadFile", terminal.input, data, 20, done, 0)
    assert data.bytes[: done.u32()] == b"\r\n"
    terminal.type("wide €\n".encode())
    assert guest.call("kernel32.ReadConsoleW", terminal.input, data, 10, done, 0)
    assert data.bytes[: 2 * done.u32()].decode("utf-16-le") == "wide €\r\n"


def test_end_of_input_is_no_bytes(guest: Guest, terminal: Terminal) -> None:
    terminal.type(b"\x04")
    done = guest.buffer(4)
    assert guest.call("kernel32.ReadFile", terminal.input, guest.buffer(4), 4, done, 0)
    assert done.u32() == 0


def test_without_line_mode_characters_come_as_they_are_typed(guest: Guest, terminal: Terminal) -> None:
    mode = guest.buffer(4)
    assert guest.call("kernel32.GetConsoleMode", terminal.input, mode)
    assert mode.u32() & 7 == 7
    assert guest.call("kernel32.SetConsoleMode", terminal.input, 0)
    guest.call(
        "kernel32.GetNumberOfConsoleInputEvents", terminal.input, mode
    )  # the terminal is unbuffered from here on
    terminal.type(b"a\r")
    data, done = guest.buffer(4), guest.buffer(4)
    got = b""
    while len(got) < 2:
        assert guest.call("kernel32.ReadConsoleA", terminal.input, data, 4, done, 0)
        got += data.bytes[: done.u32()]
    assert got == b"a\r"
    assert guest.call("kernel32.SetConsoleMode", terminal.input, 4) == 0  # echo needs line input


def test_key_records(guest: Guest, terminal: Terminal) -> None:
    count = guest.buffer(4)
    guest.call("kernel32.GetNumberOfConsoleInputEvents", terminal.input, count)
    assert count.u32() == 0
    terminal.type(b"\x1b[A")
    records = guest.buffer(200)
    assert guest.call("kernel32.ReadConsoleInputA", terminal.input, records, 10, count)
    assert count.u32() == 2
    assert struct.unpack_from("<HxxIHHHHI", records.bytes) == (1, 1, 1, 0x26, 0x48, 0, 0x100)  # VK_UP, enhanced
    terminal.type(b"Q")
    select.select([terminal.slave], [], [], 5)
    assert guest.call("kernel32.PeekConsoleInputA", terminal.input, records, 10, count)
    assert count.u32() == 2
    assert struct.unpack_from("<HxxIHHHHI", records.bytes) == (1, 1, 1, ord("Q"), 0x10, ord("Q"), 0x10)
    assert guest.call("kernel32.WaitForSingleObject", terminal.input, 0) == 0
    assert guest.call("kernel32.FlushConsoleInputBuffer", terminal.input)
    guest.call("kernel32.GetNumberOfConsoleInputEvents", terminal.input, count)
    assert count.u32() == 0


def test_what_was_typed_while_the_program_polled_begins_the_next_line(guest: Guest, terminal: Terminal) -> None:
    count, data = guest.buffer(4), guest.buffer(20)
    guest.call("kernel32.GetNumberOfConsoleInputEvents", terminal.input, count)
    terminal.type(b"axb\x7f")
    select.select([terminal.slave], [], [], 5)
    guest.call("kernel32.GetNumberOfConsoleInputEvents", terminal.input, count)
    assert count.u32() == 8
    terminal.type(b"c\r")
    assert guest.call("kernel32.ReadConsoleA", terminal.input, data, 20, count, 0)
    assert data.bytes[: count.u32()] == b"axc\r\n"
    assert terminal.shown() == b"axb\b \bc\r\n"


def test_written_records_are_read_back(guest: Guest, terminal: Terminal) -> None:
    record = struct.pack("<HxxIHHHHI", 1, 1, 1, 0x41, 0x1E, ord("a"), 0)
    count, out = guest.buffer(4), guest.buffer(20)
    assert guest.call("kernel32.WriteConsoleInputA", terminal.input, guest.buffer(record), 1, count)
    assert guest.call("kernel32.ReadConsoleInputW", terminal.input, out, 1, count)
    assert out.bytes == record


def test_the_terminal_is_given_back_as_it_was(guest: Guest, terminal: Terminal) -> None:
    before = termios.tcgetattr(terminal.slave)
    guest.call("kernel32.GetNumberOfConsoleInputEvents", terminal.input, guest.buffer(4))
    assert termios.tcgetattr(terminal.slave) != before
    guest.process.state(Console).restore()
    assert termios.tcgetattr(terminal.slave) == before


def test_input_and_output_handles_do_not_stand_for_each_other(guest: Guest, terminal: Terminal) -> None:
    for name, handle, *arguments in (
        ("WriteConsoleA", terminal.input, b"x", 1, 0, 0), ("SetConsoleTextAttribute", terminal.input, 7),
        ("ReadConsoleA", terminal.output, guest.buffer(4), 1, guest.buffer(4), 0),
        ("ReadConsoleInputA", terminal.output, guest.buffer(20), 1, guest.buffer(4)),
    ):  # fmt: skip
        assert guest.call(f"kernel32.{name}", handle, *arguments) == 0
        assert guest.last_error == Err.INVALID_HANDLE


# --- Ctrl events ------------------------------------------------------------------------------------
def test_the_handler_registered_last_is_asked_first(guest: Guest) -> None:
    log = guest.buffer(bytes(8))

    def handler(mark: int, answer: int) -> int:
        # mov eax,[log]; mov byte [eax+log+1], mark; inc byte [log]; mov eax, answer; ret 4
        at = log.address
        return guest.code(
            b"\x0f\xb6\x05" + struct.pack("<I", at) + b"\xc6\x80" + struct.pack("<IB", at + 1, mark)
            + b"\xfe\x05" + struct.pack("<I", at) + b"\xb8" + struct.pack("<I", answer) + b"\xc2\x04\x00"
        )  # fmt: skip

    takes, passes = handler(1, 1), handler(2, 0)
    for address in (takes, passes):
        assert guest.call("kernel32.SetConsoleCtrlHandler", address, 1)
    assert guest.call("kernel32.GenerateConsoleCtrlEvent", 0, 0)
    assert log.bytes[:3] == b"\x02\x02\x01"
    assert guest.call("kernel32.SetConsoleCtrlHandler", passes, 0)
    assert guest.call("kernel32.SetConsoleCtrlHandler", passes, 0) == 0
    assert guest.call("kernel32.SetConsoleCtrlHandler", 0, 1)
    assert guest.call("kernel32.GenerateConsoleCtrlEvent", 0, 0)
    assert log.bytes[0] == 2


def test_without_handler_a_ctrl_event_ends_the_process(guest: Guest) -> None:
    from tests.api.harness import GuestDied

    with pytest.raises(GuestDied) as died:
        guest.call("kernel32.GenerateConsoleCtrlEvent", 1, 0)
    assert died.value.code == 0xC000013A


# --- CONIN$ and CONOUT$ -------------------------------------------------------------------------------
_ON_A_TERMINAL = """
import os, sys
from pathlib import Path
os.close(os.open(os.ttyname(0), os.O_RDWR))  # the session's leader gets its controlling terminal
from tests.api.harness import FAILED, Guest
guest = Guest("unicorn", Path(sys.argv[1]))
out = guest.call("kernel32.CreateFileA", "CONOUT$", 0x40000000, 3, 0, 3, 0, 0)
again = guest.call("kernel32.CreateFileA", "con", 0x40000000, 3, 0, 3, 0, 0)
assert FAILED not in (out, again), guest.last_error
assert guest.call("kernel32.GetConsoleMode", again, guest.buffer(4))
assert guest.call("kernel32.WriteFile", out, b"ask\\x82", 4, guest.buffer(4), 0)
answer = guest.call("kernel32.CreateFileA", "CONIN$", 0x80000000, 3, 0, 3, 0, 0)
data, done = guest.buffer(20), guest.buffer(4)
assert guest.call("kernel32.ReadFile", answer, data, 20, done, 0)
sys.stdout.buffer.write(data.bytes[: done.u32()])
guest.close()
"""


def test_the_terminal_is_reached_by_name_when_standard_handles_are_redirected(tmp_path: object) -> None:
    master, slave = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", _ON_A_TERMINAL, str(tmp_path)],
        stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )  # fmt: skip
    os.close(slave)
    shown = b""
    while "aské".encode() not in shown and select.select([master], [], [], 30)[0]:
        try:
            shown += os.read(master, 1000)
        except OSError:  # the child ended: its messages say why
            break
    os.write(master, b"yes\n")
    out, errors = child.communicate(timeout=30)
    assert child.returncode == 0, errors.decode()
    assert out == b"yes\r\n"
    os.close(master)
