"""Files made by COMPRESS.EXE (SDK lzexpand.h).

A handle is either a file handle (a file that is not compressed) or an LZ handle, 400h to 40Fh, whose file was expanded
when it was opened. Format "SZDD": signature of 8 bytes, 'A', last character of the original name, original size, then
LZSS with a 4096-byte window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import WinError
from w9x_client.abi.types import INT, IS_WIDE, LONG, LPCTSTR, LPTSTR, PTR, VOID, WORD
from w9x_client.process.files import DiskFile, open_file

from .dll import lz32

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

SIGNATURE = b"SZDD\x88\xf0\x27\x33"
HEADER = 14
FIRST_HANDLE, HANDLES = 0x400, 16
LZERROR_BADINHANDLE, LZERROR_READ, LZERROR_WRITE = -1, -3, -4
LZERROR_GLOBALLOC, LZERROR_BADVALUE = -5, -7
OF_CREATE, OF_WRITE, OF_READWRITE, OF_EXIST, OF_DELETE = 0x1000, 0x1, 0x2, 0x4000, 0x200
EXPANDED_MAX = 0x1000_0000
_GENERIC_READ, _GENERIC_WRITE = 0x8000_0000, 0x4000_0000


def expand(data: bytes) -> bytes:
    """The original of a compressed file; ValueError for a damaged one."""
    if len(data) < HEADER or not data.startswith(SIGNATURE) or data[8:9] != b"A":
        raise ValueError("not a compressed file")
    size = int.from_bytes(data[10:14], "little")
    if size > EXPANDED_MAX:
        raise ValueError("too large")
    window = bytearray(b" " * 4096)
    at, place = HEADER, 4096 - 16
    out = bytearray()
    while len(out) < size:
        if at >= len(data):
            raise ValueError("cut short")
        flags = data[at]
        at += 1
        for bit in range(8):
            if len(out) >= size:
                break
            if flags >> bit & 1:
                if at >= len(data):
                    raise ValueError("cut short")
                piece = data[at : at + 1]
                at += 1
                out += piece
                window[place] = piece[0]
                place = place + 1 & 0xFFF
                continue
            if at + 2 > len(data):
                raise ValueError("cut short")
            start = data[at] | (data[at + 1] & 0xF0) << 4
            count = (data[at + 1] & 0x0F) + 3
            at += 2
            for step in range(count):
                byte = window[start + step & 0xFFF]
                out.append(byte)
                window[place] = byte
                place = place + 1 & 0xFFF
    return bytes(out[:size])


class Expanded:
    """Open compressed files: contents and position by handle."""

    def __init__(self, process: Process) -> None:
        self.open: dict[int, tuple[bytes, int, int]] = {}

    def add(self, data: bytes, source: int) -> int:
        """An LZ handle; LZERROR_GLOBALLOC when all are in use."""
        for handle in range(FIRST_HANDLE, FIRST_HANDLE + HANDLES):
            if handle not in self.open:
                self.open[handle] = (data, 0, source)
                return handle
        return LZERROR_GLOBALLOC


async def _read_all(t: Task, handle: int) -> bytes:
    item = t.process.handles.get(handle, DiskFile)
    item.seek(0, 0)
    parts: list[bytes] = []
    total = 0
    while total < EXPANDED_MAX:
        part = await item.read(t, 0x10000)
        if not part:
            break
        parts.append(part)
        total += len(part)
    item.seek(0, 0)
    return b"".join(parts)


async def _init(t: Task, handle: int) -> int:
    try:
        data = await _read_all(t, handle)
    except WinError:
        return LZERROR_BADINHANDLE
    if not data.startswith(SIGNATURE):
        return handle
    try:
        return t.process.state(Expanded).add(expand(data), handle)
    except ValueError:
        return LZERROR_READ


@lz32.api()
async def LZInit(t: Task, hfSource: INT) -> INT:
    """An LZ handle for a compressed file; the same handle for another."""
    return await _init(t, hfSource)


@lz32.api()
async def LZStart(t: Task) -> INT:
    """Nothing to prepare."""
    return 1


@lz32.api()
def LZDone(t: Task) -> VOID:
    """Nothing to undo."""


@lz32.partial("reading, creating and writing; no OF_PARSE and the like", aw=True)
async def LZOpenFile(t: Task, lpFileName: LPCTSTR, lpReOpenBuf: PTR, wStyle: WORD) -> INT:
    """Open a file; a compressed one is expanded. A missing name is tried with '_' as its last character, as COMPRESS
    names files.
    """
    if not lpFileName:
        return LZERROR_BADINHANDLE
    writes = wStyle & (OF_CREATE | OF_WRITE | OF_READWRITE)
    names = [lpFileName] if writes else [lpFileName, compressed_name(lpFileName)]
    for name in names:
        try:
            access = _GENERIC_READ | (_GENERIC_WRITE if writes else 0)
            item, _ = open_file(t.process, name, access, 3, 2 if wStyle & OF_CREATE else 3, 0x80)
            handle = t.process.handles.add(item)
            return handle if writes else await _init(t, handle)
        except WinError:
            continue
    return LZERROR_BADINHANDLE


def compressed_name(name: str) -> str:
    """What COMPRESS calls a file: the last character of the extension becomes '_' ("setup.ex_"); a short one gains
    it.
    """
    folder = max(name.rfind("\\"), name.rfind(":"), name.rfind("/")) + 1
    dot = name.rfind(".", folder)
    if dot < 0:
        return name + "._"
    return name[:-1] + "_" if len(name) - dot > 3 else name + "_"


@lz32.api()
async def LZRead(t: Task, hFile: INT, lpBuffer: PTR, cbRead: INT) -> INT:
    """Read the next bytes; returns how many."""
    if cbRead < 0:
        return LZERROR_BADVALUE
    files = t.process.state(Expanded).open
    found = files.get(hFile)
    if found is None:
        try:
            data = await t.process.handles.get(hFile, DiskFile).read(t, cbRead)
        except WinError:
            return LZERROR_BADINHANDLE
    else:
        contents, place, source = found
        data = contents[place : place + cbRead]
        files[hFile] = (contents, place + len(data), source)
    t.mem.write(lpBuffer, data)
    return len(data)


@lz32.api()
def LZSeek(t: Task, hFile: INT, lOffset: LONG, iOrigin: INT) -> LONG:
    """Move the position; returns it."""
    files = t.process.state(Expanded).open
    found = files.get(hFile)
    if found is None:
        try:
            return t.process.handles.get(hFile, DiskFile).seek(lOffset, iOrigin)
        except WinError:
            return LZERROR_BADVALUE
    contents, place, source = found
    base = {0: 0, 1: place, 2: len(contents)}.get(iOrigin)
    if base is None or base + lOffset < 0:
        return LZERROR_BADVALUE
    files[hFile] = (contents, base + lOffset, source)
    return base + lOffset


@lz32.api()
def LZClose(t: Task, hFile: INT) -> VOID:
    """Close an LZ handle or a file handle."""
    found = t.process.state(Expanded).open.pop(hFile, None)
    try:
        t.process.handles.close(found[2] if found is not None else hFile)
    except WinError:
        pass  # SDK: LZClose reports nothing


@lz32.api()
async def LZCopy(t: Task, hfSource: INT, hfDest: INT) -> LONG:
    """Copy a file, expanding a compressed one; returns the bytes written or an LZERROR."""
    found = t.process.state(Expanded).open.get(hfSource)
    try:
        data = found[0] if found is not None else await _read_all(t, hfSource)
        if found is None and data.startswith(SIGNATURE):
            data = expand(data)
    except WinError:
        return LZERROR_BADINHANDLE
    except ValueError:
        return LZERROR_READ
    try:
        target = t.process.handles.get(hfDest, DiskFile)
        done = 0
        while done < len(data):
            done += await target.write(t, data[done : done + 0x10_0000])
    except WinError:
        return LZERROR_WRITE
    return len(data)


lz32.alias("CopyLZFile", of="LZCopy")


@lz32.api(aw=True)
async def GetExpandedName(t: Task, lpszSource: LPCTSTR, lpszBuffer: LPTSTR, W: IS_WIDE) -> INT:
    """The original name of a compressed file: its '_' replaced by the character its header keeps. 1, or an LZERROR."""
    if not lpszSource:
        return LZERROR_BADVALUE
    try:
        item, _ = open_file(t.process, lpszSource, _GENERIC_READ, 3, 3, 0x80)
    except WinError:
        return LZERROR_BADINHANDLE
    try:
        head = await item.read(t, HEADER)
    finally:
        item.close()
    name = lpszSource
    if head.startswith(SIGNATURE) and len(head) == HEADER and name.endswith("_"):
        name = name[:-1] + (chr(head[9]) if head[9] else "")
    lpszBuffer.put(name, 260)
    return 1
