"""What a manifest may say under `train:` for the plugin `sklearn`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from lading import InputPath, Json, Options, Range, Text

DottedName = Annotated[str, Text(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")]
Variable = Annotated[str, Text(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Name = Annotated[str, Text(min_length=1, max_length=200)]


@dataclass(frozen=True)
class Step(Options):
    """One named step of a pipeline."""

    name: Annotated[str, Text(pattern=r"^[A-Za-z]\w*$", max_length=200)]
    """Name of the step."""

    estimator: DottedName
    """Dotted name of its class, such as `sklearn.preprocessing.StandardScaler`."""

    params: Mapping[str, Json] = field(default_factory=dict)
    """Arguments of the class; `{estimator: NAME, params: {...}}` anywhere in them is a nested estimator."""


@dataclass(frozen=True)
class SklearnOptions(Options):
    """One of `estimator`, `steps` and `script` says what is trained."""

    data: InputPath | Mapping[str, InputPath]
    """The CSV file with a header that an estimator is trained on; for a script any path, or a mapping of paths."""

    features: tuple[Name, ...] = ()
    """The columns that the model predicts from."""

    label: Name | None = None
    """The column that it predicts."""

    estimator: DottedName | None = None
    """Dotted name of the estimator's class, such as `sklearn.linear_model.LinearRegression`."""

    steps: tuple[Step, ...] = ()
    """The named steps of a pipeline, the last of which predicts."""

    inputs: tuple[InputPath, ...] = ()
    """Additional inputs: a change of these files and folders trains again. Files of the project that Python code reads
    are inputs already. Name files here that a library reads without Python (Parquet, HDF5) or another program reads,
    and files outside the project."""

    script: InputPath | None = None
    """A Python file with `def train(data, log, **params)`. It returns a fitted model, or the `Path` of a file or folder
    with a saved model; `log(name, value)` records a metric. The script runs in an empty folder. The file goes into
    every package of the model; modules that it imports are named in `package: include`."""

    params: Mapping[str, Json] = field(default_factory=dict)
    """Arguments of the estimator or of the script's function."""

    test_size: Annotated[float, Range(gt=0, lt=1)] | None = None
    """The share of the rows that is held out and scored; without it the model is scored on what it was fitted to."""

    random_state: Annotated[int, Range(ge=0, le=2**32 - 1)] | None = None
    """The seed of the split."""

    time_limit: Annotated[float, Range(gt=0)] | None = None
    """Seconds after which the training is stopped."""

    save_as: Literal["joblib", "skops"] = "joblib"
    """The format of the model file. `skops` needs the extra `skops`; such a file runs no code when it is loaded."""

    env: tuple[Variable, ...] = ()
    """Names of the environment variables that the training may see beyond the usual ones (PATH, HOME, ...)."""

    def __post_init__(self) -> None:
        chosen = [name for name in ("estimator", "steps", "script") if getattr(self, name)]
        if len(chosen) != 1:
            raise ValueError(_choose(chosen))
        rules = _SCRIPT_RULES if self.script else _DECLARED_RULES
        for broken, message in rules:
            if broken(self):
                raise ValueError(message)

    @property
    def cannot_record(self) -> str:
        return "a training script chooses its own rows" if self.script else ""

    @property
    def model_imports(self) -> tuple[str, ...] | None:
        if self.script:
            return None
        written = [self.estimator, self.params, *((step.estimator, step.params) for step in self.steps)]
        return ("sklearn", *sorted(_modules(written) - {"sklearn"}))

    @property
    def nothing_held_out(self) -> str:
        if self.script:
            return "a training script holds out its own rows"
        if self.test_size is None:
            return "the training holds no rows out, because it has no test_size"
        return (
            "" if self.random_state is not None else "the split of the training cannot be repeated without random_state"
        )


@dataclass(frozen=True)
class SklearnEvaluation(Options):
    """How the metrics of a model are measured."""

    features: tuple[Name, ...] = ()
    """The columns of `data` that the model predicts from; by default those that it was trained on."""

    label: Name | None = None
    """The column of `data` with the right answers; by default the label of the training, or the one column left."""

    time_limit: Annotated[float, Range(gt=0)] | None = None
    """Seconds after which the evaluation is stopped."""

    def unknown_metric(self, name: str, training: Options | None) -> str:
        from .metrics import unknown_metric  # it imports scikit-learn for a name that it does not know itself

        return unknown_metric(name, scripted=isinstance(training, SklearnOptions) and training.script is not None)


def _modules(value: Json, *, is_name: bool = True) -> set[str]:
    """The top-level modules of the estimators in a value: in `{estimator: NAME}`, or a name itself if `is_name`."""
    if isinstance(value, str):
        return {value.partition(".")[0]} if is_name else set()
    if isinstance(value, Mapping):
        return set().union(*(_modules(item, is_name=key == "estimator") for key, item in value.items()))
    if isinstance(value, list | tuple):
        return set().union(*(_modules(item, is_name=is_name) for item in value))
    return set()


def _choose(chosen: list[str]) -> str:
    if not chosen:
        return "name an estimator, steps or a script"
    return f"{chosen[-1]}: {' and '.join(chosen)} exclude each other; keep one"


def _repeats(names: tuple[str, ...]) -> bool:
    return len(set(names)) < len(names)


_SCRIPT_RULES = (
    (lambda options: options.features, "features: a script chooses its own columns; pass them under params"),
    (lambda options: options.label, "label: a script chooses its own columns; pass it under params"),
    (lambda options: options.test_size, "test_size: a script splits its own data; pass it under params"),
    (lambda options: options.random_state is not None, "random_state: a script has its own; pass it under params"),
)
_DECLARED_RULES = (
    (lambda options: isinstance(options.data, Mapping), "data: an estimator is trained on one file"),
    (lambda options: not options.features, "features: name the columns that the model predicts from"),
    (lambda options: _repeats(options.features), "features: a column is named twice"),
    (lambda options: not options.label, "label: name the column that the model predicts"),
    (lambda options: options.label in options.features, "label: the column is also a feature"),
    (lambda options: options.steps and options.params, "params: each step has its own"),
    (lambda options: _repeats(tuple(step.name for step in options.steps)), "steps: a name is used twice"),
    (lambda options: any("__" in step.name for step in options.steps), "steps: a name holds two underscores in a row"),
    (
        lambda options: options.random_state is not None and options.test_size is None,
        "random_state: it seeds the split, so it needs test_size; an estimator takes its own under params",
    ),
)
