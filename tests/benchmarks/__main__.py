"""Benchmarks of Lading, as ratios to comparable programs: `python -m tests.benchmarks [PART]…`.

By default all parts run.

Lading is installed from a wheel of the current project. Each row alternates between Lading and its peer in one run. The
result is the median ratio over the rounds, so it is comparable between machines; milliseconds are not. Exits with 1 if
a row is over its limit, and with 2 if something failed. `--quick` runs everything a few times, without limits.

With `--reference`, or LADING_BENCH_REFERENCE, the part `startup` also compares the CPU time of short commands with that
of another wheel: a wheel file, or a Git revision from which one is built. It runs 25 pairs and prints the quartiles of
the ratio: `LADING_BENCH_REFERENCE=v0.1.0 make bench`.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

import click

from . import azure, canary, containers, deploying, fleet, serving, startup
from .environments import Bench, prepare

PARTS = {
    "startup": startup.rows,
    "deploy": deploying.rows,
    "serving": serving.rows,
    "canary": canary.rows,
    "azure": azure.rows,
    "containers": containers.rows,
    "fleet": fleet.rows,
}


@click.command(help=__doc__)
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
@click.option("--work", type=click.Path(path_type=Path), help="Folder whose environments are kept for the next run.")
@click.option("--reference", default="", envvar="LADING_BENCH_REFERENCE", help="Wheel file or Git revision to compare.")
@click.option("--quick", is_flag=True, help="A few rounds, to see that it works; exceeded limits do not count.")
def main(parts: tuple[str, ...], work: Path | None, reference: str, quick: bool) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupted)
    with tempfile.TemporaryDirectory() as temporary:
        bench = prepare((work or Path(temporary)).resolve(), 0.1 if quick else 1, reference)
        over = _print_table(parts or tuple(PARTS), bench)
    sys.exit(1 if over and not quick else 0)


def _print_table(parts: tuple[str, ...], bench: Bench) -> bool:
    """Print each row when it is measured. Returns whether any was over its limit."""
    click.echo(f"{'what':<50}{'ours':>14}{'against':>14}{'ratio':>11}{'limit':>11}        quartiles")
    over = False
    for part in parts:
        for row in PARTS[part](bench):
            click.echo(row)
            over |= row.is_over
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    click.echo(f"load average {load} on {os.cpu_count()} CPUs")
    return over


def _interrupted(number: int, _frame: FrameType | None) -> None:
    for impatient in (signal.SIGINT, signal.SIGTERM):  # started processes are ended first
        signal.signal(impatient, signal.SIG_IGN)
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
