"""The daemon's transport: one ZeroMQ ROUTER socket, one loop, dead peers noticed through pidfds.

The loop never waits inside a request. Each connection is a :class:`Session`, keyed by the identity that the
ROUTER gave it and tied to the Linux pid the kernel reports for it (SO_PEERCRED). When that process ends, its
pidfd wakes the loop and everything it had is reclaimed.

Limits per peer: ZMQ_MAXMSGSIZE, queue lengths (a peer that floods or does not read is cut off, the others go on
because the ROUTER reads peers in turn), ERRORS_MAX bad messages per connection, SESSIONS_PER_PEER connections.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import stat
import struct
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zmq

from w9x_arena import codec
from w9x_arena import messages as m
from w9x_arena.messages import Code, ProtocolError
from w9xd import stored  # noqa: F401 - registers its handlers
from w9xd.daemon import Daemon, Session, version_text
from w9xd.notify import notify, watchdog_seconds
from w9xd.processes import owner_uid

ERRORS_MAX = 16
SESSIONS_PER_PEER = 64
QUEUE_MAX = 64
"""Messages that may wait in each direction per connection."""
IDLE_MS = 500
"""Milliseconds without a request after which the registry's log is written to the disk."""
BATCH = 64
"""Requests answered before dead peers, signals and reclaiming get a turn."""


@dataclass(slots=True)
class _Peer:
    """A Linux process with connections or guest processes."""

    pidfd: int
    identities: list[bytes] = field(default_factory=list)


