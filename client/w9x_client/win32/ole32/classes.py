"""Creating objects: classes of in-process servers from the registry, and classes the program registers (SDK
objbase.h).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client import loader
from w9x_client.abi import WinError
from w9x_client.abi.types import BOOL, DWORD, LPDWORD, PTR, VOID
from w9x_client.win32.oleaut32.hresult import HRESULT
from w9x_client.win32.oleaut32.variant_data import E_INVALIDARG, S_OK

from .dll import ole32
from .guid import GUID_SIZE, REGDB_E_CLASSNOTREG, default_value, guid_text, parse_guid

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

CO_E_DLLNOTFOUND, CO_E_ERRORINDLL, CO_E_OBJNOTREG = 0x8004_01F8, 0x8004_01F9, 0x8004_01FB
CLSCTX_INPROC = 0x3
_IID_ICLASSFACTORY = parse_guid("{00000001-0000-0000-C000-000000000046}") or b""
_RELEASE, _ADDREF, _CREATE_INSTANCE, _QUERY_INTERFACE = 8, 4, 12, 0


class RegisteredClasses:
    """Class objects the program offers (CoRegisterClassObject), by cookie."""

    def __init__(self, process: Process) -> None:
        self.by_cookie: dict[int, tuple[bytes, int]] = {}
        self.next = 1

    def find(self, clsid: bytes) -> int:
        """A class object's address, or 0."""
        return next((pointer for known, pointer in self.by_cookie.values() if known == clsid), 0)


async def _method(t: Task, pointer: int, offset: int, *arguments: int) -> int:
    return await t.call(t.mem.u32(t.mem.u32(pointer) + offset), pointer, *arguments)


async def _class_object(t: Task, clsid: int, context: int, iid: int, result: int) -> int:
    """Store the class object of ``clsid`` at ``result``; the HRESULT."""
    t.mem.put32(result, 0)
    data = t.mem.read(clsid, GUID_SIZE)
    offered = t.process.state(RegisteredClasses).find(data)
    if offered:
        return await _method(t, offered, _QUERY_INTERFACE, iid, result)
    server = default_value(t.process, f"CLSID\\{guid_text(data)}\\InprocServer32")
    if server is None or not context & CLSCTX_INPROC:
        return REGDB_E_CLASSNOTREG
    try:
        module = await loader.load_library(t, server)
    except WinError:
        return CO_E_DLLNOTFOUND
    entry = module.find_export("DllGetClassObject")
    if not isinstance(entry, int):
        return CO_E_ERRORINDLL
    return await t.call(entry, clsid, iid, result)


@ole32.partial("in-process servers and classes of this process")
async def CoGetClassObject(t: Task, rclsid: PTR, dwClsContext: DWORD, lpReserved: PTR, riid: PTR, ppv: PTR) -> HRESULT:
    """The class object of a class."""
    if not ppv or not rclsid or not riid:
        return E_INVALIDARG
    return await _class_object(t, rclsid, dwClsContext, riid, ppv)


@ole32.partial("in-process servers and classes of this process")
async def CoCreateInstance(t: Task, rclsid: PTR, pUnkOuter: PTR, dwClsContext: DWORD, riid: PTR, ppv: PTR) -> HRESULT:
    """An object of a class; REGDB_E_CLASSNOTREG where nobody has registered it."""
    if not ppv or not rclsid or not riid:
        return E_INVALIDARG
    t.mem.put32(ppv, 0)
    block = t.process.heap_alloc(4 + GUID_SIZE)
    try:
        t.mem.write(block + 4, _IID_ICLASSFACTORY)
        code = await _class_object(t, rclsid, dwClsContext, block + 4, block)
        factory = t.mem.u32(block)
    finally:
        t.process.heap_free(block)
    if code & 0x8000_0000 or not factory:
        return code
    code = await _method(t, factory, _CREATE_INSTANCE, pUnkOuter, riid, ppv)
    await _method(t, factory, _RELEASE)
    return code


@ole32.partial("seen by this process only")
async def CoRegisterClassObject(
    t: Task, rclsid: PTR, pUnk: PTR, dwClsContext: DWORD, flags: DWORD, lpdwRegister: LPDWORD
) -> HRESULT:
    """Offer a class object."""
    if not rclsid or not pUnk or not lpdwRegister:
        return E_INVALIDARG
    classes = t.process.state(RegisteredClasses)
    await _method(t, pUnk, _ADDREF)
    cookie = classes.next
    classes.next += 1
    classes.by_cookie[cookie] = (t.mem.read(rclsid, GUID_SIZE), pUnk)
    lpdwRegister.set(cookie)
    return S_OK


@ole32.api()
async def CoRevokeClassObject(t: Task, dwRegister: DWORD) -> HRESULT:
    """Withdraw a class object."""
    found = t.process.state(RegisteredClasses).by_cookie.pop(dwRegister, None)
    if found is None:
        return CO_E_OBJNOTREG
    await _method(t, found[1], _RELEASE)
    return S_OK


@ole32.api()
def CoFreeUnusedLibraries(t: Task) -> VOID:
    """Servers stay loaded until the process ends: this is a hint only (SDK)."""


@ole32.api()
def CoLockObjectExternal(t: Task, pUnk: PTR, fLock: BOOL, fLastUnlockReleases: BOOL) -> HRESULT:
    """No object has clients in other processes, so nothing needs a lock."""
    return S_OK


@ole32.api()
def CoDisconnectObject(t: Task, pUnk: PTR, dwReserved: DWORD) -> HRESULT:
    """No object has clients in other processes, so none are cut off."""
    return S_OK
