"""The commands of `image`: build the package as a container image, for a platform without a target plugin."""

from __future__ import annotations

from pathlib import Path

import click

from . import options, output
from .failure import F, verbose
from .progress import working


@click.group()
def image() -> None:
    """Build a container image of the package.

    \b
    Example:
      lading image build manifests/salary.yaml
    """


def _options(command: F) -> F:
    model = options.model("Serve this registered version instead of training one.")
    return options.manifest(model(options.timeout(options.store(options.as_json(verbose(command))))))


@image.command()
@click.option("--force", is_flag=True, help="Build again, even if nothing has changed.")
@_options
def build(
    manifest: Path, model: str | None, force: bool, timeout: float | None, store: Path | None, as_json: bool
) -> None:
    """Train, register and package, and build the image.

    Prints the reference that an engine runs. If nothing has changed, nothing is built.

    \b
    Example:
      docker run -p 5001:5001 "$(lading image build manifests/salary.yaml)"
    """
    _make(manifest, model, timeout, store, as_json, push=False, force=force)


@image.command()
@click.option("--force", is_flag=True, help="Build and push again, even if nothing has changed.")
@_options
def push(
    manifest: Path, model: str | None, force: bool, timeout: float | None, store: Path | None, as_json: bool
) -> None:
    """Build the image, and push it to the registry that the manifest names.

    Prints the reference that an engine pulls, with its digest.

    \b
    Example:
      kubectl create deployment salary --image "$(lading image push manifests/salary.yaml)"
    """
    _make(manifest, model, timeout, store, as_json, push=True, force=force)


def _make(
    manifest: Path,
    model: str | None,
    timeout: float | None,
    store: Path | None,
    as_json: bool,
    *,
    push: bool,
    force: bool,
) -> None:
    from ..engine.pipeline import PACKAGE, subjects
    from ..python.images import make_image

    with working(*subjects(PACKAGE, model=model), "image", as_json=as_json) as on_event:
        made = make_image(
            manifest, push=push, force=force, model=model, store=store, timeout=timeout, on_event=on_event
        )
    if as_json:
        output.document(made)
    else:
        click.echo(made.reference)
