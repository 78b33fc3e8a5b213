"""Facts that targets record about a deployment. They are in the database, so a planted file cannot replace them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .reuse import Reuse

_FACT = "deploy"  # the stage of these rows, because `deploy` records them


class Facts:
    """The facts of one deployment: texts by name. The ledger has them too, so a repair keeps them."""

    def __init__(self, reuse: Reuse, service: str, target: str) -> None:
        self._reuse = reuse
        self._place = (service, target)

    def put(self, name: str, text: str) -> None:
        self._reuse.put(self._key(name), _FACT, text)

    def get(self, name: str) -> str | None:
        found = self._reuse.get(self._key(name))
        return found if isinstance(found, str) else None

    def _key(self, name: str) -> str:
        return json.dumps(["fact", *self._place, name])
