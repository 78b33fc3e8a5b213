from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for local_kit, which is a program too

from local_kit import Harbour, Recorder, stop


@pytest.fixture
def harbour(tmp_path: Path) -> Iterator[Harbour]:
    """A deployment that does not exist yet; nothing of it runs any more when the test is over."""
    (tmp_path / "work").mkdir()
    harbour = Harbour(tmp_path, Recorder(tmp_path / "work"))
    yield harbour
    stop(harbour.folder)
