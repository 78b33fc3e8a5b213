"""The torture suite: kill, starve and overload a copy of the product, and count losses. `python -m tests.torture`.

Prints one row per gate when it is done, and its findings below. Exits with 1 if a figure that must be 0 is not 0, and
with 2 if a gate could not run. `--quick` runs a small sample of each gate.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import click

sys.path += [str(Path(__file__).parents[1] / place) for place in ("emulators/azureml", "engine")]  # also as a program

from .builds import Build
from .gate import Figures, Gate, Harm, Trial
from .registry import GATES

QUICK = 0.04
HEADINGS = ("gate", "tried", "of", *Harm, "seconds")


@click.command(help=__doc__)
@click.option("--only", multiple=True, type=click.Choice(list(GATES)), help="A gate to run; may be repeated.")
@click.option("--share", type=click.FloatRange(0, 1), default=1.0, help="How many of each gate's attempts to make.")
@click.option("--quick", "share", flag_value=QUICK, type=float, help="A small sample of each gate's attempts.")
def main(only: tuple[str, ...], share: float) -> None:
    gates = [gate for gate in GATES.values() if (gate.name in only if only else gate.share)]
    for gate in gates:
        if not gate.is_runnable:
            raise click.ClickException(f"the gate {gate.name} needs {gate.requirement}")
    click.echo(_line(HEADINGS))
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["XDG_STATE_HOME"] = str(Path(temporary) / "state")  # the list of the stores that it creates
        build = Build.make(Path(temporary) / "build")
        shares = [share * (1.0 if only else gate.share) for gate in gates]
        trials = [Trial(build, _folder(temporary, gate), share) for gate, share in zip(gates, shares, strict=True)]
        harmless = [_run(gate, trial) for gate, trial in zip(gates, trials, strict=True)]
    click.echo(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs", err=True)
    sys.exit(0 if all(harmless) else 1)


def _run(gate: Gate, trial: Trial) -> bool:
    figures = gate.timed(trial)
    click.echo(_line(_cells(gate, figures)))
    for found in figures.found:
        click.echo(f"  {found.harm}: {found.where}", err=True)
    return not figures.found


def _folder(temporary: str, gate: Gate) -> Path:
    folder = Path(temporary).resolve() / gate.name
    folder.mkdir()
    return folder


def _cells(gate: Gate, figures: Figures) -> tuple[str, ...]:
    counts = (figures.tried, figures.points, *map(figures.count, Harm), round(figures.seconds))
    return (gate.name, *map(str, counts))


def _line(cells: tuple[str, ...]) -> str:
    """A row of a Markdown table, as in tests/torture/README.md."""
    return f"| {cells[0]:<18} | " + " | ".join(f"{cell:>7}" for cell in cells[1:]) + " |"


if __name__ == "__main__":
    main()
