"""Every request and reply between a client and the daemon, each declared once.

The class is the only statement of a message's fields: ``w9x_arena.codec`` derives encoding, checked decoding and
the text that ``tests/arch/wire_format.lock`` pins. To change anything here, raise :data:`PROTOCOL_VERSION` and
run ``python tests/arch/test_wire_format.py``.

A request names its reply: ``class Ping(Request[Status], tag=...)``. Failure is always :class:`Error`. Two layouts may
never change, because peers of different versions exchange them: :class:`Error`, and the first field of
:class:`Hello`. Addresses and sizes are bytes of guest memory; pids are guest pids unless named linux_pid.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Literal

from w9x_arena.codec import (
    U8,
    U16,
    U32,
    U64,
    Blob,
    Many,
    ProtocolError,
    Record,
    Reply,
    Request,
    Text,
    decode,
    encode,
)

__all__ = ["PROTOCOL_VERSION", "ProtocolError", "decode", "encode"]

PROTOCOL_VERSION = 1

# Bounds that both sides of a paged listing rely on.
ROWS_MAX = 256
"""Rows of one listing reply; ask again from ``next`` until it is 0."""
VALUE_MAX = 0x10000
"""Bytes of one registry value (Windows 98 documents 64 KB for all values of a key; Windows 95 about 16 KB)."""
REG_CHUNK_MAX = 384 * 1024
"""Bytes of REGEDIT4 text in one message: more than the longest value takes (3.3 characters per byte)."""

Label = Annotated[str, Text(128)]
ImageKey = Annotated[str, Text(512, host=True)]
"""Identity of a file's contents, the client's choice; ``builtin:`` marks a system module that stays loaded."""
ModuleName = Annotated[str, Text(260)]
HostText = Annotated[str, Text(8192, host=True)]
KeyPath = Annotated[str, Text(8192)]
"""Registry path below a root, backslashes between keys; empty for the root itself."""
ValueName = Annotated[str, Text(255)]
"""Registry value name; empty for a key's default value."""
ShortText = Annotated[str, Text(255)]

RangeKind = Literal["shared", "image", "overlay"]
ArenaName = Literal["system", "dll"]
PlaceMode = Literal["fresh", "existing", "overlay", "pending"]
WindowsProfile = Literal["95", "95osr2", "98", "98se", "me"]
Role = Literal["client", "tool"]
ProcessState = Literal["starting", "running", "exiting"]
RootName = Literal["HKCR", "HKCU", "HKLM", "HKU", "HKCC", "HKDYN_DATA"]


class Code(IntEnum):
    """Why a request failed. Clients map these to Win32 errors; the text is for people."""

    INTERNAL = 1
    PROTOCOL = 2
    """Malformed or out-of-order message."""
    VERSION = 3
    """The peer speaks another protocol version."""
    UNREGISTERED = 4
    """No Hello yet on this connection (or the daemon was restarted)."""
    LOST = 5
    """The daemon no longer knows the process that wants to resume: its memory was reclaimed."""
    INVALID = 6
    """An argument that makes no sense."""
    NOT_FOUND = 7
    EXISTS = 8
    NO_SPACE = 9
    """No free address range, atom or disk block."""
    CONFLICT = 10
    """The fixed address is taken."""
    DENIED = 11
    """Not the caller's to change."""
    LIMIT = 12
    """A per-session limit."""


class Error(Reply, tag=0):
    """Failure of any request. Its layout is frozen."""

    code: Code
    text: Annotated[str, Text(1000, host=True)]


class Done(Reply, tag=1):
    """Success with nothing to say."""


# --- session ----------------------------------------------------------------------------------------------------


class Welcome(Reply, tag=11):
    """``pid`` is the guest pid (0 for a tool). ``arena_id`` is the arena file's creation id."""

    pid: U32
    daemon_pid: U32
    daemon_version: ShortText
    arena_id: Annotated[bytes, Blob(16)]


class Hello(Request[Welcome], tag=10):
    """First message of a connection. ``resume`` is the guest pid a reconnecting client had, else 0."""

    protocol: U32
    linux_pid: U32
    role: Role
    resume: U32
    parent: U32
    program: HostText
    command_line: HostText
    engine: ShortText
    windows: WindowsProfile


class Goodbye(Request[Done], tag=12):
    """The process ends: everything it owns is reclaimed. Nothing may follow on this connection."""


class Status(Reply, tag=14):
    """``arena_bytes`` is disk space; ``reserved_bytes`` is guest address space; ``uptime_ms`` milliseconds."""

    version: ShortText
    daemon_pid: U32
    uptime_ms: U64
    processes: U32
    ranges: U32
    images: U32
    atoms: U32
    sessions: U32
    reserved_bytes: U64
    arena_bytes: U64
    reclaiming_bytes: U64


class Ping(Request[Status], tag=13):
    """Ask how the daemon is."""


