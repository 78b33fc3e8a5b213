"""The places of the service of a target block: the present one, and the old ones that are not cleared yet."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..model import Json
    from .reuse import Reuse

_KINDS = {
    "service": str,
    "connection": str | None,
    "options": dict,
    "account": dict,
    "seals": dict,
    "plugin": str,
}
_STAGE = "deploy"  # the stage of these rows, because `deploy` records them


def in_account(options: Mapping[str, Json]) -> dict[str, Json]:
    """Options of a connection, each under a name that no option of a target has."""
    return {f"connection.{name}": value for name, value in options.items()}


@dataclass(frozen=True)
class Place:
    """A place: the name of the service, and the options of the target and of its connection that say where it is.

    An option with a variable is as written, with `${NAME}`. `seals` has a digest of its value. `plugin` is that of the
    target, and `account` has the options of the connection.
    """

    service: str
    connection: str | None = None
    options: Mapping[str, Json] = field(default_factory=dict)
    account: Mapping[str, Json] = field(default_factory=dict)
    seals: Mapping[str, str] = field(default_factory=dict)
    plugin: str = ""

    def compared_with(self, other: Place) -> str:
        """The place in words: the service, and what differs from another place."""
        found = ", ".join(self._differences(other))
        return f"{self.service} ({found})" if found else self.service

    def _differences(self, other: Place) -> Iterator[str]:
        if self.plugin and other.plugin and self.plugin != other.plugin:
            yield f"plugin {self.plugin}"
        if self.connection != other.connection and self.connection is not None:
            yield f"connection {self.connection}"
        account = in_account(self.account) if self.connection == other.connection else {}
        others = {**other.options, **in_account(other.account)}
        for name, value in {**self.options, **account}.items():
            if value is None:
                continue
            if value != others.get(name):
                yield f"{name} {value}"
            elif self.seals.get(name) != other.seals.get(name):
                yield f"another value of {value} for {name}"


class Places:
    """The places of one block.

    A block is known by its manifest's path from the store, its target's name and its model's name. So a manifest that
    was copied or rewritten for another model never clears the place of a service that it does not know.
    """

    def __init__(self, reuse: Reuse, root: Path, manifest: Path, target: str, model: str) -> None:
        """The places of a target in a manifest. `root` is the folder of the store."""
        path = os.path.relpath(manifest.absolute(), root.absolute())
        self._reuse = reuse
        self.block = json.dumps(["place", path, target, model])

    @property
    def last(self) -> Place | None:
        """The place of the last release; None before the first one."""
        return self._known[1]

    @property
    def old(self) -> tuple[Place, ...]:
        """The places that are not cleared yet, oldest first."""
        return self._known[0]

    @property
    def all(self) -> tuple[Place, ...]:
        """The places that are not cleared yet, oldest first, and then that of the last release."""
        old, last = self._known
        return (*old, last) if last else old

    def put(self, last: Place | None, old: Sequence[Place]) -> None:
        """Record the places, if they have changed."""
        row = {"last": _json(last) if last else None, "old": list(map(_json, old))}
        if row != self._row:
            self._reuse.put(self.block, _STAGE, row)

    def forget(self) -> None:
        """Forget the places: nothing is up at any of them."""
        if self._row:
            self._reuse.put(self.block, _STAGE, {})

    @property
    def _known(self) -> tuple[tuple[Place, ...], Place | None]:
        """The old places and the last one, from one query."""
        row = self._row
        old = row.get("old")
        return tuple(filter(None, map(_place, old if isinstance(old, list) else []))), _place(row.get("last"))

    @property
    def _row(self) -> Mapping[str, Any]:
        found = self._reuse.get(self.block)
        return found if isinstance(found, dict) else {}


def _json(place: Place) -> dict[str, Json]:
    return asdict(place)


def _place(found: Json) -> Place | None:
    """The place of a row; None if the row is not one."""
    if not isinstance(found, dict):
        return None
    given = {"account": {}, "seals": {}, "plugin": "", **found}
    if given.keys() != _KINDS.keys() or not all(isinstance(given[name], kind) for name, kind in _KINDS.items()):
        return None
    return Place(**given)
