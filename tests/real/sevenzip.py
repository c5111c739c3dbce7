"""What the 7-Zip tests do, in one place: the commands, and the text each printed on the reference.

`python -m tests.real.sevenzip` with W9X_TEST_RUNNER set runs the commands on a reference implementation and rewrites
`expected/`. The provenance file beside the texts says which one.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.guest.run import Runner, shown
from tests.real.programs import seven_zip
from tests.real.tree import make_tree

EXPECTED = Path(__file__).resolve().parent / "expected"
KINDS = ("7z", "zip")
STEPS = ("create", "list", "test", "extract")
# One thread and the fastest level: the result is the same on every machine, and the engine's speed is bench's subject.
_ARGS = {
    "create": ["a", "-t{kind}", "-mx1", "-mmt1", "out.{kind}", ".\\tree\\*"],
    "list": ["l", "out.{kind}"],
    "test": ["t", "out.{kind}"],
    "extract": ["x", "-oback-{kind}", "out.{kind}"],
}
TIMEOUT = 300.0


@dataclass
class Session:
    """A folder with the tree, and the guest's 7za run in it."""

    runner: Runner
    folder: Path
    content: dict[str, bytes]
    printed: dict[str, str] = field(default_factory=dict)

    @classmethod
    def start(cls, runner: Runner, folder: Path) -> Session:
        (folder / "tree").mkdir()
        return cls(runner, folder, make_tree(folder / "tree"))

    def run(self, *args: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """7za with these arguments, in the session's folder."""
        return self.runner.run(seven_zip().exe, args, stdin=stdin, cwd=self.folder, timeout=TIMEOUT)

    def step(self, step: str, kind: str) -> str:
        """One of STEPS; its output as text. Fails when the exit code is not 0."""
        done = self.run(*(arg.format(kind=kind) for arg in _ARGS[step]))
        assert done.returncode == 0, shown(done)
        return done.stdout.decode("cp437").replace("\r\n", "\n")


def expected(step: str, kind: str) -> str:
    """What the reference printed."""
    return (EXPECTED / f"7za-{step}-{kind}.txt").read_text(encoding="utf-8")


def listing_order_free(text: str) -> list[str]:
    """The lines of a listing, entries sorted: zip keeps the order in which the file system names the files."""
    return sorted(text.splitlines())


def record() -> None:
    """Write the expected texts from the reference implementation that W9X_TEST_RUNNER names."""
    runner = Runner()
    if not runner.is_reference:
        raise SystemExit("set W9X_TEST_RUNNER to the command of a reference implementation")
    folder = Path(tempfile.mkdtemp())
    try:
        session = Session.start(runner, folder)
        for kind in KINDS:
            for step in STEPS:
                (EXPECTED / f"7za-{step}-{kind}.txt").write_text(session.step(step, kind), encoding="utf-8")
        digest = hashlib.sha256((folder / "out.7z").read_bytes()).hexdigest()
        (EXPECTED / "7za-archive-7z.sha256").write_text(digest + "\n", encoding="ascii")
    finally:
        shutil.rmtree(folder)
        runner.stop()


if __name__ == "__main__":
    record()
