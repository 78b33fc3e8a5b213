"""The types of a plan: the stages of a deploy, the reasons, and the settings of a target on another target."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .counterparts import Fate
from .options import Json
from .records import Shown

_DIGEST = re.compile("[0-9a-f]{64}")


class Action(StrEnum):
    """The effect on the output of a stage. `update` keeps the old output until the new one exists; `replace` cannot."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    REUSE = "reuse"
    LEAVE = "leave"


SYMBOLS: Mapping[str, str] = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "-/+",
    Action.REUSE: "=",
    Action.LEAVE: ".",
}
"""The sign of each action in the output of `lading plan`."""


@dataclass(frozen=True, kw_only=True)
class Change(Shown):
    """A changed input of a stage. `field` has dots between its parts, as in the manifest if the input is in it.

    `old` and `new` are None if the input did not or does not exist. For a file they are digests, and for a value of a
    variable the reference; then `note` names the change.
    """

    field: str
    old: Json = None
    new: Json = None
    note: str = ""

    def __str__(self) -> str:
        if self.old == self.new:
            return f"~ {self.field}: {self.note}"
        if self.old is None:
            return f"+ {self.field}: {_short(self.new)}"
        if self.new is None:
            return f"- {self.field}: {_short(self.old)}"
        return f"~ {self.field}: {_short(self.old)} → {_short(self.new)}"


@dataclass(frozen=True, kw_only=True)
class Drift(Shown):
    """A contradiction between the store and the target: the value in the store, and the value of the target."""

    field: str
    believed: str | None
    found: str | None

    def __str__(self) -> str:
        return f"! {self.field}: the store has {_short(self.believed)}, the target {_short(self.found)}"


class PlanEffect(StrEnum):
    """The effect of a change on a target. A deploy with a refused change ends before it trains."""

    REFUSED = "refused"
    """The target cannot change this in place."""
    GAP = "gap"
    """The service does not answer while the new release replaces the old one."""
    LEFT = "left"
    """Something stays at the old place."""
    MOVED = "moved"
    """The service is removed from its old place once the new release is up."""
    CHANGED = "changed"
    """An object of the service on its platform changes."""


@dataclass(frozen=True, kw_only=True)
class PlanFinding(Shown):
    """A finding about a change; `option` and `hint` are those of a `TargetFinding`."""

    message: str
    effect: PlanEffect
    option: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        return f"{self.effect}: {self.message}"


@dataclass(frozen=True, kw_only=True)
class PlannedStage(Shown):
    """The plan of one stage; for the stage `deploy`, on one target.

    `findings` are the target's findings about the change.

    `known_after` names the earlier stage whose output decides whether this one runs at all; it is empty if that is
    certain. `outputs` are None if they are known only after the stage has run. `key` is a digest of `inputs`, with
    the values of variables; `release` is the one that is up now.
    """

    stage: str
    action: Action
    reason: str
    target: str = ""
    known_after: str = ""
    changes: tuple[Change, ...] = ()
    drift: tuple[Drift, ...] = ()
    findings: tuple[PlanFinding, ...] = ()
    outputs: Mapping[str, str | None] = field(default_factory=dict)
    release: int | None = None
    key: str = ""
    inputs: Mapping[str, Json] = field(default_factory=dict, repr=False)

    @property
    def subject(self) -> str:
        """The name of the stage in messages: `train`, `deploy to local`."""
        return f"{self.stage} to {self.target}" if self.target else self.stage

    @property
    def details(self) -> Iterator[str]:
        """The changes, the findings with their next steps, and the outputs of the stage, one per line."""
        yield from _found(self)
        for name, value in self.outputs.items():
            yield f"{name}: {value if value is not None else f'known after {self.stage}'}"


@dataclass(frozen=True, kw_only=True)
class Setting(Shown):
    """One setting or capability of the target `origin`, and its fate on `target`."""

    origin: str
    target: str
    name: str
    fate: Fate
    detail: str = ""

    @property
    def lost(self) -> bool:
        """Whether it is lost in whole or in part."""
        return self.fate in (Fate.LOSSY, Fate.UNSUPPORTED)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The actions of a `deploy` now, stage by stage.

    `settings` compares a target with the one that its service comes from. `inputs` are the parts of the manifest
    besides the stages (samples, connections, gates, observers), and `key` is their digest.
    """

    manifest: str
    service: str
    targets: tuple[str, ...]
    created: datetime
    stages: tuple[PlannedStage, ...]
    settings: tuple[Setting, ...] = ()
    store: str | None = None
    key: str = ""
    inputs: Mapping[str, Json] = field(default_factory=dict, repr=False)

    @property
    def has_changes(self) -> bool:
        """Whether a deploy would change anything."""
        return any(stage.action not in (Action.REUSE, Action.LEAVE) for stage in self.stages)

    @property
    def losses(self) -> tuple[Setting, ...]:
        """The settings that are lost in whole or in part."""
        return tuple(setting for setting in self.settings if setting.lost)

    def lines(self, target: str | None = None) -> Iterator[str]:
        """The stages as `lading plan` prints them. With `target`, only the deploy to that target is included."""
        stages = [stage for stage in self.stages if target is None or stage.target in ("", target)]
        width = max((len(stage.subject) for stage in stages), default=0)
        for stage in stages:
            yield f"{SYMBOLS[stage.action]:<3} {stage.subject:<{width}}  {stage.reason}"
            yield from (f"      {line}" for line in stage.details)

    def _repr_html_(self) -> str:
        from html import escape

        rows = ((SYMBOLS[s.action], s.subject, s.action, s.reason, _changed(s)) for s in self.stages)
        cells = ("".join(f"<td>{escape(str(cell))}</td>" for cell in row) for row in rows)
        head = "".join(f"<th>{name}</th>" for name in ("", "stage", "action", "why", "changes"))
        return f"<table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"


def _changed(stage: PlannedStage) -> str:
    return "; ".join(line.strip() for line in _found(stage))


def _found(stage: PlannedStage) -> Iterator[str]:
    yield from map(str, (*stage.changes, *stage.drift))
    for finding in stage.findings:
        yield str(finding)
        if finding.hint:
            yield f"  {finding.hint}"


def _short(value: Json) -> str:
    """A value in readable form. A digest is shortened."""
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value)
    return text[:12] if _DIGEST.fullmatch(text) else text if len(text) <= 80 else f"{text[:80]}…"
