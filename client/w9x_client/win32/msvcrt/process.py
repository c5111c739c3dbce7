"""The end of a process, signals, and child processes (process.h, signal.h): exit, atexit, abort, raise, spawn, system.

Order at exit: functions of `_onexit` and `atexit` last in first out, then streams are flushed, then ExitProcess.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from w9x_client.abi.types import BOOL, INT, PTR, UINT
from w9x_client.process.objects import Mutex
from w9x_client.process.terminal import Console

from . import state, stream
from .dll import msvcrt
from .state import STR, WSTR

if TYPE_CHECKING:
    from w9x_client.process import Task

SIGINT, SIGILL, SIGFPE, SIGSEGV, SIGTERM, SIGBREAK, SIGABRT = 2, 4, 8, 11, 15, 21, 22
SIGNALS = frozenset((SIGINT, SIGILL, SIGFPE, SIGSEGV, SIGTERM, SIGBREAK, SIGABRT))
CXX_EXCEPTION = 0xE06D7363
SIG_DFL, SIG_IGN, SIG_ACK, SIG_ERR = 0, 1, 4, 0xFFFFFFFF

MESSAGES = {
    2: "R6002\r\n- floating point not loaded\r\n", 8: "R6008\r\n- not enough space for arguments\r\n",
    9: "R6009\r\n- not enough space for environment\r\n", 10: "\r\nabnormal program termination\r\n",
    16: "R6016\r\n- not enough space for thread data\r\n", 17: "R6017\r\n- unexpected multithread lock error\r\n",
    18: "R6018\r\n- unexpected heap error\r\n", 19: "R6019\r\n- unable to open console device\r\n",
    24: "R6024\r\n- not enough space for _onexit/atexit table\r\n", 25: "R6025\r\n- pure virtual function call\r\n",
    26: "R6026\r\n- not enough space for stdio initialization\r\n",
    27: "R6027\r\n- not enough space for lowio initialization\r\n", 28: "R6028\r\n- unable to initialize heap\r\n",
}  # fmt: skip
"""Run-time error messages by number (MSDN, "C Run-Time Errors R6002 through R6028")."""


# --- exit -----------------------------------------------------------------------------
async def run_exit_functions(t: Task) -> None:
    """Call what atexit and _onexit registered, last first; they may register more."""
    own = state.crt(t)
    while own.exit_functions:
        await t.call(own.exit_functions.pop(), convention="cdecl")


async def shut_down(t: Task, quick: bool) -> None:
    """The runtime's own clean-up, at most once."""
    own = state.crt(t)
    if own.exiting:
        return
    own.exiting = True
    if not quick:
        await run_exit_functions(t)
        await close_all(t)


async def close_all(t: Task) -> None:
    """Flush every stream, and remove the files of tmpfile."""
    await stream.flush_all(t)
    if state.crt(t).has_temporary_files:
        from . import temporary

        await temporary.remove_all(t)


@msvcrt.api()
async def exit(t: Task, status: INT) -> None:  # the export's name
    """Exit functions, flush, end."""
    await shut_down(t, False)
    await t.process.exit(t, status & 0xFFFFFFFF)


@msvcrt.api()
async def _exit(t: Task, status: INT) -> None:
    """End without exit functions and without flushing."""
    await t.process.exit(t, status & 0xFFFFFFFF)


@msvcrt.api()
async def _cexit(t: Task) -> None:
    """Exit functions and flush, then return to the caller."""
    await shut_down(t, False)


@msvcrt.api()
async def _c_exit(t: Task) -> None:
    """The clean-up of _exit, returning to the caller: nothing to do."""


@msvcrt.api()
def _onexit(t: Task, function: PTR) -> PTR:
    """Register an exit function; it, or NULL."""
    state.crt(t).exit_functions.append(function)
    return function


@msvcrt.api()
def atexit(t: Task, function: PTR) -> INT:
    """Register an exit function; 0."""
    state.crt(t).exit_functions.append(function)
    return 0


