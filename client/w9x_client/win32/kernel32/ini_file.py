"""Initialisation files: parsing and editing that leaves comments, order and spelling alone.

Pure: bytes in, bytes out; texts are bytes of the ANSI code page. Section and key names compare without regard to ASCII
case. Rules (SDK, GetPrivateProfileString): ``[name]`` opens a section, ``key=value`` lines follow, a line that begins
with ';' is a comment.
"""

from __future__ import annotations

from dataclasses import dataclass, field

FILE_MAX = 0x100_0000
"""Bytes of a file we read; Windows 9x stops at 64 KB, tools of today write more."""


@dataclass
class _Line:
    text: bytes
    key: bytes | None = None
    """None for a blank line, a comment, or text without '='."""
    value: bytes = b""


@dataclass
class Section:
    """A section with its lines in order."""

    name: bytes
    header: bytes
    lines: list[_Line] = field(default_factory=list)

    def find(self, key: bytes) -> _Line | None:
        wanted = key.lower()
        return next((line for line in self.lines if line.key is not None and line.key.lower() == wanted), None)


class IniFile:
    """The contents of one file."""

    def __init__(self, data: bytes = b"") -> None:
        self._preamble: list[_Line] = []
        self.sections: list[Section] = []
        self._parse(data)

    def _parse(self, data: bytes) -> None:
        lines = self._preamble
        for raw in data.split(b"\x1a")[0].replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"):
            text = raw.strip(b" \t")
            if text.startswith(b"["):
                end = text.find(b"]")
                name = text[1 : end if end >= 0 else None].strip(b" \t")
                self.sections.append(Section(name, raw))
                lines = self.sections[-1].lines
            elif text.startswith(b";") or not text:
                lines.append(_Line(raw))
            else:
                key, equals, value = text.partition(b"=")
                lines.append(_Line(raw, key.rstrip(b" \t") if equals else None, value.strip(b" \t")))
        if lines and not lines[-1].text:
            lines.pop()  # what follows the last line end is not a line

    def to_bytes(self) -> bytes:
        """The file's bytes, CR LF at every line end."""
        rows = [line.text for line in self._preamble]
        for section in self.sections:
            rows.append(section.header)
            rows += [line.text for line in section.lines]
        return b"".join(row + b"\r\n" for row in rows)

    def section(self, name: bytes) -> Section | None:
        """The first section called ``name``."""
        wanted = name.strip(b" \t").lower()
        return next((section for section in self.sections if section.name.lower() == wanted), None)

    def get(self, section: bytes, key: bytes) -> bytes | None:
        """A value as it stands behind the '=', blanks trimmed; None where there is none."""
        found = self.section(section)
        line = found.find(key.strip(b" \t")) if found else None
        return line.value if line else None

    def keys(self, section: bytes) -> list[bytes] | None:
        """The key names of a section; None where the section is missing."""
        found = self.section(section)
        return [line.key for line in found.lines if line.key is not None] if found else None

    def set(self, section: bytes, key: bytes, value: bytes) -> None:
        """Change or add a value, adding the section at the end of the file where it is missing."""
        key = key.strip(b" \t")
        found = self.section(section)
        if found is None:
            name = section.strip(b" \t")
            if self.sections and self.sections[-1].lines and self.sections[-1].lines[-1].text:
                self.sections[-1].lines.append(_Line(b""))
            found = Section(name, b"[" + name + b"]")
            self.sections.append(found)
        line = found.find(key)
        if line is not None:
            line.text, line.value = line.key + b"=" + value if line.key is not None else b"", value.strip(b" \t")
            return
        at = len(found.lines)
        while at and not found.lines[at - 1].text.strip():
            at -= 1  # the blank lines before the next section stay behind the new line
        found.lines.insert(at, _Line(key + b"=" + value, key, value.strip(b" \t")))

    def delete(self, section: bytes, key: bytes) -> bool:
        """Remove a value; False where there is none."""
        found = self.section(section)
        line = found.find(key.strip(b" \t")) if found else None
        if found is None or line is None:
            return False
        found.lines.remove(line)
        return True

    def delete_section(self, section: bytes) -> bool:
        """Remove a section with all its lines; False where there is none."""
        found = self.section(section)
        if found is None:
            return False
        self.sections.remove(found)
        return True

    def replace_section(self, section: bytes, entries: list[bytes]) -> None:
        """Give a section these ``key=value`` lines and no others."""
        found = self.section(section)
        if found is None:
            name = section.strip(b" \t")
            found = Section(name, b"[" + name + b"]")
            self.sections.append(found)
        found.lines.clear()
        for entry in entries:
            key, equals, value = entry.partition(b"=")
            found.lines.append(_Line(entry, key.strip(b" \t") if equals else None, value.strip(b" \t")))


def unquoted(value: bytes) -> bytes:
    """A value without the quotation marks that enclose it (SDK: GetPrivateProfileString remarks)."""
    if len(value) >= 2 and value[:1] in (b'"', b"'") and value[:1] == value[-1:]:
        return value[1:-1]
    return value


def to_integer(value: bytes) -> int:
    """GetPrivateProfileInt's reading: an optional sign and digits, hexadecimal after 0x; the rest is ignored."""
    text = value.strip(b" \t").lower()
    negative = text[:1] == b"-"
    if text[:1] in (b"-", b"+"):
        text = text[1:]
    digits, base = (b"0123456789abcdef", 16) if text[:2] == b"0x" else (b"0123456789", 10)
    if base == 16:
        text = text[2:]
    end = 0
    while end < len(text) and text[end] in digits:
        end += 1
    number = int(text[:end][-20:] or b"0", base)
    return (-number if negative else number) & 0xFFFF_FFFF
