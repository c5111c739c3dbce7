"""A PE file described: headers checked, sections placed, directories read on demand.

Owns what the loader believes about a file before anything of it reaches guest memory. `parse` reads the headers
through pefile (headers only: its directory parsers copy whole tables and repair what Windows would refuse)
after the checks that decide what kind of file this is; the directories are read in `directories` over
`PeImage.read`, which never leaves the bytes of the file. Every failure is an `ImageError` with one line for the
user; no other exception leaves this module.

Leniency is Windows 9x's, because packers and the Watcom and Borland linkers rely on it: a section's virtual
size may be 0 (the raw size counts), raw data may be larger than the virtual size, PointerToRawData is rounded
down to 512, the last sector need not be padded, SizeOfHeaders and SizeOfImage need not be aligned, section
names and flags mean little.

Limits: 96 sections (Microsoft PE/COFF specification 8.3, section 3.1), 1 GB of image.
"""

from __future__ import annotations

import os
import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from w9x_arena.layout import PAGE, page_up

if TYPE_CHECKING:
    from .directories import Delayed, Exports, ImportedDll, Tls
    from .resources import Resources

MAX_SECTIONS = 96
MAX_IMAGE = 0x4000_0000
MAX_FILE = 0x4000_0000
SECTOR = 0x200
"""PointerToRawData is rounded down to this (Microsoft PE/COFF specification, FileAlignment)."""

FILE_RELOCS_STRIPPED = 0x0001
FILE_EXECUTABLE = 0x0002
FILE_DLL = 0x2000

SCN_CODE = 0x0000_0020
SCN_SHARED = 0x1000_0000
SCN_EXECUTE = 0x2000_0000
SCN_READ = 0x4000_0000
SCN_WRITE = 0x8000_0000

(
    DIR_EXPORT, DIR_IMPORT, DIR_RESOURCE, DIR_EXCEPTION, DIR_SECURITY, DIR_RELOC, DIR_DEBUG, DIR_COPYRIGHT,
    DIR_GLOBALPTR, DIR_TLS, DIR_LOAD_CONFIG, DIR_BOUND_IMPORT, DIR_IAT, DIR_DELAY_IMPORT, DIR_COM_DESCRIPTOR,
) = range(15)  # fmt: skip

SUBSYSTEM_NATIVE, SUBSYSTEM_GUI, SUBSYSTEM_CONSOLE = 1, 2, 3
_SUBSYSTEMS = {
    1: "a driver or native NT program", 5: "an OS/2 program", 7: "a POSIX program", 9: "a Windows CE program",
    10: "an EFI program", 11: "an EFI driver", 12: "an EFI driver", 13: "an EFI program", 14: "an Xbox program",
    16: "a Windows boot program",
}  # fmt: skip
_MACHINES = {
    0x0162: "MIPS", 0x0166: "MIPS", 0x0168: "MIPS", 0x0169: "MIPS", 0x0184: "Alpha", 0x0284: "64-bit Alpha",
    0x01A2: "SH-3", 0x01A6: "SH-4",
    0x01C0: "ARM", 0x01C2: "ARM Thumb", 0x01C4: "ARM Thumb-2", 0x01F0: "PowerPC", 0x01F1: "PowerPC",
    0x0200: "Itanium", 0x0EBC: "EFI byte code", 0x8664: "64-bit x86", 0xAA64: "64-bit ARM",
}  # fmt: skip


class ImageError(Exception):
    """A file that cannot be loaded; the text is one line for the user.

    ``exit_code`` is the shell's: 126 found but cannot run, 127 not found.
    """

    def __init__(self, text: str, exit_code: int = 126) -> None:
        super().__init__(text)
        self.text, self.exit_code = text, exit_code


@dataclass(frozen=True, slots=True)
class Section:
    """One section as it is mapped: ``size`` bytes of memory (whole pages), the first ``raw_size`` from the file."""

    name: str
    rva: int
    size: int
    raw_offset: int
    raw_size: int
    flags: int

    @property
    def end(self) -> int:
        return self.rva + self.size


