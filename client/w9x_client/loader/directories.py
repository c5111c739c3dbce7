"""The data directories of a PE image: imports, delayed imports, exports, base relocations, TLS.

Read over `PeImage.read`, so that no count, pointer or length of the file leaves its bytes; every loop is
bounded by a limit or by the size of the file. Formats: Microsoft PE/COFF specification 8.3, chapters 5.4, 5.5,
5.7, 5.8 and 6. Errors: `ImageError`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from .image import DIR_DELAY_IMPORT, DIR_EXPORT, DIR_IMPORT, DIR_RELOC, DIR_TLS, ImageError, PeImage

MAX_DLLS = 1024
MAX_FUNCTIONS = 0x1_0000
MAX_IMPORTS = 0x1_0000
"""Imported functions of one image, all DLLs together."""
MAX_NAMES = 0x100_0000
"""Bytes of names in one directory: tables may overlap, so the file's size is no bound."""
MAX_TLS = 0x100_0000
"""Bytes of TLS template and zero fill: one block per thread is allocated from the heap."""

REL_ABSOLUTE, REL_HIGH, REL_LOW, REL_HIGHLOW, REL_HIGHADJ = range(5)


@dataclass(frozen=True, slots=True)
class Import:
    """One imported function: by name, or by ordinal where ``name`` is None."""

    name: str | None
    ordinal: int
    """The ordinal, or the hint of a named import."""


@dataclass(frozen=True, slots=True)
class ImportedDll:
    """One import descriptor. ``functions[i]`` goes to the dword at ``iat_rva + 4*i``."""

    name: str
    functions: tuple[Import, ...]
    iat_rva: int
    timestamp: int
    """Not 0: bound to addresses of another Windows; ignored, the names are looked up again."""


@dataclass(frozen=True, slots=True)
class Delayed:
    """One delay-import descriptor; its addresses are RVAs (``rva_based``) or, as Visual C++ 6 wrote them, absolute."""

    name: str
    rva_based: bool


@dataclass(frozen=True, slots=True)
class Tls:
    """The TLS directory. RVAs; 0 = absent."""

    start: int
    size: int
    zero_fill: int
    index: int
    callbacks: int


@dataclass(frozen=True, slots=True)
class Forward:
    """An export that another DLL answers: ``dll`` as the image names it, without an extension."""

    dll: str
    symbol: str | int


