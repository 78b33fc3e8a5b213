"""A package: `azureml-app/`, `conda.yml`, `requirements.txt` and the record of them, `package.json`.

The same model, scripts and pins give the same bytes on any machine: nothing here holds a version number of the model,
a date or a path.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import cast

from lading import BadInput, Context, Json, ModelVersion, PackageRequest, PackedFiles, Transient

from .files import Folder
from .options import BundleOptions, Environment
from .pins import SKLEARN, Pins, pin

_DEFAULT_SCRIPT = Path(__file__).with_name("default_score.py")
_DEFAULT_NAME = "score.py"


def pack(request: PackageRequest, context: Context) -> PackedFiles:
    """Write everything but the model into `request.folder`.

    Raises BadInput for scripts, includes or requirements that cannot be, Refused for another Python or scikit-learn
    than the model's, and Transient where a file cannot be read or written.
    """
    options, model = cast("BundleOptions", request.options), request.model
    needs = _needs(options, model)
    pins = pin(model, options.environment or Environment(), needs, allow_skew=options.allow_version_skew)
    for name in pins.missing:
        context.warn(f"{name} is required but was not installed where the model was trained: it is not pinned")
    try:
        script = _write_app(request.folder / "azureml-app", options, model)
        _write_environment(request.folder, model, pins)
        _write_record(request.folder, model, script, pins)
    except OSError as error:
        raise Transient(f"cannot pack {error.filename}: {error.strerror}") from error
    return PackedFiles(script, model.python, pins.requirements)


def _needs(options: BundleOptions, model: ModelVersion) -> list[str]:
    """What is pinned without being asked for: what the model's framework, or the default script, cannot do without."""
    if options.scoring_script and options.environment is not None:
        return []
    if options.scoring_script is None and model.framework != SKLEARN:
        raise BadInput(
            f"{model.file_name} is no scikit-learn model, so the default scoring script cannot serve it",
            hint="name a scoring_script under package",
        )
    needs = [SKLEARN] if model.framework == SKLEARN else []
    if options.scoring_script is None and any(column.dtype == "object" for column in model.columns):
        needs.append("pandas")
    return needs


def _write_app(folder: Path, options: BundleOptions, model: ModelVersion) -> str:
    app = Folder(folder)
    if options.scoring_script:
        script = options.scoring_script.name
        app.add_file(options.scoring_script, script)
    else:
        script = _DEFAULT_NAME
        app.add_file(_DEFAULT_SCRIPT, script)
        app.add_text(_json({"model_file": model.file_name, "columns": _columns(model)}), "scoring.json")
    for path in (*options.include, *model.modules):
        app.add(path)
    return script


def _write_environment(folder: Path, model: ModelVersion, pins: Pins) -> None:
    import yaml

    # pip installs all of it under conda too: a channel need not have the versions that the model was trained with.
    conda = {
        "name": model.name,
        "channels": ["conda-forge"],
        "dependencies": [f"python={model.python}", "pip", {"pip": list(pins.requirements)}],
    }
    top = Folder(folder)
    top.add_text(yaml.safe_dump(conda, sort_keys=False), "conda.yml")
    top.add_text("".join(f"{line}\n" for line in pins.requirements), "requirements.txt")


def _write_record(folder: Path, model: ModelVersion, script: str, pins: Pins) -> None:
    record = {
        "files": {
            path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        },
        "model": {
            "name": model.name,
            "file": model.file_name,
            "sha256": model.sha256,
            "framework": model.framework,
            "framework_version": model.framework_version,
            "columns": _columns(model),
            "label": asdict(model.label) if model.label else None,
        },
        "python": model.python,
        "requirements": pins.requirements,
        "scoring_script": script,
    }
    Folder(folder).add_text(_json(record), "package.json")


def _columns(model: ModelVersion) -> list[Json]:
    return [asdict(column) for column in model.columns]


def _json(value: Json) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n"
