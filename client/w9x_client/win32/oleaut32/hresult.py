"""HRESULT results: the alias for declarations, and turning failures into codes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from w9x_client.abi import WinError
from w9x_client.abi.types import Ret

from .variant_data import E_OUTOFMEMORY, S_OK, HResult

HRESULT = Annotated[int, Ret(failure=0x8000_4005)]
"""A COM result code; raise nothing, return the code."""


def _code(error: WinError) -> int:
    return E_OUTOFMEMORY if error.code in (8, 14) else 0x8007_0000 | error.code & 0xFFFF


def result(run: Callable[[], int | None]) -> int:
    """Call ``run``; its code (S_OK for None), or that of the failure it raised."""
    try:
        return run() or S_OK
    except HResult as error:
        return error.code
    except WinError as error:
        return _code(error)


async def result_of(run: Awaitable[int | None]) -> int:
    """`result` for a body that may call the guest."""
    try:
        return await run or S_OK
    except HResult as error:
        return error.code
    except WinError as error:
        return _code(error)
