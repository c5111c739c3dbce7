"""What the Path functions do to a path's text (SDK shlwapi.h). Pure; indices are into the text."""

from __future__ import annotations


def is_unc(path: str) -> bool:
    """Whether a path begins with two backslashes."""
    return path.startswith("\\\\")


def is_root(path: str) -> bool:
    """ "\\", "X:\\", "\\\\server" or "\\\\server\\share"."""
    if path == "\\" or (len(path) == 3 and path[1:] == ":\\"):
        return True
    if is_unc(path):
        rest = path[2:]
        return "\\" not in rest or (rest.count("\\") == 1 and not rest.endswith("\\"))
    return False


def is_relative(path: str) -> bool:
    """Whether a path depends on the current directory."""
    return not (path.startswith("\\") or path[1:2] == ":")


def file_name(path: str) -> int:
    """Index of the last component; a trailing backslash belongs to it."""
    start = 0
    for index, char in enumerate(path):
        if char in "\\/:" and index + 1 < len(path) and path[index + 1] not in "\\/":
            start = index + 1
    return start


def extension(path: str) -> int:
    """Index of the last component's dot, or the length; a dot followed by a blank is none."""
    dot = len(path)
    for index, char in enumerate(path):
        if char in "\\ ":
            dot = len(path)
        elif char == ".":
            dot = index
    return dot


def skip_root(path: str) -> int | None:
    """Index behind the drive or the share with its backslash; None where there is neither."""
    if is_unc(path):
        server = path.find("\\", 2)
        share = path.find("\\", server + 1) if server >= 0 else -1
        return share + 1 if share >= 0 else None
    return 3 if path[1:3] == ":\\" else None


def remove_file_spec(path: str) -> str:
    """Without the last component and the backslash before it; "X:\\", "X:" and a leading backslash stay."""
    if is_unc(path):
        cut = path.rfind("\\", 2)
        return path[:cut] if cut >= 0 else path[:2]
    floor = 3 if path[1:3] == ":\\" else 2 if path[1:2] == ":" else 1 if path[:1] == "\\" else 0
    if len(path) <= floor:
        return path
    return path[: max(path.rfind("\\"), floor)]


def canonicalize(path: str) -> str:
    """Resolve "." and ".." components; a path never climbs above its root, and a bare drive becomes its root."""
    prefix = ""
    rest = path
    if is_unc(path):
        prefix, rest = "\\\\", path[2:]
    elif path[1:3] == ":\\":
        prefix, rest = path[:3], path[3:]
    elif path[:1] == "\\":
        prefix, rest = "\\", path[1:]
    parts: list[str] = []
    pieces = rest.split("\\")
    for number, piece in enumerate(pieces):
        if piece == ".":
            continue
        if piece == "..":
            if parts and parts[-1] != "..":
                parts.pop()
            elif not prefix:
                parts.append(piece)
            continue
        if piece or number == len(pieces) - 1:
            parts.append(piece)
    text = prefix + "\\".join(parts)
    if len(text) == 2 and text[1] == ":":
        text += "\\"
    return text or "\\"


def combine(directory: str | None, file: str | None) -> str | None:
    """A file's path seen from a directory, canonical; None where both are missing."""
    if directory is None and file is None:
        return None
    if not file:
        return canonicalize(directory or "")
    if not directory or not is_relative(file):
        if directory and file.startswith("\\") and not is_unc(file):
            root = directory[:2] if directory[1:2] == ":" else directory[: skip_root(directory) or 0].rstrip("\\")
            return canonicalize(root + file)
        return canonicalize(file)
    return canonicalize(add_backslash(directory) + file)


def add_backslash(path: str) -> str:
    """With a backslash at its end."""
    return path if not path or path.endswith("\\") else path + "\\"


def common_prefix(first: str, second: str) -> str:
    """The directories two paths share, compared without case; "C:\\" keeps its backslash."""
    if is_unc(first) != is_unc(second):
        return ""
    shared = 0
    a, b = first.lower(), second.lower()
    index = 0
    while True:
        ends = [index >= len(a) or a[index] == "\\", index >= len(b) or b[index] == "\\"]
        if all(ends) and index:
            shared = index
        if index >= len(a) or index >= len(b) or a[index] != b[index]:
            break
        index += 1
    return first[:3] if shared == 2 and first[1:3] == ":\\" else first[:shared]


def remove_blanks(path: str) -> str:
    """Without blanks at either end."""
    return path.strip(" ")


def arguments(path: str) -> int:
    """Index of the first argument of a command line, or its length."""
    quoted = False
    for index, char in enumerate(path):
        if char == '"':
            quoted = not quoted
        elif char == " " and not quoted:
            return index + 1
    return len(path)
