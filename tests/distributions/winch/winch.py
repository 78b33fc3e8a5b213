"""A trainer whose model is the mean of the numbers in a file, and its packager."""

from dataclasses import dataclass

from lading import Description, InputPath, Options, PackedFiles, TrainedModel, hookimpl


@dataclass(frozen=True)
class WinchOptions(Options):
    data: InputPath | None = None
    """A file with one number a line."""


@hookimpl
def lading_describe():
    return Description(summary="winds numbers up to their mean", options=WinchOptions)


@hookimpl
def lading_train(request):
    numbers = [float(line) for line in request.options.data.read_text().splitlines()]
    file = request.folder / "mean.txt"
    file.write_text(str(sum(numbers) / len(numbers)))
    return TrainedModel(file=file, framework="winch", framework_version="3.0", metrics={"numbers": len(numbers)})


@hookimpl
def lading_inspect(request):
    return TrainedModel(file=request.file, framework="winch", framework_version="")


@hookimpl
def lading_package(request):
    app = request.folder / "azureml-app"
    app.mkdir()
    answer = request.model.file.read_text()
    (app / "score.py").write_text(f"def init():\n    pass\n\n\ndef run(raw_data):\n    return [{answer}]\n")
    return PackedFiles(scoring_script="score.py", python=request.model.python, requirements=())
