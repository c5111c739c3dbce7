"""CreateProcess and its older relatives WinExec and LoadModule, over `w9x_client.process.child`."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from w9x_client.abi import Err, WinError
from w9x_client.abi.types import BOOL, DWORD, FLAGS, IS_WIDE, LPCSTR, LPCTSTR, PTR, UINT
from w9x_client.loader import search
from w9x_client.process.child import ChildThread, spec_for, start
from w9x_client.process.environment import Environment
from w9x_client.process.files import FileObject

from .dll import kernel32
from .process import PLACE_FIELDS, STARTUPINFO

if TYPE_CHECKING:
    from w9x_client.process import Task

CREATE_SUSPENDED = 0x4
CREATE_UNICODE_ENVIRONMENT = 0x400
STARTF_USESTDHANDLES = 0x100
STARTF_USESHOWWINDOW = 1
DEBUG_FLAGS = 0x3
MAX_ENVIRONMENT = 0x1_0000
MAX_CANDIDATES = 64
WINEXEC_STARTED = 33
"""Any value above 31 says that the program runs."""


class PROCESS_INFORMATION(ctypes.LittleEndianStructure):
    """SDK winbase.h; 16 bytes."""

    _fields_ = (
        ("hProcess", ctypes.c_uint32),
        ("hThread", ctypes.c_uint32),
        ("dwProcessId", ctypes.c_uint32),
        ("dwThreadId", ctypes.c_uint32),
    )


def _candidates(command_line: str) -> list[str]:
    """What the first word of a command line may be.

    Quoted text, or for unquoted text each part that ends at a space.
    """
    text = command_line.lstrip(" \t")
    if text.startswith('"'):
        return [text[1:].partition('"')[0]]
    words = text.split(" ")[:MAX_CANDIDATES]
    return [" ".join(words[: count + 1]) for count in range(len(words)) if words[count]]


def _with_extension(name: str) -> str:
    last = name.replace("/", "\\").rpartition("\\")[2]
    return name if "." in last else name + ".exe"


def _existing(t: Task, path: str) -> str | None:
    try:
        found = t.process.drives.resolve(path)
    except WinError:
        return None
    return str(found.guest) if found.exists and not found.is_directory else None


def _directory(t: Task, path: str) -> str:
    """The guest path of an existing directory; WinError(ERROR_DIRECTORY)."""
    try:
        found = t.process.drives.resolve(path)
    except WinError:
        raise WinError(Err.DIRECTORY) from None
    if not found.is_directory:
        raise WinError(Err.DIRECTORY)
    return str(found.guest)


def find_program(t: Task, application: str | None, command_line: str) -> str:
    """The guest path of the program that CreateProcess's arguments name; WinError(ERROR_FILE_NOT_FOUND).

    Only a name from the command line is searched for: the program's folder, current directory, SYSTEM, WINDOWS,
    PATH (SDK).
    """
    if application is not None:
        found = _existing(t, application) or _existing(t, _with_extension(application))
        if found is None:
            raise WinError(Err.FILE_NOT_FOUND)
        return found
    folders = [folder.rstrip("\\") + "\\" for folder in search.folders(t.process)]
    for name in _candidates(command_line):
        file_name = _with_extension(name)
        has_path = "\\" in name or "/" in name or name[1:2] == ":"
        for folder in [""] if has_path else folders:
            found = _existing(t, folder + file_name)
            if found is not None:
                return found
    raise WinError(Err.FILE_NOT_FOUND)


def _read_environment(t: Task, address: int, wide: bool) -> Environment:
    """The variables of an environment block."""
    texts: list[str] = []
    end = address + MAX_ENVIRONMENT
    while address < end:
        raw = t.mem.wcstr(address) if wide else t.mem.cstr(address)
        if not raw:
            break
        texts.append(raw.decode("utf-16-le", "surrogatepass") if wide else t.ansi(address))
        address += len(raw) + (2 if wide else 1)
    return Environment.parse("\0".join(texts) + "\0\0")


def _descriptor(t: Task, handle: int) -> int:
    """The host descriptor behind a standard handle; -1 for one that has none."""
    item = t.process.handles.find(handle)
    return item.fd if isinstance(item, FileObject) else -1


def _startup(t: Task, address: int, wide: bool) -> tuple[dict[str, object], tuple[int, int, int]]:
    """What a STARTUPINFO tells the child, and its standard handles' descriptors."""
    standard = tuple(t.process.std_handles.get(number, 0) for number in (-10, -11, -12))
    told: dict[str, object] = {}
    if address:
        info = t.mem.struct(STARTUPINFO, address, write=False)
        flags = int(info.dwFlags)
        for name in PLACE_FIELDS:
            told[name] = int(getattr(info, name))
        told["dwFlags"] = flags
        for name in ("lpTitle", "lpDesktop"):
            text = int(getattr(info, name))
            if text:
                told[name] = (t.mem.wide(text) if wide else t.ansi(text))[:1024]
        if flags & STARTF_USESTDHANDLES:
            standard = (int(info.hStdInput), int(info.hStdOutput), int(info.hStdError))
    first, second, third = (_descriptor(t, handle) for handle in standard)
    return told, (first, second, third)


