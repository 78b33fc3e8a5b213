"""The command `score`: send one request, or the rows of a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import BadInput, StageFailed
from ..model import Json
from . import options, output
from .failure import verbose
from .plain import one_line
from .progress import working

if TYPE_CHECKING:
    from ..python.batch import Batch

_LISTED_ROWS = 20
_LOGS = "`lading logs` shows the log of its script"
_NEXT = {400: "correct the request as the answer says", 429: "the service is busy: send it again later"}


@click.command()
@options.manifest
@options.target
@click.option(
    "-d",
    "--data",
    metavar="JSON",
    help="The request: JSON, @FILE, or - for stdin. Or the rows of @FILE by its ending: .csv, .tsv, .jsonl, .ndjson,"
    " .json with an object on each line, each of them also with .gz, or .parquet, .pq.",
    required=True,
)
@click.option("-o", "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write the answers to this file.")
@click.option("--rows", type=click.IntRange(min=1), help="Rows of a file per request.  [default: 500]")
@click.option("--parallel", type=click.IntRange(1, 256), help="Requests at once, for the rows of a file.  [default: 4]")
@click.option(
    "--timeout",
    type=options.Seconds(min=0, min_open=True),
    metavar="SECONDS",
    help="How long a request with rows of a file waits for a busy service.  [default: 10m]",
)
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
    timeout: float | None,
    device: str | None,
    store: Path | None,
    as_json: bool,
) -> None:
    """Send one request to a deployment and print the answer.

    The rows of a CSV, JSON lines or Parquet file are sent in several requests. A busy service gets them again when it
    asks for them. Each row is written with its answer to the file of -o, in the format of its name. CSV files have the
    form of the training. After an interrupt, the same command continues. Rows without an answer are listed: exit 6.

    \b
    Examples:
      lading score manifests/salary.yaml -d '{"data": [[21]]}'
      lading score -d @request.json
      generate | lading score -d -
      lading score -d @big.csv -o answers.parquet
    """
    from ..python import deploying as api

    given = {"rows": rows, "parallel": parallel, "timeout": timeout}
    sizes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if table := _table(data):
        if out is None:
            raise BadInput(f"the rows of {table} need a file for their answers", hint="-o FILE.csv")
        with working(as_json=as_json) as on_event:
            deployment = api.deployment(manifest, target=target, store=store)
            made = deployment.score_file(table, out, device=device, on_event=on_event, **sizes)
        _print_batch(made, as_json=as_json)
        return
    for name in sizes:
        raise BadInput(f"--{name} is only for the rows of a file", hint="-d @FILE.csv -o FILE.csv")
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
        raise StageFailed(f"the service answered {answer.status}", hint=_NEXT.get(answer.status, _LOGS))


def _write(out: Path, body: bytes) -> None:
    try:
        out.write_bytes(body)
    except OSError as error:
        raise BadInput(f"{out} cannot be written: {(error.strerror or str(error)).lower()}") from None


def _table(data: str) -> Path | None:
    """The file of rows that `-d` names; None if it is one request."""
    if not data.startswith("@"):
        return None
    from ..python.tables import is_table

    file = Path(data[1:])
    return file if is_table(file) else None


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
        text: str | bytes = data
        if data == "-":
            text = sys.stdin.buffer.read()
        elif data.startswith("@"):
            text = Path(data[1:]).read_bytes()
        return json.loads(text)  # bytes can have a mark, or be in UTF-16
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"the request cannot be read: {error}") from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"the request is not JSON: {error}", hint="""such as -d '{"data": [[21]]}'""") from None
