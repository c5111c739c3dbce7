"""Free space of one address interval: a pure allocator in units of 64 KB.

Owns the free gaps of ``[start, end)`` and nothing about who uses the rest. Gaps are kept sorted by address and by
power-of-two size class, so that finding a place among 10,000 ranges does not scan them all. Addresses and sizes are
multiples of ``layout.GRANULARITY``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sortedcontainers import SortedDict, SortedList  # type: ignore[import-untyped]  # ships no types

from w9x_arena.layout import GRANULARITY

Interval = tuple[int, int]
"""``(start, end)``, half open."""


def _class(size: int) -> int:
    return (size // GRANULARITY).bit_length()


class Extent:
    """The free gaps of ``[start, end)``; everything is free at first."""

    def __init__(self, start: int, end: int) -> None:
        self.start, self.end = start, end
        self.free_bytes = 0
        self._gaps: SortedDict[int, int] = SortedDict()
        self._classes: list[SortedList[int]] = [SortedList() for _ in range(_class(end - start) + 1)]
        self._add(start, end)

    def _add(self, start: int, end: int) -> None:
        self._gaps[start] = end
        self._classes[_class(end - start)].add(start)
        self.free_bytes += end - start

    def _remove(self, start: int) -> int:
        end: int = self._gaps.pop(start)
        self._classes[_class(end - start)].remove(start)
        self.free_bytes -= end - start
        return end

    def gaps(self) -> Iterator[Interval]:
        """Free gaps by address."""
        yield from self._gaps.items()

    def is_free(self, start: int, end: int) -> bool:
        """Whether all of ``[start, end)`` lies in one gap."""
        index = self._gaps.bisect_right(start) - 1
        return index >= 0 and end <= self._gaps.peekitem(index)[1]

    def take(self, start: int, end: int) -> None:
        """Mark a free interval used. Raises ValueError when any of it is not free."""
        index = self._gaps.bisect_right(start) - 1
        if index < 0 or end > self._gaps.peekitem(index)[1] or start >= end:
            raise ValueError(f"{start:#x}-{end:#x} is not free")
        gap_start = self._gaps.peekitem(index)[0]
        gap_end = self._remove(gap_start)
        if gap_start < start:
            self._add(gap_start, start)
        if end < gap_end:
            self._add(end, gap_end)

    def give(self, start: int, end: int) -> None:
        """Mark a used interval free again, merged with its neighbours. Raises ValueError when some of it is free."""
        if not self.start <= start < end <= self.end:
            raise ValueError(f"{start:#x}-{end:#x} is not inside {self.start:#x}-{self.end:#x}")
        index = self._gaps.bisect_right(start)
        before = self._gaps.peekitem(index - 1) if index > 0 else None
        after = self._gaps.peekitem(index) if index < len(self._gaps) else None
        if (before and before[1] > start) or (after and after[0] < end):
            raise ValueError(f"{start:#x}-{end:#x} is free already")
        if before and before[1] == start:
            start = before[0]
            self._remove(start)
        if after and after[0] == end:
            end = self._remove(after[0])
        self._add(start, end)

    def find(self, size: int, *, top_down: bool, floor: int = 0, avoid: Iterable[Interval] = ()) -> int | None:
        """The lowest (or highest) free place of ``size`` bytes at or above ``floor`` that meets no ``avoid``.

        None when there is none. ``avoid`` is sorted by start.
        """
        blocked = list(avoid)
        best: int | None = None
        for starts in self._classes[_class(size) :]:
            for start in reversed(starts) if top_down else starts:
                if best is not None and (self._gaps[start] <= best if top_down else start >= best):
                    break
                place = _fit(max(start, floor), self._gaps[start], size, top_down, blocked)
                if place is not None:
                    if best is None or (place > best if top_down else place < best):
                        best = place
                    break
        return best


def _fit(start: int, end: int, size: int, top_down: bool, blocked: list[Interval]) -> int | None:
    """Where ``size`` bytes fit into one gap around the blocked intervals."""
    if top_down:
        place = end - size
        for low, high in reversed(blocked):
            if high <= place:
                break
            if low < place + size:
                place = low - size
        return place if place >= start else None
    place = start
    for low, high in blocked:
        if low >= place + size:
            break
        if high > place:
            place = high
    return place if place + size <= end else None
