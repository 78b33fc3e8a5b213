"""Problems of a store, and their repairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ..model import Shown


@dataclass(frozen=True)
class Finding(Shown):
    """A problem of a store.

    `kind` is mode, database, ledger, file, package, run, effect or scratch. `remedy` says what the repair does. If
    `repairs` is False, it says what the user has to do.
    """

    kind: str
    name: str
    problem: str
    remedy: str
    repairs: bool = True


class Repair(NamedTuple):
    """A finding, and the action that repairs it."""

    finding: Finding
    act: Callable[[], object] = lambda: None
