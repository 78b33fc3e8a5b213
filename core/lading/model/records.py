"""The records of the stages: model versions, packages, deployments, events. All are frozen and serialisable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Generic, Literal

from .distributions import Distribution
from .options import Json, OptionsT_co
from .parts import MODELS, ModelPart
from .schema import Schema
from .served import Served
from .services import GoldenRequest


class Shown:
    """A record that a notebook shows as a table, with the fields that `repr` shows."""

    def _repr_html_(self) -> str:
        from html import escape

        shown = (item.name for item in fields(self) if item.repr)  # type: ignore[arg-type]
        rows = (f"<tr><th>{escape(name)}</th><td>{escape(str(getattr(self, name)))}</td></tr>" for name in shown)
        return f"<table>{''.join(rows)}</table>"


@dataclass(frozen=True, kw_only=True)
class Column:
    """A feature or the label, as the model was trained on it. `dtype` is NumPy's name: float64, int64, object, ..."""

    name: str
    dtype: str


@dataclass(frozen=True, kw_only=True)
class ModelReference:
    """A model version in a registry, as that registry names it."""

    registry: str
    name: str
    version: str
    url: str | None = None


@dataclass(frozen=True, kw_only=True)
class ModelVersion(Shown):
    """A registered, immutable model. `file` is read-only and lies in the store; `sha256` is of its bytes.

    `file` may be a folder. `sha256` is then the digest of the list of its files, and `lading.model_files(file,
    file_name)` gives them by their paths below `AZUREML_MODEL_DIR`.

    `distributions` are those that were installed when the model was trained (or, for a finished model, registered). The
    pins of every package of this model come from them. `modules` are source files that the model needs for scoring.
    `samples` are golden requests that were recorded when it was trained. `scoring` is the scoring script of its
    trainer. A package uses it unless the manifest names another one. `schema` is None if nobody has recorded it.

    `parts` are the models of a manifest with `register.models`. Then `file` is the folder of all of them, in the layout
    of Azure: `AZUREML_MODEL_DIR` leads to this folder itself, and `file_name` is `azureml-models`.
    """

    name: str
    version: int
    sha256: str
    file: Path
    file_name: str
    created: datetime
    framework: str
    framework_version: str
    python: str
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    run: str | None = None
    columns: tuple[Column, ...] = ()
    label: Column | None = None
    distributions: Mapping[str, Distribution] = field(default_factory=dict, repr=False)
    modules: tuple[Path, ...] = ()
    references: tuple[ModelReference, ...] = ()
    samples: tuple[GoldenRequest, ...] = field(default=(), repr=False)
    scoring: Path | None = None
    schema: Schema | None = field(default=None, repr=False)
    parts: tuple[ModelPart, ...] = ()

    @property
    def directory(self) -> str:
        """The path of `AZUREML_MODEL_DIR` below the folder in which a package is laid out."""
        return MODELS if self.parts else f"{MODELS}/{self.name}/{self.version}"


@dataclass(frozen=True, kw_only=True)
class Package(Shown):
    """The deployable bundle of one model version.

    `folder` (read-only, in the store) holds `azureml-app/` with the scoring script, `conda.yml`, `requirements.txt` and
    `package.json`; the model is laid out beside it by `lading.lay_out`. `digest` covers these files and the model's
    name, file name and sha256, the places of several models, and no other data. `own_script` tells whether the scoring
    script is the user's own; None if the packager leaves it open. `answers_predict` is that of `PackedFiles`.
    """

    digest: str
    folder: Path
    scoring_script: str
    model: ModelVersion
    python: str
    requirements: tuple[str, ...]
    own_script: bool | None = None
    answers_predict: bool = True