class Exports:
    """An export directory. Lookups give an RVA, a `Forward`, or None."""

    def __init__(self, image: PeImage, rva: int, size: int) -> None:
        self._image, self._rva, self._size = image, rva, size
        (name, self.base, functions, names, self._functions_rva, self._names_rva, self._ordinals_rva) = struct.unpack(
            "<12xIIIIIII", image.read(rva, 40)
        )
        if functions > MAX_FUNCTIONS or names > MAX_FUNCTIONS:
            raise ImageError(f"damaged: an export table of {functions} functions and {names} names")
        self._name_rva = name
        self._name_count = names
        self.functions: tuple[int, ...] = (
            struct.unpack(f"<{functions}I", image.read(self._functions_rva, 4 * functions)) if functions else ()
        )
        """RVA by index (ordinal - base); 0 = unused."""

    @property
    def dll_name(self) -> str:
        """The name the DLL gives itself."""
        return self._image.cstring(self._name_rva, 512).decode("latin-1") if self._name_rva else ""

    @cached_property
    def names(self) -> dict[str, int]:
        """Exported name -> index into ``functions``; the first of equal names counts."""
        count, image = self._name_count, self._image
        if not count:
            return {}
        rvas = struct.unpack(f"<{count}I", image.read(self._names_rva, 4 * count))
        indexes = struct.unpack(f"<{count}H", image.read(self._ordinals_rva, 2 * count))
        found: dict[str, int] = {}
        offset, filled, _available = image.extent(rvas[0])
        data, first, end_rva = image.data, rvas[0], rvas[0] + filled
        total = 0
        for rva, index in zip(rvas, indexes, strict=True):
            if first <= rva < end_rva:  # all names lie together in practice: one extent serves them
                at = offset + rva - first
                end = data.find(b"\0", at, min(at + 4096, offset + filled))
                text = data[at:end] if end >= 0 else image.cstring(rva)
            else:
                text = image.cstring(rva)
            total += len(text)
            if total > MAX_NAMES:
                raise ImageError("damaged: the names of the export table have no end")
            found.setdefault(text.decode("latin-1"), index)
        return found

    def by_name(self, name: str) -> int | Forward | None:
        """The export called ``name`` (case counts)."""
        index = self.names.get(name)
        return None if index is None else self.at(index)

    def by_ordinal(self, ordinal: int) -> int | Forward | None:
        """The export with this ordinal."""
        return self.at(ordinal - self.base)

    def at(self, index: int) -> int | Forward | None:
        """The export at ``index``; ImageError when its RVA lies outside the image."""
        if not 0 <= index < len(self.functions):
            return None
        rva = self.functions[index]
        if rva == 0:
            return None
        if self._rva <= rva < self._rva + self._size:
            return self._forward(rva)
        if rva >= self._image.size_of_image:
            raise ImageError(f"damaged: export {index + self.base} lies outside the image")
        return rva

    def _forward(self, rva: int) -> Forward:
        text = self._image.cstring(rva, 1024).decode("latin-1")
        dll, dot, symbol = text.rpartition(".")
        if not dot or not dll or not symbol:
            raise ImageError(f"damaged: the forwarder {text[:64]!r} names no function")
        if symbol[0] == "#" and symbol[1:].isascii() and symbol[1:].isdigit():
            return Forward(dll, int(symbol[1:]) & 0xFFFF)
        return Forward(dll, symbol)


def read_exports(image: PeImage) -> Exports | None:
    """The export directory, or None where there is none."""
    rva, size = image.directory_table[DIR_EXPORT]
    return Exports(image, rva, size) if rva and size else None


def read_imports(image: PeImage) -> tuple[ImportedDll, ...]:
    """The import descriptors up to the terminating one.

    Windows ends at a descriptor without name or without IAT, and does not look at the directory's size.
    """
    rva, _size = image.directory_table[DIR_IMPORT]
    found: list[ImportedDll] = []
    total = text = 0
    while rva:
        lookup, timestamp, _chain, name_rva, iat = struct.unpack("<IIIII", image.read(rva, 20))
        if not name_rva or not iat:
            break
        if len(found) >= MAX_DLLS:
            raise ImageError(f"damaged: it imports more than {MAX_DLLS} DLLs")
        name = image.cstring(name_rva, 512).decode("latin-1")
        if not name:
            raise ImageError("damaged: an imported DLL has no name")
        # Borland and Watcom write no lookup table; a bad one is passed over as Windows does.
        table = lookup if 0 < lookup < image.size_of_image and image.section_at(lookup) else iat
        functions: list[Import] = []
        for function in _thunks(image, table, name):
            functions.append(function)
            total += 1
            text += len(function.name or "")
            if total > MAX_IMPORTS or text > MAX_NAMES:
                raise ImageError(f"damaged: it imports more than {MAX_IMPORTS} functions")
        if 4 * len(functions) > image.extent(iat)[2]:
            raise ImageError(f"damaged: the address table of {name} reaches past the end of its section")
        found.append(ImportedDll(name, tuple(functions), iat, timestamp))
        rva += 20
    return tuple(found)


