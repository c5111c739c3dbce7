"""Builds the PE image of a system DLL from its export table and its declarations. Used by `system` alone.

Stub of an export (docs/design/architecture.md); ``pool`` is a dword in .text that holds layout.GATE_API, so
that the image can move::

    mov  fs:[..], eax       ; 64 A3, exports that receive a value in EAX
    mov  eax, N             ; B8   N = module number << 16 | index
    call dword ptr [pool]   ; FF 15
    mov  edx, fs:[..]       ; 64 8B 15, 64-bit results
    fld  qword fs:[..]      ; 64 DD 05, floating-point results
    ret  pops               ; C2 / C3

An export that nobody declares has the same stub without pops: the process ends, or raises, when it is called.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from w9x_arena import layout
from w9x_client.abi import find_dll, tib
from w9x_client.engine import guestcode

from . import exports, pewriter, version
from .image import DIR_EXPORT, DIR_RELOC, DIR_RESOURCE, FILE_DLL, FILE_EXECUTABLE

if TYPE_CHECKING:
    from w9x_client.abi import DataExport, Dll, Export

TIMESTAMP = 0x36FD8900
"""Link time of every system module: fixed (1999-03-28), so that equal sources give equal files."""
_CODE, _RDATA, _DATA, _DISCARDABLE = 0x6000_0020, 0x4000_0040, 0xC000_0040, 0x4200_0040
_ALIGN = 16


@dataclass(slots=True)
class _Item:
    """One export on its way into the image."""

    label: str
    name: str | None
    ordinal: int | None
    visible: bool
    forward: str | None = None
    is_data: bool = False
    rva: int = 0


@dataclass(slots=True)
class _Text:
    """The code section while it grows."""

    code: bytearray = field(default_factory=lambda: bytearray(struct.pack("<I", layout.GATE_API)))
    """Begins with the pool."""
    fixups: list[int] = field(default_factory=list)
    """Offsets of dwords that hold the pool's address."""

    def begin(self) -> int:
        """Offset of the next routine."""
        self.code += b"\xcc" * (-len(self.code) % _ALIGN)
        return len(self.code)

    def stub(self, number: int, export: Export | None, pops: int, kind: str) -> int:
        """Append a stub; returns its offset."""
        at = self.begin()
        code = self.code
        if export is not None and getattr(export, "saves_eax", False):
            code += b"\x64\xa3" + struct.pack("<I", tib.ENTRY_EAX)
        code += b"\xb8" + struct.pack("<I", number) + b"\xff\x15"
        self.fixups.append(len(code))
        code += bytes(4)
        if kind == "edx:eax":
            code += b"\x64\x8b\x15" + struct.pack("<I", tib.RESULT_HIGH)
        elif kind == "st0":
            code += b"\x64\xdd\x05" + struct.pack("<I", tib.RESULT_FLOAT)
        code += b"\xc2" + struct.pack("<H", pops) if pops else b"\xc3"
        return at


@dataclass(frozen=True, slots=True)
class Built:
    """A system DLL of one Windows version."""

    image: bytes
    names: list[str]
    """Export by index."""
    hidden: dict[str, int]
    """Name -> RVA of exports that only static imports may find."""
    topics: dict[str, str]
    """Export -> the module that declares it, where that registers it with this DLL."""
    hooks: list[str]
    """Modules that have something to run when a process loads the DLL."""


def build(info: exports.ModuleInfo, windows: str) -> Built:
    """Build system DLL ``info`` as Windows ``windows`` had it."""
    declared = find_dll(info.stem)
    items = _collect(info.stem, declared, windows)
    _assign_ordinals(items)
    text = _Text()
    names: list[str] = []
    variables: list[tuple[_Item, DataExport]] = []
    undeclared_data: list[_Item] = []
    code_items: list[tuple[_Item, int]] = []
    for item in items:
        index = len(names)
        names.append(item.label)
        if item.forward is not None:
            continue
        if declared is not None and item.label in declared.variables:
            variables.append((item, declared.variables[item.label]))
        elif item.is_data:
            undeclared_data.append(item)
        else:
            export = declared.exports.get(item.label) if declared is not None else None
            code_items.append((item, _routine(text, info.number << 16 | index, export)))
    if len(names) > 0xFFFF:
        raise ValueError(f"{info.stem}: {len(names)} exports")
    data = _lay_out_variables(variables)
    sections = [pewriter.SectionSpec(".text", 0, bytes(text.code), _CODE)]
    if data:
        sections.append(pewriter.SectionSpec(".data", 0, bytes(data), _DATA))
    pewriter.place(sections)
    text_rva = sections[0].rva
    for item, offset in code_items:
        item.rva = text_rva + offset
    for item, _variable in variables:
        item.rva += sections[1].rva
    for offset in text.fixups:
        struct.pack_into("<I", text.code, offset, info.base + text_rva)
    sections[0].data = bytes(text.code)
    image = _finish(info, sections, items, undeclared_data, [text_rva + offset for offset in text.fixups])
    hidden = {item.name: item.rva for item in items if not item.visible and item.name and item.forward is None}
    if declared is None:
        return Built(image, names, hidden, {}, [])
    package = f"w9x_client.win32.{info.stem.replace('.', '_')}."
    topics = {n: e.fn.__module__ for n, e in declared.exports.items() if e.fn.__module__.startswith(package)}
    return Built(image, names, hidden, topics, sorted({hook.__module__ for hook in declared.attach_hooks}))


