"""The data collector: its options, its data assets, and the requests of Microsoft's SDK for the same block."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from azure_sdk_v2 import SdkV2
from offline_azure.client import Azure
from offline_azure.fixture import require
from tests.targets.azureml_online.memory_azure import PLACE, MemoryAzure
from tests.targets.azureml_online.online_kit import Hooks, name_of, ready
from tests.targets.target_kit import problem

from lading import FindingSeverity, Options, PreflightRequest
from lading_azureml_online import bodies
from lading_azureml_online.answers import lading_preflight
from lading_azureml_online.collector import Collection, DataAsset, DataCollector, RequestLogging, assets, body
from lading_azureml_online.managed import MANAGED
from lading_azureml_online.options import ManagedOptions
from lading_azureml_online.preflight import COLLECTING

CLIENT = "0d5ed8e7-9b1c-4b62-8a3e-8c4a6a4b7f10"
WRITTEN = DataCollector(
    collections={
        "request": Collection(enabled=True, client_id=CLIENT),
        "model_inputs": Collection(
            enabled=False, data=DataAsset(name="calls", version="3", path="azureml://datastores/kept/paths/calls")
        ),
    },
    rolling_rate="hour",
    sampling_rate=0.5,
    request_logging=RequestLogging(capture_headers=("X-Request-Id",)),
)
SCHEMA = "azure.ai.ml._schema._deployment.online"
SDK = f"""
    from azure.core.exceptions import HttpResponseError
    from azure.ai.ml.entities import DataAsset, DataCollector, DeploymentCollection, RequestLogging
    collector = DataCollector(
        collections={{
            "request": DeploymentCollection(enabled="true", client_id="{CLIENT}"),
            "model_inputs": DeploymentCollection(
                enabled="false",
                data=DataAsset(name="calls", version="3", path="azureml://datastores/kept/paths/calls"),
            ),
        }},
        rolling_rate="hour", sampling_rate=0.5, request_logging=RequestLogging(capture_headers=["X-Request-Id"]),
    )
    endpoint = ManagedOnlineEndpoint(name="salary", auth_mode="key")
    client.online_endpoints.begin_create_or_update(endpoint).result()
    deployment = ManagedOnlineDeployment(
        name="blue", endpoint_name="salary", environment=Environment(image="team.azurecr.io/salary:1"),
        instance_type="Standard_DS2_v2", instance_count=1, data_collector=collector,
    )
    try:
        client.online_deployments.begin_create_or_update(deployment).result()
    except HttpResponseError as error:
        say(failed=error.message)
