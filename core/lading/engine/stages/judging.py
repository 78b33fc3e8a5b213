"""Compare a model's metrics with the manifest's requirements and with another model's metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ...manifest import EvaluateKeys
from ...model import Evaluation, Json, Judged, Measured
from ...model.metrics import COMPARED, COMPARED_WITH, EVALUATED
from ...model.requirements import Requirement, failed, judge_metrics, shown


def judge(keys: EvaluateKeys, new: Measured, other: Measured | None, name: str) -> tuple[Judged, ...]:
    """Judge every metric: the required ones first, then the others.

    `other` has the metrics of the model `name`, which the new model is compared with.
    """
    decides = decisive(keys, new.metrics)
    judged = judge_metrics(keys.require, new.metrics, other.metrics if other else {})
    return tuple(_compared(each, keys, new, name) if each.metric in decides else each for each in judged)


def decisive(keys: EvaluateKeys, metrics: Iterable[str]) -> tuple[str, ...]:
    """The metrics to compare with another model: the required ones, or else the first one."""
    return tuple(keys.require) or tuple(metrics)[:1]


def _compared(judged: Judged, keys: EvaluateKeys, new: Measured, name: str) -> Judged:
    """The metric's verdict. It fails if it meets its requirement but is worse than the metric of the model `name`."""
    if judged.failure or judged.compared is None or keys.no_worse_than is None:
        return judged
    better = greater_is_better(judged.metric, keys, new)
    if better is None or not _is_worse(judged.new, judged.compared, better, keys.no_worse_than.tolerance):
        return judged
    return replace(judged, failure=failed(judged.metric, judged.new, f"worse than {shown(judged.compared)} of {name}"))


def greater_is_better(metric: str, keys: EvaluateKeys, measured: Measured) -> bool | None:
    """Whether greater is better: from the evaluator, else from the requirement's operator; None if neither shows it."""
    known = measured.greater_is_better.get(metric)
    required = keys.require.get(metric)
    return known if known is not None or required is None else Requirement.read(required).greater_is_better


def undirected(keys: EvaluateKeys, measured: Measured) -> Sequence[str]:
    """The metrics that cannot be compared, because no source shows which direction is better."""
    decides = decisive(keys, measured.metrics)
    return [metric for metric in decides if greater_is_better(metric, keys, measured) is None]


def _is_worse(value: float | None, compared: float, greater: bool, tolerance: float) -> bool:
    if value is None:
        return True
    slack = tolerance * abs(compared)
    return value < compared - slack if greater else value > compared + slack


def as_metrics(evaluation: Evaluation) -> Mapping[str, Json]:
    """The evaluation of a model, as metrics of its run."""
    found: dict[str, Json] = {f"{EVALUATED}{judged.metric}": judged.new for judged in evaluation.metrics}
    for judged in evaluation.metrics:
        if judged.compared is not None:
            found[f"{COMPARED}{judged.metric}"] = judged.compared
    named = {COMPARED_WITH: evaluation.compared} if evaluation.compared else {}
    return {**found, **named, f"{EVALUATED}verdict": evaluation.verdict}


def recorded_comparison(recorded: Mapping[str, Json], new: Mapping[str, Json]) -> Mapping[str, Json]:
    """The comparison in the recorded metrics of a run; empty if a compared metric has another value now."""
    others = {name: value for name, value in recorded.items() if name.startswith(COMPARED)}
    own = [f"{EVALUATED}{name.removeprefix(COMPARED)}" for name in others]
    if not others or any(recorded.get(name) != new.get(name) for name in own):
        return {}
    return {**others, COMPARED_WITH: recorded[COMPARED_WITH]}
