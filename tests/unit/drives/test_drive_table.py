"""Drive letters and look-ups: what of the host is reachable, and how fast."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from w9x_client.abi import Err, WinError
from w9x_client.drives import DriveError, DriveTable, DriveType, open_table, operations


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "c"
    path.mkdir()
    return path


@pytest.fixture
def table(root: Path) -> DriveTable:
    return DriveTable(root)


def code(call: object, *arguments: object, **options: object) -> int:
    with pytest.raises(WinError) as failure:
        call(*arguments, **options)  # type: ignore[operator]
    return failure.value.code


# --- set-up ---------------------------------------------------------------------------------------
def test_a_fresh_drive_c_has_windows_directories_and_keeps_what_is_in_it(tmp_path: Path) -> None:
    first = open_table(tmp_path)
    for path in (
        "C:\\windows\\system",
        "C:\\WINDOWS\\TEMP",
        "C:\\program files\\COMMON FILES",
        "C:\\PROGRA~1\\COMMON~1",
    ):
        assert first.resolve(path).is_directory
    (tmp_path / "drive_c" / "kept.txt").write_text("x")
    assert open_table(tmp_path).resolve("C:\\KEPT.TXT").exists


def test_the_drive_option_takes_a_path_and_ro(table: DriveTable, tmp_path: Path) -> None:
    drive = table.add_option(f"e:={tmp_path}:ro")
    assert (drive.letter, drive.read_only) == ("E", True)
    assert not table.add_option(f"F={tmp_path}").read_only


@pytest.mark.parametrize("text", ["E", "E:=", "EE:=/", "1:=/", "E:=/no/such/directory", ":=/"])
def test_a_bad_drive_option_is_one_clear_error(table: DriveTable, text: str) -> None:
    with pytest.raises(DriveError) as failure:
        table.add_option(text)
    assert "\n" not in str(failure.value)


def test_exposing_uses_the_first_free_letter_and_shows_nothing_above(table: DriveTable, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("x")
    inner = tmp_path / "work"
    inner.mkdir()
    assert table.expose(inner) == "D:\\"
    assert table.expose(inner) == "D:\\"
    assert code(table.resolve, "D:\\..\\secret.txt") == Err.FILE_NOT_FOUND
    assert table.to_guest(tmp_path / "secret.txt") is None


def test_exposing_a_directory_inside_a_drive_takes_no_letter(table: DriveTable, root: Path) -> None:
    (root / "sub" / "Deep").mkdir(parents=True)
    assert table.expose(root / "sub" / "Deep") == "C:\\sub\\Deep"
    assert list(table.drives) == ["C"]


def test_of_nested_directories_only_the_outer_is_mapped(table: DriveTable, tmp_path: Path) -> None:
    (tmp_path / "out" / "in").mkdir(parents=True)
    places = table.expose_all([str(tmp_path / "out" / "in"), str(tmp_path / "out")])
    assert places == ["D:\\in", "D:\\"]


def test_the_hosts_root_is_never_exposed(table: DriveTable) -> None:
    with pytest.raises(DriveError):
        table.expose("/")


def test_letters_run_out_with_a_clear_error(table: DriveTable, tmp_path: Path) -> None:
    for letter in "DEFGHIJKLMNOPQRSTUVWXYZ":
        table.add(letter, tmp_path)
    other = tmp_path.parent / (tmp_path.name + "-other")
    other.mkdir()
    with pytest.raises(DriveError):
        table.expose(other)


# --- look-up --------------------------------------------------------------------------------------
def test_names_are_found_in_any_case_and_keep_the_hosts(table: DriveTable, root: Path) -> None:
    (root / "Dir").mkdir()
    (root / "Dir" / "Größe.TXT").write_text("x")
    found = table.resolve("c:\\DIR\\GRÖSSE.TXT".replace("ÖSS", "öß"))
    assert found.guest == "C:\\Dir\\Größe.TXT"
    assert found.path == str(root / "Dir" / "Größe.TXT")


def test_of_names_that_differ_in_case_only_the_exact_one_wins(table: DriveTable, root: Path) -> None:
    (root / "same").write_text("lower")
    (root / "SAME").write_text("upper")
    assert table.resolve("C:\\same").path == str(root / "same")
    assert table.resolve("C:\\SAME").path == str(root / "SAME")


def test_missing_names_tell_file_from_path(table: DriveTable, root: Path) -> None:
    (root / "file").write_text("x")
    (root / "dir").mkdir()
    assert code(table.resolve, "C:\\missing") == Err.FILE_NOT_FOUND
    assert code(table.resolve, "C:\\dir\\missing") == Err.FILE_NOT_FOUND
    assert code(table.resolve, "C:\\missing\\x") == Err.PATH_NOT_FOUND
    assert code(table.resolve, "C:\\file\\x") == Err.PATH_NOT_FOUND
    assert code(table.resolve, "C:\\file\\") == Err.PATH_NOT_FOUND
    assert code(table.resolve, "Q:\\x") == Err.PATH_NOT_FOUND
    assert not table.resolve("C:\\new", parent=True).exists
    assert code(table.resolve, "C:\\missing\\new", parent=True) == Err.PATH_NOT_FOUND


def test_a_device_in_a_missing_directory_is_no_device(table: DriveTable, root: Path) -> None:
    (root / "dir").mkdir()
    assert table.resolve("C:\\dir\\nul").device == "NUL"
    assert code(table.resolve, "C:\\missing\\nul") == Err.PATH_NOT_FOUND


def test_host_paths_mean_the_drives_own(table: DriveTable) -> None:
    assert code(table.resolve, "/etc/passwd") == Err.PATH_NOT_FOUND
    assert code(table.resolve, "\\etc\\passwd") == Err.PATH_NOT_FOUND
    assert code(table.resolve, "\\\\?\\C:\\..\\..\\etc\\passwd") == Err.PATH_NOT_FOUND


def test_links_work_inside_a_drive_and_lead_nowhere_outside(table: DriveTable, root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "s.txt").write_text("secret")
    (root / "real").mkdir()
    (root / "real" / "f.txt").write_text("inside")
    (root / "in").symlink_to("real")
    (root / "absolute").symlink_to(root / "real" / "f.txt")
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "updir").symlink_to("../secret")
    (root / "passwd").symlink_to("/etc/passwd")
    (root / "dangling").symlink_to("nowhere")
    (root / "loop").symlink_to("loop")
    assert table.resolve("C:\\IN\\F.TXT").path == str(root / "real" / "f.txt")
    assert table.resolve("C:\\absolute").path == str(root / "real" / "f.txt")
    for path in ("C:\\out", "C:\\out\\s.txt", "C:\\updir\\s.txt", "C:\\PASSWD"):
        assert code(table.resolve, path) == Err.ACCESS_DENIED
    assert code(table.resolve, "C:\\dangling", parent=True) == Err.FILE_NOT_FOUND
    assert code(table.resolve, "C:\\loop") == Err.ACCESS_DENIED


_PIECES = st.sampled_from(
    ["..", ".", "...", "....", "dir", "DIR", "up", "out", "loop", "f", "nul", "C:", "D:", "\\\\?\\C:", "\\\\.", "etc",
     "", " ", "x" * 90,
     "dir ", "up.", "OUT~1", "%2E%2E", "\x01", "*", "a:b"]
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=400)
@given(st.lists(_PIECES, max_size=8), st.sampled_from(["", "\\", "/", "C:", "C:\\", "\\\\"]), st.sampled_from("\\/"))
def test_no_path_at_all_leads_out_of_its_drive(tmp_path: Path, pieces: list[str], start: str, separator: str) -> None:
    root = tmp_path / "c"
    if not root.exists():
        (root / "dir").mkdir(parents=True)
        (root / "f").write_text("x")
        (root / "up").symlink_to("..")
        (root / "out").symlink_to("/etc")
        (root / "dir" / "up").symlink_to("../..")
        (root / "loop").symlink_to("dir")
    table = DriveTable(root)
    table.set_current("C:\\dir")
    try:
        found = table.resolve(start + separator.join(pieces), parent=True)
    except WinError:
        return
    if not found.device:
        assert os.path.realpath(found.path) == found.path
        assert (found.path + "/").startswith(str(root) + "/")


def test_a_directory_swapped_for_a_link_after_the_look_up_is_not_followed(
    table: DriveTable, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "f.txt").write_text("secret")
    (root / "dir").mkdir()
    (root / "dir" / "f.txt").write_text("inside")
    found = table.resolve("C:\\dir\\f.txt")
    os.rename(root / "dir", root / "gone")
    (root / "dir").symlink_to(tmp_path / "secret")
    with pytest.raises(WinError):
        found.open(os.O_RDONLY)
    with pytest.raises(WinError):
        operations.delete_file(table, found)
    assert (tmp_path / "secret" / "f.txt").exists()


def test_only_regular_files_are_opened(table: DriveTable, root: Path) -> None:
    os.mkfifo(root / "fifo")
    assert code(table.resolve("C:\\fifo").open, os.O_RDONLY) == Err.ACCESS_DENIED


def test_a_read_only_drive_refuses_every_change(table: DriveTable, tmp_path: Path) -> None:
    (tmp_path / "ro").mkdir()
    (tmp_path / "ro" / "f").write_text("x")
    table.add("E", tmp_path / "ro", read_only=True, kind=DriveType.CDROM)
    new = table.resolve("E:\\new", parent=True)
    assert code(operations.make_directory, table, new) == Err.WRITE_PROTECT
    assert code(operations.delete_file, table, table.resolve("E:\\f")) == Err.WRITE_PROTECT
    assert code(operations.set_attributes, table.resolve("E:\\f"), 2) == Err.WRITE_PROTECT
    assert code(operations.rename, table, table.resolve("E:\\f"), new) == Err.WRITE_PROTECT


def test_odd_host_names_are_shown_and_can_be_opened_by_what_is_shown(table: DriveTable, root: Path) -> None:
    for raw in (b"a:b", b"what?", b"nul", b"bad\xff\xfe", b"dot."):
        with open(os.fsencode(root) + b"/" + raw, "wb") as file:
            file.write(raw)
    shown = table.list(table.resolve("C:\\")).shown
    assert len(set(shown.values())) == 5
    for host, guest in shown.items():
        found = table.resolve("C:\\" + guest)
        fd = found.open(os.O_RDONLY)
        try:
            assert os.read(fd, 99) == os.fsencode(host)
        finally:
            os.close(fd)


def test_host_and_guest_paths_convert_both_ways(table: DriveTable, root: Path, tmp_path: Path) -> None:
    (root / "Dir").mkdir()
    (root / "Dir" / "a:b").write_text("x")
    guest = table.to_guest(root / "Dir" / "a:b")
    assert guest == "C:\\Dir\\a%3Ab"
    assert table.resolve(guest).path == str(root / "Dir" / "a:b")
    assert table.to_guest(root) == "C:\\"
    assert table.to_guest(root / "not yet") == "C:\\not yet"
    assert table.to_guest(tmp_path) is None
    table.add("E", root / "Dir")
    assert table.to_guest(root / "Dir" / "x") == "E:\\x"


# --- aliases ----------------------------------------------------------------------------------------
def test_aliases_find_their_files_and_stay_with_them(table: DriveTable, root: Path) -> None:
    (root / "LongFileName B.txt").write_text("B")
    assert table.short_path("C:\\LongFileName B.txt") == "C:\\LONGFI~1.TXT"
    (root / "LongFileName A.txt").write_text("A")
    os.utime(root, ns=(1, time.time_ns()))
    assert table.short_path("C:\\longfilename a.txt") == "C:\\LONGFI~2.TXT"
    assert table.resolve("C:\\longfi~1.txt").path == str(root / "LongFileName B.txt")
    assert table.long_path("C:\\LONGFI~2.TXT") == "C:\\LongFileName A.txt"


def test_a_real_name_that_looks_like_an_alias_keeps_it(table: DriveTable, root: Path) -> None:
    (root / "LONGFI~1.TXT").write_text("real")
    (root / "LongFileName.txt").write_text("long")
    assert table.resolve("C:\\longfi~1.txt").path == str(root / "LONGFI~1.TXT")
    assert table.short_path("C:\\LongFileName.txt") == "C:\\LONGFI~2.TXT"


# --- current directories --------------------------------------------------------------------------
def test_each_drive_has_its_current_directory(table: DriveTable, root: Path, tmp_path: Path) -> None:
    (root / "Here").mkdir()
    (tmp_path / "e" / "There").mkdir(parents=True)
    (tmp_path / "e" / "There" / "f.txt").write_text("x")
    table.add("E", tmp_path / "e")
    table.set_current("e:\\there")
    table.set_current("c:\\here")
    assert table.current == "C:\\Here"
    assert table.resolve("E:f.txt").guest == "E:\\There\\f.txt"
    assert table.full_path("E:x") == "E:\\There\\x"
    assert table.full_path("..\\x") == "C:\\x"
    assert code(table.set_current, "C:\\nowhere") == Err.FILE_NOT_FOUND
    assert code(operations.remove_directory, table, table.resolve("C:\\Here")) == Err.CURRENT_DIRECTORY


# --- the listing cache --------------------------------------------------------------------------------
def test_a_file_another_program_makes_or_removes_is_noticed(table: DriveTable, root: Path) -> None:
    assert code(table.resolve, "C:\\NEW.TXT") == Err.FILE_NOT_FOUND
    (root / "new.txt").write_text("x")
    deadline = time.monotonic() + 2
    while True:  # a directory's time stamp has a grain of some milliseconds
        try:
            assert table.resolve("C:\\NEW.TXT").exists
            break
        except WinError:
            assert time.monotonic() < deadline
    (root / "new.txt").unlink()
    assert code(table.resolve, "C:\\NEW.TXT") == Err.FILE_NOT_FOUND


def test_twenty_thousand_files_in_one_directory_are_found_created_and_removed_fast(
    table: DriveTable, root: Path
) -> None:
    big = root / "Big"
    big.mkdir()
    for i in range(20_000):
        os.close(os.open(big / f"LongFileName{i:05}.txt", os.O_CREAT | os.O_WRONLY))
    start = time.process_time()
    for i in range(20_000):
        table.resolve(f"c:\\BIG\\LONGFILENAME{i:05}.TXT")
    assert time.process_time() - start < 2
    assert len({table.list(table.resolve("C:\\Big")).alias(f"LongFileName{i:05}.txt") for i in range(20_000)}) == 20_000
    start = time.process_time()
    for i in range(2_000):
        found = table.resolve(f"C:\\big\\new{i}.txt", parent=True)
        os.close(found.open(os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        operations.created(table, found)
    for i in range(2_000):
        operations.delete_file(table, table.resolve(f"C:\\big\\NEW{i}.TXT"))
    assert time.process_time() - start < 2
