"""Run the conformance kits of trackers and registries on the plugin `azureml-v2`, with the offline Azure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from offline_azure.client import Azure, Emulator
from offline_azure.fixture import require

from lading.testing import KeptRun, KeptVersion, RegistryConformance, TrackerConformance

pytestmark = pytest.mark.slow

STATES = {"Running": "running", "Completed": "finished", "Failed": "failed"}


@pytest.fixture(scope="module")
def workspace(azure_emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    """An empty workspace for all kits."""
    require("azure-identity")
    azure = Azure(azure_emulator, tmp_path_factory.mktemp("home"))
    yield azure
    assert azure.calls.failures == []


class AtAzure:
    plugin = "azureml-v2"

    @pytest.fixture(scope="class")
    @classmethod
    def account_connection(cls, workspace: Azure) -> Mapping[str, str]:
        place = workspace.workspace
        names = {"resource_group": place.resource_group, "workspace": place.workspace}
        return {"subscription_id": place.subscription_id, **names, "experiment": "conformance"}

    @pytest.fixture(scope="class")
    @classmethod
    def account_environ(cls, workspace: Azure) -> Mapping[str, str]:
        return workspace.environ


class TestRegistry(AtAzure, RegistryConformance):
    @pytest.fixture(scope="class")
    @classmethod
    def versions_of(cls, workspace: Azure) -> Callable[[str], list[KeptVersion]]:
        return lambda model: [
            _version(each) for name, each in workspace.state["v2"]["models"].items() if name.partition(":")[0] == model
        ]


class TestSharedRegistry(TestRegistry):
    """The same with a registry of Azure ML, which has no runs."""

    @pytest.fixture(scope="class")
    @classmethod
    def account_connection(cls, workspace: Azure) -> Mapping[str, str]:
        place = workspace.workspace
        names = {"resource_group": place.resource_group, "workspace": place.workspace}
        return {"subscription_id": place.subscription_id, **names, "registry": "team"}

    @pytest.fixture(scope="class")
    @classmethod
    def versions_of(cls, workspace: Azure) -> Callable[[str], list[KeptVersion]]:
        workspace.settings(polls=1, retry_after=0)

        def versions(model: str) -> list[KeptVersion]:
            kept = workspace.world["registries"]["team"]["models"].items()
            return [_shared(each) for name, each in kept if name.partition(":")[0] == model]

        return versions


class TestTracker(AtAzure, TrackerConformance):
    @pytest.fixture(scope="class")
    @classmethod
    def runs_of(cls, workspace: Azure) -> Callable[[str], list[KeptRun]]:
        return lambda run: [_run(each, workspace.state) for each in workspace.state["runs"].values() if _is(each, run)]


def _version(found: dict[str, Any]) -> KeptVersion:
    kept = found["properties"]
    return KeptVersion(found["name"], kept["description"], kept["tags"], kept["jobName"])


def _shared(found: dict[str, Any]) -> KeptVersion:
    kept = found["properties"]
    return KeptVersion(found["name"], kept["description"], kept["tags"], kept["properties"]["lading.run"])


def _is(found: dict[str, Any], run: str) -> bool:
    return bool(found["tags"].get("lading.run") == run)


def _run(found: dict[str, Any], state: dict[str, Any]) -> KeptRun:
    metrics = state["metrics"].get(found["runId"], [])
    values = {each["name"]: each["value"][-1]["data"][each["name"]] for each in metrics}
    error = found.get("error", {}).get("error", {}).get("message", "")
    names = [
        each["path"].rpartition("/")[2] for each in state["artifacts"].values() if found["runId"] in each["container"]
    ]
    return KeptRun(found["runId"], STATES[found["status"]], values, error, names)
