"""C++ exceptions of Visual C++ 2 to 6: _CxxThrowException and __CxxFrameHandler.

A function with C++ unwinding has a registration record (+0 previous, +4 handler, +8 state; its EBP is +0Ch, and -4
holds the ESP to resume with). Its handler is a thunk that loads EAX with the function's tables and jumps to
__CxxFrameHandler. A throw is an exception with code E06D7363 and the parameters (magic, object, ThrowInfo); a second
throw without object rethrows the one being handled.

Tables, all read from guest memory and not trusted: counts are bounded, cycles cannot hold us.

Source: Igor Skochinsky, "Reversing Microsoft Visual C++ Part I: Exception Handling" and "Part II: Classes, Methods
and RTTI", openrce.org, 2006.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from w9x_client.abi import tib
from w9x_client.abi.types import INT, PTR

from . import process, seh, state
from .dll import msvcrt

if TYPE_CHECKING:
    from w9x_client.process import Task

CODE = 0xE06D7363
MAGIC = 0x19930520
MAGICS = range(MAGIC, MAGIC + 3)
NONCONTINUABLE, UNWINDING = 1, 2 | 4
BREAKPOINT = 0x80000003
_LIMIT = 0x4000
"""Most try blocks, handlers or states of one function that are believed."""

# HandlerType.adjectives and ThrowInfo.attributes
CONST, VOLATILE, UNALIGNED, REFERENCE = 1, 2, 4, 8
# CatchableType.properties
SIMPLE, BY_REFERENCE_ONLY, VIRTUAL_BASES = 1, 2, 4


@dataclass(slots=True)
class FunctionTables:
    """FuncInfo."""

    max_state: int
    unwind_map: int
    try_blocks: list[tuple[int, int, int, int, int]]
    """(try low, try high, catch high, number of handlers, handlers)"""


@dataclass(slots=True)
class Thrown:
    """A C++ exception, as its record describes it."""

    object: int
    throw_info: int


@dataclass(slots=True)
class Caught:
    """An exception being handled: where, by which states' catch block."""

    thrown: Thrown | None
    """None for a foreign exception in ``catch (...)``."""
    record: bytes
    node: int
    low: int
    high: int


def _tables(t: Task, address: int) -> FunctionTables | None:
    magic, max_state, unwind_map, count, blocks = struct.unpack("<IiIII", t.mem.read(address, 20))
    if magic not in MAGICS or not 0 <= max_state <= _LIMIT or count > _LIMIT:
        return None
    data = t.mem.read(blocks, 20 * count) if count else b""
    return FunctionTables(max_state, unwind_map, list(struct.iter_unpack("<iiiII", data)))


@msvcrt.api(convention="stdcall")
async def _CxxThrowException(t: Task, pExceptionObject: PTR, pThrowInfo: PTR) -> None:
    """``throw``; with NULLs, rethrow the exception being handled."""
    await t.raise_exception(CODE, NONCONTINUABLE, [MAGIC, pExceptionObject, pThrowInfo])


@msvcrt.api(name="__CxxFrameHandler", saves_eax=True)
async def frame_handler(t: Task, record: PTR, node: PTR, context: PTR, dispatcher: PTR, tables: seh.ENTRY_EAX) -> INT:
    """The handler of every function that has objects to destroy or catches."""
    found = _tables(t, tables)
    if found is None:
        return seh.CONTINUE_SEARCH
    if t.mem.u32(record + 4) & UNWINDING:
        await _unwind_states(t, node, found, -1)
        return seh.CONTINUE_SEARCH
    if found.try_blocks:
        await _find_handler(t, record, node, context, found)
    return seh.CONTINUE_SEARCH


async def _unwind_states(t: Task, node: int, tables: FunctionTables, target: int) -> None:
    """Destroy what the function has constructed, from its present state down to ``target``."""
    mem = t.mem
    for _ in range(_LIMIT):
        current = mem.i32(node + 8)
        if current in (-1, target):
            return
        if not 0 <= current < tables.max_state:
            await terminate_process(t)
        following, action = struct.unpack("<iI", mem.read(tables.unwind_map + 8 * current, 8))
        mem.put32(node + 8, following)
        if action:
            await t.call(action, ebp=node + 12)


def _thrown(t: Task, record: int) -> Thrown | None:
    """The C++ exception in a record, or None for any other exception."""
    code, _flags, _next, _address, count = struct.unpack("<5I", t.mem.read(record, 20))
    if code != CODE or count != 3:
        return None
    magic, thing, info = struct.unpack("<3I", t.mem.read(record + 20, 12))
    return Thrown(thing, info) if magic in MAGICS else None