@dataclass(frozen=True)
class PeImage:
    """What a PE file says about itself. Addresses are relative to ``image_base`` (RVAs) unless named otherwise."""

    data: bytes
    machine: int
    characteristics: int
    subsystem: int
    subsystem_version: tuple[int, int]
    image_base: int
    size_of_image: int
    """Rounded up to a page."""
    entry: int
    """RVA; 0 = none."""
    stack_reserve: int
    stack_commit: int
    heap_reserve: int
    heap_commit: int
    header_size: int
    """Bytes of the file's head mapped at RVA 0."""
    timestamp: int
    checksum: int
    section_alignment: int
    sections: tuple[Section, ...]
    """By ascending RVA, those without memory left out."""
    directory_table: tuple[tuple[int, int], ...]
    """(rva, size) of the 16 data directories; the missing ones are (0, 0)."""

    @property
    def is_dll(self) -> bool:
        """Whether the DLL flag is set."""
        return bool(self.characteristics & FILE_DLL)

    @property
    def is_console(self) -> bool:
        """Whether the program wants a console."""
        return self.subsystem == SUBSYSTEM_CONSOLE

    @property
    def relocatable(self) -> bool:
        """Whether the image can be placed elsewhere than at its base."""
        rva, size = self.directory_table[DIR_RELOC]
        return bool(rva and size and not self.characteristics & FILE_RELOCS_STRIPPED)

    # --- bytes by RVA -------------------------------------------------------------
    @cached_property
    def _starts(self) -> list[int]:
        return [section.rva for section in self.sections]

    def section_at(self, rva: int) -> Section | None:
        """The section whose memory holds ``rva``."""
        index = bisect_right(self._starts, rva) - 1
        if index >= 0 and rva < self.sections[index].end:
            return self.sections[index]
        return None

    def extent(self, rva: int) -> tuple[int, int, int]:
        """(file offset, initialised bytes, bytes of memory) from ``rva`` to the end of its section or the headers."""
        section = self.section_at(rva)
        if section is not None:
            skip = rva - section.rva
            return section.raw_offset + skip, max(section.raw_size - skip, 0), section.size - skip
        if 0 <= rva < self.header_size:
            return rva, self.header_size - rva, self.header_size - rva
        raise ImageError(f"damaged: address {rva:#x} lies in no section")

    def read(self, rva: int, size: int) -> bytes:
        """``size`` bytes at ``rva`` as they would stand in memory; ImageError past the end of the section."""
        offset, filled, available = self.extent(rva)
        if size > available:
            raise ImageError(f"damaged: {size} bytes at {rva:#x} reach past the end of their section")
        found = self.data[offset : offset + min(size, filled)]
        return found + bytes(size - len(found))

    def u32(self, rva: int) -> int:
        """The dword at ``rva``."""
        return int.from_bytes(self.read(rva, 4), "little")

    def cstring(self, rva: int, limit: int = 4096) -> bytes:
        """The zero-terminated bytes at ``rva``, at most ``limit``."""
        offset, filled, available = self.extent(rva)
        stop = offset + min(filled, limit)
        end = self.data.find(b"\0", offset, stop)
        if end >= 0:
            return self.data[offset:end]
        if filled >= available or filled >= limit:
            raise ImageError(f"damaged: the text at {rva:#x} has no end")
        return self.data[offset:stop]

    # --- directories --------------------------------------------------------------
    @cached_property
    def imports(self) -> tuple[ImportedDll, ...]:
        """The import descriptors."""
        from .directories import read_imports

        return read_imports(self)

    @cached_property
    def delayed(self) -> tuple[Delayed, ...]:
        """The delay-import descriptors. The loader never needs them: the program's own helper resolves them."""
        from .directories import read_delayed

        return read_delayed(self)

    @cached_property
    def exports(self) -> Exports | None:
        """The export directory."""
        from .directories import read_exports

        return read_exports(self)

    @cached_property
    def tls(self) -> Tls | None:
        """The TLS directory."""
        from .directories import read_tls

        return read_tls(self)

    @cached_property
    def resources(self) -> Resources | None:
        """The resource tree."""
        from .resources import Resources

        rva, size = self.directory_table[DIR_RESOURCE]
        return Resources(self, rva) if rva and size else None

    def relocations(self) -> Iterator[tuple[int, int, int]]:
        """(rva, type, HIGHADJ's low word) of every base relocation, in file order."""
        from .directories import read_relocations

        return read_relocations(self)


# --- reading -----------------------------------------------------------------------
def read_image_file(fd: int) -> bytes:
    """The bytes of the file that its sections cover; an installer's payload behind them is not read.

    Raises ImageError for what is no regular readable file.
    """
    try:
        size = os.fstat(fd).st_size
        head = os.pread(fd, 0x10000, 0)
        wanted = min(max(_extent_of_sections(head), len(head)), size, MAX_FILE)
        parts = [head]
        done = len(head)
        while done < wanted:
            part = os.pread(fd, wanted - done, done)
            if not part:
                break
            parts.append(part)
            done += len(part)
    except OSError as error:
        raise ImageError(f"cannot be read: {error.strerror}") from None
    return b"".join(parts)


