"""Winsock without a network (SDK winsock.h)."""

from __future__ import annotations

import pytest

from tests.api.harness import Guest


@pytest.mark.parametrize("dll", ["wsock32", "ws2_32"])
def test_start_up_agrees_on_a_version(guest: Guest, dll: str) -> None:
    data = guest.buffer(400)
    assert guest.call(f"{dll}.WSAStartup", 0x0101, data) == 0
    assert data.bytes[:4] == b"\1\1\2\2"
    assert guest.call(f"{dll}.socket", 2, 1, 0) == 0xFFFFFFFF
    assert guest.last_error == 10050  # WSAENETDOWN; Winsock shares the thread's last error
    assert guest.call(f"{dll}.WSACleanup") == 0
    assert guest.call(f"{dll}.WSACleanup") == 0xFFFFFFFF
    assert guest.last_error == 10093  # WSANOTINITIALISED


def test_byte_order_and_addresses(guest: Guest) -> None:
    assert guest.call("ws2_32.htons", 0x1234) == 0x3412
    assert guest.call("ws2_32.htonl", 0x12345678) == 0x78563412
    assert guest.call("ws2_32.inet_addr", b"127.0.0.1") == 0x0100007F
    assert guest.call("ws2_32.inet_addr", b"nonsense") == 0xFFFFFFFF
    assert guest.mem.cstr(guest.call("ws2_32.inet_ntoa", 0x0100007F)) == b"127.0.0.1"
