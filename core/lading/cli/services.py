"""The commands that query or delete a deployment."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import BadInput, StageFailed
from ..model import Json, NoScoringUri, Secret
from . import options, output
from .failure import verbose
from .plain import one_line, plain
from .progress import working

if TYPE_CHECKING:
    from ..python.batch import Batch

_LISTED_ROWS = 20
_FOLLOW = 0.5  # seconds between two reads of a log


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
        from ..engine.release.service import no_address

        raise no_address(deployment.service, deployment.target, found)
    else:
        click.echo(found.uri)
        for device, address in found.devices.items():
            click.echo(f"{device}\t{address}")


@click.command()
@options.manifest
@options.target
@click.option(
    "-d",
    "--data",
    metavar="JSON",
    help="The request: JSON, @file, or - for stdin. Or the rows of @FILE.csv, .jsonl or .parquet.",
    required=True,
)
@click.option("-o", "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write the answers to this file.")
@click.option("--rows", type=click.IntRange(min=1), help="Rows of a file per request.  [default: 500]")
@click.option("--parallel", type=click.IntRange(1, 256), help="Requests at once, for the rows of a file.  [default: 4]")
@click.option("--device", metavar="NAME", help="One device of a deployment that has several.")
@options.store
@options.as_json
@verbose
def score(
    manifest: Path,
    target: str | None,
    data: str,
    out: Path | None,
    rows: int | None,
    parallel: int | None,
    device: str | None,
    store: Path | None,
    as_json: bool,
) -> None:
    """Send one request to a deployment and print the answer.

    The rows of a CSV, JSON lines or Parquet file are sent in several requests. Each row is written with its answer to
    the file of -o, in the format of its name. After an interrupt, the same command goes on. A row without an answer is
    listed with the reason, and the exit code is 6.

    \b
    Examples:
      lading score manifests/salary.yaml -d '{"data": [[21]]}'
      lading score -d @request.json
      generate | lading score -d -
      lading score -d @big.csv -o answers.parquet
    """
    from ..python import deploying as api

    if table := _table(data):
        if out is None:
            raise BadInput(f"the rows of {table} need a file for their answers", hint="-o FILE.csv")
        sizes = {name: value for name, value in (("rows", rows), ("parallel", parallel)) if value}
        with working(as_json=as_json) as on_event:
            deployment = api.deployment(manifest, target=target, store=store)
            made = deployment.score_file(table, out, device=device, on_event=on_event, **sizes)
        _print_batch(made, as_json=as_json)
        return
    request = _request(data)
    with working(as_json=as_json):
        answer = api.deployment(manifest, target=target, store=store).ask(request, device=device)
    if out is not None and answer.status == 200:
        _write(out, answer.body)
    elif as_json:
        output.document({"status": answer.status, "body": answer.text()})
    else:
        click.echo(answer.text())
    if answer.status != 200:
        raise StageFailed(f"the service answered {answer.status}", hint="`lading logs` shows the log of its script")


def _write(out: Path, body: bytes) -> None:
    try:
        out.write_bytes(body)
    except OSError as error:
        raise BadInput(f"{out} cannot be written: {(error.strerror or str(error)).lower()}") from None


def _table(data: str) -> Path | None:
    """The file of rows that `-d` names; None if it is one request."""
    if not data.startswith("@"):
        return None
    from ..python.tables import FORMATS

    file = Path(data[1:])
    return file if file.suffix.lower() in FORMATS else None


def _print_batch(made: Batch, *, as_json: bool) -> None:
    if as_json:
        failed = [row._asdict() for row in made.failed]
        output.document({**vars(made), "failed": failed})
    else:
        if made.known:
            click.echo(f"an earlier command had asked for {made.known} of {made.rows} rows", err=True)
        for row in made.failed[:_LISTED_ROWS]:
            click.echo(f"row {row.row}: {one_line(row.reason)}", err=True)
        click.echo(made.out)
    if made.failures:
        raise StageFailed(
            f"{made.failures} of {made.rows} rows have no answer",
            hint=f"{made.out} has the reason of each under prediction_error",
        )


def _request(data: str) -> Json:
    try:
        if data == "-":
            text = sys.stdin.read()
        elif data.startswith("@"):
            text = Path(data[1:]).read_text(encoding="utf-8")
        else:
            text = data
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"the request cannot be read: {error}") from None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"the request is not JSON: {error}", hint="""such as -d '{"data": [[21]]}'""") from None


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
        output.document({"deployments": rows})
    else:
        output.table(rows, empty="the manifest has no target whose plugin is installed")
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
@options.store
@verbose
def logs(manifest: Path, target: str | None, tail: int, follow: bool, store: Path | None) -> None:
    """Show the log of a deployment.

    \b
    Example:
      lading logs manifests/salary.yaml -f
    """
    from ..python import deploying as api

    with working() as on_event:
        deployment = api.deployment(manifest, target=target, store=store, on_event=on_event)
        found = deployment.logs(tail=tail)
    if not found.lines:
        click.echo("the log is empty", err=True)
    while True:
        for line in found.lines:
            click.echo(plain(line))
        if not follow:
            return
        time.sleep(_FOLLOW)
        with working():
            found = deployment.logs(tail=tail, cursor=found.cursor)


@click.command()
@options.manifest
@options.target
@click.option("--rotate", type=click.Choice(["primary", "secondary"]), help="Rotate this key first.")
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
