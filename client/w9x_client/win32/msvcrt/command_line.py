"""Splitting a command line into argv by the rules of the Microsoft C start-up code. Pure.

Source: MSDN "Parsing C++ Command-Line Arguments": white space separates; a quoted part keeps it; 2n backslashes
before a quote give n and the quote works, 2n+1 give n and a literal quote; other backslashes are literal; inside
quotes a doubled quote is a literal one. The program's name is read simply: up to the closing quote, or to white
space.
"""

from __future__ import annotations


def split(line: str) -> list[str]:
    """The arguments of ``line``, the program's name first."""
    return [text for text, _ in split_marked(line)]


def split_marked(line: str) -> list[tuple[str, bool]]:
    """`split` with, for each argument, whether any of it was quoted (quoted arguments are not expanded as
    wildcards)."""
    arguments: list[tuple[str, bool]] = []
    at, end = 0, len(line)
    if line.startswith('"'):
        close = line.find('"', 1)
        close = end if close < 0 else close
        arguments.append((line[1:close], True))
        at = min(close + 1, end)
    else:
        while at < end and line[at] > " ":
            at += 1
        arguments.append((line[:at], False))
    while True:
        while at < end and line[at] in " \t":
            at += 1
        if at >= end:
            return arguments
        out: list[str] = []
        quoted = seen_quote = False
        while at < end and (quoted or line[at] not in " \t"):
            start = at
            while at < end and line[at] == "\\":
                at += 1
            slashes = at - start
            if at < end and line[at] == '"':
                out.append("\\" * (slashes // 2))
                at += 1
                if slashes % 2:
                    out.append('"')
                elif quoted and at < end and line[at] == '"':
                    out.append('"')
                    at += 1
                    # Visual C++ 6 ends the quoted part here; later versions stay inside it.
                    quoted = False
                else:
                    quoted = not quoted
                    seen_quote = True
            elif slashes:
                out.append("\\" * slashes)
            else:
                out.append(line[at])
                at += 1
        arguments.append(("".join(out), seen_quote))


def has_wildcard(text: str) -> bool:
    """Whether the start-up code would expand it (setargv)."""
    return "*" in text or "?" in text
