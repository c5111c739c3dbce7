"""Atoms, processes, journal."""

from __future__ import annotations

import os
from pathlib import Path

import msgpack
import pytest

from w9x_arena.messages import Code
from w9xd.atoms import AtomTable
from w9xd.journal import Journal
from w9xd.processes import ID_END, ID_FIRST, MODULES_PER_PROCESS, ProcessLedger, owner_uid, start_ticks
from w9xd.ranges import Refused

# --- atoms ------------------------------------------------------------------------------------------------------


def test_atoms_are_counted_and_compared_without_case() -> None:
    table = AtomTable()
    first = table.add("Hello")
    assert 0xC000 <= first.atom <= 0xFFFF
    assert first.references == 1
    assert table.add("HELLO").atom == first.atom
    assert table.find("hello").references == 2
    assert table.name(first.atom).name == "Hello"
    assert table.delete(first.atom).references == 1
    assert table.delete(first.atom).references == 0
    with pytest.raises(Refused) as caught:
        table.find("Hello")
    assert caught.value.code == Code.NOT_FOUND
    assert not len(table)


@pytest.mark.parametrize(("name", "atom"), [("#1", 1), ("#49151", 0xBFFF), ("#00012", 12)])
def test_integer_atoms_take_no_room(name: str, atom: int) -> None:
    table = AtomTable()
    assert table.add(name).atom == table.find(name).atom == table.delete(atom).atom == atom
    assert table.name(atom).name == f"#{atom}"
    assert not len(table)


@pytest.mark.parametrize("name", ["", "#0", "#49152", "#99999999999999999999"])
def test_impossible_atom_names_are_refused(name: str) -> None:
    with pytest.raises(Refused) as caught:
        AtomTable().add(name)
    assert caught.value.code == Code.INVALID


@pytest.mark.parametrize("name", ["#12x", "#", "#-1", "# 1", "#\u0661"])
def test_names_that_only_look_like_integers_are_strings(name: str) -> None:
    assert AtomTable().add(name).atom >= 0xC000


def test_table_holds_16384_strings() -> None:
    table = AtomTable()
    atoms = {table.add(f"a{n}").atom for n in range(0x4000)}
    assert len(atoms) == 0x4000
    with pytest.raises(Refused) as caught:
        table.add("one more")
    assert caught.value.code == Code.NO_SPACE
    table.delete(0xC123)
    assert table.add("one more").atom == 0xC123


@pytest.mark.parametrize("atom", [0, 0xC000, 0xFFFF])
def test_unknown_atom_is_not_found(atom: int) -> None:
    for operation in (AtomTable().delete, AtomTable().name):
        with pytest.raises(Refused):
            operation(atom)


# --- processes --------------------------------------------------------------------------------------------------


def _add(ledger: ProcessLedger, parent: int = 0):
    return ledger.add(5, 6, 7, parent=parent, program="p", command_line="p x", engine="e", windows="98")


def test_guest_pids_look_like_windows_9x_and_come_once() -> None:
    ledger = ProcessLedger()
    pids = []
    for _ in range(1000):
        process = _add(ledger)
        pids.append(process.pid)
        ledger.remove(process)
    assert len(set(pids)) == 1000
    assert all(pid >= 0xF0000000 and pid % 4 == 0 for pid in pids)


def test_ids_wrap_around_past_the_living() -> None:
    ledger = ProcessLedger()
    first = _add(ledger)
    ledger._next = ID_END - 4
    assert ledger.allocate_ids(1) == ID_END - 4
    assert first.pid == ID_FIRST
    assert ledger.allocate_ids(16) == ID_FIRST + 16 * 4, "a block that would hold a living pid is passed over"


def test_parent_must_live() -> None:
    ledger = ProcessLedger()
    parent = _add(ledger)
    assert _add(ledger, parent.pid).parent == parent.pid
    assert _add(ledger, 12345).parent == 0


