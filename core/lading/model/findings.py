"""The types of the hooks that check a deploy before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic

from .options import Json, Options, OptionsT_co
from .planning import PlanFinding
from .records import Deployment, Shown


class FindingSeverity(StrEnum):
    """How much a finding of a target matters. An error stops a deploy before it trains."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, kw_only=True)
class PreflightRequest(Generic[OptionsT_co]):
    """The deployment that is to be made or changed; `image` has the options of its image, if the target needs one."""

    deployment: Deployment[OptionsT_co]
    image: Options | None = None


@dataclass(frozen=True, kw_only=True)
class TargetFinding(Shown):
    """A finding of a target before the deploy; `hint` is the next step.

    `option` is the key of the target's block that it is about, with dots between its parts: `routes.0.to` is a key of
    the first item. The finding is reported at its line and column.
    """

    message: str
    severity: FindingSeverity = FindingSeverity.ERROR
    option: str | None = None
    hint: str | None = None


@dataclass(frozen=True, kw_only=True)
class TargetFindings:
    """All findings of a target before the deploy."""

    findings: tuple[TargetFinding, ...] = ()


@dataclass(frozen=True, kw_only=True)
class UpRelease:
    """A release that is up, as recorded in the store. `written` is the block that it was deployed with.

    Values of variables are not kept: `written` has `${NAME}` as the manifest had it. `rotated` are the names of
    variables that had another value then.
    """

    service: str
    release: int
    written: Mapping[str, Json] = field(default_factory=dict)
    rotated: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PlanRequest(Generic[OptionsT_co]):
    """A deployment with its new options, and the release of it that is up; None if there is none.

    `left` are releases of the same model on the same block under other names: a changed `service_name` leaves them up.
    """

    deployment: Deployment[OptionsT_co]
    up: UpRelease | None = None
    left: tuple[UpRelease, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PlanFindings:
    """All findings of a target about a change."""

    findings: tuple[PlanFinding, ...] = ()
