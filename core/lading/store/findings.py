"""What is wrong with a store, in words, and what puts it right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ..model import Shown


@dataclass(frozen=True)
class Finding(Shown):
    """Something wrong with a store.

    `kind` is mode, database, ledger, file, package, run, effect or scratch; `remedy` is what repairing does about it,
    or, where `repairs` is False, what is left to do.
    """

    kind: str
    name: str
    problem: str
    remedy: str
    repairs: bool = True


class Repair(NamedTuple):
    """A finding, and what puts it right."""

    finding: Finding
    act: Callable[[], object] = lambda: None
