"""What the stages leave behind: runs, model versions, packages, deployments, events. All frozen, all serialisable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal

from .options import Json, Options
from .services import GoldenRequest


class Shown:
    """A record that a notebook shows as a table of its fields, those that `repr` shows."""

    def _repr_html_(self) -> str:
        from html import escape

        shown = (item.name for item in fields(self) if item.repr)  # type: ignore[arg-type]
        rows = (f"<tr><th>{escape(name)}</th><td>{escape(str(getattr(self, name)))}</td></tr>" for name in shown)
        return f"<table>{''.join(rows)}</table>"


@dataclass(frozen=True)
class Column:
    """A feature or the label, as the model was trained on it. `dtype` is NumPy's name: float64, int64, object, ..."""

    name: str
    dtype: str


@dataclass(frozen=True)
class Distribution:
    """An installed distribution: its version and its unconditional and conditional requirements (PEP 508)."""

    version: str
    requires: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelReference:
    """A model version in a registry, as that registry names it."""

    registry: str
    name: str
    version: str
    url: str | None = None


@dataclass(frozen=True)
class TrackedRun:
    """A run as a tracker keeps it: its id there and, where it has one, the page a person can open."""

    tracker: str
    id: str
    url: str | None = None


@dataclass(frozen=True)
class Run(Shown):
    """One execution of `train`. `state` is running, finished or failed.

    `inputs` maps the path of each file that the manifest names to its sha256. `reads` does so for what else the
    training read: files by their paths in the project, a folder with the digest of its listing, and None for a file
    that did not exist.
    """

    id: str
    name: str
    state: str
    started: datetime
    ended: datetime | None = None
    parameters: Mapping[str, Json] = field(default_factory=dict)
    metrics: Mapping[str, Json] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    reads: Mapping[str, str | None] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)
    git_commit: str | None = None
    model_sha256: str | None = None
    error: str | None = None
    tracked: tuple[TrackedRun, ...] = ()


@dataclass(frozen=True)
class ModelVersion(Shown):
    """A registered, immutable model. `file` is read-only and lies in the store; `sha256` is of its bytes.

    `distributions` is what was installed when the model was trained (or, for a finished model, registered): the pins
    of every package of this model come from it. `modules` are source files that the model needs where it is scored.
    `samples` are golden requests that were recorded when it was trained.
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


@dataclass(frozen=True)
class Package(Shown):
    """The deployable bundle of one model version.

    `folder` (read-only, in the store) holds `azureml-app/` with the scoring script, `conda.yml`, `requirements.txt`
    and `package.json`; the model file is laid out beside it by `lading.lay_out`. `digest` covers these files and the
    model's name, file name and sha256, and nothing else.
    """

    digest: str
    folder: Path
    scoring_script: str
    model: ModelVersion
    python: str
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class Deployment:
    """One service on one target block. `service` is its remote name; `release` is None before the first one.

    `written` is the block of its options with `${NAME}` as the manifest has it, for what a target keeps.
    """

    service: str
    target: str
    options: Options
    release: int | None = None
    package_digest: str | None = None
    model_sha256: str | None = None
    written: Mapping[str, Json] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Release(Shown):
    """A numbered entry in a deployment's history.

    `state` is pending, up, superseded, refused (a golden request was answered wrongly, or not at all), failed or
    deleted. `restores` is the number of the earlier release whose package it brought up again. `golden_requests` are
    those it was accepted with, with `${NAME}` as the manifest wrote it; None where it never came up.
    """

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


class State(StrEnum):
    """What a target says of a deployment."""

    ABSENT = "absent"
    PENDING = "pending"
    RUNNING = "running"
    FAILED = "failed"
    STOPPED = "stopped"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Status(Shown):
    """A deployment as its target sees it; the digests come from the target's own tags, never from the store."""

    state: State
    package_digest: str | None = None
    model_sha256: str | None = None
    detail: str = ""


EventKind = Literal[
    "stage.started",
    "stage.reused",
    "stage.finished",
    "stage.failed",
    "progress",
    "warning",
    "release.up",
    "release.refused",
    "release.rolled_back",
    "release.deleted",
]
"""What can happen."""


@dataclass(frozen=True)
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
    """Take no notice of an event."""
