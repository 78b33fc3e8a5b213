from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for azure_sdk

from azure_sdk import Sdk
from offline_azure.client import Azure
from offline_azure.fixture import go_without


@pytest.fixture
def sdk(azure: Azure, tmp_path: Path) -> Sdk:
    """A folder, and processes in it that talk to the emulator through the SDK."""
    if sys.version_info >= (3, 13):
        pytest.skip("azureml-core has no release for this python")
    try:
        importlib.metadata.version("azureml-core")
    except importlib.metadata.PackageNotFoundError as error:
        go_without(f"{error.name} is missing")
    folder = tmp_path / "project"
    folder.mkdir()
    return Sdk(azure, folder)
