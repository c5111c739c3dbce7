"""Windows code pages: guest bytes <-> Python text.

Undefined bytes of a single-byte page map to the C1 control or private character Windows uses, so that every byte string
survives the round trip (Windows' own best-fit tables do the same for cp1252: 81 8D 8F 90 9D).
"""

from __future__ import annotations

import codecs
from functools import lru_cache

_NAMES = {
    0: "cp1252", 1: "cp437", 874: "cp874", 932: "cp932", 936: "gbk", 949: "cp949", 950: "cp950", 1361: "johab",
    65000: "utf-7", 65001: "utf-8", 20127: "ascii", 28591: "iso8859-1", 20866: "koi8-r",
}  # fmt: skip


def _undefined_to_c1(error: UnicodeError) -> tuple[str, int]:
    if isinstance(error, UnicodeDecodeError):
        return "".join(chr(b) for b in error.object[error.start : error.end]), error.end
    raise error


def _c1_to_byte(error: UnicodeError) -> tuple[bytes, int]:
    if isinstance(error, UnicodeEncodeError):
        bad = error.object[error.start : error.end]
        return bytes(ord(c) if 0x80 <= ord(c) <= 0x9F else 0x3F for c in bad), error.end
    raise error


codecs.register_error("w9x-decode", _undefined_to_c1)
codecs.register_error("w9x-encode", _c1_to_byte)


@lru_cache(maxsize=64)
def codec_name(page: int) -> str | None:
    """Python's codec for a Windows code page number, or None where there is none."""
    name = _NAMES.get(page, f"cp{page}")
    try:
        return codecs.lookup(name).name
    except LookupError:
        return None


def decode(data: bytes, page: int) -> str:
    """Text of ``data`` in code page ``page``; unknown pages are read as Latin-1."""
    return data.decode(codec_name(page) or "latin-1", "w9x-decode")


def encode(text: str, page: int) -> bytes:
    """``text`` in code page ``page``; what the page lacks becomes '?', as WideCharToMultiByte's default does."""
    return text.encode(codec_name(page) or "latin-1", "w9x-encode")
