"""Guest routines: exports that run as guest code and never leave the guest.

The sources are in ``client/guestcode``; a build with a C compiler packs them into ``guestcode.bin``. Without it every
export is answered by its Python handler, which is each routine's tested reference.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_FILE = Path(__file__).with_name("guestcode.bin")


@dataclass(frozen=True, slots=True)
class Routine:
    """Position-independent code, and the offsets of its rel32 jumps to the export's ordinary stub."""

    code: bytes
    slow_paths: tuple[int, ...]

    def placed(self, at: int, stub: int) -> bytes:
        """The code as it stands at ``at`` with its stub at ``stub`` (both offsets in one section)."""
        code = bytearray(self.code)
        for offset in self.slow_paths:
            code[offset : offset + 4] = ((stub - (at + offset + 4)) & 0xFFFFFFFF).to_bytes(4, "little")
        return bytes(code)


def enabled() -> bool:
    """Whether guest routines are built and not switched off (W9X_NO_GUEST_CODE, for tests of the handlers)."""
    return not os.environ.get("W9X_NO_GUEST_CODE") and _FILE.exists()


def identity() -> str:
    """Changes when the routines do; part of a system module's fingerprint."""
    if not enabled():
        return "none"
    stat = _FILE.stat()
    return f"{stat.st_size}:{stat.st_mtime_ns}"


@lru_cache(maxsize=1)
def _routines() -> dict[str, Routine]:
    import msgpack  # type: ignore[import-untyped]  # it has no annotations

    packed = msgpack.unpackb(_FILE.read_bytes())
    return {name: Routine(bytes(code), tuple(slow)) for name, (code, slow) in packed.items()}


def lookup(symbol: str) -> Routine | None:
    """The routine of that name, or None where it is not built."""
    return _routines().get(symbol) if enabled() else None
