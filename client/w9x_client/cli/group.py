"""The click group behind `w9x`, whose sub-commands are imported when they are used."""

from __future__ import annotations

import importlib
from typing import Any

import click

from .main import COMMANDS


class LazyGroup(click.Group):
    """Knows its commands' names and summaries without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of `COMMANDS`: what is used most comes first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module that has the command."""
        found = COMMANDS.get(cmd_name)
        if found is None:
            return None
        module = importlib.import_module(f".{found[0]}", __package__)
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `w9x --help`."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_module, summary) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with a hint for a program that was given without `run`."""
        if args and args[0] not in COMMANDS and args[0].lower().endswith((".exe", ".com", ".bat")):
            raise click.UsageError(f"no command {args[0]!r}; to run a program: w9x run {args[0]}", ctx)
        return super().resolve_command(ctx, args)


def _version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from w9x_arena import __version__

        click.echo(f"w9x {__version__}")
        ctx.exit()


EPILOG = """\b
Examples:
  w9x run setup.exe                    run a program
  w9x run --windows 95 C:\\\\GAME\\\\G.EXE  as if on Windows 95
  w9x triage ~/downloads               what would run, and what would not
  w9x status                           what is going on
\b
`w9x COMMAND --help` has more."""

CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


@click.group(cls=LazyGroup, context_settings=CONTEXT, epilog=EPILOG.replace("\\\\", "\\"))
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Show the version.")
def cli() -> None:
    """Run Windows 95, 98 and ME programs on Linux as ordinary processes."""
