"""The evaluating process: `python -m lading_sklearn.measuring RESULT`. It loads the model and measures it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lading import BadInput, Json, PluginError, StageFailed

from . import skops_file
from .cells import Reading
from .child import as_json, main
from .metrics import greater_is_better, scorer_names

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Rows:
    """Rows with their answers. `inputs` has a column for each of `features`, or is a series of the only one.

    `answers` has the shape (rows,), or (rows, outputs). `label` names the columns of the answers.
    """

    inputs: Any
    answers: np.ndarray[Any, Any]
    features: list[str]
    label: str


def measure(spec: Mapping[str, Json], _folder: Path) -> dict[str, Json]:
    """The metrics of the model that `spec` names, on the rows that it names."""
    try:
        # Imported first, to detect a user's module with the name of one of these modules.
        import joblib  # noqa: F401
        import sklearn  # noqa: F401
    except ImportError as error:
        raise PluginError(f"an evaluation needs {error.name}", hint="pip install 'lading[sklearn]'") from None
    model = load(spec)
    rows = read_rows(spec, model)
    found = _metrics(model, rows.inputs, rows.answers, spec["metrics"])
    directions = {name: greater_is_better(name) for name in found}
    return {
        "metrics": {name: as_json(value, name) for name, value in found.items()},
        "greater_is_better": {name: greater for name, greater in directions.items() if greater is not None},
    }


def _loaded(file: Path) -> Any:
    """The model in a file that was trained or admitted here. So all types in it are trusted."""
    if skops_file.is_skops(file):
        return skops_file.module().load(file, trusted=skops_file.untrusted(file))
    import joblib

    return joblib.load(file)


def load(spec: Mapping[str, Json]) -> Any:
    """Load the model that `spec` names. Raises StageFailed if it cannot be loaded or cannot predict."""
    sys.path[:0] = spec["modules"]
    try:
        model = _loaded(Path(spec["file"]))
    except Exception as error:  # a file can raise any exception
        raise StageFailed(f"the model cannot be loaded: {type(error).__name__}: {error}") from error
    if not hasattr(model, "predict"):
        raise StageFailed(f"the model is a {type(model).__name__}, which cannot predict")
    return model


def read_rows(spec: Mapping[str, Json], model: Any) -> Rows:
    """The rows to measure on: all rows of a file, or those that the training held out."""
    from .columns import Intake, read_answers
    from .dates import without_dates
    from .fitting import as_list, parts, regressor
    from .framing import use_inputs
    from .intake import takes_documents
    from .table import read_table

    plain, dates = without_dates(model)
    reading = replace(Reading.of(spec["reading"]), dates=dates)
    named = getattr(model, "feature_names_in_", None)
    features = as_list(spec["features"] or (spec["columns"] if named is None else list(map(str, named))))
    if not features:
        raise BadInput("the model does not say which columns it takes: name them under features", option="features")
    labels = as_list(spec["label"] or _only_other(spec["data"], features, reading))
    flat = spec["flat"] or takes_documents(plain)
    taken = Intake(plain, features, reading, flat=flat)
    table = read_table(spec["data"], [*features, *labels], reading)
    inputs = use_inputs(model, taken.read(table), lambda found: found, framed=named is not None, flat=flat)
    answers = read_answers(table, labels, reading, regressor(plain))
    if spec["split"] is None:
        return Rows(inputs, answers, features, ", ".join(labels))
    _fit_part, held_out = parts(table, inputs, answers, spec["split"])
    if held_out is None:
        raise BadInput("the training held no rows out: name a file under data", option="data")
    return Rows(*held_out, features, ", ".join(labels))


def _only_other(data: str, features: list[str], reading: Reading) -> str:
    from .table import read_header

    others = [name for name in read_header(Path(data), reading) if name not in features]
    if len(others) != 1:
        raise BadInput(f"which column has the answers: {', '.join(others) or 'none is left'}?", option="label")
    return others[0]


def _metrics(model: Any, inputs: Any, answers: Any, wanted: list[str]) -> dict[str, Any]:
    """The metrics that a run records, and the requested scorers."""
    from .fitting import scores

    try:
        found: dict[str, Any] = scores(model, inputs, answers)
    except Exception as error:  # a model can raise any exception
        raise StageFailed(f"the model cannot predict these rows: {type(error).__name__}: {error}") from error
    for name in wanted:
        if name not in found and name in scorer_names():
            found[name] = _score(name, model, inputs, answers)
    return found


def _score(name: str, model: Any, inputs: Any, answers: Any) -> float:
    from sklearn.metrics import get_scorer

    try:
        value: float = get_scorer(name)(model, inputs, answers)
    except Exception as error:  # each scorer has its own exceptions
        raise BadInput(f"the model has no {name}: {error}", option=f"require.{name}") from error
    return value


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), measure))
