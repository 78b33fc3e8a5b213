"""The commands that query or delete a deployment."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from click.core import ParameterSource

from ..base.log_lines import record
from ..errors import BadInput, StageFailed
from ..model import NoScoringUri, Secret
from . import figures, options, output
from .failure import verbose
from .plain import plain
from .progress import working

_FOLLOW = 0.5  # seconds between two reads of a log
_ALL = 10**9  # lines, more than any log has


@click.command()
@options.manifest
@options.target
@options.store
@options.as_json
@verbose
def uri(manifest: Path, target: str | None, store: Path | None, as_json: bool) -> None:
    """Print the scoring URI of a deployment.

    \b
    Example:
      curl -H 'content-type: application/json' -d '{"data": [[21]]}' "$(lading uri manifests/salary.yaml)"
    """
    from ..python import deploying as api

    with working(as_json=as_json) as on_event:
        deployment = api.deployment(manifest, target=target, store=store, on_event=on_event)
        found = deployment.address()
    if as_json:
        output.document({"service": deployment.service, "target": deployment.target, **vars(found)})
    elif isinstance(found, NoScoringUri):
        from ..engine.release.addresses import no_address

        raise no_address(deployment.service, deployment.target, found)
    else:
        click.echo(found.uri)
        for device, address in found.devices.items():
            click.echo(f"{device}\t{address}")


@click.command()
@options.manifest
@options.targets
@options.store
@options.as_json
@verbose
def status(manifest: Path, targets: tuple[str, ...], store: Path | None, as_json: bool) -> int:
    """Show the status of a service on its targets.

    Without --target, asks every target of the manifest whose plugin is installed. A target that cannot be asked is
    shown as unknown, with the reason. So is a target that has a release but whose plugin is not installed. The exit
    code is 0 if any target was asked, else 6.

    For a running service, it shows the requests of the last minute: their rate, the share of errors (5xx), and the
    times that half and 99 % of them did not exceed. --json has the figures since the release began too.

    \b
    Example:
      lading status manifests/salary.yaml
    """
    from ..python import standing

    with working(as_json=as_json) as on_event:
        found = standing.statuses(manifest, targets=targets, store=store, on_event=on_event)
    rows = [
        {
            "target": item.target,
            "service": item.service,
            "state": item.status.state,
            "release": item.release,
            "package": (item.status.package_digest or "")[:12],
            "detail": item.status.detail,
        }
        for item in found
    ]
    if as_json:
        documents = [{**row, **figures.as_json(item.measured)} for row, item in zip(rows, found, strict=True)]
        output.document({"deployments": documents})
    else:
        nothing = "the manifest has no target whose plugin is installed"
        lines = [
            line
            for row, item in zip(rows, found, strict=True)
            for line in figures.rows(row, item.measured, item.status.release_id)
        ]
        less = ("service", "package", "memory", "restarts", "p50")
        output.table(figures.without_empty(lines), empty=nothing, less=less)
    return 0 if any(item.answered for item in found) else StageFailed.exit_code


@click.command()
@options.manifest
@options.target
@click.option(
    "-n",
    "--tail",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="Number of lines from the end of the log.",
)
@click.option("-f", "--follow", is_flag=True, help="Follow the log.")
@click.option(
    "--since",
    type=options.Seconds(min=0, min_open=True),
    help="Show the lines of this last time, such as 10m; all of them without --tail.",
)
@click.option("--release", type=click.IntRange(min=1), help="Show the log of this release.")
@click.option("--build", is_flag=True, help="Show the whole log of the last image build.")
@click.option("--json", "as_json", is_flag=True, help="Print each line as a JSON object.")
@options.store
@verbose
def logs(
    manifest: Path,
    target: str | None,
    tail: int,
    follow: bool,
    since: float | None,
    release: int | None,
    build: bool,
    as_json: bool,
    store: Path | None,
) -> None:
    """Show the log of a deployment.

    With --json, a line about a request has the fields time, method, path, status, ms, bytes, release and id. Any other
    line has a text, and a time if it begins with one.

    \b
    Examples:
      lading logs manifests/salary.yaml -f
      lading logs manifests/salary.yaml --json --since 10m --release 2
      lading logs manifests/salary.yaml --target aci --build
    """
    from ..python import deploying as api

    given = click.get_current_context().get_parameter_source("tail") is not ParameterSource.DEFAULT
    if build and (follow or given or since or release):
        raise BadInput("--build shows the whole log of a build: leave out --follow, --tail, --since and --release")
    start = datetime.now(UTC) - timedelta(seconds=since) if since else None
    if since and not given:
        tail = _ALL
    with working() as on_event:
        deployment = api.deployment(manifest, target=target, store=store, on_event=on_event)
        found = deployment.build_log() if build else deployment.logs(tail=tail, since=start, release=release)
    if not found.lines:
        click.echo("the log is empty", err=True)
    while True:
        for line in found.lines:
            click.echo(json.dumps(record(line)) if as_json else plain(line))
        if not follow:
            return
        time.sleep(_FOLLOW)
        with working():
            found = deployment.logs(tail=tail, cursor=found.cursor, since=start, release=release)


@click.command()
@options.manifest
@options.target
@click.option(
    "--rotate",
    type=click.Choice(["primary", "secondary"]),
    is_flag=False,
    flag_value="primary",
    help="Rotate this key first; the primary one if none is named.",
)
@click.option("--show", is_flag=True, help="Print the keys in full.")
@options.lock_wait
@options.store
@options.as_json
@verbose
def keys(
    manifest: Path,
    target: str | None,
    rotate: str | None,
    show: bool,
    lock_wait: float,
    store: Path | None,
    as_json: bool,
) -> None:
    """Show or rotate the keys of a deployment.

    A key is redacted unless --show is given. `lading score` and golden requests find the key by themselves.

    \b
    Examples:
      lading keys manifests/salary.yaml --target aci --show
      lading keys manifests/salary.yaml --rotate
      lading keys manifests/salary.yaml --target aci --rotate secondary
    """
    from ..python import deploying as api

    with working(as_json=as_json) as on_event:
        deployment = api.deployment(
            manifest, target=target, store=store, lock_wait=lock_wait, command="keys", on_event=on_event
        )
        found = deployment.keys(rotate=rotate)
    shown = {name: _key(getattr(found, name), show) for name in ("primary", "secondary")}
    if as_json:
        output.document({**shown, "expires": found.expires})
    elif found.primary is None:
        click.echo(f"{deployment.service} on '{deployment.target}' does not ask for a key", err=True)
    else:
        output.facts({**shown, "expires": found.expires})


def _key(secret: Secret | None, show: bool) -> str | None:
    return None if secret is None else secret.reveal() if show else "***"


@click.command()
@options.manifest
@options.target
@options.timeout
@options.lock_wait
@options.store
@options.as_json
@verbose
def delete(
    manifest: Path,
    target: str | None,
    timeout: float | None,
    lock_wait: float,
    store: Path | None,
    as_json: bool,
) -> None:
    """Remove a deployment from its target.

    Runs, models and packages stay in the store.

    \b
    Example:
      lading delete manifests/salary.yaml --target local
    """
    from ..python import deploying as api

    with working("delete", as_json=as_json) as on_event:
        deployment = api.deployment(
            manifest, target=target, store=store, timeout=timeout, lock_wait=lock_wait, command="delete"
        )
        existed = deployment.delete(on_event=on_event)
    if as_json:
        output.document({"service": deployment.service, "target": deployment.target, "existed": existed})
    elif not existed:
        click.echo(f"{deployment.service} is not on '{deployment.target}': nothing to delete", err=True)
