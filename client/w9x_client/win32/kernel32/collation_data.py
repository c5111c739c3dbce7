"""How Windows orders, classifies and maps characters: pure functions over text.

The order is Windows' default table: script members ("primary" weights) decide first, then diacritics, then case (lower
before upper), then, in a word sort, hyphens and apostrophes. The weights of ASCII and the sort key layout are those
the SDK documents with LCMapString and that every Windows from 95 to XP produces; accented Latin, Greek and Cyrillic
letters are ordered by decomposition (unicodedata). Characters outside these sort by code point after the letters.

Interface: `compare`, `sort_key`, `upper`, `lower`, `ctype1..3`, `fold`. Callers pass flags unchecked; `collation`
checks them.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

NORM_IGNORECASE = 0x1
NORM_IGNORENONSPACE = 0x2
NORM_IGNORESYMBOLS = 0x4
SORT_STRINGSORT = 0x1000
NORM_IGNOREKANATYPE = 0x10000
NORM_IGNOREWIDTH = 0x20000

_SPECIAL = {"'": 0x80, "-": 0x82, "\u00ad": 0x81, "\u2010": 0x83, "\u2011": 0x84}
"""Weightless in a word sort until everything else is equal; script member 6."""

_PUNCTUATION = {
    " ": 0x0702, "\u00a0": 0x0704, "!": 0x071C, '"': 0x071D, "#": 0x071F, "%": 0x0721, "&": 0x0723, "(": 0x0727,
    ")": 0x072A,
    "*": 0x072D, ",": 0x072F, ".": 0x0733, "/": 0x0735, ":": 0x0737, ";": 0x0739, "?": 0x073C, "@": 0x073E, "[": 0x0740,
    "\\": 0x0741, "]": 0x0742, "^": 0x0743, "_": 0x0744, "`": 0x0748, "{": 0x074A, "|": 0x074C, "}": 0x074E,
    "~": 0x0751,
    "+": 0x0803, "<": 0x080E, "=": 0x0812, ">": 0x0814, "$": 0x0720, "'": 0x0680, "-": 0x0682,
    "\u00a2": 0x0760, "\u00a3": 0x0761, "\u00a4": 0x0762, "\u00a5": 0x0763, "\u20ac": 0x0764,
    "\u00bc": 0x0C08, "\u00bd": 0x0C10, "\u00be": 0x0C18, "\t": 0x0705, "\n": 0x0706, "\v": 0x0707, "\f": 0x0708,
    "\r": 0x0709,
}  # fmt: skip
"""Primary weights: script member (6 special, 7 punctuation, 8 operators, 0C digits) and alphabetic weight."""

_DIGITS = (0x0C03, 0x0C21, 0x0C33, 0x0C46, 0x0C58, 0x0C6A, 0x0C7C, 0x0C8D, 0x0C9E, 0x0CAF)
_LATIN = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz",
        (
            0x02, 0x09, 0x0A, 0x1A, 0x21, 0x23, 0x25, 0x2C, 0x32, 0x35, 0x36, 0x48, 0x51,
            0x70, 0x7C, 0x7E, 0x89, 0x8A, 0x91, 0x99, 0x9F, 0xA2, 0xA4, 0xA6, 0xA7, 0xA9,
        ),
        strict=True,
    )
)  # fmt: skip
"""Alphabetic weights in script member 0E."""
_EXPANSIONS = {
    "\u00df": "ss",
    "\u00e6": "ae",
    "\u00c6": "AE",
    "\u0153": "oe",
    "\u0152": "OE",
    "\u00fe": "th",
    "\u00de": "TH",
}
_STROKED = {
    "\u00f8": "o",
    "\u00d8": "O",
    "\u0142": "l",
    "\u0141": "L",
    "\u0111": "d",
    "\u0110": "D",
    "\u00f0": "d",
    "\u00d0": "D",
}
_MARKS = {
    0x301: 0x0E, 0x300: 0x0F, 0x307: 0x10, 0x302: 0x12, 0x308: 0x13, 0x30C: 0x14, 0x306: 0x15, 0x304: 0x17, 0x303: 0x19,
    0x30A: 0x1A, 0x328: 0x1B, 0x327: 0x1C, 0x30B: 0x1D,
}  # fmt: skip
"""Diacritic weights added to the base weight 2."""
_STROKE = 0x2F
_PLAIN, _UPPER = 0x02, 0x12
"""Diacritic and case weight of an unmarked character, and case weight of a capital."""

Weights = tuple[int, int, int, int]
"""(primary, diacritic, case, special): primary 0 for a weightless character; special non-zero only for - and '."""


