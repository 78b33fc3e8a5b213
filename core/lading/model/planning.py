"""What a plan says: what a deploy would do, why, and what a target's settings are worth on another target."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .options import Json
from .records import Shown

_DIGEST = re.compile("[0-9a-f]{64}")


class Action(StrEnum):
    """What will happen to what a stage gave. `update` keeps the old until the new is there, `replace` cannot."""

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
"""The sign of each action, for people in a hurry."""


@dataclass(frozen=True)
class Change(Shown):
    """An input of a stage that is not what it was: `field` is dotted, as the manifest has it where it stands there.

    `old` and `new` are None where there was or is none. Of files they are digests, and of what came from a variable
    the reference; `note` then says what changed.
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


@dataclass(frozen=True)
class Drift(Shown):
    """Where the target contradicts the store: what the store believes, and what the target says."""

    field: str
    believed: str | None
    found: str | None

    def __str__(self) -> str:
        return f"! {self.field}: the store has {_short(self.believed)}, the target {_short(self.found)}"


@dataclass(frozen=True)
class PlannedStage(Shown):
    """What will happen in one stage, on one target where the stage is `deploy`.

    `known_after` names the earlier stage whose output decides whether this one runs at all; it is empty where that is
    certain. `outputs` are None where they are known only once the stage has run. `key` is a digest of `inputs`, with
    the values of variables; `release` is the one that is up now.
    """

    stage: str
    action: Action
    reason: str
    target: str = ""
    known_after: str = ""
    changes: tuple[Change, ...] = ()
    drift: tuple[Drift, ...] = ()
    outputs: Mapping[str, str | None] = field(default_factory=dict)
    release: int | None = None
    key: str = ""
    inputs: Mapping[str, Json] = field(default_factory=dict, repr=False)

    @property
    def subject(self) -> str:
        """The stage as people call it: `train`, `deploy to local`."""
        return f"{self.stage} to {self.target}" if self.target else self.stage


class Fate(StrEnum):
    """What becomes of a setting on another target."""

    KEPT = "kept"
    MAPPED = "mapped"
    LOSSY = "lossy"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True)
class Setting(Shown):
    """One setting or capability of the target `origin`, and what becomes of it on `target`."""

    origin: str
    target: str
    name: str
    fate: Fate
    detail: str = ""

    @property
    def lost(self) -> bool:
        """Whether it does not come through whole."""
        return self.fate in (Fate.LOSSY, Fate.UNSUPPORTED)


@dataclass(frozen=True)
class Plan:
    """What `deploy` would do now, stage by stage.

    `settings` compares a target with the one that its service comes from. `inputs` is what the manifest says beside
    the stages (samples, connections, gates, observers), and `key` its digest.
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
        """The settings that do not come through whole."""
        return tuple(setting for setting in self.settings if setting.lost)

    def _repr_html_(self) -> str:
        from html import escape

        rows = ((SYMBOLS[s.action], s.subject, s.action, s.reason, _changed(s)) for s in self.stages)
        cells = ("".join(f"<td>{escape(str(cell))}</td>" for cell in row) for row in rows)
        head = "".join(f"<th>{name}</th>" for name in ("", "stage", "action", "why", "changes"))
        return f"<table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"


def _changed(stage: PlannedStage) -> str:
    return "; ".join(map(str, (*stage.changes, *stage.drift)))


def _short(value: Json) -> str:
    """A value as people read it: a digest by its beginning."""
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value)
    return text[:12] if _DIGEST.fullmatch(text) else text if len(text) <= 80 else f"{text[:80]}…"
