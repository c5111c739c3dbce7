"""Console input: text and input records (SDK wincon.h)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError, codepage
from w9x_client.abi.types import BOOL, DWORD, HANDLE, IS_WIDE, LPDWORD, PTR
from w9x_client.process.terminal import ConsoleFile
from w9x_client.process.terminal_keys import KeyEvent

from .dll import kernel32

if TYPE_CHECKING:
    from w9x_client.process import Task

KEY_EVENT = 1
RECORD = struct.Struct("<HxxIHHHHI")
"""INPUT_RECORD with a KEY_EVENT_RECORD: type, down, repeat, key, scan code, character, control keys; 20 bytes."""
RECORD_LIMIT = 0x1000


def _input(t: Task, handle: int) -> ConsoleFile:
    item = t.process.handles.get(handle, ConsoleFile)
    if not item.is_input:
        raise WinError(Err.INVALID_HANDLE)
    return item


@kernel32.api(aw=True)
async def ReadConsole(
    t: Task, hConsoleInput: HANDLE, lpBuffer: PTR, nChars: DWORD, lpRead: LPDWORD, lpReserved: PTR, W: IS_WIDE
) -> BOOL:
    """Read characters: a line with CR LF in line mode, else what has been typed."""
    item = _input(t, hConsoleInput)
    if W:
        data = (await item.console.read_text(t, item.fd, nChars)).encode("utf-16-le", "surrogatepass")
    else:
        data = await item.console.read_bytes(t, item.fd, nChars)
    t.mem.write(lpBuffer, data)
    lpRead.set(len(data) // 2 if W else len(data))
    return True


def _store(t: Task, address: int, events: list[KeyEvent], page: int, wide: bool) -> None:
    records = []
    for e in events:
        if not e.char:
            char = 0
        elif wide:
            char = ord(e.char) if ord(e.char) < 0x10000 else 0xFFFD
        else:
            char = codepage.encode(e.char, page)[0]
        records.append(RECORD.pack(KEY_EVENT, int(e.down), 1, e.key, e.scan, char, e.state))
    t.mem.write(address, b"".join(records))


@kernel32.partial("key events only", aw=True)
async def ReadConsoleInput(
    t: Task, hConsoleInput: HANDLE, lpBuffer: PTR, nLength: DWORD, lpRead: LPDWORD, W: IS_WIDE
) -> BOOL:
    """Take input records, waiting for the first."""
    item = _input(t, hConsoleInput)
    count = min(nLength, RECORD_LIMIT)
    t.mem.check(lpBuffer, RECORD.size * min(count, 1), True)
    if count:
        await item.console.wait_events(t, item.fd)
    events = item.console.events
    taken = [events.popleft() for _ in range(min(count, len(events)))]
    _store(t, lpBuffer, taken, item.console.input_cp, W)
    lpRead.set(len(taken))
    return True


@kernel32.partial("key events only", aw=True)
def PeekConsoleInput(
    t: Task, hConsoleInput: HANDLE, lpBuffer: PTR, nLength: DWORD, lpRead: LPDWORD, W: IS_WIDE
) -> BOOL:
    """Copy input records that wait, and leave them."""
    item = _input(t, hConsoleInput)
    item.console.pending_events()
    events = list(item.console.events)[: min(nLength, RECORD_LIMIT)]
    _store(t, lpBuffer, events, item.console.input_cp, W)
    lpRead.set(len(events))
    return True


@kernel32.partial("key events only", aw=True)
def WriteConsoleInput(
    t: Task, hConsoleInput: HANDLE, lpBuffer: PTR, nLength: DWORD, lpWritten: LPDWORD, W: IS_WIDE
) -> BOOL:
    """Append input records as if they had been typed."""
    item = _input(t, hConsoleInput)
    count = min(nLength, RECORD_LIMIT)
    data = t.mem.read(lpBuffer, RECORD.size * count)
    for kind, down, repeat, key, scan, char, state in RECORD.iter_unpack(data):
        if kind != KEY_EVENT:
            continue
        if W:
            text = chr(char) if char and not 0xD800 <= char < 0xE000 else ""
        else:
            text = codepage.decode(bytes((char & 0xFF,)), item.console.input_cp) if char & 0xFF else ""
        item.console.events.extend([KeyEvent(bool(down), key, scan, text, state)] * min(repeat, RECORD_LIMIT))
    lpWritten.set(count)
    return True


@kernel32.api()
def GetNumberOfConsoleInputEvents(t: Task, hConsoleInput: HANDLE, lpNumber: LPDWORD) -> BOOL:
    """How many input records wait."""
    lpNumber.set(_input(t, hConsoleInput).console.pending_events())
    return True


@kernel32.api()
def FlushConsoleInputBuffer(t: Task, hConsoleInput: HANDLE) -> BOOL:
    """Throw away what has been typed."""
    _input(t, hConsoleInput).console.flush_input()
    return True


@kernel32.api()
def GetNumberOfConsoleMouseButtons(t: Task, lpNumber: LPDWORD) -> BOOL:
    """No mouse events are reported, so no buttons."""
    lpNumber.set(0)
    return True
