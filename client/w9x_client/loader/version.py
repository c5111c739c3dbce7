"""VS_VERSIONINFO resources: reading them (for VERSION.DLL) and writing them (for the system modules).

Format: Platform SDK, "VS_VERSIONINFO" and VS_FIXEDFILEINFO: nested blocks of {WORD length, WORD value length,
WORD type, UTF-16 key, padding to 4, value, padding to 4, children}. Offsets returned are bytes from the start
of the resource, so that a caller can hand out pointers into its copy. Damaged blocks yield None, never an
exception.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

RT_VERSION = 16
SIGNATURE = 0xFEEF04BD
MAX_BLOCKS = 4096
VOS_DOS_WINDOWS32 = 0x0001_0004
"""VOS_DOS | VOS__WINDOWS32: what 32-bit system files of Windows 9x carry."""
VFT_DLL = 2


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a version resource; offsets from the start of the resource."""

    key: str
    value: int
    value_size: int
    """Bytes of the value (text: characters counted as 2 bytes, whatever the linker wrote)."""
    is_text: bool
    children: int
    end: int


def _block(data: bytes, at: int, limit: int) -> Block | None:
    if at + 6 > limit:
        return None
    length, value_length, kind = struct.unpack_from("<HHH", data, at)
    end = at + length
    if length < 8 or end > limit:
        return None
    stop = at + 6
    while stop + 2 <= end and data[stop : stop + 2] != b"\0\0":
        stop += 2
    if stop + 2 > end:
        return None
    key = data[at + 6 : stop].decode("utf-16-le", "replace")
    value = min((stop + 2 + 3) & ~3, end)
    size = min(value_length * (2 if kind == 1 else 1), end - value)
    return Block(key, value, size, kind == 1, min((value + size + 3) & ~3, end), end)


def _children(data: bytes, parent: Block) -> Iterator[Block]:
    at = parent.children
    for _ in range(MAX_BLOCKS):
        block = _block(data, at, parent.end)
        if block is None:
            return
        yield block
        at = (block.end + 3) & ~3


def root(data: bytes) -> Block | None:
    """The VS_VERSION_INFO block, or None where ``data`` is none."""
    block = _block(data, 0, len(data))
    return block if block is not None and block.key == "VS_VERSION_INFO" else None


def query(data: bytes, path: str) -> Block | None:
    """VerQueryValue: the block at ``path``; keys are compared without regard to case.

    Paths: ``\\``, ``\\VarFileInfo\\Translation``, ``\\StringFileInfo\\040904E4\\Name``.
    """
    block = root(data)
    for part in path.split("\\"):
        if block is None:
            return None
        if part:
            wanted = part.lower()
            block = next((child for child in _children(data, block) if child.key.lower() == wanted), None)
    return block


def fixed_info(data: bytes) -> tuple[int, ...] | None:
    """The 13 dwords of VS_FIXEDFILEINFO, signature first, or None."""
    block = root(data)
    if block is None or block.value_size < 52:
        return None
    fields = struct.unpack_from("<13I", data, block.value)
    return fields if fields[0] == SIGNATURE else None


# --- writing -------------------------------------------------------------------------
def _pack(key: str, value: bytes, value_length: int, kind: int, children: bytes = b"") -> bytes:
    body = key.encode("utf-16-le") + b"\0\0"
    body += bytes(-(6 + len(body)) % 4) + value
    if children:
        body += bytes(-(6 + len(body)) % 4) + children
    return struct.pack("<HHH", 6 + len(body), value_length, kind) + body


def _join(blocks: list[bytes]) -> bytes:
    return b"".join(block + bytes(-len(block) % 4) for block in blocks)


def build(numbers: tuple[int, int, int, int], strings: Mapping[str, str], *, file_type: int = VFT_DLL) -> bytes:
    """A VS_VERSIONINFO resource: US English, code page 1252 (040904E4)."""
    high, low = numbers[0] << 16 | numbers[1], numbers[2] << 16 | numbers[3]
    fixed = struct.pack(
        "<13I", SIGNATURE, 0x10000, high, low, high, low, 0x3F, 0, VOS_DOS_WINDOWS32, file_type, 0, 0, 0
    )
    entries = [
        _pack(key, (text + "\0").encode("utf-16-le"), len(text) + 1, 1) for key, text in strings.items()
    ]
    table = _pack("040904E4", b"", 0, 1, _join(entries))
    string_info = _pack("StringFileInfo", b"", 0, 1, table)
    translation = _pack("Translation", struct.pack("<HH", 0x409, 1252), 4, 0)
    var_info = _pack("VarFileInfo", b"", 0, 1, translation)
    return _pack("VS_VERSION_INFO", fixed, len(fixed), 0, _join([string_info, var_info]))
