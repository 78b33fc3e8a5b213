"""All gates, in the order of the table. A gate is one entry in the `GATES` of a module that is named here."""

from __future__ import annotations

from . import store_gates
from .gate import Gate

GATES: dict[str, Gate] = {gate.name: gate for gate in store_gates.GATES}
