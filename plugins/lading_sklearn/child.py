"""The training process: `python -m lading_sklearn.child RESULT`.

It reads the options from one line of stdin and writes the model beside RESULT, and into RESULT what is known of it, or
the failure that stopped it. It ends, and what it started with it, as soon as its stdin closes: then the host has died.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lading import Json, LadingError, PluginError, Reads, StageFailed, Transient

if TYPE_CHECKING:
    from .fitting import Fitted


def main(result: Path) -> int:
    spec = sys.stdin.readline()
    _end_with_the_host()
    try:
        answer = _train(json.loads(spec), result.with_name("model.joblib"))
    except LadingError as error:
        answer = {"error": {"kind": type(error).__name__, "message": error.message, "hint": error.hint}}
    result.write_text(json.dumps(answer), encoding="utf-8")
    return 1 if "error" in answer else 0


def _end_with_the_host() -> None:
    pipe = os.dup(0)
    with open(os.devnull) as nothing:  # noqa: PTH123 - stdin of a script that asks for one
        os.dup2(nothing.fileno(), 0)
    threading.Thread(target=_watch, args=(pipe,), daemon=True).start()


def _watch(pipe: int) -> None:
    while os.read(pipe, 4096):
        pass
    with suppress(ProcessLookupError):  # started by hand, it leads no session
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def _train(spec: Mapping[str, Json], file: Path) -> dict[str, Json]:
    try:
        # First of all, so that a script named like a part of it is found out.
        import joblib
        import sklearn
    except ImportError as error:
        raise PluginError(f"training needs {error.name}", hint="pip install 'lading[sklearn]'") from None
    if spec["script"]:
        from .scripts import fit_script as fit
    else:
        from .fitting import fit_declared as fit
    reads = Reads(Path(spec["project"]), map(Path, spec["named"]), file.with_name("reads.jsonl"))
    reads.spread()
    fitted = fit(spec)
    try:
        joblib.dump(fitted.model, file)
    except OSError as error:
        raise Transient(f"cannot write {file}: {error.strerror}") from error
    except Exception as error:  # pickling calls code of any class
        raise StageFailed(f"the model cannot be kept in a file: {error}") from error
    return {**_answer(fitted, file, sklearn.__version__), "reads": reads.stop()}


def _answer(fitted: Fitted, file: Path, version: str) -> dict[str, Json]:
    return {
        "file": file.name,
        "framework_version": version,
        "parameters": {**fitted.parameters, **_parameters(fitted.model)},
        "metrics": {name: _json(value, name) for name, value in fitted.metrics.items()},
        "columns": [{"name": name, "dtype": dtype} for name, dtype in fitted.columns],
        "samples": fitted.samples,
        "label": dict(zip(("name", "dtype"), fitted.label, strict=True)) if fitted.label else None,
    }


def _parameters(model: Any) -> dict[str, Json]:
    """What the model was made with, as far as it is JSON."""
    found = {}
    for name, value in (model.get_params() if hasattr(model, "get_params") else {}).items():
        with suppress(TypeError, ValueError):
            found[f"model.{name}"] = json.loads(json.dumps(value, allow_nan=False))
    return found


def _json(value: Any, name: str) -> Json:
    """A metric as JSON: NumPy's numbers and arrays as Python's, and null for what is not finite."""
    import numpy as np

    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_json(item, name) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise StageFailed(f"the metric {name} is a {type(value).__name__}", hint="log numbers, strings or lists of them")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
