"""What crosses the hooks: requests, results, and the context that every hook is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from .options import Json, Options
from .records import Column, Deployment, Distribution, ModelReference, ModelVersion, Package, Run

API_VERSION = 1
"""Version of the contract between host and plugins."""


class Capability(StrEnum):
    """What a target can do beyond `lading_deploy` and `lading_scoring_uri`; each but the last two names its hook."""

    STATUS = "status"
    LOGS = "logs"
    KEYS = "keys"
    DELETE = "delete"
    SCORING_URI = "scoring_uri"
    KEEPS_OLD_RELEASE = "keeps_old_release"


@dataclass(frozen=True)
class Description:
    """What a plugin says of itself.

    `cache_version` changes when the same inputs would give another output, and `libraries` are the distributions whose
    version shapes it; `connection` is the name of the connection plugin of its family; `api` is the contract that it
    was written against.
    """

    summary: str
    options: type[Options] = Options
    capabilities: frozenset[Capability] = frozenset()
    connection: str | None = None
    cache_version: str = "1"
    libraries: tuple[str, ...] = ()
    api: int = API_VERSION


class Secret:
    """A secret value: it shows itself as `***`, and only `reveal()` gives it away. It cannot be pickled."""

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __reduce__(self) -> Any:
        raise TypeError("a secret is never serialised")


class Models(Protocol):
    """The store's model versions, for the registry plugin of the store."""

    def register(self, request: RegisterRequest) -> ModelVersion:
        """Keep a model and give it the next version; the same bytes under the same name are the same version."""

    def get(self, name: str, version: int | None = None) -> ModelVersion | None:
        """A model version, the newest where none is named; None where there is no such version."""

    def list(self, name: str | None = None) -> Sequence[ModelVersion]:
        """All versions, newest first."""


class Connection(Protocol):
    """A signed-in account that a family of plugins shares; what it offers is between the plugins of that family."""


class Context(Protocol):
    """What the framework gives to every hook. A hook runs in a worker thread: it does not loop, sleep or print."""

    @property
    def work(self) -> Path:
        """A folder of this deployment's (or stage's) own; for a deployment it lasts as long as the store."""

    @property
    def deadline(self) -> datetime | None:
        """When the framework stops waiting (UTC)."""

    @property
    def cancelled(self) -> bool:
        """True once the user has asked to stop: end what you do and return or raise."""

    @property
    def connection(self) -> Any:
        """What the connection plugin returned; None where the plugin uses none."""

    @property
    def models(self) -> Models:
        """The store's model versions."""

    def progress(self, phase: str, detail: str = "") -> None:
        """Tell the user what is going on."""

    def warn(self, message: str) -> None:
        """Tell the user what should not be overlooked."""

    def secret(self, name: str) -> Secret:
        """The value of an environment variable. Raises BadInput where it is not set."""

    def intend(self, name: str) -> None:
        """Journal an outside effect under its deterministic name, before it happens."""


@dataclass(frozen=True)
class ConnectRequest:
    name: str
    options: Options


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


@dataclass(frozen=True)
class GoldenRequest:
    """A request whose answer is known. `tolerance` is relative, for floats."""

    request: Json
    response: Json
    tolerance: float = 1e-6


@dataclass(frozen=True)
class Verdict:
    """What the golden requests said of a candidate."""

    up: bool
    reason: str = ""


@dataclass(frozen=True)
class DeployRequest:
    """One step of a deploy. `verdict` is set once a `Candidate` has been asked; `tags` go on the thing created."""

    deployment: Deployment
    package: Package
    release: int
    tags: Mapping[str, str]
    verdict: Verdict | None = None


@dataclass(frozen=True)
class Pending:
    """Not there yet: call again after `retry_after` seconds."""

    phase: str
    detail: str = ""
    retry_after: float = 1.0


@dataclass(frozen=True)
class Candidate:
    """The new release answers at `uri` while the old one serves; call again with the verdict."""

    uri: str


@dataclass(frozen=True)
class Ready:
    """The new release serves."""


@dataclass(frozen=True)
class Failed:
    """The new release will not serve. `log` holds the last lines of its own log."""

    reason: str
    log: str = ""


DeployStep = Pending | Candidate | Ready | Failed


@dataclass(frozen=True)
class ScoringUri:
    """Where a deployment answers: from outside, from inside its network, and one per device where it has several."""

    uri: str
    internal: str | None = None
    devices: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class NoScoringUri:
    reason: str


@dataclass(frozen=True)
class LogsRequest:
    """`tail` lines from the end, or what came after `cursor`, which an earlier answer gave."""

    deployment: Deployment
    tail: int = 100
    cursor: str | None = None


@dataclass(frozen=True)
class Logs:
    lines: tuple[str, ...]
    cursor: str | None = None


@dataclass(frozen=True)
class Keys:
    primary: Secret
    secondary: Secret | None = None


@dataclass(frozen=True)
class GateRequest:
    """A stage that is about to start, on a target where the stage is `deploy`."""

    service: str
    stage: str
    options: Options
    target: str = ""
    package_digest: str | None = None
