"""What the daemon does with each request: the ledgers, joined.

Owns every ledger and the arena file. Transport is not here: ``w9xd.server`` turns bytes into requests, calls
:meth:`Daemon.handle`, and reports dead processes to :meth:`Daemon.process_gone`. A handler is a method marked
``@handles(Request class)``; it returns the reply or raises :class:`Refused`, and it never waits.
"""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from w9x_arena import layout, paths
from w9x_arena import messages as m
from w9x_arena.codec import Message, Record, Reply
from w9x_arena.messages import Code
from w9x_arena.segment import ArenaError, ArenaFile
from w9xd import __version__
from w9xd.atoms import AtomTable
from w9xd.journal import Journal, Rows
from w9xd.processes import Process, ProcessLedger, start_ticks
from w9xd.ranges import Range, RangeLedger, Refused
from w9xd.reclaim import Reclaimer
from w9xd.registry import Registry
from w9xd.settings import Drives, Environment

LISTING_BYTES = 192 * 1024
"""A listing's rows stay below this estimate, so that the reply fits ``codec.MESSAGE_MAX``."""


@dataclass(slots=True, eq=False)
class Session:
    """One connection. ``linux_pid`` is what the kernel says about the peer, ``process`` is set for role client.

    ``descriptor`` is the transport's, and may be stale.
    """

    linux_pid: int
    descriptor: int
    welcomed: bool = False
    ended: bool = False
    process: Process | None = None
    windows: m.WindowsProfile = "98se"
    errors: int = 0


Handler = Callable[[Any, Session, Any], Reply]
_handlers: dict[type[Message], Handler] = {}
H = TypeVar("H", bound=Callable[..., Reply])


def handles(request: type[Message]) -> Callable[[H], H]:
    """Mark the method of :class:`Daemon` that answers a request."""

    def mark(function: H) -> H:
        _handlers[request] = function
        return function

    return mark


