from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.targets.local.local_kit import LocalService, Recorder, stop


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LocalService]:
    """A deployment that does not exist yet. All of its processes are ended after the test."""
    (tmp_path / "work").mkdir()
    service = LocalService(tmp_path, Recorder(tmp_path / "work"))
    yield service
    stop(service.folder)
