from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for azure_sdk

from azure_sdk import Sdk
from offline_azure.client import Azure


@pytest.fixture
def sdk(azure: Azure, tmp_path: Path) -> Sdk:
    """A folder, and processes in it that talk to the emulator through the SDK."""
    pytest.importorskip("azureml.core", reason="the azureml SDK is not installed, or has no release for this python")
    folder = tmp_path / "project"
    folder.mkdir()
    return Sdk(azure, folder)
