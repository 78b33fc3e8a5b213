"""Write a package: `azureml-app/`, `conda.yml`, `requirements.txt` and their record, `package.json`.

The same model, scripts and pins give the same bytes on any machine. So the package contains no version number of the
model, no date and no path.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from packaging.utils import canonicalize_name

from lading import (
    BadInput,
    Context,
    ExpectedModel,
    Json,
    ModelVersion,
    PackageRequest,
    PackedFiles,
    PluginError,
    Transient,
)

from .commits import at_commits
from .files import Folder
from .judging import Judged, judge
from .options import OWN_SCRIPT, BundleOptions
from .pins import SKLEARN, Pins
from .served import SCRIPT_NEEDED, Servable
from .wrong import failure

_DEFAULT_SCRIPT = Path(__file__).with_name("default_score.py")
_DEFAULT_NAME = "score.py"
_ROWS = Path(__file__).with_name("lading_rows.py")


def pack(request: PackageRequest[BundleOptions], context: Context) -> PackedFiles:
    """Write everything except the model into `request.folder`.

    Raises BadInput for invalid scripts, includes or requirements. Raises Refused if Python or scikit-learn differ from
    the model's versions. Raises Transient if a file cannot be read or written.
    """
    options, model = request.options, request.model
    for name in options.answers_otherwise if model.scoring else ():
        raise BadInput(f"{name}: {OWN_SCRIPT}", option=name)
    judged = judge(options.asked(*model.modules), _expected(request), _needs(options, model))
    for problem in judged.pins.problems:
        raise failure(problem)
    _report(judged, context)
    pins = at_commits(judged.pins, context)
    try:
        script = _write_app(request.folder / "azureml-app", options, model)
        _write_environment(request.folder, model, judged.channels, pins)
        _write_record(request.folder, model, script, pins)
    except OSError as error:
        raise Transient(f"cannot pack {error.filename}: {error.strerror}") from error
    if model.scoring and not options.scoring_script:
        context.progress("scoring script", f"{script} of the trainer")
    return PackedFiles(
        scoring_script=script,
        python=model.python,
        requirements=pins.requirements,
        answers_predict=options.method == "predict",
    )


def _expected(request: PackageRequest[BundleOptions]) -> ExpectedModel:
    model = request.model
    return ExpectedModel(
        name=model.name,
        python=model.python,
        find_distributions=lambda: model.distributions,
        framework=model.framework,
        framework_version=model.framework_version,
        imports=request.imports,
        full_imports=request.full_imports,
        is_recorded=True,
    )


def _report(judged: Judged, context: Context) -> None:
    """Report what differs from the environment as it was written."""
    for name in judged.pins.missing:
        context.warn(f"{name} is required but was not installed when the model was registered: it is not pinned")
    others = [name for name in judged.channels if name not in ("conda-forge", "nodefaults")]
    if others and judged.by_pip:
        names = ", ".join(judged.by_pip)
        context.warn(f"pip installs {names}, and not conda from {', '.join(others)}: the channel is only in conda.yml")
    elif judged.source.is_file and judged.by_pip:
        context.progress("environment", f"pip installs {', '.join(judged.by_pip)}, which the conda file names")
    if judged.source.left_out:
        names = ", ".join(judged.source.left_out)
        context.progress("environment", f"left out, because they are not Python distributions: {names}")


def _needs(options: BundleOptions, model: ModelVersion) -> list[str]:
    """The requirements that are pinned without a request: those of the model's framework or of the default script."""
    if options.scoring_script and options.environment is not None:
        return []
    if _own_script(options, model):
        return _framework(model)
    if obstacle := Servable(model.file_name, model.framework, model.file.is_dir()).obstacle:
        raise BadInput(obstacle, hint=SCRIPT_NEEDED)
    is_framed = any(column.dtype == "object" for column in model.columns) or (model.schema and model.schema.is_framed)
    return [SKLEARN, *(["pandas"] if is_framed else []), *(["skops"] if _is_skops(model) else [])]


def _own_script(options: BundleOptions, model: ModelVersion) -> Path | None:
    """The script of the manifest, else that of the trainer. None for the default script."""
    return options.scoring_script or model.scoring


def _framework(model: ModelVersion) -> list[str]:
    """The distribution that the model's framework names. Empty if none of that name was installed at the training."""
    name = canonicalize_name(model.framework)
    return [name] if model.framework == SKLEARN or name in model.distributions else []


def _is_skops(model: ModelVersion) -> bool:
    return model.file_name.endswith(".skops")


def _untrusted(model: ModelVersion) -> list[str]:
    """The types that the default script must trust: those that skops does not. The registration admitted them."""
    try:
        from skops.io import get_untrusted_types
    except ImportError:
        raise PluginError(f"{model.file_name} needs skops", hint="pip install 'lading[skops]'") from None
    try:
        return sorted(get_untrusted_types(file=model.file))
    except Exception as error:  # a file with this name can be anything
        raise BadInput(f"{model.file_name} is not a model of skops: {error}") from error


def _write_app(folder: Path, options: BundleOptions, model: ModelVersion) -> str:
    app = Folder(folder)
    own = _own_script(options, model)
    if own:
        script = own.name
        app.add_file(own, script)
    else:
        script = _DEFAULT_NAME
        app.add_file(_DEFAULT_SCRIPT, script)
        app.add_file(_ROWS, _ROWS.name)
        app.add_text(_json(_scoring(options, model)), "scoring.json")
    for path in (*options.include, *model.modules):
        app.add(path)
    return script


def _scoring(options: BundleOptions, model: ModelVersion) -> dict[str, Json]:
    """What the default script reads: the model, what it takes and gives, and the form of its answers."""
    return {
        "model_file": model.file_name,
        "columns": _columns(model),
        **({"trusted": _untrusted(model)} if _is_skops(model) else {}),
        **({"schema": model.schema.served} if model.schema else {}),
        **{name: getattr(options, name) for name in options.answers_otherwise},
    }


def _write_environment(folder: Path, model: ModelVersion, channels: Sequence[str], pins: Pins) -> None:
    import yaml

    lines = list(pins.file_lines)
    # pip installs all of them under conda too: a channel may lack the versions that the model was trained with.
    conda = {
        "name": model.name,
        "channels": list(channels or ("conda-forge",)),
        "dependencies": [f"python={model.python}", "pip", {"pip": lines}],
    }
    top = Folder(folder)
    for address in pins.addresses.values():
        if address.wheel:
            top.add_file(address.wheel, f"wheels/{address.wheel.name}")
    top.add_text(yaml.safe_dump(conda, sort_keys=False), "conda.yml")
    top.add_text("".join(f"{line}\n" for line in lines), "requirements.txt")


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
            **({"schema": model.schema.served} if model.schema else {}),
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
