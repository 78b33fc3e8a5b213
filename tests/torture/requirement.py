"""Missing parts of a machine: a gate is then skipped, or fails if all parts are required."""

from __future__ import annotations

from tests.missing import skip_without

from .gate import Gate


def require(gate: Gate) -> None:
    if not gate.is_runnable:
        skip_without(f"the gate {gate.name} needs {gate.requirement}")
