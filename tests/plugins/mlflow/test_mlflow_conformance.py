"""Run the conformance kits of registries and trackers on the plugin `mlflow`, with a real server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.plugins.mlflow.mlflow_kit import Observed

from lading.testing import KeptRun, KeptVersion, RegistryConformance, TrackerConformance

pytestmark = pytest.mark.slow

STATES = {"RUNNING": "running", "FINISHED": "finished", "FAILED": "failed"}


class AtMlflow:
    plugin = "mlflow"

    @pytest.fixture(scope="class")
    @classmethod
    def account_connection(cls, mlflow_server: int) -> dict[str, str]:
        uri = f"http://127.0.0.1:{mlflow_server}"
        return {"tracking_uri": uri, "experiment": "conformance", "token_from": "MLFLOW_CANARY"}

    @pytest.fixture(scope="class")
    @classmethod
    def account_environ(cls) -> dict[str, str]:
        return {"MLFLOW_CANARY": "c4n4ry-t0k3n5"}

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, mlflow_server: int) -> Observed:
        return Observed(f"http://127.0.0.1:{mlflow_server}")


class TestRegistry(AtMlflow, RegistryConformance):
    @pytest.fixture(scope="class")
    @classmethod
    def versions_of(cls, server: Observed) -> Callable[[str], list[KeptVersion]]:
        return lambda model: [_version(each) for each in server.versions(model)]


class TestTracker(AtMlflow, TrackerConformance):
    @pytest.fixture(scope="class")
    @classmethod
    def runs_of(cls, server: Observed) -> Callable[[str], list[KeptRun]]:
        return lambda run: [_run(each, server) for each in server.runs(run)]


def _version(found: dict[str, Any]) -> KeptVersion:
    return KeptVersion(found["version"], found["description"], found["tags"], found["run_id"])


def _run(found: dict[str, Any], server: Observed) -> KeptRun:
    values = {**found["params"], **found["metrics"]}
    error = found["tags"].get("lading.error", "")
    return KeptRun(found["run_id"], STATES[found["status"]], values, error, server.artifacts(found["run_id"], "plots"))
