"""Console output, modes and Ctrl handlers (SDK wincon.h). Input records are in `console_input`; the terminal itself
is `process.terminal`.

A console handle refers to a `ConsoleFile`, which exists only for a terminal. On a redirected handle these functions
fail with ERROR_INVALID_HANDLE, which is how programs find out that they have been redirected.

The screen cannot be read back: a terminal does not say what it shows.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Annotated

from w9x_client.abi import Err, WinError, codepage
from w9x_client.abi.types import (
    BOOL,
    DWORD,
    FLAGS,
    HANDLE,
    HFILE,
    IS_WIDE,
    LPCTSTR,
    LPDWORD,
    LPTSTR,
    PTR,
    UINT,
    WORD,
    Arg,
    pointer_to,
)
from w9x_client.process.terminal import CTRL_BREAK_EVENT, CTRL_C_EVENT, Console, ConsoleFile, deliver_ctrl

from .dll import kernel32

if TYPE_CHECKING:
    from w9x_client.process import Task

CELL_LIMIT = 1 << 20
"""Cells one call may fill: more than any terminal shows."""

COORD = Annotated[
    tuple[int, int],
    Arg("I", "((({0} & 0xffff) ^ 0x8000) - 0x8000, (({0} >> 16) ^ 0x8000) - 0x8000)"),
]
"""A COORD passed by value: (x, y), signed."""


class CONSOLE_SCREEN_BUFFER_INFO(ctypes.LittleEndianStructure):
    """SDK wincon.h."""

    _fields_ = (
        ("dwSizeX", ctypes.c_int16),
        ("dwSizeY", ctypes.c_int16),
        ("dwCursorX", ctypes.c_int16),
        ("dwCursorY", ctypes.c_int16),
        ("wAttributes", ctypes.c_uint16),
        ("Left", ctypes.c_int16),
        ("Top", ctypes.c_int16),
        ("Right", ctypes.c_int16),
        ("Bottom", ctypes.c_int16),
        ("dwMaximumX", ctypes.c_int16),
        ("dwMaximumY", ctypes.c_int16),
    )


class CONSOLE_CURSOR_INFO(ctypes.LittleEndianStructure):
    """SDK wincon.h."""

    _fields_ = (("dwSize", ctypes.c_uint32), ("bVisible", ctypes.c_uint32))


class SMALL_RECT(ctypes.LittleEndianStructure):
    """SDK wincon.h."""

    _fields_ = tuple((name, ctypes.c_int16) for name in ("Left", "Top", "Right", "Bottom"))


LPCONSOLE_SCREEN_BUFFER_INFO = Annotated["CONSOLE_SCREEN_BUFFER_INFO | None", pointer_to(CONSOLE_SCREEN_BUFFER_INFO)]
LPCONSOLE_CURSOR_INFO = Annotated["CONSOLE_CURSOR_INFO | None", pointer_to(CONSOLE_CURSOR_INFO)]
LPSMALL_RECT = Annotated["SMALL_RECT | None", pointer_to(SMALL_RECT)]


def screen(t: Task, handle: int) -> ConsoleFile:
    """The console's output behind a handle; WinError INVALID_HANDLE."""
    item = t.process.handles.get(handle, ConsoleFile)
    if item.is_input:
        raise WinError(Err.INVALID_HANDLE)
    return item


# --- text ---------------------------------------------------------------------------------------
@kernel32.api(aw=True)
async def WriteConsole(
    t: Task, hConsoleOutput: HANDLE, lpBuffer: PTR, nChars: DWORD, lpWritten: LPDWORD, lpReserved: PTR, W: IS_WIDE
) -> BOOL:
    """Write characters at the cursor."""
    item = screen(t, hConsoleOutput)
    if W:
        text = t.mem.read(lpBuffer, 2 * nChars).decode("utf-16-le", "replace")
    else:
        text = item.console.decode(t.mem.read(lpBuffer, nChars))
    await item.console.write(t, item.fd, text)
    lpWritten.set(nChars)
    return True


# --- modes and code pages -------------------------------------------------------------------------
@kernel32.api()
def GetConsoleMode(t: Task, hConsoleHandle: HANDLE, lpMode: LPDWORD) -> BOOL:
    """ENABLE_* bits of the input buffer or the screen."""
    item = t.process.handles.get(hConsoleHandle, ConsoleFile)
    lpMode.set(item.console.input_mode if item.is_input else item.console.output_mode)
    return True