@lru_cache(maxsize=4096)
def _weights(char: str) -> tuple[Weights, ...]:
    """The weights of one character; more than one tuple for an expansion such as ss for sharp s."""
    special = _SPECIAL.get(char)
    if special is not None:
        return ((0x0600 | special, _PLAIN, _PLAIN, special),)
    primary = _PUNCTUATION.get(char)
    if primary is not None:
        return ((primary, _PLAIN, _PLAIN, 0),)
    expansion = _EXPANSIONS.get(char)
    if expansion is not None:
        return tuple(w for c in expansion for w in _weights(c))
    stroked = _STROKED.get(char)
    base, diacritic = (stroked, _STROKE) if stroked else (char, 0)
    width = 0
    if not stroked:
        parts = unicodedata.normalize("NFKD", char)
        base = parts[0] if parts else char
        if len(base) == 1 and base != char and not unicodedata.combining(base) and len(parts) > 1:
            for mark in parts[1:]:
                if not unicodedata.combining(mark):
                    return tuple(w for c in parts for w in _weights(c))
                diacritic += _MARKS.get(ord(mark), 0x30)
        elif base != char and len(parts) == 1:
            width = 1
    code = ord(base)
    if unicodedata.combining(base):
        return ((0, _MARKS.get(code, 0x30), 0, 0),)
    lower = base.lower()
    case = _UPPER if len(lower) == 1 and lower != base else _PLAIN
    if width:
        case += 1
    category = unicodedata.category(base)
    if lower in _LATIN:
        primary = 0x0E00 | _LATIN[lower]
    elif category == "Nd":
        primary = _DIGITS[unicodedata.decimal(base)]
    elif category in ("Cc", "Cf"):
        return ((0, 0, 0, 0),)
    elif category[0] in "PSZ":
        primary = _rare(0x09, ord(char))
    else:
        primary = _rare(0x20, ord(lower) if len(lower) == 1 else code)
    return ((primary, _PLAIN + diacritic if diacritic else _PLAIN, case, 0),)


