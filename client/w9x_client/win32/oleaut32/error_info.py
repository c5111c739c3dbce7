"""Error objects of threads, and type libraries, which we cannot read (SDK oleauto.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi.types import DWORD, LPDWORD, PTR, WORD

from .dll import oleaut32
from .hresult import HRESULT, result_of
from .variant_data import E_INVALIDARG, S_FALSE, S_OK

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

TYPE_E_CANTLOADLIBRARY, TYPE_E_LIBNOTREGISTERED = 0x8002_9C4A, 0x8002_801D
MK_E_UNAVAILABLE = 0x8004_01E3
_ADDREF, _RELEASE = 4, 8


class ErrorObjects:
    """IErrorInfo pointers by thread id."""

    def __init__(self, process: Process) -> None:
        self.by_thread: dict[int, int] = {}


async def _method(t: Task, pointer: int, offset: int) -> None:
    await t.call(t.mem.u32(t.mem.u32(pointer) + offset), pointer)


@oleaut32.api()
async def SetErrorInfo(t: Task, dwReserved: DWORD, perrinfo: PTR) -> HRESULT:
    """Give this thread's error object (NULL: none) to whoever asks next."""

    async def run() -> None:
        errors = t.process.state(ErrorObjects).by_thread
        if perrinfo:
            await _method(t, perrinfo, _ADDREF)
        old = errors.pop(t.id, 0)
        if perrinfo:
            errors[t.id] = perrinfo
        if old:
            await _method(t, old, _RELEASE)

    return await result_of(run())


@oleaut32.api()
def GetErrorInfo(t: Task, dwReserved: DWORD, pperrinfo: LPDWORD) -> HRESULT:
    """Take this thread's error object; S_FALSE where there is none."""
    if not pperrinfo:
        return E_INVALIDARG
    found = t.process.state(ErrorObjects).by_thread.pop(t.id, 0)
    pperrinfo.set(found)
    return S_OK if found else S_FALSE


@oleaut32.stub("no type libraries")
def LoadTypeLib(t: Task, szFile: PTR, pptlib: LPDWORD) -> HRESULT:
    """Fails with TYPE_E_CANTLOADLIBRARY."""
    pptlib.set(0)
    return TYPE_E_CANTLOADLIBRARY


@oleaut32.stub("no type libraries")
def LoadTypeLibEx(t: Task, szFile: PTR, regkind: DWORD, pptlib: LPDWORD) -> HRESULT:
    """Fails with TYPE_E_CANTLOADLIBRARY."""
    pptlib.set(0)
    return TYPE_E_CANTLOADLIBRARY


@oleaut32.stub("no type libraries")
def LoadRegTypeLib(t: Task, rguid: PTR, wVerMajor: WORD, wVerMinor: WORD, lcid: DWORD, pptlib: LPDWORD) -> HRESULT:
    """Fails with TYPE_E_LIBNOTREGISTERED."""
    pptlib.set(0)
    return TYPE_E_LIBNOTREGISTERED


@oleaut32.stub("no type libraries")
def RegisterTypeLib(t: Task, ptlib: PTR, szFullPath: PTR, szHelpDir: PTR) -> HRESULT:
    """Fails with E_INVALIDARG: nobody can have a type library to register."""
    return E_INVALIDARG


@oleaut32.stub("no running objects")
def GetActiveObject(t: Task, rclsid: PTR, pvReserved: PTR, ppunk: LPDWORD) -> HRESULT:
    """Fails with MK_E_UNAVAILABLE."""
    ppunk.set(0)
    return MK_E_UNAVAILABLE
