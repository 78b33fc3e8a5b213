"""The commands that query the platforms of the targets: `list` and `preflight`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options, output
from .failure import verbose
from .plain import indented, one_line
from .progress import working

if TYPE_CHECKING:
    from ..engine.release.preflight import Preflight
    from ..python.listing import FoundService


_LESS = ("owner", "package", "target", "name", "release", "belongs to")  # columns that a narrow terminal does not show


@click.command()
@options.manifest
@options.targets
@click.option("--connection", metavar="NAME", help="Ask only the targets that use this connection of the manifest.")
@options.store
@options.as_json
@verbose
def list(  # noqa: A001
    manifest: Path, targets: tuple[str, ...], connection: str | None, store: Path | None, as_json: bool
) -> None:
    """List everything that Lading has deployed on the platforms of the targets.

    Without --target, asks every target that can list and whose plugin is installed. An object belongs to this manifest,
    to another manifest of this store, or to another store. An orphan belongs to a release that no longer serves.

    \b
    Examples:
      lading list manifests/salary.yaml
      lading list manifests/salary.yaml --target container --json
      lading list manifests/salary.yaml --connection azureml
    """
    from ..python import listing

    with working(as_json=as_json) as on_event:
        found = listing.list_services(manifest, targets=targets, connection=connection, store=store, on_event=on_event)
    if as_json:
        output.document({"objects": [_whole(service) for service in found]})
    else:
        output.table([_row(service) for service in found], empty="found nothing that Lading has deployed", less=_LESS)


def _whole(service: FoundService) -> dict[str, object]:
    return {"platform": service.platform, "belongs": service.belongs, **vars(service.found)}


def _row(service: FoundService) -> dict[str, object]:
    found = service.found
    return {
        "platform": service.platform,
        "belongs to": service.belongs,
        "service": found.service,
        "target": found.target,
        "state": found.state,
        "release": found.release,
        "package": (found.package_digest or "")[:12],
        "name": found.name,
        "uri": found.uri,
        "owner": found.owner,
    }


@click.command()
@options.manifest
@options.targets
@options.timeout
@options.store
@options.as_json
@verbose
def preflight(
    manifest: Path, targets: tuple[str, ...], timeout: float | None, store: Path | None, as_json: bool
) -> int:
    """Ask the targets for problems that would make a deploy fail.

    Nothing is trained, made or changed. `lading deploy` asks the same before it trains. The exit code is the one that
    the deploy would have, or 0 if no problem is found.

    \b
    Example:
      lading preflight manifests/salary.yaml --target container
    """
    from ..python import preflight as api

    with working(as_json=as_json) as on_event:
        found = api.preflight(manifest, targets=targets, store=store, timeout=timeout, on_event=on_event)
    rows = [row for each in found for row in _findings(each)]
    if as_json:
        output.document({"findings": rows})
    elif rows:
        for row in rows:
            click.echo(f"{row['target']}: {row['severity']}: {one_line(str(row['message']))}")
            if row["hint"]:
                click.echo(f"  {indented(str(row['hint']))}")
    else:
        click.echo("no problems found", err=True)
    return max((each.failure.exit_code for each in found if each.failure), default=0)


def _findings(found: Preflight) -> Iterator[dict[str, object]]:
    if found.error is not None:
        error = {"message": found.error.message, "severity": "error", "option": None, "hint": found.error.hint}
        yield {"target": found.target, **error}
    yield from ({"target": found.target, **vars(finding)} for finding in found.findings)
