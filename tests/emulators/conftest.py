from __future__ import annotations

from pathlib import Path

import pytest
from azure_sdk import Sdk
from hub_client import HubClient
from offline_azure.client import Azure
from offline_azure.fixture import require_sdk
from offline_iothub.client import IotHub


@pytest.fixture
def sdk(azure: Azure, tmp_path: Path) -> Sdk:
    """A folder, and processes in it that use the emulator through the SDK."""
    require_sdk()
    folder = tmp_path / "project"
    folder.mkdir()
    return Sdk(azure, folder)


@pytest.fixture
def ask(iothub: IotHub) -> HubClient:
    """Calls of the service API, signed as the owner."""
    return HubClient(iothub)
