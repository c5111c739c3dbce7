"""The guest's millisecond clock: GetTickCount, and the page from which guest code reads it."""

from __future__ import annotations

import struct
import time

from w9x_arena import layout

_store = struct.Struct("<I").pack_into


def tick_count() -> int:
    """GetTickCount: milliseconds since the host started, modulo 2**32."""
    return (time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000) & 0xFFFFFFFF


def update(ram: memoryview) -> None:
    """Write the present time into the clock page.

    Done by the ticker while guest code runs, and before each turn of a thread: a thread that slept 50 ms
    sees at least 50 ms pass.
    """
    _store(ram, layout.CLOCK_PAGE, tick_count())
