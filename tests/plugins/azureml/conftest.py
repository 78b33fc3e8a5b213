"""An open workspace of the real SDK with a recorded network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from offline_azure.fixture import require_sdk
from tests.hook_kit import MemoryContext, context_in
from tests.plugins.wire import Wire, wire_of

if TYPE_CHECKING:
    from tests.plugins.azureml.workspace_kit import Tokens

    from lading_azureml.sdk.workspace import OpenWorkspace


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Wire:
    """The recorded network to Azure. The SDK keeps its files in the test's home."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return wire_of(monkeypatch)


@pytest.fixture
def tokens() -> Tokens:
    require_sdk()
    from tests.plugins.azureml.workspace_kit import Tokens

    return Tokens()


@pytest.fixture
def workspace(wire: Wire, tokens: Tokens, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> OpenWorkspace:
    """An open workspace. The requests that opened it are removed from the record."""
    from azureml._base_sdk_common.service_discovery import CachedServiceDiscovery
    from azureml.core import Workspace
    from tests.plugins.azureml.memory_kit import PLACE
    from tests.plugins.azureml.workspace_kit import describe

    import lading_azureml.sdk  # noqa: F401 - it prepares the SDK before azureml is imported
    from lading_azureml.sdk.calls import Caller
    from lading_azureml.sdk.signing_in import Identity
    from lading_azureml.sdk.workspace import OpenWorkspace

    kept = str(tmp_path / "home" / ".azureml" / ".discovery")
    monkeypatch.setattr(CachedServiceDiscovery.__init__, "__defaults__", (kept,))  # set from the home at the import
    describe(wire)
    identity = Identity(tokens.sign_in, "AzureCloud")
    names = (PLACE.subscription_id, PLACE.resource_group, PLACE.workspace)
    opened = Workspace(*names, auth=identity, _location="westeurope", _disable_service_check=True, _workspace_id="w-1")
    assert opened.service_context is not None
    wire.sent.clear()
    return OpenWorkspace(lambda: opened, Caller(identity, PLACE))


@pytest.fixture
def context(tmp_path: Path) -> MemoryContext:
    return context_in(tmp_path)
