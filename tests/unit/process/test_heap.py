"""The heap allocator against a model: blocks never overlap, keep their bytes, and bad frees change nothing."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from w9x_client.abi import WinError
from w9x_client.process.heap import LARGE_MIN, MAX_BLOCK, REGION, SLAB, SMALL_MAX, UNIT, Heap

SIZES = st.one_of(
    st.integers(0, 300),
    st.integers(0, SMALL_MAX + 64),
    st.integers(SMALL_MAX - 2, 5 * SMALL_MAX),
    st.sampled_from([LARGE_MIN - 1, LARGE_MIN, LARGE_MIN + 1, LARGE_MIN - UNIT]),
)


class FakeSpace:
    """Ranges side by side, lowest free first, so that neighbouring regions do occur."""

    def __init__(self, granules: int = 256) -> None:
        self.free = [True] * granules
        self.ranges: dict[int, int] = {}

    def allocate(self, size: int, label: str) -> int:
        count = (size + 0xFFFF) >> 16
        for start in range(1, len(self.free) - count):
            if all(self.free[start : start + count]):
                self.free[start : start + count] = [False] * count
                self.ranges[start << 16] = count
                return start << 16
        raise WinError(8)

    def release(self, base: int) -> None:
        count = self.ranges.pop(base)
        self.free[base >> 16 : (base >> 16) + count] = [True] * count


class FakeMemory:
    def __init__(self, size: int) -> None:
        self.data = bytearray(size)

    def fill(self, address: int, size: int, value: int = 0) -> None:
        self.data[address : address + size] = bytes([value]) * size

    def move(self, target: int, source: int, size: int) -> None:
        self.data[target : target + size] = self.data[source : source + size]


class HeapModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.space = FakeSpace()
        self.mem = FakeMemory(256 << 16)
        self.heap = Heap(self.space, self.mem)
        self.live: dict[int, bytes] = {}
        self.dead: list[int] = []
        self.stamp = 0

    def _write(self, address: int, size: int) -> None:
        self.stamp = self.stamp % 255 + 1
        self.live[address] = bytes([self.stamp]) * size
        self.mem.data[address : address + size] = self.live[address]

    @rule(size=SIZES, zero=st.booleans())
    def alloc(self, size: int, zero: bool) -> None:
        try:
            address = self.heap.alloc(size, zero)
        except WinError:
            return  # the address space is full
        assert address % 16 == 0
        assert address not in self.live
        for other, content in self.live.items():
            assert address + size <= other or other + len(content) <= address
        assert any(base <= address and address + size <= base + (n << 16) for base, n in self.space.ranges.items())
        if zero and size < LARGE_MIN:
            assert not any(self.mem.data[address : address + size])
        self._write(address, size)

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def free(self, data: st.DataObject) -> None:
        address = data.draw(st.sampled_from(sorted(self.live)))
        assert self.heap.free(address)
        del self.live[address]
        self.dead.append(address)

    @precondition(lambda self: self.live)
    @rule(data=st.data(), size=SIZES, in_place=st.booleans())
    def realloc(self, data: st.DataObject, size: int, in_place: bool) -> None:
        address = data.draw(st.sampled_from(sorted(self.live)))
        content = self.live[address]
        try:
            new = self.heap.realloc(address, size, in_place=in_place)
        except WinError:
            return  # no room: the block stays as it is, which the invariant checks
        assert new == address or not in_place
        kept = min(size, len(content))
        assert self.mem.data[new : new + kept] == content[:kept]
        del self.live[address]
        for other, other_content in self.live.items():
            assert new + size <= other or other + len(other_content) <= new
        self._write(new, size)

    @precondition(lambda self: self.dead)
    @rule(data=st.data())
    def free_again(self, data: st.DataObject) -> None:
        address = data.draw(st.sampled_from(self.dead))
        if address not in self.live:
            assert not self.heap.free(address)

    @precondition(lambda self: self.live)
    @rule(data=st.data(), offset=st.integers(1, 40))
    def free_inside_a_block(self, data: st.DataObject, offset: int) -> None:
        address = data.draw(st.sampled_from(sorted(self.live))) + offset
        if address not in self.live:
            assert not self.heap.free(address)
            assert self.heap.size(address) == -1

    @invariant()
    def every_block_is_known_and_intact(self) -> None:
        assert sorted(self.heap.blocks()) == sorted((a, len(c)) for a, c in self.live.items())
        for address, content in self.live.items():
            assert self.mem.data[address : address + len(content)] == content


HeapModel.TestCase.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
TestHeapModel = HeapModel.TestCase


@pytest.fixture
def space() -> FakeSpace:
    return FakeSpace()


@pytest.fixture
def heap(space: FakeSpace) -> Heap:
    return Heap(space, FakeMemory(256 << 16))


@pytest.mark.parametrize("size", [1, 16, 100, 4096, SMALL_MAX])
def test_slabs_are_given_back_but_for_one_of_their_class(heap: Heap, space: FakeSpace, size: int) -> None:
    blocks = [heap.alloc(size) for _ in range(3 * SLAB // size)]
    assert len(space.ranges) >= 3
    for address in blocks:
        assert heap.free(address)
    assert len(space.ranges) == 1


def test_regions_are_given_back_but_for_one(heap: Heap, space: FakeSpace) -> None:
    blocks = [heap.alloc(300_000) for _ in range(9)]
    assert len(space.ranges) == 3
    for address in blocks:
        assert heap.free(address)
    assert list(space.ranges.values()) == [REGION >> 16]


def test_a_large_block_is_a_range_of_its_own(heap: Heap, space: FakeSpace) -> None:
    address = heap.alloc(LARGE_MIN)
    assert address in space.ranges
    assert heap.free(address)
    assert not space.ranges


def test_destroy_gives_everything_back(heap: Heap, space: FakeSpace) -> None:
    for size in (1, 50, 9000, 200_000, LARGE_MIN + 5):
        heap.alloc(size)
    heap.destroy()
    assert not space.ranges


def test_a_fixed_heap_refuses_what_goes_beyond_its_maximum(space: FakeSpace) -> None:
    heap = Heap(space, FakeMemory(256 << 16), maximum=0x10000)
    blocks = [heap.alloc(1000) for _ in range(0x10000 // 1008)]
    with pytest.raises(WinError) as caught:
        heap.alloc(1000)
    assert caught.value.code == 8
    heap.free(blocks.pop())
    assert heap.alloc(1000)


def test_a_fixed_heap_refuses_blocks_of_half_a_megabyte(space: FakeSpace) -> None:
    with pytest.raises(WinError):
        Heap(space, FakeMemory(0), maximum=0x1000000).alloc(0x7FFF8)


def test_a_block_beyond_256_megabytes_is_refused(heap: Heap) -> None:
    with pytest.raises(WinError) as caught:
        heap.alloc(MAX_BLOCK + 1)
    assert caught.value.code == 8


def test_realloc_zeroes_only_the_growth(space: FakeSpace) -> None:
    memory = FakeMemory(256 << 16)
    heap = Heap(space, memory)
    dirty = heap.alloc(64)
    memory.fill(dirty, 64, 0xEE)
    address = heap.realloc(dirty, 32)
    address = heap.realloc(address, 64, zero=True)
    assert memory.data[address : address + 64] == b"\xee" * 32 + bytes(32)


def test_a_wild_pointer_cannot_be_resized(heap: Heap) -> None:
    with pytest.raises(WinError) as caught:
        heap.realloc(0x12340, 8)
    assert caught.value.code == 87
