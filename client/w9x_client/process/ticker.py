"""The host thread that keeps the guest's clock page, ends turns, and passes signals and time-outs on.

It is the only thread beside the one that runs the guest. It touches guest memory only at the clock page, and
otherwise calls what is safe from any thread: `Engine.stop`, `Scheduler.later`.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import clock
from .scheduler import SLICE_SECONDS

if TYPE_CHECKING:
    from .process import Process

CLOCK_SECONDS = 0.004
"""How stale GetTickCount's clock page may be while guest code runs."""


class Ticker:
    """Start it with the process, close it at its end.

    Args:
        deadline: monotonic time at which ``on_deadline`` is called once, or None.
        on_signal: called in this thread with the number of each signal that arrived while the guest ran.
    """

    def __init__(
        self,
        process: Process,
        deadline: float | None,
        on_deadline: Callable[[], None],
        on_signal: Callable[[int], None],
    ) -> None:
        self._process = process
        self._deadline = deadline
        self._on_deadline = on_deadline
        self._on_signal = on_signal
        self._read, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="w9x-ticker", daemon=True)

    def start(self) -> None:
        """Begin to tick; signals are taken over from Python's own handling of wake-ups."""
        clock.update(self._process.mem.ram)
        if threading.current_thread() is threading.main_thread():
            signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._thread.start()

    def _run(self) -> None:
        poller = select.poll()
        poller.register(self._read, select.POLLIN)
        scheduler, engine = self._process.scheduler, self._process.engine
        slice_start = time.monotonic()
        while not self._stopped.is_set():
            if poller.poll(CLOCK_SECONDS * 1000):
                try:
                    numbers = os.read(self._read, 64)
                except BlockingIOError:
                    numbers = b""
                for number in numbers:
                    if number:
                        self._on_signal(number)
            clock.update(self._process.mem.ram)
            now = time.monotonic()
            if self._deadline is not None and now >= self._deadline:
                self._deadline = None
                self._on_deadline()
            if now - slice_start >= SLICE_SECONDS:
                slice_start = now
                if scheduler.contended or engine.needs_pause() or self._process.space.stale:
                    engine.stop()

    def close(self) -> None:
        """Stop ticking."""
        self._stopped.set()
        if threading.current_thread() is threading.main_thread():
            signal.set_wakeup_fd(-1)
        try:
            os.write(self._write, b"\0")
        except BlockingIOError:
            pass
        if self._thread.is_alive():
            self._thread.join()
        os.close(self._read)
        os.close(self._write)
