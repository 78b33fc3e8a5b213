"""The metrics of a run: the names that an evaluation adds, and those that it reserves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .options import Json
    from .runs import Run

EVALUATED = "evaluation."
"""The prefix of the metrics that an evaluation adds to a run."""

COMPARED = f"{EVALUATED}compared."
"""The beginning of the names for the metrics of the model that it was compared with."""

COMPARED_WITH = f"{EVALUATED}compared_with"
"""The name under which a run keeps the model that it was compared with, as `NAME:VERSION`."""

_RESULTS = ("verdict", COMPARED_WITH.removeprefix(EVALUATED))


def metrics_of(run: Run | None) -> dict[str, float | None]:
    """The metrics of a run, by the names under `evaluate: require`. Metrics of the evaluation precede the training's.

    A value is None if it is not a finite number.
    """
    metrics = run.metrics if run else {}
    found = {name: value for name, value in metrics.items() if is_metric(value) and not name.startswith(EVALUATED)}
    for name, value in metrics.items():
        if name.startswith(EVALUATED) and not name.startswith(COMPARED) and is_metric(value):
            found[name.removeprefix(EVALUATED)] = value
    return found


def reserved_name(metrics: Iterable[str]) -> str | None:
    """The first metric name that is reserved for results of the evaluation; None if there is none."""
    compared = COMPARED.removeprefix(EVALUATED)
    return next((name for name in metrics if name in _RESULTS or name.startswith(compared)), None)


def is_metric(value: Json) -> bool:
    """Whether a value of a run is a number, or None for one that is not finite."""
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
