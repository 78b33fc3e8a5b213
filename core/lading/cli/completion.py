"""Shell completion."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from .failure import verbose


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@verbose
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    Example:
      lading completion bash >> ~/.bashrc
    """
    from .commands import lading

    kind = get_completion_class(shell)
    assert kind is not None, "click completes these three shells"
    click.echo(kind(lading, {}, "lading", "_LADING_COMPLETE").source())
