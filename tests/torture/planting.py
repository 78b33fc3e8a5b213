"""What a planted defect is: one line of the product, broken on purpose, and the gate that must notice it."""

from __future__ import annotations

from dataclasses import dataclass

from .builds import Defect
from .gate import Harm


@dataclass(frozen=True)
class Planted:
    """A defect, the gate that must notice it, and as which harm; `share` and `focus` keep the gate's work small."""

    gate: str
    harms: set[Harm]
    share: float
    defect: Defect
    focus: str = ""