def _rare(script: int, code: int) -> int:
    """A four-byte weight in code point order whose bytes are all above 1, as a sort key needs."""
    high, low = divmod(code, 254)
    return script << 24 | (high // 254 + 2) << 16 | (high % 254 + 2) << 8 | (low + 2)


def _keys(text: str, flags: int) -> tuple[list[int], list[int], list[int], list[tuple[int, int]]]:
    primary: list[int] = []
    diacritic: list[int] = []
    case: list[int] = []
    special: list[tuple[int, int]] = []
    word = not flags & SORT_STRINGSORT
    for char in text:
        for first, second, third, extra in _weights(char):
            if flags & NORM_IGNORESYMBOLS and first and _is_symbol(first):
                continue
            if extra and word:
                special.append((len(primary), extra))
                continue
            if not first:
                if second and diacritic:
                    diacritic[-1] += second
                continue
            primary.append(_order(first))
            diacritic.append(second)
            case.append(third)
    return primary, diacritic, case, special


def _order(primary: int) -> int:
    """Weights of four bytes (rare scripts, rare symbols) and of two on one scale."""
    return primary if primary > 0xFFFF else primary << 16


def _is_symbol(primary: int) -> bool:
    script = primary >> 24 if primary > 0xFFFF else primary >> 8
    return script < 0x0C


def compare(first: str, second: str, flags: int = 0) -> int:
    """-1, 0 or 1: Windows' order of two texts."""
    if first == second:
        return 0
    a, b = _keys(first, flags), _keys(second, flags)
    if a[0] != b[0]:
        return -1 if a[0] < b[0] else 1
    if not flags & NORM_IGNORENONSPACE and a[1] != b[1]:
        return -1 if a[1] < b[1] else 1
    if not flags & NORM_IGNORECASE and a[2] != b[2]:
        return -1 if a[2] < b[2] else 1
    if not flags & NORM_IGNORESYMBOLS and a[3] != b[3]:
        return _compare_special(a[3], b[3])
    return 0


def _compare_special(a: list[tuple[int, int]], b: list[tuple[int, int]]) -> int:
    """ "co-op" sorts after "coop": fewer specials first, then by place and weight."""
    for x, y in zip(a, b, strict=False):
        if x != y:
            return -1 if x < y else 1
    return -1 if len(a) < len(b) else 1


def sort_key(text: str, flags: int = 0) -> bytes:
    """LCMAP_SORTKEY's bytes: primary 01 diacritic 01 case 01 (extra) 01 special 00; trailing default weights are left
    out.
    """
    primary, diacritic, case, special = _keys(text, flags)
    out = bytearray()
    for weight in primary:
        out += (weight >> 16).to_bytes(2, "big") if not weight & 0xFFFF else weight.to_bytes(4, "big")
    out.append(1)
    if not flags & NORM_IGNORENONSPACE:
        out += _trimmed(diacritic)
    out.append(1)
    if not flags & NORM_IGNORECASE:
        out += _trimmed(case)
    out += b"\1\1"
    if not flags & NORM_IGNORESYMBOLS:
        for place, weight in special:
            position = min(0x8000 + 4 * place + 7, 0xFFFF)
            out += position.to_bytes(2, "big") + bytes((6, weight))
    out.append(0)
    return bytes(out)


def _trimmed(weights: list[int]) -> bytes:
    data = bytes(min(w, 0xFF) for w in weights)
    return data.rstrip(bytes((_PLAIN,)))


def upper(text: str) -> str:
    """Capitals, one character for one (no expansion of sharp s)."""
    if text.isascii():
        return text.upper()
    return "".join(c if len(u := c.upper()) != 1 or c in "\u00b5\u0131\u017f" else u for c in text)


def lower(text: str) -> str:
    """Small letters, one character for one."""
    if text.isascii():
        return text.lower()
    return "".join(c if len(small := c.lower()) != 1 or c == "\u0130" else small for c in text)


C1_UPPER, C1_LOWER, C1_DIGIT, C1_SPACE, C1_PUNCT, C1_CNTRL, C1_BLANK, C1_XDIGIT, C1_ALPHA = (1 << n for n in range(9))


_LETTER_SIGN = C1_LOWER | C1_ALPHA | C1_PUNCT
_CTYPE1 = {
    "\u00aa": _LETTER_SIGN, "\u00b5": _LETTER_SIGN, "\u00ba": _LETTER_SIGN, "\u00ad": C1_PUNCT | C1_CNTRL,
    "\u00b2": C1_DIGIT | C1_PUNCT, "\u00b3": C1_DIGIT | C1_PUNCT, "\u00b9": C1_DIGIT | C1_PUNCT,
    "\u02dc": 0, "\u20ac": 0, "\u2122": 0,
}  # fmt: skip
"""Where Windows differs from what the Unicode category suggests (measured on the reference with GetStringTypeA)."""


@lru_cache(maxsize=4096)
def ctype1(char: str) -> int:
    """CT_CTYPE1: the POSIX classes of one character."""
    if char in "\t\n\v\f\r":
        return C1_CNTRL | C1_SPACE | (C1_BLANK if char == "\t" else 0)
    if char in " \u00a0":
        return C1_SPACE | C1_BLANK
    known = _CTYPE1.get(char)
    if known is not None:
        return known
    category = unicodedata.category(char)
    if category in ("Cc", "Cf"):
        return C1_SPACE | C1_CNTRL if char == "\x85" else C1_CNTRL
    if category == "Nd":
        return C1_DIGIT | (C1_XDIGIT if char.isascii() else 0)
    if category == "Lu":
        return C1_UPPER | C1_ALPHA | (C1_XDIGIT if "A" <= char <= "F" else 0)
    if category == "Ll":
        return C1_LOWER | C1_ALPHA | (C1_XDIGIT if "a" <= char <= "f" else 0)
    if category[0] == "L":
        return C1_ALPHA
    if category[0] == "Z":
        return C1_SPACE | (C1_BLANK if category == "Zs" else 0)
    if category[0] in "PSMN":
        return C1_PUNCT
    return 0


_BIDI = {
    "L": 1, "R": 2, "AL": 2, "EN": 3, "ES": 4, "ET": 5, "AN": 6, "CS": 7, "B": 8, "S": 9, "WS": 10, "ON": 11,
}  # fmt: skip


@lru_cache(maxsize=4096)
def ctype2(char: str) -> int:
    """CT_CTYPE2: the bidirectional class."""
    return _BIDI.get(unicodedata.bidirectional(char), 0)


_LEXICAL = "\"$'-/=@\\^_`~\u00a8\u00aa\u00ad\u00af\u00b4\u00b8\u00ba\u02dc\u2013\u2014"
_NO_SYMBOL = "'-\u00aa\u00ba\u2013\u2014"
C3_NONSPACING, C3_DIACRITIC, C3_SYMBOL, C3_KATAKANA, C3_HIRAGANA = 0x1, 0x2, 0x8, 0x10, 0x20
C3_HALFWIDTH, C3_FULLWIDTH, C3_IDEOGRAPH, C3_LEXICAL, C3_ALPHA = 0x40, 0x80, 0x100, 0x400, 0x8000


@lru_cache(maxsize=4096)
def ctype3(char: str) -> int:
    """CT_CTYPE3: what text processing wants to know (C3_*)."""
    category = unicodedata.category(char)
    code = ord(char)
    value = C3_LEXICAL if char in _LEXICAL else 0
    if category[0] == "L":
        value |= C3_ALPHA
    if (category[0] in "PSZ" and char not in _NO_SYMBOL and not 0x2010 <= code <= 0x206F) or 0x9 <= code <= 0xD:
        value |= C3_SYMBOL
    if 0x20 <= code <= 0x7E:
        value |= C3_HALFWIDTH
    if char in "^`\u00a8\u00af\u00b4\u00b7\u00b8\u02c6\u02dc":
        value |= C3_DIACRITIC
    if category == "Mn" or len(unicodedata.normalize("NFD", char)) > 1 or char in "\u00d8\u00f8":
        value |= C3_DIACRITIC | (C3_NONSPACING if category == "Mn" or code < 0x100 else 0)
    if 0x30A1 <= code <= 0x30FE or 0xFF66 <= code <= 0xFF9F:
        value |= C3_KATAKANA
    if 0x3041 <= code <= 0x309E:
        value |= C3_HIRAGANA
    if 0xFF61 <= code <= 0xFFDC:
        value |= C3_HALFWIDTH
    if code == 0x3000 or 0xFF01 <= code <= 0xFF5E or 0x3041 <= code <= 0x30FE or 0x4E00 <= code <= 0x9FFF:
        value |= C3_FULLWIDTH
    if 0x4E00 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF:
        value |= C3_IDEOGRAPH
    return value


MAP_FOLDCZONE, MAP_PRECOMPOSED, MAP_COMPOSITE, MAP_FOLDDIGITS = 0x10, 0x20, 0x40, 0x80


def fold(text: str, flags: int) -> str:
    """FoldString: compatibility zone, composition and digits as ``flags`` (MAP_*) ask."""
    if flags & MAP_FOLDCZONE:
        text = "".join(unicodedata.normalize("NFKC", c) if "\uf900" <= c <= "\uffff" else c for c in text)
    if flags & MAP_FOLDDIGITS:
        text = "".join(str(unicodedata.digit(c)) if unicodedata.digit(c, -1) >= 0 else c for c in text)
    if flags & MAP_PRECOMPOSED:
        text = unicodedata.normalize("NFC", text)
    elif flags & MAP_COMPOSITE:
        text = unicodedata.normalize("NFD", text)
    return text
