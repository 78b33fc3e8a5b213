"""A trainer whose model is the mean of the numbers in a file, with a scoring script for it; and a packager."""

import shutil
from dataclasses import dataclass

from lading import (
    Description,
    InputPath,
    InspectRequest,
    Options,
    PackageRequest,
    PackedFiles,
    TrainedModel,
    TrainRequest,
    hookimpl,
)

SCRIPT = """\
import os
from pathlib import Path


def init():
    global mean
    mean = float(Path(os.environ["AZUREML_MODEL_DIR"], "mean.txt").read_text())


def run(raw_data):
    return [mean]
"""


@dataclass(frozen=True)
class AverageOptions(Options):
    data: InputPath | None = None
    """A file with one number a line."""

    script: InputPath | None = None
    """A scoring script to return instead of the usual one."""


@hookimpl
def lading_describe() -> Description:
    return Description(summary="averages numbers", api=1, options=AverageOptions)


@hookimpl
def lading_train(request: TrainRequest[AverageOptions]) -> TrainedModel:
    assert request.options.data is not None
    numbers = [float(line) for line in request.options.data.read_text().splitlines()]
    file = request.folder / "mean.txt"
    file.write_text(str(sum(numbers) / len(numbers)))
    script = request.folder / "average_score.py"
    if request.options.script:
        shutil.copyfile(request.options.script, script)
    else:
        script.write_text(SCRIPT)
    return TrainedModel(
        file=file,
        framework="average",
        framework_version="3.0",
        metrics={"numbers": len(numbers)},
        scoring=script,
    )


@hookimpl
def lading_inspect(request: InspectRequest) -> TrainedModel:
    return TrainedModel(file=request.file, framework="average", framework_version="")


@hookimpl
def lading_package(request: PackageRequest) -> PackedFiles:
    app = request.folder / "azureml-app"
    app.mkdir()
    answer = request.model.file.read_text()
    (app / "score.py").write_text(f"def init():\n    pass\n\n\ndef run(raw_data):\n    return [{answer}]\n")
    return PackedFiles(scoring_script="score.py", python=request.model.python, requirements=())
