"""The child's side of CreateProcess: `w9x run --child FD` (the parent's side and the protocol:
`win32/kernel32/child.py`).
"""

from __future__ import annotations

import json
import os
import socket
from typing import Any

from w9x_client.abi import Err

from .errors import USAGE, fail

SPEC_MAX = 1 << 20
"""Bytes of the line with the specification: a command line, 32 KB of environment, 26 drives."""


def serve(fd: int) -> int:
    """Run the program that the parent at the other end of ``fd`` describes; returns the exit code (8 bits)."""
    try:
        channel = socket.socket(fileno=fd)
    except OSError:
        fail("run --child is for w9x's own use", USAGE)
    os.set_inheritable(fd, False)
    with channel:
        return _serve(channel)


def _serve(channel: socket.socket) -> int:
    from w9x_client.process.launch import LaunchError, RunOptions, Session

    spec = _receive(channel)
    options = RunOptions(
        program=spec["program"],
        windows=spec["windows"],
        drives=list(spec["drives"]),
        arena="private" if spec.get("private_arena") else "shared",
        command_line=spec["command_line"],
        current_directory=spec["current"],
    )
    try:
        session = Session(options)
    except LaunchError as error:
        _send(channel, {"error": Err.FILE_NOT_FOUND if error.exit_code == 127 else Err.BAD_EXE_FORMAT})
        return error.exit_code
    process = session.process
    process.environment.clear()
    process.environment.update(dict(spec["environment"]))
    process.startup = dict(spec.get("startup") or {})
    assert process.main_task is not None
    _send(channel, {"pid": process.guest_pid, "tid": process.main_task.id})
    code = session.run()
    _send(channel, {"exit": code})
    return code & 0xFF


def _receive(channel: socket.socket) -> dict[str, Any]:
    received = b""
    while not received.endswith(b"\n"):
        data = channel.recv(0x10000)
        if not data or len(received) > SPEC_MAX:
            fail("run --child: the parent sent no specification", USAGE)
        received += data
    spec: dict[str, Any] = json.loads(received)
    return spec


def _send(channel: socket.socket, message: dict[str, int]) -> None:
    try:
        channel.sendall(json.dumps(message).encode() + b"\n")
    except OSError:
        pass  # the parent has ended: nobody waits for this any more
