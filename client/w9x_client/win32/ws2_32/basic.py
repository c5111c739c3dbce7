"""Windows Sockets without a network: start-up, errors, byte order and addresses (SDK winsock.h).

A program that can live without a network finds the answers of a computer that is not connected. WSOCK32 declares the
same functions.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from w9x_client.abi.types import DWORD, INT, LPDWORD, PSZ, PTR, VOID, WORD

from .dll import ws2_32

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

SOCKET_ERROR = -1
INVALID_SOCKET = 0xFFFF_FFFF
WSAEFAULT, WSAENOTSOCK, WSAENETDOWN = 10014, 10038, 10050
WSAVERNOTSUPPORTED, WSANOTINITIALISED, WSAHOST_NOT_FOUND, WSANO_DATA = 10092, 10093, 11001, 11004
_NO_NETWORK = "no network: the documented error of a computer that is not connected"
_DESCRIPTION = 257
"""Bytes of WSADATA.szDescription; szSystemStatus has 129."""


class Winsock:
    """Start-up count and the buffer that inet_ntoa returns."""

    def __init__(self, process: Process) -> None:
        self.started = 0
        self.text = 0


def _fail(t: Task, code: int) -> int:
    """Set the error (Winsock shares the thread's last error) and give SOCKET_ERROR."""
    t.last_error = code if t.process.state(Winsock).started else WSANOTINITIALISED
    return SOCKET_ERROR


@ws2_32.api()
def WSAStartup(t: Task, wVersionRequested: WORD, lpWSAData: PTR) -> INT:
    """Begin; the version agreed on is at most 2.2. The result is the error code."""
    if not lpWSAData:
        return WSAEFAULT
    major, minor = wVersionRequested & 0xFF, wVersionRequested >> 8
    if major < 1:
        return WSAVERNOTSUPPORTED
    agreed = min((major, minor), (2, 2))
    data = bytes([*agreed, 2, 2]) + b"WinSock 2.0".ljust(_DESCRIPTION, b"\0") + b"Running".ljust(129, b"\0")
    limits = (
        (0).to_bytes(2, "little") * 2 if agreed[0] > 1 else (256).to_bytes(2, "little") + (65467).to_bytes(2, "little")
    )
    t.mem.write(lpWSAData, data + limits)
    t.process.state(Winsock).started += 1
    return 0


@ws2_32.api()
def WSACleanup(t: Task) -> INT:
    """End one use."""
    state = t.process.state(Winsock)
    if not state.started:
        return _fail(t, WSANOTINITIALISED)
    state.started -= 1
    return 0


@ws2_32.api()
def WSAGetLastError(t: Task) -> INT:
    """The last error; the same as GetLastError."""
    return t.last_error


@ws2_32.api()
def WSASetLastError(t: Task, iError: INT) -> VOID:
    """Set the last error."""
    t.last_error = iError & 0xFFFF_FFFF


@ws2_32.api()
def htons(t: Task, hostshort: WORD) -> WORD:
    """Swap two bytes."""
    return hostshort >> 8 | (hostshort & 0xFF) << 8


@ws2_32.api()
def ntohs(t: Task, netshort: WORD) -> WORD:
    """Swap two bytes."""
    return netshort >> 8 | (netshort & 0xFF) << 8


@ws2_32.api()
def htonl(t: Task, hostlong: DWORD) -> DWORD:
    """Reverse four bytes."""
    return int.from_bytes(hostlong.to_bytes(4, "little"), "big")


@ws2_32.api()
def ntohl(t: Task, netlong: DWORD) -> DWORD:
    """Reverse four bytes."""
    return int.from_bytes(netlong.to_bytes(4, "little"), "big")


def parse_address(text: str) -> int | None:
    """An Internet address in one to four parts, each decimal, octal (0...) or hexadecimal (0x...), as host-order
    number.
    """
    word = text.split(" ")[0]
    parts = word.split(".")
    if not 1 <= len(parts) <= 4:
        return None
    numbers: list[int] = []
    for part in parts:
        try:
            if not part.isascii() or not part.isalnum():
                return None
            base = 16 if part[:2].lower() == "0x" else 8 if part[0] == "0" and len(part) > 1 else 10
            numbers.append(int(part, base))
        except ValueError:
            return None
    *heads, last = numbers
    if any(head > 0xFF for head in heads) or last >= 1 << 8 * (5 - len(numbers)):
        return None
    value = 0
    for head in heads:
        value = value << 8 | head
    return value << 8 * (5 - len(numbers)) | last


@ws2_32.api()
def inet_addr(t: Task, cp: PSZ) -> DWORD:
    """An Internet address in network order; INADDR_NONE (FFFFFFFF) for a text that is none."""
    value = parse_address(cp.decode("latin-1")) if cp else None
    return 0xFFFF_FFFF if value is None else int.from_bytes(value.to_bytes(4, "big"), "little")


@ws2_32.api()
def inet_ntoa(t: Task, addr: DWORD) -> PTR:
    """An address as text, in a buffer that the next call overwrites."""
    state = t.process.state(Winsock)
    if not state.text:
        state.text = t.process.heap_alloc(16)
    t.mem.write(state.text, ".".join(str(b) for b in addr.to_bytes(4, "little")).encode() + b"\0")
    return state.text


@ws2_32.api()
def gethostname(t: Task, name: PTR, namelen: INT) -> INT:
    """The host's name."""
    data = os.uname().nodename.encode("ascii", "replace") + b"\0"
    if not name or namelen < len(data):
        return _fail(t, WSAEFAULT)
    if not t.process.state(Winsock).started:
        return _fail(t, WSANOTINITIALISED)
    t.mem.write(name, data)
    return 0


@ws2_32.api(name="__WSAFDIsSet")
def WSAFDIsSet(t: Task, s: DWORD, set: PTR) -> INT:
    """Whether an fd_set {count, sockets} holds a socket."""
    count = min(t.mem.u32(set), 1024)
    return int(any(t.mem.u32(set + 4 + 4 * n) == s for n in range(count)))


@ws2_32.stub(_NO_NETWORK)
def socket(t: Task, af: INT, type: INT, protocol: INT) -> DWORD:
    """WSAENETDOWN."""
    return _fail(t, WSAENETDOWN)


@ws2_32.stub(_NO_NETWORK)
def closesocket(t: Task, s: DWORD) -> INT:
    """WSAENOTSOCK: nobody can have a socket."""
    return _fail(t, WSAENOTSOCK)


@ws2_32.stub(_NO_NETWORK)
def connect(t: Task, s: DWORD, name: PTR, namelen: INT) -> INT:
    """WSAENOTSOCK."""
    return _fail(t, WSAENOTSOCK)


@ws2_32.stub(_NO_NETWORK)
def bind(t: Task, s: DWORD, name: PTR, namelen: INT) -> INT:
    """WSAENOTSOCK."""
    return _fail(t, WSAENOTSOCK)


@ws2_32.stub(_NO_NETWORK)
def listen(t: Task, s: DWORD, backlog: INT) -> INT:
    """WSAENOTSOCK."""
    return _fail(t, WSAENOTSOCK)


@ws2_32.stub(_NO_NETWORK)
def accept(t: Task, s: DWORD, addr: PTR, addrlen: PTR) -> DWORD:
    """WSAENOTSOCK."""
    return _fail(t, WSAENOTSOCK)


@ws2_32.stub(_NO_NETWORK)
def send(t: Task, s: DWORD, buf: PTR, len: INT, flags: INT) -> INT:
    """WSAENOTSOCK."""
    return _fail(t, WSAENOTSOCK)


@ws2_32.stub(_NO_NETWORK)
def recv(t: Task, s: DWORD, buf: PTR, len: INT, flags: INT) -> INT:
    """WSAENOTSOCK."""
    return _fail(t, WSAENOTSOCK)


@ws2_32.stub(_NO_NETWORK)
def sendto(t: Task, s: DWORD, buf: PTR, len: INT, flags: INT, to: PTR, tolen: INT) -> INT:
    """WSAENOTSOCK."""
    return _fail(t, WSAENOTSOCK)


@ws2_32.stub(_NO_NETWORK)
def recvfrom(t: Task, s: DWORD, buf: PTR, len: INT, flags: INT, from_: PTR, fromlen: PTR) -> INT:
    """WSAENOTSOCK."""
    return _fail(t, WSAENOTSOCK)


@ws2_32.stub(_NO_NETWORK)
def shutdown(t: Task, s: DWORD, how: INT) -> INT:
    """WSAENOTSOCK."""
    return _fail(t, WSAENOTSOCK)


@ws2_32.stub(_NO_NETWORK)
def ioctlsocket(t: Task, s: DWORD, cmd: INT, argp: LPDWORD) -> INT:
    """WSAENOTSOCK."""
    return _fail(t, WSAENOTSOCK)


@ws2_32.stub(_NO_NETWORK)
def setsockopt(t: Task, s: DWORD, level: INT, optname: INT, optval: PTR, optlen: INT) -> INT:
    """WSAENOTSOCK."""
    return _fail(t, WSAENOTSOCK)


@ws2_32.stub(_NO_NETWORK)
def getsockopt(t: Task, s: DWORD, level: INT, optname: INT, optval: PTR, optlen: LPDWORD) -> INT:
    """WSAENOTSOCK."""
    return _fail(t, WSAENOTSOCK)


@ws2_32.stub(_NO_NETWORK)
def getsockname(t: Task, s: DWORD, name: PTR, namelen: LPDWORD) -> INT:
    """WSAENOTSOCK."""
    return _fail(t, WSAENOTSOCK)


@ws2_32.stub(_NO_NETWORK)
def getpeername(t: Task, s: DWORD, name: PTR, namelen: LPDWORD) -> INT:
    """WSAENOTSOCK."""
    return _fail(t, WSAENOTSOCK)


@ws2_32.stub(_NO_NETWORK)
def select(t: Task, nfds: INT, readfds: PTR, writefds: PTR, exceptfds: PTR, timeout: PTR) -> INT:
    """WSAENETDOWN."""
    return _fail(t, WSAENETDOWN)


@ws2_32.stub(_NO_NETWORK)
def gethostbyname(t: Task, name: PSZ) -> PTR:
    """NULL: WSAHOST_NOT_FOUND."""
    _fail(t, WSAHOST_NOT_FOUND)
    return 0


@ws2_32.stub(_NO_NETWORK)
def gethostbyaddr(t: Task, addr: PTR, len: INT, type: INT) -> PTR:
    """NULL: WSAHOST_NOT_FOUND."""
    _fail(t, WSAHOST_NOT_FOUND)
    return 0


@ws2_32.stub("no services database")
def getservbyname(t: Task, name: PSZ, proto: PSZ) -> PTR:
    """NULL: WSANO_DATA."""
    _fail(t, WSANO_DATA)
    return 0


@ws2_32.stub("no services database")
def getservbyport(t: Task, port: INT, proto: PSZ) -> PTR:
    """NULL: WSANO_DATA."""
    _fail(t, WSANO_DATA)
    return 0


@ws2_32.stub("no protocols database")
def getprotobyname(t: Task, name: PSZ) -> PTR:
    """NULL: WSANO_DATA."""
    _fail(t, WSANO_DATA)
    return 0


@ws2_32.stub("no protocols database")
def getprotobynumber(t: Task, number: INT) -> PTR:
    """NULL: WSANO_DATA."""
    _fail(t, WSANO_DATA)
    return 0
