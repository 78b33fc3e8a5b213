from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for hub_client

from hub_client import HubClient
from offline_iothub.client import IotHub


@pytest.fixture
def ask(iothub: IotHub) -> HubClient:
    """Calls of the service API, signed as the owner."""
    return HubClient(iothub)
