"""The bodies, keys, logs, lists and checks of an endpoint, on a workspace in memory."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.targets.azureml_online.memory_azure import MemoryAzure
from tests.targets.azureml_online.online_kit import Hooks, name_of, ready
from tests.targets.target_kit import problem
from tests.waiting import LIMIT

import lading_azureml_online
from lading import (
    BadInput,
    Deployment,
    FindingSeverity,
    Keys,
    LogsRequest,
    Options,
    PlanEffect,
    PlanRequest,
    PreflightRequest,
    StageFailed,
    UpRelease,
)
from lading_azureml_online import bodies
from lading_azureml_online.answers import (
    lading_keys,
    lading_logs,
    lading_plan,
    lading_preflight,
    lading_scoring_uri,
)
from lading_azureml_online.kubernetes import KUBERNETES
from lading_azureml_online.managed import MANAGED, lading_list
from lading_azureml_online.naming import GPU
from lading_azureml_online.options import (
    Identity,
    KubernetesOnlineOptions,
    ManagedOptions,
    Probe,
    RequestSettings,
    Resources,
    ScaleSettings,
    UserIdentity,
)
from lading_azureml_online.owning import OPTIONS, SECRETS
from lading_azureml_online.preflight import ACTIONS, LOGS, OF_AUTH, RECORDING, REGISTERING

IDENTITY = "/subscriptions/s-1/resourceGroups/mi2/providers/Microsoft.ManagedIdentity/userAssignedIdentities/pull"


def shown(found: Keys) -> tuple[str | None, str | None]:
    return tuple(key.reveal() if key else None for key in (found.primary, found.secondary))  # type: ignore[return-value]


def test_a_deployment_has_the_options_in_azures_terms(hooks: Hooks) -> None:
    request = hooks.request(
        env={"RATE": "3"},
        instance_count=2,
        request_settings=RequestSettings(request_timeout_ms=9000, max_queue_wait_ms=100),
        readiness_probe=Probe(initial_delay=20, failure_threshold=3),
        app_insights_enabled=True,
        egress_public_network_access="disabled",
        tags={"team": "pay"},
    )
    body = bodies.deployment(MANAGED, request, hooks.workspace, "/the/environment")
    properties = body["properties"]
    variables = properties.pop("environmentVariables")
    assert (variables["RATE"], variables["LADING_PACKAGE"]) == ("3", request.package.digest)
    assert properties == {
        "environmentId": "/the/environment",
        "appInsightsEnabled": True,
        "requestSettings": {"requestTimeout": "PT9S", "maxQueueWait": "PT0.1S"},
        "readinessProbe": {"initialDelay": "PT20S", "failureThreshold": 3},
        "endpointComputeType": "Managed",
        "instanceType": "Standard_DS2_v2",
        "egressPublicNetworkAccess": "Disabled",
    }
    assert (body["sku"], body["location"]) == ({"name": "Default", "capacity": 2}, "westeurope")
    assert body["tags"].items() >= {**request.tags, "team": "pay"}.items()
    assert "3" not in (body["tags"][OPTIONS], body["tags"][SECRETS])


def test_an_endpoint_has_the_options_in_azures_terms(hooks: Hooks) -> None:
    given = Identity(type="user_assigned", user_assigned_identities=(UserIdentity(resource_id=IDENTITY),))
    request = hooks.request(auth="aad_token", identity=given, public_network_access="disabled", description="pay")
    body = bodies.endpoint(MANAGED, request.deployment.options, request.tags, hooks.workspace, {"blue": 100})
    assert body["identity"] == {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: {}}}
    assert body["properties"] == {
        "authMode": "AADToken",
        "description": "pay",
        "properties": {},
        "traffic": {"blue": 100},
        "mirrorTraffic": {},
        "publicNetworkAccess": "Disabled",
    }


def test_an_endpoint_on_kubernetes_has_its_own_options(hooks: Hooks) -> None:
    resources = Resources(requests={"cpu": "500m", GPU: "1"}, limits={"memory": "1Gi"})
    scale = ScaleSettings(type="target_utilization", max_instances=3, polling_interval=5)
    options = KubernetesOnlineOptions(compute="aks", instance_type="small", resources=resources, scale_settings=scale)
    deployment: Deployment[Any] = Deployment(service="salary", target="t", options=options)
    request = replace(hooks.request(), deployment=deployment)
    endpoint = bodies.endpoint(KUBERNETES, options, {}, hooks.workspace, {})
    assert endpoint["properties"]["compute"] == f"{hooks.workspace.id}/computes/aks"
    body = bodies.deployment(KUBERNETES, request, hooks.workspace, "/the/environment")
    assert body["sku"] == {"name": "Default"}
    assert (
        body["properties"].items()
        >= {
            "endpointComputeType": "Kubernetes",
            "instanceType": "small",
            "containerResourceRequirements": {
                "containerResourceRequests": {"cpu": "500m", "gpu": "1"},
                "containerResourceLimits": {"memory": "1Gi"},
            },
            "scaleSettings": {
                "scaleType": "TargetUtilization",
                "minInstances": 1,
                "maxInstances": 3,
                "targetUtilizationPercentage": 70,
                "pollingInterval": "PT5S",
            },
        }.items()
    )


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("compute: aks, instance_count: 2, scale_settings: {type: target_utilization}", "`scale_settings` sets"),
        ("compute: aks, scale_settings: {type: target_utilization, min_instances: 2}", "more than max_instances"),
        ("compute: aks, resources: {requests: {disk: 1Gi}}", "disk"),
    ],
)
def test_a_broken_rule_of_kubernetes_is_reported_at_its_option(tmp_path: Path, block: str, message: str) -> None:
    assert message in problem(tmp_path, KubernetesOnlineOptions, block)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("instance_type: Standard_DS2_v2, env: {AZUREML_MODEL_DIR: x}", "env: the image sets AZUREML_MODEL_DIR"),
        ("instance_type: Standard_DS2_v2, tags: {lading.x: y}", "tags: names that begin with `lading.`"),
        ("instance_type: Standard_DS2_v2, identity: {type: user_assigned}", "which needs at least one"),
        ("instance_count: 2", "instance_type"),
    ],
)
def test_a_broken_rule_is_reported_at_its_option(tmp_path: Path, block: str, message: str) -> None:
    assert message in problem(tmp_path, ManagedOptions, block)


@pytest.mark.slow
def test_the_options_have_the_names_of_microsofts_schema() -> None:
    deployments = pytest.importorskip("azure.ai.ml._schema._deployment.online.online_deployment")
    endpoints = pytest.importorskip("azure.ai.ml._schema._endpoint.online.online_endpoint")
    for name, kind in (("Managed", ManagedOptions), ("Kubernetes", KubernetesOnlineOptions)):
        deployment = getattr(deployments, f"{name}OnlineDeploymentSchema")._declared_fields
        endpoint = getattr(endpoints, f"{name}OnlineEndpointSchema")._declared_fields
        assert _names(kind) - {"auth", "env", "autoscale"} <= {*deployment, *endpoint}
        for option, nested in (("request_settings", RequestSettings), ("readiness_probe", Probe)):
            assert _names(nested) == set(deployment[option].schema._declared_fields)


def _names(kind: type[Options]) -> set[str]:
    assert is_dataclass(kind)
    return {each.name for each in fields(kind)}


def test_a_key_is_rotated_to_a_fresh_one(hooks: Hooks, memory: MemoryAzure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    ready(hooks.deploy(1))
    assert shown(lading_keys(hooks.deployment(), hooks.context, None)) == ("first", "second")
    fresh, second = shown(lading_keys(hooks.deployment(), hooks.context, "primary"))
    assert second == "second"
    assert fresh not in (None, "first")
    assert memory.like("POST", "/regenerateKeys")[0].json == {"keyType": "Primary", "keyValue": fresh}


def test_a_key_that_azure_keeps_is_reported(hooks: Hooks, memory: MemoryAzure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    ready(hooks.deploy(1))
    memory.keeps_keys = True
    with pytest.raises(StageFailed, match="Azure has kept the secondary key"):
        lading_keys(hooks.deployment(), hooks.context, "secondary")


def test_a_token_has_its_end_and_no_rotation(hooks: Hooks) -> None:
    ready(hooks.deploy(1, auth="aml_token"))
    found = lading_keys(hooks.deployment(auth="aml_token"), hooks.context, None)
    assert (shown(found), found.expires) == (("t-1", None), datetime(2026, 1, 2, 3, 0, tzinfo=UTC))
    with pytest.raises(BadInput, match="carry a token"):
        lading_keys(hooks.deployment(auth="aml_token"), hooks.context, "primary")


def test_a_token_of_entra_is_for_endpoints(hooks: Hooks) -> None:
    ready(hooks.deploy(1, auth="aad_token"))
    found = lading_keys(hooks.deployment(auth="aad_token"), hooks.context, None)
    assert shown(found) == ("token for https://ml.azure.com/.default", None)


def test_the_log_has_the_lines_of_each_container(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1))
    memory.logs = {"InferenceServer": "up\nscored\n", "StorageInitializer": "copied\n"}
    first = lading_logs(LogsRequest(deployment=hooks.deployment()), hooks.context)
    assert first.lines == ("storage initializer: copied", "up", "scored")
    memory.logs["InferenceServer"] += "again\n"
    more = lading_logs(LogsRequest(deployment=hooks.deployment(), cursor=first.cursor), hooks.context)
    assert more.lines == ("again",)


def test_the_list_has_the_endpoints_with_our_tags(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1))
    cluster = {"properties": {"provisioningState": "Succeeded", "compute": "/aks"}}
    memory.endpoints["on-a-cluster"] = {**memory.endpoints["salary"], "name": "on-a-cluster", **cluster}
    memory.endpoints["foreign"] = {"name": "foreign", "properties": {"provisioningState": "Succeeded"}}
    (listed,) = lading_list(hooks.context).objects
    assert (listed.name, listed.service, listed.release, listed.state) == ("salary", "salary", 1, "running")
    assert listed.uri == "https://salary.westeurope.inference.ml.azure.com/score"


def test_the_address_is_that_of_the_endpoint(hooks: Hooks) -> None:
    assert "no endpoint salary" in str(lading_scoring_uri(hooks.deployment(), hooks.context))
    ready(hooks.deploy(1))
    assert "https://salary.westeurope.inference.ml.azure.com/score" in str(
        lading_scoring_uri(hooks.deployment(), hooks.context)
    )


@pytest.mark.parametrize(
    ("permission", "missing"),
    [
        ({"actions": ["*"], "notActions": []}, []),
        ({"actions": ["*/read"], "notActions": []}, [each for each in ACTIONS if not each.endswith("/read")]),
        ({"actions": ["*"], "notActions": [ACTIONS[5].upper()]}, [ACTIONS[5]]),
    ],
)
def test_the_preflight_names_the_actions_that_are_missing(
    hooks: Hooks, memory: MemoryAzure, permission: dict[str, Any], missing: list[str]
) -> None:
    memory.actions = [permission]
    found = lading_preflight(PreflightRequest(deployment=hooks.deployment()), hooks.context).findings
    errors = [finding for finding in found if finding.severity is FindingSeverity.ERROR]
    words = " ".join(finding.message for finding in errors)
    assert [action for action in ACTIONS if action in words.replace(",", " ").split()] == missing
    assert len(errors) == (1 if missing else 0)


def test_a_missing_action_that_some_deploys_do_not_need_is_a_warning(hooks: Hooks, memory: MemoryAzure) -> None:
    reading = [*RECORDING, *REGISTERING, LOGS, OF_AUTH["key"]]
    memory.actions = [{"actions": ["*"], "notActions": reading}]
    (found,) = lading_preflight(PreflightRequest(deployment=hooks.deployment()), hooks.context).findings
    assert found.severity is FindingSeverity.WARNING
    assert found.message == f"this sign-in lacks actions on workspace salary: {', '.join(reading)}"


def test_the_preflight_finds_an_endpoint_of_others(hooks: Hooks, memory: MemoryAzure) -> None:
    memory.endpoints["salary"] = {"name": "salary", "properties": {"provisioningState": "Succeeded"}}
    (found,) = lading_preflight(PreflightRequest(deployment=hooks.deployment()), hooks.context).findings
    assert found.option == "service_name"


def test_the_plan_warns_of_another_way_to_sign_requests(hooks: Hooks) -> None:
    up = UpRelease(service="salary", release=1, written={"instance_type": "Standard_DS2_v2"})
    assert lading_plan(PlanRequest(deployment=hooks.deployment(), up=up)).findings == ()
    (found,) = lading_plan(PlanRequest(deployment=hooks.deployment(auth="aml_token"), up=up)).findings
    assert (found.effect, found.option) == (PlanEffect.GAP, "auth")
    assert "requests with a key are refused" in found.message


def test_the_plan_refuses_another_identity(hooks: Hooks) -> None:
    up = UpRelease(service="salary", release=1, written={"identity": {"type": "system_assigned"}})
    assert lading_plan(PlanRequest(deployment=hooks.deployment(), up=up)).findings == ()
    other = replace(up, written={"identity": {"user_assigned_identities": [{"resource_id": IDENTITY}]}})
    (found,) = lading_plan(PlanRequest(deployment=hooks.deployment(), up=other)).findings
    assert (found.effect, found.option) == (PlanEffect.REFUSED, "identity")


def test_no_sdk_of_azure_ml_is_imported() -> None:
    """Its import takes seconds. Only an answer that needs it would pay for it, and none does."""
    modules = [file.stem for file in Path(lading_azureml_online.__path__[0]).glob("*.py")]
    names = ", ".join(f"lading_azureml_online.{name}" for name in modules if name != "__init__")
    code = f"import sys, lading_azureml_v2.rest, lading_azureml_v2.workspace, {names}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=LIMIT)
    imported = done.stdout.split()
    assert "azure.core" in imported
    assert [name for name in imported if name.split(".")[0] in ("azureml", "msrest") or name == "azure.ai.ml"] == []


def test_a_release_is_named_after_its_package_and_its_id(hooks: Hooks) -> None:
    hooks.until_answer(3)
    assert hooks.names == [name_of(3)]
