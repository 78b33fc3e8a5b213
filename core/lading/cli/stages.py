"""The commands of the stages except `package`, and `check`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from ..model import ScoringUri
from . import options, output
from .failure import as_json as failure_json
from .failure import show, verbose
from .plain import one_line
from .progress import working

if TYPE_CHECKING:
    from ..model.planning import Plan
    from ..python import deploying as api


@click.command()
@options.manifest
@options.targets
@options.model("Serve this registered version instead of training one.")
@click.option(
    "--package", metavar="FILE", type=click.Path(path_type=Path), help="Deploy this exported package as it is."
)
@click.option("--sha256", metavar="DIGEST", help="Expected SHA-256 of the exported package.")
@click.option("--force", is_flag=True, help="Deploy again, even if nothing has changed.")
@click.option(
    "--plan",
    "plan_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Deploy exactly the plan of `lading plan --out FILE`; refuse if something has changed since.",
)
@options.timeout
@options.lock_wait
@options.store
@options.as_json
@verbose
def deploy(
    manifest: Path,
    targets: tuple[str, ...],
    model: str | None,
    package: Path | None,
    sha256: str | None,
    force: bool,
    plan_file: Path | None,
    timeout: float | None,
    lock_wait: float,
    store: Path | None,
    as_json: bool,
) -> int:
    """Train, register, package and deploy; print the scoring URI.

    Lading reuses earlier results of the same inputs. The old release serves until the new one has answered the
    manifest's samples. If one of several targets fails, the others still run. --package trains and packages nothing.

    \b
    Examples:
      lading deploy manifests/salary.yaml
      lading deploy manifests/salary.yaml --target local --target aci
      lading deploy --model sal_model:3
      lading deploy --package salary.tar.gz --sha256 "$DIGEST"
      lading deploy --plan today.json
    """
    from ..python import deploying as api

    plan = None if plan_file is None else _read_plan(plan_file)
    stages = _stages(plan.targets if plan else targets, model=model, package=package)
    with working(*stages, as_json=as_json) as on_event:
        outcomes = api.deploy_each(
            manifest,
            targets=targets,
            model=model,
            package=package,
            sha256=sha256,
            force=force,
            store=store,
            timeout=timeout,
            lock_wait=lock_wait,
            plan=plan,
            on_event=on_event,
        )
    if as_json:
        output.document({"deployments": [_row(outcome) for outcome in outcomes]})
    else:
        for outcome in outcomes:
            _print(outcome, alone=len(outcomes) == 1)
    return max((outcome.error.exit_code for outcome in outcomes if outcome.error), default=0)


def _stages(targets: Sequence[str], *, model: str | None, package: Path | None) -> tuple[str, ...]:
    """The stages of a deploy. Each of several targets is a separate stage."""
    from ..engine.pipeline import DEPLOY, subjects

    return subjects(DEPLOY, targets=targets, model=model, archive=package is not None)


def _read_plan(file: Path) -> Plan:
    """Read the plan in a file. Raises UsageError for options that the plan already decides."""
    from ..python.planning import read_plan

    context = click.get_current_context()
    given = ("manifest", "targets", "model", "force", "store")
    extra = [name for name in given if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if extra:
        raise click.UsageError(f"--plan cannot be combined with {extra[0]}: leave it out")
    return read_plan(file)


def _row(outcome: api.Outcome) -> dict[str, object]:
    if outcome.deployment is None:
        return {"target": outcome.target, "error": outcome.error and failure_json(outcome.error)}
    return {
        "target": outcome.target,
        "service": outcome.deployment.service,
        "release": outcome.deployment.release,
        "reused": outcome.reused,
        "asked": outcome.asked,
        **({"advice": outcome.advice} if outcome.advice else {}),
        **vars(outcome.uri),
    }


def _print(outcome: api.Outcome, *, alone: bool) -> None:
    if outcome.error is not None:
        show(outcome.error)
    elif isinstance(outcome.uri, ScoringUri):
        click.echo(outcome.uri.uri if alone else f"{outcome.target}\t{outcome.uri.uri}")
    elif outcome.uri is not None:
        click.echo(f"{outcome.target}: up, without a scoring URI: {one_line(outcome.uri.reason)}", err=True)
    if outcome.advice:
        said = f"{outcome.target}: up, not asked: all that is known is that init() succeeded"
        click.echo(f"{said}; add under package: `{outcome.advice}`", err=True)
    if outcome.example:
        click.echo(f"try it: {outcome.example}", err=True)


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