async def _find_handler(t: Task, record: int, node: int, context: int, tables: FunctionTables) -> None:
    mem = t.mem
    own = state.thread(t)
    thrown = _thrown(t, record)
    if thrown is None:
        if mem.u32(record) == BREAKPOINT:
            return
        if own.se_translator:
            pointers = t.cpu.esp - 8
            mem.write(pointers, struct.pack("<II", record, context))
            t.cpu.esp = pointers
            await t.call(own.se_translator, mem.u32(record), pointers, convention="cdecl")
    elif not thrown.throw_info:
        current = next((c for c in reversed(own.caught) if isinstance(c, Caught)), None)
        if current is None:
            await terminate_process(t)
            return
        mem.write(record, current.record[:4] + mem.read(record + 4, 12) + current.record[16:])
        thrown = current.thrown
    level = mem.i32(node + 8)
    for low, high, catch_high, count, handlers in tables.try_blocks:
        if not low <= level <= high or count > _LIMIT:
            continue
        for index in range(count):
            at = handlers + 16 * index
            adjectives, kind, place, code = struct.unpack("<IIiI", mem.read(at, 16))
            name = mem.cstr(kind + 8) if kind else b""
            if not name:  # catch (...)
                await _catch(t, record, node, tables, thrown, 0, (low, high, catch_high), (0, 0, 0, code))
            elif thrown is not None:
                match = _matching(t, thrown, kind, name, adjectives)
                if match:
                    await _catch(
                        t, record, node, tables, thrown, match, (low, high, catch_high), (adjectives, kind, place, code)
                    )


def _matching(t: Task, thrown: Thrown, kind: int, name: bytes, adjectives: int) -> int:
    """The CatchableType by which a handler's type catches the exception, or 0."""
    mem = t.mem
    attributes, array = mem.u32(thrown.throw_info), mem.u32(thrown.throw_info + 12)
    count = mem.u32(array)
    for index in range(min(count, _LIMIT)):
        entry = mem.u32(array + 4 + 4 * index)
        properties, descriptor = struct.unpack("<II", mem.read(entry, 8))
        if descriptor != kind and mem.cstr(descriptor + 8) != name:
            continue
        if properties & BY_REFERENCE_ONLY and not adjectives & REFERENCE:
            continue
        if any(attributes & bit and not adjectives & bit for bit in (CONST, VOLATILE, UNALIGNED)):
            continue
        return entry
    return 0


def _adjusted(t: Task, pointer: int, entry: int) -> int:
    """A pointer to the base class that a CatchableType names, inside the object at ``pointer``."""
    mdisp, pdisp, vdisp = struct.unpack("<iii", t.mem.read(entry + 8, 12))
    if not pointer:
        return 0
    result = pointer + mdisp
    if pdisp >= 0:
        result += pdisp + t.mem.i32(t.mem.u32(pointer + pdisp) + vdisp)
    return result & 0xFFFFFFFF


async def _build_object(t: Task, thrown: Thrown, entry: int, adjectives: int, target: int) -> None:
    """Initialise the catch block's variable."""
    mem = t.mem
    properties = mem.u32(entry)
    size, copy = struct.unpack("<II", mem.read(entry + 20, 8))
    if adjectives & REFERENCE:
        mem.put32(target, _adjusted(t, thrown.object, entry))
    elif properties & SIMPLE:
        mem.move(target, thrown.object, size)
        if size == 4:  # a pointer to a class may need the base's address
            mem.put32(target, _adjusted(t, mem.u32(target), entry))
    elif not copy:
        mem.move(target, _adjusted(t, thrown.object, entry), size)
    elif properties & VIRTUAL_BASES:
        await t.call(copy, _adjusted(t, thrown.object, entry), 1, ecx=target)
    else:
        await t.call(copy, _adjusted(t, thrown.object, entry), ecx=target)


async def _destroy(t: Task, thrown: Thrown | None) -> None:
    """Run the exception object's destructor."""
    if thrown is not None and thrown.throw_info:
        destructor = t.mem.u32(thrown.throw_info + 4)
        if destructor:
            await t.call(destructor, ecx=thrown.object)


