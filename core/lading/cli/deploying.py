"""The command `deploy`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click
from click.core import ParameterSource

from ..model import ScoringUri
from . import options, output
from .failure import as_json as failure_json
from .failure import show, verbose
from .plain import one_line
from .progress import working

if TYPE_CHECKING:
    from ..model import Traffic
    from ..model.planning import Plan
    from ..python.outcomes import Outcome


class _Given(TypedDict):
    """The options of a deploy that are passed on unchanged."""

    targets: tuple[str, ...]
    model: str | None
    package: Path | None
    sha256: str | None
    force: bool
    canary: int | None
    shadow: int | None
    detach: bool
    rollout_of: str | None
    timeout: float | None
    lock_wait: float
    store: Path | None


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
    "--canary",
    type=click.IntRange(0, 100),
    metavar="N",
    help="Bring the release up beside the one that serves, with N percent of the requests.",
)
@click.option(
    "--shadow",
    type=click.IntRange(1, 100),
    metavar="N",
    help="Bring it up beside the one that serves, with copies of N percent of the requests, to compare answers.",
)
@click.option(
    "--detach",
    is_flag=True,
    help="Leave the rollout of the block to another process after its first step.",
)
@click.option("--rollout-of", hidden=True, metavar="ID", help="Only continue the rollout of this release.")
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
def deploy(manifest: Path, plan_file: Path | None, as_json: bool, **given: Unpack[_Given]) -> int:
    """Train, register, package and deploy; print the scoring URI.

    Lading reuses earlier results of the same inputs. The old release serves until the new one has answered the
    manifest's samples. If one of several targets fails, the others still run. --package trains and packages nothing.
    A canary ends with `lading promote` or `lading abort`. The same command with another N shifts the requests.

    \b
    Examples:
      lading deploy manifests/salary.yaml
      lading deploy manifests/salary.yaml --target local --target aci
      lading deploy --model sal_model:3
      lading deploy --package salary.tar.gz --sha256 "$DIGEST"
      lading deploy --plan today.json
      lading deploy --canary 10
      lading deploy --detach
    """
    from ..python import deploying as api

    plan = None if plan_file is None else _read_plan(plan_file)
    stages = _stages(plan.targets if plan else given["targets"], given["model"], given["package"])
    with working(*stages, as_json=as_json) as on_event:
        outcomes = api.deploy_each(manifest, **given, plan=plan, on_event=on_event)
    return _report(outcomes, as_json=as_json)


def _report(outcomes: Sequence[Outcome], *, as_json: bool) -> int:
    """Print the results of a deploy, and return its exit code."""
    if as_json:
        output.document({"deployments": [_row(outcome) for outcome in outcomes]})
    else:
        for outcome in outcomes:
            _print(outcome, alone=len(outcomes) == 1)
    return max((outcome.error.exit_code for outcome in outcomes if outcome.error), default=0)


def _stages(targets: Sequence[str], model: str | None, package: Path | None) -> tuple[str, ...]:
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


def _row(outcome: Outcome) -> dict[str, object]:
    if outcome.deployment is None:
        return {"target": outcome.target, "error": outcome.error and failure_json(outcome.error)}
    return {
        "target": outcome.target,
        "service": outcome.deployment.service,
        "release": outcome.deployment.release,
        "reused": outcome.reused,
        "asked": outcome.asked,
        **({"traffic": _traffic(outcome.traffic)} if outcome.traffic else {}),
        **({"golden": asdict(outcome.golden)} if outcome.golden else {}),
        **({"advice": outcome.advice} if outcome.advice else {}),
        **vars(outcome.uri),
    }


def _traffic(traffic: Traffic) -> dict[str, object]:
    from .traffic import as_document  # most deploys have no canary

    return as_document(traffic)


def _print(outcome: Outcome, *, alone: bool) -> None:
    if outcome.error is not None:
        show(outcome.error)
    elif isinstance(outcome.uri, ScoringUri):
        click.echo(outcome.uri.uri if alone else f"{outcome.target}\t{outcome.uri.uri}")
    elif outcome.uri is not None:
        click.echo(f"{outcome.target}: up, without a scoring URI: {one_line(outcome.uri.reason)}", err=True)
    if outcome.golden:
        click.echo(f"{outcome.target}: {outcome.golden}", err=True)
    if outcome.traffic and outcome.traffic.canary:
        from .traffic import sentence

        click.echo(f"{outcome.target}: {sentence(outcome.traffic)}", err=True)
    if outcome.advice:
        said = f"{outcome.target}: up, not asked: all that is known is that init() succeeded"
        click.echo(f"{said}; add under package: `{outcome.advice}`", err=True)
    if outcome.example:
        click.echo(f"try it: {outcome.example}", err=True)
