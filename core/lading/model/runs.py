"""The records of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .options import Json
from .records import Shown


@dataclass(frozen=True, kw_only=True)
class TrackedRun:
    """A run in a tracker: its id there and, if it has one, its page for people."""

    tracker: str
    id: str
    url: str | None = None


@dataclass(frozen=True, kw_only=True)
class Run(Shown):
    """One execution of `train`. `state` is running, finished or failed.

    `inputs` maps the path of each file that the manifest names to its sha256. `reads` does the same for everything else
    that the training read: files by their paths in the project, and folders with the digest of their listing. A file
    that did not exist has None. `git_commit` is the commit of the project when the training began, and `git_dirty`
    tells whether the working tree then had changes; None if that is not known.
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
    git_dirty: bool | None = None
    model_sha256: str | None = None
    error: str | None = None
    tracked: tuple[TrackedRun, ...] = ()
