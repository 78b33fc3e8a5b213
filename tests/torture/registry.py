"""All gates, in the order of the table. A gate is one entry in the `GATES` of a module in this list."""

from __future__ import annotations

from . import (
    azure_gates,
    crowd_gates,
    deploy_gates,
    hostile_gates,
    hostile_store,
    kubernetes_gates,
    machine_gate,
    old_models_gate,
    power_gate,
    schema_gates,
    serving_gates,
    slow_gates,
    socket_gate,
    store_gates,
    stuck_gates,
)
from .gate import Gate

MODULES = (
    store_gates,
    power_gate,
    deploy_gates,
    crowd_gates,
    machine_gate,
    serving_gates,
    slow_gates,
    socket_gate,
    stuck_gates,
    schema_gates,
    hostile_gates,
    hostile_store,
    old_models_gate,
    azure_gates,
    kubernetes_gates,
)

GATES: dict[str, Gate] = {gate.name: gate for module in MODULES for gate in module.GATES}
