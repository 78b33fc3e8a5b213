from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for serving_kit

from serving_kit import Service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """An empty service; nothing of it runs any more when the test is over."""
    service = Service(tmp_path / "service")
    yield service
    service.stop()
