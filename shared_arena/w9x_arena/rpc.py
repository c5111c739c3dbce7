"""A process's connection to the daemon, and starting the daemon when none runs.

Interface: :meth:`Connection.open`, :meth:`Connection.call`, :meth:`Connection.close`, :func:`ensure_daemon`.
One request is answered before the next is sent; a lock makes a connection usable from several threads. A
connection does not survive fork(2).

When the daemon dies, the connection notices (pidfd), starts or awaits another, resumes its guest process there
and sends the pending request again. Requests are written to bear that: the new daemon knows what the old one had
answered (its journal), and what it had not answered is as if it had not been asked, but for registry writes,
which give the same result twice.
"""

from __future__ import annotations

import fcntl
import os
import select
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, TypeVar

from w9x_arena import codec, paths
from w9x_arena import messages as m
from w9x_arena.codec import ProtocolError, Reply, Request
from w9x_arena.messages import Code

START_SECONDS = 15.0
"""How long a daemon may take until it answers a Hello."""
CALL_SECONDS = 30.0
LOG_MAX = 1 << 20
"""Bytes of the log that a new daemon still appends to."""

R = TypeVar("R", bound=Reply)


class DaemonUnavailable(RuntimeError):
    """No daemon answers and none could be started; one line for the user."""


class ProtocolMismatch(RuntimeError):
    """The daemon is of another version; one line for the user."""