@dataclass(frozen=True, kw_only=True)
class Deployment(Generic[OptionsT_co]):
    """One service on one target block. `service` is its remote name; `release` is None before the first one.

    `release` is the number of the release that is up in this store, and `release_id` its id, unique among all stores.

    A plugin names its options type, as in `Deployment[MyOptions]`, and the same in each request with options. `written`
    is the block of the options with `${NAME}` as in the manifest, for records that a target keeps.
    """

    service: str
    target: str
    options: OptionsT_co
    release: int | None = None
    release_id: str | None = None
    package_digest: str | None = None
    model_sha256: str | None = None
    written: Mapping[str, Json] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class Release(Shown):
    """A numbered entry in a deployment's history.

    `number` counts in this store; `id` is unique among all stores. `state` is pending, up, canary (it serves beside the
    release that is up), superseded, aborted (it was a canary), refused (a golden request was answered wrongly, or not
    at all), failed or deleted. `restores` is the number of the earlier release whose package it deployed again.
    `golden_requests` are those that it was accepted with, with `${NAME}` as in the manifest; None if it never came up.
    `asked` tells whether it has answered a request before it was up: otherwise only its start is known to succeed.
    `secrets` has a salted digest of each variable that it was deployed with. `model_version` is 0 if another store has
    brought it up and this store does not have its model. `beside` tells whether it was deployed as
    a canary, and `promoted` whether such a release has become the stable one.
    """

    id: str
    service: str
    target: str
    number: int
    package_digest: str
    model: str
    model_version: int
    model_sha256: str
    state: str
    started: datetime
    ended: datetime | None = None
    reason: str = ""
    restores: int | None = None
    golden_requests: tuple[GoldenRequest, ...] | None = field(default=None, repr=False)
    asked: bool = False
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    beside: bool = False
    promoted: bool = False

    @property
    def versioned_model(self) -> str:
        """The name and the version of its model, for people."""
        return f"{self.model}:{self.model_version or 'unknown'}"

    @property
    def came_up(self) -> bool:
        """Whether it has been the stable release, after it answered its golden requests.

        Records of an older version of Lading have no `promoted`, so the state counts too.
        """
        was_stable = self.promoted or not self.beside or self.state in ("up", "superseded")
        return self.golden_requests is not None and was_stable


class State(StrEnum):
    """The state of a deployment, as its target reports it."""

    ABSENT = "absent"
    PENDING = "pending"
    RUNNING = "running"
    FAILED = "failed"
    STOPPED = "stopped"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Status(Shown):
    """A deployment as its target sees it; digests and release id come from the target's own tags, not from the store.

    `changed` has the parts that differ from the content of the release, each with words about the change. A key is the
    name of an option, such as `image` or `env.MODE`. A deploy repairs them. `extra` holds facts of the platform that
    have no field here, as JSON.

    `releases` has each release that serves, of a target with the capability `traffic`. The other fields are about the
    stable one.
    """

    state: State
    package_digest: str | None = None
    model_sha256: str | None = None
    release_id: str | None = None
    detail: str = ""
    changed: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Json] = field(default_factory=dict)
    releases: tuple[Served, ...] = ()


EventKind = Literal[
    "stage.started",
    "stage.reused",
    "stage.finished",
    "stage.failed",
    "progress",
    "warning",
    "release.up",
    "release.canary",
    "release.refused",
    "release.rolled_back",
    "release.promoted",
    "release.aborted",
    "release.deleted",
]
"""The kinds of events. Options that list kinds are checked against it."""

Severity = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, kw_only=True)
class EventMeaning:
    """The meaning of a kind of events.

    `word` is its text on the screen; an event of the kind `progress` brings its own text. `ends_stage` means that the
    stage ends with it: well, or badly if it is an error. `passing` means that it matters only until the next event.
    """

    word: str
    severity: Severity = "info"
    ends_stage: bool = False
    passing: bool = False


EVENT_KINDS: Mapping[EventKind, EventMeaning] = {
    "stage.started": EventMeaning(word="started", passing=True),
    "stage.reused": EventMeaning(word="unchanged", ends_stage=True),
    "stage.finished": EventMeaning(word="done", ends_stage=True),
    "stage.failed": EventMeaning(word="failed", severity="error", ends_stage=True),
    "progress": EventMeaning(word="", severity="debug", passing=True),
    "warning": EventMeaning(word="warning", severity="warning"),
    "release.up": EventMeaning(word="up", ends_stage=True),
    "release.canary": EventMeaning(word="canary", ends_stage=True),
    "release.refused": EventMeaning(word="refused", severity="error"),  # a stage.failed follows
    "release.rolled_back": EventMeaning(word="rolled back", severity="warning"),
    "release.promoted": EventMeaning(word="promoted", ends_stage=True),
    "release.aborted": EventMeaning(word="aborted", severity="warning"),
    "release.deleted": EventMeaning(word="deleted"),
}
"""Every kind with its meaning. A test compares it with `EventKind` and with the events that the engine emits."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something the engine did; `fields` is JSON."""

    kind: EventKind
    at: datetime
    service: str
    stage: str = ""
    target: str = ""
    detail: str = ""
    fields: Mapping[str, Json] = field(default_factory=dict)


OnEvent = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Ignore an event."""