class Shutdown(Request[Done], tag=15):
    """Stop the daemon. Running clients keep the arena file alive unless ``kill`` ends them."""

    kill: bool


# --- arena ------------------------------------------------------------------------------------------------------


class Base(Reply, tag=21):
    """A range's first address."""

    base: U32


class AllocRange(Request[Base], tag=20):
    """Reserve ``size`` bytes (rounded up to 64 KB) at ``address``, or anywhere when it is 0."""

    size: U32
    address: U32
    kind: RangeKind
    prot: U8
    label: Label
    top_down: bool
    arena: ArenaName


class FreeRange(Request[Done], tag=22):
    """Give a whole range back by its base: its page map is cleared and its blocks freed."""

    base: U32


class SetRangeLabel(Request[Done], tag=23):
    """Rename one's own range."""

    base: U32
    label: Label


class Placement(Reply, tag=25):
    """Where the image goes and how (``docs/design/daemon.md``, "Images")."""

    base: U32
    mode: PlaceMode


class PlaceImage(Request[Placement], tag=24):
    """Find an address for a module's image of ``size`` bytes."""

    key: ImageKey
    preferred: U32
    size: U32
    relocatable: bool
    dll_arena: bool
    label: Label


class ImageReady(Request[Done], tag=26):
    """The image one placed ``fresh`` is filled in; later users may share it."""

    key: ImageKey


class ReleaseImage(Request[Done], tag=27):
    """Drop one use of an image, shared or overlay."""

    key: ImageKey


class RangeRow(Record):
    """``[start, start + size)``; ``owners`` are guest pids, at most ROWS_MAX of them."""

    start: U32
    size: U32
    kind: RangeKind
    prot: U8
    owners: Annotated[tuple[U32, ...], Many(ROWS_MAX)]
    label: Label


class Ranges(Reply, tag=29):
    """A page of the arena's ledger, by address."""

    rows: Annotated[tuple[RangeRow, ...], Many(ROWS_MAX)]
    next: U32


class ListArena(Request[Ranges], tag=28):
    """Ranges from the ``start``-th on."""

    start: U32


# --- processes and modules --------------------------------------------------------------------------------------


class ProcessRow(Record):
    """``started_ms`` is milliseconds since the Unix epoch."""

    pid: U32
    linux_pid: U32
    parent: U32
    program: HostText
    command_line: HostText
    engine: ShortText
    windows: WindowsProfile
    state: ProcessState
    started_ms: U64


class Processes(Reply, tag=31):
    """A page of the process ledger, by guest pid."""

    rows: Annotated[tuple[ProcessRow, ...], Many(ROWS_MAX)]
    next: U32


class ListProcesses(Request[Processes], tag=30):
    """Processes from the ``start``-th on."""

    start: U32


class KillProcess(Request[Done], tag=32):
    """Send SIGTERM, or SIGKILL when ``force``, to a guest process."""

    pid: U32
    force: bool


class SetProcessState(Request[Done], tag=33):
    """What ``ps`` shows for the caller."""

    state: ProcessState


class ModuleRow(Record):
    """A module in one process."""

    pid: U32
    name: ModuleName
    base: U32
    size: U32


class Modules(Reply, tag=35):
    """A page of the module ledger, by process and address."""

    rows: Annotated[tuple[ModuleRow, ...], Many(ROWS_MAX)]
    next: U32


class ListModules(Request[Modules], tag=34):
    """Modules of process ``pid`` (0 = of all) from the ``start``-th on."""

    pid: U32
    start: U32


class RegisterModule(Request[Done], tag=36):
    """The caller loaded a module (replaces an entry with the same base)."""

    name: ModuleName
    base: U32
    size: U32


class UnregisterModule(Request[Done], tag=37):
    """The caller unloaded a module."""

    base: U32


class AllocIds(Request[Base], tag=38):
    """``count`` ids for threads, ``base``, ``base + 4``, ...: never a pid or id in recent use by anybody."""

    count: U8


# --- atoms ------------------------------------------------------------------------------------------------------

AtomName = Annotated[str, Text(255)]


class Atom(Reply, tag=51):
    """An atom and its reference count (0 for an integer atom)."""

    atom: U16
    references: U32
    name: AtomName


class AddAtom(Request[Atom], tag=50):
    """GlobalAddAtom: find or make, count one reference."""

    name: AtomName


class FindAtom(Request[Atom], tag=52):
    """GlobalFindAtom."""

    name: AtomName


class DeleteAtom(Request[Atom], tag=53):
    """GlobalDeleteAtom: drop one reference; the reply's count is what is left."""

    atom: U16


class GetAtomName(Request[Atom], tag=54):
    """GlobalGetAtomName."""

    atom: U16


# --- drives and environment -------------------------------------------------------------------------------------