class RpcError(RuntimeError):
    """The daemon refused a request: ``code`` says why, ``text`` is for people."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class _Disconnected(Exception):
    """The daemon went away or does not know this connection."""


class Connection:
    """A registered connection. ``pid`` is the guest pid (0 for a tool), ``daemon_pid`` the daemon's Linux pid."""

    def __init__(self, hello: dict[str, Any], start: bool, timeout: float) -> None:
        self._hello = hello
        self._start = start
        self._timeout = timeout
        self._lock = threading.Lock()
        self._serial = 0
        self._context: Any = None
        self._socket: Any = None
        self._daemon_fd = -1
        self._closed = False
        self.pid = 0
        self.daemon_pid = 0
        self.daemon_version = ""
        self.arena_id = b""

    @classmethod
    def open(
        cls,
        program: str = "",
        engine: str = "",
        *,
        command_line: str = "",
        windows: m.WindowsProfile = "98se",
        parent: int = 0,
        tool: bool = False,
        start: bool = True,
        timeout: float = CALL_SECONDS,
    ) -> Connection:
        """Connect and register; starts the daemon when none runs, unless ``start`` is false.

        A ``tool`` (``w9x ps``) is no guest process: it may ask but owns nothing. ``timeout`` is seconds per call.
        Raises :class:`DaemonUnavailable`, :class:`ProtocolMismatch`, ``paths.PathError``.
        """
        role: m.Role = "tool" if tool else "client"
        about = {"role": role, "parent": parent, "program": program, "command_line": command_line}
        connection = cls({**about, "engine": engine, "windows": windows}, start, timeout)
        try:
            connection._connect()
        except BaseException:
            connection._drop_socket(final=True)
            raise
        return connection

    def call(self, request: Request[R], timeout: float | None = None) -> R:
        """Send a request and return its reply.

        Raises :class:`RpcError` when the daemon refuses, :class:`DaemonUnavailable` when it stays away or does
        not answer in ``timeout`` seconds, :class:`codec.ProtocolError` for a field outside its declaration.
        """
        with self._lock:
            if self._closed:
                raise DaemonUnavailable("the connection to the w9x daemon is closed")
            deadline = time.monotonic() + (self._timeout if timeout is None else timeout)
            while True:
                try:
                    reply = self._exchange(request, deadline)
                    break
                except _Disconnected:
                    self._connect()
            expected = request.reply_type()
            if not isinstance(reply, expected):
                raise DaemonUnavailable(f"the w9x daemon answered {type(request).__name__} with {type(reply).__name__}")
            return reply

    def close(self) -> None:
        """Say goodbye: the guest process is over, all its ranges are reclaimed. Never raises; may be called twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            try:
                self._exchange(m.Goodbye(), time.monotonic() + 5)
            except (_Disconnected, RpcError, DaemonUnavailable):
                pass  # the daemon sees this process end anyway
            self._drop_socket(final=True)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    # --- transport --------------------------------------------------------------------------------------------

    def _exchange(self, request: Request[Any], deadline: float) -> Reply:
        import zmq

        self._serial = serial = (self._serial + 1) & 0xFFFF_FFFF
        data = codec.encode(request, serial)
        try:
            self._socket.send(data, zmq.NOBLOCK)
        except zmq.Again:
            raise _Disconnected from None
        polled = [(self._socket, zmq.POLLIN)]
        if self._daemon_fd >= 0:
            polled.append((self._daemon_fd, zmq.POLLIN))
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise DaemonUnavailable("the w9x daemon does not answer")
            ready = [item for item, _events in zmq.zmq_poll(polled, int(left * 1000) + 1)]
            if self._socket in ready:
                answered, reply = self._decode(self._socket.recv(zmq.NOBLOCK))
                if answered == serial:
                    break
                # an answer to a request that timed out
            elif ready:
                raise _Disconnected
        if isinstance(reply, m.Error):
            if reply.code == Code.UNREGISTERED and not isinstance(request, m.Hello):
                raise _Disconnected
            raise RpcError(reply.code, reply.text)
        return reply

    @staticmethod
    def _decode(data: bytes) -> tuple[int, Reply]:
        try:
            serial, reply = codec.decode(data)
        except ProtocolError as error:
            raise DaemonUnavailable(f"the w9x daemon's answer is damaged: {error}") from None
        if not isinstance(reply, Reply):
            raise DaemonUnavailable("the w9x daemon answered with a request")
        return serial, reply

    def _connect(self) -> None:
        """(Re)connect and say Hello; a daemon that goes away meanwhile is replaced until START_SECONDS are over."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            if self._start or self.pid:
                ensure_daemon()
            elif not daemon_running():
                raise DaemonUnavailable("the w9x daemon does not run; start it with: w9x start")
            self._drop_socket()
            self._make_socket()
            try:
                if self._try_hello(deadline):
                    return
            except RpcError as error:
                if error.code == Code.VERSION:
                    raise ProtocolMismatch(f"{error.text}; run: w9x restart") from None
                raise DaemonUnavailable(f"the w9x daemon refuses: {error.text}") from None
            if time.monotonic() >= deadline:
                raise DaemonUnavailable(f"the w9x daemon does not answer at {paths.socket_path()}")

    def _try_hello(self, deadline: float) -> bool:
        """Whether the daemon answered; false when it ended first, or may have, or time is over."""
        hello = m.Hello(protocol=m.PROTOCOL_VERSION, linux_pid=os.getpid(), resume=self.pid, **self._hello)
        self._daemon_fd = _daemon_pidfd()
        if self._daemon_fd < 0:
            # It is just starting, or was seen while it ended: look again soon.
            deadline = min(deadline, time.monotonic() + 1)
        try:
            welcome = self._exchange(hello, deadline)
        except _Disconnected:
            return False
        except DaemonUnavailable:
            if time.monotonic() < deadline:
                raise
            return False
        assert isinstance(welcome, m.Welcome)
        if welcome.daemon_pid and self._daemon_fd < 0:
            self._daemon_fd = _pidfd(welcome.daemon_pid)
        self.pid = welcome.pid
        self.daemon_pid = welcome.daemon_pid
        self.daemon_version = welcome.daemon_version
        self.arena_id = welcome.arena_id
        return True

    def _make_socket(self) -> None:
        import zmq

        if self._context is None:
            self._context = zmq.Context()
            self._context.setsockopt(zmq.MAX_SOCKETS, 4)
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.MAXMSGSIZE, codec.MESSAGE_MAX)
        self._socket.setsockopt(zmq.RECONNECT_IVL, 5)
        self._socket.connect(f"ipc://{paths.socket_path()}")

    def _drop_socket(self, *, final: bool = False) -> None:
        if self._socket is not None:
            self._socket.close(linger=0)
            self._socket = None
        if self._daemon_fd >= 0:
            os.close(self._daemon_fd)
            self._daemon_fd = -1
        if final and self._context is not None:
            self._context.term()
            self._context = None


