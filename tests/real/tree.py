"""A folder of 300 files, the same on every machine: names, contents, time stamps."""

from __future__ import annotations

import os
import random
from pathlib import Path

FILES = 300
_FOLDERS = ("", "src", "src/deep/er/still", "Program Files", "Fähre", "a.b.c", "UPPER", "empty parent/child")
# Letters of Windows-1252 and of code page 437, so that ANSI, OEM and Unicode views of a name agree.
_ODD_NAMES = (
    "Grüße aus Köln.txt",
    "naïve café.dat",
    "two  spaces.txt",
    "ÆÅ.bin",
    "no extension",
    "a.tar.gz",
    "£10 - 5½.csv",
    "percent %PATH%.txt",
    "semi;colon.txt",
    "plus+and&.txt",
    "[brackets].txt",
    "~tilde$.tmp",
    "ÿ.ini",
)
_WORDS = ("arena", "selector", "thunk", "module", "heap", "page", "stub", "relay", "overlay", "handle")
EPOCH = 946_684_800  # 2000-01-01 00:00:00 UTC; even seconds, because zip keeps two-second stamps


def make_tree(root: Path) -> dict[str, bytes]:
    """Write the tree below `root`; returns path (with /) -> content. Folders without files exist too."""
    rng = random.Random(1998)
    made: dict[str, bytes] = {}
    for number in range(FILES):
        folder = _FOLDERS[number % len(_FOLDERS)]
        name = _ODD_NAMES[number] if number < len(_ODD_NAMES) else f"file{number:03d}.{('txt', 'bin', 'c')[number % 3]}"
        path = f"{folder}/{name}" if folder else name
        made[path] = _content(rng, number)
    for path, content in made.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    (root / "void/inner").mkdir(parents=True)
    deepest_first = sorted(root.rglob("*"), key=lambda p: (-len(p.parts), str(p)))
    for number, entry in enumerate(deepest_first):  # a folder after its children, whose writing changes its stamp
        stamp = EPOCH + 3600 * number
        os.utime(entry, (stamp, stamp))
    os.utime(root, (EPOCH, EPOCH))
    return made


def _content(rng: random.Random, number: int) -> bytes:
    if number % 23 == 5:
        return b""
    if number == 40:
        return b"The same line again and again.\r\n" * 65_536  # 2 MB that compress to nothing
    if number == 41:
        return rng.randbytes(2 * 1024 * 1024)  # 2 MB that do not compress at all
    if number % 3 == 0:
        return rng.randbytes(rng.randrange(1, 20_000))
    return "\r\n".join(" ".join(rng.choices(_WORDS, k=12)) for _ in range(rng.randrange(1, 200))).encode()


def read_tree(root: Path) -> dict[str, bytes]:
    """Path -> content of all files below `root`, as `make_tree` returns it."""
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}
