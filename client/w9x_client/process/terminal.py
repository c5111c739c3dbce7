"""The console: the host's terminal, seen as Windows 9x's console.

`Console` (one per process: ``p.state(Console)``) owns modes, code pages, title, colours, the cursor and the Ctrl
handlers. `ConsoleFile` is what a handle to it refers to. Only a terminal is a console: a redirected handle is a
plain file or pipe and its bytes pass untouched. Guest bytes are in the console's code pages (OEM at the start); the
terminal gets UTF-8.

Cursor positions are kept relative: the terminal is never asked where its cursor stands (the answer would arrive
among the user's typing), so a program's first line is row 0 and moves are written as "n up", "column m". Callers
that clear the whole screen synchronise both.

Callers must not change the terminal's mode themselves: `restore` puts back what was found, and is registered to run
at exit.
"""

from __future__ import annotations

import atexit
import codecs
import os
import select
from collections import deque
from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError, codepage
from w9x_client.drives import win_error

from .files import FileObject
from .terminal_keys import KeyEvent, parse_keys

if TYPE_CHECKING:
    from .process import Process
    from .task import Task

ENABLE_PROCESSED_INPUT, ENABLE_LINE_INPUT, ENABLE_ECHO_INPUT = 1, 2, 4
ENABLE_WINDOW_INPUT, ENABLE_MOUSE_INPUT = 8, 0x10
ENABLE_PROCESSED_OUTPUT, ENABLE_WRAP_AT_EOL_OUTPUT = 1, 2
DEFAULT_ATTRIBUTE = 7

# What code page 437 shows for the bytes below 32: a console draws them where it does not obey them.
_GLYPHS = "\0☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"
_OBEYED = "\a\b\t\n\r"
_CONTROL = {i: _GLYPHS[i] if i else " " for i in range(32) if chr(i) not in _OBEYED} | {0x7F: "⌂"}
_RAW = {i: _GLYPHS[i] if i else " " for i in range(32)} | {0x7F: "⌂"}
# C1 controls would be commands to some terminals.
_CONTROL |= dict.fromkeys(range(128, 160), "?")
_RAW |= dict.fromkeys(range(128, 160), "?")


class ConsoleFile(FileObject):
    """A handle's view of the console: its input buffer or its screen."""

    kind = "char"
    is_console = True

    def __init__(self, console: Console, fd: int, is_input: bool, *, readable: bool, writable: bool) -> None:
        name = "CONIN$" if is_input else "CONOUT$"
        super().__init__(fd, readable=readable, writable=writable, name=name)
        self.console, self.is_input = console, is_input
        self.wait_fd = fd if is_input else -1

    def signaled(self, task: Task) -> bool:
        """Input: events wait. The screen: always."""
        return not self.is_input or self.console.pending_events() > 0

    async def read(self, t: Task, size: int) -> bytes:
        if not self.is_input or not self.readable:
            raise WinError(Err.INVALID_HANDLE)
        return await self.console.read_bytes(t, self.fd, size)

    async def write(self, t: Task, data: bytes | memoryview) -> int:
        if self.is_input or not self.writable:
            raise WinError(Err.INVALID_HANDLE)
        await self.console.write(t, self.fd, self.console.decode(bytes(data)))
        return len(data)