@kernel32.partial("no mouse or window events; ENABLE_WRAP_AT_EOL_OUTPUT is the terminal's affair")
def SetConsoleMode(t: Task, hConsoleHandle: HANDLE, dwMode: FLAGS) -> BOOL:
    """Change them; they take effect at the next read or write."""
    item = t.process.handles.get(hConsoleHandle, ConsoleFile)
    if item.is_input:
        if dwMode & ~0x1F or (dwMode & 4 and not dwMode & 2):
            raise WinError(Err.INVALID_PARAMETER)  # echo needs line input (SDK)
        item.console.input_mode = dwMode
    else:
        if dwMode & ~3:
            raise WinError(Err.INVALID_PARAMETER)
        item.console.output_mode = dwMode
    return True


@kernel32.api()
def GetConsoleCP(t: Task) -> UINT:
    """The input code page: OEM at the start."""
    return t.process.state(Console).input_cp


@kernel32.api()
def GetConsoleOutputCP(t: Task) -> UINT:
    """The output code page: OEM at the start."""
    return t.process.state(Console).output_cp


@kernel32.api()
def SetConsoleCP(t: Task, wCodePageID: UINT) -> BOOL:
    """Set the input code page."""
    if codepage.codec_name(wCodePageID) is None:
        raise WinError(Err.INVALID_PARAMETER)
    t.process.state(Console).input_cp = wCodePageID
    return True


@kernel32.api()
def SetConsoleOutputCP(t: Task, wCodePageID: UINT) -> BOOL:
    """Set the output code page."""
    if codepage.codec_name(wCodePageID) is None:
        raise WinError(Err.INVALID_PARAMETER)
    t.process.state(Console).output_cp = wCodePageID
    return True


# --- title ------------------------------------------------------------------------------------------
@kernel32.api(aw=True)
def GetConsoleTitle(t: Task, lpConsoleTitle: LPTSTR, nSize: DWORD) -> DWORD:
    """The title, cut to the buffer; returns its length."""
    return lpConsoleTitle.put(t.process.state(Console).title, nSize)


@kernel32.api(aw=True)
async def SetConsoleTitle(t: Task, lpConsoleTitle: LPCTSTR) -> BOOL:
    """Set it; a terminal shows it as its window's title."""
    if lpConsoleTitle is None:
        raise WinError(Err.INVALID_PARAMETER)
    console = t.process.state(Console)
    console.title = lpConsoleTitle[:1024]
    if console.output_fd >= 0:
        shown = "".join(c for c in console.title if c >= " " and not "\x7f" <= c < "\xa0")
        await console.emit(t, console.output_fd, f"\x1b]0;{shown}\x07")
    return True


# --- colours and cursor -----------------------------------------------------------------------------
@kernel32.api()
def GetConsoleScreenBufferInfo(t: Task, hConsoleOutput: HANDLE, lpInfo: LPCONSOLE_SCREEN_BUFFER_INFO) -> BOOL:
    """Size, cursor, colours: the buffer is as large as the terminal's window."""
    console = screen(t, hConsoleOutput).console
    if lpInfo is None:
        raise WinError(Err.INVALID_PARAMETER)
    columns, rows = console.window()
    lpInfo.dwSizeX, lpInfo.dwSizeY = columns, rows
    lpInfo.dwCursorX, lpInfo.dwCursorY = min(console.x, columns - 1), console.y
    lpInfo.wAttributes = console.attribute
    lpInfo.Left, lpInfo.Top, lpInfo.Right, lpInfo.Bottom = 0, 0, columns - 1, rows - 1
    lpInfo.dwMaximumX, lpInfo.dwMaximumY = columns, rows
    return True


@kernel32.api()
def GetLargestConsoleWindowSize(t: Task, hConsoleOutput: HANDLE) -> DWORD:
    """The terminal's size as a COORD."""
    columns, rows = screen(t, hConsoleOutput).console.window()
    return rows << 16 | columns


@kernel32.api()
async def SetConsoleTextAttribute(t: Task, hConsoleOutput: HANDLE, wAttributes: WORD) -> BOOL:
    """Colours of what is written from now on."""
    item = screen(t, hConsoleOutput)
    if wAttributes != item.console.attribute:
        item.console.attribute = wAttributes
        await item.console.emit(t, item.fd, item.console.colour(wAttributes))
    return True


