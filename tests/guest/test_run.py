"""The runner: what it starts, it ends."""

from __future__ import annotations

import subprocess
import sys

from tests.guest.run import Runner


def test_a_process_that_outlives_its_world_is_ended_with_it() -> None:
    world = Runner()
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], env=world.env)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    world.stop()
    try:
        if not world.is_reference:
            assert sleeper.wait(timeout=10) == -9
        assert stranger.poll() is None
    finally:
        for process in (sleeper, stranger):
            process.kill()
            process.wait()
    assert not world.folder.exists()
