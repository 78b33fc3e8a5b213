"""What a manifest may say under `train:` for the plugin `sklearn`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from lading import Duration, InputPath, Json, Options, Range, Text

from .table_options import CellOptions, Name, Query, TableOptions, check_cells, check_table, repeats

if TYPE_CHECKING:
    from lading import PackageProblem

DottedName = Annotated[str, Text(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")]
Variable = Annotated[str, Text(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]

SCRIPT_FORM = "write def train(data, log, **params): ..."


@dataclass(frozen=True)
class Step(Options):
    """One named step of a pipeline."""

    name: Annotated[str, Text(pattern=r"^[A-Za-z]\w*$", max_length=200)]
    """Name of the step."""

    estimator: DottedName
    """Dotted name of its class, such as `sklearn.preprocessing.StandardScaler`."""

    params: Mapping[str, Json] = field(default_factory=dict)
    """Arguments of the class; `{estimator: NAME, params: {...}}` anywhere in them is a nested estimator."""

    def __post_init__(self) -> None:
        _check_dotted(self.estimator)


@dataclass(frozen=True)
class SklearnOptions(TableOptions):
    """One of `estimator`, `steps` and `script` says what is trained."""

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
    with a saved model; `log(name, value)` records a metric, and `log(name, value, step=i)` each of
    its steps too. The script runs in an empty folder. The file goes into
    every package of the model; modules that it imports are named in `package: include`."""

    params: Mapping[str, Json] = field(default_factory=dict)
    """Arguments of the estimator or of the script's function."""

    test_size: Annotated[float, Range(gt=0, lt=1)] | None = None
    """The share of the rows that is held out and scored; without it the model is scored on what it was fitted to."""

    random_state: Annotated[int, Range(ge=0, le=2**32 - 1)] | None = None
    """The seed of the split."""

    time_limit: Annotated[float, Range(gt=0), Duration()] | None = None
    """Seconds after which the training is stopped."""

    save_as: Literal["joblib", "skops"] = "joblib"
    """The format of the model file. `skops` needs the extra `skops`; such a file runs no code when it is loaded."""

    env: tuple[Variable, ...] = ()
    """Names of the environment variables that the training may see beyond the usual ones (PATH, HOME, ...)."""

    def __post_init__(self) -> None:
        _check_training(self)

    @property
    def cannot_record(self) -> str:
        return "a training script chooses its own rows" if self.script else ""

    @property
    def model_imports(self) -> tuple[str, ...] | None:
        if self.script:
            return None
        return ("sklearn", *sorted(self._named_modules() - {"sklearn"}))

    def model_modules(self, folder: Path) -> tuple[Path, ...]:
        if self.script:
            return ()
        from .own import own_modules  # most trainings name only installed libraries

        return own_modules({name.partition(".")[0] for name in self._named_modules()}, folder)

    def model_methods(self) -> tuple[str, ...] | None:
        if self.script or any(name.partition(".")[0] != "sklearn" for name in self._named_modules()):
            return None
        from .estimators import methods_of  # it imports scikit-learn

        return methods_of(self.estimator, [asdict(step) for step in self.steps], self.params)

    def training_problems(self) -> Sequence[PackageProblem]:
        if self.script is None:
            return ()
        from lading import PackageProblem, script_problem  # a deploy with nothing to do does not load them

        problem = script_problem(self.script, {"train": 2})
        return (PackageProblem(message=problem, hint=SCRIPT_FORM, option="script"),) if problem else ()

    def _named_modules(self) -> set[str]:
        return _modules([self.estimator, self.params, *((step.estimator, step.params) for step in self.steps)])

    @property
    def nothing_held_out(self) -> str:
        if self.script:
            return "a training script holds out its own rows"
        if isinstance(self.data, Query):
            return "the rows of a query can change"
        if isinstance(self.data, Mapping):
            return ""
        if self.test_size is None:
            return "the training holds no rows out, because it has no test_size"
        return (
            "" if self.random_state is not None else "the split of the training cannot be repeated without random_state"
        )


