"""What crosses the hooks of connections, gates and the stages up to the package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .options import Json, Options
from .records import Column, Distribution, ModelReference, ModelVersion, Run


@dataclass(frozen=True)
class ConnectRequest:
    name: str
    options: Options


@dataclass(frozen=True)
class GateRequest:
    """A stage that is about to start, on a target where the stage is `deploy`."""

    service: str
    stage: str
    options: Options
    target: str = ""
    package_digest: str | None = None


@dataclass(frozen=True)
class TrainRequest:
    """`folder` is empty and the trainer's own; `name` is the manifest's."""

    name: str
    options: Options
    folder: Path


@dataclass(frozen=True)
class TrainedModel:
    """A model file and what was learnt about it. `modules` are source files that scoring needs (a training script)."""

    file: Path
    framework: str
    framework_version: str
    parameters: Mapping[str, Json] = field(default_factory=dict)
    metrics: Mapping[str, Json] = field(default_factory=dict)
    columns: tuple[Column, ...] = ()
    label: Column | None = None
    modules: tuple[Path, ...] = ()


@dataclass(frozen=True)
class InspectRequest:
    """A finished model file, which must be described without being loaded."""

    file: Path


@dataclass(frozen=True)
class RegisterRequest:
    """A model to register. `file` has `sha256`; `reference` is the store's own version, None for the store itself."""

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
