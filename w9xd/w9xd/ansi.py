"""Windows code page 1252 as Windows converts it: all 256 bytes map to characters and back.

Python's cp1252 rejects the five unassigned bytes (81, 8D, 8F, 90, 9D); Windows maps them to the C1 controls of
the same number (Microsoft's bestfit1252 table), so every byte string survives the round trip.
"""

from __future__ import annotations

import codecs

_DECODING = "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(256))
_ENCODING = codecs.charmap_build(_DECODING)


def decode(data: bytes) -> str:
    """Text of ANSI bytes; never fails."""
    return codecs.charmap_decode(data, "strict", _DECODING)[0]


def encode(text: str) -> bytes:
    """ANSI bytes of a text. Raises UnicodeEncodeError for characters outside the code page."""
    return codecs.charmap_encode(text, "strict", _ENCODING)[0]
