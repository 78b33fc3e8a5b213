"""All gates, in the order of the table. A gate is one entry in the `GATES` of a module that is named here."""

from __future__ import annotations

from . import deploy_gates, power_gate, store_gates
from .gate import Gate

GATES: dict[str, Gate] = {
    gate.name: gate for module in (store_gates, power_gate, deploy_gates) for gate in module.GATES
}
