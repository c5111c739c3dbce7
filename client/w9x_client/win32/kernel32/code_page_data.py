"""Code pages as Windows converts them: tables over Python's codecs, without any guest memory.

`abi.codepage` serves text parameters and never fails; this module serves the programs that convert explicitly and want
to know what failed. A page is looked up with `find_page`; `CodePage.decode` and `CodePage.encode` work in 16-bit units,
as Windows does.

Sources: MultiByteToWideChar, WideCharToMultiByte and GetCPInfo in the Platform SDK; the code page tables and the
best-fit tables that Microsoft published at unicode.org (Public/MAPPINGS/VENDORS/MICSFT).
"""

from __future__ import annotations

import codecs
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache

CP_ACP, CP_OEMCP, CP_MACCP, CP_THREAD_ACP, CP_SYMBOL, CP_UTF7, CP_UTF8 = 0, 1, 2, 3, 42, 65000, 65001

_CODECS = {
    37: "cp037", 437: "cp437", 500: "cp500", 737: "cp737", 775: "cp775", 850: "cp850", 852: "cp852", 855: "cp855",
    857: "cp857",
    860: "cp860", 861: "cp861", 862: "cp862", 863: "cp863", 864: "cp864", 865: "cp865", 866: "cp866", 869: "cp869",
    874: "cp874",
    875: "cp875", 932: "cp932", 936: "gbk", 949: "cp949", 950: "cp950", 1026: "cp1026", 1250: "cp1250", 1251: "cp1251",
    1252: "cp1252",
    1253: "cp1253", 1254: "cp1254", 1255: "cp1255", 1256: "cp1256", 1257: "cp1257", 1258: "cp1258", 1361: "johab",
    10000: "mac_roman",
    10006: "mac_greek", 10007: "mac_cyrillic", 10029: "mac_latin2", 10079: "mac_iceland", 10081: "mac_turkish",
    20127: "ascii", 20866: "koi8_r", 28591: "latin_1", 28592: "iso8859_2", 65000: "utf_7", 65001: "utf_8",
}  # fmt: skip
"""The pages of Windows 98 (KB Q165478 and the registry's list under Control\\Nls\\CodePage) that Python has a codec
for.
"""

_LEAD_RANGES = {
    932: (0x81, 0x9F, 0xE0, 0xFC),
    936: (0x81, 0xFE),
    949: (0x81, 0xFE),
    950: (0x81, 0xFE),
    1361: (0x84, 0xD3, 0xD8, 0xDE, 0xE0, 0xF9),
}
"""GetCPInfo's LeadByte pairs (SDK: code page tables)."""

_NAMES = {
    37: "IBM EBCDIC - U.S./Canada", 437: "OEM - United States", 500: "IBM EBCDIC - International",
    737: "OEM - Greek 437G",
    775: "OEM - Baltic", 850: "OEM - Multilingual Latin I", 852: "OEM - Latin II", 855: "OEM - Cyrillic",
    857: "OEM - Turkish",
    860: "OEM - Portuguese", 861: "OEM - Icelandic", 863: "OEM - Canadian French", 865: "OEM - Nordic",
    866: "OEM - Russian",
    869: "OEM - Modern Greek", 874: "ANSI/OEM - Thai", 932: "ANSI/OEM - Japanese Shift-JIS",
    936: "ANSI/OEM - Simplified Chinese GBK", 949: "ANSI/OEM - Korean", 950: "ANSI/OEM - Traditional Chinese Big5",
    1250: "ANSI - Central Europe", 1251: "ANSI - Cyrillic", 1252: "ANSI - Latin I", 1253: "ANSI - Greek",
    1254: "ANSI - Turkish",
    1255: "ANSI - Hebrew", 1256: "ANSI - Arabic", 1257: "ANSI - Baltic", 1258: "ANSI/OEM - Viet Nam",
    10000: "MAC - Roman",
    65000: "UTF-7", 65001: "UTF-8",
}  # fmt: skip

