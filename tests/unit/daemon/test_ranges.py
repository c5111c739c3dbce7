"""The arena's ledger: ranges, images, overlays."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from w9x_arena.layout import DLL_END, DLL_START, GRANULARITY, SYSTEM_END, SYSTEM_START
from w9x_arena.messages import Code
from w9xd.journal import Key, Rows
from w9xd.ranges import FREE_PLACEMENT_FLOOR, RANGES_PER_PROCESS, RangeLedger, Refused

A, B, C = 100, 104, 108
EXE = 0x400000


class Ledger(RangeLedger):
    """Reclaims at once, and keeps its journal rows."""

    def __init__(self) -> None:
        self.rows: dict[Key, object] = {}
        super().__init__(lambda start, end: self.reclaimed(start, end), self._note)
        for owner in (A, B, C):
            self.add_owner(owner)

    def _note(self, key: Key, value: object) -> None:
        self.rows.pop(key, None)
        if value is not None:
            self.rows[key] = value

    def exe(self, owner: int, key: str, *, base: int = EXE, size: int = 0x5000, relocatable: bool = False):
        return self.place_image(owner, key, base, size, relocatable, False, key)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def refused(code: Code, function: Callable[..., object], *args: object, **kwargs: object) -> None:
    with pytest.raises(Refused) as caught:
        function(*args, **kwargs)
    assert caught.value.code == code, caught.value


# --- plain ranges -----------------------------------------------------------------------------------------------


def test_allocation_is_64_kb_granular_and_recorded(ledger: Ledger) -> None:
    base = ledger.allocate(A, 1, prot=3, label="heap")
    (item,) = ledger.ranges()
    assert (item.start, item.end, item.owner, item.prot, item.label) == (base, base + GRANULARITY, A, 3, "heap")
    assert base == FREE_PLACEMENT_FLOOR
    assert ledger.reserved_bytes() == GRANULARITY


def test_top_down_begins_at_the_arenas_end(ledger: Ledger) -> None:
    assert ledger.allocate(A, 0x20000, top_down=True) == SYSTEM_END - 0x20000
    assert ledger.allocate(A, 0x20000, top_down=True, arena="dll") == DLL_END - 0x20000


def test_dll_arena_begins_at_2_gb(ledger: Ledger) -> None:
    assert ledger.allocate(A, 5, arena="dll") == DLL_START


def test_fixed_address_rounds_down_and_covers_the_end(ledger: Ledger) -> None:
    assert ledger.allocate(A, 0x10002, 0x5000FFFF) == 0x50000000
    assert next(ledger.ranges()).end == 0x50030000


def test_fixed_address_in_use_is_a_conflict(ledger: Ledger) -> None:
    ledger.allocate(A, 0x10000, 0x50000000)
    refused(Code.CONFLICT, ledger.allocate, B, 1, 0x50008000)


@pytest.mark.parametrize("address", [0x1000, 0x7FFF0000, 0xC0000000, 0xFFFF0000])
def test_fixed_address_outside_one_arena_is_refused(ledger: Ledger, address: int) -> None:
    with pytest.raises(Refused) as caught:
        ledger.allocate(A, 0x20000, address)
    assert caught.value.code in (Code.INVALID, Code.CONFLICT)


def test_nothing_and_too_much_are_refused(ledger: Ledger) -> None:
    refused(Code.INVALID, ledger.allocate, A, 0)
    refused(Code.NO_SPACE, ledger.allocate, A, 0xFFFFFFFF)


def test_low_addresses_are_used_when_nothing_else_is_free(ledger: Ledger) -> None:
    ledger.allocate(A, SYSTEM_END - FREE_PLACEMENT_FLOOR, FREE_PLACEMENT_FLOOR)
    assert ledger.allocate(A, 0x10000) == SYSTEM_START


def test_only_the_owner_frees_and_labels(ledger: Ledger) -> None:
    base = ledger.allocate(A, 1)
    refused(Code.DENIED, ledger.free, B, base)
    refused(Code.DENIED, ledger.set_label, B, base, "mine")
    refused(Code.NOT_FOUND, ledger.free, A, base + GRANULARITY)
    ledger.set_label(A, base, "stack")
    assert next(ledger.ranges()).label == "stack"
    ledger.free(A, base)
    refused(Code.NOT_FOUND, ledger.free, A, base)


def test_freed_range_stays_reserved_until_it_is_reclaimed() -> None:
    freed: list[tuple[int, int]] = []
    ledger = RangeLedger(lambda start, end: freed.append((start, end)))
    ledger.add_owner(A)
    base = ledger.allocate(A, 0x10000, 0x50000000)
    ledger.free(A, base)
    assert freed == [(0x50000000, 0x50010000)]
    assert not list(ledger.ranges())
    refused(Code.CONFLICT, ledger.allocate, A, 1, 0x50000000)
    ledger.reclaimed(*freed[0])
    assert ledger.allocate(A, 1, 0x50000000) == 0x50000000


def test_a_process_has_a_limited_number_of_ranges(ledger: Ledger) -> None:
    for _ in range(RANGES_PER_PROCESS):
        ledger.allocate(A, 1)
    refused(Code.LIMIT, ledger.allocate, A, 1)
    refused(Code.LIMIT, ledger.exe, A, "x")
    ledger.allocate(B, 1)


# --- images -----------------------------------------------------------------------------------------------------


def test_first_user_fills_and_later_ones_share(ledger: Ledger) -> None:
    assert ledger.exe(A, "k") == (EXE, "fresh")
    ledger.image_ready(A, "k")
    assert ledger.exe(B, "k") == (EXE, "existing")
    ledger.release_image(A, "k")
    assert ledger.exe(C, "k") == (EXE, "existing")
    ledger.release_image(B, "k")
    ledger.release_image(C, "k")
    assert not list(ledger.ranges())


def test_image_that_is_not_ready_is_used_as_a_private_overlay(ledger: Ledger) -> None:
    ledger.exe(A, "k")
    assert ledger.exe(B, "k") == (EXE, "pending")
    ledger.image_ready(A, "k")
    assert ledger.exe(C, "k") == (EXE, "existing")
    ledger.release_image(B, "k")
    assert [o.owner for o in ledger.overlays()] == []
    assert len(list(ledger.ranges())) == 1


def test_fixed_base_taken_by_another_program_becomes_an_overlay(ledger: Ledger) -> None:
    ledger.exe(A, "one")
    assert ledger.exe(B, "two") == (EXE, "overlay")
    assert [(o.owner, o.start, o.key) for o in ledger.overlays()] == [(B, EXE, "two")]
    assert len(list(ledger.ranges())) == 1
    ledger.drop_owner(B)
    assert not list(ledger.overlays())


def test_relocatable_image_moves_below_2_gb(ledger: Ledger) -> None:
    ledger.exe(A, "one")
    assert ledger.exe(B, "two", relocatable=True) == (SYSTEM_END - GRANULARITY, "fresh")
    assert ledger.place_image(B, "dll", 0x400000, 1, True, True, "") == (DLL_END - GRANULARITY, "fresh")


def test_image_without_a_wish_is_placed_top_down(ledger: Ledger) -> None:
    assert ledger.exe(A, "k", base=0, relocatable=True) == (SYSTEM_END - GRANULARITY, "fresh")
    refused(Code.INVALID, ledger.exe, A, "other", base=0)


def test_image_below_4_mb_is_always_private(ledger: Ledger) -> None:
    assert ledger.exe(A, "low", base=0x100000) == (0x100000, "overlay")
    assert ledger.exe(B, "low", base=0x100000) == (0x100000, "overlay")
    assert not list(ledger.ranges())


@pytest.mark.parametrize("base", [0x401000, 0xC0000000, 0xFFFF0000, 0x7FFF0000])
def test_impossible_base_is_refused_or_relocated(ledger: Ledger, base: int) -> None:
    refused(Code.INVALID, ledger.exe, A, "k", base=base, size=0x20000)
    if base % GRANULARITY == 0:
        assert ledger.exe(A, "k", base=base, size=0x20000, relocatable=True)[1] == "fresh"


def test_uses_are_counted_per_process(ledger: Ledger) -> None:
    ledger.exe(A, "k")
    ledger.image_ready(A, "k")
    assert ledger.exe(A, "k") == (EXE, "existing")
    ledger.release_image(A, "k")
    assert len(list(ledger.images())) == 1
    ledger.release_image(A, "k")
    assert not list(ledger.images())
    refused(Code.NOT_FOUND, ledger.release_image, A, "k")


def test_overlay_uses_are_counted(ledger: Ledger) -> None:
    ledger.exe(A, "one")
    ledger.exe(B, "two")
    assert ledger.exe(B, "two") == (EXE, "overlay")
    ledger.release_image(B, "two")
    assert len(list(ledger.overlays())) == 1
    ledger.release_image(B, "two")
    assert not list(ledger.overlays())


def test_death_of_the_filler_frees_an_unfinished_image(ledger: Ledger) -> None:
    ledger.exe(A, "k")
    ledger.drop_owner(A)
    assert ledger.exe(B, "k") == (EXE, "fresh")


def test_ready_image_outlives_the_process_that_filled_it(ledger: Ledger) -> None:
    ledger.exe(A, "k")
    ledger.image_ready(A, "k")
    ledger.exe(B, "k")
    ledger.drop_owner(A)
    assert [(image.key, list(image.users)) for image in ledger.images()] == [("k", [B])]
    ledger.drop_owner(B)
    assert not list(ledger.ranges())


def test_builtin_image_stays_without_users(ledger: Ledger) -> None:
    ledger.place_image(A, "builtin:kernel32", 0xBFF70000, 0x8000, True, True, "")
    ledger.image_ready(A, "builtin:kernel32")
    ledger.drop_owner(A)
    assert ledger.place_image(B, "builtin:kernel32", 0xBFF70000, 0x8000, True, True, "") == (0xBFF70000, "existing")


def test_only_the_filler_declares_an_image_ready(ledger: Ledger) -> None:
    ledger.exe(A, "k")
    refused(Code.DENIED, ledger.image_ready, B, "k")
    refused(Code.NOT_FOUND, ledger.image_ready, A, "nothing")
    ledger.image_ready(A, "k")
    refused(Code.DENIED, ledger.image_ready, A, "k")


def test_one_key_has_one_size(ledger: Ledger) -> None:
    ledger.exe(A, "k")
    refused(Code.INVALID, ledger.exe, B, "k", size=0x9000)


def test_process_gets_nothing_shared_under_its_own_overlay(ledger: Ledger) -> None:
    ledger.exe(A, "one")
    ledger.exe(B, "two", size=0x100000)
    ledger.drop_owner(A)
    refused(Code.CONFLICT, ledger.allocate, B, 1, EXE)
    refused(Code.CONFLICT, ledger.exe, B, "three")
    ledger.allocate(C, SYSTEM_END - FREE_PLACEMENT_FLOOR, FREE_PLACEMENT_FLOOR)
    assert ledger.allocate(B, 1) == EXE + 0x100000
    assert ledger.allocate(C, 1) == EXE + 0x110000, "others avoid it while there is room"


def test_shared_image_under_ones_own_overlay_is_placed_privately_elsewhere(ledger: Ledger) -> None:
    ledger.exe(A, "one")
    ledger.exe(B, "two", size=0x100000)
    ledger.exe(A, "lib", base=0x450000, relocatable=True)
    ledger.image_ready(A, "lib")
    base, mode = ledger.exe(B, "lib", base=0x450000, relocatable=True)
    assert mode == "overlay"
    assert base == SYSTEM_END - GRANULARITY
    refused(Code.CONFLICT, ledger.allocate, A, 1, base)
    ledger.release_image(B, "lib")
    assert ledger.allocate(A, 1, base) == base


def test_overlay_over_ones_own_memory_is_a_conflict(ledger: Ledger) -> None:
    ledger.allocate(A, 0x10000, EXE)
    refused(Code.CONFLICT, ledger.exe, A, "k")
    assert ledger.exe(B, "k") == (EXE, "overlay")


def test_plain_overlay_is_private_and_freed_by_its_base(ledger: Ledger) -> None:
    ledger.allocate(A, 0x10000, 0x50000000)
    assert ledger.allocate(B, 0x10000, 0x50000000, kind="overlay") == 0x50000000
    ledger.free(B, 0x50000000)
    anywhere = ledger.allocate(B, 0x10000, kind="overlay")
    refused(Code.CONFLICT, ledger.allocate, A, 1, anywhere)
    ledger.free(B, anywhere)
    assert ledger.allocate(A, 1, anywhere) == anywhere


def test_drop_owner_frees_everything(ledger: Ledger) -> None:
    before = ledger.free_gaps()
    ledger.allocate(A, 1 << 20)
    ledger.allocate(A, 1 << 20, kind="overlay")
    ledger.exe(A, "k")
    ledger.exe(A, "low", base=0x100000)
    ledger.drop_owner(A)
    ledger.drop_owner(A)
    assert ledger.free_gaps() == before
    assert not list(ledger.overlays())
    assert not ledger.rows


# --- everything at once -----------------------------------------------------------------------------------------


class LedgerMachine(RuleBasedStateMachine):
    """Random work of three processes keeps the ledger's promises, and its journal rebuilds it."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()

    owners = st.sampled_from([A, B, C])
    bases = st.sampled_from([0, 0x100000, EXE, 0x500000, 0x10000000, 0x80000000, 0xBFFF0000, 0xC0000000])
    sizes = st.sampled_from([1, 0x10000, 0x30000, 0x200000, 0x40000000])
    keys = st.sampled_from(["a", "b", "c", "builtin:k"])

    def _try(self, function: Callable[..., object], *args: object) -> None:
        try:
            function(*args)
        except Refused:
            pass

    @rule(o=owners, size=sizes, base=bases, kind=st.sampled_from(["shared", "overlay"]), top=st.booleans(),
          arena=st.sampled_from(["system", "dll"]))  # fmt: skip
    def allocate(self, o: int, size: int, base: int, kind: str, top: bool, arena: str) -> None:
        self._try(self.ledger.allocate, o, size, base, kind, 3, "x", top, arena)

    @rule(o=owners, key=keys, base=bases, size=sizes, relocatable=st.booleans(), dll=st.booleans())
    def place(self, o: int, key: str, base: int, size: int, relocatable: bool, dll: bool) -> None:
        self._try(self.ledger.place_image, o, key, base, size, relocatable, dll, key)

    @rule(o=owners, key=keys, ready=st.booleans())
    def image(self, o: int, key: str, ready: bool) -> None:
        self._try(self.ledger.image_ready if ready else self.ledger.release_image, o, key)

    @rule(o=owners, data=st.data())
    def free(self, o: int, data: st.DataObject) -> None:
        bases = [item.start for item in self.ledger.ranges()] + [item.start for item in self.ledger.overlays()]
        if bases:
            self._try(self.ledger.free, o, data.draw(st.sampled_from(bases)))

    @rule(o=owners)
    def die(self, o: int) -> None:
        self.ledger.drop_owner(o)
        self.ledger.add_owner(o)

    @invariant()
    def ranges_do_not_overlap_and_fill_what_is_not_free(self) -> None:
        ranges = list(self.ledger.ranges())
        for one, two in itertools.pairwise(ranges):
            assert one.end <= two.start
        assert all(item.start % GRANULARITY == item.end % GRANULARITY == 0 for item in ranges)
        assert self.ledger.reserved_bytes() == sum(item.end - item.start for item in ranges)

    @invariant()
    def nothing_a_process_uses_lies_under_its_overlays(self) -> None:
        for overlay in self.ledger.overlays():
            for item in self.ledger.ranges():
                used = item.owner == overlay.owner or (item.image and overlay.owner in item.image.users)
                assert not used or item.end <= overlay.start or overlay.end <= item.start

    @invariant()
    def journal_rebuilds_the_ledger(self) -> None:
        again = Ledger()
        again.restore(Rows(dict(self.ledger.rows)))
        assert again.free_gaps() == self.ledger.free_gaps()
        assert again.rows == self.ledger.rows
        assert sorted(map(str, again.images())) == sorted(map(str, self.ledger.images()))
        for owner in (A, B, C):
            again.drop_owner(owner)
        assert all(item.image and item.image.key.startswith("builtin:") for item in again.ranges())


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
