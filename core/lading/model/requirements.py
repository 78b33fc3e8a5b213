"""The comparison of metrics with requirements, for `evaluate` and for gates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt

from .evaluating import Judged
from .options import Requirements

Metrics = Mapping[str, float | None]

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {">=": ge, "<=": le, "==": eq, ">": gt, "<": lt}


@dataclass(frozen=True)
class Requirement:
    """The requirement on a metric: `>= 0.9`."""

    operator: str
    bound: float

    @classmethod
    def read(cls, text: str) -> Requirement:
        """Read a requirement whose form was checked."""
        operator = next(sign for sign in _OPERATORS if text.startswith(sign))
        return cls(operator, float(text.removeprefix(operator)))

    @property
    def greater_is_better(self) -> bool | None:
        """Whether a greater value is better, as far as the operator shows it."""
        return None if self.operator == "==" else self.operator.startswith(">")

    def holds(self, value: float) -> bool:
        return _OPERATORS[self.operator](value, self.bound)


def judge_metrics(requirements: Requirements, new: Metrics, compared: Metrics) -> tuple[Judged, ...]:
    """Judge every metric: the required ones first, then the others of `new`. A value of None fails its requirement.

    `compared` has the metrics of another model, which are only shown.
    """
    names = dict.fromkeys((*requirements, *new))
    return tuple(_judged(name, requirements.get(name, ""), new.get(name), compared.get(name)) for name in names)


def _judged(metric: str, required: str, value: float | None, compared: float | None) -> Judged:
    unmet = required and (value is None or not Requirement.read(required).holds(value))
    failure = failed(metric, value, f"required {required}") if unmet else ""
    return Judged(metric=metric, required=required, new=value, compared=compared, failure=failure)


def failed(metric: str, value: float | None, why: str) -> str:
    """The failure of a metric in words."""
    return f"{metric} {shown(value)} ({why})"


def shown(value: float | None) -> str:
    """The value of a metric in readable form."""
    return "is not finite" if value is None else f"{value:.6g}"


def metrics_table(metrics: Sequence[Judged], *, compared: str = "compared") -> str:
    """Metrics as lines of aligned columns. `compared` is the heading of the other model's values."""
    rows = [("metric", "required", "new", compared)]
    rows += [(m.metric, m.required, shown(m.new), "" if m.compared is None else shown(m.compared)) for m in metrics]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(f"  {line}" for line in lines)
