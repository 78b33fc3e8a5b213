"""The command that reports everything in the store on one page."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import Transient
from . import options
from .failure import verbose
from .progress import working


@click.command()
@options.manifest
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the page to this file.  [default: stdout]",
)
@options.store
@verbose
def report(manifest: Path, out: Path | None, store: Path | None) -> None:
    """Write one HTML page about everything in the store.

    It shows runs, models, releases and packages. The page is complete in itself: it can be sent by mail, or kept with a
    release. Golden requests that were recorded
    from training data are counted, and their content is left out. No target is asked.

    \b
    Example:
      lading report -o report.html
    """
    from ..python import reporting

    with working() as on_event:
        page = reporting.report(manifest, store=store, on_event=on_event)
    if out is None:
        click.echo(page, nl=False)
        return
    try:
        out.write_text(page, encoding="utf-8")
    except OSError as error:
        raise Transient(f"cannot write {out}: {error.strerror or error}") from error
    click.echo(out)
