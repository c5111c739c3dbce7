"""COM's start and end per thread, versions, memory and times (SDK objbase.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import BOOL, DWORD, LPFILETIME, LPWORD, PTR, VOID, WORD
from w9x_client.win32.oleaut32.hresult import HRESULT
from w9x_client.win32.oleaut32.variant_data import E_INVALIDARG, S_FALSE, S_OK

from .dll import ole32

if TYPE_CHECKING:
    from w9x_client.process import Process, Task

RPC_E_CHANGED_MODE = 0x8001_0106
COINIT_APARTMENTTHREADED = 2
OLE_VERSION = 23 << 16 | 639
"""rmm and rup of the SDK's ole2ver.h."""
_EPOCH_1601 = 116_444_736_000_000_000


class Apartments:
    """How often each thread has initialised COM, and in which mode."""

    def __init__(self, process: Process) -> None:
        self.by_thread: dict[int, tuple[int, int]] = {}


def _enter(t: Task, mode: int) -> int:
    apartments = t.process.state(Apartments).by_thread
    count, known = apartments.get(t.id, (0, mode))
    if count and known != mode:
        return RPC_E_CHANGED_MODE
    apartments[t.id] = (count + 1, mode)
    return S_FALSE if count else S_OK


def _leave(t: Task) -> None:
    apartments = t.process.state(Apartments).by_thread
    count, mode = apartments.get(t.id, (0, 0))
    if count > 1:
        apartments[t.id] = (count - 1, mode)
    else:
        apartments.pop(t.id, None)


@ole32.api()
def CoInitialize(t: Task, pvReserved: PTR) -> HRESULT:
    """Begin using COM on this thread; S_FALSE when it has begun already."""
    return E_INVALIDARG if pvReserved else _enter(t, COINIT_APARTMENTTHREADED)


@ole32.api()
def CoInitializeEx(t: Task, pvReserved: PTR, dwCoInit: DWORD) -> HRESULT:
    """CoInitialize with a threading model, which must not change while COM is in use."""
    return E_INVALIDARG if pvReserved else _enter(t, dwCoInit & COINIT_APARTMENTTHREADED)


@ole32.api()
def CoUninitialize(t: Task) -> VOID:
    """Undo one CoInitialize."""
    _leave(t)


@ole32.api()
def OleInitialize(t: Task, pvReserved: PTR) -> HRESULT:
    """CoInitialize for OLE."""
    return E_INVALIDARG if pvReserved else _enter(t, COINIT_APARTMENTTHREADED)


@ole32.api()
def OleUninitialize(t: Task) -> VOID:
    """Undo one OleInitialize."""
    _leave(t)


@ole32.api()
def CoBuildVersion(t: Task) -> DWORD:
    """COM's version."""
    return OLE_VERSION


@ole32.api()
def OleBuildVersion(t: Task) -> DWORD:
    """OLE's version."""
    return OLE_VERSION


@ole32.api()
def CoGetCurrentProcess(t: Task) -> DWORD:
    """A number that no other thread has."""
    return t.id


# --- memory ---------------------------------------------------------------------------


def alloc(t: Task, size: int) -> int:
    """Task memory; 0 when there is none."""
    try:
        return t.process.heap_alloc(size)
    except WinError:
        return 0


def realloc(t: Task, block: int, size: int) -> int:
    """IMalloc::Realloc: NULL allocates, size 0 frees."""
    if not block:
        return alloc(t, size)
    if not size:
        t.process.heap_free(block)
        return 0
    try:
        return t.process.heap_realloc(block, size)
    except WinError:
        return 0


@ole32.api()
def CoTaskMemAlloc(t: Task, cb: DWORD) -> PTR:
    """Task memory; NULL when there is none."""
    return alloc(t, cb)


@ole32.api()
def CoTaskMemRealloc(t: Task, pv: PTR, cb: DWORD) -> PTR:
    """Resize task memory."""
    return realloc(t, pv, cb)


@ole32.api()
def CoTaskMemFree(t: Task, pv: PTR) -> VOID:
    """Free task memory; NULL is fine."""
    if pv:
        t.process.heap_free(pv)


# --- times ----------------------------------------------------------------------------


@ole32.api()
def CoFileTimeNow(t: Task, lpFileTime: LPFILETIME) -> HRESULT:
    """The time now as a FILETIME."""
    import time

    if lpFileTime is None:
        return E_INVALIDARG
    now = time.time_ns() // 100 + _EPOCH_1601
    lpFileTime.dwLowDateTime, lpFileTime.dwHighDateTime = now & 0xFFFF_FFFF, now >> 32
    return S_OK


@ole32.api()
def CoDosDateTimeToFileTime(t: Task, nDosDate: WORD, nDosTime: WORD, lpFileTime: LPFILETIME) -> BOOL:
    """DOS date and time to FILETIME, without a time zone."""
    import datetime

    if lpFileTime is None:
        raise WinError(Err.INVALID_PARAMETER)
    try:
        moment = datetime.datetime(
            1980 + (nDosDate >> 9), nDosDate >> 5 & 15, nDosDate & 31, nDosTime >> 11, nDosTime >> 5 & 63,
            (nDosTime & 31) * 2, tzinfo=datetime.UTC,
        )  # fmt: skip
    except ValueError:
        raise WinError(Err.INVALID_PARAMETER) from None
    value = int(moment.timestamp()) * 10_000_000 + _EPOCH_1601
    lpFileTime.dwLowDateTime, lpFileTime.dwHighDateTime = value & 0xFFFF_FFFF, value >> 32
    return True


@ole32.api()
def CoFileTimeToDosDateTime(t: Task, lpFileTime: LPFILETIME, lpDosDate: LPWORD, lpDosTime: LPWORD) -> BOOL:
    """FILETIME to DOS date and time, without a time zone; fails outside 1980 to 2107."""
    import datetime

    if lpFileTime is None:
        raise WinError(Err.INVALID_PARAMETER)
    value = lpFileTime.dwHighDateTime << 32 | lpFileTime.dwLowDateTime
    moment = datetime.datetime(1601, 1, 1, tzinfo=datetime.UTC)
    try:
        moment += datetime.timedelta(microseconds=value // 10)
    except OverflowError:
        raise WinError(Err.INVALID_PARAMETER) from None
    if not 1980 <= moment.year <= 2107:
        raise WinError(Err.INVALID_PARAMETER)
    lpDosDate.set((moment.year - 1980) << 9 | moment.month << 5 | moment.day)
    lpDosTime.set(moment.hour << 11 | moment.minute << 5 | moment.second // 2)
    return True
