"""What a program, or a broken host, does to `w9x run`: one clear line, the right exit code, nobody else hurt."""

from __future__ import annotations

import os
import resource
import shlex
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.guest.build import build_exe
from tests.guest.fixtures import w9x
from tests.guest.run import Runner, shown
from tests.unit.loader.support import make_pe

__all__ = ["w9x"]
CANNOT_RUN = 126
TIME_IS_UP = 124
ERROR_INVALID_HANDLE = 6
RETURN_0 = b"\x31\xc0\xc3" + b"\x90" * 61


@pytest.fixture(scope="session")
def attacker() -> Path:
    """The program of `programs/attacker.c`."""
    return build_exe("attacker", [Path(__file__).parent / "programs/attacker.c"])


def start(
    w9x: Runner, program: Path | str, *words: str, shell: str = "", limits: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """`w9x run` with a shell's redirections, or with limits set in the new process."""
    command = shlex.join(w9x.command(program, words))
    return subprocess.run(
        f"exec {command} {shell}", shell=True, env=w9x.env, stdin=subprocess.DEVNULL, capture_output=True,
        timeout=60, preexec_fn=limits, check=False,
    )  # fmt: skip


def one_line(done: subprocess.CompletedProcess[bytes]) -> str:
    """The error output, which is one line of printable text that begins with w9x."""
    text = done.stderr.decode()
    assert text.count("\n") == 1 and text.startswith("w9x: "), shown(done)
    assert text.rstrip("\n").isprintable() and "internal error" not in text, shown(done)
    return text


# --- standard descriptors ------------------------------------------------------------------------------------
def test_a_closed_standard_input_is_no_file_of_ours(w9x: Runner, attacker: Path) -> None:
    done = start(w9x, attacker, "read", shell="<&-")
    assert done.returncode == ERROR_INVALID_HANDLE, shown(done)


def test_a_closed_standard_output_is_an_invalid_handle(w9x: Runner, attacker: Path) -> None:
    assert start(w9x, attacker, "write", shell=">&-").returncode == ERROR_INVALID_HANDLE


def test_a_program_runs_without_any_standard_descriptor(w9x: Runner, attacker: Path) -> None:
    assert start(w9x, attacker, shell="<&- >&- 2>&-").returncode == 7


def test_a_full_disk_is_the_programs_error(w9x: Runner, attacker: Path) -> None:
    assert start(w9x, attacker, "write", shell=">/dev/full").returncode == 112  # ERROR_DISK_FULL


def test_listings_stand_a_closed_output(w9x: Runner) -> None:
    w9x.w9x("start")
    done = subprocess.run(
        "exec " + shlex.join([*w9x.command("x")[:3], "ps"]) + " >&-", shell=True, env=w9x.env, capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, b"")


# --- the host ------------------------------------------------------------------------------------------------
def test_a_current_directory_that_is_gone_is_named(w9x: Runner, attacker: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    command = shlex.join(w9x.command(attacker))
    done = subprocess.run(
        f"rmdir ../gone; exec {command}", shell=True, env=w9x.env, cwd=gone, capture_output=True, check=False
    )
    assert done.returncode == CANNOT_RUN, shown(done)
    assert "current directory" in one_line(done)


@pytest.mark.parametrize(
    ("limit", "value", "word"),
    [(resource.RLIMIT_AS, 1 << 30, "address space"), (resource.RLIMIT_NOFILE, 16, "Too many open files")],
)
def test_a_limit_of_the_host_is_one_line(w9x: Runner, attacker: Path, limit: int, value: int, word: str) -> None:
    w9x.w9x("start")
    done = start(w9x, attacker, limits=lambda: resource.setrlimit(limit, (value, value)))
    assert done.returncode == CANNOT_RUN, shown(done)
    assert word in one_line(done)


def test_a_few_descriptors_are_enough(w9x: Runner, attacker: Path) -> None:
    w9x.w9x("start")
    assert start(w9x, attacker, limits=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))).returncode == 7


def test_a_small_runtime_directory_fills_without_a_crash(attacker: Path) -> None:
    """8 MB of tmpfs: VirtualAlloc fails with ERROR_NOT_ENOUGH_MEMORY, and a full one lets no program start."""
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("a file system of its own needs mount rights")
    world = Runner()
    try:
        run = world.env["W9X_RUNTIME_DIR"]
        program = shlex.join(world.command(attacker))
        stop = shlex.join([*world.command("x")[:3], "stop"])
        script = f"""
            mount -t tmpfs -o size=8m,mode=700 tmpfs {run} || exit 99
            {program} fill; echo "code $?"
            dd if=/dev/zero of={run}/full bs=4k 2>/dev/null
            {program}; echo "code $?"
            {stop} >/dev/null
        """
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", script], env=world.env, capture_output=True, timeout=60, check=False
        )
        if done.returncode == 99:
            pytest.skip("tmpfs cannot be mounted here")
        assert done.stdout.replace(b"\r", b"") == b"1 8\ncode 0\ncode 126\n", shown(done)
        assert "ERROR_NOT_ENOUGH_MEMORY" in one_line(done)
    finally:
        world.stop()


