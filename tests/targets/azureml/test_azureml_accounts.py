"""The conformance of the plugin `azureml` as a registry and tracker, with the offline Azure."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any

import pytest
from offline_azure.client import Azure

from lading.testing import KeptRun, KeptVersion, RegistryConformance, TrackerConformance

pytestmark = pytest.mark.slow

STATES = {"Running": "running", "Completed": "finished", "Failed": "failed"}


class InAzure:
    plugin = "azureml"

    @pytest.fixture(scope="class")
    @classmethod
    def account_environ(cls, workspace: Azure) -> dict[str, str]:
        return workspace.environ

    @pytest.fixture(scope="class")
    @classmethod
    def account_connection(cls, workspace: Azure) -> dict[str, str]:
        place = workspace.workspace
        names = {"resource_group": place.resource_group, "workspace": place.workspace}
        return {"subscription_id": place.subscription_id, **names}


class TestRegistry(InAzure, RegistryConformance):
    @pytest.fixture(scope="class")
    @classmethod
    def versions_of(cls, workspace: Azure) -> Callable[[str], list[KeptVersion]]:
        return lambda name: [_version(model) for model in workspace.state["models"].values() if model["name"] == name]


class TestTracker(InAzure, TrackerConformance):
    @pytest.fixture(scope="class")
    @classmethod
    def runs_of(cls, workspace: Azure) -> Callable[[str], list[KeptRun]]:
        def runs_of(name: str) -> list[KeptRun]:
            state = workspace.state
            found = [run for run in state["runs"].values() if run["tags"].get("lading.run") == name]
            return [_run(run, state["metrics"].get(run["runId"], []), state["artifacts"]) for run in found]

        return runs_of


def _version(model: dict[str, Any]) -> KeptVersion:
    return KeptVersion(str(model["version"]), model["description"], model["kvTags"], model["runId"])


def _run(run: dict[str, Any], metrics: list[dict[str, Any]], artifacts: Collection[str]) -> KeptRun:
    values = {metric["name"]: metric["value"][-1]["data"][metric["name"]] for metric in metrics}
    plots = f"ExperimentRun/dcid.{run['runId']}/plots/"
    files = [name.removeprefix(plots) for name in artifacts if name.startswith(plots)]
    return KeptRun(run["runId"], STATES[run["status"]], values, json.dumps(run.get("error")), files)