def _thunks(image: PeImage, rva: int, dll: str) -> Iterator[Import]:
    offset, filled, available = image.extent(rva)
    count = min(filled // 4, MAX_FUNCTIONS + 1)
    data = image.data
    for index in range(count):
        value = int.from_bytes(data[offset + 4 * index : offset + 4 * index + 4], "little")
        if value == 0:
            return
        if value & 0x8000_0000:
            yield Import(None, value & 0xFFFF)
        else:
            hint = int.from_bytes(image.read(value, 2), "little")
            yield Import(image.cstring(value + 2).decode("latin-1"), hint)
    if count > MAX_FUNCTIONS or available < 4 * (count + 1):
        raise ImageError(f"damaged: the import table of {dll} has no end")


def read_delayed(image: PeImage) -> tuple[Delayed, ...]:
    """The delay-import descriptors (Microsoft: delayimp.h); validated only, the program's own code resolves them."""
    rva, size = image.directory_table[DIR_DELAY_IMPORT]
    found: list[Delayed] = []
    while rva and size >= 32:
        attributes, name, handle, table = struct.unpack("<IIII", image.read(rva, 16))
        if not name:
            break
        if len(found) >= MAX_DLLS:
            raise ImageError(f"damaged: it imports more than {MAX_DLLS} DLLs")
        rva_based = bool(attributes & 1)
        base = 0 if rva_based else image.image_base
        if not 0 <= handle - base < image.size_of_image or not 0 <= table - base < image.size_of_image:
            raise ImageError("damaged: a delayed import lies outside the image")
        found.append(Delayed(image.cstring(name - base, 512).decode("latin-1"), rva_based))
        rva += 32
    return tuple(found)


def read_relocations(image: PeImage) -> Iterator[tuple[int, int, int]]:
    """(rva, type, low word of HIGHADJ) of every base relocation but the padding.

    An all-zero block header ends the table (linkers pad with it); any other block shorter than its header is an error.
    """
    rva, size = image.directory_table[DIR_RELOC]
    if not rva or not size:
        return
    offset, filled, _available = image.extent(rva)
    table = image.data[offset : offset + min(size, filled)]  # zeros behind the file's data would end it anyway
    limit = image.size_of_image
    at = 0
    while at + 8 <= len(table):
        page, length = struct.unpack_from("<II", table, at)
        if length == 0 and page == 0:
            return
        if length < 8 or length & 1 or at + length > len(table):
            raise ImageError(f"damaged: a relocation block of {length} bytes")
        if page >= limit:
            raise ImageError(f"damaged: relocations for {page:#x}, outside the image")
        entries = iter(struct.unpack_from(f"<{(length - 8) // 2}H", table, at + 8))
        for entry in entries:
            kind = entry >> 12
            if kind == REL_ABSOLUTE:
                continue
            target = page + (entry & 0xFFF)
            width = 4 if kind == REL_HIGHLOW else 2
            if target + width > limit:
                raise ImageError(f"damaged: a relocation at {target:#x}, outside the image")
            if kind == REL_HIGHADJ:
                low = next(entries, None)
                if low is None:
                    raise ImageError("damaged: a relocation block ends inside an entry")
                yield target, kind, low
            elif kind in (REL_HIGHLOW, REL_HIGH, REL_LOW):
                yield target, kind, 0
            else:
                raise ImageError(f"damaged: relocation of unknown type {kind}")
        at += length


def read_tls(image: PeImage) -> Tls | None:
    """The TLS directory; its addresses are absolute in the file and RVAs here."""
    rva, size = image.directory_table[DIR_TLS]
    if not rva or not size:
        return None
    start, end, index, callbacks, zero_fill = struct.unpack("<IIIII", image.read(rva, 20))
    base, limit = image.image_base, image.size_of_image
    length = end - start
    if start == end:
        start = base
    if length < 0 or not base <= start <= base + limit - length or length + zero_fill > MAX_TLS:
        raise ImageError("damaged: the thread-local data lies outside the image")
    if length:
        image.read(start - base, length)
    for name, address in (("index", index), ("callbacks", callbacks)):
        if (address or name == "index") and not base <= address <= base + limit - 4:
            raise ImageError(f"damaged: the thread-local {name} lies outside the image")
    image.read(index - base, 4)
    return Tls(start - base, length, zero_fill, index - base, callbacks - base if callbacks else 0)
