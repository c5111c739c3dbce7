"""Guests that attack the machine they run on: the program ends with one line, or goes on, and nothing else happens."""

from __future__ import annotations

import time

import pytest

from tests.api.harness import Guest, GuestDied
from tests.guest.build import assemble
from w9x_arena import layout
from w9x_client.abi import GuestExit
from w9x_client.process.ticker import Ticker

TIME_IS_UP = 124


@pytest.fixture
def victim(guest: Guest) -> Guest:
    """A guest that is ended after two seconds, as ``--timeout`` does it."""

    def end() -> None:
        raise GuestExit(TIME_IS_UP)

    process = guest.process
    guest._ticker = Ticker(process, time.monotonic() + 2, lambda: process.scheduler.later(end), lambda number: None)
    guest._ticker.start()
    return guest


def attack(guest: Guest, source: str) -> int:
    """The exit code of a process that runs ``source``, or 0 where it returned."""
    draft = assemble(f"org 0\n{source}\nret")
    address = guest.code(bytes(len(draft) + 16))
    guest.mem.write(address, assemble(f"org {address}\n{source}\nret"))
    try:
        guest.call_at(address)
    except GuestDied as died:
        return died.code
    return 0


ACCESS, PRIVILEGED, ILLEGAL, OVERFLOW = 0xC0000005, 0xC0000096, 0xC000001D, 0xC00000FD


@pytest.mark.parametrize(
    ("source", "codes"),
    [
        ("mov eax, 1\nmov ebx, 42\nint 0x80", {ACCESS}),  # Linux exit
        ("int 0x2e", {ACCESS}),
        ("syscall", {ILLEGAL, ACCESS}),
        ("sysenter", {ILLEGAL, ACCESS}),
        ("cli", {PRIVILEGED}),
        ("hlt", {PRIVILEGED}),
        ("mov eax, cr0", {PRIVILEGED}),
        ("rdmsr", {PRIVILEGED}),
        ("wbinvd", {PRIVILEGED}),
        ("lgdt [esp]", {PRIVILEGED}),
        ("ud2", {ILLEGAL}),
        ("mov ax, 0x08\nmov ds, ax", {ACCESS}),
        ("mov ax, 0xFFFF\nmov ss, ax", {ACCESS}),
        ("jmp 0x08:0", {ACCESS}),
        ("jmp 0x00:0", {ACCESS}),
        ("jmp 0x33:0", {ACCESS, ILLEGAL}),
        ("xor eax, eax\njmp eax", {ACCESS}),
        ("mov eax, 0xFF000000\nmov dword [eax], 1", {ACCESS}),
        (f"mov dword [{layout.GATE}], 0x90909090", {ACCESS}),
        (f"mov dword [{layout.CLOCK_PAGE}], 1", {ACCESS}),
        (f"mov eax, 0x12345678\npush 0\nmov ecx, {layout.GATE_API}\njmp ecx", {ACCESS}),
        (f"mov eax, {layout.GATE_CALLBACK_RETURN}\nsub esp, 0x400\njmp eax", {ACCESS}),
        ("r: push eax\ncall r", {OVERFLOW}),
        ("xor esp, esp\npush eax", {ACCESS, OVERFLOW}),
        ("mov esp, 0xFFFFFFFC\ncall $+5", {ACCESS, OVERFLOW}),
        ("mov dword [fs:0], 0x10\nxor eax, eax\nmov eax, [eax]", {ACCESS}),
        ("l: jmp l", {TIME_IS_UP}),
        ("lock inc dword [esp - 0x103]\nmov eax, 1", {0, TIME_IS_UP, ACCESS}),
    ],
)
def test_an_attack_ends_the_guest_or_nothing(
    victim: Guest, source: str, codes: set[int], capfd: pytest.CaptureFixture[str]
) -> None:
    assert attack(victim, source) in codes
    text = capfd.readouterr().err
    assert "Traceback" not in text
    assert "internal error" not in text