def test_modules_belong_to_a_process() -> None:
    ledger = ProcessLedger()
    one, two = _add(ledger), _add(ledger)
    ledger.add_module(one, "A.DLL", 0x10000000, 0x1000)
    ledger.add_module(one, "B.DLL", 0x10000000, 0x2000)
    ledger.add_module(two, "C.DLL", 0x20000000, 0x1000)
    assert [(row.pid, row.name, row.size) for row in ledger.modules(one.pid)] == [(one.pid, "B.DLL", 0x2000)]
    assert len(ledger.modules(0)) == 2
    assert ledger.modules(99) == []
    ledger.remove_module(one, 0x10000000)
    with pytest.raises(Refused):
        ledger.remove_module(one, 0x10000000)
    for base in range(MODULES_PER_PROCESS):
        ledger.add_module(one, "X", base, 1)
    with pytest.raises(Refused) as caught:
        ledger.add_module(one, "X", 0x7000, 1)
    assert caught.value.code == Code.LIMIT


def test_start_time_and_owner_come_from_proc() -> None:
    assert start_ticks(os.getpid()) > start_ticks(1) >= 0
    assert owner_uid(os.getpid()) == os.getuid()


# --- journal ----------------------------------------------------------------------------------------------------


def _fill(path: Path) -> Journal:
    journal = Journal(path, b"id")
    journal.start()
    journal.put(("r", 1), ["old"])
    journal.put(("r", 2), ["gone"])
    journal.put(("a", 3), ["n\udcff", 1])
    journal.flush()
    journal.put(("r", 1), ["new"])
    journal.put(("r", 2), None)
    journal.flush()
    return journal


def test_journal_gives_back_the_latest_rows(tmp_path: Path) -> None:
    _fill(tmp_path / "j")
    rows = Journal(tmp_path / "j", b"id").load()
    assert list(rows.of("r")) == [(("r", 1), ["new"])]
    assert list(rows.of("a")) == [(("a", 3), ["n\udcff", 1])]


def test_what_was_not_flushed_is_not_there(tmp_path: Path) -> None:
    journal = _fill(tmp_path / "j")
    journal.put(("r", 9), ["unsaid"])
    assert len(list(Journal(tmp_path / "j", b"id").load().of("r"))) == 1


def test_journal_of_another_arena_is_ignored(tmp_path: Path) -> None:
    _fill(tmp_path / "j")
    assert not list(Journal(tmp_path / "j", b"other").load().of("r"))
    assert not list(Journal(tmp_path / "none", b"id").load().of("r"))


def test_journal_cut_anywhere_gives_the_rows_before_the_cut(tmp_path: Path) -> None:
    _fill(tmp_path / "j")
    data = (tmp_path / "j").read_bytes()
    for cut in range(len(data)):
        (tmp_path / "cut").write_bytes(data[:cut])
        rows = dict(Journal(tmp_path / "cut", b"id").load().of("r"))
        assert rows.get(("r", 1)) in (None, ["old"], ["new"])
    for junk in (b"\xc1", b"junk", msgpack.packb({"a": 1}), msgpack.packb([1])):
        (tmp_path / "junk").write_bytes(data + junk)
        assert dict(Journal(tmp_path / "junk", b"id").load().of("r")) == {("r", 1): ["new"]}


def test_long_journal_is_compacted(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", b"id")
    journal.start()
    for number in range(3000):
        journal.put(("r", 1), [number, "x" * 1000])
        journal.flush()
    assert (tmp_path / "j").stat().st_size < 1_200_000
    assert next(Journal(tmp_path / "j", b"id").load().of("r"))[1][0] == 2999


def test_full_disk_is_reported_once_and_made_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = _fill(tmp_path / "j")
    with monkeypatch.context() as patch:

        def full(*_args: object) -> int:
            raise OSError(28, "No space left on device")

        patch.setattr(os, "write", full)
        for number in range(3):
            journal.put(("r", 10 + number), [number])
            journal.flush()
    assert capsys.readouterr().err.count("No space left") == 1
    journal.put(("r", 20), [20])
    journal.flush()
    assert {key[1] for key, _ in Journal(tmp_path / "j", b"id").load().of("r")} == {1, 10, 11, 12, 20}
