"""7-Zip's published console program creates, lists, tests and extracts archives of a tree of 300 files."""

from __future__ import annotations

import hashlib
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.guest.run import Runner, shown
from tests.real.programs import native_seven_zip
from tests.real.sevenzip import EXPECTED, KINDS, Session, expected, listing_order_free
from tests.real.tree import read_tree


@pytest.fixture(scope="module")
def session(w9x: Runner, tmp_path_factory: pytest.TempPathFactory) -> Session:
    """The tree and both archives, made once by the guest."""
    session = Session.start(w9x, tmp_path_factory.mktemp("7za"))
    session.printed = {kind: session.step("create", kind) for kind in KINDS}
    return session


def native(*args: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        [native_seven_zip(), *args], cwd=cwd, env={**os.environ, "LC_ALL": "C.UTF-8"}, capture_output=True, check=False
    )
    assert done.returncode == 0, shown(done)
    return done


@pytest.mark.parametrize("kind", KINDS)
def test_creating_an_archive_prints_what_the_reference_printed(session: Session, kind: str) -> None:
    assert session.printed[kind] == expected("create", kind)


@pytest.mark.parametrize("kind", KINDS)
def test_listing_equals_the_reference(session: Session, kind: str) -> None:
    listed = session.step("list", kind)
    assert listing_order_free(listed) == listing_order_free(expected("list", kind))


@pytest.mark.parametrize("kind", KINDS)
def test_testing_an_archive_finds_it_good(session: Session, kind: str) -> None:
    assert session.step("test", kind) == expected("test", kind)


@pytest.mark.parametrize("kind", KINDS)
def test_extracted_tree_is_identical(session: Session, kind: str) -> None:
    assert session.step("extract", kind) == expected("extract", kind)
    back = session.folder / f"back-{kind}"
    assert read_tree(back) == session.content
    assert (back / "void/inner").is_dir()
    for path in session.content:
        assert (back / path).stat().st_mtime == (session.folder / "tree" / path).stat().st_mtime, path


def test_the_7z_archive_is_the_reference_s_byte_for_byte(session: Session) -> None:
    digest = hashlib.sha256((session.folder / "out.7z").read_bytes()).hexdigest()
    assert digest == (EXPECTED / "7za-archive-7z.sha256").read_text().strip()


def test_python_reads_the_zip_archive(session: Session) -> None:
    with zipfile.ZipFile(session.folder / "out.zip") as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    assert files == session.content


def test_an_independent_7z_reads_the_7z_archive(session: Session, tmp_path: Path) -> None:
    native("x", f"-o{tmp_path}", "out.7z", cwd=session.folder)
    assert read_tree(tmp_path) == session.content


@pytest.mark.parametrize("kind", KINDS)
def test_guest_extracts_what_an_independent_7z_made(session: Session, kind: str) -> None:
    archive = f"theirs.{kind}"
    native(
        "a",
        f"-t{kind}",
        "-mx1",
        "-mcu=on" if kind == "zip" else "-ms=on",
        archive,
        "src",
        "Fähre",
        cwd=session.folder / "tree",
    )
    os.replace(session.folder / "tree" / archive, session.folder / archive)
    done = session.run("x", f"-otheirs-{kind}", archive)
    assert done.returncode == 0, shown(done)
    wanted = {path: data for path, data in session.content.items() if path.startswith(("src/", "Fähre/"))}
    assert read_tree(session.folder / f"theirs-{kind}") == wanted


def test_a_damaged_archive_is_reported_with_exit_code_2(session: Session) -> None:
    data = bytearray((session.folder / "out.7z").read_bytes())
    data[len(data) // 2] ^= 0xFF
    (session.folder / "bad.7z").write_bytes(data)
    done = session.run("t", "bad.7z")
    assert done.returncode == 2, shown(done)
    assert b"ERROR" in done.stdout + done.stderr, shown(done)


def test_a_missing_archive_is_an_error(session: Session) -> None:
    done = session.run("l", "absent.7z")
    assert done.returncode == 2, shown(done)
    assert b"absent.7z" in done.stderr, shown(done)
    if not session.runner.is_reference:  # Wine words its messages differently
        assert b"The system cannot find the file specified." in done.stderr, shown(done)


def test_standard_output_carries_a_file(session: Session) -> None:
    path = next(p for p, data in session.content.items() if p.startswith("src/file") and len(data) > 1000)
    done = session.run("e", "-so", "out.zip", path.replace("/", "\\"))
    assert done.stdout == session.content[path], shown(done)


def test_standard_input_becomes_a_file_in_an_archive(session: Session) -> None:
    data = b"".join(content for path, content in session.content.items() if path.startswith("src/"))
    done = session.run("a", "-mx1", "-sipiped.txt", "piped.7z", stdin=data)
    assert done.returncode == 0, shown(done)
    assert native("e", "-so", "piped.7z", cwd=session.folder).stdout == data