# --- what is to be run -----------------------------------------------------------------------------------------
def test_no_special_file_is_run(w9x: Runner, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.exe")
    (tmp_path / "empty.exe").touch()
    with open(tmp_path / "sparse.exe", "wb") as sparse:
        sparse.truncate(4 << 30)
    for path in ("/dev/zero", "/dev/null", "/proc/self/mem", tmp_path, *tmp_path.iterdir()):
        done = start(w9x, path)
        assert done.returncode == CANNOT_RUN, shown(done)
        one_line(done)


def test_names_from_a_file_reach_the_terminal_as_text(w9x: Runner, tmp_path: Path) -> None:
    (tmp_path / "names.exe").write_bytes(make_pe(imports={"\x1b[31m.dll": ["f"]}, code=RETURN_0).data)
    assert "\\x1b[31M.DLL" in one_line(start(w9x, tmp_path / "names.exe"))


def test_dlls_that_import_each_other_load(w9x: Runner, tmp_path: Path) -> None:
    attach = b"\x31\xc0\x40\xc2\x0c\x00" + b"\x90" * 58
    for name, other, base in (("a", "b", 0x1000_0000), ("b", "a", 0x1100_0000)):
        dll = make_pe(
            dll=f"{name}.dll", base=base, imports={f"{other}.dll": ["f"]}, exports={"f": 0}, code=attach, relocations=[]
        )
        (tmp_path / f"{name}.dll").write_bytes(dll.data)
    (tmp_path / "ring.exe").write_bytes(make_pe(imports={"a.dll": ["f"]}, code=RETURN_0).data)
    done = start(w9x, tmp_path / "ring.exe")
    assert (done.returncode, done.stderr) == (0, b"")


def test_sixty_thousand_unknown_imports_are_refused_quickly(w9x: Runner, tmp_path: Path) -> None:
    names = [f"F{number}" for number in range(65535)]
    (tmp_path / "many.exe").write_bytes(make_pe(imports={"kernel32.dll": names}, code=RETURN_0).data)
    done = start(w9x, tmp_path / "many.exe")
    assert done.returncode == CANNOT_RUN, shown(done)
    one_line(done)


# --- while it runs ---------------------------------------------------------------------------------------------
def test_an_endless_loop_ends_with_its_time(w9x: Runner, attacker: Path) -> None:
    done = w9x.run(attacker, ["loop"], options=["--timeout", "0.3"])
    assert done.returncode == TIME_IS_UP
    one_line(done)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_an_endless_loop(w9x: Runner, attacker: Path, number: signal.Signals) -> None:
    guest = w9x.popen(attacker, ["loop"])
    assert guest.stdout is not None and guest.stdout.readline().startswith(b"ready")
    guest.send_signal(number)
    guest.communicate(timeout=30)
    assert guest.returncode == 128 + number


def test_nothing_outside_the_drives_is_opened(w9x: Runner, attacker: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    drive = tmp_path / "drive"
    (drive / "sub").mkdir(parents=True)
    (drive / "file").write_text("inside")
    (drive / "link").symlink_to(tmp_path / "secret")
    (drive / "relative").symlink_to("../secret")
    (drive / "up").symlink_to("..")
    (drive / "zero").symlink_to("/dev/zero")
    (drive / "round").symlink_to("round")
    os.mkfifo(drive / "pipe")
    outside = [
        "X:\\..\\secret", "X:/../secret", "X:\\sub\\..\\..\\secret", "X:\\link", "X:\\relative", "X:\\up\\secret",
        "X:\\zero", "X:\\round", "X:\\pipe", "\\\\?\\X:\\..\\secret", "\\\\.\\X:\\..\\secret", "\\\\.\\C:",
        "\\\\.\\PHYSICALDRIVE0", "\\\\?\\UNC\\localhost\\c", "\\\\localhost\\c$\\secret", "X:\\...\\secret",
        str(tmp_path / "secret"), str(tmp_path / "secret").replace("/", "\\"), "/proc/self/environ",
        "X:\\file:stream", "X:\\file::$DATA", "X:\\fil*", "X:\\f\x01le", "X:\\" + "..\\" * 500 + "secret",
        "X:\\" + "a" * 300, "X:" + "\\a" * 3000, "X:\\COM1", "X:\\sub\\AUX.txt", "", " ",
    ]  # fmt: skip
    done = w9x.run(attacker, ["open", "X:\\file", *outside], options=["--drive", f"X:={drive}"])
    answers = done.stdout.decode().splitlines()
    assert answers[0] == "inside", shown(done)
    opened = [name for name, answer in zip(outside, answers[1:], strict=True) if answer != "no"]
    assert opened == []
