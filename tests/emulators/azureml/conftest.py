from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for azure_sdk

from azure_sdk import Sdk
from offline_azure.client import Azure
from offline_azure.fixture import require_sdk


@pytest.fixture
def sdk(azure: Azure, tmp_path: Path) -> Sdk:
    """A folder, and processes in it that talk to the emulator through the SDK."""
    require_sdk()
    folder = tmp_path / "project"
    folder.mkdir()
    return Sdk(azure, folder)
