"""Random sequences of commands over two deployments. `machine.py` has the model and the invariants."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

from .gate import Figures, Found, Gate, Harm, Trial

ROOT = Path(__file__).parents[2]
EXAMPLES, STEPS = 24, 14


def _lifecycles(trial: Trial) -> Figures:
    lanes = [trial.folder / f"lane-{number}" for number in range(trial.lanes)]
    examples = str(max(1, trial.size(EXAMPLES) // len(lanes)))
    steps = []

    def attempt(lane: Path) -> Iterator[Found]:
        argv = [str(trial.build.python), "-m", "tests.torture.machine", str(lane), examples, str(STEPS)]
        env = trial.build.environment()
        ended = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        last = ended.stdout.splitlines()[-1:]
        if ended.returncode != 0 or not last:
            raise RuntimeError(f"the state machine did not run: {ended.stderr[-2000:]}")
        figures = json.loads(last[0])
        steps.append(figures["steps"])
        for found in figures["found"]:
            harm, _, where = found.partition(": ")
            yield Found(Harm(harm), where)

    found = trial.each(attempt, lanes)
    return Figures(sum(steps), sum(steps), found)


GATES = (
    Gate(
        "lifecycles",
        "random deploys, canaries, rollouts, changes, kills, rollbacks, deletions and cleanings, checked step by step",
        _lifecycles,
    ),
)
