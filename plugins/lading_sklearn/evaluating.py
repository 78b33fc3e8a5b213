"""The host's side of an evaluation. The model is loaded only in a child process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import BadInput, Context, EvaluateRequest, Measured

from .options import SklearnEvaluation, SklearnOptions
from .plots import draw
from .working import Work, in_a_child

if TYPE_CHECKING:
    from lading import Json


def evaluate(request: EvaluateRequest[SklearnEvaluation], context: Context) -> Measured:
    """Measure a model on `data`, or on the rows that the declared training held out.

    Raises BadInput for a folder, and for invalid data or names. Raises StageFailed if the model cannot be loaded,
    cannot predict, exceeds its time limit or is killed. Raises Interrupted once `context.cancelled`.
    """
    if request.file.is_dir():
        raise BadInput("the model is a folder, and this evaluator loads one file", hint="leave out the block evaluate")
    options = request.options
    training = request.training if isinstance(request.training, SklearnOptions) else None
    if request.data is None and training is None:
        raise BadInput("it is unknown which rows were held out: name a file under data", option="data")
    work = Work(
        module="lading_sklearn.measuring",
        block="evaluate",
        phase="evaluating",
        name="the evaluation",
        result="metrics",
        time_limit=options.time_limit,
        env=training.env if training else (),
    )
    spec = _spec(request, options, training)
    answer = in_a_child(work, spec, request.folder, context)
    return Measured(**answer, plots=draw(spec, request.folder, work, context) if request.plots else ())


def _spec(request: EvaluateRequest, options: SklearnEvaluation, training: SklearnOptions | None) -> dict[str, Json]:
    label = options.label or (training.label if training else None) or (request.label.name if request.label else None)
    split = {"test_size": training.test_size, "random_state": training.random_state} if training else {}
    return {
        "file": request.file,
        "modules": [str(module.parent) for module in request.modules],
        "data": request.data or (training.data if training else None),
        "split": None if request.data else split,
        "features": options.features,
        "flat": isinstance(options.features or (training.features if training else ()), str),
        "reading": {**(training.reading() if training else {}), **options.reading()},
        "columns": [column.name for column in request.columns],
        "label": label,
        "metrics": request.metrics,
    }
