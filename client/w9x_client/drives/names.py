"""Guest file names: syntax, case folding, device names, wildcards, 8.3 aliases. Pure functions; nothing here touches
the host.

Facts: Microsoft's file-name rules of the Platform SDK ("Naming a File"), the FAT long-name specification 1.03 (alias
generation: basis name, numeric tail), and Windows 9x's own habits: a component of n dots climbs n-1 directories, a
device name is one in every directory and with every extension.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from w9x_client.abi import Err, WinError

MAX_PATH = 260
"""Characters of a path with its terminator (SDK windef.h)."""
MAX_COMPONENT = 255

DEVICES = frozenset(
    ["CON", "PRN", "AUX", "NUL", "CLOCK$", "CONIN$", "CONOUT$", "CONFIG$"]
    + [f"COM{n}" for n in range(1, 10)]
    + [f"LPT{n}" for n in range(1, 10)]
)

_INVALID = re.compile(r'[\x00-\x1f<>:"|?*]')
_INVALID_PATTERN = re.compile(r'[\x00-\x1f<>:"|]')
_SURROGATE = re.compile("[\ud800-\udfff]")
_VALID_HOST = re.compile('[^\x00-\x1f<>:"|?*/\\\\\ud800-\udfff]*[^\x00-\x1f<>:"|?*/\\\\\ud800-\udfff. ]')
_SHORT_CHARS = re.compile(r"[A-Z0-9!#$%&'()@^_`{}~\x80-\U0010ffff-]+")
_NOT_SHORT = re.compile(r"[^A-Z0-9!#$%&'()@^_`{}~\x80-\U0010ffff-]")


def fold(name: str) -> str:
    """``name`` for comparison: upper case, one character for one character."""
    if name.isascii():
        return name.upper()
    return "".join(up if len(up := c.upper()) == 1 else c for c in name)


def device_name(component: str) -> str:
    """The device that ``component`` names ("nul.txt" is NUL, "con:" is CON), or ''."""
    base = component.split(".", 1)[0].split(":", 1)[0].rstrip(" ").upper()
    return base if base in DEVICES else ""


@dataclass(frozen=True, slots=True)
class GuestPath:
    """A guest path after parsing: absolute, normalised, not looked up."""

    letter: str
    parts: tuple[str, ...]
    device: str = ""
    """DOS device named by the last component; `parts` is then its directory."""
    vxd: str = ""
    """What followed ``\\\\.\\``; letter and parts are then empty."""
    directory: bool = False
    """Written with a closing backslash: a file cannot be meant."""

    def __str__(self) -> str:
        return f"{self.letter}:\\" + "\\".join(self.parts)


def climb(parts: list[str], component: str) -> bool:
    """Apply a component made of dots to ``parts``; False where it is an ordinary name. Never climbs above the root."""
    if component.strip("."):
        return False
    for _ in range(len(component) - 1):
        if parts:
            parts.pop()
    return True


def parse(path: str, letter: str, current: Callable[[str], Iterable[str]], *, wildcards: bool = False) -> GuestPath:
    """Parse a guest path as the file functions do.

    Args:
        letter: the current drive.
        current: gives the current directory's components of a drive.
        wildcards: allow ``*`` and ``?`` in the last component.

    Raises WinError: PATH_NOT_FOUND (empty path), BAD_NETPATH (UNC), INVALID_NAME (characters no name may have),
    FILENAME_EXCED_RANGE (260 characters or more, or a component above 255).
    """
    if not path:
        raise WinError(Err.PATH_NOT_FOUND)
    path = path.replace("/", "\\")
    if path.startswith("\\\\"):
        if path.startswith("\\\\.\\"):
            return GuestPath("", (), vxd=path[4:])
        # Windows 9x knows no \\?\ prefix; programs of later compilers add it to drive paths.
        if path.startswith("\\\\?\\") and path[5:7] == ":\\":
            path = path[4:]
        else:
            raise WinError(Err.PATH_NOT_FOUND if path.startswith("\\\\?\\") else Err.BAD_NETPATH)
    if path[1:2] == ":" and path[0].isascii() and path[0].isalpha():
        letter, path = path[0].upper(), path[2:]
    parts = [] if path.startswith("\\") else list(current(letter))
    components = path.split("\\")
    last = len(components) - 1
    for index, component in enumerate(components):
        if not component or climb(parts, component):
            continue
        device = device_name(component)
        if device:
            if index < last:
                raise WinError(Err.PATH_NOT_FOUND)
            return GuestPath(letter, tuple(parts), device)
        name = component.rstrip(". ")
        invalid = _INVALID_PATTERN if wildcards and index == last else _INVALID
        if wildcards and index == last:
            name = component.rstrip(" ")
        if not name or invalid.search(name) or _SURROGATE.search(name):
            raise WinError(Err.INVALID_NAME)
        if len(name) > MAX_COMPONENT:
            raise WinError(Err.FILENAME_EXCED_RANGE)
        parts.append(name)
    result = GuestPath(letter, tuple(parts), directory=len(components) > 1 and not components[-1])
    if sum(map(len, parts)) + len(parts) + 2 >= MAX_PATH:
        raise WinError(Err.FILENAME_EXCED_RANGE)
    return result


def full_path(path: str, letter: str, current: Callable[[str], Iterable[str]]) -> str:
    """``path`` made absolute by text alone, as GetFullPathName does; no character is refused."""
    path = path.replace("/", "\\")
    head = ""
    if path.startswith("\\\\"):
        pieces = path[2:].split("\\")
        head, tail = "\\\\" + "\\".join(pieces[:2]), pieces[2:]
        if len(pieces) <= 2:
            return head
        parts: list[str] = []
        joined = "\\" + "\\".join(tail)
    else:
        if path[1:2] == ":" and path[0].isascii() and path[0].isalpha():
            letter, path = path[0].upper(), path[2:]
        head = f"{letter}:"
        parts = [] if path.startswith("\\") else list(current(letter))
        joined = path
    components = joined.split("\\")
    for index, component in enumerate(components):
        if not component or climb(parts, component):
            continue
        name = component.rstrip(" ") if index == len(components) - 1 else component.rstrip(". ")
        if name.endswith(".") and "*" not in name and "?" not in name:
            name = name.rstrip(". ")
        if name:
            parts.append(name)
    tail_slash = "\\" if parts and joined.endswith("\\") else ""
    return head + "\\" + "\\".join(parts) + tail_slash


# --- host names shown to the guest -------------------------------------------------------------
def guest_name(host: str) -> str:
    """A host's file name as the guest sees it: itself where Windows could have it, else with %XX escapes.

    ``host`` is a str from os.fsdecode: undecodable bytes are surrogates DC80-DCFF. The result is not meant to be
    decoded; a directory's listing maps it back.
    """
    if _VALID_HOST.fullmatch(host) and not device_name(host):
        return host
    out = []
    for c in host:
        code = ord(c)
        if 0xDC80 <= code <= 0xDCFF:
            out.append(f"%{code - 0xDC00:02X}")
        elif _INVALID.match(c) or c == "\\":
            out.append(f"%{code:02X}")
        else:
            out.append(c)
    text = "".join(out)
    if text[-1:] in (".", " "):
        text = text[:-1] + f"%{ord(text[-1]):02X}"
    if device_name(text):
        text = f"%{ord(text[0]):02X}" + text[1:]
    return text


# --- 8.3 aliases --------------------------------------------------------------------------------
def _in_code_page(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def is_short(name: str, encoding: str = "cp437") -> bool:
    """Whether ``name`` but for its case is an 8.3 name, so that it is its own alias."""
    base, dot, extension = fold(name).partition(".")
    if not 1 <= len(base) <= 8 or not _SHORT_CHARS.fullmatch(base):
        return False
    if dot and not (1 <= len(extension) <= 3 and _SHORT_CHARS.fullmatch(extension)):
        return False
    return name.isascii() or _in_code_page(fold(name), encoding)


def basis(name: str, encoding: str = "cp437") -> tuple[str, str]:
    """The basis of ``name``'s alias: (up to 8 characters, up to 3 of the extension), FAT specification's rules."""
    text = fold(name).replace(" ", "").lstrip(".")
    base, dot, extension = text.rpartition(".")
    if not dot:
        base, extension = text, ""
    base = base.replace(".", "")
    result = []
    for part, limit in ((base, 8), (extension, 3)):
        part = _NOT_SHORT.sub("_", part)
        if not part.isascii():
            part = "".join(c if _in_code_page(c, encoding) else "_" for c in part)
        result.append(part[:limit])
    return result[0] or "_", result[1]


def alias(name: str, used: set[str], counters: dict[tuple[str, str], int], encoding: str = "cp437") -> str:
    """A new alias for the long name ``name`` that is not in ``used`` (folded names); adds it there.

    ``counters`` remembers per basis the last numeric tail, so that many names with one basis cost linear time.
    """
    base, extension = basis(name, encoding)
    suffix = "." + extension if extension else ""
    key = (base[:6], extension)
    number = counters.get(key, 0)
    while True:
        number += 1
        tail = f"~{number}"
        candidate = base[: 8 - len(tail)] + tail + suffix
        if candidate not in used:
            break
    counters[key] = number
    used.add(candidate)
    return candidate


# --- wildcards ----------------------------------------------------------------------------------
def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """A matcher of folded names for a FindFirstFile pattern.

    Windows 9x: ``*.*`` and ``*`` match everything; ``*`` matches any run, dots included; ``?`` matches one
    character, or none at the end of the name or before a dot; a pattern's trailing dot means "no extension" and a name
    without one also matches ``NAME.*``.
    """
    text = fold(pattern)
    if text in ("*.*", "*"):
        return lambda name: True
    no_extension = text.endswith(".") and text.strip(".") != ""
    if no_extension:
        text = text.rstrip(".")
    out = []
    index = 0
    while index < len(text):
        c = text[index]
        if c == "*":
            if text[index : index + 3] == "*.*" and index + 3 == len(text):
                out.append(".*")
                break
            out.append(".*")
        elif c == "?":
            out.append("(?:[^.]|(?=\\.|$))")
        elif c == "." and text[index + 1 :] in ("*", ""):
            out.append("(?:\\..*)?")
            break
        elif c == "." and set(text[index + 1 :]) == {"?"}:
            out.append(f"(?:\\.[^.]{{0,{len(text) - index - 1}}})?")
            break
        else:
            out.append(re.escape(c))
        index += 1
    matcher = re.compile("".join(out), re.DOTALL).fullmatch
    if no_extension:
        return lambda name: "." not in name and matcher(name) is not None
    return lambda name: matcher(name) is not None