class Daemon:
    """The ledgers and their rules. ``watch(linux_pid)`` asks the transport to report that process's end."""

    def __init__(self, watch: Callable[[int], bool]) -> None:
        self._watch = watch
        self._started = time.monotonic()
        self.stopping = False
        self.session_count: Callable[[], int] = lambda: 0
        self.registry = Registry(paths.data_dir() / "registry.sqlite")
        self.drives = Drives(paths.config_dir())
        self.environment = Environment(paths.config_dir())
        self.ranges = RangeLedger(self._range_freed, self._put)
        self.processes = ProcessLedger(self._put)
        self.atoms = AtomTable(self._put)
        self._open_arena()

    # --- start and stop ---------------------------------------------------------------------------------------

    def _open_arena(self) -> None:
        """Take over the arena of a daemon that died while clients live, or begin a new one."""
        path = paths.arena_path()
        journal_path = paths.runtime_dir() / "journal"
        self.journal: Journal | None = None
        try:
            arena = ArenaFile.open(path)
        except ArenaError:
            pass
        else:
            journal = Journal(journal_path, arena.creation_id)
            if self._take_over(arena, journal):
                return
            arena.close()
        self.arena = ArenaFile.create(path)
        self.ranges = RangeLedger(self._range_freed, self._put)
        self.processes = ProcessLedger(self._put)
        self.atoms = AtomTable(self._put)
        self.reclaimer = Reclaimer(self.arena, self.ranges.reclaimed)
        self.journal = Journal(journal_path, self.arena.creation_id)
        self.journal.start()

    def _take_over(self, arena: ArenaFile, journal: Journal) -> bool:
        rows: Rows = journal.load()
        self.arena, self.journal = arena, journal
        self.reclaimer = Reclaimer(arena, self.ranges.reclaimed)
        try:
            self.processes.restore(rows)
            for process in self.processes.all():
                self.ranges.add_owner(process.pid)
            self.ranges.restore(rows)
            self.atoms.restore(rows)
        except (ValueError, KeyError, TypeError):
            self.journal = None
            return False
        living = [process for process in self.processes.all() if self._lives(process)]
        if not living:
            self.journal = None
            return False
        # What the dead daemon had freed but not yet cleaned is in the gaps.
        self._sweep()
        for process in self.processes.all():
            if process not in living:
                self._end_process(process)
        journal.start()
        return True

    def _lives(self, process: Process) -> bool:
        try:
            same = start_ticks(process.linux_pid) == process.start_ticks
        except (OSError, ValueError):
            return False
        return same and self._watch(process.linux_pid)

    def close(self) -> None:
        """Stop: the arena file and the journal stay only while clients live that need them."""
        self.reclaimer.clean_all()
        remove = not len(self.processes)
        self._flush()
        if self.journal is not None:
            self.journal.close(remove=remove)
        if remove:
            paths.arena_path().unlink(missing_ok=True)
        self.arena.close()
        self.registry.close()

    def _put(self, key: tuple[Any, ...], value: Any) -> None:
        if self.journal is not None:
            self.journal.put(key, value)

    def _range_freed(self, start: int, end: int) -> None:
        self.reclaimer.add(start, end)

    # --- called by the transport ------------------------------------------------------------------------------

    def handle(self, session: Session, request: Message) -> Reply:
        """Answer one request; failures become :class:`Error` replies."""
        handler = _handlers.get(type(request))
        if handler is None:
            session.errors += 1
            return m.Error(Code.PROTOCOL, f"{type(request).__name__} is not a request")
        if session.ended or not (session.welcomed or isinstance(request, m.Hello)):
            session.errors += 1
            return m.Error(Code.UNREGISTERED, "the connection must begin with Hello")
        try:
            reply = handler(self, session, request)
        except Refused as error:
            reply = m.Error(error.code, str(error)[:1000])
        except Exception:  # noqa: BLE001 - a defect in one handler must not end every running program
            traceback.print_exc()
            reply = m.Error(Code.INTERNAL, f"{type(request).__name__} failed in the daemon; see its log")
        self._flush()
        return reply

    def _flush(self) -> None:
        if self.journal is not None:
            self.journal.flush()

    def process_gone(self, linux_pid: int) -> None:
        """A Linux process ended: its guest processes end with it."""
        for process in self.processes.all():
            if process.linux_pid == linux_pid:
                self._end_process(process)
        self._flush()

    def _end_process(self, process: Process) -> None:
        if self.processes.get(process.pid) is process:
            self.processes.remove(process)
            self.ranges.drop_owner(process.pid)
            if not len(self.processes):
                self._sweep()

    def _sweep(self) -> None:
        """Clean what is free: stray writes of guest programs allocate blocks outside every range."""
        for start, end in self.ranges.free_gaps():
            self.arena.clear_pages(start, end - start)
            self.arena.punch(start, end - start)
        self.arena.bump_epoch()

    # --- session ----------------------------------------------------------------------------------------------

    @handles(m.Hello)
    def _hello(self, session: Session, request: m.Hello) -> Reply:
        if session.welcomed:
            session.errors += 1
            raise Refused(Code.PROTOCOL, "a second Hello")
        if request.protocol != m.PROTOCOL_VERSION:
            raise Refused(Code.VERSION, version_text(request.protocol))
        if request.linux_pid != session.linux_pid:
            raise Refused(Code.DENIED, f"the peer is process {session.linux_pid}, not {request.linux_pid}")
        if request.role == "client":
            session.process = self._resume(request) if request.resume else self._new_process(request)
        session.welcomed = True
        session.windows = request.windows
        pid = session.process.pid if session.process else 0
        return m.Welcome(pid, os.getpid(), __version__, self.arena.creation_id)

    def _resume(self, request: m.Hello) -> Process:
        process = self.processes.get(request.resume)
        if process is None or process.linux_pid != request.linux_pid:
            raise Refused(Code.LOST, "the daemon was restarted and this process's memory is gone")
        return process

    def _new_process(self, request: m.Hello) -> Process:
        try:
            ticks = start_ticks(request.linux_pid)
        except (OSError, ValueError):
            raise Refused(Code.DENIED, f"there is no process {request.linux_pid}") from None
        process = self.processes.add(
            request.linux_pid,
            ticks,
            time.time_ns() // 1_000_000,
            parent=request.parent,
            program=request.program,
            command_line=request.command_line,
            engine=request.engine,
            windows=request.windows,
        )
        self.ranges.add_owner(process.pid)
        return process

    @handles(m.Goodbye)
    def _goodbye(self, session: Session, _request: m.Goodbye) -> Reply:
        session.ended = True
        if session.process is not None:
            self._end_process(session.process)
            self.reclaimer.step()
        return m.Done()

    @handles(m.Ping)
    def _ping(self, _session: Session, _request: m.Ping) -> Reply:
        return m.Status(
            version=__version__,
            daemon_pid=os.getpid(),
            uptime_ms=int((time.monotonic() - self._started) * 1000),
            processes=len(self.processes),
            ranges=self.ranges.range_count(),
            images=sum(1 for _ in self.ranges.images()),
            atoms=len(self.atoms),
            sessions=self.session_count(),
            reserved_bytes=self.ranges.reserved_bytes(),
            arena_bytes=self.arena.allocated_bytes(),
            reclaiming_bytes=self.reclaimer.waiting_bytes,
        )

    @handles(m.Shutdown)
    def _shutdown(self, _session: Session, request: m.Shutdown) -> Reply:
        self.stopping = True
        if request.kill:
            for process in self.processes.all():
                _signal(process, signal.SIGKILL)
                self._end_process(process)
        return m.Done()

    # --- arena ------------------------------------------------------------------------------------------------

    @staticmethod
    def _owner(session: Session) -> int:
        """The guest pid of a client's session; a tool owns nothing."""
        if session.process is None:
            raise Refused(Code.DENIED, "only an emulated process may do this")
        return session.process.pid

    @handles(m.AllocRange)
    def _alloc_range(self, session: Session, request: m.AllocRange) -> Reply:
        owner = self._owner(session)
        if request.address:
            self.reclaimer.clean(request.address & -layout.GRANULARITY, request.address + request.size)

        def allocate() -> int:
            return self.ranges.allocate(
                owner,
                request.size,
                request.address,
                request.kind,
                request.prot,
                request.label,
                request.top_down,
                request.arena,
            )

        return m.Base(self._with_room(allocate))

    def _with_room(self, attempt: Callable[[], Any]) -> Any:
        """Try again with everything reclaimed before reporting that there is no room."""
        try:
            return attempt()
        except Refused as error:
            if error.code != Code.NO_SPACE or not self.reclaimer.clean_all():
                raise
        return attempt()

    @handles(m.FreeRange)
    def _free_range(self, session: Session, request: m.FreeRange) -> Reply:
        self.ranges.free(self._owner(session), request.base)
        self.reclaimer.step()
        return m.Done()

    @handles(m.SetRangeLabel)
    def _set_range_label(self, session: Session, request: m.SetRangeLabel) -> Reply:
        self.ranges.set_label(self._owner(session), request.base, request.label)
        return m.Done()

    @handles(m.PlaceImage)
    def _place_image(self, session: Session, request: m.PlaceImage) -> Reply:
        owner = self._owner(session)
        self.reclaimer.clean(request.preferred, request.preferred + request.size)

        def place() -> tuple[int, m.PlaceMode]:
            return self.ranges.place_image(
                owner,
                request.key,
                request.preferred,
                request.size,
                request.relocatable,
                request.dll_arena,
                request.label,
            )

        return m.Placement(*self._with_room(place))

    @handles(m.ImageReady)
    def _image_ready(self, session: Session, request: m.ImageReady) -> Reply:
        self.ranges.image_ready(self._owner(session), request.key)
        return m.Done()

    @handles(m.ReleaseImage)
    def _release_image(self, session: Session, request: m.ReleaseImage) -> Reply:
        self.ranges.release_image(self._owner(session), request.key)
        self.reclaimer.step()
        return m.Done()

    @handles(m.ListArena)
    def _list_arena(self, _session: Session, request: m.ListArena) -> Reply:
        rows = [_range_row(item) for item in self.ranges.ranges()]
        for item in self.ranges.overlays():
            size = item.end - item.start
            rows.append(m.RangeRow(item.start, size, "overlay", item.prot, (item.owner,), item.label))
        rows.sort(key=lambda row: (row.start, row.kind == "overlay", row.owners))
        return m.Ranges(*page(rows, request.start))

    # --- processes and modules --------------------------------------------------------------------------------

    @handles(m.ListProcesses)
    def _list_processes(self, _session: Session, request: m.ListProcesses) -> Reply:
        return m.Processes(*page([process.row() for process in self.processes.all()], request.start))

    @handles(m.KillProcess)
    def _kill_process(self, _session: Session, request: m.KillProcess) -> Reply:
        process = self.processes.get(request.pid)
        if process is None:
            raise Refused(Code.NOT_FOUND, f"no guest process {request.pid}")
        _signal(process, signal.SIGKILL if request.force else signal.SIGTERM)
        return m.Done()

    @handles(m.SetProcessState)
    def _set_process_state(self, session: Session, request: m.SetProcessState) -> Reply:
        self._owner(session)
        assert session.process is not None
        self.processes.set_state(session.process, request.state)
        return m.Done()

    @handles(m.ListModules)
    def _list_modules(self, _session: Session, request: m.ListModules) -> Reply:
        return m.Modules(*page(self.processes.modules(request.pid), request.start))

    @handles(m.RegisterModule)
    def _register_module(self, session: Session, request: m.RegisterModule) -> Reply:
        self._owner(session)
        assert session.process is not None
        self.processes.add_module(session.process, request.name, request.base, request.size)
        return m.Done()

    @handles(m.UnregisterModule)
    def _unregister_module(self, session: Session, request: m.UnregisterModule) -> Reply:
        self._owner(session)
        assert session.process is not None
        self.processes.remove_module(session.process, request.base)
        return m.Done()

    @handles(m.AllocIds)
    def _alloc_ids(self, session: Session, request: m.AllocIds) -> Reply:
        self._owner(session)
        if not request.count:
            raise Refused(Code.INVALID, "no ids asked for")
        return m.Base(self.processes.allocate_ids(request.count))

    # --- atoms ------------------------------------------------------------------------------------------------

    @handles(m.AddAtom)
    def _add_atom(self, _session: Session, request: m.AddAtom) -> Reply:
        return self.atoms.add(request.name)

    @handles(m.FindAtom)
    def _find_atom(self, _session: Session, request: m.FindAtom) -> Reply:
        return self.atoms.find(request.name)

    @handles(m.DeleteAtom)
    def _delete_atom(self, _session: Session, request: m.DeleteAtom) -> Reply:
        return self.atoms.delete(request.atom)

    @handles(m.GetAtomName)
    def _get_atom_name(self, _session: Session, request: m.GetAtomName) -> Reply:
        return self.atoms.name(request.atom)