def _collect(stem: str, declared: Dll | None, windows: str) -> list[_Item]:
    """Everything the image has: the table in its order, then what only the declarations know, by name."""
    table = exports.load(stem)
    items: list[_Item] = []
    known: set[str] = set()
    allowed = exports.VERSIONS[: exports.VERSIONS.index(windows) + 1]
    for line in table.exports if table is not None else ():
        label = line.label
        if declared is not None and line.ordinal is not None and f"#{line.ordinal}" in declared.exports:
            label = f"#{line.ordinal}"
        known.add(label)
        visible = line.since in allowed
        implemented = declared is not None and (label in declared.exports or label in declared.variables)
        forward = line.forward
        if declared is not None and label in declared.forwards:
            forward = declared.forwards[label]
        items.append(
            _Item(label, line.name, line.ordinal, visible, None if implemented else forward, line.kind == "data")
        )
    if declared is not None:
        for name, export in sorted(declared.exports.items()):
            if name not in known and name[:1] != "#":
                items.append(_Item(name, name, None, export.since is None or export.since in allowed))
            elif name not in known and name[1:].isdigit():
                items.append(_Item(name, None, int(name[1:]), True))
        variables, forwards = set(declared.variables) - known, set(declared.forwards) - known
        items += [_Item(name, name, None, True, is_data=True) for name in sorted(variables)]
        items += [_Item(name, name, None, True, declared.forwards[name]) for name in sorted(forwards)]
    return items


def _assign_ordinals(items: list[_Item]) -> None:
    """Give visible exports without a known ordinal the numbers behind the highest known one."""
    following = max((item.ordinal for item in items if item.ordinal is not None), default=0) + 1
    for item in items:
        if item.visible and item.ordinal is None:
            item.ordinal = following
            following += 1


def _routine(text: _Text, number: int, export: Export | None) -> int:
    """Guest code where it exists, else a stub."""
    if export is None:
        return text.stub(number, None, 0, "eax")
    from w9x_client.abi.compile import signature

    found = signature(export)
    stub = text.stub(number, export, found.pops, found.ret.kind)
    routine = guestcode.lookup(export.guest_code) if export.guest_code is not None else None
    if routine is None:
        return stub
    at = text.begin()
    text.code += routine.placed(at, stub)
    return at


def _lay_out_variables(variables: list[tuple[_Item, DataExport]]) -> bytearray:
    """Place the variables one behind another; ``item.rva`` becomes the offset in the section."""
    data = bytearray()
    for item, variable in variables:
        data += bytes(-len(data) % 16)
        item.rva = len(data)
        data += variable.init[: variable.size].ljust(variable.size, b"\0")
    return data


def _finish(
    info: exports.ModuleInfo,
    sections: list[pewriter.SectionSpec],
    items: list[_Item],
    undeclared_data: list[_Item],
    relocated: list[int],
) -> bytes:
    """Add export directory, version resource and relocations, and write the file."""
    rva = layout.page_up(sections[-1].rva + sections[-1].memory)
    visible = [item for item in items if item.visible and item.ordinal is not None]
    # Undeclared variables lie in a last page that no section covers; its address depends on the size of the directory,
    # which does not depend on the address: the directory is laid out twice.
    for attempt in (0, 1):
        edata = _export_directory(info, rva, visible)
        if attempt == 0:
            resource_rva = layout.page_up(rva + len(edata))
            resources = _version_resource(info, resource_rva)
            relocation_rva = layout.page_up(resource_rva + len(resources))
            relocations = pewriter.relocation_directory(relocated)
            nowhere = layout.page_up(relocation_rva + len(relocations))
            for index, item in enumerate(undeclared_data):
                item.rva = nowhere + 4 * index
    sections += [
        pewriter.SectionSpec(".edata", rva, edata, _RDATA),
        pewriter.SectionSpec(".rsrc", resource_rva, resources, _RDATA),
        pewriter.SectionSpec(".reloc", relocation_rva, relocations, _DISCARDABLE),
    ]
    return pewriter.write_pe(
        sections,
        base=info.base,
        directories={
            DIR_EXPORT: (rva, len(edata)),
            DIR_RESOURCE: (resource_rva, len(resources)),
            DIR_RELOC: (relocation_rva, len(relocations)),
        },
        characteristics=FILE_EXECUTABLE | FILE_DLL,
        timestamp=TIMESTAMP,
        stub=b"w9x builtin module",
        size_of_image=layout.page_up(nowhere + 4 * len(undeclared_data)),
    )


def _export_directory(info: exports.ModuleInfo, rva: int, visible: list[_Item]) -> bytes:
    numbers = [cast("int", item.ordinal) for item in visible]
    base, last = min(numbers, default=1), max(numbers, default=0)
    functions: list[int | str] = [0] * (last - base + 1)
    names: dict[str, int] = {}
    for item, number in zip(visible, numbers, strict=True):
        functions[number - base] = item.forward if item.forward is not None else item.rva
        if item.name:
            names[item.name] = number - base
    stem, dot, extension = info.file_name.rpartition(".")
    return pewriter.export_directory(rva, f"{stem.upper()}{dot}{extension}", base, functions, names, TIMESTAMP)


def _version_resource(info: exports.ModuleInfo, rva: int) -> bytes:
    parts = [int(part) for part in (info.version or "4.10.0.2222").split(".")[:4] if part.isdigit()]
    numbers = (*parts, 0, 0, 0, 0)[:4]
    shown = ".".join(map(str, numbers))
    block = version.build(
        cast("tuple[int, int, int, int]", numbers),
        {
            "CompanyName": "w9x",
            "FileDescription": info.description,
            "FileVersion": shown,
            "InternalName": info.stem.upper(),
            "OriginalFilename": info.file_name.upper(),
            "ProductName": "w9x builtin module",
            "ProductVersion": shown,
        },
    )
    return pewriter.resource_directory(rva, {(version.RT_VERSION, 1, 0x409): block})
