"""Missing parts of a machine: a gate is then skipped, or fails if all parts are required."""

from __future__ import annotations

from tests.missing import skip_without

from .gate import Gate


def require(gate: Gate) -> None:
    if not gate.is_runnable:
        missing = f"this is not Linux, or {gate.needs} is missing"
        skip_without(missing)
