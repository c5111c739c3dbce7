"""What a program needs, judged from its file alone.

`examine` reads one file: what kind of program it is, whether it is packed or an installer, which functions it (and
the DLLs beside it) import and how far each is implemented, and what will happen if it is run. Nothing is executed.
The file may be anything: every failure of reading it is a `Report` that says so.

What the tiers mean is in `TIERS`; the facts behind the marks of packers and installers stand beside them.
"""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from . import coverage, exports, packers
from .image import SCN_SHARED, ImageError, PeImage, parse, read_image_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .directories import Import

Tier = Literal[
    "console", "gui", "directx", "dll", "thunks", "vxd-calls", "shared-arena", "win16", "vxd", "dos", "os2", "dotnet",
    "64-bit", "other-cpu", "damaged", "not-a-program",
]  # fmt: skip
TIERS: dict[Tier, str] = {
    "console": "Win32 console program",
    "gui": "Win32 program with windows",
    "directx": "Win32 program that uses DirectX or OpenGL",
    "dll": "Win32 DLL",
    "thunks": "Win32 program that calls 16-bit code (thunks)",
    "vxd-calls": "Win32 program that talks to device drivers (VxDs)",
    "shared-arena": "Win32 program that relies on memory shared by all processes",
    "win16": "16-bit Windows program",
    "vxd": "device driver (VxD)",
    "dos": "DOS program",
    "os2": "OS/2 program",
    "dotnet": ".NET program",
    "64-bit": "64-bit program",
    "other-cpu": "program for another processor",
    "damaged": "damaged file",
    "not-a-program": "not a program",
}
Verdict = Literal["runs", "may run", "will not run"]

MAX_DLLS = 64
"""DLLs beside the program that are examined with it."""

_DIRECTX = {
    "ddraw",
    "dsound",
    "dinput",
    "d3dim",
    "d3drm",
    "d3d8",
    "dplay",
    "dplayx",
    "opengl32",
    "glu32",
    "glide2x",
    "glide3x",
}
_THUNK_NAMES = re.compile(
    r"^(?:QT_Thunk|FT_(?:Thunk|Prolog|Exit\d+)|ThunkConnect32|ThunkInitL[SF]+|SMapLS.*|SUnMapLS.*|[MU]\w*MapLS|MapS[LF]\w*|K32Thk1632\w+|UTRegister"
    r"|UTUnRegister|AllocMappedBuffer|FreeMappedBuffer|LoadLibrary16|GetProcAddress16|FreeLibrary16)$"
)
_WINDOW_FUNCTIONS = re.compile(
    r"^(?:CreateWindowEx|DialogBox\w*?Param|DialogBoxIndirectParam|CreateDialog\w*?Param|RegisterClass(?:Ex)?)[AW]$"
)
"""Without these no program shows a window."""
_DEVICE_NAME = re.compile(rb"\\\\\.\\([A-Za-z][A-Za-z0-9_]{1,8}(?:\.[Vv][Xx][Dd])?)\0")
_NOT_DEVICES = {"PHYSICAL", "PHYSICALD", "PIPE", "MAILSLOT", "TAPE0", "SCSI0", "SCSI1", "CDROM0", "CDROM"}
"""NT's own device names, which programs for both families carry."""


@dataclass(slots=True)
class Need:
    """One imported function."""

    dll: str
    label: str
    status: coverage.Word
    note: str = ""
    by: str = ""
    """The DLL beside the program that imports it; '' for the program itself."""


@dataclass(slots=True)
class Report:
    """What is known of one file."""

    path: str
    tier: Tier
    expected: Verdict
    reason: str
    """Why; one line."""
    traits: list[str] = field(default_factory=list)
    """Everything notable, in words."""
    packer: str = ""
    installer: str = ""
    needs: list[Need] = field(default_factory=list)
    missing_dlls: list[str] = field(default_factory=list)

    def count(self, status: coverage.Word) -> int:
        """How many imported functions have this status."""
        return sum(1 for need in self.needs if need.status == status)

    @property
    def missing(self) -> list[Need]:
        """Imported functions that nobody has implemented."""
        return [need for need in self.needs if need.status == "absent"]


def examine(path: str | os.PathLike[str]) -> Report:
    """The report on one file. Raises OSError where it cannot be opened, nothing else."""
    name = os.fspath(path)
    fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        head = os.pread(fd, 0x1000, 0)
        try:
            image = parse(read_image_file(fd))
        except ImageError as error:
            return _not_pe(name, head, error.text)
        return _examine_pe(name, fd, image)
    finally:
        os.close(fd)


