import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from lading import BadInput, Description, InputPath, ModelVersion, Options, PackageRequest, PackedFiles, hookimpl


@dataclass(frozen=True)
class CrateOptions(Options):
    scoring_script: InputPath
    """The Python file with `init()` and `run(raw_data)`."""
    needs: tuple[str, ...] = ()
    """Names of the distributions that the script imports."""


@hookimpl
def lading_describe() -> Description:
    return Description(summary="a script and its pins", api=1, options=CrateOptions)


@hookimpl
def lading_package(request: PackageRequest[CrateOptions]) -> PackedFiles:
    options, model, folder = request.options, request.model, request.folder
    app = folder / "azureml-app"
    app.mkdir()
    for file in (options.scoring_script, *model.modules):
        shutil.copyfile(file, app / file.name)
    pins = tuple(sorted(pin(model, number, name) for number, name in enumerate(options.needs)))
    environment = ["name: scoring", "dependencies:", f"- python={model.python}", "- pip"]
    environment += ["- pip:", *(f"  - {line}" for line in pins)] if pins else []
    write(folder / "conda.yml", "\n".join(environment))
    write(folder / "requirements.txt", "\n".join(pins))
    write(folder / "package.json", json.dumps({"model": model.sha256, "requirements": pins}, sort_keys=True))
    return PackedFiles(scoring_script=options.scoring_script.name, python=model.python, requirements=pins)


def pin(model: ModelVersion, number: int, name: str) -> str:
    found = model.distributions.get(name)
    if found is None:
        raise BadInput(f"{name} was not installed where the model was trained", option=f"needs.{number}")
    return f"{name}=={found.version}"


def write(file: Path, text: str) -> None:
    file.write_text(f"{text}\n", encoding="utf-8", newline="\n")
