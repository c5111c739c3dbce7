"""Version information of files (SDK winver.h), over the loader's resources.

A block holds the file's resource as it is, then a marker, then room of the same size in which VerQueryValueA puts the
ANSI form of the texts it is asked for.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError, codepage
from w9x_client.abi.types import BOOL, DWORD, IS_WIDE, LPCTSTR, LPDWORD, PTR
from w9x_client.loader import search
from w9x_client.loader import version as version_resource
from w9x_client.loader.image import ImageError, parse, read_image_file

from .dll import version

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

_MARKER = b"W9XA"


class VersionCache:
    """The last file read (programs ask for the size and then for the block), and texts of blocks without room."""

    def __init__(self, process: Process) -> None:
        self.last: tuple[str, bytes] | None = None
        self.texts: dict[tuple[int, str], int] = {}


def _read(t: Task, name: str | None) -> bytes:
    """The version resource of a file or system module, padded to 4 bytes."""
    process = t.process
    if not name:
        raise WinError(Err.INVALID_PARAMETER)
    found = search.find(process, name)
    if found is None:
        raise WinError(Err.FILE_NOT_FOUND)
    cache = process.state(VersionCache)
    try:
        if found.system:
            system = process.modules.system.image(found.system)
            image = parse(system.data) if system is not None else None
        else:
            st = os.fstat(found.fd)
            key = f"{st.st_dev}:{st.st_ino}:{st.st_size}:{st.st_mtime_ns}"
            if cache.last is not None and cache.last[0] == key:
                return cache.last[1]
            image = parse(read_image_file(found.fd))
        tree = image.resources if image is not None else None
        data = tree.version() if tree is not None else None
    except ImageError:
        data = None
    finally:
        if found.fd >= 0:
            os.close(found.fd)
    if data is None or len(data) < 6:
        raise WinError(Err.RESOURCE_DATA_NOT_FOUND)
    data += bytes(-len(data) % 4)
    if not found.system:
        cache.last = (key, data)
    return data


@version.partial("no 16-bit (NE) files", aw=True)
def GetFileVersionInfoSize(t: Task, lptstrFilename: LPCTSTR, lpdwHandle: LPDWORD) -> DWORD:
    """Bytes to provide for GetFileVersionInfo; the handle is always 0."""
    lpdwHandle.set(0)
    return 2 * len(_read(t, lptstrFilename)) + len(_MARKER)


@version.partial("no 16-bit (NE) files", aw=True)
def GetFileVersionInfo(t: Task, lptstrFilename: LPCTSTR, dwHandle: DWORD, dwLen: DWORD, lpData: PTR) -> BOOL:
    """Copy a file's version information, cut to the buffer."""
    if not lpData:
        raise WinError(Err.INVALID_PARAMETER)
    data = _read(t, lptstrFilename)
    t.mem.write(lpData, (data + _MARKER + bytes(len(data)))[:dwLen])
    return True


@version.api(aw=True)
def VerQueryValue(t: Task, pBlock: PTR, lpSubBlock: LPCTSTR, lplpBuffer: LPDWORD, puLen: LPDWORD, W: IS_WIDE) -> BOOL:
    """A pointer to a value inside the block, with its size: characters with terminator for a text, else bytes."""
    puLen.set(0)
    if not pBlock or lpSubBlock is None:
        raise WinError(Err.INVALID_PARAMETER)
    data = t.mem.read(pBlock, t.mem.u16(pBlock))
    block = version_resource.query(data, lpSubBlock)
    if block is None:
        raise WinError(Err.RESOURCE_TYPE_NOT_FOUND)
    if not block.is_text or not block.value_size:
        lplpBuffer.set(pBlock + block.value)
        puLen.set(block.value_size)
    elif W:
        lplpBuffer.set(pBlock + block.value)
        puLen.set(block.value_size // 2)
    else:
        raw = data[block.value : block.value + (block.value_size & ~1)]
        text = raw.decode("utf-16-le", "replace").split("\0")[0]
        ansi = codepage.encode(text, t.process.acp) + b"\0"
        lplpBuffer.set(_place(t, pBlock, len(data), block.value, lpSubBlock, ansi))
        puLen.set(len(ansi))
    return True


def _place(t: Task, block: int, size: int, offset: int, path: str, ansi: bytes) -> int:
    """Store an ANSI text: in the block's own room, or (a resource used where it lies) in a block kept for the
    process.
    """
    marker = block + (size + 3 & ~3)
    if t.mem.readable(marker, len(_MARKER)) and t.mem.read(marker, len(_MARKER)) == _MARKER:
        address = marker + len(_MARKER) + offset
        t.mem.write(address, ansi)
        return address
    texts = t.process.state(VersionCache).texts
    key = (block, path.lower())
    address = texts.get(key, 0)
    if not address or t.process.heap_size(address) < len(ansi):
        address = texts[key] = t.process.heap_alloc(len(ansi))
    t.mem.write(address, ansi)
    return address


version.forward("VerLanguageNameA", "KERNEL32.VerLanguageNameA")
version.forward("VerLanguageNameW", "KERNEL32.VerLanguageNameW")
