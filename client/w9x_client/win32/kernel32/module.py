"""Modules: GetModuleHandle, LoadLibrary, GetProcAddress and their family, over `w9x_client.loader`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client import loader
from w9x_client.abi import Err, WinError
from w9x_client.abi.types import BOOL, DWORD, FLAGS, HANDLE, HMODULE, LPCTSTR, LPTSTR, PTR, VOID

from .dll import kernel32

if TYPE_CHECKING:
    from w9x_client.process import Task


def module_of(t: Task, handle: int) -> loader.Module:
    """The module whose handle this is, 0 for the program; WinError(ERROR_INVALID_HANDLE)."""
    module = t.process.modules.by_base(handle)
    if module is None:
        raise WinError(Err.INVALID_HANDLE)
    return module


@kernel32.api(aw=True)
def GetModuleHandle(t: Task, lpModuleName: LPCTSTR) -> HMODULE:
    """The base of a loaded module by name (".DLL" is added where there is no extension); NULL: the program's."""
    if lpModuleName is None:
        return module_of(t, 0).base
    module = t.process.modules.by_name(lpModuleName)
    if module is None:
        raise WinError(Err.MOD_NOT_FOUND)
    return module.base


@kernel32.api(aw=True)
def GetModuleFileName(t: Task, hModule: HMODULE, lpFilename: LPTSTR, nSize: DWORD) -> DWORD:
    """A module's full path, cut to the buffer; NULL: the program's."""
    return lpFilename.put(module_of(t, hModule).path, nSize)


@kernel32.api(aw=True)
async def LoadLibrary(t: Task, lpLibFileName: LPCTSTR) -> HMODULE:
    """Load a DLL, or count another reference to it."""
    if lpLibFileName is None:
        raise WinError(Err.INVALID_PARAMETER)
    return (await loader.load_library(t, lpLibFileName)).base


@kernel32.api(aw=True)
async def LoadLibraryEx(t: Task, lpLibFileName: LPCTSTR, hFile: HANDLE, dwFlags: FLAGS) -> HMODULE:
    """Load a DLL with LOAD_* and DONT_RESOLVE_DLL_REFERENCES flags."""
    if lpLibFileName is None or hFile:
        raise WinError(Err.INVALID_PARAMETER)
    return (await loader.load_library(t, lpLibFileName, dwFlags)).base


@kernel32.api()
async def FreeLibrary(t: Task, hLibModule: HMODULE) -> BOOL:
    """Give up one reference."""
    if not hLibModule:
        raise WinError(Err.INVALID_HANDLE)
    await loader.free_library(t, module_of(t, hLibModule))
    return True


@kernel32.api()
async def FreeLibraryAndExitThread(t: Task, hLibModule: HMODULE, dwExitCode: DWORD) -> VOID:
    """FreeLibrary and ExitThread in one, for a DLL's own threads."""
    if hLibModule:
        module = t.process.modules.by_base(hLibModule)
        if module is not None:
            await loader.free_library(t, module)
    await t.process.exit_thread(t, dwExitCode)


@kernel32.api()
async def GetProcAddress(t: Task, hModule: HMODULE, lpProcName: PTR) -> PTR:
    """An export's address, by name or (high word 0) by ordinal.

    KERNEL32 by ordinal is refused, as Windows 9x does.
    """
    module = module_of(t, hModule)
    if lpProcName >> 16:
        return await loader.get_proc_address(t, module, t.mem.cstr(lpProcName, 4096).decode("latin-1"))
    return await loader.get_proc_address(t, module, lpProcName)


@kernel32.api()
def DisableThreadLibraryCalls(t: Task, hLibModule: HMODULE) -> BOOL:
    """No more DLL_THREAD_* notifications; fails for a DLL with static thread-local data (SDK)."""
    module = module_of(t, hLibModule)
    if module.tls_index is not None:
        raise WinError(Err.INVALID_PARAMETER)
    module.thread_calls = False
    return True
