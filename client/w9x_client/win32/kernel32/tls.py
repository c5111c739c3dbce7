"""Thread-local storage: TlsAlloc and its family, over the slots of `w9x_client.process.tls`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.tib import TLS_SLOT_COUNT
from w9x_client.abi.types import BOOL, DWORD, DWORD_INVALID, PTR
from w9x_client.process.tls import TlsSlots

from .dll import kernel32

if TYPE_CHECKING:
    from w9x_client.process import Task


@kernel32.api()
def TlsAlloc(t: Task) -> DWORD_INVALID:
    """A new index, its slot zero in every thread; TLS_OUT_OF_INDEXES when there is none."""
    return t.process.state(TlsSlots).allocate()


@kernel32.api()
def TlsFree(t: Task, dwTlsIndex: DWORD) -> BOOL:
    """Give an index back."""
    t.process.state(TlsSlots).free(dwTlsIndex)
    return True


@kernel32.api(guest="TlsGetValue")
def TlsGetValue(t: Task, dwTlsIndex: DWORD) -> PTR:
    """The calling thread's value; sets last error to ERROR_SUCCESS, since 0 is a value too (SDK, TlsGetValue)."""
    if dwTlsIndex >= TLS_SLOT_COUNT:
        raise WinError(Err.INVALID_PARAMETER)
    t.last_error = 0
    return t.mem.u32(t.tls_array + 4 * dwTlsIndex)


@kernel32.api(guest="TlsSetValue")
def TlsSetValue(t: Task, dwTlsIndex: DWORD, lpTlsValue: PTR) -> BOOL:
    """Set the calling thread's value."""
    if dwTlsIndex >= TLS_SLOT_COUNT:
        raise WinError(Err.INVALID_PARAMETER)
    t.mem.put32(t.tls_array + 4 * dwTlsIndex, lpTlsValue)
    return True


kernel32.alias("TlsAllocInternal", "TlsAlloc")
kernel32.alias("TlsFreeInternal", "TlsFree")
