"""Peers that send nonsense get errors or lose their connection; everybody else goes on working."""

from __future__ import annotations

import contextlib
import os
import random
import select
import socket
import threading
from collections.abc import Callable, Iterator

import msgpack
import pytest
import zmq

from w9x_arena import codec, paths, rpc
from w9x_arena import messages as m
from w9x_arena.messages import Code

HELLO = codec.encode(m.Hello(m.PROTOCOL_VERSION, os.getpid(), "client", 0, 0, "bad.exe", "", "", "98"), 1)
PING = codec.encode(m.Ping(), 2)


class Peer:
    """A DEALER socket that sends whatever it likes."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        self.socket = context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(f"ipc://{paths.socket_path()}")

    def send(self, *frames: bytes) -> None:
        self.socket.send_multipart(frames)

    def receive(self, milliseconds: int = 5000) -> m.Error | codec.Message | None:
        if not self.socket.poll(milliseconds):
            return None
        return codec.decode(self.socket.recv())[1]

    def ask(self, *frames: bytes) -> codec.Message:
        self.send(*frames)
        reply = self.receive()
        assert reply is not None, "no answer"
        return reply

    def error(self, *frames: bytes) -> Code:
        reply = self.ask(*frames)
        assert isinstance(reply, m.Error), reply
        return reply.code


@pytest.fixture
def good(home: object) -> Iterator[rpc.Connection]:
    """A well-behaved client, and the daemon it started; both must be well afterwards."""
    with rpc.Connection.open("good.exe", "test") as connection:
        daemon = connection.daemon_pid
        base = connection.call(m.AllocRange(1, 0, "shared", 3, "good", False, "system")).base
        yield connection
        assert connection.daemon_pid == daemon
        assert connection.call(m.Ping()).daemon_pid == daemon
        connection.call(m.FreeRange(base))


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    made: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    yield made
    made.destroy(linger=0)


@pytest.fixture
def peer(good: rpc.Connection, context: zmq.Context[zmq.Socket[bytes]]) -> Peer:
    return Peer(context)


def test_anything_before_hello_is_refused(peer: Peer) -> None:
    assert peer.error(PING) == Code.UNREGISTERED
    assert peer.error(codec.encode(m.Goodbye(), 3)) == Code.UNREGISTERED
    assert isinstance(peer.ask(HELLO), m.Welcome)
    assert isinstance(peer.ask(PING), m.Status)


def test_second_hello_is_refused_and_the_session_goes_on(peer: Peer) -> None:
    peer.ask(HELLO)
    assert peer.error(HELLO) == Code.PROTOCOL
    assert isinstance(peer.ask(PING), m.Status)


def test_nothing_follows_goodbye(peer: Peer) -> None:
    peer.ask(HELLO)
    assert isinstance(peer.ask(codec.encode(m.Goodbye(), 4)), m.Done)
    assert peer.error(PING) == Code.UNREGISTERED


@pytest.mark.parametrize("pid", [1, 0, 0xFFFFFFFF])
def test_hello_with_somebody_elses_pid_is_refused(peer: Peer, pid: int) -> None:
    hello = m.Hello(m.PROTOCOL_VERSION, pid, "client", 0, 0, "", "", "", "98")
    assert peer.error(codec.encode(hello, 1)) == Code.DENIED
    assert peer.error(PING) == Code.UNREGISTERED


def test_process_of_another_cannot_be_resumed(peer: Peer, good: rpc.Connection) -> None:
    hello = m.Hello(m.PROTOCOL_VERSION, os.getpid(), "client", 0xF1234560, 0, "", "", "", "98")
    assert peer.error(codec.encode(hello, 1)) == Code.LOST


@pytest.mark.parametrize("fields", [[], [5, "what a later version sends"], [["nested"]] * 3])
def test_hello_of_another_version_is_answered_with_versions(peer: Peer, fields: list[object]) -> None:
    assert peer.error(msgpack.packb([m.Hello.tag, 1, 4711, *fields])) == Code.VERSION


@pytest.mark.parametrize(
    "frames",
    [(b"",), (b"\xc1",), (PING[:-1],), (PING + b"x",), (PING, PING), (b"", PING), (msgpack.packb([999, 5]),),
     (codec.encode(m.Done(), 5),), (codec.encode(m.Welcome(1, 1, "", b""), 5),)],
)  # fmt: skip
@pytest.mark.parametrize("welcomed", [False, True])
def test_malformed_message_gets_an_error(peer: Peer, frames: tuple[bytes, ...], welcomed: bool) -> None:
    if welcomed:
        peer.ask(HELLO)
    assert peer.error(*frames) == Code.PROTOCOL
    if welcomed:
        assert isinstance(peer.ask(PING), m.Status)


def test_too_many_errors_close_the_connection(peer: Peer, context: zmq.Context[zmq.Socket[bytes]]) -> None:
    monitor = peer.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    peer.ask(HELLO)
    for _ in range(16):
        assert peer.error(b"junk") == Code.PROTOCOL
    peer.send(b"junk")
    assert monitor.poll(5000), "the daemon did not hang up"
    peer.socket.disable_monitor()
    again = Peer(context)
    assert again.error(PING) == Code.UNREGISTERED


def test_oversized_message_closes_the_connection(peer: Peer, good: rpc.Connection) -> None:
    monitor = peer.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    peer.ask(HELLO)
    peer.send(bytes(codec.MESSAGE_MAX + 1))
    assert monitor.poll(5000), "the daemon did not hang up"
    peer.socket.disable_monitor()
    good.call(m.Ping())


def test_peer_that_never_reads_is_cut_off(peer: Peer, good: rpc.Connection) -> None:
    before = _descriptors(good)
    peer.ask(HELLO)
    assert good.call(m.Ping()).sessions == 2
    listing = codec.encode(m.RegExport("HKLM", "", 0), 3)
    while good.call(m.Ping()).sessions == 2:  # others are served meanwhile
        with contextlib.suppress(zmq.Again):
            for _ in range(200):
                peer.socket.send(listing, zmq.NOBLOCK)
    # The peer itself learns it only when it reads; the daemon's end is closed now.
    while _descriptors(good) > before:
        good.call(m.Ping())


def _descriptors(good: rpc.Connection) -> int:
    return len(os.listdir(f"/proc/{good.daemon_pid}/fd"))


def test_bytes_that_are_not_zeromq_are_dropped(good: rpc.Connection) -> None:
    dice = random.Random(5)
    greeting = b"\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL" + bytes(48)
    old = b"\x03\0id\x05\0data"  # the framing of ZMTP 1, which has no handshake
    for number in range(60):
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(str(paths.socket_path()))
            data = dice.randbytes(dice.randrange(1, 4000)) if number % 3 else old
            raw.sendall(data if number % 2 else greeting + data)
        good.call(m.FindAtom("#1"))


def test_connections_that_only_stand_there_harm_nobody(good: rpc.Connection) -> None:
    standing = []
    for _ in range(200):
        raw = socket.socket(socket.AF_UNIX)
        raw.connect(str(paths.socket_path()))
        standing.append(raw)
    with rpc.Connection.open("another.exe", "test") as other:
        assert other.call(m.Ping()).processes == 2
    for raw in standing:
        raw.close()


def test_one_process_cannot_hoard_sessions(good: rpc.Connection, context: zmq.Context[zmq.Socket[bytes]]) -> None:
    context.setsockopt(zmq.MAX_SOCKETS, 2000)
    child = os.fork()
    if not child:
        # A process of its own, so that the good client's session is not the oldest of this pid's.
        try:
            own: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
            peers = [Peer(own) for _ in range(200)]
            for one in peers:
                one.error(PING)
            os._exit(0)
        finally:
            os._exit(1)
    pidfd = os.pidfd_open(child)
    highest = 0
    while not select.select([pidfd], [], [], 0)[0]:
        highest = max(highest, good.call(m.Ping()).sessions)
    assert os.waitpid(child, 0)[1] == 0
    assert 10 < highest <= 66
    os.close(pidfd)


def test_fuzzed_daemon_goes_on_serving(good: rpc.Connection, context: zmq.Context[zmq.Socket[bytes]]) -> None:
    stop = threading.Event()
    served: list[int] = []
    failure: list[BaseException] = []

    def work() -> None:
        try:
            with rpc.Connection.open("worker.exe", "test") as worker:
                while not stop.is_set():
                    base = worker.call(m.AllocRange(1, 0, "shared", 3, "w", False, "system")).base
                    worker.call(m.FreeRange(base))
                    served.append(base)
        except BaseException as error:  # noqa: BLE001 - whatever it is fails the test
            failure.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    dice = random.Random(1)
    seeds = [HELLO, PING, *_valid_requests()]
    answers = cuts = 0
    for number in range(100):
        hostile = Peer(context)
        monitor = hostile.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        if number % 2:
            hostile.send(HELLO)
        for _ in range(30):
            data = bytearray(dice.choice(seeds))
            for _ in range(dice.randrange(4)):
                _mutate(data, dice)
            hostile.send(*([bytes(data)] if dice.random() < 0.95 else [bytes(data), b"", bytes(data)]))
        assert zmq.zmq_poll([(hostile.socket, zmq.POLLIN), (monitor, zmq.POLLIN)], 10_000), "neither answer nor end"
        cuts += monitor.poll(0) != 0
        while hostile.receive(10) is not None:
            answers += 1
        hostile.socket.disable_monitor()
        hostile.socket.close()
    stop.set()
    thread.join(30)
    assert not failure
    assert answers + cuts >= 100
    assert served
    assert good.call(m.Ping()).processes >= 1


def _mutate(data: bytearray, dice: random.Random) -> None:
    at = dice.randrange(len(data) + 1)
    kind = dice.randrange(4)
    if kind == 0 and at < len(data):
        data[at] = dice.randrange(256)
    elif kind == 1:
        del data[at:]
    elif kind == 2:
        data[at:at] = dice.randbytes(dice.randrange(1, 9))
    else:
        data[at:at] = b"\x91" * dice.randrange(2000)


def _valid_requests() -> list[bytes]:
    """Requests that a hostile but registered peer may combine with the damaged ones; none stops or kills."""
    makers: list[Callable[[], codec.Message]] = [
        lambda: m.AllocRange(0x10000, 0, "shared", 3, "h", False, "system"),
        lambda: m.AllocRange(0xFFFFFFFF, 0xFFFFFFFF, "overlay", 255, "h", True, "dll"),
        lambda: m.FreeRange(0x2000000),
        lambda: m.PlaceImage("evil", 0x400000, 0x7FFFFFFF, False, True, "x"),
        lambda: m.PlaceImage("builtin:evil", 0, 1, True, True, "x"),
        lambda: m.ImageReady("evil"),
        lambda: m.ReleaseImage("evil"),
        lambda: m.ListArena(0xFFFFFFFF),
        lambda: m.ListProcesses(0),
        lambda: m.ListModules(7, 9),
        lambda: m.RegisterModule("x", 0, 0),
        lambda: m.AddAtom("#0"),
        lambda: m.DeleteAtom(0xC000),
        lambda: m.SetDrive("A", "relative", False),
        lambda: m.RegCreateKey("HKLM", "\\\\\\"),
        lambda: m.RegDeleteKey("HKDYN_DATA", "PerfStats"),
        lambda: m.RegExport("HKU", "", 0xFFFFFFFFFFFF),
        lambda: m.RegImport(b"REGEDIT4\n[HKEY_USERS\\x]\n", 0xFFFFFFFF),
        lambda: m.RegEnumKeys("HKLM", "", 0xFFFFFFFF, 0xFFFF),
        lambda: m.RegEnumValues("HKCU", "Environment", 0xFFFFFFFF, 0xFFFF),
    ]
    return [codec.encode(maker(), 9) for maker in makers]