class Console:
    """State of the process's console."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.input_cp = self.output_cp = process.oemcp
        self.input_mode = ENABLE_PROCESSED_INPUT | ENABLE_LINE_INPUT | ENABLE_ECHO_INPUT | ENABLE_MOUSE_INPUT
        self.output_mode = ENABLE_PROCESSED_OUTPUT | ENABLE_WRAP_AT_EOL_OUTPUT
        self.title = ""
        self.attribute = DEFAULT_ATTRIBUTE
        self.cursor_size, self.cursor_visible = 25, True
        self.x = self.y = 0
        self.input_fd = self.output_fd = -1
        self.ctrl_handlers: list[int] = []
        """Guest addresses, in the order of registration."""
        self.ignore_ctrl_c = False
        self.events: deque[KeyEvent] = deque()
        """Input records read from the terminal and not yet taken."""
        self._line = ""
        """Cooked input beyond what the reader wanted."""
        self._raw = b""
        self._saved: list[object] | None = None
        self._applied: int | None = None
        self._decoder: codecs.IncrementalDecoder | None = None
        self._decoder_page = 0

    # --- handles ----------------------------------------------------------------------------
    def attach(self, fd: int, is_input: bool) -> ConsoleFile:
        """A console file over a terminal descriptor that the host gave us."""
        if is_input:
            self.input_fd = fd
        elif self.output_fd < 0:
            self.output_fd = fd
        item = ConsoleFile(self, fd, is_input, readable=True, writable=True)
        item.borrowed = True
        return item

    def open(self, is_input: bool, readable: bool, writable: bool) -> ConsoleFile:
        """CONIN$ or CONOUT$: the controlling terminal. WinError FILE_NOT_FOUND where the process has none."""
        try:
            fd = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
        except OSError:
            raise WinError(Err.FILE_NOT_FOUND) from None
        if is_input and self.input_fd < 0:
            self.input_fd = os.dup(fd)
        if not is_input and self.output_fd < 0:
            self.output_fd = os.dup(fd)
        return ConsoleFile(self, fd, is_input, readable=readable, writable=writable)

    # --- size ---------------------------------------------------------------------------------
    def window(self) -> tuple[int, int]:
        """(columns, rows) of the terminal; 80 x 25 where it does not say."""
        for fd in (self.output_fd, self.input_fd):
            if fd >= 0:
                try:
                    columns, rows = os.get_terminal_size(fd)
                except OSError:
                    continue
                if columns > 0 and rows > 0:
                    return min(columns, 0x7FFF), min(rows, 0x7FFF)
        return 80, 25

    # --- output -------------------------------------------------------------------------------
    def decode(self, data: bytes) -> str:
        """Guest bytes as text; a multi-byte character may arrive in two writes."""
        if self._decoder is None or self._decoder_page != self.output_cp:
            name = codepage.codec_name(self.output_cp) or "latin-1"
            self._decoder = codecs.getincrementaldecoder(name)("w9x-decode" if name != "utf-8" else "replace")
            self._decoder_page = self.output_cp
        return self._decoder.decode(data)

    async def write(self, t: Task, fd: int, text: str) -> None:
        """Show text at the cursor and advance it."""
        processed = bool(self.output_mode & ENABLE_PROCESSED_OUTPUT)
        shown = text.translate(_CONTROL if processed else _RAW)
        self._advance(shown)
        await self.emit(t, fd, shown)

    def printable(self, text: str) -> str:
        """``text`` for cells: control characters as the glyphs a console draws."""
        return text.translate(_RAW)

    async def emit(self, t: Task, fd: int, text: str) -> None:
        """Send text to the terminal as it is."""
        data = text.encode("utf-8", "replace")
        done = 0
        while done < len(data):
            if not select.select([], [fd], [], 0)[1]:
                await t.writable(fd)
            try:
                done += os.write(fd, data[done : done + select.PIPE_BUF])
            except OSError as error:
                raise win_error(error) from None

    def _advance(self, text: str) -> None:
        columns, rows = self.window()
        x, y = self.x, self.y
        for c in text:
            if c == "\n":
                x, y = 0, y + 1  # the terminal's own ONLCR returns the carriage too
            elif c == "\r":
                x = 0
            elif c == "\b":
                x = max(0, x - 1)
            elif c == "\t":
                x = min(columns - 1, (x | 7) + 1)
            elif c != "\a":
                x += 1
                if x >= columns:
                    x, y = 0, y + 1
        self.x, self.y = x, min(y, rows - 1)

    def move(self, x: int, y: int) -> str:
        """The sequence that moves the cursor to (x, y), and note it there."""
        step = y - self.y
        out = f"\x1b[{step}B" if step > 0 else f"\x1b[{-step}A" if step < 0 else ""
        self.x, self.y = x, y
        return out + f"\x1b[{x + 1}G"

    @staticmethod
    def colour(attribute: int) -> str:
        """The SGR sequence of an attribute (SDK wincon.h: bit 0 blue, 1 green, 2 red, 3 bright; 4-7 background)."""
        if attribute & 0xFF == DEFAULT_ATTRIBUTE:
            return "\x1b[0m"

        def ansi(bits: int) -> int:
            return (bits & 1) << 2 | bits & 2 | bits >> 2 & 1

        foreground = (90 if attribute & 8 else 30) + ansi(attribute & 7)
        background = (100 if attribute & 0x80 else 40) + ansi(attribute >> 4 & 7)
        return f"\x1b[0;{foreground};{background}m" if attribute & 0xF0 else f"\x1b[0;{foreground}m"

    # --- input --------------------------------------------------------------------------------
    def _apply(self, mode: int) -> None:
        """Put the terminal into an input mode (ENABLE_LINE_INPUT, _ECHO_INPUT, _PROCESSED_INPUT)."""
        if self._applied == mode or self.input_fd < 0:
            return
        import termios

        try:
            now = termios.tcgetattr(self.input_fd)
            if self._saved is None:
                self._saved = list(now[:6]) + [list(now[6])]
                atexit.register(self.restore)
            local = now[3] & ~(termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN)
            if mode & ENABLE_LINE_INPUT:
                local |= termios.ICANON | termios.IEXTEN
                if mode & ENABLE_ECHO_INPUT:
                    local |= termios.ECHO
            if mode & ENABLE_PROCESSED_INPUT:
                local |= termios.ISIG
            now[3] = local
            now[0] = now[0] | termios.ICRNL if mode & ENABLE_LINE_INPUT else now[0] & ~termios.ICRNL
            now[6][termios.VMIN], now[6][termios.VTIME] = 1, 0
            termios.tcsetattr(self.input_fd, termios.TCSANOW, now)
        except termios.error:
            return  # a terminal that has hung up: reading will say so
        self._applied = mode

    def restore(self) -> None:
        """Put the terminal back as it was found."""
        if self._saved is not None and self.input_fd >= 0:
            import termios

            try:
                termios.tcsetattr(self.input_fd, termios.TCSANOW, self._saved)  # type: ignore[arg-type]  # what tcgetattr gave
            except termios.error:
                pass  # it has gone
            self._saved, self._applied = None, None
        if self.output_fd >= 0 and (self.attribute != DEFAULT_ATTRIBUTE or not self.cursor_visible):
            try:
                os.write(self.output_fd, b"\x1b[0m\x1b[?25h")
            except OSError:
                pass  # it has gone

    async def read_text(self, t: Task, fd: int, size: int) -> str:
        """At most ``size`` characters: of a line with CR LF in line mode, else what has been typed (one at least)."""
        if size <= 0:
            return ""
        if not self._line:
            if self.input_mode & ENABLE_LINE_INPUT and self.events:
                self._line = await self._line_of_events(t, fd)
            elif self.input_mode & ENABLE_LINE_INPUT:
                self._apply(self.input_mode)
                raw = await self._raw_read(t, fd)
                text = raw.decode("utf-8", "replace")
                self._line = text.replace("\n", "\r\n")
                self.x = 0
            else:
                while not self._line:
                    self._line = "".join(e.char for e in self.events if e.down and e.char)
                    self.events.clear()
                    if not self._line:
                        await self._read_events(t, fd)
        out, self._line = self._line[:size], self._line[size:]
        return out

    async def _line_of_events(self, t: Task, fd: int) -> str:
        """A line that began while the program polled for keys: the terminal's own editing has not seen it."""
        line = ""
        while True:
            while self.events:
                event = self.events.popleft()
                if not event.down or not event.char:
                    continue
                if event.char == "\r":
                    await self._echo(t, "\r\n")
                    return line + "\r\n"
                if event.char == "\b":
                    if line:
                        line = line[:-1]
                        await self._echo(t, "\b \b")
                else:
                    line += event.char
                    await self._echo(t, event.char)
            await self._read_events(t, fd)

    async def _echo(self, t: Task, text: str) -> None:
        if self.input_mode & ENABLE_ECHO_INPUT and self.output_fd >= 0:
            await self.write(t, self.output_fd, text)

    async def read_bytes(self, t: Task, fd: int, size: int) -> bytes:
        """`read_text` in the input code page."""
        return codepage.encode(await self.read_text(t, fd, size), self.input_cp)

    async def _raw_read(self, t: Task, fd: int) -> bytes:
        await t.readable(fd)
        try:
            return os.read(fd, 4096)
        except OSError as error:
            raise win_error(error) from None

    def _take(self, data: bytes) -> None:
        events, self._raw = parse_keys(self._raw + data)
        self.events.extend(events)

    async def _read_events(self, t: Task, fd: int) -> None:
        self._apply(self.input_mode & ENABLE_PROCESSED_INPUT)
        self._take(await self._raw_read(t, fd))

    def pending_events(self) -> int:
        """Input events that can be taken without waiting."""
        if self.input_fd < 0:
            return 0
        if self._line:
            self._line_to_events()
        self._apply(self.input_mode & ENABLE_PROCESSED_INPUT)
        while select.select([self.input_fd], [], [], 0)[0]:
            try:
                data = os.read(self.input_fd, 4096)
            except OSError:
                break
            if not data:
                break
            self._take(data)
        return len(self.events)

    def _line_to_events(self) -> None:
        events, _ = parse_keys(self._line.replace("\r\n", "\r").encode("utf-8"))
        self.events.extendleft(reversed(events))
        self._line = ""

    async def wait_events(self, t: Task, fd: int) -> None:
        """Return when an input event can be taken."""
        if not self.pending_events():
            while not self.events:
                await self._read_events(t, fd)

    def flush_input(self) -> None:
        """Throw away what has been typed."""
        self.pending_events()
        self.events.clear()
        self._line, self._raw = "", b""


CTRL_C_EVENT, CTRL_BREAK_EVENT, CTRL_CLOSE_EVENT = 0, 1, 2
CONTROL_C_EXIT = 0xC000013A
"""Exit code of a process that a Ctrl event ended (STATUS_CONTROL_C_EXIT)."""


async def deliver_ctrl(t: Task, event: int) -> None:
    """Offer a Ctrl event to the handlers, last registered first; end the process where none takes it.

    Runs on a guest thread of its own, as on Windows.
    """
    console = t.process.state(Console)
    if event == CTRL_C_EVENT and console.ignore_ctrl_c:
        return
    for handler in reversed(list(console.ctrl_handlers)):
        if await t.call(handler, event):
            return
    await t.process.exit(t, CONTROL_C_EXIT)
