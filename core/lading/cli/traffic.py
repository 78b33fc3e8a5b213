"""The commands about the requests of a service and its canary."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from . import options, output
from .failure import F, verbose
from .progress import working

if TYPE_CHECKING:
    from ..model import ReleaseWeight, Traffic

PERCENT = click.IntRange(0, 100)


class _Given(TypedDict):
    """The options of a command about the requests of one service."""

    target: str | None
    timeout: float | None
    lock_wait: float
    store: Path | None


def _of_a_service(command: F) -> F:
    """The argument and the options that the commands of this module share."""
    shared = (verbose, options.as_json, options.store, options.lock_wait, options.timeout, options.target)
    for option in (*shared, options.manifest):
        command = option(command)
    return command


@click.command()
@_of_a_service
@click.option("--weight", type=PERCENT, metavar="N", help="First give the canary N percent of the requests.")
def traffic(manifest: Path, weight: int | None, as_json: bool, **given: Unpack[_Given]) -> None:
    """Show the share of each release in the requests, or change it.

    \b
    Examples:
      lading traffic manifests/salary.yaml
      lading traffic manifests/salary.yaml --weight 50
    """
    from ..python import traffic as api

    with working(as_json=as_json) as on_event:
        found = api.traffic(manifest, weight=weight, **given, on_event=on_event)
    if as_json:
        output.document(as_document(found))
        return
    output.table(rows(found), empty="nothing serves: `lading deploy` brings a release up")
    if found.rollout:
        click.echo(str(found.rollout), err=True)


def as_document(found: Traffic) -> dict[str, object]:
    """The shares as JSON. A rollout is listed if there is one."""
    return {name: value for name, value in asdict(found).items() if name != "rollout" or value}


def sentence(found: Traffic) -> str:
    """The share of a canary, and how it ends."""
    assert found.canary is not None
    number, weight = found.canary.release, f"{found.canary.weight} %"
    if found.rollout:
        return f"release {number} gets {weight} of the requests; {found.rollout}"
    gets = f"copies of {found.shadow} %" if found.shadow else weight
    return f"release {number} is a canary with {gets} of the requests; `lading promote` or `lading abort` ends it"


def rows(found: Traffic) -> list[dict[str, object]]:
    """The rows of the table: the stable release, and the canary."""
    parts: dict[str, ReleaseWeight | None] = {"stable": found.stable, "canary": found.canary}
    return [
        {
            "role": role,
            "release": "not in this store" if part.release is None else part.release,
            "weight": f"{part.weight} %",
            "shadow": f"{found.shadow} %" if role == "canary" and found.shadow else "",
        }
        for role, part in parts.items()
        if part is not None
    ]


@click.command()
@_of_a_service
def promote(manifest: Path, as_json: bool, **given: Unpack[_Given]) -> None:
    """Make the canary the stable release.

    It gets all requests, and the stable release before it is removed.

    \b
    Example:
      lading promote manifests/salary.yaml
    """
    from ..python import traffic as api

    with working("promote", as_json=as_json) as on_event:
        up = api.promote(manifest, **given, on_event=on_event)
    if as_json:
        output.document({"service": up.service, "target": up.target, "release": up.number})
    else:
        click.echo(f"release {up.number} of {up.service} on '{up.target}' is the stable one", err=True)


@click.command()
@_of_a_service
def abort(manifest: Path, as_json: bool, **given: Unpack[_Given]) -> None:
    """Remove the canary.

    The stable release gets all requests again. A canary whose deploy was interrupted is removed too.

    \b
    Example:
      lading abort manifests/salary.yaml
    """
    from ..python import traffic as api

    with working("abort", as_json=as_json) as on_event:
        ended = api.abort(manifest, **given, on_event=on_event)
    if as_json:
        output.document({"aborted": ended and ended.number})
    elif ended is None:
        click.echo("the canary was aborted already: nothing to do", err=True)
