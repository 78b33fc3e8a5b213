import csv
import json
from dataclasses import dataclass
from statistics import fmean

from lading import (
    BadInput,
    Context,
    Description,
    GoldenRequest,
    InputPath,
    InspectRequest,
    Options,
    TrainedModel,
    TrainRequest,
    hookimpl,
)


@dataclass(frozen=True)
class MeanOptions(Options):
    data: InputPath
    """CSV file with a header."""
    column: str
    """The column to take the mean of."""


@hookimpl
def lading_describe() -> Description:
    return Description(summary="the mean of a column", api=1, options=MeanOptions)


@hookimpl
def lading_train(request: TrainRequest[MeanOptions], context: Context) -> TrainedModel:
    options = request.options
    context.progress("reading", options.data.name)
    with options.data.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    try:
        values = [float(row[options.column]) for row in rows]
        mean = fmean(values)
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{options.data.name} has no numbers in '{options.column}'", option="column") from error
    model = request.folder / "mean.json"
    model.write_text(json.dumps({"mean": mean}), encoding="utf-8")
    return TrainedModel(
        file=model,
        framework="mean",
        framework_version="1",
        metrics={"rows": len(values), "mean": mean},
        samples=tuple(GoldenRequest(request={"data": [[v]]}, response=[mean]) for v in values[: request.samples]),
    )


@hookimpl
def lading_inspect(request: InspectRequest) -> TrainedModel:
    return TrainedModel(file=request.file, framework="mean", framework_version="1")