# --- what is no loadable PE file -----------------------------------------------------------------
def _not_pe(path: str, head: bytes, text: str) -> Report:
    tier: Tier = "damaged"
    traits: list[str] = []
    if not head.startswith((b"MZ", b"ZM")):
        tier = "not-a-program"
        suffix = Path(path).suffix.lower()
        if suffix == ".com" and any(byte < 9 for byte in head[:256]):  # code, not a script of another system
            tier, text = "dos", "a DOS program (.COM): not supported"
        elif suffix in (".bat", ".pif"):
            tier, text = "dos", f"a DOS {suffix[1:]} file: not supported"
    elif "64-bit" in text:
        tier = "64-bit"
    elif text.startswith("a program for"):
        tier = "other-cpu"
    elif text.startswith("a .NET"):
        tier = "dotnet"
    elif text.startswith(("damaged", "cannot")):
        tier = "damaged"
    else:
        tier, traits, text = _old_format(head, text)
    return Report(path, tier, "will not run", text, traits)


def _old_format(head: bytes, text: str) -> tuple[Tier, list[str], str]:
    """NE, LE, LX and plain MZ. Offsets: Ralf Brown's Interrupt List, tables 01596 (NE) and 01609 (LE)."""
    at = struct.unpack_from("<I", head, 0x3C)[0] if len(head) >= 0x40 else 0
    signature = head[at : at + 2] if 0 < at <= len(head) - 0x40 else b""
    if signature == b"NE":
        flags, system = head[at + 0x0D], head[at + 0x36]
        minor, major = head[at + 0x3E], head[at + 0x3F]
        if system == 1:
            return "os2", [], "an OS/2 program: not supported"
        traits = [f"for Windows {major}.{minor:02}"] if major else []
        if flags & 0x80:
            return "win16", ["16-bit DLL or driver", *traits], "a 16-bit DLL: 16-bit code is not part of this version"
        return "win16", traits, "16-bit programs are not part of this version"
    if signature == b"LE":
        if struct.unpack_from("<H", head, at + 0x0A)[0] == 4:
            return "vxd", [], "a VxD: device drivers are not part of this version"
        return "dos", ["32-bit code behind a DOS extender"], "a DOS program with a DOS extender: not supported"
    if signature == b"LX":
        return "os2", [], "an OS/2 program: not supported"
    return "dos", [], text


# --- PE --------------------------------------------------------------------------------------------
def _examine_pe(path: str, fd: int, image: PeImage) -> Report:
    report = Report(path, "dll" if image.is_dll else "console" if image.is_console else "gui", "runs", "")
    major, minor = image.subsystem_version
    report.traits.append(f"for Windows {major}.{minor:02}")
    found = packers.identify(fd, image)
    report.packer, report.installer = found.packer, found.installer
    _collect(report, image, Path(path).parent)
    _add_traits(report, image)
    _judge(report, image)
    return report


def _imports(image: PeImage) -> Iterator[tuple[str, tuple[Import, ...]]]:
    for descriptor in image.imports:
        yield descriptor.name, descriptor.functions


def _collect(report: Report, program: PeImage, folder: Path) -> None:
    """Fill in what the program and the DLLs beside it import."""
    beside = _files_in(folder)
    todo: list[tuple[str, PeImage]] = [("", program)]
    seen: set[str] = set()
    known: set[tuple[str, str]] = set()
    while todo:
        by, image = todo.pop(0)
        try:
            for dll, functions in _imports(image):
                _collect_dll(report, by, dll, functions, known)
                key = dll.lower()
                if exports.module_info(dll) is not None or key in seen:
                    continue
                seen.add(key)
                own = _open_beside(beside, key) if len(seen) <= MAX_DLLS else None
                if own is not None:
                    todo.append((dll, own))
                else:
                    report.missing_dlls.append(dll + (f" (for {by})" if by else ""))
            for delayed in image.delayed:
                report.traits.append(f"loads {delayed.name} when first used")
        except ImageError as error:
            report.traits.append(f"imports{' of ' + by if by else ''} cannot be read: {error.text}")


def _collect_dll(report: Report, by: str, dll: str, functions: tuple[Import, ...], known: set[tuple[str, str]]) -> None:
    info = exports.module_info(dll)
    if info is None:
        return
    for function in functions:
        found = coverage.of_import(info.stem, function.name, function.ordinal)
        if (info.stem, found.label) not in known:
            known.add((info.stem, found.label))
            report.needs.append(Need(info.stem, found.label, found.status, found.note, by))