class Server:
    """Serves one daemon until told to stop."""

    def __init__(self, socket_file: Path, listen_fd: int | None = None) -> None:
        self._epoll = select.epoll()
        self._peers: dict[int, _Peer] = {}
        self._by_pidfd: dict[int, int] = {}
        self._sessions: dict[bytes, Session] = {}
        self._stop = False
        self.daemon = Daemon(self._watch)
        self.daemon.session_count = lambda: len(self._sessions)
        self._context = zmq.Context()
        self._context.setsockopt(zmq.MAX_SOCKETS, 16)
        self._router = self._context.socket(zmq.ROUTER)
        self._socket_file = socket_file
        self._owns_socket_file = listen_fd is None
        self._bind(listen_fd)

    def _bind(self, listen_fd: int | None) -> None:
        router = self._router
        router.setsockopt(zmq.LINGER, 0)
        router.setsockopt(zmq.MAXMSGSIZE, codec.MESSAGE_MAX)
        router.setsockopt(zmq.SNDHWM, QUEUE_MAX)
        router.setsockopt(zmq.RCVHWM, QUEUE_MAX)
        router.setsockopt(zmq.ROUTER_MANDATORY, 1)
        # A peer that connects and then says nothing is dropped by libzmq.
        router.setsockopt(zmq.HANDSHAKE_IVL, 5000)
        router.setsockopt(zmq.BACKLOG, 1024)
        if listen_fd is not None:
            router.setsockopt(zmq.USE_FD, listen_fd)
        mask = os.umask(0o177)
        try:
            router.bind(f"ipc://{self._socket_file}")
        finally:
            os.umask(mask)
        mode = os.lstat(self._socket_file).st_mode
        if not stat.S_ISSOCK(mode) or stat.S_IMODE(mode) & 0o077:
            os.chmod(self._socket_file, 0o600)

    def stop(self) -> None:
        """Leave :meth:`run` soon; safe in a signal handler."""
        self._stop = True

    def run(self) -> None:
        """Serve until :meth:`stop` or a Shutdown request."""
        wake_read, wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        previous = signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        alive_every = watchdog_seconds()
        alive_next = 0.0
        reclaiming = True
        polled: list[tuple[Any, int]] = [
            (self._router, zmq.POLLIN),
            (self._epoll.fileno(), zmq.POLLIN),
            (wake_read, zmq.POLLIN),
        ]
        notify("READY=1")
        try:
            while not (self._stop or self.daemon.stopping):
                unsaved = self.daemon.registry.unsaved
                timeout = 0 if reclaiming else IDLE_MS if unsaved else -1
                if alive_every is not None:
                    now = time.monotonic()
                    if now >= alive_next:
                        notify("WATCHDOG=1")
                        alive_next = now + alive_every
                    left = max(1, int((alive_next - now) * 1000))
                    timeout = left if timeout < 0 else min(timeout, left)
                ready = {item for item, _events in zmq.zmq_poll(polled, timeout)}
                if wake_read in ready:
                    os.read(wake_read, 4096)
                if self._epoll.fileno() in ready:
                    self._reap()
                if self._router in ready:
                    self._receive()
                reclaiming = self.daemon.reclaimer.step()
                if unsaved and not ready and not reclaiming:
                    self.daemon.registry.save()
        finally:
            notify("STOPPING=1")
            signal.set_wakeup_fd(previous)
            os.close(wake_read)
            os.close(wake_write)

    def close(self) -> None:
        """Close the socket and the ledgers; the socket file goes too unless systemd owns it."""
        self._router.close(linger=200)
        self._context.term()
        if self._owns_socket_file:
            self._socket_file.unlink(missing_ok=True)
        self.daemon.close()
        for peer in self._peers.values():
            os.close(peer.pidfd)
        self._epoll.close()

    # --- messages ---------------------------------------------------------------------------------------------

    def _receive(self) -> None:
        for _ in range(BATCH):
            try:
                frames = self._router.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            identity = frames[0].bytes
            session = self._sessions.get(identity)
            if session is None:
                session = self._new_session(identity, _descriptor(frames))
                if session is None:
                    continue
            if len(frames) != 2:
                self._refuse(identity, session, 0, f"a message of {len(frames) - 1} frames, not 1")
                continue
            self._answer(identity, session, frames[1].bytes)

    def _answer(self, identity: bytes, session: Session, data: bytes) -> None:
        try:
            serial, request = codec.decode(data)
        except ProtocolError as error:
            version = _other_version(data)
            if version is not None:
                self._send(identity, m.Error(Code.VERSION, version_text(version)), error.serial)
            else:
                self._refuse(identity, session, error.serial, str(error))
            return
        reply = self.daemon.handle(session, request)
        self._send(identity, reply, serial)
        if session.ended:
            self._forget(identity)
        elif session.errors > ERRORS_MAX:
            self._disconnect(identity)

    def _refuse(self, identity: bytes, session: Session, serial: int, text: str) -> None:
        session.errors += 1
        self._send(identity, m.Error(Code.PROTOCOL, text[:1000]), serial)
        if session.errors > ERRORS_MAX:
            self._disconnect(identity)

    def _send(self, identity: bytes, reply: codec.Reply, serial: int) -> None:
        try:
            data = codec.encode(reply, serial)
        except ProtocolError as error:
            data = codec.encode(m.Error(Code.INTERNAL, f"the reply cannot be sent: {error}"[:1000]), serial)
        try:
            self._router.send_multipart([identity, data], zmq.NOBLOCK)
        except zmq.Again:
            self._disconnect(identity)
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            self._forget(identity)

    # --- peers ------------------------------------------------------------------------------------------------

    def _new_session(self, identity: bytes, descriptor: int) -> Session | None:
        pid = _peer_pid(descriptor)
        if pid is None or not self._watch(pid):
            return None  # gone already, or not this user's
        session = self._sessions[identity] = Session(pid, descriptor)
        identities = self._peers[pid].identities
        identities.append(identity)
        if len(identities) > SESSIONS_PER_PEER:
            self._disconnect(identities[0])
        return session

    def _watch(self, linux_pid: int) -> bool:
        """Begin to watch a process; False when it is gone or another user's."""
        if linux_pid in self._peers:
            return True
        try:
            pidfd = os.pidfd_open(linux_pid)
        except OSError:
            return False
        try:
            if owner_uid(linux_pid) != os.getuid():
                raise PermissionError(linux_pid)
            self._epoll.register(pidfd, select.EPOLLIN)
        except OSError:
            os.close(pidfd)
            return False
        self._peers[linux_pid] = _Peer(pidfd)
        self._by_pidfd[pidfd] = linux_pid
        return True

    def _reap(self) -> None:
        for pidfd, _events in self._epoll.poll(0):
            linux_pid = self._by_pidfd.pop(pidfd)
            peer = self._peers.pop(linux_pid)
            self._epoll.unregister(pidfd)
            os.close(pidfd)
            for identity in peer.identities:
                self._sessions.pop(identity, None)
            self.daemon.process_gone(linux_pid)

    def _forget(self, identity: bytes) -> None:
        session = self._sessions.pop(identity, None)
        if session is not None and session.linux_pid in self._peers:
            self._peers[session.linux_pid].identities.remove(identity)

    def _disconnect(self, identity: bytes) -> None:
        """Cut a peer off: forget its session and close its connection, if that is still the one it came through."""
        session = self._sessions.get(identity)
        if session is None:
            return
        self._forget(identity)
        try:
            with socket.socket(fileno=os.dup(session.descriptor)) as connection:
                if _credentials(connection)[0] == session.linux_pid:
                    connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # closed already


def _descriptor(frames: list[zmq.Frame]) -> int:
    """The connection a message came through, -1 for a peer that does not speak ZMTP 3.

    libzmq calls the option deprecated but has no other way to SO_PEERCRED.
    """
    try:
        return int(frames[-1].get(zmq.SRCFD))
    except zmq.ZMQError:
        return -1


def _peer_pid(descriptor: int) -> int | None:
    """The Linux pid at the other end of a connection of this user; None when it closed meanwhile."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as connection:
            pid, uid = _credentials(connection)
    except OSError:
        return None
    return pid if uid == os.getuid() and pid > 0 else None


def _credentials(connection: socket.socket) -> tuple[int, int]:
    """Pid and uid of the process that connected (unix(7), SO_PEERCRED). Raises OSError."""
    layout = struct.Struct("3i")
    pid, uid, _gid = layout.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, layout.size))
    return pid, uid


def _other_version(data: bytes) -> int | None:
    """The protocol version of a Hello that this version cannot read; None when it is something else."""
    try:
        items = codec.unpack(data)
    except ProtocolError:
        return None
    if items[0] != m.Hello.tag or len(items) < 3 or type(items[2]) is not int:
        return None
    return None if items[2] == m.PROTOCOL_VERSION else items[2]
