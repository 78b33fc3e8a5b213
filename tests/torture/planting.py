"""What a planted defect is: one line of the product, broken on purpose, and the gate that must notice it."""

from __future__ import annotations

from dataclasses import dataclass

from .builds import Defect
from .gate import Harm


@dataclass(frozen=True)
class Planted:
    """A defect, the gate that must notice it, and as which harm; `share` and `focus` keep the gate's work small.

    `also` are the other halves of a defect that two lines keep away.
    """

    gate: str
    harms: set[Harm]
    share: float
    defect: Defect
    focus: str = ""
    also: tuple[Defect, ...] = ()
