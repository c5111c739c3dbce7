"""The arena's ledger: which process owns which guest range, which images are where, and the overlays.

Pure bookkeeping: no file, no clock, no journal. :class:`RangeLedger` raises :class:`Refused` with an error code of
``w9x_arena.messages``; freed ranges are reported to ``on_free`` and become allocatable only after
:meth:`RangeLedger.reclaimed` - between the two the caller clears the page map and punches the file.

An overlay is pages of one process alone at addresses that belong to somebody else in the arena (or to nobody).
It occupies no shared range. Two rules follow: a process never gets a shared range under its own overlays, and
ranges placed freely avoid everybody's overlays while there is room elsewhere, because a process cannot see what
lies under its overlay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from sortedcontainers import SortedDict  # type: ignore[import-untyped]  # ships no types

from w9x_arena import layout
from w9x_arena.messages import ArenaName, Code, PlaceMode, RangeKind
from w9xd.extent import Extent, Interval
from w9xd.journal import Put, Rows, put_nowhere

RANGES_PER_PROCESS = 8192
FREE_PLACEMENT_FLOOR = 0x0200_0000
"""Allocations without a wish start here: most EXEs have 00400000 as a fixed base, and one that finds it taken
runs as an overlay there, which would hide shared memory below it."""
BUILTIN = "builtin:"


class Refused(Exception):
    """A request that cannot be met; ``code`` goes to the client."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(slots=True)
class Range:
    """A range of the shared file. ``owner`` is 0 for images, which belong to their users."""

    start: int
    end: int
    kind: RangeKind
    prot: int
    label: str
    owner: int
    image: Image | None = None


@dataclass(slots=True)
class Image:
    """One module's pages. ``users`` counts the uses of each process; ``filler`` is set until it is ready."""

    key: str
    range: Range
    size: int
    filler: int
    users: Counter[int] = field(default_factory=Counter)

    @property
    def ready(self) -> bool:
        return self.filler == 0


@dataclass(slots=True)
class Overlay:
    """Private pages of one process. ``key`` is the image's, or empty for a plain allocation."""

    start: int
    end: int
    owner: int
    key: str
    prot: int
    label: str
    uses: int = 1
    reserved: Range | None = None
    """The range of the shared arena that keeps others away, when it had to be put where nothing else is."""


@dataclass(slots=True)
class _Holdings:
    """What one process has."""

    ranges: dict[int, Range] = field(default_factory=dict)
    overlays: dict[int, Overlay] = field(default_factory=dict)
    images: set[str] = field(default_factory=set)


