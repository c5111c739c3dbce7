"""What the service manager is told (sd_notify(3)): ready, alive, stopping. Without one, nothing is sent."""

from __future__ import annotations

import os
import socket


def notify(text: str) -> None:
    """Send one state line, such as ``READY=1``, to $NOTIFY_SOCKET. A manager that went away is no error."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address or address[0] not in "/@":
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as channel:
        try:
            channel.sendto(text.encode(), "\0" + address[1:] if address[0] == "@" else address)
        except OSError:
            pass


def watchdog_seconds() -> float | None:
    """How often to send ``WATCHDOG=1``: half of what the manager allows; None when it does not watch."""
    limit = os.environ.get("WATCHDOG_USEC", "")
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()) or not limit.isdigit():
        return None
    return int(limit) / 2_000_000


def listen_fd() -> int | None:
    """The listening socket that systemd passed (sd_listen_fds(3)); None when it passed none."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        return None
    os.set_inheritable(3, False)
    return 3
