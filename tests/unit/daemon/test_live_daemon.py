"""A running daemon: starting, asking, stopping, dying, and coming back."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from w9x_arena import messages as m
from w9x_arena import paths, regfile, rpc
from w9x_arena.messages import Code
from w9x_arena.segment import ArenaFile

Connect = Callable[..., rpc.Connection]
Spawn = Callable[..., subprocess.Popen[bytes]]
KB64 = 0x10000
OWNER = """
print(c.call(m.AllocRange(1, 0, "shared", 3, "", False, "dll")).base, flush=True)
sys.stdin.read()
"""


def alloc(connection: rpc.Connection, size: int = KB64, address: int = 0, label: str = "") -> int:
    return connection.call(m.AllocRange(size, address, "shared", 3, label, False, "system")).base


def place(connection: rpc.Connection, key: str, base: int = 0x400000) -> m.Placement:
    return connection.call(m.PlaceImage(key, base, 0x5000, False, False, key))


def refused(code: Code, connection: rpc.Connection, request: m.Request) -> None:
    with pytest.raises(rpc.RpcError) as caught:
        connection.call(request)
    assert caught.value.code == code, caught.value


def kill_daemon(connection: rpc.Connection) -> None:
    pidfd = os.pidfd_open(connection.daemon_pid)
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    select.select([pidfd], [], [], 10)
    os.close(pidfd)


def settled(connection: rpc.Connection) -> m.Status:
    """The daemon's status once nothing waits to be reclaimed."""
    while True:
        status = connection.call(m.Ping())
        if not status.reclaiming_bytes:
            return status


def until(condition: Callable[[], bool]) -> None:
    """Ask again and again; the asking itself lets the daemon work."""
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline, "never became true"


# --- starting and stopping --------------------------------------------------------------------------------------


def test_first_connection_starts_the_daemon_and_the_next_uses_it(connect: Connect, home: Path) -> None:
    one, two = connect("one.exe"), connect("two.exe")
    assert one.daemon_pid == two.daemon_pid != os.getpid()
    assert one.pid != two.pid
    assert one.arena_id == two.arena_id == ArenaFile.open(paths.arena_path()).creation_id
    assert stat.S_IMODE(os.lstat(paths.socket_path()).st_mode) == 0o600
    assert stat.S_IMODE(os.lstat(paths.arena_path()).st_mode) == 0o600


def test_connection_without_a_daemon_can_be_told_not_to_start_one(home: Path) -> None:
    with pytest.raises(rpc.DaemonUnavailable, match="does not run"):
        rpc.Connection.open(tool=True, start=False)


def test_many_processes_at_once_start_one_daemon(python_client: Spawn, connect: Connect) -> None:
    children = [python_client("print(c.daemon_pid)") for _ in range(6)]
    pids = {child.communicate(timeout=60)[0] for child in children}
    assert pids == {f"{connect().daemon_pid}\n".encode()}