_BEST_FIT = {
    "\u00a4": "\x0f", "\u00a6": "\u258c|", "\u00a7": "\x15", "\u00a8": '"', "\u00a9": "c", "\u00ab": "<", "\u00ad": "-",
    "\u00ae": "r", "\u00af": "_", "\u00b4": "'", "\u00b6": "\x14", "\u00b7": ".", "\u00b8": ",", "\u00bb": ">",
    "\u00be": "_", "\u00c6": "A", "\u00d0": "D", "\u00d7": "x", "\u00d8": "O", "\u00de": "_", "\u00e6": "a",
    "\u00f0": "d",
    "\u00f8": "o", "\u00fe": "_", "\u0110": "\u00d0D", "\u0111": "d", "\u0126": "H", "\u0127": "h", "\u0131": "i",
    "\u0141": "L", "\u0142": "l", "\u0152": "O", "\u0153": "o", "\u0166": "T", "\u0167": "t", "\u0180": "b",
    "\u02c6": "^",
    "\u02dc": "~", "\u2000": " ", "\u2001": " ", "\u2002": " ", "\u2003": " ", "\u2004": " ", "\u2005": " ",
    "\u2006": " ", "\u2010": "-", "\u2011": "-", "\u2013": "-", "\u2014": "-", "\u2017": "=", "\u2018": "'",
    "\u2019": "'",
    "\u201a": ",", "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u2020": "+", "\u2022": "\x07", "\u2024": "\u00b7",
    "\u2026": ".", "\u2030": "%", "\u2032": "'", "\u2035": "`", "\u2039": "<", "\u203a": ">", "\u2044": "/",
    "\u2122": "T",
    "\u2212": "-", "\u2215": "/", "\u2216": "\\", "\u2217": "*", "\u2223": "|", "\u2236": ":", "\u223c": "~",
    "\u2190": "<", "\u2192": ">", "\u2191": "^", "\u2193": "v", "\u2502": "\u00a6|", "\u2500": "-", "\u2588": "\u00a6",
    "\u017f": "",
}  # fmt: skip
"""Substitutes of bestfit1252.txt and bestfit437.txt that no decomposition yields, in the order they are tried."""

_PRIVATE = {
    857: {0xD5: 0xF8BB, 0xE7: 0xF8BC, 0xF2: 0xF8BD},
    874: {
        0xDB: 0xF8C1,
        0xDC: 0xF8C2,
        0xDD: 0xF8C3,
        0xDE: 0xF8C4,
        0xFC: 0xF8C5,
        0xFD: 0xF8C6,
        0xFE: 0xF8C7,
        0xFF: 0xF8C8,
    },
    1253: {0xAA: 0xF8F9, 0xD2: 0xF8FA, 0xFF: 0xF8FB},
}
"""Bytes without a character that Windows maps to the private use area; elsewhere such a byte is its own number."""

_GLYPHS = (
    "\0\u263a\u263b\u2665\u2666\u2663\u2660\u2022\u25d8\u25cb\u25d9\u2642\u2640\u266a\u266b\u263c"
    "\u25ba\u25c4\u2195\u203c\u00b6\u00a7\u25ac\u21a8\u2191\u2193\u2192\u2190\u221f\u2194\u25b2\u25bc"
)
"""What the control codes of an OEM page look like on a PC's screen (MB_USEGLYPHCHARS)."""


