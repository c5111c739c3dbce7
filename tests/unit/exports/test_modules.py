"""``modules.tsv``: numbers that never change, bases that never collide."""

from __future__ import annotations

from itertools import pairwise

from w9x_client.loader import exports

INFOS = [info for stem in exports.modules() if (info := exports.module_info(stem))]


def test_list_is_sorted_and_complete() -> None:
    assert exports.modules() == sorted(info.stem for info in INFOS)
    assert len(INFOS) == len(exports.modules())


def test_numbers_are_unique_and_dense() -> None:
    assert sorted(info.number for info in INFOS) == list(range(1, len(INFOS) + 1))


def test_published_numbers_do_not_change() -> None:
    # Stubs in shared images carry these numbers.
    first = "kernel32 msvcrt user32 advapi32 gdi32 ntdll ole32 oleaut32 shell32 version winmm ws2_32 wsock32 comctl32"
    assert [exports.MODULE_NUMBERS[stem] for stem in first.split()] == list(range(1, 15))


def test_ranges_do_not_overlap() -> None:
    ranges = sorted((info.base, info.base + info.room) for info in INFOS)
    assert all(end <= start for (_, end), (start, _) in pairwise(ranges))
    assert ranges[-1][1] <= 0xC000_0000


def test_bases_are_aligned_and_hold_every_export() -> None:
    for info in INFOS:
        assert info.base % 0x10000 == 0
        table = exports.load(info.stem)
        assert table is not None
        # 32 bytes of stub and 14 of tables per export, the name and its end.
        need = sum(46 + len(e.name or "") + 1 for e in table.exports) + 0x3000
        assert need <= info.room, info.stem


def test_kernel32_is_where_windows_98_had_it() -> None:
    info = exports.module_info("kernel32")
    assert info is not None
    assert (info.base, info.version) == (0xBFF7_0000, "4.10.2222")
