"""The commands for a whole store."""

from __future__ import annotations

from pathlib import Path

import click

from . import options, output
from .failure import verbose


@click.group()
def store() -> None:
    """Inspect a store that came from elsewhere, and trust it.

    \b
    Example:
      lading store trust
    """


@store.command()
@options.manifest
@click.option("--yes", is_flag=True, help="Trust the store; without --yes the command only shows its content.")
@options.store
@options.as_json
@verbose
def trust(manifest: Path, yes: bool, store: Path | None, as_json: bool) -> None:
    """Show what a store holds, and trust it.

    A store that Lading creates is trusted at once. A store that was moved, copied, restored or cloned is not trusted.
    Commands only read an untrusted store; a command that would start, load, write or remove something ends with 3.
    LADING_TRUST_STORE=1 trusts every store that a command uses: use it for your own caches in CI, and for containers.

    \b
    Examples:
      lading store trust
      lading store trust --yes --store /mnt/team/.lading
    """
    from ..python import releases

    found = releases.trust_store(manifest, accept=yes, store=store)
    if as_json:
        output.document(found)
        return
    output.facts(vars(found))
    if not found.trusted:
        click.echo("--yes would trust it", err=True)
