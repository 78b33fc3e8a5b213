"""The training process: `python -m lading_sklearn.child RESULT`.

It reads the options from one line of stdin. It writes the model beside RESULT. RESULT itself gets the model's
description, or the failure that stopped the process. When its stdin closes, the host has died: then the process ends,
with its own children. The evaluating process does the same with other `work`.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import shutil
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lading import BadInput, Json, LadingError, PluginError, Reads, StageFailed, Transient

from . import skops_file

if TYPE_CHECKING:
    from .fitting import Fitted


_NOT_THEIRS = (str(Path(__file__).parent), str(Path(importlib.__file__).parent), "<frozen ")
_SAVED = "saved"
"""The folder beside the result for a model that a script saved itself."""


def main(result: Path, work: Callable[[Mapping[str, Json], Path], dict[str, Json]]) -> int:
    """Do the work that one line of stdin describes, in the folder of `result`."""
    spec = sys.stdin.readline()
    _end_with_the_host()
    try:
        answer = work(json.loads(spec), result.parent)
    except LadingError as error:
        option = error.option if isinstance(error, BadInput) else ""
        answer = {"error": {"kind": type(error).__name__, "message": error.message, "hint": error.hint}}
        answer["error"] |= {"option": option} if option else {}
    except Exception as error:  # of the user's code, or of a library that it calls
        print_error(error)
        return 1
    result.write_text(json.dumps(answer), encoding="utf-8")
    return 1 if "error" in answer else 0


def print_error(error: Exception) -> None:
    """Print an error and its traceback, from the first frame that is not of this plugin or of an import."""
    found = error.__traceback__
    while found is not None and found.tb_frame.f_code.co_filename.startswith(_NOT_THEIRS):
        found = found.tb_next
    traceback.print_exception(error.with_traceback(found or error.__traceback__))


def _end_with_the_host() -> None:
    pipe = os.dup(0)
    with open(os.devnull) as nothing:  # noqa: PTH123 - stdin of a script that asks for one
        os.dup2(nothing.fileno(), 0)
    threading.Thread(target=_watch, args=(pipe,), daemon=True).start()


def _watch(pipe: int) -> None:
    while os.read(pipe, 4096):
        pass
    with suppress(ProcessLookupError):  # a process started by hand leads no session
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def _train(spec: Mapping[str, Json], folder: Path) -> dict[str, Json]:
    try:
        # Imported first, to detect a user's script with the name of one of these modules.
        import joblib
        import sklearn
    except ImportError as error:
        raise PluginError(f"training needs {error.name}", hint="pip install 'lading[sklearn]'") from None
    if spec["script"]:
        from .scripts import fit_script as fit
    else:
        from .fitting import fit_declared as fit
    dump = skops_file.module().dump if spec["save_as"] == "skops" else joblib.dump
    reads = Reads(Path(spec["project"]), map(Path, spec["named"]), folder / "reads.jsonl")
    reads.spread()
    fitted = fit(spec)
    saved = isinstance(fitted.model, Path)
    file = folder / (Path(_SAVED, fitted.model.resolve().name) if saved else f"model.{spec['save_as']}")
    try:
        _copy(fitted.model, file) if saved else dump(fitted.model, file)
    except OSError as error:  # shutil.Error has no text from the system
        raise Transient(f"cannot write {file}: {error.strerror or error}") from error
    except Exception as error:  # pickling runs code of any class
        raise StageFailed(f"the model cannot be kept in a file: {error}") from error
    framework = ("", "") if saved else ("scikit-learn", sklearn.__version__)
    return {**_answer(fitted, file.relative_to(folder), *framework), "reads": _reads(spec, reads.stop())}


def _reads(spec: Mapping[str, Json], found: dict[str, str] | None) -> dict[str, str] | None:
    """What the training read; None if it is not known. A query is known if it read an SQLite file of the project."""
    if not (isinstance(spec["data"], Mapping) and "sql" in spec["data"]) or spec["script"]:
        return found
    from .query import database_file

    file = database_file(spec["data"], Path(spec["base"]))
    return found if found and str(file) in found else None


def _copy(saved: Path, place: Path) -> None:
    """Copy a script's saved model. A link in a folder stays a link, and the host refuses it by name."""
    place.parent.mkdir()
    if saved.is_dir():
        shutil.copytree(saved, place, symlinks=True)
    else:
        shutil.copyfile(saved, place)


def _answer(fitted: Fitted, file: Path, framework: str, version: str) -> dict[str, Json]:
    metrics, unkept = kept_metrics(fitted.metrics)
    return {
        "file": str(file),
        "framework": framework,
        "framework_version": version,
        "parameters": {**fitted.parameters, **_parameters(fitted.model)},
        "metrics": metrics,
        "columns": [{"name": name, "dtype": dtype} for name, dtype in fitted.columns],
        "samples": fitted.samples,
        "schema": asdict(fitted.schema) if fitted.schema else None,
        "modules": list(map(str, fitted.modules)),
        "warnings": [*fitted.warnings, *unkept],
        "label": dict(zip(("name", "dtype"), fitted.label, strict=True)) if fitted.label else None,
    }


def _parameters(model: Any) -> dict[str, Json]:
    """The parameters of the model that can be written as JSON."""
    found = {}
    for name, value in (model.get_params() if hasattr(model, "get_params") else {}).items():
        with suppress(TypeError, ValueError):
            found[f"model.{name}"] = json.loads(json.dumps(value, allow_nan=False))
    return found


def kept_metrics(metrics: Mapping[str, Any]) -> tuple[dict[str, Json], list[str]]:
    """The metrics as JSON, and a warning for each one that cannot be stored. A finished training keeps its model."""
    kept, warnings = {}, []
    for name, value in metrics.items():
        try:
            kept[name] = as_json(value, name)
        except StageFailed as error:
            warnings.append(f"{error.message}, which cannot be stored: {error.hint}")
        except Exception as error:  # an object of any library
            warnings.append(f"the metric {name} cannot be stored: {type(error).__name__}: {error}")
    return kept, warnings


def as_json(value: Any, name: str) -> Json:
    """A metric as JSON: numbers and arrays of NumPy become Python's, and values that are not finite become null."""
    if hasattr(value, "tolist"):  # NumPy, and libraries that follow it
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [as_json(item, name) for item in value]
    if isinstance(value, Mapping):
        return {str(key): as_json(item, name) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise StageFailed(f"the metric {name} is a {type(value).__name__}", hint="log numbers, text, lists or mappings")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), _train))
