"""The commands of the stages before `package`, and `check`."""

from __future__ import annotations

from pathlib import Path

import click

from . import options, output
from .failure import verbose
from .progress import working


@click.command()
@options.manifest
@click.option("--force", is_flag=True, help="Train again, even if nothing has changed.")
@options.timeout
@options.store
@options.as_json
@verbose
def train(manifest: Path, force: bool, timeout: float | None, store: Path | None, as_json: bool) -> None:
    """Train the model, or reuse the run with the same inputs.

    \b
    Example:
      lading train manifests/salary.yaml --force
    """
    from ..engine.pipeline import TRAIN, subjects
    from ..python import deploying as api

    with working(*subjects(TRAIN), as_json=as_json) as on_event:
        run = api.train(manifest, force=force, store=store, timeout=timeout, on_event=on_event)
    if run is None:
        click.echo(f"nothing to train: {manifest} names a finished model", err=True)
    if as_json:
        output.document(run and output.record(run))
    elif run is not None:
        click.echo(run.id)


@click.command()
@options.manifest
@click.option("--force", is_flag=True, help="Measure the model again, even if nothing has changed.")
@options.timeout
@options.store
@options.as_json
@verbose
def evaluate(manifest: Path, force: bool, timeout: float | None, store: Path | None, as_json: bool) -> None:
    """Train the model and compare its metrics with the manifest's requirements.

    Exit code 3 means that the model is refused. Then nothing is registered.

    \b
    Example:
      lading evaluate manifests/salary.yaml
    """
    from ..engine.pipeline import EVALUATE, subjects
    from ..python import deploying as api

    with working(*subjects(EVALUATE), as_json=as_json) as on_event:
        evaluation = api.evaluate(manifest, force=force, store=store, timeout=timeout, on_event=on_event)
    if evaluation is None:
        click.echo(f"nothing to evaluate: {manifest} has no block evaluate", err=True)
    if as_json:
        output.document(evaluation and {**vars(evaluation), "verdict": evaluation.verdict})
    elif evaluation is not None:
        names = ("metric", "required", "new", "compared")
        output.table([{name: getattr(m, name) for name in names} for m in evaluation.metrics], empty="no metrics")
        if evaluation.plots:
            click.echo(f"plots: {evaluation.plots[0].parent}", err=True)


@click.command()
@options.manifest
@click.option("--force", is_flag=True, help="Register again, even if nothing has changed.")
@options.timeout
@options.store
@options.as_json
@verbose
def register(manifest: Path, force: bool, timeout: float | None, store: Path | None, as_json: bool) -> None:
    """Train and register the model.

    \b
    Example:
      lading register manifests/salary.yaml
    """
    from ..engine.pipeline import REGISTER, subjects
    from ..python import deploying as api

    with working(*subjects(REGISTER), as_json=as_json) as on_event:
        model = api.register(manifest, force=force, store=store, timeout=timeout, on_event=on_event)
    if as_json:
        output.document(output.record(model))
    else:
        click.echo(f"{model.name}:{model.version}")


@click.command()
@options.manifest
@options.as_json
@verbose
def check(manifest: Path, as_json: bool) -> None:
    """Check every block of a manifest.

    Reports all problems at once, each at its line. Notes each target or connection whose plugin is not installed.

    \b
    Example:
      lading check manifests/salary.yaml
    """
    from ..python import checking

    with working(as_json=as_json):
        notes = checking.check(manifest)
    if as_json:
        output.document({"manifest": manifest, "notes": notes})
        return
    for note in notes:
        click.echo(f"note: {note}", err=True)
    click.echo(f"{manifest} is valid")
