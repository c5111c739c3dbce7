"""The allocator of free address space."""

from __future__ import annotations

import time

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from w9x_arena.layout import GRANULARITY as G
from w9xd.extent import Extent

UNITS = 40


class ExtentMachine(RuleBasedStateMachine):
    """Against a plain list of booleans, one per 64 KB."""

    def __init__(self) -> None:
        super().__init__()
        self.extent = Extent(10 * G, (10 + UNITS) * G)
        self.used = [False] * UNITS
        self.taken: list[tuple[int, int]] = []

    def _model_find(self, size: int, top_down: bool, floor: int, avoid: list[tuple[int, int]]) -> int | None:
        places = range(UNITS - size + 1)
        for first in reversed(places) if top_down else places:
            free = not any(self.used[first : first + size])
            if free and first >= floor and not any(low < first + size and first < high for low, high in avoid):
                return first
        return None

    @rule(
        size=st.integers(1, 9),
        top_down=st.booleans(),
        floor=st.integers(0, UNITS),
        avoid=st.lists(st.tuples(st.integers(0, UNITS - 1), st.integers(1, 6)), max_size=3),
        take=st.booleans(),
    )
    def find(self, size: int, top_down: bool, floor: int, avoid: list[tuple[int, int]], take: bool) -> None:
        joined: list[tuple[int, int]] = []
        for low, length in sorted(avoid):
            if joined and low <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(joined[-1][1], low + length))
            else:
                joined.append((low, low + length))
        expected = self._model_find(size, top_down, floor, joined)
        blocked = [((10 + low) * G, (10 + high) * G) for low, high in joined]
        found = self.extent.find(size * G, top_down=top_down, floor=(10 + floor) * G, avoid=blocked)
        assert found == (None if expected is None else (10 + expected) * G)
        if expected is not None and take:
            self._take(expected, size)

    @rule(first=st.integers(-2, UNITS), size=st.integers(1, 9))
    def fixed(self, first: int, size: int) -> None:
        inside = first >= 0 and first + size <= UNITS and not any(self.used[first : first + size])
        start = (10 + first) * G
        assert self.extent.is_free(start, start + size * G) == inside
        if inside:
            self._take(first, size)
        else:
            with pytest.raises(ValueError, match="is not free"):
                self.extent.take(start, start + size * G)

    def _take(self, first: int, size: int) -> None:
        start = (10 + first) * G
        self.extent.take(start, start + size * G)
        self.used[first : first + size] = [True] * size
        self.taken.append((first, size))

    @rule(data=st.data())
    def give(self, data: st.DataObject) -> None:
        if not self.taken:
            return
        first, size = self.taken.pop(data.draw(st.integers(0, len(self.taken) - 1)))
        start = (10 + first) * G
        self.extent.give(start, start + size * G)
        self.used[first : first + size] = [False] * size
        with pytest.raises(ValueError, match="free already"):
            self.extent.give(start, start + G)

    @invariant()
    def gaps_are_exactly_the_free_units(self) -> None:
        free = [False] * UNITS
        last = None
        for start, end in self.extent.gaps():
            assert last is None or start > last, "neighbouring gaps are merged"
            last = end
            for unit in range(start // G - 10, end // G - 10):
                free[unit] = True
        assert free == [not used for used in self.used]
        assert self.extent.free_bytes == sum(free) * G


TestExtent = ExtentMachine.TestCase
TestExtent.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_ten_thousand_ranges_stay_fast() -> None:
    extent = Extent(0x400000, 0x80000000)
    starts = []
    begin = time.process_time()
    for number in range(10_000):
        size = (1 + number % 3) * G
        start = extent.find(size, top_down=bool(number % 2))
        assert start is not None
        extent.take(start, start + size)
        starts.append((start, start + size))
    for start, end in starts[::2]:
        extent.give(start, end)
    for _ in range(1000):
        assert extent.find(2 * G, top_down=True) is not None
    each = (time.process_time() - begin) / 16_000
    assert each < 200e-6, f"{each * 1e6:.0f} us per operation"
