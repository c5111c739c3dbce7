"""Resources of a module: find, enumerate, strings, version information.

Works on the image's bytes (`PeImage.read`); addresses given out are RVAs, so the API adds the module's base:
HRSRC is the address of the IMAGE_RESOURCE_DATA_ENTRY (Windows 9x: the same), LockResource's pointer is ``base +
Entry.data``. Format: Microsoft PE/COFF specification 8.3, chapter 6.9. Names compare without regard to case;
``"#123"`` is the number 123 (SDK, FindResource).

A damaged or cyclic tree raises `ImageError` or reads as empty; the depth is fixed at three levels, so no cycle
is followed.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .image import ImageError

if TYPE_CHECKING:
    from .image import PeImage

RT_STRING, RT_VERSION = 6, 16
MAX_ENTRIES = 0x4_0000
"""Entries read of one tree: directories may overlap, so the file's size is no bound."""
MAX_NAMES = 0x100_0000
"""Bytes of names read of one tree."""
MAX_DATA = 0x400_0000
LANG_NEUTRAL = 0
LANG_ENGLISH_US = 0x409

ResourceId = int | str


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource. RVAs."""

    entry: int
    """RVA of the data entry (HRSRC - base)."""
    data: int
    size: int
    codepage: int
    language: int


def normalize(name: ResourceId) -> ResourceId:
    """A name as the tree's keys are compared: ``"#123"`` -> 123, other text in upper case."""
    if isinstance(name, int):
        return name
    if name[:1] == "#":
        digits = name[1:]
        return int(digits) & 0xFFFF if digits.isascii() and digits.isdigit() else name.upper()
    return name.upper()


class Resources:
    """The resource tree of an image whose root directory stands at ``rva``."""

    def __init__(self, image: PeImage, rva: int) -> None:
        self._image, self._rva = image, rva
        self._tables: dict[int, dict[ResourceId, int]] = {}
        self._entries = self._text_size = 0

    # --- the tree -------------------------------------------------------------------
    def _table(self, offset: int) -> dict[ResourceId, int]:
        """Key -> raw target of one directory, in file order."""
        known = self._tables.get(offset)
        if known is not None:
            return known
        image, at = self._image, self._rva + offset
        named, numbered = struct.unpack("<12xHH", image.read(at, 16))
        count = named + numbered
        self._entries += count + 1
        if self._entries > MAX_ENTRIES:
            raise ImageError("damaged: the resource directories have no end")
        words = struct.unpack(f"<{2 * count}I", image.read(at + 16, 8 * count))
        found: dict[ResourceId, int] = {}
        for key, target in zip(words[::2], words[1::2], strict=True):
            found.setdefault(self._text(key & 0x7FFF_FFFF) if key & 0x8000_0000 else key & 0xFFFF, target)
        self._tables[offset] = found
        return found

    def _text(self, offset: int) -> str:
        at = self._rva + offset
        (length,) = struct.unpack("<H", self._image.read(at, 2))
        self._text_size += 2 * length
        if self._text_size > MAX_NAMES:
            raise ImageError("damaged: the names of the resources have no end")
        return self._image.read(at + 2, 2 * length).decode("utf-16-le", "replace")

    def _child(self, target: int) -> dict[ResourceId, int]:
        if not target & 0x8000_0000:
            raise ImageError("damaged: a resource has too few levels")
        return self._table(target & 0x7FFF_FFFF)

    def _entry(self, target: int, language: int) -> Entry:
        if target & 0x8000_0000:
            raise ImageError("damaged: a resource has too many levels")
        at = self._rva + target
        data, size, codepage = struct.unpack("<III4x", self._image.read(at, 16))
        if size > MAX_DATA or data + size > self._image.size_of_image:
            raise ImageError("damaged: a resource lies outside the image")
        return Entry(at, data, size, codepage, language)

    @staticmethod
    def _pick(table: dict[ResourceId, int], name: ResourceId) -> int | None:
        wanted = normalize(name)
        if isinstance(wanted, int):
            return table.get(wanted)
        found = table.get(wanted)
        if found is None:
            found = next((v for k, v in table.items() if isinstance(k, str) and k.upper() == wanted), None)
        return found

    # --- interface --------------------------------------------------------------------
    def types(self) -> list[ResourceId]:
        """All types, in the tree's order (EnumResourceTypes)."""
        return list(self._table(0))

    def names(self, kind: ResourceId) -> list[ResourceId]:
        """All names of a type; empty where the type is missing (EnumResourceNames)."""
        target = self._pick(self._table(0), kind)
        return [] if target is None else list(self._child(target))

    def languages(self, kind: ResourceId, name: ResourceId) -> list[int]:
        """All languages of a resource (EnumResourceLanguages)."""
        target = self._pick(self._table(0), kind)
        inner = None if target is None else self._pick(self._child(target), name)
        return [] if inner is None else [key for key in self._child(inner) if isinstance(key, int)]

    def find(self, kind: ResourceId, name: ResourceId, language: int | None = None) -> Entry | None:
        """FindResource (``language`` None) or FindResourceEx.

        Without a language, or where it is missing: neutral, US English, then whatever comes first.
        """
        target = self._pick(self._table(0), kind)
        if target is None:
            return None
        inner = self._pick(self._child(target), name)
        if inner is None:
            return None
        table = self._child(inner)
        if not table:
            return None
        for wanted in (language, None if language is None else language & 0x3FF, LANG_NEUTRAL, LANG_ENGLISH_US):
            if wanted is not None and wanted in table:
                return self._entry(table[wanted], wanted)
        first, target = next(iter(table.items()))
        return self._entry(target, first if isinstance(first, int) else 0)

    def read(self, entry: Entry) -> bytes:
        """A resource's bytes."""
        return self._image.read(entry.data, entry.size)

    def string(self, number: int, language: int | None = None) -> str | None:
        """LoadString: string ``number`` of the string tables; None where there is none."""
        entry = self.find(RT_STRING, (number >> 4 & 0xFFF) + 1, language)
        if entry is None:
            return None
        data = self.read(entry)
        at = 0
        for _ in range(number & 15):
            if at + 2 > len(data):
                return None
            at += 2 + 2 * int.from_bytes(data[at : at + 2], "little")
        length = 2 * int.from_bytes(data[at : at + 2], "little")
        if not length or at + 2 + length > len(data):
            return None
        return data[at + 2 : at + 2 + length].decode("utf-16-le", "surrogatepass")

    def version(self) -> bytes | None:
        """The VS_VERSIONINFO block (resource type 16, name 1, or the first there is); see `version.query`."""
        entry = self.find(RT_VERSION, 1)
        if entry is None:
            names = self.names(RT_VERSION)
            entry = self.find(RT_VERSION, names[0]) if names else None
        return None if entry is None else self.read(entry)