def _files_in(folder: Path) -> dict[str, str]:
    try:
        return {entry.name.lower(): entry.path for entry in os.scandir(folder) if entry.is_file()}
    except OSError:
        return {}


def _open_beside(beside: dict[str, str], key: str) -> PeImage | None:
    path = beside.get(key) or beside.get(key + ".dll")
    if path is None:
        return None
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return parse(read_image_file(fd))
    except ImageError:
        return None
    finally:
        os.close(fd)


def _add_traits(report: Report, image: PeImage) -> None:
    """What the imports, sections and strings say about the program's habits; the most demanding one names the tier."""
    dlls = {need.dll for need in report.needs} | {name.lower().removesuffix(".dll") for name in report.missing_dlls}
    tier = report.tier
    graphics = sorted(dlls & _DIRECTX)
    if graphics:
        report.traits.append("uses " + ", ".join(graphics))
        tier = "directx"
    shared = [section.name for section in image.sections if section.flags & SCN_SHARED and section.flags & 0x8000_0000]
    if shared:
        report.traits.append(f"shares section {shared[0]} with its other instances")
        tier = "shared-arena"
    if image.image_base >= 0x8000_0000:
        report.traits.append(f"is linked for the shared area ({image.image_base:08X})")
        tier = "shared-arena"
    devices = _devices(image)
    calls = [need for need in report.needs if need.dll == "kernel32" and "VxDCall" in need.label]
    if devices or calls:
        report.traits.append("opens device drivers " + ", ".join(devices) if devices else "calls VxDs directly")
        tier = "vxd-calls"
    if "wow32" in dlls or any(_is_thunk(need) for need in report.needs):
        report.traits.append("calls 16-bit code")
        tier = "thunks"
    if report.tier != "dll":
        report.tier = tier


def _is_thunk(need: Need) -> bool:
    name = need.label.partition("(")[2].rstrip(")") or need.label
    return need.dll == "kernel32" and bool(_THUNK_NAMES.match(name))


def _devices(image: PeImage) -> list[str]:
    """Names of the form \\\\.\\NAME in the image's data."""
    names = {match[1].decode("ascii").upper() for match in _DEVICE_NAME.finditer(image.data)}
    return sorted(name for name in names if name not in _NOT_DEVICES)[:8]


def _judge(report: Report, image: PeImage) -> None:
    """Set `expected` and `reason`."""
    absent = len(report.missing)
    # A stub whose failure is Windows 98's own answer is no deviation.
    stubs = [need for need in report.needs if need.status == "stub" and "as on every Windows 9x" not in need.note]
    windows = [need for need in report.missing if _WINDOW_FUNCTIONS.match(need.label) and not need.by]
    report.expected, report.reason = "runs", "everything it imports is implemented"
    if report.missing_dlls:
        report.expected, report.reason = (
            "will not run",
            f"{report.missing_dlls[0]} is neither beside it nor part of Windows 98",
        )
    elif image.subsystem == 1:
        report.expected, report.reason = "will not run", "a driver or native NT program"
    elif windows and not image.is_console:
        report.expected, report.reason = "will not run", "it opens windows, which are not part of this version"
    elif report.tier == "thunks" and absent:
        report.expected, report.reason = "will not run", "it calls 16-bit code, which is not part of this version"
    elif report.packer:
        report.expected, report.reason = (
            "may run",
            f"packed with {report.packer}: what it really imports shows only when it runs",
        )
    elif absent:
        first = ", ".join(f"{need.dll}.{need.label}" for need in report.missing[:3])
        more = f" and {absent - 3} more" if absent > 3 else ""
        report.expected, report.reason = "may run", f"it ends if it calls {first}{more}"
    elif report.tier == "vxd-calls":
        report.expected, report.reason = "may run", "device drivers are not part of this version"
    elif stubs:
        names = ", ".join(f"{need.dll}.{need.label}" for need in stubs[:3]) + (", ..." if len(stubs) > 3 else "")
        report.expected, report.reason = "may run", f"stubs answer with a failure: {names}"
    if report.tier == "dll" and report.expected == "runs":
        report.reason = "a DLL; everything it imports is implemented"


__all__ = ["TIERS", "Need", "Report", "Tier", "Verdict", "examine"]
