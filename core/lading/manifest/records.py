"""The content of a valid manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from ..model import GoldenRequest, InputFiles, InputPath, Json, Options, Range, Requirements, Text
from .words import BLOCK_NAME, COMPARED_MODEL, IMPORT_NAME, MODEL_NAME

if TYPE_CHECKING:
    from .rollout import Rollout

Path_ = tuple[str | int, ...]
"""A path in the document: `("targets", "local", "port")`."""

_TRAINER = "sklearn"  # it also evaluates

DEFAULT_PLUGINS = {
    "train": _TRAINER,
    "evaluate": _TRAINER,
    "register": "store",
    "package": "bundle",
    "image": "docker",
    "target": "local",
}
"""The plugin of each role if a manifest does not name one. The `register` plugin always registers a model first. The
core does not name plugins anywhere else."""

DEFAULT_TARGET = DEFAULT_PLUGINS["target"]
"""The only target, with default options, of a manifest without targets."""


class SectionRef(NamedTuple):
    """A block that holds the options of a plugin.

    `role` is train, evaluate, package, image, connection, target, observer or gate. `name` is the name of a target or
    connection; for other roles it is the plugin's name. `connection` is the name in the block of a target or an image.
    """

    path: Path_
    role: str
    plugin: str
    name: str
    connection: str | None = None


@dataclass(frozen=True)
class Section:
    """A block with checked options.

    `value` is the block without the keys that the core reads, for cache keys. Variables are replaced by their text,
    also for an option that takes a number. A duration is in seconds, unless a variable gives it. `record` is the same
    with `${NAME}` as written; it may be stored and shown. `inputs` maps the dotted path of each `InputPath` in the
    options to the absolute path. `service_name`, `keep_old_place` and `rollout` are only set for targets.
    `is_partial` says that options which only a deploy needs are left out, because they break a rule of their types.
    """

    path: Path_
    role: str
    plugin: str
    name: str
    options: Options
    value: Json
    record: Json
    inputs: Mapping[str, Path]
    connection: str | None = None
    service_name: str = ""
    keep_old_place: bool = False
    rollout: Rollout | None = None
    is_partial: bool = False


@dataclass(frozen=True)
class RegisterSchema(Options):
    """What is recorded of the data that a model takes."""

    values: bool = True
    """Whether the schema of the model has values: categories and classes that occur in at least ten rows of the
    training data, and one example that is made up of medians and frequent categories."""


@dataclass(frozen=True)
class FinishedModel(Options):
    """One of several finished models."""

    file: InputPath
    """The model: a file, or a folder of files."""
    version: Annotated[int, Range(ge=1, le=999_999_999)] = 1
    """The number of its folder. Azure ML gives its own numbers."""


@dataclass(frozen=True)
class Register(Options):
    """How the model is registered."""

    model: Annotated[str, Text(pattern=MODEL_NAME)] = ""
    """Name of the registered model; by default the manifest's name."""
    file: InputPath | None = None
    """A finished model, instead of `train`: a file, or a folder of files."""
    models: Mapping[Annotated[str, Text(pattern=MODEL_NAME)], FinishedModel] | None = None
    """Several finished models by their names, instead of `file`. Each lies in `NAME/VERSION/` below
    `AZUREML_MODEL_DIR`, and `Model.get_model_path(NAME)` finds it. A `scoring_script` of your own must use them."""
    description: str = ""
    """The purpose of the model."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of the model version; values are text."""
    to: tuple[Annotated[str, Text(pattern=BLOCK_NAME)], ...] = ()
    """Additional connections that register the model."""
    trust: tuple[Annotated[str, Text(pattern=IMPORT_NAME)], ...] = ()
    """Names that loading a model from elsewhere may import, such as `mylib.Scaler`. Without this, a finished model or
    an exported package is refused if it imports a name that is not known to be harmless. A model that was trained here
    and the classes of the modules under `package` need no entry."""
    schema: RegisterSchema = field(default_factory=RegisterSchema)
    """What is recorded of the data that the model takes."""


@dataclass(frozen=True)
class NoWorseThan(Options):
    """The model that a new one is compared with."""

    model: Annotated[str, Text(pattern=COMPARED_MODEL)]
    """`serving` (the model that a target serves now), `registered` (its newest version) or `NAME:VERSION`."""
    target: Annotated[str, Text(pattern=BLOCK_NAME)] = ""
    """The target of the `serving` model. By default the first target of the command, or the manifest's target."""
    tolerance: Annotated[float, Range(ge=0)] = 0.0
    """How much worse a metric may be, as a share of the compared value: 0.01 is one per cent."""


@dataclass(frozen=True)
class EvaluateKeys(Options):
    """The keys of the block `evaluate` that the core reads. The evaluator reads the others."""

    data: InputFiles | None = None
    """A file to evaluate on, or a pattern such as `parts/*.csv`. By default the rows that the training held out."""
    require: Requirements = field(default_factory=dict)
    """The requirement on each metric, such as `r2: ">= 0.9"`. The operators are `>=`, `>`, `<=`, `<` and `==`. The
    names are those that a run records and those of scikit-learn's scorers."""
    no_worse_than: NoWorseThan | None = None
    """A model to compare with, on the same data. The new model must not be worse in the metrics under `require`.
    Without `require`, the evaluator's first metric is compared."""


@dataclass(frozen=True)
class Manifest:
    """A valid manifest with the sections that were bound.

    Of `train`, `evaluate`, `package` and `image`, the others are None.

    `evaluate_keys` holds the keys of `evaluate` that the core reads. `services` maps each target to the remote name of
    its service. `samples_record` and `register_record` hold `samples` and the block of `register` with `${NAME}` as
    written; they may be stored and shown. `recorded` is the number of golden requests to record, if they are not in
    `samples`.
    """

    file: Path
    name: str
    train: Section | None
    evaluate: Section | None
    evaluate_keys: EvaluateKeys
    register: Register
    register_record: Mapping[str, Json]
    package: Section | None
    image: Section | None
    samples: tuple[GoldenRequest, ...]
    samples_record: tuple[GoldenRequest, ...]
    recorded: int
    connections: Mapping[str, Section]
    track: tuple[str, ...]
    observers: tuple[Section, ...]
    gates: tuple[Section, ...]
    default_targets: tuple[str, ...]
    targets: Mapping[str, Section]
    services: Mapping[str, str]
