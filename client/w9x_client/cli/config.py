"""`w9x config`: reading and writing the settings file, comments and layout kept (tomlkit)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import settings
from .errors import USAGE, fail
from .output import print_json

if TYPE_CHECKING:
    import tomlkit

EPILOG = """\b
Settings: engine, arena, windows, timeout, drives.X, env.NAME. Without --program they hold for every program
that has none of its own.
The command line goes before a program's settings, and these before the defaults.
\b
Examples:
  w9x config set windows 95
  w9x config set --program GAME.EXE arena private
  w9x config set drives.D /media/cdrom:ro
  w9x config set env.PATH 'C:\\WINDOWS;C:\\BIN'
  w9x config unset timeout
  w9x config list
  w9x config edit
"""

program_option = click.option("--program", metavar="NAME.EXE", help="The settings of this program.")


@click.group(epilog=EPILOG)
def config() -> None:
    """Show and change settings."""


@config.command("path")
def show_path() -> None:
    """Print where the settings are kept."""
    click.echo(settings.path())


def _section(found: settings.Settings, program: str | None) -> Mapping[str, Any]:
    return found.defaults if program is None else found.programs.get(settings.program_key(program), {})


def _flat(section: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, Mapping):
            yield from ((f"{key}.{name}", item) for name, item in value.items())
        else:
            yield key, value


@config.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_settings(as_json: bool) -> None:
    """List what is set, the defaults first."""
    found = settings.load()
    if as_json:
        print_json({"defaults": found.defaults, "program": found.programs})
        return
    for key, value in _flat(found.defaults):
        click.echo(f"{key} = {value}")
    for program, section in found.programs.items():
        for key, value in _flat(section):
            click.echo(f"{program}: {key} = {value}")


@config.command()
@program_option
@click.argument("key")
def get(program: str | None, key: str) -> int:
    """Print the setting KEY; exit code 1 where it is not set."""
    _known(key)
    for name, value in _flat(_section(settings.load(), program)):
        if _same(name, key):
            click.echo(value)
            return 0
    return 1


def _same(name: str, key: str) -> bool:
    """Drive letters and variable names are compared without case, as Windows does."""
    return name == key or ("." in key and name.upper() == key.upper())


def _known(key: str) -> None:
    head, _, name = key.partition(".")
    if head not in settings.KEYS:
        fail(f"unknown setting {head!r}; the settings are {', '.join(settings.KEYS)}", USAGE)
    if (head in settings.TABLES) != bool(name):
        wanted = f"{head}.{'X' if head == 'drives' else 'NAME'}" if head in settings.TABLES else head
        fail(f"{key!r}: write {wanted}", USAGE)


def _document(file: Path) -> tomlkit.TOMLDocument:
    import tomlkit

    settings.load()  # a damaged file is reported, never overwritten
    try:
        return tomlkit.parse(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return tomlkit.document()


def _save(file: Path, document: tomlkit.TOMLDocument) -> None:
    import tomlkit

    temporary = file.with_name(file.name + ".new")
    temporary.write_text(tomlkit.dumps(document), encoding="utf-8")
    os.replace(temporary, file)


def _table(parent: Any, key: str, *, same: str | None = None) -> Any:
    """The table ``key`` of ``parent``, made where it is missing; ``same`` is the spelling that the file may have."""
    import tomlkit

    name = same or key
    if name not in parent:
        parent[name] = tomlkit.table()
    return parent[name]


def _find_program(document: Any, program: str) -> str | None:
    """How the file spells a program that it has settings for."""
    wanted = settings.program_key(program)
    return next((name for name in document.get("program", {}) if settings.program_key(name) == wanted), None)


@config.command("set")
@program_option
@click.argument("key")
@click.argument("value")
def set_value(program: str | None, key: str, value: str) -> None:
    """Set KEY to VALUE."""
    _known(key)
    typed: Any = value
    if key == "timeout":
        try:
            typed = float(value) if "." in value else int(value)
        except ValueError:
            fail(f"timeout takes {settings.KEYS['timeout']}", USAGE)
    wrong = settings.check(key, typed)
    if wrong:
        fail(wrong, USAGE)
    file = settings.path()
    document = _document(file)
    if program is None:
        section = _table(document, "defaults")
    else:
        same = _find_program(document, program)
        section = _table(_table(document, "program"), settings.program_key(program), same=same)
    head, _, name = key.partition(".")
    if name:
        entries = _table(section, head)
        spelled = next((known for known in entries if known.upper() == name.upper()), name)
        entries[spelled] = typed
    else:
        section[head] = typed
    _save(file, document)


@config.command()
@program_option
@click.argument("key")
def unset(program: str | None, key: str) -> int:
    """Forget the setting KEY; exit code 1 where it was not set."""
    _known(key)
    file = settings.path()
    document = _document(file)
    section: Any = document.get("defaults", {})
    if program is not None:
        section = document.get("program", {}).get(_find_program(document, program) or "", {})
    head, _, name = key.partition(".")
    holder = section.get(head, {}) if name else section
    wanted = name or head
    spelled = next((known for known in holder if known == wanted or (name and known.upper() == name.upper())), None)
    if spelled is None:
        return 1
    del holder[spelled]
    _save(file, document)
    return 0


@config.command()
def edit() -> None:
    """Open the settings file in $VISUAL or $EDITOR, and check it afterwards."""
    file = settings.path()
    if not file.exists():
        file.write_text("# Settings of w9x; `w9x config --help` lists them.\n\n[defaults]\n", encoding="utf-8")
    click.edit(filename=os.fspath(file))
    settings.load()