@kernel32.api()
async def SetConsoleCursorPosition(t: Task, hConsoleOutput: HANDLE, dwCursorPosition: COORD) -> BOOL:
    """Move the cursor inside the buffer."""
    item = screen(t, hConsoleOutput)
    columns, rows = item.console.window()
    x, y = dwCursorPosition
    if not (0 <= x < columns and 0 <= y < rows):
        raise WinError(Err.INVALID_PARAMETER)
    await item.console.emit(t, item.fd, item.console.move(x, y))
    return True


@kernel32.api()
def GetConsoleCursorInfo(t: Task, hConsoleOutput: HANDLE, lpInfo: LPCONSOLE_CURSOR_INFO) -> BOOL:
    """Size in percent, and whether it shows."""
    console = screen(t, hConsoleOutput).console
    if lpInfo is None:
        raise WinError(Err.INVALID_PARAMETER)
    lpInfo.dwSize, lpInfo.bVisible = console.cursor_size, int(console.cursor_visible)
    return True


@kernel32.partial("a terminal's cursor keeps its shape")
async def SetConsoleCursorInfo(t: Task, hConsoleOutput: HANDLE, lpInfo: LPCONSOLE_CURSOR_INFO) -> BOOL:
    """Show or hide the cursor."""
    item = screen(t, hConsoleOutput)
    if lpInfo is None or not 1 <= lpInfo.dwSize <= 100:
        raise WinError(Err.INVALID_PARAMETER)
    item.console.cursor_size, item.console.cursor_visible = lpInfo.dwSize, bool(lpInfo.bVisible)
    await item.console.emit(t, item.fd, "\x1b[?25h" if item.console.cursor_visible else "\x1b[?25l")
    return True


# --- cells --------------------------------------------------------------------------------------------
async def _draw(t: Task, item: ConsoleFile, at: tuple[int, int], text: str, attributes: list[int] | None) -> int:
    """Put characters on the screen at ``at``, line after line; the cursor and colours stay. Returns the count drawn."""
    console = item.console
    columns, rows = console.window()
    x, y = at
    if not (0 <= x < columns and 0 <= y < rows):
        raise WinError(Err.INVALID_PARAMETER)
    text = console.printable(text[: columns * rows - (y * columns + x)])
    back = console.x, console.y
    out, index = [], 0
    colour = console.attribute
    while index < len(text):
        out.append(console.move(x, y))
        piece = text[index : index + columns - x]
        if attributes is None:
            out.append(piece)
        else:
            for c, attribute in zip(piece, attributes[index:], strict=False):
                if attribute != colour:
                    out.append(console.colour(attribute))
                    colour = attribute
                out.append(c)
        index += len(piece)
        x, y = 0, y + 1
    if colour != console.attribute:
        out.append(console.colour(console.attribute))
    out.append(console.move(*back))
    await console.emit(t, item.fd, "".join(out))
    return len(text)


@kernel32.api(aw=True)
async def FillConsoleOutputCharacter(
    t: Task,
    hConsoleOutput: HANDLE,
    cCharacter: WORD,
    nLength: DWORD,
    dwWriteCoord: COORD,
    lpWritten: LPDWORD,
    W: IS_WIDE,
) -> BOOL:
    """Repeat a character. Spaces over the whole screen clear it and make the rows of both sides agree."""
    item = screen(t, hConsoleOutput)
    columns, rows = item.console.window()
    c = chr(cCharacter) if W else codepage.decode(bytes((cCharacter & 0xFF,)), item.console.output_cp)
    count = min(nLength, columns * rows, CELL_LIMIT)
    if c == " " and dwWriteCoord == (0, 0) and count == columns * rows:
        x, y = item.console.x, item.console.y
        item.console.x = item.console.y = 0
        await item.console.emit(t, item.fd, "\x1b[H\x1b[2J" + item.console.move(x, y))
    else:
        count = await _draw(t, item, dwWriteCoord, c * count, None)
    lpWritten.set(count)
    return True


