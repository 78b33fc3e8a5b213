"""The command that compares the answers of two releases."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options, output
from .failure import verbose
from .progress import working

if TYPE_CHECKING:
    from ..engine.release.comparing import AnswerComparison, LatencyPair
    from ..model import Json

_LONGEST = 60  # characters of a value in a table


@click.command()
@options.manifest
@options.target
@click.option(
    "--release",
    "releases",
    type=click.IntRange(min=1),
    metavar="N",
    multiple=True,
    help="Release to compare; give two, the older one first.  [default: the stable one and the canary]",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="CSV, JSON lines or Parquet file of rows to send.  [default: the golden requests]",
)
@options.timeout
@options.store
@options.as_json
@verbose
def compare(
    manifest: Path,
    target: str | None,
    releases: tuple[int, ...],
    data: Path | None,
    timeout: float | None,
    store: Path | None,
    as_json: bool,
) -> None:
    """Compare the answers of two releases that serve.

    Both are asked the same requests. Shows the share of equal answers, the difference of each output, the ten most
    different rows, and the latency of both. Differences are relative: 0.01 is one per cent.

    \b
    Examples:
      lading compare manifests/salary.yaml
      lading compare manifests/salary.yaml --data rows.csv
    """
    from ..python import traffic as api

    if len(releases) not in (0, 2) or len(set(releases)) != len(releases):
        raise click.UsageError("give --release twice, with two releases")
    pair = (releases[0], releases[1]) if releases else None
    with working(as_json=as_json) as on_event:
        found = api.compare(
            manifest, releases=pair, data=data, target=target, store=store, timeout=timeout, on_event=on_event
        )
    if as_json:
        output.document(asdict(found))
    else:
        _print(found)


def _print(found: AnswerComparison) -> None:
    shadow = found.shadow
    copies = shadow and f"{shadow.equal} of {shadow.requests} equal, by at most {shadow.largest:.2g}"
    output.facts(
        {
            "releases": f"{found.old} and {found.new}",
            "requests": found.requests,
            "equal answers": f"{100 * found.equal:.4g} %",
            "failed requests": f"{found.failed[0]} of {found.old}, {found.failed[1]} of {found.new}"
            if any(found.failed)
            else None,
            f"latency of {found.old}": _latency(found.old_latency),
            f"latency of {found.new}": _latency(found.new_latency),
            "copied requests": copies,
        }
    )
    click.echo()
    output.table([asdict(one) for one in found.outputs], empty="the answers have no values")
    if found.rows:
        click.echo()
        rows = [
            {
                "row": row.row,
                "difference": row.difference,
                "old": _short(row.old),
                "new": _short(row.new),
                "request": _short(row.request),
            }
            for row in found.rows
        ]
        output.table(rows, empty="", less=("request",))


def _latency(pair: LatencyPair) -> str:
    return f"median {1000 * pair.median:.3g} ms, p99 {1000 * pair.p99:.3g} ms"


def _short(value: Json) -> str:
    text = json.dumps(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
