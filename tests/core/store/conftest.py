from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lading.store import Store

sys.path.insert(0, str(Path(__file__).parent))  # for store_kit, which is a program too


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "project" / ".lading"


@pytest.fixture
def store(root: Path) -> Iterator[Store]:
    opened = Store.open(root)
    yield opened
    opened.close()
