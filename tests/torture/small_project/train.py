"""A line through the salaries, by least squares and without a library, so that it trains and loads quickly."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression


@dataclass(frozen=True)
class Line:
    """The model. `revision` makes a different model with the same line."""

    slope: float
    intercept: float
    revision: int

    def predict(self, rows: list[list[float]]) -> list[float]:
        return [self.intercept + self.slope * row[0] for row in rows]


def train(data: Path, log: Callable[[str, float], None], revision: int) -> Line:
    with data.open(newline="") as file:
        rows = [(float(row["x"]), float(row["y"])) for row in csv.DictReader(file)]
    slope, intercept = linear_regression(*zip(*rows, strict=True))
    log("slope", slope)
    return Line(slope, intercept, revision)
