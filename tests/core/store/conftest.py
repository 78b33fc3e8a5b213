from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lading.store import Store


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "project" / ".lading"


@pytest.fixture
def store(root: Path) -> Iterator[Store]:
    opened = Store.open(root)
    yield opened
    opened.close()