@dataclass(frozen=True)
class SklearnEvaluation(CellOptions):
    """How the metrics of a model are measured. By default the cells are read as the training reads them."""

    features: tuple[Name, ...] | Name = ()
    """The columns of `data` that the model predicts from; by default those that it was trained on."""

    label: tuple[Name, ...] | Name | None = None
    """The column of `data` with the right answers, or a list of them; by default the label of the training, or the one
    column left."""

    time_limit: Annotated[float, Range(gt=0), Duration()] | None = None
    """Seconds after which the evaluation is stopped."""

    def __post_init__(self) -> None:
        check_cells(self)

    def unknown_metric(self, name: str, training: Options | None) -> str:
        from .metrics import unknown_metric  # it imports scikit-learn for a name that it does not know itself

        return unknown_metric(name, scripted=isinstance(training, SklearnOptions) and training.script is not None)


def _modules(value: Json, *, is_name: bool = True) -> set[str]:
    """The modules of the estimators in a value: in `{estimator: NAME}`, or a name itself if `is_name`."""
    if isinstance(value, str):
        return {value.rpartition(".")[0] or value} if is_name else set()
    if isinstance(value, Mapping):
        return set().union(*(_modules(item, is_name=key == "estimator") for key, item in value.items()))
    if isinstance(value, list | tuple):
        return set().union(*(_modules(item, is_name=is_name) for item in value))
    return set()


def _check_training(options: SklearnOptions) -> None:
    """Raise ValueError for options that exclude each other or say too little."""
    chosen = [name for name in ("estimator", "steps", "script") if getattr(options, name)]
    if len(chosen) != 1:
        raise ValueError(_choose(chosen))
    rules = _SCRIPT_RULES if options.script else _DECLARED_RULES
    for broken, message in rules:
        if broken(options):
            raise ValueError(message)
    if options.estimator:
        _check_dotted(options.estimator)
    if options.script:
        for name in options.reading():
            raise ValueError(f"{name}: a script reads its own data; pass it under params")
    else:
        check_table(options)


def _check_dotted(name: str) -> None:
    if "." not in name:
        raise ValueError(f"estimator: {name} has no module: write MODULE.{name}, as in sklearn.linear_model.Ridge")


def _choose(chosen: list[str]) -> str:
    if not chosen:
        return "name an estimator, steps or a script"
    return f"{chosen[-1]}: {' and '.join(chosen)} exclude each other; keep one"


def _is_incomplete(options: SklearnOptions) -> bool:
    return isinstance(options.data, Mapping) and options.data.keys() != {"train", "test"}


def _is_several(options: SklearnOptions) -> bool:
    """Whether the data of a script is a query or a pattern for files."""
    several = [options.data] if not isinstance(options.data, Mapping) else options.data.values()
    return any(not isinstance(file, Path) or (_has_mark(file) and not file.exists()) for file in several)


def _has_mark(file: Path) -> bool:
    return any(mark in str(file) for mark in "*?[")


_Rules = tuple[tuple[Callable[["SklearnOptions"], object], str], ...]

_SCRIPT_RULES: _Rules = (
    (_is_several, "data: a script gets paths; name files or their folder, and pass a query under params"),
    (lambda options: options.features, "features: a script chooses its own columns; pass them under params"),
    (lambda options: options.dates, "dates: a script reads its own data; pass them under params"),
    (lambda options: options.label, "label: a script chooses its own columns; pass it under params"),
    (lambda options: options.test_size, "test_size: a script splits its own data; pass it under params"),
    (lambda options: options.random_state is not None, "random_state: a script has its own; pass it under params"),
)
_DECLARED_RULES: _Rules = (
    (
        _is_incomplete,
        "data: an estimator is trained on a file, on {train: FILE, test: FILE} or on {sql: QUERY, url: ADDRESS}",
    ),
    (
        lambda options: isinstance(options.data, Mapping) and options.test_size is not None,
        "test_size: data has its own test rows; keep one of the two",
    ),
    (lambda options: not options.features, "features: name the columns that the model predicts from"),
    (lambda options: repeats(options.feature_names), "features: a column is named twice"),
    (lambda options: not options.label, "label: name the column that the model predicts"),
    (lambda options: repeats(options.label_names), "label: a column is named twice"),
    (lambda options: set(options.label_names) & set(options.feature_names), "label: the column is also a feature"),
    (lambda options: options.steps and options.params, "params: each step has its own"),
    (lambda options: repeats(tuple(step.name for step in options.steps)), "steps: a name is used twice"),
    (lambda options: any("__" in step.name for step in options.steps), "steps: a name holds two underscores in a row"),
    (
        lambda options: options.random_state is not None and options.test_size is None,
        "random_state: it seeds the split, so it needs test_size; an estimator takes its own under params",
    ),
)