DriveLetter = Literal[
    "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M",
    "N", "O", "P", "Q", "R", "S", "T", "U", "V", "W", "X", "Y", "Z",
]  # fmt: skip


class DriveRow(Record):
    """A persistent drive: ``path`` is a Linux directory."""

    letter: DriveLetter
    path: HostText
    read_only: bool


class Drives(Reply, tag=61):
    """The persistent drive map, by letter."""

    rows: Annotated[tuple[DriveRow, ...], Many(26)]


class ListDrives(Request[Drives], tag=60):
    """All persistent drives."""


class SetDrive(Request[Done], tag=62):
    """Map a letter, replacing what it was."""

    letter: DriveLetter
    path: HostText
    read_only: bool


class RemoveDrive(Request[Done], tag=63):
    """Forget a letter."""

    letter: DriveLetter


EnvironmentName = Annotated[str, Text(255)]
EnvironmentValue = Annotated[str, Text(4096)]


class EnvironmentRow(Record):
    """One variable."""

    name: EnvironmentName
    value: EnvironmentValue


class Environment(Reply, tag=65):
    """The variables every guest process starts with, by name."""

    rows: Annotated[tuple[EnvironmentRow, ...], Many(ROWS_MAX)]


class GetEnvironment(Request[Environment], tag=64):
    """The default environment."""


class SetEnvironment(Request[Done], tag=66):
    """Set a default variable; an empty value removes it, as SET does."""

    name: EnvironmentName
    value: EnvironmentValue


# --- registry ---------------------------------------------------------------------------------------------------
# Stateless: a key is a root and a path. Value types and data are the guest's (REG_* numbers, ANSI bytes).


class KeyCreated(Reply, tag=71):
    """``created`` is false when the key existed."""

    created: bool


class RegCreateKey(Request[KeyCreated], tag=70):
    """Create a key and what is missing above it."""

    root: RootName
    path: KeyPath


class RegOpenKey(Request[Done], tag=72):
    """NOT_FOUND unless the key exists."""

    root: RootName
    path: KeyPath


class RegDeleteKey(Request[Done], tag=73):
    """Delete a key with everything below it, as Windows 9x does."""

    root: RootName
    path: KeyPath


class RegValue(Reply, tag=75):
    """A value."""

    name: ValueName
    type: U32
    data: Annotated[bytes, Blob(VALUE_MAX)]


class RegQueryValue(Request[RegValue], tag=74):
    """One value by name."""

    root: RootName
    path: KeyPath
    name: ValueName


class RegSetValue(Request[Done], tag=76):
    """Set a value of an existing key."""

    root: RootName
    path: KeyPath
    name: ValueName
    type: U32
    data: Annotated[bytes, Blob(VALUE_MAX)]


class RegDeleteValue(Request[Done], tag=77):
    """Delete a value."""

    root: RootName
    path: KeyPath
    name: ValueName


class KeyNames(Reply, tag=79):
    """Names of sub-keys."""

    names: Annotated[tuple[ShortText, ...], Many(ROWS_MAX)]


class RegEnumKeys(Request[KeyNames], tag=78):
    """At most ``count`` sub-keys from the ``index``-th on, in the order of their creation."""

    root: RootName
    path: KeyPath
    index: U32
    count: U16


class ValueRow(Record):
    """A value without its data."""

    name: ValueName
    type: U32
    size: U32


class ValueRows(Reply, tag=81):
    """Values of a key."""

    rows: Annotated[tuple[ValueRow, ...], Many(ROWS_MAX)]


class RegEnumValues(Request[ValueRows], tag=80):
    """At most ``count`` values from the ``index``-th on, in the order of their creation."""

    root: RootName
    path: KeyPath
    index: U32
    count: U16


class KeyInfo(Reply, tag=83):
    """Counts, and lengths in characters (names) and bytes (data), as RegQueryInfoKey reports them."""

    subkeys: U32
    longest_subkey: U32
    values: U32
    longest_value_name: U32
    longest_data: U32


class RegQueryInfo(Request[KeyInfo], tag=82):
    """Sizes of a key."""

    root: RootName
    path: KeyPath


class RegText(Reply, tag=85):
    """Part of a REGEDIT4 file; ``next`` is the ``start`` of the request for what follows, 0 at the end."""

    data: Annotated[bytes, Blob(REG_CHUNK_MAX)]
    next: U64


class RegExport(Request[RegText], tag=84):
    """REGEDIT4 text of a key and everything below it; ``start`` is 0 for the first part."""

    root: RootName
    path: KeyPath
    start: U64


class RegImported(Reply, tag=87):
    """What an import changed."""

    keys: U32
    values: U32


class RegImport(Request[RegImported], tag=86):
    """Import a complete REGEDIT4 text, in one transaction. ``first_line`` numbers its lines in error messages."""

    data: Annotated[bytes, Blob(REG_CHUNK_MAX)]
    first_line: U32