def _extent_of_sections(head: bytes) -> int:
    """End of the last section's raw data as the headers in ``head`` claim it; all of the file without headers."""
    try:
        (at,) = struct.unpack_from("<I", head, 0x3C)
        count, optional = struct.unpack_from("<H12xH", head, at + 6)
        table = at + 24 + optional
        ends = [0]
        for index in range(min(count, MAX_SECTIONS)):
            size, offset = struct.unpack_from("<II", head, table + 40 * index + 16)
            ends.append(size + offset)
        return max(ends) if head[at : at + 4] == b"PE\0\0" else 0
    except struct.error:
        return MAX_FILE


def parse(data: bytes) -> PeImage:
    """Describe the PE file ``data``; ImageError (one line) for everything that Windows 9x could not run or load."""
    _check_kind(data)
    import pefile  # type: ignore[import-untyped]  # it ships no types. Imported here because it costs 16 ms

    try:
        pe = pefile.PE(data=data, fast_load=True)
    except pefile.PEFormatError as error:
        raise ImageError(f"damaged: {str(error).strip(chr(39)) or 'not a PE file'}") from None
    except Exception as error:  # noqa: BLE001  # pefile promises no closed set of errors for hostile input
        raise ImageError(f"damaged: the headers cannot be read ({type(error).__name__})") from None
    header, optional = pe.FILE_HEADER, pe.OPTIONAL_HEADER
    count = header.NumberOfSections
    if len(pe.sections) != count:
        raise ImageError("damaged: the section table is cut short")
    if not header.Characteristics & FILE_EXECUTABLE:
        raise ImageError("cannot be run: its linker reported errors (not marked as executable)")
    size = optional.SizeOfImage
    if not 0 < size <= MAX_IMAGE:
        raise ImageError(f"damaged: image size {size:#x}")
    base = optional.ImageBase
    if base % 0x10000 or base + page_up(size) > 0x1_0000_0000:
        raise ImageError(f"damaged: image base {base:#x}")
    _check_alignment(optional.SectionAlignment, optional.FileAlignment)
    directories = [(d.VirtualAddress, d.Size) for d in getattr(optional, "DATA_DIRECTORY", ())[:16]]
    directories += [(0, 0)] * (16 - len(directories))
    table_end = optional.get_file_offset() + header.SizeOfOptionalHeader + 40 * count
    sections, header_size = _place_sections(pe.sections, data, optional, table_end)
    image = PeImage(
        data=data,
        machine=header.Machine,
        characteristics=header.Characteristics,
        subsystem=optional.Subsystem,
        subsystem_version=(optional.MajorSubsystemVersion, optional.MinorSubsystemVersion),
        image_base=base,
        size_of_image=page_up(size),
        entry=optional.AddressOfEntryPoint,
        stack_reserve=optional.SizeOfStackReserve,
        stack_commit=optional.SizeOfStackCommit,
        heap_reserve=optional.SizeOfHeapReserve,
        heap_commit=optional.SizeOfHeapCommit,
        header_size=header_size,
        timestamp=header.TimeDateStamp,
        checksum=optional.CheckSum,
        section_alignment=optional.SectionAlignment,
        sections=sections,
        directory_table=tuple(directories),
    )
    _check_runnable(image)
    return image


def _check_kind(data: bytes) -> None:
    """Tell PE from everything else by the first headers; ImageError names what it is."""
    if len(data) < 2 or data[:2] not in (b"MZ", b"ZM"):
        if data[:4] == b"\x7fELF":
            raise ImageError("not a Windows program: it is a Linux program")
        if data[:2] == b"#!":
            raise ImageError("not a Windows program: it is a script")
        raise ImageError("not a Windows program" if data else "not a Windows program: the file is empty")
    if len(data) < 0x40:
        raise ImageError("damaged: the header is cut short")
    relocations, at = struct.unpack_from("<H34xI", data, 0x18)
    signature = data[at : at + 4]
    if signature == b"PE\0\0":
        if len(data) < at + 24 + 2:
            raise ImageError("damaged: the header is cut short")
        machine, count, optional_size, magic = struct.unpack_from("<HH12xH2xH", data, at + 4)
        if machine != 0x14C:
            name = _MACHINES.get(machine, f"an unknown processor ({machine:#06x})")
            raise ImageError(f"a program for {name}: only 32-bit x86 programs run here")
        if magic == 0x20B:
            raise ImageError("a 64-bit program: only 32-bit x86 programs run here")
        if magic != 0x10B:
            raise ImageError(f"damaged: optional header of unknown kind {magic:#x}")
        if optional_size < 0x38 or len(data) < at + 24 + 0x60:
            raise ImageError("damaged: the header is cut short")
        if count == 0:
            raise ImageError("damaged: it has no sections")
        if count > MAX_SECTIONS:
            raise ImageError(f"damaged: {count} sections (at most {MAX_SECTIONS} are possible)")
        return
    if signature[:2] == b"NE":
        raise ImageError("a 16-bit Windows program: not supported yet")
    if signature[:2] in (b"LE", b"LX"):
        raise ImageError("a VxD driver, DOS extender or OS/2 program (linear executable): not a Windows program")
    if signature[:2] in (b"W3", b"W4"):
        raise ImageError("a Windows 386 kernel archive: not a Windows program")
    if relocations >= 0x40 and len(data) <= at < 0x100_0000:
        raise ImageError("damaged: the header lies past the end of the file")
    raise ImageError("a DOS program: not supported")


