"""Cleaning freed ranges of the arena file, a bounded piece at a time.

A process can leave gigabytes behind. Freeing their blocks in one go would hold up every other client, so the page map
of a freed interval is cleared at once, its blocks wait here, and the loop calls :meth:`Reclaimer.step` between
requests. A range is allocatable again only when it is clean; whoever needs one sooner calls :meth:`clean` for the
addresses or :meth:`clean_all`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from w9x_arena.segment import ArenaFile

STEP_BYTES = 32 << 20


class Reclaimer:
    """Freed intervals on their way back; ``reclaimed(start, end)`` is called for each clean piece."""

    def __init__(self, arena: ArenaFile, reclaimed: Callable[[int, int], None]) -> None:
        self._arena = arena
        self._reclaimed = reclaimed
        self._waiting: deque[tuple[int, int]] = deque()
        self.waiting_bytes = 0

    def add(self, start: int, end: int) -> None:
        """A range was dropped from the ledger."""
        self._arena.clear_pages(start, end - start)
        self._arena.bump_epoch()
        self._waiting.append((start, end))
        self.waiting_bytes += end - start

    def step(self) -> bool:
        """Clean at most STEP_BYTES; False when nothing waits."""
        budget = STEP_BYTES
        while self._waiting and budget > 0:
            start, end = self._waiting.popleft()
            cut = min(end, start + budget)
            if cut < end:
                self._waiting.appendleft((cut, end))
            self._clean(start, cut)
            budget -= cut - start
        return bool(self._waiting)

    def clean(self, start: int, end: int) -> None:
        """Clean everything waiting that touches an interval, now."""
        chosen = [item for item in self._waiting if item[0] < end and start < item[1]]
        for item in chosen:
            self._waiting.remove(item)
            self._clean(*item)

    def clean_all(self) -> bool:
        """Clean everything, now; whether there was anything."""
        if not self._waiting:
            return False
        while self.step():
            pass
        return True

    def _clean(self, start: int, end: int) -> None:
        self._arena.punch(start, end - start)
        self.waiting_bytes -= end - start
        self._reclaimed(start, end)
