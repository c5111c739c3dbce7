"""Run-time type information and the runtime's own C++ classes: type_info, exception, bad_cast, bad_typeid,
__non_rtti_object.

RTTI layout (all guest memory): the dword before a vftable points to a complete object locator (signature, offset of
the vftable's subobject, constructor displacement offset, type descriptor, class hierarchy); a hierarchy is
(signature, attributes, count, array of base descriptors); a base descriptor is (type descriptor, number of contained
bases, mdisp, pdisp, vdisp, attributes). A type descriptor is (vftable, undecorated name or 0, raw name).

Source: Igor Skochinsky, "Reversing Microsoft Visual C++ Part II: Classes, Methods and RTTI", openrce.org, 2006; MSDN
for the classes.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, NoReturn

from w9x_client.abi import GuestException
from w9x_client.abi.types import INT, LONG, PTR, THIS, UINT

from . import state
from .attach import OWN_CLASSES, WHAT, deleting_name, table_name
from .cxx_exception import CODE, MAGIC, NONCONTINUABLE
from .dll import msvcrt

if TYPE_CHECKING:
    from w9x_client.process import Task

_MAX_BASES = 0x4000


# --- exception and its heirs ----------------------------------------------------------
_SIZE = 12
"""vfptr, text, whether the text is ours."""


msvcrt.data(table_name("type_info"), 4)
for _name in OWN_CLASSES:
    msvcrt.data(table_name(_name), 8)


def _construct(t: Task, this: int, name: str, text: int, copy: bool) -> int:
    """Initialise an exception object; ``text`` is copied when asked."""
    if text and copy:
        data = t.mem.cstr(text) + b"\0"
        text = t.process.heap_alloc(len(data))
        t.mem.write(text, data)
    t.mem.write(this, struct.pack("<III", state.crt(t).variable(table_name(name)), text, int(bool(text) and copy)))
    return this


def _destruct(t: Task, this: int) -> None:
    text, owned = struct.unpack("<II", t.mem.read(this + 4, 8))
    if owned:
        t.process.heap_free(text)
        t.mem.write(this + 4, bytes(8))


def _copy(t: Task, this: int, other: int, name: str) -> int:
    text, owned = struct.unpack("<II", t.mem.read(other + 4, 8))
    return _construct(t, this, name, text, bool(owned))


def _declare_class(name: str) -> None:
    def from_text(t: Task, this: THIS, text: PTR) -> PTR:
        return _construct(t, this, name, t.mem.u32(text), True)

    def from_pointer(t: Task, this: THIS, text: PTR) -> PTR:
        return _construct(t, this, name, text, True)

    def from_other(t: Task, this: THIS, other: PTR) -> PTR:
        return _copy(t, this, other, name)

    def assign(t: Task, this: THIS, other: PTR) -> PTR:
        if this != other:
            _destruct(t, this)
            _copy(t, this, other, name)
        return this

    def destructor(t: Task, this: THIS) -> None:
        _destruct(t, this)

    async def deleting(t: Task, this: THIS, flags: UINT) -> PTR:
        await _vector_delete(t, this, flags, _SIZE)
        return this

    from_text.__doc__ = from_pointer.__doc__ = f"{name} with a text."
    from_other.__doc__ = assign.__doc__ = f"A copy of a {name}."
    destructor.__doc__ = deleting.__doc__ = f"~{name}."
    for export, handler in (
        (f"??0{name}@@QAE@ABV0@@Z", from_other), (f"??4{name}@@QAEAAV0@ABV0@@Z", assign),
        (f"??1{name}@@UAE@XZ", destructor), (deleting_name(name), deleting), (f"??_G{name}@@UAEPAXI@Z", deleting),
        (f"??0{name}@@QAE@ABQBD@Z" if name in ("exception", "bad_cast") else f"??0{name}@@QAE@PBD@Z",
         from_text if name in ("exception", "bad_cast") else from_pointer),
    ):  # fmt: skip
        msvcrt.api(name=export, convention="stdcall")(handler)


for _name in OWN_CLASSES:
    _declare_class(_name)


@msvcrt.api(name="??0exception@@QAE@XZ", convention="stdcall")
def exception_default(t: Task, this: THIS) -> PTR:
    """exception without a text."""
    return _construct(t, this, "exception", 0, False)


@msvcrt.api(name=WHAT, convention="stdcall")
def exception_what(t: Task, this: THIS) -> PTR:
    """``const char *exception::what() const``."""
    return t.mem.u32(this + 4) or state.crt(t).keep("Unknown exception", b"Unknown exception\0")


async def _vector_delete(t: Task, this: int, flags: int, size: int) -> None:
    """A deleting destructor: bit 0 frees the memory, bit 1 says it is an array with its count in front."""
    if flags & 2:
        count = t.mem.u32(this - 4)
        for index in range(min(count, 0x10000) - 1, -1, -1):
            _destruct(t, this + index * size)
        if flags & 1:
            t.process.heap_free(this - 4)
        return
    _destruct(t, this)
    if flags & 1:
        t.process.heap_free(this)


# --- type_info ------------------------------------------------------------------------
@msvcrt.api(name="??1type_info@@UAE@XZ", convention="stdcall")
def type_info_destructor(t: Task, this: THIS) -> None:
    """~type_info: frees the undecorated name."""
    name = t.mem.u32(this + 4)
    if name:
        t.process.heap_free(name)
        t.mem.put32(this + 4, 0)


@msvcrt.api(name=deleting_name("type_info"), convention="stdcall")
def type_info_deleting(t: Task, this: THIS, flags: UINT) -> PTR:
    """Deleting destructor; descriptors are static, so only the name is freed."""
    type_info_destructor(t, this)
    return this


@msvcrt.api(name="??8type_info@@QBEHABV0@@Z", convention="stdcall")
def type_info_equal(t: Task, this: THIS, other: PTR) -> INT:
    """operator==: by name."""
    return t.mem.cstr(this + 9) == t.mem.cstr(other + 9)


@msvcrt.api(name="??9type_info@@QBEHABV0@@Z", convention="stdcall")
def type_info_unequal(t: Task, this: THIS, other: PTR) -> INT:
    """operator!=."""
    return t.mem.cstr(this + 9) != t.mem.cstr(other + 9)


@msvcrt.api(name="?before@type_info@@QBEHABV1@@Z", convention="stdcall")
def type_info_before(t: Task, this: THIS, other: PTR) -> INT:
    """Collation order."""
    return t.mem.cstr(this + 9) < t.mem.cstr(other + 9)


@msvcrt.api(name="?raw_name@type_info@@QBEPBDXZ", convention="stdcall")
def type_info_raw_name(t: Task, this: THIS) -> PTR:
    """The decorated name."""
    return this + 8


_KINDS = {"V": "class ", "U": "struct ", "T": "union ", "W4": "enum "}
_BASIC = {
    "C": "signed char", "D": "char", "E": "unsigned char", "F": "short", "G": "unsigned short", "H": "int",
    "I": "unsigned int", "J": "long", "K": "unsigned long", "M": "float", "N": "double", "O": "long double",
    "_J": "__int64", "_K": "unsigned __int64", "_N": "bool", "X": "void",
}  # fmt: skip


def undecorate(raw: str) -> str:
    """``.?AVName@Space@@`` -> ``class Space::Name``; basic types and pointers to them; a template's name stays
    decorated."""
    if match := re.fullmatch(r"\.\?A(V|U|T|W4)((?:[A-Za-z_$][\w$]*@)+)@", raw):
        return _KINDS[match.group(1)] + "::".join(reversed(match.group(2)[:-1].split("@")))
    if match := re.fullmatch(r"\.(P[AB])?(.+)", raw):
        basic = _BASIC.get(match.group(2))
        if basic is not None:
            return basic + ({"PA": " *", "PB": " const *"}[match.group(1)] if match.group(1) else "")
        if match.group(1) and (inner := re.fullmatch(r"(V|U|T|W4)((?:[A-Za-z_$][\w$]*@)+)@", match.group(2))):
            plain = _KINDS[inner.group(1)] + "::".join(reversed(inner.group(2)[:-1].split("@")))
            return plain + {"PA": " *", "PB": " const *"}[match.group(1)]
    return raw


@msvcrt.partial("template names stay decorated", name="?name@type_info@@QBEPBDXZ", convention="stdcall")
def type_info_name(t: Task, this: THIS) -> PTR:
    """The undecorated name, made once and kept in the descriptor."""
    present = t.mem.u32(this + 4)
    if present:
        return present
    text = undecorate(t.mem.cstr(this + 8, 4096).decode("latin-1")).encode("latin-1") + b"\0"
    address = t.process.heap_alloc(len(text))
    t.mem.write(address, text)
    t.mem.put32(this + 4, address)
    return address


# --- dynamic_cast, typeid ---------------------------------------------------------------
def _throw(t: Task, name: str, text: str) -> NoReturn:
    """``throw bad_cast(...)`` and the like, from inside the runtime."""
    own = state.crt(t)
    info = own.cached.get("throw " + name)
    if info is None:
        info = own.cached["throw " + name] = _throw_info(t, name)
    message = own.keep("text " + text, text.encode() + b"\0")
    thing = t.process.heap_alloc(_SIZE)
    _construct(t, thing, name, message, False)
    raise GuestException(CODE, NONCONTINUABLE, [MAGIC, thing, info])


def _throw_info(t: Task, name: str) -> int:
    """Build the tables that describe a thrown object of one of our classes."""
    process, mem = t.process, t.mem
    chain = [name] if name == "exception" else [name, "exception"]
    if name == "__non_rtti_object":
        chain = [name, "bad_typeid", "exception"]
    entries = []
    for one in chain:
        raw = f".?AV{one}@@".encode() + b"\0"
        descriptor = process.heap_alloc(8 + len(raw))
        mem.write(descriptor, struct.pack("<II", state.crt(t).variable(table_name("type_info")), 0) + raw)
        entry = process.heap_alloc(28)
        copy = process.export_address("msvcrt", f"??0{one}@@QAE@ABV0@@Z")
        mem.write(entry, struct.pack("<IIiiiII", 0, descriptor, 0, -1, 0, _SIZE, copy))
        entries.append(entry)
    array = process.heap_alloc(4 + 4 * len(entries))
    mem.write(array, struct.pack(f"<{1 + len(entries)}I", len(entries), *entries))
    info = process.heap_alloc(16)
    mem.write(info, struct.pack("<IIII", 0, process.export_address("msvcrt", f"??1{name}@@UAE@XZ"), 0, array))
    return info


def _locator(t: Task, pointer: int) -> tuple[int, int, int, int]:
    """(complete object, type descriptor, hierarchy, offset of the subobject) of a polymorphic object."""
    mem = t.mem
    locator = mem.u32(mem.u32(pointer) - 4)
    _signature, offset, constructor, descriptor, hierarchy = struct.unpack("<5I", mem.read(locator, 20))
    complete = pointer - offset
    if constructor:
        complete -= mem.u32(pointer - constructor)
    return complete & 0xFFFFFFFF, descriptor, hierarchy, pointer - complete


def _bases(t: Task, hierarchy: int) -> list[tuple[int, int, int, int, int, int]]:
    """(type descriptor, contained bases, mdisp, pdisp, vdisp, attributes) of the class and all its bases, in
    depth-first order."""
    mem = t.mem
    count, array = struct.unpack("<II", mem.read(hierarchy + 8, 8))
    return [
        struct.unpack("<IIiiiI", mem.read(mem.u32(array + 4 * index), 24))
        for index in range(min(count, _MAX_BASES))
    ]


def _place(t: Task, complete: int, base: tuple[int, int, int, int, int, int]) -> int:
    """Address of a base subobject."""
    _descriptor, _contained, mdisp, pdisp, vdisp, _attributes = base
    address = complete + mdisp
    if pdisp >= 0:
        address += pdisp + t.mem.i32(t.mem.u32(complete + pdisp) + vdisp)
    return address & 0xFFFFFFFF


def _same_type(t: Task, a: int, b: int) -> bool:
    return a == b or t.mem.cstr(a + 9) == t.mem.cstr(b + 9)


_NOT_VISIBLE, _AMBIGUOUS = 1, 2


@msvcrt.partial("an ambiguous or private base deep in the hierarchy may be found", name="__RTDynamicCast")
def dynamic_cast(t: Task, inptr: PTR, VfDelta: LONG, SrcType: PTR, TargetType: PTR, isReference: INT) -> PTR:
    """dynamic_cast: the target subobject, NULL for a failing pointer cast; bad_cast for a reference."""
    if not inptr:
        return 0
    complete, _descriptor, hierarchy, _offset = _locator(t, inptr)
    source = (inptr - VfDelta) & 0xFFFFFFFF
    bases = _bases(t, hierarchy)
    found: set[int] = set()
    for index, base in enumerate(bases):
        if not _same_type(t, base[0], TargetType):
            continue
        address = _place(t, complete, base)
        # A down-cast: the target contains the source subobject.
        inner = bases[index : index + 1 + base[1]]
        if any(_same_type(t, b[0], SrcType) and _place(t, complete, b) == source for b in inner):
            return address
        if not base[5] & (_NOT_VISIBLE | _AMBIGUOUS):
            found.add(address)
    if len(found) == 1:
        return found.pop()
    if isReference:
        _throw(t, "bad_cast", "Bad dynamic_cast!")
    return 0


@msvcrt.api(name="__RTtypeid")
def rt_typeid(t: Task, inptr: PTR) -> PTR:
    """typeid of a polymorphic object; bad_typeid for NULL."""
    if not inptr:
        _throw(t, "bad_typeid", "Attempted a typeid of NULL pointer!")
    return _locator(t, inptr)[1]


@msvcrt.api(name="__RTCastToVoid")
def rt_cast_to_void(t: Task, inptr: PTR) -> PTR:
    """dynamic_cast<void *>: the complete object."""
    return _locator(t, inptr)[0] if inptr else 0