@kernel32.partial("changes only what is written from now on: a terminal's cells cannot be recoloured")
def FillConsoleOutputAttribute(
    t: Task, hConsoleOutput: HANDLE, wAttribute: WORD, nLength: DWORD, dwWriteCoord: COORD, lpWritten: LPDWORD
) -> BOOL:
    """Colour cells that are blank anyway."""
    item = screen(t, hConsoleOutput)
    columns, rows = item.console.window()
    lpWritten.set(min(nLength, columns * rows))
    return True


@kernel32.api(aw=True)
async def WriteConsoleOutputCharacter(
    t: Task,
    hConsoleOutput: HANDLE,
    lpCharacter: PTR,
    nLength: DWORD,
    dwWriteCoord: COORD,
    lpWritten: LPDWORD,
    W: IS_WIDE,
) -> BOOL:
    """Put characters at a place; the cursor stays."""
    item = screen(t, hConsoleOutput)
    count = min(nLength, CELL_LIMIT)
    if W:
        text = t.mem.read(lpCharacter, 2 * count).decode("utf-16-le", "replace")
    else:
        text = codepage.decode(t.mem.read(lpCharacter, count), item.console.output_cp)
    lpWritten.set(await _draw(t, item, dwWriteCoord, text, None))
    return True


@kernel32.api(aw=True)
async def WriteConsoleOutput(
    t: Task,
    hConsoleOutput: HANDLE,
    lpBuffer: PTR,
    dwBufferSize: COORD,
    dwBufferCoord: COORD,
    lpWriteRegion: LPSMALL_RECT,
    W: IS_WIDE,
) -> BOOL:
    """Put a rectangle of CHAR_INFO cells (character and attribute, 4 bytes) on the screen."""
    item = screen(t, hConsoleOutput)
    if lpWriteRegion is None:
        raise WinError(Err.INVALID_PARAMETER)
    columns, rows = item.console.window()
    left, top = lpWriteRegion.Left, lpWriteRegion.Top
    skip_x, skip_y = max(0, -left), max(0, -top)
    right = min(lpWriteRegion.Right, columns - 1, left + dwBufferSize[0] - dwBufferCoord[0] - 1)
    bottom = min(lpWriteRegion.Bottom, rows - 1, top + dwBufferSize[1] - dwBufferCoord[1] - 1)
    left, top = left + skip_x, top + skip_y
    if min(*dwBufferCoord, *dwBufferSize) < 0 or right < left or bottom < top:
        return True
    lines: list[tuple[int, str, list[int]]] = []
    for y in range(top, bottom + 1):
        row = dwBufferCoord[1] + skip_y + y - top
        start = lpBuffer + 4 * (row * dwBufferSize[0] + dwBufferCoord[0] + skip_x)
        cells = t.mem.read(start, 4 * (right - left + 1))
        if W:
            text = "".join(chr(cells[i] | cells[i + 1] << 8) for i in range(0, len(cells), 4))
        else:
            text = codepage.decode(cells[0::4], item.console.output_cp)
        lines.append((y, text, [cells[i + 2] | cells[i + 3] << 8 for i in range(0, len(cells), 4)]))
    lpWriteRegion.Left, lpWriteRegion.Top, lpWriteRegion.Right, lpWriteRegion.Bottom = left, top, right, bottom
    for y, text, attributes in lines:
        await _draw(t, item, (left, y), text, attributes)
    return True


_UNREADABLE = "a terminal does not say what it shows: fails with ERROR_NOT_SUPPORTED"


@kernel32.stub(_UNREADABLE, aw=True)
def ReadConsoleOutput(
    t: Task, hConsoleOutput: HANDLE, lpBuffer: PTR, dwBufferSize: COORD, dwBufferCoord: COORD, lpReadRegion: PTR
) -> BOOL:
    """Read cells."""
    screen(t, hConsoleOutput)
    raise WinError(Err.NOT_SUPPORTED)


@kernel32.stub(_UNREADABLE, aw=True)
def ReadConsoleOutputCharacter(
    t: Task, hConsoleOutput: HANDLE, lpCharacter: PTR, nLength: DWORD, dwReadCoord: COORD, lpRead: PTR
) -> BOOL:
    """Read characters."""
    screen(t, hConsoleOutput)
    raise WinError(Err.NOT_SUPPORTED)


