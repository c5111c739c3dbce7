"""FreeRanges against the plainest possible model: a set of granules."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from w9x_client.engine.ranges import FreeRanges

UNITS = 32
REQUESTS = st.lists(
    st.tuples(st.sampled_from(["low", "high", "at", "give"]), st.integers(0, UNITS - 1), st.integers(1, 8)), max_size=60
)


@given(REQUESTS)
def test_ranges_never_overlap_and_merge_when_given_back(requests: list[tuple[str, int, int]]) -> None:
    ranges = FreeRanges(0, UNITS)
    taken: dict[int, int] = {}
    for kind, where, size in requests:
        used = {unit for base, length in taken.items() for unit in range(base, base + length)}
        if kind == "give":
            if taken:
                base = sorted(taken)[where % len(taken)]
                ranges.give(base, taken.pop(base))
            continue
        if kind == "at":
            found = ranges.take_at(where, size)
            possible = where + size <= UNITS and not used & set(range(where, where + size))
            assert (found is not None) == possible
        else:
            found = ranges.take(size, 1, kind == "high")
            fits = [b for b in range(UNITS - size + 1) if not used & set(range(b, b + size))]
            expected = None if not fits else fits[-1 if kind == "high" else 0]
            assert found == expected
        if found is not None:
            taken[found] = size
    for base, size in taken.items():
        ranges.give(base, size)
    assert ranges.is_whole(UNITS)


def test_alignment_is_kept() -> None:
    ranges = FreeRanges(0x1234, 0x90000)
    assert ranges.take(0x100, 0x10000, False) == 0x10000
    assert ranges.take(0x100, 0x10000, True) == 0x80000
