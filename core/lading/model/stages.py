"""What crosses the hooks of connections, gates and the stages up to the package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .options import Json, Options
from .records import Column, Distribution, ModelReference, ModelVersion, Run
from .services import GoldenRequest


@dataclass(frozen=True)
class ConnectRequest:
    name: str
    options: Options


@dataclass(frozen=True)
class GateRequest:
    """A stage that is about to start; for `deploy` with its target and package. `folder` is the manifest's."""

    service: str
    stage: str
    options: Options
    target: str = ""
    package_digest: str | None = None
    folder: Path = Path()


@dataclass(frozen=True)
class TrainRequest:
    """`folder` is empty and the trainer's own; `name` is the manifest's.

    `samples` is how many golden requests to record: rows of the training data, spread over it, at most as many as it
    has, each with the answer that the model gives to it right after training.

    `project` is the folder whose files count as inputs if the training reads them; `named` are the files and folders
    that the options name, which count anyway.
    """

    name: str
    options: Options
    folder: Path
    samples: int = 0
    project: Path = Path()
    named: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Import:
    """A global that loading a model file would import.

    `kind` is `known` (of the framework's own libraries), `dangerous` (it can run code, or reach files or a network) or
    `other`.
    """

    module: str
    name: str
    kind: str


@dataclass(frozen=True)
class FileContents:
    """What a model file holds, read without loading it.

    `format` names its compression (`raw` for none); `protocol` is pickle's, None where the file is no pickle; `size` is
    in bytes, as stored. `classes` are dotted names. `complete` is False where the file could not be followed to its
    end: what comes after that place is not known.
    """

    format: str
    protocol: int | None
    size: int
    classes: tuple[str, ...]
    imports: tuple[Import, ...]
    complete: bool

    @property
    def dangerous(self) -> tuple[Import, ...]:
        """The imports that can run code, or reach files or a network."""
        return tuple(found for found in self.imports if found.kind == "dangerous")


@dataclass(frozen=True)
class TrainedModel:
    """A model file and what was learnt about it. `modules` are source files that scoring needs (a training script).

    `contents` is told by trainers that can read a model file without loading it, and only for a finished one.
    `samples` are the golden requests that were asked for: one each of the form `{"data": [[…]]}`, with the list of one
    prediction as its response.
    `reads` are the files and folders of the project that the training read beside the named ones, each with the text
    that `lading.file_stamp` gave when it was first read: `Reads` collects them in the training process. A file that the
    training wrote is not among them. None means that they are not known, so that the next command trains again.
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


@dataclass(frozen=True)
class InspectRequest:
    """A finished model file, which must be described without being loaded."""

    file: Path


@dataclass(frozen=True)
class RegisterRequest:
    """A model to register. `file` has `sha256`; `reference` is the store's own version, None for the store itself.

    `samples` are the golden requests that were recorded when it was trained. Where there are none, a registry that is
    not the store is given the manifest's, with `${NAME}` as written.
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


@dataclass(frozen=True)
class PackageRequest:
    """`folder` is empty; the packager writes `azureml-app/` and the environment files into it."""

    model: ModelVersion
    options: Options
    folder: Path


@dataclass(frozen=True)
class PackedFiles:
    """What a packager wrote: the scoring script relative to `azureml-app/`, and the pinned requirements."""

    scoring_script: str
    python: str
    requirements: tuple[str, ...]
