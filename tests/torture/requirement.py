"""What a machine may lack: a gate is then skipped, but fails where all of it is asked for."""

from __future__ import annotations

import os

import pytest

from .gate import Gate


def require(gate: Gate) -> None:
    if not gate.is_runnable:
        missing = f"this is not Linux, or {gate.needs} is missing"
        pytest.fail(missing) if os.environ.get("LADING_TEST_REQUIRE") == "all" else pytest.skip(missing)
