"""Writes PE images: for the system modules that `system` builds, and for the loader's own tests.

Pure functions over bytes. Formats: Microsoft PE/COFF specification 8.3; DOS header: RBIL table 01594. Callers
lay sections out by ascending RVA (`place`) and pass what they put into them; nothing here checks that the
result makes sense.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from w9x_arena.layout import PAGE

from .image import FILE_EXECUTABLE

FILE_ALIGNMENT = 0x200
MACHINE_I386 = 0x14C
_FILE_32BIT = 0x0100


@dataclass(slots=True)
class SectionSpec:
    """One section to write; ``virtual_size`` 0 means as long as the data."""

    name: str
    rva: int
    data: bytes
    flags: int
    virtual_size: int = 0

    @property
    def memory(self) -> int:
        """Bytes the section takes in memory."""
        return self.virtual_size or len(self.data)


def dos_header(text: bytes, new_header: int) -> bytes:
    """An MZ header and a real-mode program that prints ``text`` ('$'-terminated by us) and ends with code 1."""
    code = bytes.fromhex("0e1fba0e00b409cd21b8014ccd21") + text + b"\r\n$"
    size = 0x40 + len(code)
    if size > new_header:
        raise ValueError("the DOS stub does not fit before the PE header")
    fields = (0x5A4D, size % 512, -(-size // 512), 0, 4, 0, 0xFFFF, 0, 0xB8, 0, 0, 0, 0x40)
    head = struct.pack("<13H", *fields).ljust(0x3C, b"\0") + struct.pack("<I", new_header)
    return (head + code).ljust(new_header, b"\0")


def write_pe(
    sections: Sequence[SectionSpec],
    *,
    base: int,
    directories: Mapping[int, tuple[int, int]],
    entry: int = 0,
    characteristics: int = FILE_EXECUTABLE,
    subsystem: int = 2,
    timestamp: int = 0,
    linker: tuple[int, int] = (5, 12),
    stub: bytes = b"This program cannot be run in DOS mode.",
    size_of_image: int = 0,
    section_alignment: int = PAGE,
    file_alignment: int = FILE_ALIGNMENT,
    stack: tuple[int, int] = (0x10_0000, 0x1000),
) -> bytes:
    """A PE32 image of the given sections; raw data follows the headers in the order of ``sections``."""
    new_header = 0x80
    header_end = new_header + 24 + 224 + 40 * len(sections)
    size_of_headers = -(-header_end // file_alignment) * file_alignment
    end = max(section.rva + section.memory for section in sections)
    size_of_image = size_of_image or -(-end // section_alignment) * section_alignment
    out = bytearray(dos_header(stub, new_header))
    out += struct.pack(
        "<4sHHIIIHH", b"PE\0\0", MACHINE_I386, len(sections), timestamp, 0, 0, 224, characteristics | _FILE_32BIT
    )
    code = sum(len(s.data) for s in sections if s.flags & 0x20)
    data = sum(len(s.data) for s in sections if s.flags & 0x40)
    out += struct.pack("<HBBIIIII", 0x10B, *linker, code, data, 0, entry, sections[0].rva)
    out += struct.pack("<IIII", sections[-1].rva, base, section_alignment, file_alignment)
    out += struct.pack("<HHHHHHI", 4, 0, 4, 0, 4, 0, 0)
    out += struct.pack("<IIIHH", size_of_image, size_of_headers, 0, subsystem, 0)
    out += struct.pack("<IIIIII", *stack, 0x10_0000, 0x1000, 0, 16)
    for index in range(16):
        out += struct.pack("<II", *directories.get(index, (0, 0)))
    offset = size_of_headers
    bodies: list[bytes] = []
    for section in sections:
        padded = section.data.ljust(-(-len(section.data) // file_alignment) * file_alignment, b"\0")
        out += struct.pack(
            "<8sIIIIIIHHI", section.name.encode("ascii"), section.memory, section.rva, len(padded),
            offset if padded else 0, 0, 0, 0, 0, section.flags,
        )  # fmt: skip
        bodies.append(padded)
        offset += len(padded)
    out = out.ljust(size_of_headers, b"\0")
    return b"".join((bytes(out), *bodies))


def place(sections: Sequence[SectionSpec], alignment: int = PAGE) -> None:
    """Give the sections ascending RVAs from the first page behind the headers."""
    rva = max(alignment, PAGE)
    for section in sections:
        section.rva = rva
        rva += -(-section.memory // alignment) * alignment


def export_directory(
    rva: int, dll: str, base: int, functions: Sequence[int | str], names: Mapping[str, int], timestamp: int = 0
) -> bytes:
    """An export directory to stand at ``rva``.

    Args:
        functions: by index (ordinal - base): an RVA, 0 for an unused ordinal, or a forwarder's text.
        names: exported name -> index.
    """
    ordered = sorted((name.encode("latin-1"), index) for name, index in names.items())
    functions_at = rva + 40
    names_at = functions_at + 4 * len(functions)
    ordinals_at = names_at + 4 * len(ordered)
    strings_at = ordinals_at + 2 * len(ordered)
    strings = bytearray(dll.encode("latin-1") + b"\0")
    table: list[int] = []
    for function in functions:
        if isinstance(function, str):
            table.append(strings_at + len(strings))
            strings += function.encode("latin-1") + b"\0"
        else:
            table.append(function)
    name_rvas: list[int] = []
    for text, _index in ordered:
        name_rvas.append(strings_at + len(strings))
        strings += text + b"\0"
    head = struct.pack(
        "<IIHHIIIIIII", 0, timestamp, 0, 0, strings_at, base, len(table), len(ordered),
        functions_at, names_at, ordinals_at,
    )  # fmt: skip
    return b"".join((
        head,
        struct.pack(f"<{len(table)}I", *table),
        struct.pack(f"<{len(ordered)}I", *name_rvas),
        struct.pack(f"<{len(ordered)}H", *(index for _text, index in ordered)),
        bytes(strings),
    ))  # fmt: skip


def relocation_directory(rvas: Iterable[int]) -> bytes:
    """HIGHLOW base relocations of the dwords at ``rvas``."""
    pages: dict[int, list[int]] = {}
    for rva in sorted(rvas):
        pages.setdefault(rva & ~(PAGE - 1), []).append(0x3000 | rva & (PAGE - 1))
    out = bytearray()
    for page, entries in pages.items():
        if len(entries) & 1:
            entries.append(0)
        out += struct.pack(f"<II{len(entries)}H", page, 8 + 2 * len(entries), *entries)
    return bytes(out)


def import_directory(
    rva: int, dlls: Mapping[str, Sequence[str | int]], *, lookup: bool = True
) -> tuple[bytes, dict[tuple[str, str | int], int]]:
    """An import directory to stand at ``rva``, and the RVA of each function's address slot.

    Without ``lookup`` tables it looks as Borland's and Watcom's linkers write it.
    """
    at = rva + 20 * (len(dlls) + 1)
    tables: list[tuple[str, int, int]] = []
    for dll, functions in dlls.items():
        size = 4 * (len(functions) + 1)
        tables.append((dll, at if lookup else 0, at + (size if lookup else 0)))
        at += size * (2 if lookup else 1)
    strings = bytearray()
    descriptors, thunks, slots = bytearray(), bytearray(), {}
    for dll, original, iat in tables:
        values: list[int] = []
        for index, function in enumerate(dlls[dll]):
            slots[dll, function] = iat + 4 * index
            if isinstance(function, int):
                values.append(0x8000_0000 | function)
            else:
                values.append(at + len(strings))
                strings += b"\0\0" + function.encode("latin-1") + b"\0"
                strings += bytes(len(strings) & 1)
        packed = struct.pack(f"<{len(values) + 1}I", *values, 0)
        thunks += packed * (2 if lookup else 1)
        descriptors += struct.pack("<IIIII", original, 0, 0, at + len(strings), iat)
        strings += dll.encode("latin-1") + b"\0"
    return bytes(descriptors) + bytes(20) + bytes(thunks) + bytes(strings), slots


def resource_directory(rva: int, items: Mapping[tuple[int | str, int | str, int], bytes]) -> bytes:
    """A resource tree to stand at ``rva``: (type, name, language) -> data."""
    tree: dict[int | str, dict[int | str, dict[int | str, bytes]]] = {}
    for (kind, name, language), content in items.items():
        tree.setdefault(kind, {}).setdefault(name, {})[language] = content
    # Four regions in order: directories, strings, data entries, data; sizes first, then contents.
    counts = [len(tree), *map(len, tree.values()), *(len(items) for names in tree.values() for items in names.values())]
    directories = sum(16 + 8 * count for count in counts)
    texts: dict[str, int] = {}
    strings = bytearray()
    for key in [*tree, *(name for names in tree.values() for name in names)]:
        if isinstance(key, str) and key not in texts:
            texts[key] = directories + len(strings)
            strings += struct.pack("<H", len(key)) + key.encode("utf-16-le")
    strings += bytes(-len(strings) % 4)
    entries_at = directories + len(strings)
    data_at = entries_at + 16 * len(items)
    out, entries, content_bytes = bytearray(directories), bytearray(), bytearray()
    free = 0

    def table(children: Mapping[int | str, object]) -> int:
        nonlocal free
        at = free
        free += 16 + 8 * len(children)
        named = sum(isinstance(key, str) for key in children)
        struct.pack_into("<IIHHHH", out, at, 0, 0, 0, 0, named, len(children) - named)
        ordered = sorted(children.items(), key=lambda pair: (isinstance(pair[0], int), pair[0]))
        for index, (key, child) in enumerate(ordered):
            word = key if isinstance(key, int) else 0x8000_0000 | texts[key]
            if isinstance(child, dict):
                target = 0x8000_0000 | table(child)
            else:
                assert isinstance(child, bytes)
                target = entries_at + len(entries)
                entries.extend(struct.pack("<IIII", rva + data_at + len(content_bytes), len(child), 0, 0))
                content_bytes.extend(child.ljust((len(child) + 7) & ~7, b"\0"))
            struct.pack_into("<II", out, at + 16 + 8 * index, word, target)
        return at

    table(tree)
    return bytes(out) + bytes(strings) + bytes(entries) + bytes(content_bytes)


__all__ = [
    "SectionSpec", "dos_header", "export_directory", "import_directory", "place", "relocation_directory",
    "resource_directory", "write_pe",
]  # fmt: skip
