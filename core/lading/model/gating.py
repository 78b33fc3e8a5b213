"""The types of the hook of gates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic

from .metrics import metrics_of
from .options import OptionsT_co
from .planning import Plan
from .records import ModelVersion, Release
from .runs import Run


@dataclass(frozen=True, kw_only=True)
class PreviousRelease:
    """The release that serves now, as the store records it. `run` is None for a model that was not trained here.

    `evaluated` has the metrics of such a model, if `evaluate` has measured it.
    """

    release: Release
    model: ModelVersion | None = None
    run: Run | None = None
    evaluated: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def metrics(self) -> Mapping[str, float | None]:
        """The metrics of its model, by the same names as those of a `GateRequest`."""
        return {**metrics_of(self.run), **self.evaluated}


@dataclass(frozen=True, kw_only=True)
class GateRequest(Generic[OptionsT_co]):
    """A stage that is about to start; for `deploy` with its target and package. `folder` is the manifest's.

    `run` has trained the model, and is None before it and for a finished model. `evaluated` has the metrics that
    `evaluate` has measured of a finished model. `request.metrics` are those of both. `model` is known from `package`
    on.

    `previous` is the release that the deploy will replace, with its own `metrics`. It is None for a first deploy, and
    on a machine whose store does not know the release, such as a CI runner.

    `plan` has the stages as `lading plan` showed them before the command's first work; for `deploy` also the deploy to
    `target`. For a rollback, an earlier model or an exported package it has the deploy alone. It is None for a command
    that does not deploy, and if no plan can be made.
    """

    service: str
    stage: str
    options: OptionsT_co
    target: str = ""
    package_digest: str | None = None
    folder: Path = Path()
    run: Run | None = None
    evaluated: Mapping[str, float | None] = field(default_factory=dict)
    model: ModelVersion | None = None
    previous: PreviousRelease | None = None
    plan: Plan | None = None

    @property
    def metrics(self) -> Mapping[str, float | None]:
        """The model's metrics, by the names under `evaluate: require`; None stands for a value that is not finite.

        Metrics of the evaluation come before those of the training. A finished model has those of its evaluation alone.
        """
        return {**metrics_of(self.run), **self.evaluated}
