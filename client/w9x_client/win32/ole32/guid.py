"""GUIDs, class identifiers and their texts (SDK objbase.h)."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

from w9x_client.abi import WinError
from w9x_client.abi.types import BOOL, INT, LPCWSTR, LPDWORD, PTR
from w9x_client.win32.advapi32.registry_store import store_of
from w9x_client.win32.oleaut32.hresult import HRESULT
from w9x_client.win32.oleaut32.variant_data import E_INVALIDARG, E_OUTOFMEMORY, S_OK

from .dll import ole32
from .initialize import alloc

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

CO_E_CLASSSTRING, CO_E_IIDSTRING, REGDB_E_CLASSNOTREG = 0x8004_01F3, 0x8004_01F4, 0x8004_0154
GUID_SIZE = 16
TEXT_SIZE = 39
"""Characters of "{00000000-0000-0000-0000-000000000000}" with terminator."""


def guid_text(data: bytes) -> str:
    """A GUID's text in braces, upper case."""
    first, second, third = struct.unpack_from("<IHH", data)
    tail = data[8:].hex().upper()
    return f"{{{first:08X}-{second:04X}-{third:04X}-{tail[:4]}-{tail[4:]}}}"


def parse_guid(text: str) -> bytes | None:
    """The 16 bytes of a GUID's text, or None for any other text."""
    if len(text) != TEXT_SIZE - 1 or text[0] != "{" or text[-1] != "}":
        return None
    parts = text[1:-1].split("-")
    if [len(part) for part in parts] != [8, 4, 4, 4, 12]:
        return None
    try:
        numbers = bytes.fromhex("".join(parts))
    except ValueError:
        return None
    if len(numbers) != GUID_SIZE:
        return None
    return numbers[3::-1] + numbers[5:3:-1] + numbers[7:5:-1] + numbers[8:]


def default_value(process: Process, path: str) -> str | None:
    """The default value of a key below HKEY_CLASSES_ROOT as text, or None."""
    from w9x_client.abi import codepage

    try:
        value = store_of(process).query("HKCR", path, "")
    except WinError:
        return None
    return codepage.decode(value.data, process.acp).split("\0")[0] or None


def class_of(process: Process, name: str) -> bytes | None:
    """The class a program identifier ("Excel.Application") stands for, or None."""
    for _ in range(8):
        text = default_value(process, f"{name}\\CLSID")
        if text is not None:
            return parse_guid(text)
        current = default_value(process, f"{name}\\CurVer")
        if current is None:
            return None
        name = current
    return None


@ole32.api(wide=True)
def CLSIDFromString(t: Task, lpsz: LPCWSTR, pclsid: PTR) -> HRESULT:
    """A class identifier from its text or from a program identifier; NULL gives the null GUID."""
    data = bytes(GUID_SIZE) if lpsz is None else parse_guid(lpsz) or class_of(t.process, lpsz)
    if not pclsid:
        return E_INVALIDARG
    t.mem.write(pclsid, data or bytes(GUID_SIZE))
    return S_OK if data is not None else CO_E_CLASSSTRING


@ole32.api(wide=True)
def IIDFromString(t: Task, lpsz: LPCWSTR, lpiid: PTR) -> HRESULT:
    """An interface identifier from its text."""
    data = bytes(GUID_SIZE) if lpsz is None else parse_guid(lpsz)
    if data is None or not lpiid:
        return CO_E_IIDSTRING if lpiid else E_INVALIDARG
    t.mem.write(lpiid, data)
    return S_OK


@ole32.api(wide=True)
def CLSIDFromProgID(t: Task, lpszProgID: LPCWSTR, lpclsid: PTR) -> HRESULT:
    """The class registered for a program identifier."""
    if lpszProgID is None or not lpclsid:
        return E_INVALIDARG
    data = class_of(t.process, lpszProgID)
    t.mem.write(lpclsid, data or bytes(GUID_SIZE))
    return S_OK if data else CO_E_CLASSSTRING


def _give_text(t: Task, text: str, result: LPDWORD) -> int:
    data = text.encode("utf-16-le", "surrogatepass") + b"\0\0"
    block = alloc(t, len(data))
    result.set(block)
    if not block:
        return E_OUTOFMEMORY
    t.mem.write(block, data)
    return S_OK


@ole32.api(wide=True)
def StringFromCLSID(t: Task, rclsid: PTR, lplpsz: LPDWORD) -> HRESULT:
    """A class identifier's text in task memory."""
    return _give_text(t, guid_text(t.mem.read(rclsid, GUID_SIZE)), lplpsz)


@ole32.api(wide=True)
def StringFromIID(t: Task, rclsid: PTR, lplpsz: LPDWORD) -> HRESULT:
    """An interface identifier's text in task memory."""
    return _give_text(t, guid_text(t.mem.read(rclsid, GUID_SIZE)), lplpsz)


@ole32.api(wide=True)
def ProgIDFromCLSID(t: Task, clsid: PTR, lplpszProgID: LPDWORD) -> HRESULT:
    """The program identifier registered for a class, in task memory."""
    lplpszProgID.set(0)
    text = default_value(t.process, f"CLSID\\{guid_text(t.mem.read(clsid, GUID_SIZE))}\\ProgID")
    return REGDB_E_CLASSNOTREG if text is None else _give_text(t, text, lplpszProgID)


@ole32.api(wide=True)
def StringFromGUID2(t: Task, rguid: PTR, lpsz: PTR, cchMax: INT) -> INT:
    """A GUID's text in a buffer of cchMax characters; 39, or 0 when it does not fit."""
    if cchMax < TEXT_SIZE:
        return 0
    t.mem.write(lpsz, (guid_text(t.mem.read(rguid, GUID_SIZE)) + "\0").encode("utf-16-le"))
    return TEXT_SIZE


@ole32.api()
def IsEqualGUID(t: Task, rguid1: PTR, rguid2: PTR) -> BOOL:
    """Whether two GUIDs are the same."""
    return t.mem.read(rguid1, GUID_SIZE) == t.mem.read(rguid2, GUID_SIZE)


@ole32.api()
def CoCreateGuid(t: Task, pguid: PTR) -> HRESULT:
    """A new GUID: random, marked as version 4 (RFC 4122)."""
    if not pguid:
        return E_INVALIDARG
    data = bytearray(os.urandom(GUID_SIZE))
    data[7] = data[7] & 0x0F | 0x40
    data[8] = data[8] & 0x3F | 0x80
    t.mem.write(pguid, data)
    return S_OK
