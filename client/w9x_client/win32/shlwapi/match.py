"""File name patterns as the shell matches them. Pure."""

from __future__ import annotations


def matches(name: str, pattern: str) -> bool:
    """Whether ``name`` fits ``pattern``: '*' any characters, '?' any one, no regard to case."""
    name, pattern = name.lower(), pattern.lower()
    at = place = 0
    star, mark = -1, 0
    while at < len(name):
        if place < len(pattern) and pattern[place] == "*":
            star, mark = place, at
            place += 1
        elif place < len(pattern) and pattern[place] in ("?", name[at]):
            place += 1
            at += 1
        elif star >= 0:
            place, mark = star + 1, mark + 1
            at = mark
        else:
            return False
    return not pattern[place:].strip("*")