def test_second_daemon_refuses_to_run(connect: Connect) -> None:
    connect()
    again = subprocess.run(
        [sys.executable, "-m", "w9xd"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert again.returncode == 75
    assert b"already runs" in again.stderr


def test_start_failure_is_one_line(home: Path) -> None:
    paths.data_dir().joinpath("registry.sqlite").mkdir()
    with pytest.raises(rpc.DaemonUnavailable, match="did not start: w9xd: cannot open the registry"):
        rpc.Connection.open()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_it_cleanly(spawn_daemon: Spawn, number: signal.Signals) -> None:
    daemon = spawn_daemon()
    daemon.send_signal(number)
    assert daemon.wait(15) == 0
    assert not paths.socket_path().exists()
    assert not paths.arena_path().exists()
    assert not (paths.runtime_dir() / "journal").exists()
    assert daemon.stderr is not None
    assert daemon.stderr.read() == b""


def test_shutdown_request_stops_it(spawn_daemon: Spawn) -> None:
    daemon = spawn_daemon()
    with rpc.Connection.open(tool=True) as tool:
        tool.call(m.Shutdown(False))
    assert daemon.wait(15) == 0


def test_shutdown_can_end_the_clients_too(connect: Connect, python_client: Spawn) -> None:
    child = python_client("print('up', flush=True); sys.stdin.read()")
    assert child.stdout is not None
    assert child.stdout.readline() == b"up\n"
    tool = connect(tool=True)
    tool.call(m.Shutdown(True))
    assert child.wait(15) == -signal.SIGKILL
    child.communicate()


def test_service_manager_is_told(home: Path, spawn_daemon: Spawn) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(home / "notify"))
        manager.settimeout(15)
        daemon = spawn_daemon(NOTIFY_SOCKET=str(home / "notify"), WATCHDOG_USEC="40000")
        assert [manager.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
        daemon.terminate()
        while (told := manager.recv(100)) == b"WATCHDOG=1":
            pass
        assert told == b"STOPPING=1"


def test_socket_of_the_service_manager_is_used_and_left(home: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(paths.socket_path()))
        listener.listen()
        activate = f'exec 3<&{listener.fileno()}; LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" -m w9xd'
        daemon = subprocess.Popen(
            ["bash", "-c", activate, sys.executable],
            pass_fds=(listener.fileno(),),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        # The connection waits in the listener's queue until the daemon is up, as under systemd.
        with rpc.Connection.open(tool=True) as tool:
            assert tool.daemon_pid == daemon.pid
            tool.call(m.Shutdown(False))
        assert daemon.wait(15) == 0
        assert paths.socket_path().exists(), "the socket is the service manager's"


# --- requests ---------------------------------------------------------------------------------------------------


def test_processes_are_listed_with_what_they_said(connect: Connect, python_client: Spawn) -> None:
    me = connect("C:\\a.exe", "unicorn", command_line="a.exe \udcff", windows="95")
    child = python_client("c.call(m.SetProcessState('running')); print(c.pid, flush=True); sys.stdin.read()")
    assert child.stdout is not None
    pid = int(child.stdout.readline())
    rows = me.call(m.ListProcesses(0)).rows
    assert [(r.pid, r.linux_pid, r.program, r.state) for r in rows] == [
        (me.pid, os.getpid(), "C:\\a.exe", "starting"),
        (pid, child.pid, "other.exe", "running"),
    ]
    assert (rows[0].command_line, rows[0].engine, rows[0].windows) == ("a.exe \udcff", "unicorn", "95")
    assert abs(rows[0].started_ms - time.time() * 1000) < 60_000
    me.call(m.KillProcess(pid, False))
    assert child.wait(15) == -signal.SIGTERM
    child.communicate()
    until(lambda: len(me.call(m.ListProcesses(0)).rows) == 1)
    refused(Code.NOT_FOUND, me, m.KillProcess(pid, True))


def test_tool_owns_nothing(connect: Connect) -> None:
    tool = connect(tool=True)
    assert tool.pid == 0
    assert tool.call(m.Ping()).processes == 0
    for request in (
        m.AllocRange(1, 0, "shared", 3, "", False, "system"),
        m.FreeRange(0x400000),
        m.PlaceImage("k", 0x400000, 1, False, False, ""),
        m.RegisterModule("A", 1, 1),
        m.SetProcessState("running"),
        m.AllocIds(1),
    ):
        refused(Code.DENIED, tool, request)


def test_range_is_listed_then_freed_clean(connect: Connect) -> None:
    me, other = connect(), connect()
    base = alloc(me, 3 * KB64, label="heap")
    with ArenaFile.open(paths.arena_path()) as arena:
        before, epoch = arena.allocated_bytes(), arena.epoch
        arena.commit(base, 3 * KB64)
        os.pwrite(arena.fd, b"secret", base)
        arena.page_map[base // 4096] = 0x83
        assert [(r.start, r.size, r.owners, r.label) for r in other.call(m.ListArena(0)).rows] == [
            (base, 3 * KB64, (me.pid,), "heap")
        ]
        refused(Code.DENIED, other, m.FreeRange(base))
        me.call(m.FreeRange(base))
        assert arena.allocated_bytes() == before
        assert arena.page_map[base // 4096] == 0
        assert arena.epoch != epoch
        assert os.pread(arena.fd, 6, base) == bytes(6)
        assert alloc(me, address=base) == base


def test_large_range_is_freed_without_delay_and_comes_back(connect: Connect) -> None:
    me = connect()
    base = alloc(me, 0x70000000, 0x400000)
    me.call(m.FreeRange(base))
    assert alloc(me, 0x70000000, 0x400000) == base, "what still waits to be cleaned is cleaned on demand"
    me.call(m.FreeRange(base))
    assert alloc(me, 0x70000000) > 0


def test_images_are_shared_between_processes(connect: Connect) -> None:
    one, two, three = connect(), connect(), connect()
    assert place(one, "k").mode == "fresh"
    assert place(two, "k").mode == "pending"
    one.call(m.ImageReady("k"))
    assert place(three, "k") == m.Placement(0x400000, "existing")
    assert place(connect(), "other") == m.Placement(0x400000, "overlay")
    rows = one.call(m.ListArena(0)).rows
    assert (rows[0].kind, rows[0].owners) == ("image", (one.pid, three.pid))
    assert sorted(r.owners[0] for r in rows if r.kind == "overlay") == [two.pid, three.pid + 4]


def test_listings_longer_than_a_message_come_in_pages(connect: Connect) -> None:
    me = connect()
    for number in range(600):
        alloc(me, label=f"{number:0128}")
        me.call(m.RegisterModule("\u20ac" * 260, number * KB64, 1))
    starts, at = [], 0
    while True:
        page = me.call(m.ListArena(at))
        starts += [row.start for row in page.rows]
        at = page.next
        if not at:
            break
    assert len(starts) == len(set(starts)) == 600
    modules, at = 0, 0
    while True:
        answer = me.call(m.ListModules(me.pid, at))
        modules += len(answer.rows)
        at = answer.next
        if not at:
            break
    assert modules == 600
    me.call(m.UnregisterModule(0))
    refused(Code.NOT_FOUND, me, m.UnregisterModule(0))


def test_atoms_are_global_and_outlive_their_maker(connect: Connect) -> None:
    one, two = connect(), connect()
    atom = one.call(m.AddAtom("Clip")).atom
    one.close()
    assert two.call(m.FindAtom("CLIP")).atom == atom
    assert two.call(m.GetAtomName(atom)).name == "Clip"
    two.call(m.DeleteAtom(atom))
    refused(Code.NOT_FOUND, two, m.FindAtom("Clip"))


def test_drives_and_environment_persist(connect: Connect, home: Path) -> None:
    me = connect(tool=True)
    me.call(m.SetDrive("Q", str(home), True))
    me.call(m.SetEnvironment("Path", "C:\\X"))
    me.call(m.SetEnvironment("PATH", "C:\\Y"))
    kill_daemon(me)
    assert me.call(m.ListDrives()).rows == (m.DriveRow("Q", str(home), True),)
    assert me.call(m.GetEnvironment()).rows == (m.EnvironmentRow("PATH", "C:\\Y"),)
    me.call(m.SetEnvironment("path", ""))
    me.call(m.RemoveDrive("Q"))
    assert me.call(m.ListDrives()).rows == ()
    assert me.call(m.GetEnvironment()).rows == ()
    refused(Code.NOT_FOUND, me, m.RemoveDrive("Q"))
    refused(Code.INVALID, me, m.SetDrive("Q", "relative", False))
    refused(Code.INVALID, me, m.SetEnvironment("A=B", "x"))


@pytest.mark.parametrize("text", ["[]", "{", "{\"Q\": 5}", "{\"QQ\": {\"path\": \"/\"}}", "[" * 100_000])
def test_damaged_settings_are_reported_and_kept(connect: Connect, text: str) -> None:
    (paths.config_dir() / "drives.json").write_text(text)
    me = connect(tool=True)
    refused(Code.INVALID, me, m.ListDrives())
    assert (paths.config_dir() / "drives.json").read_text() == text


def test_registry_through_the_daemon(connect: Connect) -> None:
    me = connect(windows="95")
    key = r"Software\W9xTest"
    assert me.call(m.RegCreateKey("HKCU", key)).created
    me.call(m.RegSetValue("HKCU", key, "v", 7, b"a\0b\0\0"))
    assert me.call(m.RegQueryValue("HKU", ".default\\" + key, "V")) == m.RegValue("v", 7, b"a\0b\0\0")
    assert me.call(m.RegEnumValues("HKCU", key, 0, 10)).rows == (m.ValueRow("v", 7, 5),)
    assert me.call(m.RegEnumKeys("HKCU", "Software", 0, 60000)).names[-1] == "W9xTest"
    assert me.call(m.RegQueryInfo("HKCU", key)).values == 1
    version = me.call(m.RegQueryValue("HKLM", r"Software\Microsoft\Windows\CurrentVersion", "VersionNumber"))
    assert version.data == b"4.00.950\0"
    me.call(m.RegDeleteValue("HKCU", key, "v"))
    me.call(m.RegDeleteKey("HKCU", key))
    refused(Code.NOT_FOUND, me, m.RegOpenKey("HKCU", key))


def test_registry_reaches_the_disk_when_nobody_asks(connect: Connect) -> None:
    me = connect(tool=True)
    me.call(m.RegCreateKey("HKCU", "Saved"))
    log = paths.data_dir() / "registry.sqlite-wal"
    assert log.stat().st_size > 0
    until(lambda: log.stat().st_size == 0)


def test_large_registry_file_goes_in_and_comes_out(connect: Connect) -> None:
    me = connect(tool=True)
    text = b"REGEDIT4\r\n\r\n[HKEY_CURRENT_USER\\Big]\r\n"
    text += b"".join(b'"v%d"="%s"\r\n' % (n, b"x" * 1000) for n in range(900))
    assert regfile.import_registry(me, text) == (1, 900)
    assert b"".join(regfile.export_registry(me, "HKCU", "Big")) == text
    with pytest.raises(rpc.RpcError, match="line 904: neither"):
        regfile.import_registry(me, text + b"garbage\r\n")


def test_names_for_many_keys_fit_a_message(connect: Connect) -> None:
    me = connect(tool=True)
    names = [f"{number:03}" + "\u20ac" * 252 for number in range(400)]
    for name in names:
        me.call(m.RegCreateKey("HKCU", "Many\\" + name))
    found: list[str] = []
    while part := me.call(m.RegEnumKeys("HKCU", "Many", len(found), 256)).names:
        found += part
    assert found == names


def test_thread_ids_are_nobodys_pid(connect: Connect) -> None:
    me = connect()
    first = me.call(m.AllocIds(16)).base
    other = connect()
    assert other.pid == first + 16 * 4
    assert me.call(m.AllocIds(1)).base > other.pid
    refused(Code.INVALID, me, m.AllocIds(0))


def test_a_connection_serves_several_threads(connect: Connect) -> None:
    me = connect()
    wrong: list[object] = []

    def work(number: int) -> None:
        for _ in range(100):
            name = me.call(m.AddAtom(f"thread {number}")).name
            if name != f"thread {number}":
                wrong.append(name)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# --- death ------------------------------------------------------------------------------------------------------


def test_killed_client_is_noticed_and_everything_reclaimed(connect: Connect, python_client: Spawn) -> None:
    me = connect()
    before = me.call(m.ListArena(0)).rows
    empty = settled(me).arena_bytes
    child = python_client(
        "b = c.call(m.AllocRange(1 << 20, 0, 'shared', 3, 'x', False, 'system')).base\n"
        "a = segment.ArenaFile.open(paths.arena_path()); a.commit(b, 1 << 20)\n"
        "c.call(m.PlaceImage('k', 0x400000, 99, False, False, 'k')); c.call(m.RegisterModule('K', 1, 1))\n"
        "c.call(m.AllocRange(1, 0x70000000, 'overlay', 3, '', False, 'system'))\n"
        "print('up', flush=True); sys.stdin.read()"
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"up\n"
    assert len(me.call(m.ListArena(0)).rows) == len(before) + 3
    child.kill()
    child.communicate()
    until(lambda: len(me.call(m.ListProcesses(0)).rows) == 1)
    assert me.call(m.ListArena(0)).rows == before
    assert not me.call(m.ListModules(0, 0)).rows
    assert settled(me).arena_bytes == empty


def test_stray_writes_are_swept_when_the_last_process_ends(connect: Connect) -> None:
    me, tool = connect(), connect(tool=True)
    empty = settled(tool).arena_bytes
    with ArenaFile.open(paths.arena_path()) as arena:
        os.pwrite(arena.fd, b"through a dangling pointer", 0x60000000)
        me.close()
        assert settled(tool).arena_bytes == empty
        assert os.pread(arena.fd, 4, 0x60000000) == bytes(4)


def test_killed_daemon_is_replaced_and_knows_everything(connect: Connect, python_client: Spawn) -> None:
    me = connect()
    child = python_client(OWNER)
    doomed = python_client(OWNER)
    assert child.stdout is not None
    assert doomed.stdout is not None
    childs = int(child.stdout.readline())
    dooms = int(doomed.stdout.readline())
    base = alloc(me, label="mine")
    me.call(m.PlaceImage("k", 0x400000, 1, False, False, "k"))
    me.call(m.ImageReady("k"))
    me.call(m.RegisterModule("K.EXE", 0x400000, 1))
    atom = me.call(m.AddAtom("kept")).atom
    pid, old, arena_id = me.pid, me.daemon_pid, me.arena_id
    processes = me.call(m.ListProcesses(0)).rows
    with ArenaFile.open(paths.arena_path()) as arena:
        arena.commit(base, KB64)
        os.pwrite(arena.fd, b"data", base)
        arena.page_map[base // 4096] = 0x83
        kill_daemon(me)
        doomed.kill()
        doomed.communicate()
        status = me.call(m.Ping())
        assert status.daemon_pid != old
        assert (me.pid, me.arena_id) == (pid, arena_id)
        assert os.pread(arena.fd, 4, base) == b"data"
        assert arena.page_map[base // 4096] == 0x83
    rows = me.call(m.ListArena(0)).rows
    assert {row.start for row in rows} == {0x400000, base, childs}
    assert dooms not in {row.start for row in rows}
    assert me.call(m.ListProcesses(0)).rows == tuple(row for row in processes if row.linux_pid != doomed.pid)
    assert [row.name for row in me.call(m.ListModules(0, 0)).rows] == ["K.EXE"]
    assert me.call(m.FindAtom("KEPT")).atom == atom
    other = connect()
    assert other.pid not in {row.pid for row in processes}
    refused(Code.CONFLICT, other, m.AllocRange(1, base, "shared", 3, "", False, "system"))
    refused(Code.CONFLICT, other, m.AllocRange(1, childs, "shared", 3, "", False, "dll"))
    me.call(m.FreeRange(base))
    me.call(m.ReleaseImage("k"))
    child.communicate()


def test_client_that_says_nothing_survives_a_daemon_restart_and_is_still_watched(
    connect: Connect, python_client: Spawn
) -> None:
    me = connect(tool=True)
    child = python_client(OWNER)
    assert child.stdout is not None
    assert child.stdout.readline()
    kill_daemon(me)
    assert me.call(m.Ping()).processes == 1
    child.kill()
    child.communicate()
    until(lambda: me.call(m.Ping()).processes == 0)
    assert me.call(m.Ping()).ranges == 0


def test_clean_stop_keeps_the_arena_for_living_clients(connect: Connect) -> None:
    me, tool = connect(), connect(tool=True)
    base, arena_id = alloc(me), me.arena_id
    pidfd = os.pidfd_open(me.daemon_pid)
    tool.call(m.Shutdown(False))
    select.select([pidfd], [], [], 15)
    assert [row.start for row in me.call(m.ListArena(0)).rows] == [base]
    assert me.arena_id == arena_id


def test_client_whose_arena_is_gone_is_told(connect: Connect) -> None:
    me = connect()
    kill_daemon(me)
    (paths.runtime_dir() / "journal").unlink()
    with pytest.raises(rpc.DaemonUnavailable, match="memory is gone"):
        me.call(m.Ping())


def test_registry_keeps_what_was_acknowledged_through_sigkills(connect: Connect) -> None:
    me = connect(tool=True)
    me.call(m.RegCreateKey("HKCU", "Durable"))
    done = -1
    kills = 4
    for kill in range(kills):
        target = threading.Event()
        me.call(m.Ping())  # the last daemon may have died behind its last answer: only a call makes `me` see the next
        victim = os.pidfd_open(me.daemon_pid)

        def strike(event: threading.Event = target, pidfd: int = victim) -> None:
            event.wait()
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)

        thread = threading.Thread(target=strike)
        thread.start()
        first = done + 1
        dead = False
        while not dead:
            number = done + 1
            me.call(m.RegSetValue("HKCU", "Durable", f"v{number}", 3, number.to_bytes(4, "little") * 100))
            done = number
            if number == first + 40 + kill * 17:
                target.set()
            if number > first + 40:
                dead = bool(select.select([victim], [], [], 0)[0])
        thread.join()
        os.close(victim)
    for number in range(done + 1):
        assert me.call(m.RegQueryValue("HKCU", "Durable", f"v{number}")).data == number.to_bytes(4, "little") * 100
    pidfd = os.pidfd_open(me.daemon_pid)
    me.call(m.Shutdown(False))
    select.select([pidfd], [], [], 15)
    with contextlib.closing(sqlite3.connect(paths.data_dir() / "registry.sqlite")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_daemon_that_hangs_is_a_clear_error(connect: Connect) -> None:
    me = connect()
    os.kill(me.daemon_pid, signal.SIGSTOP)
    try:
        with pytest.raises(rpc.DaemonUnavailable, match="does not answer"):
            me.call(m.Ping(), timeout=0.05)
    finally:
        os.kill(me.daemon_pid, signal.SIGCONT)
    assert me.call(m.FindAtom("#7")).atom == 7, "the late answer is not taken for this one"


def test_old_client_is_told_about_versions(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    connect()
    monkeypatch.setattr(m, "PROTOCOL_VERSION", 99)
    with pytest.raises(rpc.ProtocolMismatch, match="speaks protocol 99; run: w9x restart"):
        rpc.Connection.open("a", "b")


def test_closed_connection_says_so(connect: Connect) -> None:
    me = connect()
    me.close()
    me.close()
    with pytest.raises(rpc.DaemonUnavailable, match="closed"):
        me.call(m.Ping())


def test_locks_of_a_dead_starter_do_not_block(home: Path, connect: Connect) -> None:
    paths.runtime_dir()
    paths.start_lock_path().touch(mode=0o600)
    paths.daemon_lock_path().write_text("999999999\n")
    assert connect().daemon_pid != 999999999
    with open(paths.daemon_lock_path()) as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
