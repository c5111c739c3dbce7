"""`w9x completion`: completion scripts, made by click."""

from __future__ import annotations

import click

EPILOG = """\b
Examples:
  w9x completion bash > ~/.local/share/bash-completion/completions/w9x
  w9x completion zsh > ~/.zfunc/_w9x
  w9x completion fish > ~/.config/fish/completions/w9x.fish
"""


@click.command(epilog=EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of SHELL."""
    from click.shell_completion import get_completion_class

    from .group import cli

    found = get_completion_class(shell)
    assert found is not None, shell
    source = found(cli, {}, "w9x", "_W9X_COMPLETE")
    # `source()` of the bash class would first start bash to check its version; the script itself is the same.
    click.echo(source.source_template % source.source_vars())
