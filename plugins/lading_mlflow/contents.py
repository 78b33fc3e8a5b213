"""Write a model in MLflow's layout: `MLmodel`, the environments, the file itself, and the code that loads it.

mlflow.org/docs/latest/ml/model describes the layout (storage format, and the `python_function` flavor with a
`loader_module`). It is written without mlflow and without the model's framework, and the model is never loaded. The
flavor `mlflow.sklearn` is not used: it reads only plain pickles, and a joblib file needs joblib.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from lading import BadInput, Column, Distribution, Json, RegisterRequest, copy_model

from . import loader

_LOADER = "lading_mlflow_loader"
_OWN = ("MLmodel", "code", "conda.yaml", "python_env.yaml", "requirements.txt")
_TYPES = {  # NumPy's type names to those of an MLflow signature
    "bool": "boolean",
    "int32": "integer",
    "int64": "long",
    "float32": "float",
    "float64": "double",
    "object": "string",
    "str": "string",
}


def write_contents(folder: Path, request: RegisterRequest, run: str) -> None:
    """Write all files of a model into `folder`. `run` is the id of MLflow's run.

    Raises BadInput if the model has the name of a file that MLflow writes itself.
    """
    if request.file_name in _OWN:
        raise BadInput(f"MLflow writes its own {request.file_name} into a model", hint="give the model another name")
    copy_model(request.file, request.file_name, folder, link=False)
    pins = requirements(request)
    (folder / "requirements.txt").write_text("".join(f"{pin}\n" for pin in pins), encoding="utf-8")
    _write(folder / "conda.yaml", _conda(request, pins))
    environment = {"python": request.python, "build_dependencies": ["pip"], "dependencies": ["-r requirements.txt"]}
    _write(folder / "python_env.yaml", environment)
    flavors: dict[str, Json] = {
        "lading": {"data": request.file_name, "framework": request.framework, "version": request.framework_version}
    }
    if request.framework == "scikit-learn" and not request.file.is_dir() and not request.file_name.endswith(".skops"):
        flavors["python_function"] = _python_function(request)
        _write_code(folder / "code", request)
    _write(folder / "MLmodel", _model(request, run, flavors))


def requirements(request: RegisterRequest) -> tuple[str, ...]:
    """The libraries that the model needs, with their requirements, at the versions of its training, and mlflow."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    wanted = [canonicalize_name(request.framework), *_providers(request)]
    for text in (text for name in tuple(wanted) for text in _requires(request, name)):
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            wanted.append(canonicalize_name(requirement.name))
    versions = {name: found.version for name, found in request.distributions.items()}
    pins = [f"{name}=={versions[name]}" for name in dict.fromkeys(wanted) if name in versions]
    return ("mlflow", *pins)


def _providers(request: RegisterRequest) -> list[str]:
    """The distributions of the modules that loading the model imports."""
    imports = set(request.imports)
    return sorted(name for name, found in request.distributions.items() if imports & set(found.modules))


def _requires(request: RegisterRequest, name: str) -> tuple[str, ...]:
    return request.distributions.get(name, Distribution(version="")).requires


def _model(request: RegisterRequest, run: str, flavors: Json) -> Json:
    found: dict[str, Json] = {
        "artifact_path": "model",
        "run_id": run,
        "utc_time_created": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}",
        "flavors": flavors,
    }
    columns = _schema(request.columns)
    if columns:
        outputs = _schema((request.label,)) if request.label else None
        found["signature"] = {"inputs": columns, "outputs": outputs, "params": None}
    return found


def _python_function(request: RegisterRequest) -> Json:
    return {
        "loader_module": _LOADER,
        "code": "code",
        "data": request.file_name,
        "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
        "python_version": request.python,
    }


def _write_code(folder: Path, request: RegisterRequest) -> None:
    folder.mkdir()
    assert loader.__file__ is not None
    shutil.copyfile(loader.__file__, folder / f"{_LOADER}.py")
    for source in (*request.included, *request.modules):
        for file, name in _code_of(source):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / name)


def _code_of(source: Path) -> Iterator[tuple[Path, str]]:
    """The files of the project's own code, with their places. A link that leads out of a folder is left out."""
    if source.is_file():
        yield source, source.name
    for file in sorted(source.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts and file.resolve().is_relative_to(source.resolve()):
            yield file, f"{source.name}/{file.relative_to(source).as_posix()}"


def _schema(columns: tuple[Column, ...]) -> str | None:
    """The columns in the JSON form of a signature; None if MLflow has no type for one of them."""
    if not all(column.dtype in _TYPES for column in columns):
        return None
    found = [{"type": _TYPES[column.dtype], "name": column.name, "required": True} for column in columns]
    return json.dumps(found) if found else None


def _conda(request: RegisterRequest, pins: tuple[str, ...]) -> Json:
    dependencies = [f"python={request.python}", "pip", {"pip": list(pins)}]
    return {"name": "mlflow-env", "channels": ["conda-forge"], "dependencies": dependencies}


def _write(file: Path, content: Json) -> None:
    import yaml

    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
