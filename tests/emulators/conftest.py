from __future__ import annotations

from pathlib import Path

import pytest
from arm_client import Arm
from azure_sdk import Sdk
from azure_sdk_v2 import SdkV2
from hub_client import HubClient
from offline_azure.client import Azure
from offline_azure.fixture import require, require_sdk
from offline_iothub.client import IotHub
from tests.waiting import LIMIT


@pytest.fixture
def sdk(azure: Azure, tmp_path: Path) -> Sdk:
    """A folder, and processes in it that use the emulator through the SDK."""
    require_sdk()
    folder = tmp_path / "project"
    folder.mkdir()
    return Sdk(azure, folder)


@pytest.fixture
def sdk_v2(azure: Azure, tmp_path: Path) -> SdkV2:
    """Like `sdk`, for SDK v2."""
    require("azure-ai-ml")
    azure.settings(start_seconds=LIMIT)
    folder = tmp_path / "project"
    folder.mkdir()
    return SdkV2(azure, folder)


@pytest.fixture
def arm(azure: Azure) -> Arm:
    """Plain calls of Resource Manager. Operations are followed without a pause."""
    azure.settings(retry_after=0, start_seconds=LIMIT)
    return Arm(azure)


@pytest.fixture
def ask(iothub: IotHub) -> HubClient:
    """Calls of the service API, signed as the owner."""
    return HubClient(iothub)
