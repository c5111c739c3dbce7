"""`w9x reg`: the registry from outside, as REG.EXE and REGEDIT show it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

import click

from .daemon import connect
from .errors import USAGE, fail
from .output import print_json, printable

if TYPE_CHECKING:
    from w9x_arena.messages import RegValue, RootName
    from w9x_arena.rpc import Connection

ROOTS = {
    "HKCR": "HKEY_CLASSES_ROOT", "HKCU": "HKEY_CURRENT_USER", "HKLM": "HKEY_LOCAL_MACHINE", "HKU": "HKEY_USERS",
    "HKCC": "HKEY_CURRENT_CONFIG", "HKDYN_DATA": "HKEY_DYN_DATA",
}  # fmt: skip
TYPES = {
    "REG_NONE": 0, "REG_SZ": 1, "REG_EXPAND_SZ": 2, "REG_BINARY": 3, "REG_DWORD": 4, "REG_DWORD_BIG_ENDIAN": 5,
    "REG_LINK": 6, "REG_MULTI_SZ": 7,
}  # fmt: skip
"""Value types by their SDK names (winnt.h)."""
_TYPE_NAMES = {number: name for name, number in TYPES.items()}
PAGE = 64

EPILOG = """\b
KEY is a root (HKLM, HKCU, HKCR, HKU, HKCC, HKDYN_DATA, or the long names) and a path with backslashes.
A path without any backslash may use slashes instead, which need no quotes.
\b
Examples:
  w9x reg query HKLM/Software
  w9x reg query 'HKLM\\Software\\Microsoft\\Windows\\CurrentVersion' ProductName
  w9x reg set HKCU/Software/Me Level 5 --type REG_DWORD
  w9x reg delete HKCU/Software/Me
  w9x reg export HKCU/Software me.reg
  w9x reg import me.reg
"""


def parse_key(text: str) -> tuple[RootName, str]:
    """(root, path) of a key as people write it; fails with one line."""
    if "\\" not in text:
        text = text.replace("/", "\\")
    root, _, path = text.partition("\\")
    name = root.upper()
    short = next((known for known, long in ROOTS.items() if name in (known, long)), None)
    if short is None:
        fail(f"{root!r} is no root; use one of {', '.join(ROOTS)}", USAGE)
    return cast("RootName", short), "\\".join(part for part in path.split("\\") if part)


def _ansi(text: str) -> bytes:
    try:
        return text.encode("cp1252")
    except UnicodeEncodeError:
        fail(f"{text!r} has characters that Windows' code page 1252 does not have", USAGE)


def encode(text: str, kind: str) -> bytes:
    """The bytes of a value of type ``kind`` that ``text`` writes; fails with one line."""
    number = TYPES[kind]
    if number in (1, 2, 6):
        return _ansi(text) + b"\0"
    if number == 7:
        parts = text.split("\\0") if text else []
        return b"".join(_ansi(part) + b"\0" for part in parts) + b"\0"
    if number in (4, 5):
        try:
            value = int(text, 0)
            return value.to_bytes(4, "little" if number == 4 else "big")
        except (ValueError, OverflowError):
            fail(f"{text!r} is no DWORD: write 0 to 4294967295, or 0x0 to 0xFFFFFFFF", USAGE)
    try:
        return bytes.fromhex(text.replace(",", " "))
    except ValueError:
        fail(f"{text!r} is no binary data: write bytes in hexadecimal, such as 01 FF", USAGE)


def show(kind: int, data: bytes) -> str:
    """A value's data as text."""
    if kind in (1, 2, 6):
        return data.split(b"\0", 1)[0].decode("cp1252", "replace")
    if kind == 7:
        return "\\0".join(part.decode("cp1252", "replace") for part in data.rstrip(b"\0").split(b"\0"))
    if kind in (4, 5) and len(data) == 4:
        return f"0x{int.from_bytes(data, 'little' if kind == 4 else 'big'):x}"
    return data.hex(" ")


def subkeys(connection: Connection, root: RootName, path: str) -> Iterator[str]:
    """Names of the keys below a key."""
    from w9x_arena import messages

    index = 0
    while True:
        names = connection.call(messages.RegEnumKeys(root, path, index, PAGE)).names
        yield from names
        index += len(names)
        if len(names) < PAGE:
            return


def values(connection: Connection, root: RootName, path: str) -> Iterator[RegValue]:
    """The values of a key with their data."""
    from w9x_arena import messages

    index = 0
    while True:
        rows = connection.call(messages.RegEnumValues(root, path, index, PAGE)).rows
        for row in rows:
            yield connection.call(messages.RegQueryValue(root, path, row.name))
        index += len(rows)
        if len(rows) < PAGE:
            return


