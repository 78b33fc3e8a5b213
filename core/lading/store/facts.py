"""Facts that targets record about a deployment. They are in the database, so a planted file cannot replace them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .reuse import Reuse

_FACT = "deploy"  # the stage of these rows, because `deploy` records them


@dataclass(frozen=True)
class Facts:
    """The facts of one deployment: texts by name. The ledger has them too, so a repair keeps them."""

    reuse: Reuse
    service: str
    target: str

    def put(self, name: str, text: str) -> None:
        self.reuse.put(self._key(name), _FACT, text)

    def get(self, name: str) -> str | None:
        found = self.reuse.get(self._key(name))
        return found if isinstance(found, str) else None

    def _key(self, name: str) -> str:
        return json.dumps(["fact", self.service, self.target, name])
