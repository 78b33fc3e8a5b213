"""The places of the service of a target block: the present one, and the old ones that are not cleared yet."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..model import Json
    from .reuse import Reuse

_STAGE = "deploy"  # the stage of these rows, because `deploy` records them


@dataclass(frozen=True)
class Place:
    """A place: the name of the service, its connection, and the options of the target that say where it is."""

    service: str
    connection: str | None = None
    options: Mapping[str, Json] = field(default_factory=dict)

    def compared_with(self, other: Place) -> str:
        """The place in words: the service, and what differs from another place."""
        known = {**self.options, "connection": self.connection}
        others = {**other.options, "connection": other.connection}
        found = [f"{name} {value}" for name, value in known.items() if value is not None and value != others.get(name)]
        return f"{self.service} ({', '.join(found)})" if found else self.service


@dataclass(frozen=True)
class Places:
    """The places of one block.

    A block is known by its manifest's path from the store, its target's name and its model's name. So a manifest that
    was copied or rewritten for another model never clears the place of a service that it does not know.
    """

    reuse: Reuse
    block: str

    @classmethod
    def of(cls, reuse: Reuse, root: Path, manifest: Path, target: str, model: str) -> Places:
        """The places of a target in a manifest. `root` is the folder of the store."""
        return cls(reuse, json.dumps(["place", os.path.relpath(manifest.absolute(), root.absolute()), target, model]))

    @property
    def last(self) -> Place | None:
        """The place of the last release; None before the first one."""
        return _place(self._row.get("last"))

    @property
    def old(self) -> tuple[Place, ...]:
        """The places that are not cleared yet, oldest first."""
        found = self._row.get("old")
        return tuple(filter(None, map(_place, found if isinstance(found, list) else [])))

    @property
    def all(self) -> tuple[Place, ...]:
        """The places that are not cleared yet, oldest first, and then that of the last release."""
        return (*self.old, *filter(None, [self.last]))

    def put(self, last: Place | None, old: Sequence[Place]) -> None:
        """Record the places, if they have changed."""
        row = {"last": _json(last) if last else None, "old": list(map(_json, old))}
        if row != self._row:
            self.reuse.put(self.block, _STAGE, row)

    def forget(self) -> None:
        """Forget the places: nothing is up at any of them."""
        if self._row:
            self.reuse.put(self.block, _STAGE, {})

    @property
    def _row(self) -> Mapping[str, Any]:
        found = self.reuse.get(self.block)
        return found if isinstance(found, dict) else {}


def _json(place: Place) -> dict[str, Json]:
    return {"service": place.service, "connection": place.connection, "options": dict(place.options)}


def _place(found: Json) -> Place | None:
    """The place of a row; None if the row is not one."""
    if not isinstance(found, dict):
        return None
    service, connection, options = (found.get(name) for name in ("service", "connection", "options"))
    if isinstance(service, str) and isinstance(connection, str | None) and isinstance(options, dict):
        return Place(service, connection, options)
    return None