class RangeLedger:
    """All ranges, images and overlays. Owners are guest pids; :meth:`add_owner` and :meth:`drop_owner` bracket them."""

    def __init__(self, on_free: Callable[[int, int], None], put: Put = put_nowhere) -> None:
        self._on_free = on_free
        self._put = put
        self._extents = {
            "system": Extent(layout.SYSTEM_START, layout.SYSTEM_END),
            "dll": Extent(layout.DLL_START, layout.DLL_END),
        }
        self._ranges: SortedDict[int, Range] = SortedDict()
        self._images: dict[str, Image] = {}
        self._overlay_count: SortedDict[Interval, int] = SortedDict()
        self._owners: dict[int, _Holdings] = {}

    # --- views ------------------------------------------------------------------------------------------------

    def ranges(self) -> Iterator[Range]:
        """Ranges by address."""
        yield from self._ranges.values()

    def overlays(self) -> Iterator[Overlay]:
        """Overlays by owner."""
        for holdings in self._owners.values():
            yield from holdings.overlays.values()

    def images(self) -> Iterator[Image]:
        """Images, in no order."""
        yield from self._images.values()

    def range_count(self) -> int:
        """Number of shared ranges."""
        return len(self._ranges)

    def reserved_bytes(self) -> int:
        """Guest address space that is not free."""
        return sum(extent.end - extent.start - extent.free_bytes for extent in self._extents.values())

    # --- owners -----------------------------------------------------------------------------------------------

    def add_owner(self, owner: int) -> None:
        """A process starts."""
        self._owners.setdefault(owner, _Holdings())

    def drop_owner(self, owner: int) -> None:
        """A process ended: everything it had is freed."""
        holdings = self._owners.get(owner)
        if holdings is None:
            return
        for overlay in list(holdings.overlays.values()):
            self._drop_overlay(overlay)
        for key in list(holdings.images):
            self._drop_image_user(self._images[key], owner, everything=True)
        for item in list(holdings.ranges.values()):
            self._drop_range(item)
        del self._owners[owner]

    def _holdings(self, owner: int) -> _Holdings:
        return self._owners[owner]

    def _count(self, owner: int) -> None:
        holdings = self._owners[owner]
        if len(holdings.ranges) + len(holdings.overlays) + len(holdings.images) >= RANGES_PER_PROCESS:
            raise Refused(Code.LIMIT, f"a process may have {RANGES_PER_PROCESS} ranges")

    # --- plain ranges -----------------------------------------------------------------------------------------

    def allocate(
        self,
        owner: int,
        size: int,
        address: int = 0,
        kind: RangeKind = "shared",
        prot: int = 0,
        label: str = "",
        top_down: bool = False,
        arena: ArenaName = "system",
    ) -> int:
        """Reserve a range and return its base. A fixed ``address`` is rounded down to 64 KB and the end up.

        ``kind`` overlay at a fixed address takes no shared range. Raises :class:`Refused`: INVALID, NO_SPACE,
        CONFLICT, LIMIT.
        """
        if size <= 0:
            raise Refused(Code.INVALID, "a range of no bytes")
        self._count(owner)
        if address:
            start, end = _granules(address, size)
            if kind == "overlay":
                return self._add_overlay(owner, start, end, "", prot, label).start
            if not self._is_free(owner, start, end):
                raise Refused(Code.CONFLICT, f"{start:#010x}-{end:#010x} is not free")
        else:
            size = layout.granule_up(size)
            start = self._find(owner, size, top_down, arena)
            end = start + size
            if kind == "overlay":
                reserved = self._add_range(Range(start, end, kind, prot, label, 0))
                return self._add_overlay(owner, start, end, "", prot, label, reserved).start
        item = self._add_range(Range(start, end, kind, prot, label, owner))
        self._holdings(owner).ranges[start] = item
        return start

    def free(self, owner: int, base: int) -> None:
        """Free one's own range or plain overlay by its base. Raises :class:`Refused`: NOT_FOUND, DENIED."""
        holdings = self._holdings(owner)
        overlay = holdings.overlays.get(base)
        if overlay is not None and not overlay.key:
            self._drop_overlay(overlay)
            return
        self._drop_range(self._own(owner, base))

    def set_label(self, owner: int, base: int, label: str) -> None:
        """Rename one's own range. Raises :class:`Refused`: NOT_FOUND, DENIED."""
        item = self._own(owner, base)
        item.label = label
        self._put_range(item)

    def _own(self, owner: int, base: int) -> Range:
        item = self._holdings(owner).ranges.get(base)
        if item is None:
            if base in self._ranges:
                raise Refused(Code.DENIED, f"the range at {base:#010x} is not this process's to change")
            raise Refused(Code.NOT_FOUND, f"no range begins at {base:#010x}")
        return item

    # --- images -----------------------------------------------------------------------------------------------

    def place_image(
        self, owner: int, key: str, preferred: int, size: int, relocatable: bool, dll_arena: bool, label: str
    ) -> tuple[int, PlaceMode]:
        """Decide where a module's image goes in process ``owner``; ``docs/design/daemon.md`` lists the cases.

        Raises :class:`Refused`: INVALID, NO_SPACE, CONFLICT (a fixed base that the process itself uses), LIMIT.
        """
        if size <= 0 or not key:
            raise Refused(Code.INVALID, "an image needs a key and a size")
        if preferred % layout.GRANULARITY:
            raise Refused(Code.INVALID, f"image base {preferred:#010x} is not a multiple of 64 KB")
        holdings = self._holdings(owner)
        for overlay in holdings.overlays.values():
            if overlay.key == key:
                overlay.uses += 1
                self._put_overlay(overlay)
                return overlay.start, "overlay"
        image = self._images.get(key)
        if image is not None:
            if image.size != size:
                raise Refused(Code.INVALID, f"image {key!r} is placed with {image.size} bytes, not {size}")
            if owner in image.users:
                self._use_image(image, owner, image.users[owner] + 1)
                return image.range.start, "existing" if image.ready else "fresh"
            self._count(owner)
            start, end = image.range.start, image.range.end
            if self._own_overlap(owner, start, end) is None:
                if image.ready:
                    self._use_image(image, owner, 1)
                    return start, "existing"
                self._add_overlay(owner, start, end, key, 0, label)
                return start, "pending"
            if not relocatable:
                raise Refused(Code.CONFLICT, f"{start:#010x}-{end:#010x} is in use in this process")
            return self._elsewhere(owner, key, end - start, dll_arena, label), "overlay"
        self._count(owner)
        arena: ArenaName = "dll" if dll_arena else "system"
        try:
            start, end = _granules(preferred, size)
            possible = preferred != 0
        except Refused:
            if not relocatable:
                raise
            possible = False
        if possible and self._is_free(owner, start, end):
            self._add_image(owner, key, start, end, size, label)
            return start, "fresh"
        if relocatable:
            length = layout.granule_up(size)
            start = self._find(owner, length, top_down=True, arena=arena)
            self._add_image(owner, key, start, start + length, size, label)
            return start, "fresh"
        if not possible:
            raise Refused(Code.INVALID, "an image without relocations needs a base")
        self._add_overlay(owner, start, end, key, 0, label)
        return start, "overlay"

    def _elsewhere(self, owner: int, key: str, length: int, dll_arena: bool, label: str) -> int:
        start = self._find(owner, length, top_down=True, arena="dll" if dll_arena else "system")
        reserved = self._add_range(Range(start, start + length, "overlay", 0, label, 0))
        return self._add_overlay(owner, start, start + length, key, 0, label, reserved).start

    def _add_image(self, owner: int, key: str, start: int, end: int, size: int, label: str) -> None:
        item = self._add_range(Range(start, end, "image", 0, label, 0))
        item.image = self._images[key] = image = Image(key, item, size, owner)
        self._put_image(image)
        self._use_image(image, owner, 1)

    def _use_image(self, image: Image, owner: int, count: int) -> None:
        image.users[owner] = count
        self._holdings(owner).images.add(image.key)
        self._put(("u", image.key, owner), count)

    def image_ready(self, owner: int, key: str) -> None:
        """The filler says the image is complete. Raises :class:`Refused`: NOT_FOUND, DENIED."""
        image = self._images.get(key)
        if image is None:
            raise Refused(Code.NOT_FOUND, f"no image {key!r}")
        if image.filler != owner:
            raise Refused(Code.DENIED, f"image {key!r} is not this process's to fill")
        image.filler = 0
        self._put_image(image)

    def release_image(self, owner: int, key: str) -> None:
        """Drop one use. Raises :class:`Refused`: NOT_FOUND."""
        for overlay in self._holdings(owner).overlays.values():
            if overlay.key == key:
                overlay.uses -= 1
                self._put_overlay(overlay)
                if not overlay.uses:
                    self._drop_overlay(overlay)
                return
        image = self._images.get(key)
        if image is None or owner not in image.users:
            raise Refused(Code.NOT_FOUND, f"this process does not use image {key!r}")
        self._drop_image_user(image, owner, everything=False)

    def _drop_image_user(self, image: Image, owner: int, *, everything: bool) -> None:
        if not everything and image.users[owner] > 1:
            self._use_image(image, owner, image.users[owner] - 1)
            return
        del image.users[owner]
        self._holdings(owner).images.discard(image.key)
        self._put(("u", image.key, owner), None)
        abandoned = image.filler == owner
        if abandoned or (not image.users and not image.key.startswith(BUILTIN)):
            del self._images[image.key]
            self._put(("i", image.key), None)
            self._drop_range(image.range)

    # --- journal ----------------------------------------------------------------------------------------------

    def restore(self, rows: Rows) -> None:
        """Rebuild an empty ledger from journal rows; all owners in them must have been added.

        Raises ValueError, KeyError or TypeError when the rows contradict each other.
        """
        for key, value in rows.of("r"):
            start, (end, kind, prot, label, owner) = key[1], value
            item = self._add_range(Range(start, end, kind, prot, label, owner))
            if owner:
                self._holdings(owner).ranges[start] = item
        for key, value in rows.of("i"):
            start, size, filler = value
            item = self._ranges[start]
            item.image = self._images[key[1]] = image = Image(key[1], item, size, filler)
            self._put_image(image)
        for key, count in rows.of("u"):
            self._use_image(self._images[key[1]], key[2], count)
        for key, value in rows.of("o"):
            owner, start = key[1:]
            end, image_key, prot, label, uses, reserved = value
            taken = self._ranges[start] if reserved else None
            self._insert_overlay(Overlay(start, end, owner, image_key, prot, label, uses, taken))

    def free_gaps(self) -> list[Interval]:
        """Every free interval."""
        return [gap for extent in self._extents.values() for gap in extent.gaps()]

    # --- shared internals -------------------------------------------------------------------------------------

    def _find(self, owner: int, size: int, top_down: bool, arena: ArenaName) -> int:
        floor = FREE_PLACEMENT_FLOOR if arena == "system" else 0
        everybodys = _merged(self._overlay_count)
        own = _merged(sorted((o.start, o.end) for o in self._holdings(owner).overlays.values()))
        for lowest, avoid in ((floor, everybodys), (0, everybodys), (0, own)):
            start = self._extents[arena].find(size, top_down=top_down, floor=lowest, avoid=avoid)
            if start is not None:
                return start
        raise Refused(Code.NO_SPACE, f"no {size >> 10} KB of free addresses in the {arena} arena")

    def _is_free(self, owner: int, start: int, end: int) -> bool:
        extent = self._extents["dll" if start >= layout.DLL_START else "system"]
        return extent.is_free(start, end) and self._own_overlay(owner, start, end) is None

    def _own_overlay(self, owner: int, start: int, end: int) -> Overlay | None:
        for overlay in self._holdings(owner).overlays.values():
            if overlay.start < end and start < overlay.end:
                return overlay
        return None

    def _own_overlap(self, owner: int, start: int, end: int) -> Interval | None:
        """Something the process itself has in an interval: an overlay, a range or an image."""
        overlay = self._own_overlay(owner, start, end)
        if overlay is not None:
            return overlay.start, overlay.end
        index = max(self._ranges.bisect_right(start) - 1, 0)
        for base in self._ranges.islice(index):
            item = self._ranges[base]
            if item.start >= end:
                break
            used = item.owner == owner or (item.image is not None and owner in item.image.users)
            if used and item.end > start:
                return item.start, item.end
        return None

    def _add_range(self, item: Range) -> Range:
        self._extents["dll" if item.start >= layout.DLL_START else "system"].take(item.start, item.end)
        self._ranges[item.start] = item
        self._put_range(item)
        return item

    def _put_range(self, item: Range) -> None:
        self._put(("r", item.start), [item.end, item.kind, item.prot, item.label, item.owner])

    def _put_image(self, image: Image) -> None:
        self._put(("i", image.key), [image.range.start, image.size, image.filler])

    def _put_overlay(self, item: Overlay) -> None:
        reserved = item.reserved is not None
        row = [item.end, item.key, item.prot, item.label, item.uses, reserved]
        self._put(("o", item.owner, item.start), row)

    def _drop_range(self, item: Range) -> None:
        del self._ranges[item.start]
        if item.owner:
            del self._holdings(item.owner).ranges[item.start]
        self._put(("r", item.start), None)
        self._on_free(item.start, item.end)

    def reclaimed(self, start: int, end: int) -> None:
        """The pages of a dropped range are clean: it may be allocated again."""
        self._extents["dll" if start >= layout.DLL_START else "system"].give(start, end)

    def _add_overlay(
        self, owner: int, start: int, end: int, key: str, prot: int, label: str, reserved: Range | None = None
    ) -> Overlay:
        taken = self._own_overlap(owner, start, end)
        if taken is not None:
            raise Refused(Code.CONFLICT, f"{taken[0]:#010x}-{taken[1]:#010x} is in use in this process")
        overlay = Overlay(start, end, owner, key, prot, label, reserved=reserved)
        self._insert_overlay(overlay)
        return overlay

    def _insert_overlay(self, overlay: Overlay) -> None:
        interval = (overlay.start, overlay.end)
        self._holdings(overlay.owner).overlays[overlay.start] = overlay
        self._overlay_count[interval] = self._overlay_count.get(interval, 0) + 1
        self._put_overlay(overlay)

    def _drop_overlay(self, overlay: Overlay) -> None:
        interval = (overlay.start, overlay.end)
        self._overlay_count[interval] -= 1
        if not self._overlay_count[interval]:
            del self._overlay_count[interval]
        del self._holdings(overlay.owner).overlays[overlay.start]
        self._put(("o", overlay.owner, overlay.start), None)
        if overlay.reserved is not None:
            self._drop_range(overlay.reserved)


def _granules(address: int, size: int) -> Interval:
    """The 64 KB granules that hold ``[address, address + size)``; they lie below the private area, in one arena."""
    start = address & -layout.GRANULARITY
    end = layout.granule_up(address + size)
    if end > layout.DLL_END or start < layout.LOW_START or start < layout.SYSTEM_END < end:
        raise Refused(Code.INVALID, f"{address:#010x}+{size:#x} is not inside one arena")
    return start, end


def _merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Sorted intervals with the overlapping ones joined."""
    out: list[Interval] = []
    for start, end in intervals:
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return out
