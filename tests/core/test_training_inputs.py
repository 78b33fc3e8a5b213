"""A training runs again when a file that it read changes: modules, data files, folders that it lists."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conftest import Shell

MANIFEST = """\
version: 1
name: trips
train: {data: trips.csv, script: train.py}
package: {include: [features.py], environment: {conda: [scikit-learn]}}
"""
SCRIPT = """\
from sklearn.linear_model import LinearRegression
import features

def train(data, log):
    rows = [list(map(float, line.split(","))) for line in data.read_text().splitlines()[1:]]
    return LinearRegression().fit([[features.scaled(x)] for x, _ in rows], [y for _, y in rows])
"""
FEATURES = "def scaled(x):\n    return x * {}\n"


@pytest.fixture
def trips(shell: Shell) -> Shell:
    """A training script with a helper module beside it."""
    shell.write("lading.yaml", MANIFEST)
    shell.write("trips.csv", "x,y\n" + "".join(f"{x},{2 * x}\n" for x in range(10)))
    shell.write("train.py", SCRIPT)
    shell.write("features.py", FEATURES.format(1))
    return shell


def runs(shell: Shell) -> list[Any]:
    found: list[Any] = shell("run", "list", "--json").json()
    return found


def trains(shell: Shell) -> bool:
    """Whether the next training is a new run."""
    before = len(runs(shell))
    shell("train")
    return len(runs(shell)) > before


def test_a_changed_helper_module_trains_again(trips: Shell) -> None:
    assert trains(trips)
    assert not trains(trips)
    trips.write("features.py", FEATURES.format(10))
    assert trains(trips)
    assert not trains(trips)
