"""Facts that targets record about a deployment. They lie in the store's database: no planted file can replace them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .reuse import Reuse


@dataclass(frozen=True)
class Facts:
    """The texts of one deployment by name. They are in the ledger too, so a repair keeps them."""

    reuse: Reuse
    service: str
    target: str

    def put(self, name: str, text: str) -> None:
        self.reuse.put(self._key(name), "deploy", text)

    def get(self, name: str) -> str | None:
        found = self.reuse.get(self._key(name))
        return found if isinstance(found, str) else None

    def _key(self, name: str) -> str:
        return json.dumps(["fact", self.service, self.target, name])
