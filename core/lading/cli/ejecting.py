"""The command `eject`: write a release as the files of its platform."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from . import options, output
from .env_file import env_file
from .failure import verbose
from .progress import working


@click.command()
@click.argument("paths", metavar="[MANIFEST] DIR", nargs=-1, type=click.Path(path_type=Path))
@env_file
@options.target
@options.timeout
@options.store
@options.as_json
@verbose
def eject(
    paths: tuple[Path, ...], target: str | None, timeout: float | None, store: Path | None, as_json: bool
) -> None:
    """Write a release as files of its platform, which serve it without Lading.

    It is the release that serves, with the options that it was deployed with. If nothing is deployed, it is the release
    that the manifest describes. DIR must be new or empty.

    No value of a variable is written. A file that needs one is written as an example with ${NAME} in its place, and
    the platform accepts the files only when it is filled in.

    \b
    Example:
      lading eject manifests/salary.yaml --target kubernetes salary-files
    """
    from ..python import ejecting as api

    manifest, folder = _manifest_and_folder(paths)
    with working(as_json=as_json) as on_event:
        made = api.eject(folder, manifest, target=target, store=store, timeout=timeout, on_event=on_event)
    if as_json:
        output.document(made)
        return
    what = f"release {made.release}" if made.release else "the manifest's release, because nothing is deployed"
    click.echo(f"{made.service} on '{made.target}': {what}", err=True)
    for path, names in made.unfilled.items():
        click.echo(f"{path}{api.EXAMPLE} needs {', '.join(names)}", err=True)
    for name, meaning in made.placeholders.items():
        click.echo(f"{name}: {meaning}", err=True)
    click.echo(f"next: {' && '.join((f'cd {shlex.quote(str(folder))}', *made.commands))}", err=True)
    click.echo(made.folder)


def _manifest_and_folder(paths: tuple[Path, ...]) -> tuple[Path, Path]:
    """The last path is the folder. click cannot leave out the first of two arguments."""
    if len(paths) not in (1, 2):
        raise click.UsageError("name one folder, after the manifest if you name one")
    return paths[0] if len(paths) == 2 else Path(options.MANIFEST), paths[-1]
