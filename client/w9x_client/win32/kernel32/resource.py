"""Resources of modules: finding, loading, enumerating, over `w9x_client.loader.resources`.

HRSRC is the address of the resource's IMAGE_RESOURCE_DATA_ENTRY and HGLOBAL the address of its bytes, as on Windows
9x.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from w9x_client import loader
from w9x_client.abi import Err, WinError, codepage
from w9x_client.abi.types import BOOL, DWORD, HANDLE, HMODULE, IS_WIDE, LONG, LPCTSTR, PTR, WORD

from .dll import kernel32
from .module import module_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from w9x_client.loader.resources import ResourceId, Resources
    from w9x_client.process import Task

R = TypeVar("R")


def _identifier(t: Task, value: int, wide: bool) -> ResourceId:
    """A type or name as the guest passes it: a number below 65536, or text."""
    if value < 0x10000:
        return value
    return t.mem.wide(value, 1024) if wide else t.ansi(value)[:1024]


def _ask(module: loader.Module, question: Callable[[Resources], R]) -> R:
    """Ask a module's resource tree; WinError(ERROR_RESOURCE_DATA_NOT_FOUND) where it has none or a damaged one."""
    try:
        tree = module.resources
        if tree is None:
            raise WinError(Err.RESOURCE_DATA_NOT_FOUND)
        return question(tree)
    except loader.ImageError:
        raise WinError(Err.RESOURCE_DATA_NOT_FOUND) from None


def _find(t: Task, handle: int, kind: ResourceId, name: ResourceId, language: int | None) -> int:
    module = module_of(t, handle)

    def look(tree: Resources) -> int:
        found = tree.find(kind, name, language)
        if found is None:
            raise WinError(Err.RESOURCE_NAME_NOT_FOUND if tree.names(kind) else Err.RESOURCE_TYPE_NOT_FOUND)
        return module.base + found.entry

    return _ask(module, look)


@kernel32.api(aw=True)
def FindResource(t: Task, hModule: HMODULE, lpName: PTR, lpType: PTR, W: IS_WIDE) -> HANDLE:
    """A resource's HRSRC, in the best language there is."""
    return _find(t, hModule, _identifier(t, lpType, W), _identifier(t, lpName, W), None)


@kernel32.api(aw=True)
def FindResourceEx(t: Task, hModule: HMODULE, lpType: PTR, lpName: PTR, wLanguage: WORD, W: IS_WIDE) -> HANDLE:
    """A resource's HRSRC in a language."""
    return _find(t, hModule, _identifier(t, lpType, W), _identifier(t, lpName, W), wLanguage)


def _entry(t: Task, handle: int, resource: int) -> tuple[loader.Module, int, int]:
    """The module, address and size of the data behind an HRSRC; WinError(ERROR_INVALID_HANDLE) for a wild one."""
    module = t.process.modules.by_address(resource)
    if module is None:
        module_of(t, handle)
        raise WinError(Err.INVALID_HANDLE)
    rva, size = t.mem.u32(resource), t.mem.u32(resource + 4)
    if rva + size > module.size:
        raise WinError(Err.RESOURCE_DATA_NOT_FOUND)
    return module, module.base + rva, size


@kernel32.api()
def LoadResource(t: Task, hModule: HMODULE, hResInfo: HANDLE) -> HANDLE:
    """The resource's data; nothing needs loading."""
    return _entry(t, hModule, hResInfo)[1]


@kernel32.api()
def LockResource(t: Task, hResData: HANDLE) -> PTR:
    """The pointer to the data, which the handle is."""
    return hResData


@kernel32.api()
def SizeofResource(t: Task, hModule: HMODULE, hResInfo: HANDLE) -> DWORD:
    """The resource's size in bytes."""
    return _entry(t, hModule, hResInfo)[2]


@kernel32.api()
def FreeResource(t: Task, hResData: HANDLE) -> BOOL:
    """Obsolete: FALSE means success (SDK, FreeResource)."""
    return False