async def _catch(
    t: Task, record: int, node: int, tables: FunctionTables, thrown: Thrown | None, entry: int,
    block: tuple[int, int, int], handler: tuple[int, int, int, int],
) -> None:
    """Unwind to this function, run the catch block, and go on behind it."""
    mem = t.mem
    own = state.thread(t)
    low, high, catch_high = block
    adjectives, _kind, place, code = handler
    if thrown is not None and entry and place:
        await _build_object(t, thrown, entry, adjectives, node + 12 + place)
    copy = mem.read(record, 80)
    await t.unwind(node, record)
    await _unwind_states(t, node, tables, low)
    mem.put32(node + 8, high + 1)
    await _leave_handlers(t, node, low, thrown)
    caught = Caught(thrown, copy, node, high + 1, catch_high)
    own.caught.append(caught)
    resume_esp = mem.u32(node - 4)
    following = await t.call(code, ebp=node + 12)
    mem.put32(node - 4, resume_esp)
    if caught in own.caught:
        del own.caught[own.caught.index(caught) :]
    if not any(isinstance(c, Caught) and c.thrown == thrown for c in own.caught):
        await _destroy(t, thrown)
    seh.enter(t, following, node + 12, resume_esp)


async def _leave_handlers(t: Task, node: int, low: int, thrown: Thrown | None) -> None:
    """Catch blocks that the exception has left are over: their exceptions die, unless one of them was thrown again."""
    own = state.thread(t)
    kept: list[object] = []
    left: list[Caught] = []
    for item in own.caught:
        inside = isinstance(item, Caught) and (item.node > node or (item.node == node and item.low <= low <= item.high))
        if inside:
            kept.append(item)
        elif isinstance(item, Caught):
            left.append(item)
    own.caught[:] = kept
    for item in left:
        if item.thrown != thrown and not any(isinstance(c, Caught) and c.thrown == item.thrown for c in kept):
            await _destroy(t, item.thrown)


@msvcrt.api(name="__CxxLongjmpUnwind", convention="stdcall")
async def longjmp_unwind(t: Task, env: PTR) -> None:
    """The unwind function that compilers give _setjmp3 in functions with C++ objects; the buffer holds the function's
    tables."""
    tables = _tables(t, t.mem.u32(env + 40))
    if tables is not None:
        await _unwind_states(t, t.mem.u32(env + 24), tables, t.mem.i32(env + 28))


# --- terminate, unexpected, translators ---------------------------------------------------
async def terminate_process(t: Task) -> None:
    """terminate(): the program's handler, then abort."""
    handler = state.thread(t).terminate
    if handler:
        await t.call(handler, convention="cdecl")
    await process.abort_process(t)


@msvcrt.api(name="?terminate@@YAXXZ")
async def terminate(t: Task) -> None:
    """``void terminate(void)``."""
    await terminate_process(t)


@msvcrt.api(name="?unexpected@@YAXXZ")
async def unexpected(t: Task) -> None:
    """``void unexpected(void)``: the program's handler, then terminate."""
    handler = state.thread(t).unexpected
    if handler:
        await t.call(handler, convention="cdecl")
    await terminate_process(t)


@msvcrt.api(name="?set_terminate@@YAP6AXXZP6AXXZ@Z")
def set_terminate(t: Task, handler: PTR) -> PTR:
    """``terminate_handler set_terminate(terminate_handler)``, per thread."""
    own = state.thread(t)
    previous, own.terminate = own.terminate, handler
    return previous


@msvcrt.api(name="?set_unexpected@@YAP6AXXZP6AXXZ@Z")
def set_unexpected(t: Task, handler: PTR) -> PTR:
    """``unexpected_handler set_unexpected(unexpected_handler)``, per thread."""
    own = state.thread(t)
    previous, own.unexpected = own.unexpected, handler
    return previous


@msvcrt.api(name="?_set_se_translator@@YAP6AXIPAU_EXCEPTION_POINTERS@@@ZP6AXI0@Z@Z")
def set_se_translator(t: Task, handler: PTR) -> PTR:
    """``_set_se_translator``: a function that turns Win32 exceptions into C++ ones, per thread."""
    own = state.thread(t)
    previous, own.se_translator = own.se_translator, handler
    return previous


@msvcrt.api(saves_eax=True)
def _EH_prolog(t: Task, handler: seh.ENTRY_EAX) -> None:
    """Set up a C++ frame: push -1, the handler (EAX) and the old registration; EBP becomes the frame pointer."""
    cpu, mem = t.cpu, t.mem
    entry = t.frame_esp - 4
    back = mem.u32(entry)
    mem.write(entry - 12, struct.pack("<4I", mem.u32(t.tib + tib.SEH), handler, 0xFFFFFFFF, cpu.ebp))
    mem.put32(t.tib + tib.SEH, entry - 12)
    cpu.eax = back
    seh.enter(t, back, entry, entry - 12)
