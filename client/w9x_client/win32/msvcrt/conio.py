"""Console input and output past the streams (conio.h): _getch, _kbhit, _putch, _cputs, _cprintf.

They use the process's console even where the standard handles are redirected. A process without a terminal has no
console here (on Windows it always has one), so there they fall back to the standard handles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import WinError, codepage
from w9x_client.abi.types import INT, PTR, UINT, VARARGS
from w9x_client.process.files import STD_ERROR, STD_INPUT, STD_OUTPUT, FileObject, open_device
from w9x_client.process.terminal import ConsoleFile

from .dll import msvcrt
from .state import STR
from .stdio_print import formatted

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

EOF = -1
_NOTE = "without a terminal the standard handles stand in for the console"


class ConsoleEnds:
    """The console's two ends, opened when first used (``process.state(ConsoleEnds)``)."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.pushed: list[int] = []
        self._ends: dict[bool, FileObject | None] = {}

    def end(self, is_input: bool) -> FileObject | None:
        """The console's input or screen; a standard handle without a terminal; None without either."""
        if is_input not in self._ends:
            self._ends[is_input] = self._find(is_input)
        return self._ends[is_input]

    def _find(self, is_input: bool) -> FileObject | None:
        process = self.process
        numbers = (STD_INPUT,) if is_input else (STD_OUTPUT, STD_ERROR)
        items = [process.handles.find(process.std_handles.get(number, 0)) for number in numbers]
        for item in items:
            if isinstance(item, ConsoleFile):
                return item
        try:
            return open_device(process, "CONIN$" if is_input else "CONOUT$", is_input, not is_input)
        except WinError:
            return items[0] if isinstance(items[0], FileObject) else None


async def _key(t: Task) -> int:
    """The next character typed; special keys give two (0 or E0h, then the scan code)."""
    own = t.process.state(ConsoleEnds)
    if own.pushed:
        return own.pushed.pop()
    item = own.end(True)
    if item is None:
        return EOF
    try:
        if not isinstance(item, ConsoleFile):
            data = await item.read(t, 1)
            return data[0] if data else EOF
        while True:
            await item.console.wait_events(t, item.fd)
            if not item.console.events:
                return EOF
            event = item.console.events.popleft()
            if not event.down:
                continue
            if event.char:
                return codepage.encode(event.char, item.console.input_cp)[0]
            if event.scan:
                own.pushed.append(event.scan)
                return 0 if 0x3B <= event.scan <= 0x44 else 0xE0
    except WinError:
        return EOF


async def _out(t: Task, data: bytes) -> bool:
    item = t.process.state(ConsoleEnds).end(False)
    if item is None:
        return False
    try:
        await item.write(t, data)
    except WinError:
        return False
    return True


@msvcrt.partial(_NOTE)
async def _getch(t: Task) -> INT:
    """A key without echo."""
    return await _key(t)


@msvcrt.partial(_NOTE)
async def _getche(t: Task) -> INT:
    """A key, echoed."""
    key = await _key(t)
    if key > 0:
        await _out(t, bytes((key,)))
    return key


@msvcrt.api()
def _ungetch(t: Task, c: INT) -> INT:
    """Push one character back."""
    own = t.process.state(ConsoleEnds)
    if c == EOF or own.pushed:
        return EOF
    own.pushed.append(c & 0xFF)
    return c


@msvcrt.partial(_NOTE)
def _kbhit(t: Task) -> INT:
    """Whether a key waits."""
    own = t.process.state(ConsoleEnds)
    item = own.end(True)
    if own.pushed:
        return 1
    if isinstance(item, ConsoleFile):
        item.console.pending_events()
        return any(e.down and (e.char or e.scan) for e in item.console.events)
    if item is None:
        return 0
    try:
        return item.available() > 0
    except WinError:
        return 0


@msvcrt.partial(_NOTE)
async def _putch(t: Task, c: INT) -> INT:
    """Write a character."""
    return c if await _out(t, bytes((c & 0xFF,))) else EOF


@msvcrt.partial(_NOTE)
async def _cputs(t: Task, string: STR) -> INT:
    """Write a string as it is; 0 or nonzero."""
    return 0 if await _out(t, string) else EOF


@msvcrt.partial(_NOTE)
async def _cprintf(t: Task, format: STR, va: VARARGS) -> INT:
    """Formatted text; line ends are not translated."""
    data = formatted(t, format, va)
    return len(data) if await _out(t, data) else EOF


@msvcrt.partial(_NOTE)
async def _cgets(t: Task, buffer: PTR) -> PTR:
    """A line, edited and echoed: ``buffer[0]`` is the room, ``buffer[1]`` becomes the length, the text follows."""
    room = max(t.mem.u8(buffer), 1)
    line = bytearray()
    while (key := await _key(t)) not in (EOF, 10, 13):
        if key == 8:
            if line:
                line.pop()
                await _out(t, b"\b \b")
        elif key >= 32 and len(line) < room - 1:
            line.append(key & 0xFF)
            await _out(t, bytes((key & 0xFF,)))
    await _out(t, b"\r\n")
    t.mem.write(buffer + 1, bytes((len(line),)) + bytes(line) + b"\0")
    return buffer + 2


@msvcrt.stub("no sound")
def _beep(t: Task, frequency: UINT, duration: UINT) -> None:
    """Nothing is heard."""