@msvcrt.api(name="__dllonexit")
def dll_onexit(t: Task, function: PTR, pbegin: PTR, pend: PTR) -> PTR:
    """Append to a DLL's own table of exit functions, a malloc block between ``*pbegin`` and ``*pend``."""
    begin, end = t.mem.u32(pbegin), t.mem.u32(pend)
    used = end - begin
    if not 0 <= used <= 0x100000:
        return 0
    room = t.process.heap_size(begin) if begin else -1
    if room < used + 4:
        from .memory import allocate

        size = max(used + 4, used + min(used, 0x1000), 128)
        fresh = allocate(t, size)
        if not fresh:
            return 0
        if begin:
            t.mem.move(fresh, begin, used)
            t.process.heap_free(begin)
        begin, end = fresh, fresh + used
        t.mem.put32(pbegin, begin)
    t.mem.put32(end, function)
    t.mem.put32(pend, end + 4)
    return function


async def say(t: Task, text: str) -> None:
    """A runtime error message, on stderr (box-less: GUI programs' messages go there too)."""
    import os

    from . import lowio

    item = lowio.descriptors(t).get(2)
    if item is not None and t.process.handles.find(item.handle) is not None:
        binary, item.flags = item.flags, item.flags & ~lowio.FTEXT
        await lowio.write(t, 2, text.encode("latin-1", "replace"))
        item.flags = binary
    else:
        os.write(2, text.encode("latin-1", "replace"))


@msvcrt.api()
async def abort(t: Task) -> None:
    """The message, SIGABRT, exit code 3."""
    await abort_process(t)


async def abort_process(t: Task) -> None:
    """abort()."""
    await say(t, MESSAGES[10])
    handler = state.crt(t).signals.pop(SIGABRT, SIG_DFL)
    if handler not in (SIG_DFL, SIG_IGN):
        await t.call(handler, SIGABRT, convention="cdecl")
    await t.process.exit(t, 3)


@msvcrt.api()
async def _amsg_exit(t: Task, rterrnum: INT) -> None:
    """A run-time error by number; exit code 255."""
    await say(t, "\r\nruntime error " + MESSAGES.get(rterrnum, f"R60{rterrnum:02d}\r\n"))
    await t.call(t.mem.u32(state.crt(t).variable("_aexit_rtn")), 255, convention="cdecl")


@msvcrt.api()
async def _purecall(t: Task) -> None:
    """A pure virtual function was called: R6025."""
    await say(t, "\r\nruntime error " + MESSAGES[25])
    await t.process.exit(t, 255)


@msvcrt.api()
async def _assert(t: Task, expr: STR, filename: STR, lineno: UINT) -> None:
    """A failed assertion: message and abort."""
    text = f"Assertion failed: {expr.decode('latin-1')}, file {filename.decode('latin-1')}, line {lineno}\n"
    await say(t, text.replace("\n", "\r\n"))
    await abort_process(t)


@msvcrt.not_on_9x()
async def _wassert(t: Task, expr: WSTR, filename: WSTR, lineno: UINT) -> None:
    """`_assert` with wide texts."""
    await say(t, f"Assertion failed: {expr}, file {filename}, line {lineno}\r\n")
    await abort_process(t)


# --- signals --------------------------------------------------------------------------
_CTRL_EVENT = "__w9x_ctrl_event"


@msvcrt.not_on_9x("the runtime's own console control handler", name=_CTRL_EVENT, convention="stdcall")
async def ctrl_event(t: Task, dwCtrlType: UINT) -> BOOL:
    """Ctrl-C is SIGINT, Ctrl-Break SIGBREAK; FALSE leaves the event to the default."""
    own = state.crt(t)
    number = {0: SIGINT, 1: SIGBREAK}.get(dwCtrlType, 0)
    handler = own.signals.get(number, SIG_DFL)
    if handler == SIG_DFL:
        return False
    if handler != SIG_IGN:
        own.signals[number] = SIG_DFL
        await t.call(handler, number, convention="cdecl")
    return True


def _listen(t: Task) -> None:
    """Register `ctrl_event` with the console, once."""
    module = t.process.modules.by_name("msvcrt.dll")
    address = module.find_hidden(_CTRL_EVENT) if module is not None else None
    handlers = t.process.state(Console).ctrl_handlers
    if isinstance(address, int) and address not in handlers:
        handlers.append(address)


