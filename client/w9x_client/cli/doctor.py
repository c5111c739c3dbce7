"""`w9x doctor`: is this machine ready, and how to mend what is not.

A check is a function that returns `Result`s; one that meets something unforeseen says so instead of ending the command.
"""

from __future__ import annotations

import os
import platform
import resource
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import click

from .output import print_json, printable, size_text

Word = Literal["ok", "warn", "fail"]
ARENA_ROOM_FAIL, ARENA_ROOM_WARN = 64 << 20, 512 << 20
"""Free bytes where the arena lives: below the first hardly a program starts, above the second most run."""
DESCRIPTORS = 1024
_PACKAGES = ("unicorn", "pefile", "msgpack", "zmq", "click", "rich", "tomlkit", "sortedcontainers")


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the report."""

    word: Word
    topic: str
    text: str
    mend: str = ""
    """How to mend it; '' where nothing need be done."""


def check_system() -> list[Result]:
    """Processor, kernel, Python."""
    found = []
    machine = platform.machine()
    if machine in ("x86_64", "aarch64"):
        found.append(Result("ok", "processor", machine))
    else:
        found.append(Result("warn", "processor", f"{machine} is untested", "use a 64-bit x86 or ARM machine"))
    release = platform.release()
    numbers = tuple(int(part) if part.isdigit() else 0 for part in release.split("-")[0].split(".")[:2])
    if sys.platform != "linux":
        found.append(Result("fail", "kernel", f"{sys.platform} is not Linux", "w9x runs on Linux only"))
    elif numbers < (5, 3):
        found.append(Result("fail", "kernel", f"Linux {release} has no pidfd", "use Linux 5.3 or newer"))
    else:
        found.append(Result("ok", "kernel", f"Linux {release}"))
    if sys.maxsize < 1 << 32:
        found.append(
            Result("fail", "python", "a 32-bit Python cannot hold a 4 GB address space", "use a 64-bit Python")
        )
    else:
        found.append(Result("ok", "python", f"{platform.python_version()} ({sys.executable})"))
    return found


def check_directories() -> list[Result]:
    """Where the arena and the data are kept, and the room there."""
    from w9x_arena import paths

    found = []
    if not os.environ.get("XDG_RUNTIME_DIR") and not os.environ.get("W9X_RUNTIME_DIR"):
        found.append(
            Result(
                "warn", "runtime", "XDG_RUNTIME_DIR is not set; the arena goes to the system's temporary directory",
                "log in through systemd (pam_systemd), or set XDG_RUNTIME_DIR to a private directory on a tmpfs",
            )
        )  # fmt: skip
    try:
        runtime = paths.runtime_dir()
        paths.socket_path()
    except paths.PathError as error:
        return [*found, Result("fail", "runtime", str(error), "see the message; or set W9X_RUNTIME_DIR")]
    found.append(_room("arena", runtime, "free memory or disk there, or set W9X_RUNTIME_DIR to a place with more room"))
    shm = Path("/dev/shm")  # noqa: S108  # looked at, not written
    if shm.is_dir():
        found.append(_room(str(shm), shm, f"mount -o remount,size=50% {shm}"))
    else:
        found.append(Result("warn", str(shm), "is not there", f"mount -t tmpfs tmpfs {shm}"))
    for name, place in (("data", paths.data_dir), ("settings", paths.config_dir), ("cache", paths.cache_dir)):
        try:
            folder = place()
        except paths.PathError as error:
            found.append(Result("fail", name, str(error), "make the directory yours, or set W9X_HOME"))
            continue
        if os.access(folder, os.W_OK):
            found.append(Result("ok", name, os.fspath(folder)))
        else:
            found.append(Result("fail", name, f"{folder} cannot be written", f"chown {os.getuid()} {folder}"))
    return found


def _room(topic: str, folder: Path, mend: str) -> Result:
    info = os.statvfs(folder)
    free, size = info.f_bavail * info.f_frsize, info.f_blocks * info.f_frsize
    text = f"{folder}: {size_text(free)} free of {size_text(size)}"
    if free < ARENA_ROOM_FAIL:
        return Result("fail", topic, text, mend)
    return Result("warn", topic, text, mend) if free < ARENA_ROOM_WARN else Result("ok", topic, text)


def check_limits() -> list[Result]:
    """Memory and descriptors."""
    found = []
    try:
        mode = int(Path("/proc/sys/vm/overcommit_memory").read_text("ascii"))
    except (OSError, ValueError):
        mode = -1
    if mode == 2:
        found.append(
            Result(
                "warn", "overcommit", "vm.overcommit_memory is 2: reserving 4 GB of addresses may fail",
                "sysctl vm.overcommit_memory=0",
            )
        )  # fmt: skip
    else:
        found.append(Result("ok", "overcommit", f"vm.overcommit_memory is {mode}" if mode >= 0 else "not known here"))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < DESCRIPTORS:
        text = f"at most {hard} open files"
        found.append(
            Result("warn", "open files", text, f"raise the hard limit (limits.conf, nofile) to {DESCRIPTORS} or more")
        )
    else:
        found.append(Result("ok", "open files", f"{soft}, at most {hard}"))
    address = resource.getrlimit(resource.RLIMIT_AS)[0]
    if address != resource.RLIM_INFINITY and address < 6 << 30:
        text = f"processes are limited to {size_text(address)} of addresses; a program needs 4 GB and more"
        found.append(Result("fail", "address space", text, "ulimit -v unlimited"))
    else:
        found.append(
            Result("ok", "address space", "not limited" if address == resource.RLIM_INFINITY else size_text(address))
        )
    return found


def check_packages() -> list[Result]:
    """The Python packages w9x needs."""
    from importlib import import_module, metadata

    found = []
    distributions = {"zmq": "pyzmq"}
    for name in _PACKAGES:
        try:
            import_module(name)
            version = metadata.version(distributions.get(name, name))
        except (ImportError, OSError) as error:
            found.append(
                Result("fail", name, f"cannot be loaded: {error}", f"pip install {distributions.get(name, name)}")
            )
        except metadata.PackageNotFoundError:
            found.append(Result("ok", name, "installed"))
        else:
            found.append(Result("ok", name, version))
    return found


def check_engines() -> list[Result]:
    """The engines; one must work."""
    from w9x_client.engine.probe import probe_engines

    found = []
    engines = probe_engines()
    for engine in engines:
        if engine.available:
            slow = "public" in engine.detail
            mend = "pip install --force-reinstall unicorn==2.1.4" if slow else ""
            found.append(
                Result("warn" if slow else "ok", f"engine {engine.name}", f"{engine.version}: {engine.detail}", mend)
            )
        elif engine.name == "unicorn":
            found.append(Result("fail", "engine unicorn", engine.detail, "pip install unicorn==2.1.4"))
        else:
            found.append(Result("ok", f"engine {engine.name}", engine.detail))
    found.append(_modify_ldt())
    return found


_SYS_MODIFY_LDT = {"x86_64": 154, "i686": 123, "i386": 123}


def _modify_ldt() -> Result:
    """Whether this kernel has modify_ldt(2), which running guest code on the processor itself needs
    (CONFIG_MODIFY_LDT_SYSCALL).
    """
    import ctypes

    number = _SYS_MODIFY_LDT.get(platform.machine())
    if number is None:
        return Result("ok", "modify_ldt", "not on this processor: the native engine is for x86 only")
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(64)
    if libc.syscall(ctypes.c_long(number), ctypes.c_int(0), buffer, ctypes.c_ulong(len(buffer))) >= 0:
        return Result("ok", "modify_ldt", "available")
    reason = os.strerror(ctypes.get_errno())
    return Result(
        "warn",
        "modify_ldt",
        f"not available ({reason}); a native engine could not run here",
        "use a kernel with CONFIG_MODIFY_LDT_SYSCALL",
    )


def check_tools() -> list[Result]:
    """What only developers and later versions need."""
    found = []
    tools = (
        ("gcc", "gcc", "builds the guest routines that make frequent calls fast"),
        ("i686-w64-mingw32-gcc", "gcc-mingw-w64-i686", "builds the test programs"),
        ("i686-w64-mingw32-g++", "g++-mingw-w64-i686", "builds the test programs"),
        ("nasm", "nasm", "builds the test programs"),
        ("npm", "npm", "fetches a real program for the tests"),
    )
    for program, package, use in tools:
        where = shutil.which(program)
        if where:
            found.append(Result("ok", program, where))
        else:
            found.append(Result("warn", program, f"not installed (optional: {use})", f"apt-get install {package}"))
    fonts = [
        folder
        for folder in ("/usr/share/fonts", "/usr/local/share/fonts")
        if os.path.isdir(folder) and os.listdir(folder)
    ]
    if fonts:
        found.append(Result("ok", "fonts", fonts[0]))
    else:
        found.append(
            Result("warn", "fonts", "none (optional: this version draws no text)", "apt-get install fonts-liberation")
        )
    return found


def check_daemon() -> list[Result]:
    """Whether a running daemon answers and is of this version."""
    from w9x_arena import __version__, rpc

    from .daemon import connect, lock_holder

    if not lock_holder():
        return [Result("ok", "daemon", "does not run; it is started when needed")]
    try:
        with connect() as connection:
            version, pid = connection.daemon_version, connection.daemon_pid
    except (rpc.DaemonUnavailable, rpc.ProtocolMismatch) as error:
        return [Result("fail", "daemon", str(error), "w9x restart")]
    if version != __version__:
        return [Result("warn", "daemon", f"is version {version}, this is {__version__}", "w9x restart")]
    return [Result("ok", "daemon", f"{version}, Linux pid {pid}")]


CHECKS: tuple[Callable[[], list[Result]], ...] = (
    check_system, check_directories, check_limits, check_packages, check_engines, check_daemon, check_tools,
)  # fmt: skip


def run_checks() -> list[Result]:
    """All checks in order."""
    results: list[Result] = []
    for check in CHECKS:
        try:
            results += check()
        except Exception as error:  # noqa: BLE001  # a check that fails in a way nobody foresaw is a finding, not the end
            name = check.__name__.removeprefix("check_")
            results.append(Result("fail", name, f"{type(error).__name__}: {error}", "please report this"))
    return results


EPILOG = """\b
Exit code: 1 when a check fails. Warnings concern speed, comfort, or what only some programs need.
Examples:
  w9x doctor
  w9x doctor --json | jq '.[] | select(.word != "ok")'
"""


@click.command(epilog=EPILOG)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> int:
    """Check this machine, and say how to mend what is missing."""
    results = run_checks()
    if as_json:
        print_json([asdict(result) for result in results])
    else:
        colours = {"ok": "green", "warn": "yellow", "fail": "red"}
        for result in results:
            word = click.style(f"{result.word:<4}", fg=colours[result.word])
            click.echo(f"{word}  {result.topic:<14} {printable(result.text)}")
            if result.mend:
                click.echo(f"      {'':<14} -> {printable(result.mend)}")
    return 1 if any(result.word == "fail" for result in results) else 0
