from __future__ import annotations

from pathlib import Path

import pytest
from offline_azure.fixture import require
from tests.hook_kit import MemoryContext
from tests.plugins.wire import Wire


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[MemoryContext, Wire]:
    """A context with an open workspace, and its recorded network."""
    require("azure-identity")
    from tests.plugins.azureml_v2.runs_kit import connected

    return connected(tmp_path, monkeypatch)