@msvcrt.api()
def signal(t: Task, sig: INT, func: PTR) -> PTR:
    """Choose the handler; the previous one, or SIG_ERR."""
    own = state.crt(t)
    if sig not in SIGNALS or func in (SIG_ACK, SIG_ERR):
        state.set_errno(t, state.EINVAL)
        return SIG_ERR
    if sig in (SIGINT, SIGBREAK) and func != SIG_DFL:
        _listen(t)
    previous = own.signals.get(sig, SIG_DFL)
    own.signals[sig] = func
    return previous


@msvcrt.api(name="raise")
async def raise_(t: Task, sig: INT) -> INT:
    """Send a signal to this program; 0, or nonzero for a bad number. The default action ends the program with code
    3."""
    own = state.crt(t)
    if sig not in SIGNALS:
        return -1
    handler = own.signals.get(sig, SIG_DFL)
    if handler == SIG_IGN:
        return 0
    if handler == SIG_DFL:
        await t.process.exit(t, 3)
    own.signals[sig] = SIG_DFL
    if sig == SIGFPE:
        await t.call(handler, sig, 0x8C, convention="cdecl")  # _FPE_EXPLICITGEN
    else:
        await t.call(handler, sig, convention="cdecl")
    return 0


_SIGNAL_OF_EXCEPTION = {
    0xC0000005: (SIGSEGV, 0), 0xC000001D: (SIGILL, 0), 0xC0000096: (SIGILL, 0), 0xC000008D: (SIGFPE, 0x82),
    0xC000008E: (SIGFPE, 0x83), 0xC000008F: (SIGFPE, 0x86), 0xC0000090: (SIGFPE, 0x81), 0xC0000091: (SIGFPE, 0x84),
    0xC0000092: (SIGFPE, 0x8A), 0xC0000093: (SIGFPE, 0x85),
}  # fmt: skip
"""Exception code -> signal and, for SIGFPE, the _FPE_ code of float.h (MSDN, "signal")."""


@msvcrt.api()
async def _XcptFilter(t: Task, xcptnum: UINT, pxcptinfoptrs: PTR) -> INT:  # the export's name
    """The start-up code's __except filter: exceptions become signals; the rest go to UnhandledExceptionFilter."""
    own = state.crt(t)
    found = _SIGNAL_OF_EXCEPTION.get(xcptnum)
    handler = own.signals.get(found[0], SIG_DFL) if found else SIG_DFL
    if xcptnum == CXX_EXCEPTION and not t.process.top_level_filter:
        # The runtime's own unhandled-exception filter turns an uncaught C++ exception into terminate().
        from .cxx_exception import terminate_process

        await terminate_process(t)
    if found is None or handler == SIG_DFL:
        return await t.call(t.process.export_address("kernel32", "UnhandledExceptionFilter"), pxcptinfoptrs)
    if handler == SIG_IGN:
        return -1  # EXCEPTION_CONTINUE_EXECUTION
    own.signals[found[0]] = SIG_DFL
    pointers = state.thread(t).address + state.MISC
    t.mem.put32(pointers, pxcptinfoptrs)
    if found[0] == SIGFPE:
        await t.call(handler, SIGFPE, found[1], convention="cdecl")
    else:
        await t.call(handler, found[0], convention="cdecl")
    t.mem.put32(pointers, 0)
    return -1


@msvcrt.api()
def __pxcptinfoptrs(t: Task) -> PTR:  # the export's name
    """Address of the EXCEPTION_POINTERS pointer of the signal being handled."""
    return state.thread(t).address + state.MISC


# --- locks ----------------------------------------------------------------------------
@msvcrt.api()
async def _lock(t: Task, locknum: INT) -> None:
    """Enter one of the runtime's locks (recursive)."""
    mutex = _mutex(t, locknum)
    if mutex.signaled(t):
        mutex.acquire(t)
    else:
        await t.wait([mutex])


@msvcrt.api()
def _unlock(t: Task, locknum: INT) -> None:
    """Leave it."""
    mutex = _mutex(t, locknum)
    if mutex.owner is t:
        mutex.release(t)


class Locks:
    """The runtime's numbered locks (``process.state(Locks)``)."""

    def __init__(self, process: object) -> None:
        self.table: dict[int, Mutex] = {}


def _mutex(t: Task, number: int) -> Mutex:
    return t.process.state(Locks).table.setdefault(number & 0xFF, Mutex())

