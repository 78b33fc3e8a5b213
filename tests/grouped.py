"""The tests of a class run in one process: they share services that take long to bring up.

Without this, each process of pytest-xdist would bring up the same services. Other tests are distributed one by one.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling


class ByClass(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Distributes classes and other tests."""

    def _split_scope(self, nodeid: str) -> str:
        path, *names = nodeid.partition("[")[0].split("::")
        return "::".join([path, *names[:-1]]) if len(names) > 1 else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByClass | None:
    return ByClass(config, log) if config.getvalue("dist") == "load" else None