@click.group(epilog=EPILOG)
def reg() -> None:
    """Read and change the registry that all programs share."""


@reg.command()
@click.option("-r", "--recursive", is_flag=True, help="Everything below the key, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.argument("key")
@click.argument("value", required=False)
def query(key: str, value: str | None, recursive: bool, as_json: bool) -> None:
    """Show the values and sub-keys of KEY, or one VALUE ('' is the default value)."""
    from w9x_arena import messages

    root, path = parse_key(key)
    with connect(start=True) as connection:
        if value is not None:
            answer = connection.call(messages.RegQueryValue(root, path, value))
            if as_json:
                print_json(
                    {"name": answer.name, "type": _type_name(answer.type), "data": show(answer.type, answer.data)}
                )
            else:
                click.echo(printable(show(answer.type, answer.data)))
            return
        connection.call(messages.RegOpenKey(root, path))
        if as_json:
            print_json(_as_json(connection, root, path, recursive))
        else:
            _print_key(connection, root, path, recursive)


def _type_name(number: int) -> str:
    return _TYPE_NAMES.get(number, f"type {number:#x}")


def _as_json(connection: Connection, root: RootName, path: str, recursive: bool) -> dict[str, object]:
    found: dict[str, object] = {
        "key": "\\".join(filter(None, (root, path))),
        "values": [
            {"name": item.name, "type": _type_name(item.type), "data": show(item.type, item.data)}
            for item in values(connection, root, path)
        ],
    }
    names = list(subkeys(connection, root, path))
    if recursive:
        found["keys"] = [_as_json(connection, root, f"{path}\\{name}" if path else name, True) for name in names]
    else:
        found["keys"] = names
    return found


def _print_key(connection: Connection, root: RootName, path: str, recursive: bool) -> None:
    click.echo(printable("\\".join(filter(None, (ROOTS[root], path)))))
    for item in values(connection, root, path):
        data = printable(show(item.type, item.data))
        click.echo(f"    {printable(item.name) or '(default)'}  {_type_name(item.type)}  {data}")
    for name in subkeys(connection, root, path):
        below = f"{path}\\{name}" if path else name
        if recursive:
            _print_key(connection, root, below, True)
        else:
            click.echo(printable(f"{ROOTS[root]}\\{below}"))


@reg.command("set")
@click.option("-t", "--type", "kind", type=click.Choice(list(TYPES), False), default="REG_SZ", show_default=True)
@click.argument("key")
@click.argument("name")
@click.argument("data", default="")
def set_value(key: str, name: str, data: str, kind: str) -> None:
    """Set the value NAME ('' is the default value) of KEY to DATA; the key is made where it is missing.

    DATA of a REG_DWORD is a number, of a REG_BINARY hexadecimal bytes, of a REG_MULTI_SZ strings with \\0 between them.
    """
    from w9x_arena import messages

    root, path = parse_key(key)
    content = encode(data, kind.upper())
    with connect(start=True) as connection:
        if path:
            connection.call(messages.RegCreateKey(root, path))
        connection.call(messages.RegSetValue(root, path, name, TYPES[kind.upper()], content))


@reg.command()
@click.argument("key")
@click.argument("value", required=False)
def delete(key: str, value: str | None) -> None:
    """Delete KEY with everything below it, or only its value VALUE."""
    from w9x_arena import messages

    root, path = parse_key(key)
    if value is None and not path:
        fail(f"{key}: a root cannot be deleted", USAGE)
    with connect(start=True) as connection:
        if value is None:
            connection.call(messages.RegDeleteKey(root, path))
        else:
            connection.call(messages.RegDeleteValue(root, path, value))


@reg.command()
@click.argument("key")
@click.argument("file", required=False, type=click.Path(dir_okay=False))
def export(key: str, file: str | None) -> None:
    """Write KEY and everything below it in REGEDIT4 format to FILE, or to standard output."""
    from w9x_arena.regfile import export_registry

    root, path = parse_key(key)
    with connect(start=True) as connection:
        parts = export_registry(connection, root, path)
        first = next(parts)  # a key that is not there must not leave an empty file
        if file is None or file == "-":
            out = sys.stdout.buffer
            out.write(first)
            out.writelines(parts)
            return
        with open(file, "wb") as target:
            target.write(first)
            target.writelines(parts)


@reg.command("import")
@click.argument("file", type=click.Path(allow_dash=True))
def import_file(file: str) -> None:
    """Apply the REGEDIT4 file FILE ('-' is standard input)."""
    from w9x_arena.regfile import import_registry

    if file == "-":
        data = sys.stdin.buffer.read()
    else:
        with open(file, "rb") as source:
            data = source.read()
    with connect(start=True) as connection:
        keys, found = import_registry(connection, data)
    click.echo(f"{keys} keys, {found} values")
