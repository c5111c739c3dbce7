"""Free address ranges: first fit from either end, and fixed addresses."""

from __future__ import annotations

import bisect


class FreeRanges:
    """The free parts of [start, end), as sorted disjoint ranges; O(free parts) per operation."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, start: int, end: int) -> None:
        self._starts = [start]
        self._ends = [end]

    def is_whole(self, size: int) -> bool:
        """Whether one free range of ``size`` bytes is all there is."""
        return len(self._starts) == 1 and self._ends[0] - self._starts[0] == size

    def take(self, size: int, alignment: int, top_down: bool, floor: int = 0) -> int | None:
        """Take ``size`` bytes at a multiple of ``alignment``, not below ``floor``; None when no free part is large
        enough.
        """
        order = range(len(self._starts) - 1, -1, -1) if top_down else range(len(self._starts))
        for index in order:
            if top_down:
                base = (self._ends[index] - size) // alignment * alignment
                fits = base >= max(self._starts[index], floor)
            else:
                base = -(-max(self._starts[index], floor) // alignment) * alignment
                fits = base + size <= self._ends[index]
            if fits:
                self._cut(index, base, size)
                return base
        return None

    def take_at(self, base: int, size: int) -> int | None:
        """Take exactly [base, base+size); None when any of it is not free."""
        index = bisect.bisect_right(self._starts, base) - 1
        if index < 0 or base + size > self._ends[index]:
            return None
        self._cut(index, base, size)
        return base

    def _cut(self, index: int, base: int, size: int) -> None:
        start, end = self._starts[index], self._ends[index]
        left, right = base > start, base + size < end
        if left and right:
            self._ends[index] = base
            self._starts.insert(index + 1, base + size)
            self._ends.insert(index + 1, end)
        elif left:
            self._ends[index] = base
        elif right:
            self._starts[index] = base + size
        else:
            del self._starts[index], self._ends[index]

    def give(self, base: int, size: int) -> None:
        """Return a range that was taken; neighbours merge."""
        index = bisect.bisect_left(self._starts, base)
        end = base + size
        joins_left = index > 0 and self._ends[index - 1] == base
        joins_right = index < len(self._starts) and self._starts[index] == end
        if joins_left and joins_right:
            self._ends[index - 1] = self._ends[index]
            del self._starts[index], self._ends[index]
        elif joins_left:
            self._ends[index - 1] = end
        elif joins_right:
            self._starts[index] = base
        else:
            self._starts.insert(index, base)
            self._ends.insert(index, end)
