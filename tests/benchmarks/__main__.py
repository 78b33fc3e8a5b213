"""`python -m tests.benchmarks [startup] [deploy] [serving] [azure] [fleet]`: how fast Lading is, against its peers.

Lading is installed from a wheel of the project as it stands. Each row alternates with its peer in one run; the ratio is
the median over the rounds, so it holds on any machine while the milliseconds do not. Exits 1 where a row is over its
limit, 2 where something did not work; `--quick` runs everything a few times to see that it works, and judges nothing.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

import click

from . import azure, deploying, fleet, serving, startup
from .environments import prepare

PARTS = {
    "startup": startup.rows,
    "deploy": deploying.rows,
    "serving": serving.rows,
    "azure": azure.rows,
    "fleet": fleet.rows,
}


@click.command(help=__doc__)
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
@click.option("--work", type=click.Path(path_type=Path), help="Folder whose environments are kept for the next run.")
@click.option("--quick", is_flag=True, help="A few rounds, to see that it works; exceeded limits do not count.")
def main(parts: tuple[str, ...], work: Path | None, quick: bool) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupted)
    with tempfile.TemporaryDirectory() as temporary:
        over = _print_table(parts or tuple(PARTS), (work or Path(temporary)).resolve(), 0.1 if quick else 1)
    sys.exit(1 if over and not quick else 0)


def _print_table(parts: tuple[str, ...], work: Path, share: float) -> bool:
    """Print each row once it is measured; whether one was over its limit."""
    bench = prepare(work, share)
    click.echo(f"{'what':<50}{'ours':>14}{'against':>14}{'ratio':>11}{'limit':>11}")
    over = False
    for part in parts:
        for row in PARTS[part](bench):
            click.echo(row)
            over |= row.is_over
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    click.echo(f"load average {load} on {os.cpu_count()} CPUs")
    return over


def _interrupted(number: int, _frame: FrameType | None) -> None:
    for impatient in (signal.SIGINT, signal.SIGTERM):  # what was started is ended first
        signal.signal(impatient, signal.SIG_IGN)
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
