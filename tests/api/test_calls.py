"""How a call travels: stub, gate, decoder, result, faults, callbacks."""

from __future__ import annotations

import pytest

from .harness import Guest, GuestDied


def test_last_error_survives_between_calls(guest: Guest) -> None:
    guest.call("kernel32.SetLastError", 1234)
    address = guest.address("kernel32.GetLastError")

    async def job(t: object) -> int:
        return await t.call(address)  # type: ignore[attr-defined]

    assert guest.run(job) == 1234


def test_an_export_nobody_implements_ends_the_process_by_name(guest: Guest, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(GuestDied):
        guest.call("kernel32.CommConfigDialogA", 0, 0, 0)
    assert "kernel32.CommConfigDialogA is not implemented" in capfd.readouterr().err


def test_a_division_by_zero_without_handler_reports_module_and_registers(
    guest: Guest, capfd: pytest.CaptureFixture[str]
) -> None:
    code = guest.code(bytes.fromhex("31c9 31d2 b801000000 f7f1 c3"))
    with pytest.raises(GuestDied) as died:
        guest.call_at(code)
    assert died.value.code == 0xC0000094
    text = capfd.readouterr().err
    assert "integer division by zero" in text and "eax=00000001" in text


HANDLER = """
    install a handler that skips the faulting two-byte instruction and sets eax to 5
"""


def test_a_handler_on_the_chain_continues_execution(guest: Guest) -> None:
    # push handler; push fs:[0]; mov fs:[0],esp; xor eax,eax; mov eax,[eax]; pop fs:[0]; add esp,4; ret
    # handler: mov ecx,[esp+12]; mov dword [ecx+B0h],5; add dword [ecx+B8h],2; xor eax,eax; ret
    code = guest.code(
        bytes.fromhex(
            "e800000000 58 83c022 50 64ff3500000000 64892500000000 31c0 8b00 648f0500000000 83c404 c3"
        )
        + bytes(0)
    )
    body = guest.mem.read(code, 39)
    handler = bytes.fromhex("8b4c240c c781b000000005000000 8381b800000002 31c0 c3")
    full = guest.code(body + handler)
    # the lea above counts from the pop: place the handler where it points
    assert body[6:9] == bytes.fromhex("83c022") and len(body) == 5 + 0x22 or len(body) == 39
    assert guest.call_at(full) == 5