@kernel32.stub(_UNREADABLE)
def ReadConsoleOutputAttribute(
    t: Task, hConsoleOutput: HANDLE, lpAttribute: PTR, nLength: DWORD, dwReadCoord: COORD, lpRead: PTR
) -> BOOL:
    """Read attributes."""
    screen(t, hConsoleOutput)
    raise WinError(Err.NOT_SUPPORTED)


@kernel32.stub("scrolling moves cells, which a terminal does not do: fails with ERROR_NOT_SUPPORTED", aw=True)
def ScrollConsoleScreenBuffer(
    t: Task, hConsoleOutput: HANDLE, lpScroll: PTR, lpClip: PTR, dwDestination: COORD, lpFill: PTR
) -> BOOL:
    """Move a rectangle of cells."""
    screen(t, hConsoleOutput)
    raise WinError(Err.NOT_SUPPORTED)


@kernel32.partial("accepts only the size the terminal has")
def SetConsoleScreenBufferSize(t: Task, hConsoleOutput: HANDLE, dwSize: COORD) -> BOOL:
    """Change the buffer's size."""
    if dwSize != screen(t, hConsoleOutput).console.window():
        raise WinError(Err.INVALID_PARAMETER)
    return True


@kernel32.partial("accepts only the window the terminal has")
def SetConsoleWindowInfo(t: Task, hConsoleOutput: HANDLE, bAbsolute: BOOL, lpWindow: LPSMALL_RECT) -> BOOL:
    """Move or size the window."""
    columns, rows = screen(t, hConsoleOutput).console.window()
    if lpWindow is None:
        raise WinError(Err.INVALID_PARAMETER)
    wanted = (lpWindow.Left, lpWindow.Top, lpWindow.Right, lpWindow.Bottom)
    if wanted != ((0, 0, columns - 1, rows - 1) if bAbsolute else (0, 0, 0, 0)):
        raise WinError(Err.INVALID_PARAMETER)
    return True


@kernel32.stub("one screen buffer: fails with ERROR_NOT_SUPPORTED")
def CreateConsoleScreenBuffer(
    t: Task, dwDesiredAccess: FLAGS, dwShareMode: FLAGS, lpAttributes: PTR, dwFlags: FLAGS, lpData: PTR
) -> HFILE:
    """A second screen buffer."""
    raise WinError(Err.NOT_SUPPORTED)


@kernel32.api()
def SetConsoleActiveScreenBuffer(t: Task, hConsoleOutput: HANDLE) -> BOOL:
    """Show a screen buffer: there is one, and it shows."""
    screen(t, hConsoleOutput)
    return True


# --- the console itself -------------------------------------------------------------------------------
@kernel32.stub("the process has the console it was started on: fails with ERROR_ACCESS_DENIED")
def AllocConsole(t: Task) -> BOOL:
    """Documented to fail where the process has a console."""
    raise WinError(Err.ACCESS_DENIED)


@kernel32.partial("handles stay usable")
def FreeConsole(t: Task) -> BOOL:
    """Leave the console: its Ctrl events reach this process no more."""
    console = t.process.state(Console)
    console.restore()
    console.ctrl_handlers.clear()
    console.ignore_ctrl_c = True
    return True


@kernel32.api()
def SetConsoleCtrlHandler(t: Task, HandlerRoutine: PTR, bAdd: BOOL) -> BOOL:
    """Add or remove a handler; NULL and TRUE: ignore Ctrl+C, NULL and FALSE: stop ignoring it."""
    console = t.process.state(Console)
    if not HandlerRoutine:
        console.ignore_ctrl_c = bAdd
    elif bAdd:
        console.ctrl_handlers.append(HandlerRoutine)
    elif HandlerRoutine in console.ctrl_handlers:
        # the latest registration goes first
        del console.ctrl_handlers[len(console.ctrl_handlers) - 1 - console.ctrl_handlers[::-1].index(HandlerRoutine)]
    else:
        raise WinError(Err.INVALID_PARAMETER)
    return True


@kernel32.partial("reaches this process only; the handlers run before it returns")
async def GenerateConsoleCtrlEvent(t: Task, dwCtrlEvent: DWORD, dwProcessGroupId: DWORD) -> BOOL:
    """Send Ctrl+C or Ctrl+Break."""
    if dwCtrlEvent not in (CTRL_C_EVENT, CTRL_BREAK_EVENT):
        raise WinError(Err.INVALID_PARAMETER)
    await deliver_ctrl(t, dwCtrlEvent)
    return True
