"""LoadString: texts of a module's string tables (SDK winuser.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import HANDLE, INT, LPTSTR, UINT
from w9x_client.loader.image import ImageError

from .dll import user32

if TYPE_CHECKING:
    from w9x_client.process import Task


def load_string(t: Task, module_handle: int, number: int) -> str | None:
    """String ``number`` of a module (0 = the program), or None where it has none."""
    module = t.process.modules.by_base(module_handle)
    if module is None:
        raise WinError(Err.INVALID_HANDLE)
    try:
        resources = module.resources
        return resources.string(number & 0xFFFF) if resources is not None else None
    except ImageError:
        return None


@user32.api(aw=True)
def LoadString(t: Task, hInstance: HANDLE, uID: UINT, lpBuffer: LPTSTR, nBufferMax: INT) -> INT:
    """Copy a string resource, cut to the buffer; returns its length, 0 where there is none."""
    text = load_string(t, hInstance, uID)
    if text is None:
        raise WinError(Err.RESOURCE_NAME_NOT_FOUND)
    return lpBuffer.put(text, nBufferMax)
