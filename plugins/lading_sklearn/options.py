"""What a manifest may say under `train:` for the plugin `sklearn`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Literal

from lading import InputFiles, InputPath, Json, Options, Range, Text

from .rules import check_cells, check_training

DottedName = Annotated[str, Text(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")]
Variable = Annotated[str, Text(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Name = Annotated[str, Text(min_length=1, max_length=200)]
DatePart = Literal["year", "month", "day", "weekday", "dayofyear", "hour", "minute"]


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
class Query(Options):
    """Rows of a database, read with SQLAlchemy. It needs the extra `sql`."""

    sql: Annotated[str, Text(min_length=1)]
    """The query: `SELECT area, price FROM homes`."""

    url: Annotated[str, Text(min_length=1)]
    """The address of the database as SQLAlchemy writes it: `${DATABASE_URL}`. A relative path of an SQLite file starts
    at the folder of the manifest."""


@dataclass(frozen=True)
class Columns(Options):
    """The table that a model is trained on, and its columns."""

    data: Query | InputFiles | Mapping[str, InputFiles]
    """The table that an estimator is trained on: a file (CSV with a header, Parquet, or JSON lines, each also with
    gzip), a pattern such as `parts/*.csv`, `{train: FILE, test: FILE}`, or `{sql: QUERY, url: ADDRESS}`. For a script
    any path, or a mapping of paths."""

    features: tuple[Name, ...] | Name = ()
    """The columns that the model predicts from. One name without brackets is a column of text that the model gets as a
    series, as `TfidfVectorizer` needs it."""

    label: tuple[Name, ...] | Name | None = None
    """The column that it predicts; a list for several outputs."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The features as a list."""
        return (self.features,) if isinstance(self.features, str) else self.features

    @property
    def label_names(self) -> tuple[str, ...]:
        """The labels as a list."""
        return (self.label,) if isinstance(self.label, str) else self.label or ()


@dataclass(frozen=True)
class CellOptions(Options):
    """How the cells of a table are read."""

    delimiter: Annotated[str, Text(min_length=1, max_length=1)] | None = None
    """The character between two cells of a CSV file: by default a comma, and a tab in a file `.tsv`."""

    decimal: Literal[".", ","] | None = None
    """The decimal mark of numbers in a CSV file, by default a point."""

    thousands: Literal[",", ".", " ", "'", "_"] | None = None
    """The mark between groups of digits in a CSV file: with `","`, `1,000` is a number."""

    encoding: Annotated[str, Text(max_length=40)] | None = None
    """The encoding of CSV and JSON files, such as `cp1252`; by default UTF-8."""

    missing: tuple[Annotated[str, Text(max_length=200)], ...] = ()
    """Additional words for a missing value, such as `"?"`. An empty cell, `NA` and the other words of pandas always
    are one. The model gets NaN, if its first step or its estimator takes that."""

    dates: Mapping[Name, tuple[DatePart, ...]] = field(default_factory=dict)
    """The parts of dates that the model gets as numbers: `sold: [year, month, weekday]`. A part is `year`, `month`,
    `day`, `weekday` (0 is Monday), `dayofyear`, `hour` or `minute`. In `steps` its column is called `sold_year`."""

    def reading(self) -> dict[str, Json]:
        """These options by name, without those that are not set."""
        named = ((each.name, getattr(self, each.name)) for each in fields(CellOptions))
        return {name: value for name, value in named if value}


@dataclass(frozen=True)
class SklearnOptions(CellOptions, Columns):
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

    time_limit: Annotated[float, Range(gt=0)] | None = None
    """Seconds after which the training is stopped."""

    save_as: Literal["joblib", "skops"] = "joblib"
    """The format of the model file. `skops` needs the extra `skops`; such a file runs no code when it is loaded."""

    env: tuple[Variable, ...] = ()
    """Names of the environment variables that the training may see beyond the usual ones (PATH, HOME, ...)."""

    def __post_init__(self) -> None:
        check_training(self)

    @property
    def cannot_record(self) -> str:
        return "a training script chooses its own rows" if self.script else ""

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

    time_limit: Annotated[float, Range(gt=0)] | None = None
    """Seconds after which the evaluation is stopped."""

    def __post_init__(self) -> None:
        check_cells(self)

    def unknown_metric(self, name: str, training: Options | None) -> str:
        from .metrics import unknown_metric  # it imports scikit-learn for a name that it does not know itself

        return unknown_metric(name, scripted=isinstance(training, SklearnOptions) and training.script is not None)