def _check_alignment(section: int, file: int) -> None:
    """Powers of two; what Windows 9x's own tools and packers produce lies far inside these bounds."""
    for name, value, least, most in (("section", section, 1, 0x1000_0000), ("file", file, 1, 0x1_0000)):
        if value & (value - 1) or not least <= value <= most:
            raise ImageError(f"damaged: {name} alignment {value:#x}")


def _place_sections(
    raw: list[Any], data: bytes, optional: Any, table_end: int
) -> tuple[tuple[Section, ...], int]:
    """The sections with memory, sorted and checked against the file, the image and each other; and the header size."""
    limit = page_up(optional.SizeOfImage)
    slack = max(optional.FileAlignment, SECTOR)
    found: list[Section] = []
    for number, entry in enumerate(raw, 1):
        rva, virtual = entry.VirtualAddress, entry.Misc_VirtualSize
        size, offset = entry.SizeOfRawData, entry.PointerToRawData
        name = entry.Name.rstrip(b"\0").decode("latin-1")
        label = f"section {number}" + (f" ({name})" if name.isprintable() and name else "")
        if offset == 0:
            size = 0
        if virtual == 0:
            virtual = size
        if virtual == 0:
            continue
        if optional.SectionAlignment >= PAGE:
            offset &= ~(SECTOR - 1)
            if rva % PAGE:
                raise ImageError(f"damaged: {label} does not start on a page")
        if rva + virtual > limit:
            raise ImageError(f"damaged: {label} reaches past the end of the image")
        size = min(size, page_up(virtual))
        if size and offset + size > len(data):
            if offset >= len(data) or offset + size - len(data) >= slack:
                raise ImageError(f"damaged: {label} reaches past the end of the file (cut short?)")
            size = len(data) - offset
        found.append(Section(name, rva, virtual, offset, size, entry.Characteristics))
    if not found:
        raise ImageError("damaged: none of its sections has any memory")
    found.sort(key=lambda section: section.rva)
    placed: list[Section] = []
    for index, section in enumerate(found):
        following = found[index + 1].rva if index + 1 < len(found) else limit
        if section.end > following:
            raise ImageError(f"damaged: sections {section.name!r} and {found[index + 1].name!r} overlap")
        # Memory comes in pages: what lies behind the virtual size in the last one can be read, raw data included.
        size = min(page_up(section.size), following - section.rva)
        raw_size = min(section.raw_size, size)
        placed.append(
            Section(section.name, section.rva, size, section.raw_offset, raw_size, section.flags)
        )
    declared = max(optional.SizeOfHeaders, table_end)
    header_size = min(declared, placed[0].rva, len(data))
    if placed[0].rva == 0:
        raise ImageError(f"damaged: section {placed[0].name!r} lies over the headers")
    return tuple(placed), header_size


def _check_runnable(image: PeImage) -> None:
    """What is a correct PE file and still nothing for Windows 9x."""
    rva, size = image.directory_table[DIR_COM_DESCRIPTOR]
    if rva and size >= 0x48:
        try:
            length, metadata = struct.unpack("<I4xI", image.read(rva, 12))
            if length >= 0x48 and metadata:
                raise ImageError("a .NET program: it needs the .NET framework, which is not part of Windows 98")
        except ImageError as error:
            if error.text.startswith("a .NET"):
                raise
    if image.entry and image.section_at(image.entry) is None and image.entry >= image.header_size:
        raise ImageError(f"damaged: the entry point {image.entry:#x} lies in no section")
    if not image.is_dll and image.subsystem in _SUBSYSTEMS:
        raise ImageError(f"{_SUBSYSTEMS[image.subsystem]}: not a Windows program")
