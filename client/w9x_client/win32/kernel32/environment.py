"""Environment variables (SDK winbase.h). The variables themselves are `process.environment`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import BOOL, DWORD, LPCTSTR, LPTSTR, PTR

from .dll import kernel32

if TYPE_CHECKING:
    from w9x_client.process import Process, Task


class _Block:
    def __init__(self, address: int, generation: int) -> None:
        self.address, self.generation, self.users = address, generation, 0


class EnvironmentBlocks:
    """Guest copies of the environment: one per character width, replaced when a variable has changed."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._current: dict[bool, _Block] = {}
        self._by_address: dict[int, _Block] = {}

    def acquire(self, wide: bool) -> int:
        """Address of a block with today's values. Windows 9x hands out the block itself, so equal calls share one."""
        process = self._process
        environment = process.environment
        block = self._current.get(wide)
        if block is None or block.generation != environment.generation:
            if block is not None and block.users <= 0:
                self._drop(block)
            data = environment.block(wide, process.acp)
            block = _Block(process.heap_alloc(len(data)), environment.generation)
            process.mem.write(block.address, data)
            self._current[wide] = block
            self._by_address[block.address] = block
        block.users += 1
        return block.address

    def release(self, address: int) -> bool:
        """FreeEnvironmentStrings; False for an address that `acquire` never returned."""
        block = self._by_address.get(address)
        if block is None:
            return False
        block.users -= 1
        if block.users <= 0 and block not in self._current.values():
            self._drop(block)
        return True

    def _drop(self, block: _Block) -> None:
        del self._by_address[block.address]
        self._process.heap_free(block.address)


@kernel32.api()
def GetEnvironmentStrings(t: Task) -> PTR:
    """The environment block in ANSI."""
    return t.process.state(EnvironmentBlocks).acquire(False)


kernel32.alias("GetEnvironmentStringsA", of="GetEnvironmentStrings")


@kernel32.api(wide=True)
def GetEnvironmentStringsW(t: Task) -> PTR:
    """The environment block in UTF-16."""
    return t.process.state(EnvironmentBlocks).acquire(True)


@kernel32.api(aw=True)
def FreeEnvironmentStrings(t: Task, lpszEnvironmentBlock: PTR) -> BOOL:
    """Give a block back."""
    if not t.process.state(EnvironmentBlocks).release(lpszEnvironmentBlock):
        raise WinError(Err.INVALID_PARAMETER)
    return True


@kernel32.api(aw=True)
def GetEnvironmentVariable(t: Task, lpName: LPCTSTR, lpBuffer: LPTSTR, nSize: DWORD) -> DWORD:
    """A variable's length without terminator, or the size needed (with it) when the buffer is too small."""
    value = t.process.environment.get(lpName) if lpName else None
    if value is None:
        raise WinError(Err.ENVVAR_NOT_FOUND)
    length = lpBuffer.length(value)
    if length >= nSize or not lpBuffer:
        return length + 1
    lpBuffer.put(value, nSize)
    return length


@kernel32.api(aw=True)
def SetEnvironmentVariable(t: Task, lpName: LPCTSTR, lpValue: LPCTSTR) -> BOOL:
    """Set a variable, or delete it with a NULL value."""
    environment = t.process.environment
    if not lpName or "=" in lpName[1:]:
        raise WinError(Err.INVALID_PARAMETER)
    if lpValue is None:
        if lpName not in environment:
            raise WinError(Err.ENVVAR_NOT_FOUND)
        del environment[lpName]
    else:
        environment[lpName] = lpValue
    return True


@kernel32.api(aw=True)
def ExpandEnvironmentStrings(t: Task, lpSrc: LPCTSTR, lpDst: LPTSTR, nSize: DWORD) -> DWORD:
    """Replace %NAME%; returns the size needed with terminator. Too small a buffer is filled and terminated."""
    if lpSrc is None:
        raise WinError(Err.INVALID_PARAMETER)
    text = t.process.environment.expand(lpSrc)
    lpDst.put(text, nSize)
    return lpDst.length(text) + 1
