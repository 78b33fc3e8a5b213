"""The types of the hooks of connections and of the stages up to the package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic

from .distributions import Distribution
from .options import Json, OptionsT_co
from .parts import ModelPart
from .records import Column, ModelReference, ModelVersion
from .runs import Run
from .schema import Schema
from .services import GoldenRequest


@dataclass(frozen=True, kw_only=True)
class ConnectRequest(Generic[OptionsT_co]):
    name: str
    options: OptionsT_co


@dataclass(frozen=True, kw_only=True)
class TrainRequest(Generic[OptionsT_co]):
    """`folder` is empty and the trainer's own; `name` is the manifest's.

    `samples` is how many golden requests to record: rows of the training data, spread over it, at most as many as it
    has, each with the answer that the model gives to it right after training.

    `project` is the folder whose files count as inputs if the training reads them; `named` are the files and folders
    that the options name, which count anyway.

    `base` is the folder of the manifest. A relative path in a text of the options starts there.
    """

    name: str
    options: OptionsT_co
    folder: Path
    samples: int = 0
    project: Path = Path()
    named: tuple[Path, ...] = ()
    base: Path = Path()


@dataclass(frozen=True, kw_only=True)
class Import:
    """A global that loading a model file would import.

    `kind` is `known` (listed as harmless), `dangerous` (it can run code, or reach files or a network) or `other`. A
    model with an import that is not known is refused, unless the manifest trusts it. The module and the name are `?` if
    the file composes them while it is loaded.
    """

    module: str
    name: str
    kind: str

    @property
    def path(self) -> str:
        """The name as a manifest writes it under `register: trust`."""
        return f"{self.module}.{self.name}"


@dataclass(frozen=True, kw_only=True)
class FileContents:
    """The content of a model, read without loading it.

    `format` names its compression (`raw` for none); `protocol` is that of pickle, None if the file is not a pickle;
    `size` is in bytes, as stored. `classes` are dotted names. `complete` is False if the file could not be read to its
    end: then the rest of it is not known. `is_pickle` is False for a file that every unpickler rejects before it
    imports anything. Such a file is complete.

    `holds` says what the file holds, in words (`a dict with the keys model, columns`), if that is certainly not a
    fitted model with `predict()`. It is empty otherwise.

    For a model that is a folder, `format` is `folder` and `size` counts all files. `files` has each pickle in it by its
    name, beginning with the folder's; `classes`, `imports` and `complete` cover all of them.
    """

    format: str
    protocol: int | None
    size: int
    classes: tuple[str, ...]
    imports: tuple[Import, ...]
    complete: bool
    files: Mapping[str, FileContents] = field(default_factory=dict)
    is_pickle: bool = True
    holds: str = ""

    @property
    def modules(self) -> tuple[str, ...]:
        """The top-level modules of the imports."""
        return tuple(sorted({found.module.partition(".")[0] for found in self.imports}))

    @property
    def full_modules(self) -> tuple[str, ...]:
        """The modules of the imports, with dots."""
        return tuple(sorted({found.module for found in self.imports}))

    @property
    def dangerous(self) -> tuple[Import, ...]:
        """The imports that can run code, or reach files or a network."""
        return tuple(found for found in self.imports if found.kind == "dangerous")

    @property
    def unknown(self) -> tuple[Import, ...]:
        """The imports that are not listed as harmless."""
        return tuple(found for found in self.imports if found.kind != "known")


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """A model and the facts about it. `modules` are source files that scoring needs (a training script).

    `file` is one file, or a folder that holds only the files of the model. It lies in `request.folder`, and no link
    leads to it; `lading_inspect` returns its `request.file`. Every file system must be able to keep its name unchanged.
    The framework keeps a copy: the names and bytes of its files, but no links, modes, empty folders or `__pycache__`.

    A number in `parameters` or `metrics` that is not finite is kept as None.
    Trainers that can read a model file without loading it give `contents`, for a finished one only.
    `scoring` is the scoring script of the framework: a Python file in `request.folder`, with `init()` and
    `run(raw_data)`. A packager uses it unless the manifest names another script. `lading_inspect` returns none.
    `samples` are the golden requests that were asked for: one each of the form `{"data": [[…]]}`, with the list of one
    prediction as its response.
    `reads` are the files and folders of the project that the training read beside the named ones, each with the text
    that `lading.file_stamp` gave when it was first read: `Reads` collects them in the training process. A file that the
    training wrote is not among them. None means that they are not known, so that the next command trains again.
    `schema` is what the model takes and gives. It has no cell of the training data that fewer than ten rows have.
    `requires` are requirements (PEP 508) of a finished model that the metadata of its framework's version lacks, such
    as `numpy<2`.
    """

    file: Path
    framework: str
    framework_version: str
    parameters: Mapping[str, Json] = field(default_factory=dict)
    metrics: Mapping[str, Json] = field(default_factory=dict)
    columns: tuple[Column, ...] = ()
    label: Column | None = None
    modules: tuple[Path, ...] = ()
    contents: FileContents | None = None
    samples: tuple[GoldenRequest, ...] = ()
    reads: Mapping[Path, str] | None = field(default_factory=dict)
    scoring: Path | None = None
    schema: Schema | None = None
    requires: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class InspectRequest:
    """A finished model, a file or a folder, which must be described without being loaded."""

    file: Path


@dataclass(frozen=True, kw_only=True)
class RegisterRequest:
    """A model to register. `file` has `sha256`; `reference` is the store's own version, None for the store itself.

    `file` may be a folder; `lading.model_files(file, file_name)` gives the files of either kind.

    `samples` are the golden requests that were recorded when it was trained. If there are none, a registry other than
    the store gets the manifest's, with `${NAME}` as written.

    `scoring` is the scoring script that the trainer returned. A registry need not keep it.

    `parts` are the models in the folder `file`, if the manifest registers several together. See `ModelVersion`.

    `imports` are the modules that loading the model imports, as in `PackageRequest`. `included` are the files and
    folders that the package will have beside its scoring script. The store itself gets neither.
    """

    name: str
    sha256: str
    file: Path
    file_name: str
    framework: str
    framework_version: str
    python: str
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    run: Run | None = None
    columns: tuple[Column, ...] = ()
    label: Column | None = None
    distributions: Mapping[str, Distribution] = field(default_factory=dict)
    modules: tuple[Path, ...] = ()
    samples: tuple[GoldenRequest, ...] = ()
    reference: ModelReference | None = None
    scoring: Path | None = None
    schema: Schema | None = None
    parts: tuple[ModelPart, ...] = ()
    imports: tuple[str, ...] = ()
    included: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PackageRequest(Generic[OptionsT_co]):
    """`folder` is empty; the packager writes `azureml-app/` and the environment files into it.

    `imports` are the modules that loading the model imports, without dots: `sklearn`, `xgboost`. `full_imports` has
    them with dots. Both are empty for a model that is not a pickle.
    """

    model: ModelVersion
    options: OptionsT_co
    folder: Path
    imports: tuple[str, ...] = ()
    full_imports: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PackedFiles:
    """The output of a packager: the scoring script relative to `azureml-app/`, and the pinned requirements.

    A requirement may be `NAME @ file:wheels/FILE` for a wheel in the package; see `lading.install_lines`.
    `answers_predict` tells whether the script answers a row with `predict()`, as far as the packager knows. Otherwise
    the first release of the package gives the answers of recorded golden requests.
    """

    scoring_script: str
    python: str
    requirements: tuple[str, ...]
    answers_predict: bool = True
