"""BSTR: counted strings with their byte length in the dword before them (SDK oleauto.h).

A BSTR is a heap block: length in bytes, the data, a terminating zero character. NULL is a valid empty BSTR everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import WinError
from w9x_client.abi.types import BOOL, PTR, UINT, VOID

from .dll import oleaut32

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

MAX_BYTES = 0x7FFF_FFF0


def alloc(process: Process, data: bytes) -> int:
    """A new BSTR holding ``data``; 0 when memory is short."""
    try:
        block = process.heap_alloc(len(data) + 6)
    except WinError:
        return 0
    process.mem.write(block, len(data).to_bytes(4, "little") + data + b"\0\0")
    return block + 4


def alloc_text(process: Process, text: str) -> int:
    """A new BSTR holding ``text``."""
    return alloc(process, text.encode("utf-16-le", "surrogatepass"))


def byte_length(t: Task, bstr: int) -> int:
    """Length in bytes; 0 for NULL."""
    return t.mem.u32(bstr - 4) if bstr else 0


def read(t: Task, bstr: int) -> str:
    """The text of a BSTR, zeros inside included."""
    return t.mem.read(bstr, byte_length(t, bstr) & ~1).decode("utf-16-le", "surrogatepass") if bstr else ""


def free(t: Task, bstr: int) -> None:
    """Free a BSTR; one that is not ours is left alone, as a double free was survivable."""
    if bstr:
        t.process.heap_free(bstr - 4)


@oleaut32.api(wide=True)
def SysAllocString(t: Task, psz: PTR) -> PTR:
    """Copy a zero-terminated string into a new BSTR; NULL gives NULL."""
    return alloc(t.process, t.mem.wcstr(psz)) if psz else 0


def _with_length(t: Task, source: int, size: int) -> int:
    if size > MAX_BYTES:
        return 0
    if source:
        return alloc(t.process, t.mem.read(source, size))
    try:
        block = t.process.heap_alloc(size + 6)
    except WinError:
        return 0
    t.mem.put32(block, size)
    t.mem.write(block + 4 + size, b"\0\0")
    return block + 4


@oleaut32.api(wide=True)
def SysAllocStringLen(t: Task, strIn: PTR, ui: UINT) -> PTR:
    """A BSTR of ``ui`` characters, copied unless the source is NULL (then uninitialised)."""
    return _with_length(t, strIn, ui * 2)


@oleaut32.api()
def SysAllocStringByteLen(t: Task, psz: PTR, len: UINT) -> PTR:
    """A BSTR of ``len`` bytes, untranslated."""
    return _with_length(t, psz, len)


@oleaut32.api(wide=True)
def SysReAllocString(t: Task, pbstr: PTR, psz: PTR) -> BOOL:
    """Replace a BSTR by a copy of ``psz``, which may lie inside the old one."""
    old = t.mem.u32(pbstr)
    new = alloc(t.process, t.mem.wcstr(psz)) if psz else 0
    if psz and not new:
        return False
    t.mem.put32(pbstr, new)
    free(t, old)
    return True


@oleaut32.api(wide=True)
def SysReAllocStringLen(t: Task, pbstr: PTR, psz: PTR, len: UINT) -> BOOL:
    """Replace a BSTR by one of ``len`` characters; with a NULL source the old characters are kept."""
    old = t.mem.u32(pbstr)
    new = _with_length(t, psz, len * 2)
    if not new:
        return False
    if not psz and old:
        kept = min(byte_length(t, old), len * 2)
        t.mem.move(new, old, kept)
    t.mem.put32(pbstr, new)
    free(t, old)
    return True


@oleaut32.api()
def SysFreeString(t: Task, bstr: PTR) -> VOID:
    """Free a BSTR; NULL is fine."""
    free(t, bstr)


@oleaut32.api()
def SysStringLen(t: Task, bstr: PTR) -> UINT:
    """Length in characters."""
    return byte_length(t, bstr) // 2


@oleaut32.api()
def SysStringByteLen(t: Task, bstr: PTR) -> UINT:
    """Length in bytes."""
    return byte_length(t, bstr)
