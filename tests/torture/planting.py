"""A planted defect: one broken line of the product, and the gate that must notice it."""

from __future__ import annotations

from dataclasses import dataclass

from .builds import Defect
from .gate import Harm


@dataclass(frozen=True)
class Planted:
    """A defect, and the gate and kind of harm that must show it. `share` and `focus` keep the gate's work small.

    `also` has further changes, if two lines prevent the same harm.
    """

    gate: str
    harms: set[Harm]
    share: float
    defect: Defect
    focus: str = ""
    also: tuple[Defect, ...] = ()
