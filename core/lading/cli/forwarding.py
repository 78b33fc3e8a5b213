"""The command `forward`: a port of this machine that leads to a service."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from . import options, output
from .failure import verbose
from .progress import working


@click.command()
@options.manifest
@options.target
@click.option(
    "-p", "--port", type=click.IntRange(0, 65535), default=0, help="Port of 127.0.0.1.  [default: a free one]"
)
@options.store
@options.as_json
@verbose
def forward(manifest: Path, target: str | None, port: int, store: Path | None, as_json: bool) -> None:
    """Forward a port of this machine to a service, until Ctrl-C.

    It is for a service that clients cannot reach. The target sends the requests to it, such as through the API server
    of a cluster. A client sends the key of the service, if it needs one. Other machines and web pages cannot use the
    port.

    \b
    Example:
      lading forward manifests/salary.yaml --target kubernetes --port 8080
    """
    from ..python import forwarding as api

    with ExitStack() as stack:
        with working(as_json=as_json) as on_event:
            made = stack.enter_context(api.forward(manifest, target=target, port=port, store=store, on_event=on_event))
        if as_json:
            output.document({"service": made.service, "target": made.target, "uri": made.uri, "to": made.to})
        else:
            click.echo(made.uri)
            click.echo(f"requests go to {made.service} on '{made.target}' until Ctrl-C", err=True)
        with working(as_json=as_json):
            made.serve()
