from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.plugins.serving.serving_kit import Service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service without releases. All of its processes are ended after the test."""
    service = Service(tmp_path / "service")
    yield service
    service.stop()