class _Names:
    """Resource identifiers as guest pointers: numbers stay numbers, text gets a buffer for the time of a call."""

    def __init__(self, t: Task, wide: bool) -> None:
        self._t, self._wide = t, wide
        self._buffers: list[int] = []

    def pointer(self, name: ResourceId) -> int:
        if isinstance(name, int):
            return name
        text = name + "\0"
        data = text.encode("utf-16-le", "surrogatepass") if self._wide else codepage.encode(text, self._t.process.acp)
        address = self._t.process.heap_alloc(len(data))
        self._buffers.append(address)
        self._t.mem.write(address, data)
        return address

    def release(self) -> None:
        for address in self._buffers:
            self._t.process.heap_free(address)
        self._buffers.clear()


async def _enumerate(
    t: Task, callback: int, items: list[ResourceId], before: tuple[int, ...], last: int, wide: bool
) -> bool:
    """Call ``callback(*before, item, last)`` for each item; whether it went through all of them."""
    for item in items:
        names = _Names(t, wide)
        try:
            if not await t.call(callback, *before, names.pointer(item), last):
                return False
        finally:
            names.release()
    return True


@kernel32.api(aw=True)
async def EnumResourceTypes(t: Task, hModule: HMODULE, lpEnumFunc: PTR, lParam: LONG, W: IS_WIDE) -> BOOL:
    """Call ``lpEnumFunc(hModule, type, lParam)`` for each type."""
    types = _ask(module_of(t, hModule), lambda tree: tree.types())
    return await _enumerate(t, lpEnumFunc, types, (hModule,), lParam, W)


@kernel32.api(aw=True)
async def EnumResourceNames(
    t: Task, hModule: HMODULE, lpType: PTR, lpEnumFunc: PTR, lParam: LONG, W: IS_WIDE
) -> BOOL:
    """Call ``lpEnumFunc(hModule, type, name, lParam)`` for each resource of a type."""
    kind = _identifier(t, lpType, W)
    found = _ask(module_of(t, hModule), lambda tree: tree.names(kind))
    if not found:
        raise WinError(Err.RESOURCE_TYPE_NOT_FOUND)
    return await _enumerate(t, lpEnumFunc, found, (hModule, lpType), lParam, W)


@kernel32.api(aw=True)
async def EnumResourceLanguages(
    t: Task, hModule: HMODULE, lpType: PTR, lpName: PTR, lpEnumFunc: PTR, lParam: LONG, W: IS_WIDE
) -> BOOL:
    """Call ``lpEnumFunc(hModule, type, name, language, lParam)`` for each language of a resource."""
    kind, name = _identifier(t, lpType, W), _identifier(t, lpName, W)
    found: list[ResourceId] = list(_ask(module_of(t, hModule), lambda tree: tree.languages(kind, name)))
    if not found:
        raise WinError(Err.RESOURCE_NAME_NOT_FOUND)
    return await _enumerate(t, lpEnumFunc, found, (hModule, lpType, lpName), lParam, W)


@kernel32.api(aw=True)
def BeginUpdateResource(t: Task, pFileName: LPCTSTR, bDeleteExistingResources: BOOL) -> HANDLE:
    """Windows 9x does not support it: NULL and ERROR_CALL_NOT_IMPLEMENTED (SDK)."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@kernel32.api(aw=True)
def UpdateResource(
    t: Task, hUpdate: HANDLE, lpType: PTR, lpName: PTR, wLanguage: WORD, lpData: PTR, cbData: DWORD
) -> BOOL:
    """Windows 9x does not support it: FALSE and ERROR_CALL_NOT_IMPLEMENTED (SDK)."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)


@kernel32.api(aw=True)
def EndUpdateResource(t: Task, hUpdate: HANDLE, fDiscard: BOOL) -> BOOL:
    """Windows 9x does not support it: FALSE and ERROR_CALL_NOT_IMPLEMENTED (SDK)."""
    raise WinError(Err.CALL_NOT_IMPLEMENTED)
