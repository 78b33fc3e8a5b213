"""Show a deploy to an approver: the plan, and the metrics of the new model and of the one that serves."""

from __future__ import annotations

from collections.abc import Iterator

from lading import BadInput, GateRequest, Judged, Refused, judge_metrics, metrics_table

from .options import ApprovalOptions


def refuse_unmet(request: GateRequest, options: ApprovalOptions, what: str) -> None:
    """Raise Refused, with all metrics, if one does not meet its requirement. Raise BadInput if the model lacks it."""
    for name in options.require:
        if name not in request.metrics:
            known = ", ".join(request.metrics) or "none, because its run is not known and it was not evaluated"
            raise BadInput(f"the model has no metric {name}; it has {known}", option=f"require.{name}")
    judged = _judged(request, options)
    failures = ", ".join(each.failure for each in judged if each.failure)
    if failures:
        hint = "deploy a better model, or change what the gate requires"
        raise Refused(f"{what} is refused: {failures}\n{metrics_table(judged, compared='serving')}", hint=hint)


def question(request: GateRequest, options: ApprovalOptions) -> Iterator[str]:
    """The lines that an approver reads: what serves now, the metrics, and the plan.

    Names in them come from plugins: a space stands for each character that cannot be printed.
    """
    for line in (line for part in _question(request, options) for line in part.split("\n")):
        yield "".join(character if character.isprintable() else " " for character in line)


def _question(request: GateRequest, options: ApprovalOptions) -> Iterator[str]:
    if request.previous is not None:
        release = request.previous.release
        yield f"release {release.number} ({release.versioned_model}) serves now"
    judged = _judged(request, options)
    if judged:
        yield metrics_table(judged, compared="serving")
    if request.plan is not None:
        yield from (f"  {line}" for line in request.plan.lines(request.target))


def _judged(request: GateRequest, options: ApprovalOptions) -> tuple[Judged, ...]:
    serving = request.previous.metrics if request.previous else {}
    return judge_metrics(options.require, request.metrics, serving)