# --- starting the daemon ----------------------------------------------------------------------------------------


def daemon_running() -> bool:
    """Whether a daemon lives, or systemd listens on its socket and will start one."""
    return _lock_is_held() or _socket_listens()


def ensure_daemon(timeout: float = START_SECONDS) -> None:
    """Start ``python -m w9xd`` detached unless a daemon runs, and return when it is ready.

    Costs one flock(2) when it runs. Many processes may call this at once; one of them starts the daemon.
    Raises :class:`DaemonUnavailable`.
    """
    if _lock_is_held():
        return
    fd = os.open(paths.start_lock_path(), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        # Held from here: whoever waited finds the daemon that the one before it started.
        if not daemon_running():
            _start_daemon(timeout)
    finally:
        os.close(fd)


def _lock_is_held() -> bool:
    try:
        fd = os.open(paths.daemon_lock_path(), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _socket_listens() -> bool:
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        try:
            probe.connect(os.fspath(paths.socket_path()))
        except BlockingIOError:
            return True  # somebody listens, with a full queue
        except OSError:
            return False
    return True


def _daemon_pidfd() -> int:
    """A pidfd of the process that holds the daemon lock; -1 when its pid is not there (yet)."""
    try:
        text = paths.daemon_lock_path().read_text("ascii")
        return _pidfd(int(text))
    except (OSError, ValueError):
        return -1


def _pidfd(linux_pid: int) -> int:
    try:
        return os.pidfd_open(linux_pid)
    except OSError:
        return -1


def _start_daemon(timeout: float) -> None:
    import subprocess

    ready_read, ready_write = os.pipe2(os.O_CLOEXEC)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        log = os.open(paths.log_path(), flags, 0o600)
        try:
            if os.fstat(log).st_size > LOG_MAX:
                os.ftruncate(log, 0)
            process = subprocess.Popen(
                [sys.executable, "-m", "w9xd", "--ready-fd", str(ready_write)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(ready_write,),
                start_new_session=True,
                cwd="/",
                env={**os.environ, "PYTHONPATH": os.pathsep.join(_source_roots())},
            )
        finally:
            os.close(log)
            os.close(ready_write)
        # Nobody waits for the daemon: it is to outlive this process, which must not warn about that.
        process.returncode = 0
        readable, _, _ = select.select([ready_read], [], [], timeout)
        if not readable:
            raise DaemonUnavailable(f"the w9x daemon is not ready after {timeout:.0f} s; see {paths.log_path()}")
        if os.read(ready_read, 1) != b"1":
            lines = paths.log_path().read_text(errors="replace").strip().splitlines()
            reason = lines[-1] if lines else "it ended at once"
            raise DaemonUnavailable(f"the w9x daemon did not start: {reason}")
    finally:
        os.close(ready_read)


def _source_roots() -> Iterator[str]:
    """Where the daemon finds the same packages as this process, wherever it is started."""
    from importlib.util import find_spec

    seen = [os.path.abspath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    for package in ("w9x_arena", "w9xd"):
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise DaemonUnavailable("the w9x daemon (package w9xd) is not installed")
        root = os.path.dirname(os.path.dirname(os.path.abspath(spec.origin)))
        if root not in seen:
            seen.append(root)
    yield from seen
