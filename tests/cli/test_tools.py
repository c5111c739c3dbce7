"""The commands around running programs: daemon, processes, memory, registry, drives."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.guest.run import Runner, shown
from w9x_client.engine import native

Start = Callable[..., "subprocess.Popen[bytes]"]


def as_json(done: subprocess.CompletedProcess[bytes]) -> Any:
    assert done.returncode == 0, shown(done)
    return json.loads(done.stdout)


def text(done: subprocess.CompletedProcess[bytes]) -> str:
    return done.stdout.decode()


def address(guest: subprocess.Popen[bytes]) -> str:
    """The address that the program prints once it runs."""
    assert guest.stdout is not None
    line = guest.stdout.readline().decode().strip()
    assert line, guest.stderr.read() if guest.stderr else ""
    return line


# --- daemon ---------------------------------------------------------------------------------------
def test_the_daemon_starts_once_and_stops(world: Runner) -> None:
    assert world.w9x("status").returncode == 3
    assert "the daemon runs (" in text(world.w9x("start"))
    assert "runs already" in text(world.w9x("start"))
    assert world.w9x("status").returncode == 0
    assert "has ended" in text(world.w9x("stop"))
    assert world.w9x("status").returncode == 3
    assert "no daemon runs" in text(world.w9x("stop"))


def test_daemons_started_at_once_are_one(world: Runner) -> None:
    command = [sys.executable, "-m", "w9x_client.cli", "start"]
    started = [subprocess.Popen(command, env=world.env, stdout=subprocess.PIPE) for _ in range(4)]
    pids = {process.communicate(timeout=60)[0].split(b"pid ")[1] for process in started}
    assert len(pids) == 1


def test_status_tells_the_engines_and_the_arena(world: Runner) -> None:
    world.w9x("start")
    found = as_json(world.w9x("status", "--json"))
    engines = {engine["name"]: engine for engine in found["engines"]}
    assert engines["unicorn"]["available"]
    possible, detail = native.available()
    assert (engines["native"]["available"], engines["native"]["detail"]) == (possible, detail)
    assert found["daemon"]["version"] == found["version"]
    assert found["arena"]["size_bytes"] > 3 << 30
    assert 0 < found["arena"]["allocated_bytes"] < 16 << 20


def test_a_restart_is_another_daemon(world: Runner) -> None:
    world.w9x("start")
    before = as_json(world.w9x("status", "--json"))["daemon"]["pid"]
    assert world.w9x("restart").returncode == 0
    assert as_json(world.w9x("status", "--json"))["daemon"]["pid"] != before


def test_a_daemon_that_was_killed_does_not_run(world: Runner) -> None:
    world.w9x("start")
    pid = as_json(world.w9x("status", "--json"))["daemon"]["pid"]
    os.kill(pid, signal.SIGKILL)
    assert world.w9x("status").returncode == 3


def test_a_program_survives_a_restart_of_the_daemon(world: Runner, start: Start) -> None:
    guest = start()
    address(guest)
    assert world.w9x("restart").returncode == 0
    assert guest.stdin is not None
    guest.stdin.write(b"new\n")
    guest.stdin.flush()
    address(guest)
    assert [row["program"] for row in as_json(world.w9x("ps", "--json"))] == ["holder.exe"]
    assert guest.communicate(b"exit 5\n", timeout=30)[1] == b""
    assert guest.returncode == 5


def test_stop_does_not_pull_the_floor_from_under_a_program(world: Runner, start: Start) -> None:
    guest = start()
    address(guest)
    done = world.w9x("stop")
    assert done.returncode == 1
    assert b"holder.exe" in done.stderr
    assert b"--kill" in done.stderr
    assert guest.poll() is None
    assert world.w9x("stop", "--kill").returncode == 0
    guest.communicate(timeout=30)
    assert guest.returncode == -signal.SIGKILL


# --- processes ------------------------------------------------------------------------------------
def test_ps_shows_a_program_while_it_runs(world: Runner, start: Start) -> None:
    assert as_json(world.w9x("ps", "--json")) == []
    guest = start(options=("--windows", "95"))
    address(guest)
    (row,) = as_json(world.w9x("ps", "--json"))
    assert (row["program"], row["linux_pid"], row["windows"], row["engine"]) == (
        "holder.exe",
        guest.pid,
        "95",
        "unicorn",
    )
    assert row["state"] == "running"
    assert abs(row["started"] - time.time()) < 120
    assert f"{row['pid']:08X}" in text(world.w9x("ps"))
    guest.communicate(b"exit 0\n", timeout=30)
    assert as_json(world.w9x("ps", "--json")) == []


def test_kill_takes_guest_pids_and_linux_pids(world: Runner, start: Start) -> None:
    for name in ("pid", "linux_pid"):
        guest = start()
        address(guest)
        (row,) = as_json(world.w9x("ps", "--json"))
        number = f"{row['pid']:08X}" if name == "pid" else str(row["linux_pid"])
        done = world.w9x("kill", number)
        assert done.returncode == 0, shown(done)
        guest.communicate(timeout=30)
        assert guest.returncode == 128 + signal.SIGTERM
    assert b"no program" in world.w9x("kill", "4711").stderr


# --- memory ---------------------------------------------------------------------------------------
def test_peek_shows_what_a_program_wrote_and_arena_whose_it_is(world: Runner, start: Start) -> None:
    guest = start()
    where = address(guest)
    done = world.w9x("peek", where, "32")
    assert "the quick brown" in text(done), shown(done)
    assert world.w9x("peek", "--raw", where, "19").stdout == b"the quick brown fox"
    (process,) = as_json(world.w9x("ps", "--json"))
    rows = as_json(world.w9x("arena", "--json"))
    value = int(where, 16)
    (row,) = [row for row in rows if row["start"] <= value < row["start"] + row["size"]]
    assert row["owners"] == [process["pid"]]
    mine = as_json(world.w9x("arena", "--json", "--pid", str(guest.pid)))
    assert row in mine
    assert all(process["pid"] in row["owners"] for row in mine)
    assert "holder.exe" in text(world.w9x("arena"))


def test_peek_refuses_what_is_not_there(world: Runner) -> None:
    world.w9x("start")
    assert b"not committed" in world.w9x("peek", "70000000").stderr
    assert b"not shared" in world.w9x("peek", "C0000000").stderr
    assert b"no length" in world.w9x("peek", "70000000", "0").stderr


def test_two_instances_are_overlays_of_one_address(world: Runner, start: Start) -> None:
    guests = [start(), start()]
    addresses = {address(guest) for guest in guests}
    assert len(addresses) == 2
    rows = [row for row in as_json(world.w9x("arena", "--json")) if row["start"] == 0x400000]
    assert {owner for row in rows for owner in row["owners"]} == {
        row["pid"] for row in as_json(world.w9x("ps", "--json"))
    }


def test_a_pipe_that_closes_early_is_no_error_message(world: Runner) -> None:
    world.w9x("start")
    command = f"{sys.executable} -m w9x_client.cli reg query -r HKLM | head -1"
    done = subprocess.run(["bash", "-c", command], env=world.env, capture_output=True, check=False)
    assert done.stdout.strip() == b"HKEY_LOCAL_MACHINE"
    assert done.stderr == b""


# --- registry, drives -----------------------------------------------------------------------------
def test_registry_values_come_back_and_survive_export_and_import(world: Runner, tmp_path: Path) -> None:
    assert world.w9x("reg", "set", "HKCU/Software/Test", "Text", "a b").returncode == 0
    assert world.w9x("reg", "set", "HKCU/Software/Test", "Number", "7", "-t", "REG_DWORD").returncode == 0
    assert text(world.w9x("reg", "query", "HKCU/Software/Test", "Text")) == "a b\n"
    exported = tmp_path / "x.reg"
    assert world.w9x("reg", "export", "HKCU/Software/Test", str(exported)).returncode == 0
    assert exported.read_bytes().startswith(b"REGEDIT4")
    assert world.w9x("reg", "delete", "HKCU/Software/Test").returncode == 0
    assert world.w9x("reg", "query", "HKCU/Software/Test").returncode == 1
    assert world.w9x("reg", "import", str(exported)).returncode == 0
    found = as_json(world.w9x("reg", "query", "--json", "HKCU/Software/Test"))
    assert {value["name"]: value["data"] for value in found["values"]} == {"Text": "a b", "Number": "0x7"}
    assert world.w9x("reg", "delete", "HKCU/Software/Test", "Text").returncode == 0
    assert [v["name"] for v in as_json(world.w9x("reg", "query", "--json", "HKCU/Software/Test"))["values"]] == [
        "Number"
    ]


def test_a_missing_key_leaves_no_file_behind(world: Runner, tmp_path: Path) -> None:
    target = tmp_path / "x.reg"
    assert world.w9x("reg", "export", "HKCU/Nope", str(target)).returncode == 1
    assert not target.exists()


def test_a_drive_is_there_for_programs_until_it_is_removed(world: Runner, holder: Path, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("hello")
    assert world.w9x("drive", "add", f"Q:={tmp_path}:ro").returncode == 0
    rows = {row["letter"]: row for row in as_json(world.w9x("drive", "list", "--json"))}
    assert (rows["Q"]["path"], rows["Q"]["read_only"]) == (str(tmp_path), True)
    assert world.run(holder, ["type", "Q:\\NOTE.TXT"]).stdout == b"hello"
    assert world.w9x("drive", "remove", "q:").returncode == 0
    assert world.run(holder, ["type", "Q:\\NOTE.TXT"]).returncode == 2
    assert world.w9x("drive", "remove", "q:").returncode == 1


# --- triage, completion, service --------------------------------------------------------------------
def test_triage_says_that_a_program_runs_which_does(world: Runner, holder: Path) -> None:
    found = as_json(world.w9x("triage", "--json", str(holder)))
    assert (found["tier"], found["missing"], found["missing_dlls"]) == ("console", [], [])
    assert found["expected"] in ("runs", "may run")


def test_triage_of_a_folder_has_a_line_for_each_program(world: Runner, holder: Path, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/good.exe").write_bytes(holder.read_bytes())
    (tmp_path / "bad.exe").write_bytes(b"MZ" + bytes(200))
    (tmp_path / "notes.txt").write_text("no program")
    done = world.w9x("triage", str(tmp_path))
    rows = text(done).splitlines()[1:]
    assert [row.split()[0] for row in rows] == ["bad.exe", "sub/good.exe"]
    assert done.returncode == 1
    assert b"x.exe" in world.w9x("triage", str(tmp_path / "x.exe")).stderr


def test_completion_knows_the_commands(world: Runner) -> None:
    for shell in ("bash", "zsh", "fish"):
        assert "_W9X_COMPLETE" in text(world.w9x("completion", shell))
    environment = {**world.env, "_W9X_COMPLETE": "bash_complete", "COMP_WORDS": "w9x tri", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "w9x_client.cli"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["plain,triage"]


def test_service_status_without_units_says_how_to_install_them(world: Runner) -> None:
    world.env["XDG_CONFIG_HOME"] = str(world.folder / "config")
    done = world.w9x("service", "status")
    assert done.returncode == 3
    assert "w9x service install" in text(done)
