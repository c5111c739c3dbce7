"""SQLite 3.44.2's shell: scripts print what the same source prints natively, and each reads the other's files."""

from __future__ import annotations

import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.guest.run import Runner, kill_group, shown
from tests.real.programs import sqlite_shell

SQL = Path(__file__).parent / "sql"


def native(args: list[str], script: bytes, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sqlite_shell().reference, *args], input=script, cwd=cwd, capture_output=True, timeout=120, check=False
    )


def text(output: bytes) -> str:
    return output.replace(b"\r\n", b"\n").decode("utf-8", "replace")


@pytest.mark.parametrize(("script", "args"), [("queries", ["-batch"]), ("database", ["-batch", "main.db"])])
def test_script_prints_what_the_native_build_prints(w9x: Runner, script: str, args: list[str], tmp_path: Path) -> None:
    here, there = tmp_path / "guest", tmp_path / "native"
    here.mkdir()
    there.mkdir()
    sql = (SQL / f"{script}.sql").read_bytes()
    wanted = native(args, sql, there)
    done = w9x.run(sqlite_shell().exe, args, stdin=sql, cwd=here, timeout=180)
    assert text(done.stdout) == text(wanted.stdout), shown(done)
    assert text(done.stderr) == text(wanted.stderr), shown(done)
    assert done.returncode == wanted.returncode
    assert sorted(p.name for p in here.iterdir()) == sorted(p.name for p in there.iterdir())


def test_a_dump_of_the_guest_s_database_restores_to_an_equal_one(w9x: Runner, tmp_path: Path) -> None:
    script = (SQL / "queries.sql").read_bytes()
    w9x.run(sqlite_shell().exe, ["-batch", "made.db"], stdin=script, cwd=tmp_path)
    dumped = w9x.run(sqlite_shell().exe, ["made.db", ".dump"], cwd=tmp_path)
    assert dumped.returncode == 0, shown(dumped)
    assert text(dumped.stdout) == text(native(["made.db", ".dump"], b"", tmp_path).stdout)
    with sqlite3.connect(tmp_path / "made.db") as base, sqlite3.connect(":memory:") as restored:
        restored.executescript(text(dumped.stdout))
        assert list(restored.iterdump()) == list(base.iterdump())
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_the_guest_reads_a_database_made_elsewhere(w9x: Runner, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "theirs.db") as base:
        base.execute("CREATE TABLE t(a, b)")
        base.executemany("INSERT INTO t VALUES (?, ?)", [(i, f"Größe {i}") for i in range(500)])
        base.commit()
    done = w9x.run(sqlite_shell().exe, ["theirs.db", "SELECT sum(a), max(b) FROM t"], cwd=tmp_path)
    assert text(done.stdout) == "124750|Größe 99\n", shown(done)


def test_a_killed_transaction_is_rolled_back(w9x: Runner, tmp_path: Path) -> None:
    """SIGKILL in the middle of a transaction leaves a hot journal; the next one to open the file undoes it."""
    exe = sqlite_shell().exe
    done = w9x.run(exe, ["bank.db", "CREATE TABLE t(a); INSERT INTO t VALUES (1);"], cwd=tmp_path)
    assert done.returncode == 0, shown(done)
    guest = w9x.popen(exe, ["-batch", "bank.db"], cwd=tmp_path)
    assert guest.stdin is not None
    assert guest.stdout is not None
    guest.stdin.write(
        b"PRAGMA cache_size=2;\nBEGIN;\nUPDATE t SET a=99;\n"
        b"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<5000) INSERT INTO t SELECT i FROM n;\n"
        b".print written\n"
    )
    guest.stdin.flush()
    assert guest.stdout.readline().strip() == b"written"
    kill_group(guest)
    guest.communicate()
    assert (tmp_path / "bank.db-journal").exists()
    with sqlite3.connect(tmp_path / "bank.db") as base:
        assert base.execute("SELECT count(*), sum(a) FROM t").fetchone() == (1, 1)
