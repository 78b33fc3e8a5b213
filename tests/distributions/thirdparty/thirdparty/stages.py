"""A trainer whose model is a number, and its packager."""

import json
from dataclasses import dataclass

from lading import (
    BadInput,
    Context,
    Description,
    InputPath,
    InspectRequest,
    ManifestPath,
    Options,
    PackageRequest,
    PackedFiles,
    TrainedModel,
    TrainRequest,
    file_stamp,
    hookimpl,
)

from . import Wrong, note


@dataclass(frozen=True)
class ConstantOptions(Options):
    data: InputPath | None = None
    """A file with one number: the model."""
    sources: tuple[ManifestPath, ...] = ()
    """Files and folders that the training turns out to read, and those that a file `NAME.list` among them names."""
    weighed: bool = True
    """Whether the trainer knows what it read."""
    changing: ManifestPath | None = None
    """A file that another program changes while the training reads it."""


@hookimpl
def lading_describe() -> Description:
    return Description(summary="stores a number", api=1, options=ConstantOptions)


@hookimpl
def lading_train(request: TrainRequest[ConstantOptions], context: Context) -> TrainedModel | Wrong:
    assert request.options.data is not None
    context.progress("storing")
    misbehaviour = note("lading_train", name=request.name)
    if misbehaviour is not None:
        return misbehaviour
    number = float(request.options.data.read_text())
    if number < 0:
        raise BadInput(f"{request.options.data.name}: {number} is below zero")
    file = request.folder / "model.txt"
    file.write_text(str(number))
    lists = [path for path in request.options.sources if path.suffix == ".list"]
    listed = [path.with_name(name) for path in lists for name in path.read_text().split()]
    sources = {path: file_stamp(path) for path in (*request.options.sources, *listed)}
    reads = sources if request.options.weighed else None
    if request.options.changing:
        request.options.changing.write_text("8")
    return TrainedModel(file=file, framework="constant", framework_version="2.1", metrics={"cost": number}, reads=reads)


@hookimpl
def lading_inspect(request: InspectRequest) -> TrainedModel:
    return TrainedModel(file=request.file, framework="constant", framework_version="2.1")


@hookimpl
def lading_package(request: PackageRequest) -> PackedFiles | Wrong:
    misbehaviour = note("lading_package", model=f"{request.model.name}:{request.model.version}")
    if misbehaviour is not None:
        return misbehaviour
    app = request.folder / "azureml-app"
    app.mkdir()
    answer = json.dumps([float(request.model.file.read_text())])
    (app / "score.py").write_text(f"def init():\n    pass\n\n\ndef run(raw_data):\n    return {answer}\n")
    return PackedFiles(scoring_script="score.py", python=request.model.python, requirements=())