@kernel32.partial("only standard handles are inherited; no CREATE_SUSPENDED, no debugging", aw=True)
async def CreateProcess(
    t: Task,
    lpApplicationName: LPCTSTR,
    lpCommandLine: LPCTSTR,
    lpProcessAttributes: PTR,
    lpThreadAttributes: PTR,
    bInheritHandles: BOOL,
    dwCreationFlags: FLAGS,
    lpEnvironment: PTR,
    lpCurrentDirectory: LPCTSTR,
    lpStartupInfo: PTR,
    lpProcessInformation: PTR,
    W: IS_WIDE,
) -> BOOL:
    """Start a program as a process of its own."""
    if lpApplicationName is None and not lpCommandLine:
        raise WinError(Err.INVALID_PARAMETER)
    if dwCreationFlags & (CREATE_SUSPENDED | DEBUG_FLAGS):
        raise WinError(Err.CALL_NOT_IMPLEMENTED)
    t.mem.check(lpProcessInformation, ctypes.sizeof(PROCESS_INFORMATION), True)
    process = t.process
    program = find_program(t, lpApplicationName, lpCommandLine or "")
    spec = spec_for(process, program, lpCommandLine or lpApplicationName or "")
    if lpEnvironment:
        wide = dwCreationFlags & CREATE_UNICODE_ENVIRONMENT != 0
        spec.environment = [[name, value] for name, value in _read_environment(t, lpEnvironment, wide).items()]
    if lpCurrentDirectory is not None:
        spec.current = _directory(t, lpCurrentDirectory)
    spec.startup, descriptors = _startup(t, lpStartupInfo, W)
    child = await start(t, spec, descriptors)
    info = t.mem.struct(PROCESS_INFORMATION, lpProcessInformation)
    info.hProcess = process.handles.add(child)
    info.hThread = process.handles.add(ChildThread(child))
    info.dwProcessId = child.guest_pid
    info.dwThreadId = child.main_thread_id
    return True


async def _run(t: Task, command_line: str, application: str | None, show: int) -> int:
    """WinExec and LoadModule: above 31 on success, else an error code below 32."""
    try:
        program = find_program(t, application, command_line)
        spec = spec_for(t.process, program, command_line)
        told, descriptors = _startup(t, 0, False)
        spec.startup = told | {"dwFlags": STARTF_USESHOWWINDOW, "wShowWindow": show & 0xFFFF}
        await start(t, spec, descriptors)
    except WinError as error:
        t.last_error = error.code
        if error.code == Err.NOT_ENOUGH_MEMORY:
            return 0
        if error.code == Err.BAD_EXE_FORMAT:
            return int(Err.BAD_FORMAT)
        return error.code if error.code < 32 else int(Err.FILE_NOT_FOUND)
    return WINEXEC_STARTED


@kernel32.partial("as CreateProcess")
async def WinExec(t: Task, lpCmdLine: LPCSTR, uCmdShow: UINT) -> UINT:
    """Run a command line; above 31 on success, else 0 (memory), 2 (file), 3 (path) or 11 (ERROR_BAD_FORMAT)."""
    if not lpCmdLine:
        return int(Err.FILE_NOT_FOUND)
    return await _run(t, lpCmdLine, None, uCmdShow)


@kernel32.partial("as CreateProcess; the environment of the parameter block is not read")
async def LoadModule(t: Task, lpModuleName: LPCSTR, lpParameterBlock: PTR) -> DWORD:
    """Run a program with a LOADPARMS32 block, whose command line is counted (Pascal) text."""
    if not lpModuleName:
        return int(Err.FILE_NOT_FOUND)
    text = t.mem.u32(lpParameterBlock + 4)
    show = t.mem.u32(lpParameterBlock + 8)
    tail = t.mem.read(text + 1, t.mem.u8(text)).partition(b"\0")[0].decode("cp1252", "replace") if text else ""
    command = t.mem.u16(show + 2) if show else 1
    return await _run(t, f'"{lpModuleName}" {tail}'.rstrip(), lpModuleName, command)