"""


def collected(**more: Any) -> DataCollector:
    return DataCollector(collections={"request": Collection(enabled=True)}, **more)


@pytest.mark.parametrize(
    ("module", "schema", "kind", "left_out"),
    [
        ("data_collector_schema", "DataCollectorSchema", DataCollector, set()),
        ("deployment_collection_schema", "DeploymentCollectionSchema", Collection, set()),
        ("request_logging_schema", "RequestLoggingSchema", RequestLogging, set()),
        ("data_asset_schema", "DataAssetSchema", DataAsset, {"data_id"}),  # which the SDK never sends
    ],
)
def test_the_options_have_the_names_of_microsofts_schema(
    module: str, schema: str, kind: type[Options], left_out: set[str]
) -> None:
    found = getattr(pytest.importorskip(f"{SCHEMA}.{module}"), schema)
    assert {each.name for each in fields(kind)} == set(found._declared_fields) - left_out


@pytest.mark.slow
def test_the_requests_are_those_of_microsofts_sdk(azure: Azure, tmp_path: Path) -> None:
    require("azure-ai-ml")
    said = SdkV2(azure, tmp_path)(SDK)
    assert "Unable to download user container image" in said["failed"]  # only its requests matter
    sent = {call.path.partition("/workspaces/")[2].partition("/")[2]: call for call in azure.calls.like("PUT", ".")}
    found = assets(WRITTEN, "salary", "blue")
    for asset in found.values():
        call = sent[f"data/{asset.name}/versions/{asset.version}"]
        assert (call.body, call.query) == (asset.body, {"api-version": "2023-04-01-preview"})
    place = azure.workspace
    group = f"/subscriptions/{place.subscription_id}/resourceGroups/{place.resource_group}"
    scope = f"{group}/providers/Microsoft.MachineLearningServices/workspaces/{place.workspace}"
    ids = {name: f"{scope}/data/{asset.name}/versions/{asset.version}" for name, asset in found.items()}
    deployment = sent["onlineEndpoints/salary/deployments/blue"].body
    assert deployment["properties"]["dataCollector"] == body(WRITTEN, ids)


def test_the_assets_are_registered_before_the_deployment(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1, data_collector=WRITTEN))
    default, named = (
        f"{PLACE}/data/{asset}" for asset in (f"salary-{name_of(1)}-request/versions/1", "calls/versions/3")
    )
    assert memory.data[default]["properties"]["dataUri"] == (
        f"azureml://datastores/workspaceblobstore/paths/modelDataCollector/salary/{name_of(1)}/request"
    )
    sent = memory.deployments["salary"][name_of(1)]["properties"]["dataCollector"]
    assert [each["dataId"] for each in sent["collections"].values()] == [default, named]
    order = [each.path for each in memory.sent if each.method == "PUT"]
    assert order.index(default) < order.index(f"{PLACE}/onlineEndpoints/salary/deployments/{name_of(1)}")


def test_an_asset_that_exists_is_used_as_it_is(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1, data_collector=WRITTEN))
    memory.data[f"{PLACE}/data/calls/versions/3"] = {"properties": {"dataUri": "azureml://elsewhere"}}
    ready(hooks.deploy(2, data_collector=WRITTEN))
    assert len(memory.like("PUT", "/data/calls/versions/3")) == 1
    assert f"{PLACE}/data/salary-{name_of(2)}-request/versions/1" in memory.data


def test_a_release_with_the_same_collector_is_adopted(hooks: Hooks) -> None:
    ready(hooks.deploy(1, data_collector=WRITTEN))
    hooks.forget()
    ready(hooks.deploy(2, package=1, data_collector=WRITTEN))
    assert hooks.names == [name_of(1)]


@pytest.mark.parametrize(
    "other",
    [
        collected(sampling_rate=0.1),
        collected(rolling_rate="day"),
        DataCollector(collections={"request": Collection(enabled=False)}),
        DataCollector(
            collections={"request": Collection(enabled=True, data=DataAsset(path="azureml://datastores/x/paths/y"))}
        ),
        None,
    ],
)
def test_another_collector_is_another_content(hooks: Hooks, other: DataCollector | None) -> None:
    before, after = hooks.request(data_collector=collected()), hooks.request(data_collector=other)
    first, second = (
        bodies.digest(MANAGED, each.deployment.options, hooks.workspace, "/the/environment") for each in (before, after)
    )
    assert first != second


def test_the_preflight_names_the_actions_for_data(hooks: Hooks, memory: MemoryAzure) -> None:
    memory.actions = [{"actions": ["*"], "notActions": list(COLLECTING)}]
    assert lading_preflight(PreflightRequest(deployment=hooks.deployment()), hooks.context).findings == ()
    collecting = hooks.deployment(data_collector=collected())
    (found,) = lading_preflight(PreflightRequest(deployment=collecting), hooks.context).findings
    assert found.severity is FindingSeverity.ERROR
    assert ", ".join(COLLECTING) in found.message


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("{collections: {}}", "collections: write at least one"),
        ("{rolling_rate: hour}", "collections"),
        ("{collections: {request: {}}}", "enabled"),
        ("{collections: {request: {enabled: true}}, sampling_rate: 1.5}", "sampling_rate"),
        ("{collections: {request: {enabled: true, client_id: me}}}", "client_id"),
        ("{collections: {../request: {enabled: true}}}", "../request"),
        ("{collections: {request: {enabled: true, data: {path: calls}}}}", "path"),
    ],
)
def test_a_broken_rule_is_reported_at_its_option(tmp_path: Path, block: str, message: str) -> None:
    written = f"instance_type: Standard_DS2_v2, data_collector: {block}"
    assert message in problem(tmp_path, ManagedOptions, written)


@pytest.mark.parametrize(
    ("collector", "value", "expected"),
    [
        (None, True, "lossy"),
        (None, False, "mapped"),
        (collected(), True, "mapped"),
        (collected(), False, "lossy"),
    ],
)
def test_the_collection_of_v1_becomes_a_data_collector(
    collector: DataCollector | None, value: bool, expected: str
) -> None:
    options = ManagedOptions(instance_type="Standard_DS2_v2", data_collector=collector)
    found = options.counterparts("aks", {"collect_model_data": value})["collect_model_data"]
    assert found.fate == expected
    assert "data_collector" in found.detail
