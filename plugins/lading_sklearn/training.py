"""The host's side of a training. A child process trains and answers with a description of the model."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from lading import Column, Context, GoldenRequest, Json, Schema, TrainedModel, TrainRequest

from .options import SklearnOptions
from .table_options import Query
from .working import Work, in_a_child

_UNKNOWN = (
    "the next command trains again: the training read more files than can be compared; name their folders under "
    "train: inputs"
)

_UNKNOWN_ROWS = (
    "the next command trains again: the rows of a database can change; query an SQLite file of the project, or export "
    "the rows to a file"
)


def train(request: TrainRequest[SklearnOptions], context: Context) -> TrainedModel:
    """Fit a model in a child process and return its description.

    Raises BadInput for invalid data or options, and PluginError if a library is missing. Raises StageFailed if the
    training fails, exceeds its time limit or is killed. Raises Interrupted once `context.cancelled`.
    """
    options = request.options
    asked = {"samples": request.samples, "project": request.project, "named": request.named, "base": request.base}
    asked |= {"own": list(map(str, options.model_modules(request.base)))}
    answer = in_a_child(_work(options), {**asdict(options), **asked}, request.folder, context)
    if answer["reads"] is None:
        context.warn(_UNKNOWN_ROWS if isinstance(options.data, Query) else _UNKNOWN)
    for warning in answer["warnings"]:
        context.warn(warning)
    return _trained(request.folder, answer)


def _work(options: SklearnOptions) -> Work:
    return Work(
        module="lading_sklearn.child",
        block="train",
        phase="training",
        name=options.script.name if options.script else "the training",
        result="a model",
        time_limit=options.time_limit,
        env=options.env,
    )


def _trained(folder: Path, answer: dict[str, Json]) -> TrainedModel:
    return TrainedModel(
        file=folder / answer["file"],
        framework=answer["framework"],
        framework_version=answer["framework_version"],
        parameters=answer["parameters"],
        metrics=answer["metrics"],
        columns=tuple(Column(**column) for column in answer["columns"]),
        label=Column(**answer["label"]) if answer["label"] else None,
        modules=tuple(map(Path, answer["modules"])),
        samples=tuple(GoldenRequest(**sample) for sample in answer["samples"]),
        schema=Schema.of(answer["schema"]) if answer["schema"] else None,
        reads=None if answer["reads"] is None else {Path(path): stamp for path, stamp in answer["reads"].items()},
    )
