"""Recognises executable packers, installers and self-extracting archives by what they leave in a file.

Marks are names of sections, and signatures in the image or in the data behind it (the overlay). Sources: the tools'
own documentation and sources (UPX, NSIS, 7-Zip, Info-ZIP), and for the others the names that their output is publicly
known by.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .image import PeImage

OVERLAY_HEAD, TAIL = 0x2_0000, 0x1_0000
"""Bytes looked at behind the image and at the end of the file."""

_PACKER_SECTIONS = (
    (re.compile(r"^UPX[0-9!]"), "UPX"),
    (re.compile(r"^\.?(?:aspack|adata|ASPack)"), "ASPack"),
    (re.compile(r"^(?:\.ASPr|\.asprotect)", re.IGNORECASE), "ASProtect"),
    (re.compile(r"^(?:PEC2|pec[12]|PECompact)"), "PECompact"),
    (re.compile(r"^\.petite"), "Petite"),
    (re.compile(r"^\.?n?nsp[012]"), "NsPack"),
    (re.compile(r"^MEW"), "MEW"),
    (re.compile(r"^\.neolit", re.IGNORECASE), "NeoLite"),
    (re.compile(r"^\.?WWP32|^\.WWPACK"), "WWPack32"),
    (re.compile(r"^\.shrink"), "Shrinker"),
    (re.compile(r"^\.yP|^yC"), "Y0da's protector"),
    (re.compile(r"^(?:FSG!|\.FSG)"), "FSG"),
)
_INSTALLERS = (
    (re.compile(rb"\xef\xbe\xad\xdeNullsoftInst"), "NSIS"),
    (re.compile(rb"Nullsoft(?:\.NSIS| Install System)"), "NSIS"),
    (re.compile(rb"Inno Setup Setup Data|JR\.Inno\.Setup|rDlPt[S0][0-9\xcd]"), "Inno Setup"),
    (
        re.compile(
            rb"InstallShield (?:Self-Extracting|Setup Launcher)|ISSetupStream|InstallShield\(R\)"
            rb"|I\0n\0s\0t\0a\0l\0l\0S\0h\0i\0e\0l\0d"
        ),
        "InstallShield",
    ),
    (re.compile(rb"WiseMain|Wise Installation Wizard|Initializing Wise"), "Wise"),
    (re.compile(rb"WEXTRACT|wextract"), "cabinet self-extractor (WExtract)"),
)
_ARCHIVES = (
    (b"7z\xbc\xaf\x27\x1c", "7z self-extractor"),
    (b"PK\x03\x04", "zip self-extractor"),
    (b"Rar!\x1a\x07", "RAR self-extractor"),
    (b"MSCF\0\0\0\0", "cabinet self-extractor"),
)


@dataclass(frozen=True, slots=True)
class Identified:
    """What made the file what it is; '' where nothing is known."""

    packer: str
    installer: str


def identify(fd: int, image: PeImage) -> Identified:
    """Look at a program's sections, its image and the data behind it (through ``fd``)."""
    return Identified(_packer(image), _installer(fd, image))


def _packer(image: PeImage) -> str:
    for section in image.sections:
        for pattern, name in _PACKER_SECTIONS:
            if pattern.match(section.name):
                return name
    # UPX's own header stands in the first section's slack even where the sections were renamed.
    if b"UPX!" in image.data[:0x1000]:
        return "UPX"
    if b"PECompact2" in image.data[:0x1000]:
        return "PECompact"
    return ""


def _installer(fd: int, image: PeImage) -> str:
    end = max((section.raw_offset + section.raw_size for section in image.sections), default=0)
    size = os.fstat(fd).st_size
    overlay = os.pread(fd, OVERLAY_HEAD, end) if size > end else b""
    tail = os.pread(fd, TAIL, max(size - TAIL, end)) if overlay else b""
    if any(section.name.startswith(".ndata") for section in image.sections):
        return "NSIS"
    if any(section.name.upper().startswith(".WISE") for section in image.sections):
        return "Wise"
    for pattern, name in _INSTALLERS:
        if pattern.search(overlay) or pattern.search(tail) or pattern.search(image.data):
            return name
    if any(section.name == "_winzip_" for section in image.sections):
        return "zip self-extractor (WinZip)"
    # An archiver carries these signatures in its own code: only what lies behind the image counts.
    for mark, name in _ARCHIVES:
        if 0 <= overlay.find(mark) < 0x1000:
            return name
    return "zip self-extractor" if b"PK\x05\x06" in tail[-0x400:] else ""