@dataclass(frozen=True, slots=True)
class CodePage:
    """One installed code page."""

    number: int
    codec: str
    lead: tuple[int, ...] = ()
    """Pairs of first and last lead byte, as GetCPInfo returns them; empty for a single-byte page."""
    _single: str = ""
    """The 256 characters of a single-byte page."""
    _reverse: dict[str, int] = field(default_factory=dict)

    @property
    def max_char_size(self) -> int:
        """Longest character in bytes (CPINFO.MaxCharSize)."""
        if self.number in (CP_UTF7, CP_UTF8):
            return 5 if self.number == CP_UTF7 else 4
        return 2 if self.lead else 1

    @property
    def title(self) -> str:
        """CPINFOEX.CodePageName."""
        return f"{self.number:<5} ({_NAMES.get(self.number, 'OEM')})"

    @property
    def algorithmic(self) -> bool:
        """UTF-7 or UTF-8, for which most flags and the default character are refused."""
        return self.number in (CP_UTF7, CP_UTF8)

    def is_lead(self, byte: int) -> bool:
        """Whether ``byte`` starts a two-byte character."""
        lead = self.lead
        return any(lead[i] <= byte <= lead[i + 1] for i in range(0, len(lead), 2))

    def decode(self, data: bytes, strict: bool = False) -> bytes:
        """UTF-16LE of ``data``; an undefined character becomes the page's default, or UnicodeError when ``strict``.

        Invalid UTF-8 is dropped, as Windows before Vista did.
        """
        if data.isascii() and self.number not in (37, 500, 875, 1026, CP_UTF7):
            return data.decode("ascii").encode("utf-16-le")
        if self._single:
            table = self._single
            text = "".join([table[b] for b in data])
        elif self.algorithmic:
            text = data.decode(self.codec, "strict" if strict else "ignore")
        else:
            text = self._decode_double(data, strict)
        return text.encode("utf-16-le", "surrogatepass")

    def _decode_double(self, data: bytes, strict: bool) -> str:
        parts: list[str] = []
        at, end = 0, len(data)
        while at < end:
            byte = data[at]
            size = 2 if self.is_lead(byte) and at + 1 < end and data[at + 1] else 1
            piece = data[at : at + size]
            try:
                parts.append(piece.decode(self.codec))
            except UnicodeDecodeError:
                if strict:
                    raise
                parts.append(chr(byte) if size == 1 and byte < 0xA1 else "?" if size == 1 else "\u30fb")
            at += size
        return "".join(parts)

    def encode(self, units: bytes, default: bytes = b"?", best_fit: bool = True) -> tuple[bytes, bool]:
        """Bytes for the UTF-16LE ``units``, and whether ``default`` stood in for any of them."""
        text = units.decode("utf-16-le", "surrogatepass")
        if self.algorithmic:
            return text.encode(self.codec, "surrogatepass" if self.number == CP_UTF8 else "replace"), False
        try:
            if text.isascii() and self.number not in (37, 500, 875, 1026):
                return text.encode("ascii"), False
            return text.encode(self.codec), False
        except UnicodeEncodeError:
            pass
        out = bytearray()
        missing = False
        for char in text:
            data = self._encode_char(char, best_fit)
            if data is None:
                missing = True
                data = default * (2 if ord(char) > 0xFFFF else 1)
            out += data
        return bytes(out), missing

    def _encode_char(self, char: str, best_fit: bool) -> bytes | None:
        direct = self._direct(char)
        if direct is not None or not best_fit:
            return direct
        substitutes = _BEST_FIT.get(char)
        if substitutes is not None:
            return next((data for data in map(self._direct, substitutes) if data is not None), None)
        plain = unicodedata.normalize("NFKD", char)
        if plain[0] not in (char, " ") and all(unicodedata.combining(c) for c in plain[1:]):
            return self._direct(plain[0])
        return None

    def _direct(self, char: str) -> bytes | None:
        if self._single:
            byte = self._reverse.get(char)
            return None if byte is None else bytes([byte])
        try:
            return char.encode(self.codec)
        except UnicodeEncodeError:
            return char.encode("latin-1") if "\x80" <= char <= "\xa0" else None


def _single_byte(number: int, codec: str) -> str:
    """The 256 characters of a page; what the codec leaves undefined is as `_PRIVATE` says."""
    private = _PRIVATE.get(number, {})
    return "".join(bytes([b]).decode(codec, "replace").replace("\ufffd", chr(private.get(b, b))) for b in range(256))


@lru_cache(maxsize=64)
def find_page(number: int) -> CodePage | None:
    """The code page ``number`` (a real one, not CP_ACP), or None where it is not installed."""
    name = _CODECS.get(number)
    if name is None:
        return None
    lead = _LEAD_RANGES.get(number, ())
    if lead or number in (CP_UTF7, CP_UTF8):
        return CodePage(number, codecs.lookup(name).name, lead)
    table = _single_byte(number, name)
    return CodePage(number, codecs.lookup(name).name, (), table, {c: b for b, c in reversed(list(enumerate(table)))})


def page_numbers() -> list[int]:
    """Every installed code page, ascending (EnumSystemCodePages)."""
    return sorted(_CODECS)


def glyphs(units: bytes) -> bytes:
    """UTF-16LE ``units`` with control characters replaced by their screen glyphs (MB_USEGLYPHCHARS)."""
    text = units.decode("utf-16-le", "surrogatepass")
    return text.translate({**dict(enumerate(_GLYPHS)), 0x7F: "\u2302"}).encode("utf-16-le", "surrogatepass")