@pytest.mark.parametrize("flags", [0x200, 0x3000, 0x4000, 0x10000, 0x20000])
def test_flags_that_a_program_may_not_set_stay_as_they_were(victim: Guest, flags: int) -> None:
    """IF, IOPL, NT, RF and VM through popfd: ignored, as in ring 3 of any system."""
    assert (
        attack(
            victim, f"pushfd\nxor dword [esp], {flags}\npopfd\nxor dword [esp - 4], {flags}\npush dword 0x202\npopfd"
        )
        == 0
    )


def test_a_handler_that_faults_itself_ends_in_one_line(victim: Guest, capfd: pytest.CaptureFixture[str]) -> None:
    source = """
    push handler
    push dword [fs:0]
    mov [fs:0], esp
handler:
    xor eax, eax
    mov eax, [eax]
    """
    assert attack(victim, source) in {ACCESS, OVERFLOW}
    assert len(capfd.readouterr().err.splitlines()) <= 4


HANDLER = "push h\npush dword [fs:0]\nmov [fs:0], esp\n"


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (HANDLER + "ud2\nh: mov eax, 0x1234\nret", 0xC0000026),  # no such disposition
        (HANDLER + "ud2\nh: mov eax, 3\nret", 0xC0000026),
        (HANDLER + "ud2\nh: int3", 0x80000003),
        (HANDLER + "ud2\nh: push h\npush dword [fs:0]\nmov [fs:0], esp\nud2", ILLEGAL),
        ("push 0x44444444\npush -1\nmov [fs:0], esp\nud2", ACCESS),
        (f"push {layout.GATE_CALLBACK_RETURN}\npush -1\nmov [fs:0], esp\nud2", ACCESS),
        ("mov dword [fs:0], 0xFF000000\nud2", ILLEGAL),
        ("mov dword [fs:0], 3\nud2", ILLEGAL),
        ("mov dword [fs:4], 0\nmov dword [fs:8], -1\nud2", ILLEGAL),
        (HANDLER + "mov [esp], esp\nud2\nh: mov eax, 1\nret", TIME_IS_UP),  # a chain that goes round
        (HANDLER + "ud2\nh: xor eax, eax\nret", TIME_IS_UP),  # the same instruction, for ever
        (HANDLER + "ud2\nh: mov esp, h\nret", ACCESS),
    ],
)
def test_broken_handlers_end_the_program_in_words(
    victim: Guest, source: str, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    assert attack(victim, source) == code
    assert "internal error" not in capfd.readouterr().err


@pytest.mark.parametrize("export", ["kernel32.GetCurrentDirectoryA", "kernel32.Sleep", "kernel32.GetVersion"])
@pytest.mark.parametrize("esp", [0, 0x5000_0000, 0xFF00_1000, 0xFFFF_FFF4, 0xFFFF_FFF8, 0xFFFF_FFFC])
def test_an_export_called_on_no_stack_finds_no_stack(victim: Guest, export: str, esp: int) -> None:
    number = victim.mem.u32(victim.address(export) + 1)  # the stub is: mov eax, number
    source = f"mov eax, {number}\nmov esp, {esp}\nmov ecx, {layout.GATE_API}\njmp ecx"
    # arguments are read where they should be, unchecked: Sleep may find a number there, and sleep
    assert attack(victim, source) in (ACCESS, TIME_IS_UP)


def test_a_handler_begins_with_flat_segments(victim: Guest, engine_name: str, request: pytest.FixtureRequest) -> None:
    if engine_name == "native":
        request.applymarker(pytest.mark.xfail(strict=True, reason="a handler keeps the segments of the fault"))
    address = victim.address("kernel32.ExitProcess")
    source = (
        HANDLER + f"xor eax, eax\nmov ds, ax\nmov fs, ax\nmov eax, [0]\n"
        f"h: mov eax, [fs:0x18]\nmov eax, [eax]\npush 85\nmov eax, {address}\ncall eax"
    )
    assert attack(victim, source) == 85