def version_text(theirs: int) -> str:
    """What a peer of another protocol version is told."""
    return f"the daemon is w9xd {__version__} (protocol {m.PROTOCOL_VERSION}), this program speaks protocol {theirs}"


def page(rows: list[Any], start: int) -> tuple[tuple[Any, ...], int]:
    """The rows from ``start`` on that fit one reply, and where to go on (0 at the end)."""
    chosen: list[Any] = []
    room = LISTING_BYTES
    for row in rows[start : start + m.ROWS_MAX]:
        room -= _estimate(row)
        if room < 0 and chosen:
            break
        chosen.append(row)
    following = start + len(chosen)
    return tuple(chosen), following if following < len(rows) else 0


def _estimate(row: Any) -> int:
    """No fewer bytes than a row takes on the wire (a character takes at most 4, a number 9)."""
    values = row.__dict__.values() if isinstance(row, Record) else (row,)
    size = 4
    for value in values:
        if isinstance(value, str):
            size += 5 + (len(value) if value.isascii() else 4 * len(value))
        elif isinstance(value, tuple | bytes):
            size += 5 + 9 * len(value)
        else:
            size += 9
    return size


def _range_row(item: Range) -> m.RangeRow:
    owners: tuple[int, ...] = (item.owner,) if item.owner else ()
    if item.image is not None:
        owners = tuple(sorted(item.image.users))[: m.ROWS_MAX]
    return m.RangeRow(item.start, item.end - item.start, item.kind, item.prot, owners, item.label)


def _signal(process: Process, number: signal.Signals) -> None:
    """Signal exactly that process, never a later one with the same Linux pid."""
    try:
        fd = os.pidfd_open(process.linux_pid)
    except OSError:
        return
    try:
        if start_ticks(process.linux_pid) == process.start_ticks:
            signal.pidfd_send_signal(fd, number)
    except (OSError, ValueError):
        pass
    finally:
        os.close(fd)
