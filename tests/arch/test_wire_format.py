"""The wire format is pinned: changing a message means a new PROTOCOL_VERSION.

``python tests/arch/test_wire_format.py`` rewrites the lock; it refuses while the version is the locked one.
"""

from __future__ import annotations

import sys
from pathlib import Path

from w9x_arena import codec, messages

LOCK = Path(__file__).with_name("wire_format.lock")


def _now() -> str:
    return f"protocol {messages.PROTOCOL_VERSION}\n\n{codec.describe()}"


def test_wire_format_matches_its_lock() -> None:
    locked = LOCK.read_text(encoding="utf-8")
    if locked == _now():
        return
    same_version = locked.splitlines()[0] == f"protocol {messages.PROTOCOL_VERSION}"
    assert not same_version, "the wire format changed: raise PROTOCOL_VERSION, then run this file as a program"
    raise AssertionError("the lock is older than PROTOCOL_VERSION: run this file as a program")


def test_every_message_has_its_own_tag_and_describes_itself() -> None:
    lines = [line for line in codec.describe().splitlines() if not line.startswith(" ")]
    assert len(lines) == len(list(codec.message_types())) == len({line.split()[0] for line in lines})


def test_frozen_layouts_are_as_in_version_1() -> None:
    # Peers of different versions read these two before they know each other's version.
    assert codec.encode(messages.Error(messages.Code.VERSION, "x"), 5) == b"\x94\x00\x05\x03\xa1x"
    hello = messages.Hello(7, 1, "tool", 0, 0, "", "", "", "98")
    assert codec.encode(hello, 5)[1:4] == b"\x0a\x05\x07"


if __name__ == "__main__":
    if LOCK.exists() and LOCK.read_text().splitlines()[0] == f"protocol {messages.PROTOCOL_VERSION}":
        if LOCK.read_text() != _now():
            sys.exit("the wire format changed: raise PROTOCOL_VERSION first")
    LOCK.write_text(_now(), encoding="utf-8")
