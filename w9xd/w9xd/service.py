"""The systemd user units: ``python -m w9xd service install | uninstall | status``.

Owns the unit texts; ``systemd/`` in the source tree shows them as a distribution would install them (a test keeps
the two equal). Installing needs no root and no running systemd; it says what to do next when the user's manager
cannot be reached.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from w9x_arena import paths

UNITS = ("w9xd.socket", "w9xd.service")

_SOCKET = """\
[Unit]
Description=w9x daemon socket

[Socket]
ListenStream={socket}
SocketMode=0600
DirectoryMode=0700
RemoveOnStop=yes

[Install]
WantedBy=sockets.target
"""

_SERVICE = """\
[Unit]
Description=w9x daemon (Windows 9x programs)
Requires=w9xd.socket
After=w9xd.socket

[Service]
Type=notify
ExecStart={command}
WatchdogSec=30
Restart=on-failure
UMask=0077
NoNewPrivileges=yes

[Install]
Also=w9xd.socket
"""


def unit_text(name: str, *, command: str = "w9xd", socket: str = "%t/w9x/w9xd.socket") -> str:
    """The text of a unit that runs ``command`` (ExecStart= syntax) for the socket (systemd specifiers allowed)."""
    template = {"w9xd.socket": _SOCKET, "w9xd.service": _SERVICE}[name]
    return template.format(command=command, socket=socket)


def unit_dir() -> Path:
    """Where a user's own units live (systemd.unit(5))."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".config") / "systemd" / "user"


def socket_specifier() -> str:
    """The socket's path with %t for the runtime directory, so that the unit does not depend on this login."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    path = os.fspath(paths.socket_path())
    if os.path.isabs(runtime) and path.startswith(runtime + "/"):
        return "%t" + path[len(runtime) :]
    return path.replace("%", "%%")


def _quote(word: str) -> str:
    """One word of ExecStart= (systemd.service(5), "Command lines")."""
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$") + '"'


def command(action: str) -> int:
    """Carry out ``install``, ``uninstall`` or ``status``; returns the exit code."""
    return {"install": install, "uninstall": uninstall, "status": status}[action]()


def install() -> int:
    """Write the units and enable the socket."""
    directory = unit_dir()
    directory.mkdir(parents=True, exist_ok=True)
    for name in UNITS:
        text = unit_text(name, command=f"{_quote(sys.executable)} -m w9xd", socket=socket_specifier())
        (directory / name).write_text(text, encoding="utf-8")
        print(f"wrote {directory / name}")
    if not _systemctl("daemon-reload") or not _systemctl("enable", "--now", "w9xd.socket"):
        print("the user's systemd cannot be reached; run later: systemctl --user enable --now w9xd.socket")
    return 0


def uninstall() -> int:
    """Disable and remove the units."""
    _systemctl("disable", "--now", *UNITS)
    for name in UNITS:
        path = unit_dir() / name
        if path.exists():
            path.unlink()
            print(f"removed {path}")
    _systemctl("daemon-reload")
    return 0


def status() -> int:
    """Say what is installed; 0 when the units are."""
    missing = [name for name in UNITS if not (unit_dir() / name).exists()]
    if missing:
        print("the w9xd units are not installed; run: w9x service install")
        return 3  # LSB: the program is not running
    print(f"units: {unit_dir()}")
    if not _systemctl("--no-pager", "status", *UNITS, quiet=False):
        print("systemd does not run them now")
    return 0


def _systemctl(*arguments: str, quiet: bool = True) -> bool:
    program = shutil.which("systemctl")
    if program is None:
        return False
    output = subprocess.DEVNULL if quiet else None
    try:
        return subprocess.run([program, "--user", *arguments], stdout=output, stderr=output, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
