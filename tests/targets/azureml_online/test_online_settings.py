"""Settings of an endpoint that exists: which change at once, which stay until the switch, and which never change."""

from __future__ import annotations

from typing import Any

import pytest
from tests.targets.azureml_online.memory_azure import MemoryAzure
from tests.targets.azureml_online.online_kit import Hooks, failed, name_of, ready

from lading import (
    BadInput,
    Deployment,
    FindingSeverity,
    PlanEffect,
    PlanRequest,
    PreflightRequest,
    State,
    UpRelease,
    Verdict,
)
from lading_azureml_online.answers import lading_plan, lading_preflight
from lading_azureml_online.failing import cause_of
from lading_azureml_online.managed import lading_status
from lading_azureml_online.options import Identity, KubernetesOnlineOptions, Probe, RequestSettings, UserIdentity
from lading_azureml_online.preflight import lacking

ID = "/subscriptions/s-1/resourceGroups/mi2/providers/Microsoft.ManagedIdentity/userAssignedIdentities/one"


def endpoint(memory: MemoryAzure) -> dict[str, Any]:
    found: dict[str, Any] = memory.endpoints["salary"]
    return found


@pytest.mark.parametrize(
    ("options", "place", "value"),
    [
        ({"tags": {"team": "a"}}, "tags", "a"),
        ({"description": "prices"}, "properties", "prices"),
    ],
)
def test_tags_and_the_description_alone_reach_a_release_that_serves(
    hooks: Hooks, memory: MemoryAzure, options: dict[str, Any], place: str, value: str
) -> None:
    ready(hooks.deploy(1))
    names = hooks.names
    ready(hooks.deploy(2, package=1, **options))
    assert value in endpoint(memory)[place].values()
    assert hooks.names == names
    assert hooks.status.state is State.RUNNING


SETTINGS: dict[str, Any] = {
    "auth": "aml_token",
    "public_network_access": "disabled",
    "tags": {"team": "b"},
    "description": "prices",
}


def settings(memory: MemoryAzure) -> tuple[object, ...]:
    properties, tags = endpoint(memory)["properties"], endpoint(memory)["tags"]
    access = properties.get("publicNetworkAccess")
    return properties["authMode"], access, properties.get("description"), tags.get("team")


def test_settings_of_the_endpoint_change_with_the_switch(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1))
    hooks.until_answer(2, **SETTINGS)
    assert settings(memory) == ("Key", None, None, None)
    ready(hooks.deploy(2, **SETTINGS))
    assert settings(memory) == ("AMLToken", "Disabled", "prices", "b")
    ready(hooks.deploy(3, auth="aml_token"))
    assert "publicNetworkAccess" not in endpoint(memory)["properties"]


def test_a_refused_release_leaves_the_settings_of_the_endpoint(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1, tags={"team": "a"}))
    failed(hooks.deploy(2, verdict=Verdict(up=False, reason="wrong"), **SETTINGS))
    assert settings(memory) == ("Key", None, None, "a")


def test_a_repaired_endpoint_keeps_its_settings_until_the_switch(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1, tags={"team": "a"}, public_network_access="disabled", description="old"))
    endpoint(memory)["properties"]["provisioningState"] = "Failed"
    hooks.until_answer(2)
    assert settings(memory) == ("Key", "Disabled", "old", "a")
    ready(hooks.deploy(2))
    assert settings(memory) == ("Key", None, None, None)


@pytest.mark.parametrize(
    ("name", "words", "shown"),
    [
        ("auth", "changed to aad_token", {"authMode": "AADToken"}),
        ("auth", "changed to certificate", {"authMode": "Certificate"}),
        ("auth", "changed to another way of signing in", {"authMode": ""}),
        ("public_network_access", "changed to disabled", {"publicNetworkAccess": "Disabled"}),
        ("description", "changed on the endpoint", {"description": "other"}),
    ],
)
def test_changed_settings_of_the_endpoint_are_shown_and_repaired(
    hooks: Hooks, memory: MemoryAzure, name: str, words: str, shown: dict[str, str]
) -> None:
    ready(hooks.deploy(1))
    endpoint(memory)["properties"] |= shown
    assert hooks.status.changed == {name: words}
    ready(hooks.deploy(2, package=1))
    assert (hooks.status.changed, hooks.names) == ({}, [name_of(1)])


OPTIONS: dict[str, Any] = {
    "env": {"RATE": "3"},
    "liveness_probe": Probe(period=20),
    "request_settings": RequestSettings(request_timeout_ms=9500, max_queue_wait_ms=100),
    "app_insights_enabled": True,
}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("instance_type", {"instanceType": "Standard_DS3_v2"}),
        ("environment", {"environmentId": "/subscriptions/s-1/environments/other/versions/1"}),
        ("env", {"environmentVariables": {"RATE": "4"}}),
        ("env", {"environmentVariables": {}}),
        ("liveness_probe", {"livenessProbe": {"period": "PT1M"}}),
        ("request_settings", {"requestSettings": {"requestTimeout": "PT8S"}}),
        ("app_insights_enabled", {"appInsightsEnabled": False}),
    ],
)
def test_a_changed_deployment_is_shown_and_replaced(
    hooks: Hooks, memory: MemoryAzure, name: str, shown: dict[str, Any]
) -> None:
    ready(hooks.deploy(1, **OPTIONS))
    memory.deployments["salary"][name_of(1)]["properties"] |= shown
    assert list(lading_status(hooks.deployment(**OPTIONS), hooks.context).changed) == [name]
    ready(hooks.deploy(2, package=1, **OPTIONS))
    assert lading_status(hooks.deployment(**OPTIONS), hooks.context).changed == {}
    assert name_of(1) not in hooks.names


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        ({"instanceType": "Standard_DS3_v2"}, {"instance_type": "changed to Standard_DS3_v2"}),
        ({"appInsightsEnabled": True}, {"app_insights_enabled": "changed to true"}),
        ({"egressPublicNetworkAccess": "Enabled"}, {"egress_public_network_access": "changed to enabled"}),
    ],
)
def test_a_changed_value_is_shown_in_the_words_of_its_option(
    hooks: Hooks, memory: MemoryAzure, shown: dict[str, Any], words: dict[str, str]
) -> None:
    ready(hooks.deploy(1, egress_public_network_access="disabled"))
    memory.deployments["salary"][name_of(1)]["properties"] |= shown
    deployment = hooks.deployment(egress_public_network_access="disabled")
    assert lading_status(deployment, hooks.context).changed == words


def test_values_that_azure_writes_in_another_way_are_not_changes(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1, **OPTIONS))
    memory.deployments["salary"][name_of(1)]["properties"] |= {
        "instanceType": "STANDARD_DS2_V2",
        "livenessProbe": {"period": "PT0M20S", "timeout": "PT2S"},
        "readinessProbe": {"period": "PT10S"},
        "requestSettings": {"requestTimeout": "PT9S", "maxQueueWait": "PT0S"},
        "environmentVariables": {"RATE": "3", "AZUREML_OWN": "x"},
        "appInsightsEnabled": None,
    }
    assert lading_status(hooks.deployment(**OPTIONS), hooks.context).changed == {}
    ready(hooks.deploy(2, package=1, **OPTIONS))
    assert hooks.names == [name_of(1)]


def test_a_tag_that_a_policy_adds_is_not_a_change(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1))
    endpoint(memory)["tags"]["cost"] = "b"
    assert hooks.status.changed == {}


def test_options_of_another_release_are_not_changes_of_others(hooks: Hooks) -> None:
    """The manifest has changed since the deploy."""
    ready(hooks.deploy(1))
    assert lading_status(hooks.deployment(instance_count=3, auth="aml_token"), hooks.context).changed == {}


def test_a_removed_tag_leaves_the_endpoint(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1, tags={"team": "a", "cost": "b"}))
    ready(hooks.deploy(2, package=1, tags={"team": "a"}))
    assert {name for name in endpoint(memory)["tags"] if not name.startswith("lading.")} == {"team"}


def test_a_value_that_azure_does_not_keep_is_written_once(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1))
    memory.drops = "description"
    memory.sent.clear()
    ready(hooks.deploy(2, package=1, description="prices"))
    assert len(memory.like("PUT", "/onlineEndpoints/salary")) == 1


def test_another_identity_is_refused(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1))
    other = Identity(type="user_assigned", user_assigned_identities=(UserIdentity(resource_id=ID),))
    with pytest.raises(BadInput, match="has another identity") as refused:
        hooks.until_answer(2, identity=other)
    assert refused.value.option == "identity"
    endpoint(memory)["identity"] = {"type": "UserAssigned", "userAssignedIdentities": {ID.upper(): {}}}
    ready(hooks.deploy(2, identity=other))


@pytest.mark.parametrize("written", [ID.upper(), "${IDENTITY}"])
def test_the_plan_accepts_an_identity_that_is_only_written_in_another_way(hooks: Hooks, written: str) -> None:
    before = {"identity": {"type": "user_assigned", "user_assigned_identities": [{"resource_id": written}]}}
    same = Identity(type="user_assigned", user_assigned_identities=(UserIdentity(resource_id=ID),))
    up = UpRelease(service="salary", release=1, written=before)
    assert lading_plan(PlanRequest(deployment=hooks.deployment(identity=same), up=up)).findings == ()


def test_the_case_of_our_tags_does_not_matter(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1))
    for found in (endpoint(memory), *memory.deployments["salary"].values()):
        found["tags"] = {name.replace("lading.", "Lading."): value for name, value in found["tags"].items()}
    assert hooks.status.state is State.RUNNING
    assert hooks.status.release_id is not None
    ready(hooks.deploy(2))


@pytest.mark.parametrize(
    ("code", "on_kubernetes", "option", "words"),
    [
        ("OutOfQuota", False, "instance_type", "the quota for these instances is used up"),
        ("OutOfQuota", True, "resources", "a quota of the namespace is used up"),
        ("OutOfCapacity", False, "instance_type", "the region has none of these instances"),
        ("OutOfCapacity", True, "resources", "no node of the cluster has room for an instance"),
        ("ImagePullFailed", False, "identity", "the identity of the endpoint needs the role AcrPull"),
        ("ImagePullFailed", True, "", "the cluster cannot pull the image"),
        ("ResourceNotReady", True, "readiness_probe", "does not answer its health check"),
    ],
)
def test_a_cause_has_the_words_of_its_place(code: str, on_kubernetes: bool, option: str, words: str) -> None:
    found = cause_of({"code": code, "message": "no"}, "creating", on_kubernetes=on_kubernetes)
    assert found.option == option
    assert words in found.reason


def on_a_cluster(name: str) -> Deployment[Any]:
    return Deployment(service="salary", target="t", options=KubernetesOnlineOptions(compute=name))


@pytest.mark.parametrize(("before", "effects"), [("aks", []), ("AKS", []), ("${C}", []), ("b", [PlanEffect.REFUSED])])
def test_the_plan_refuses_another_cluster(before: str, effects: list[PlanEffect]) -> None:
    up = UpRelease(service="salary", release=1, written={"compute": before})
    found = lading_plan(PlanRequest(deployment=on_a_cluster("aks"), up=up)).findings
    assert [each.effect for each in found] == effects
    assert all(each.option == "compute" for each in found)


ML = "Microsoft.MachineLearningServices/workspaces"
DATA_SCIENTIST = {
    "actions": [f"{ML}/*/read", f"{ML}/*/action", f"{ML}/*/delete", f"{ML}/*/write"],
    "notActions": [
        f"{ML}/delete",
        f"{ML}/write",
        f"{ML}/computes/*/write",
        f"{ML}/computes/*/delete",
        f"{ML}/computes/listKeys/action",
        f"{ML}/listKeys/action",
    ],
}
CONTRIBUTOR = {
    "actions": ["*"],
    "notActions": [
        "Microsoft.Authorization/*/Delete",
        "Microsoft.Authorization/*/Write",
        "Microsoft.Authorization/elevateAccess/Action",
    ],
}


@pytest.mark.parametrize("role", [DATA_SCIENTIST, CONTRIBUTOR])
@pytest.mark.parametrize("auth", ["key", "aml_token", "aad_token"])
def test_roles_that_azure_defines_have_all_actions(
    hooks: Hooks, memory: MemoryAzure, role: dict[str, Any], auth: str
) -> None:
    memory.actions = [role]
    assert lading_preflight(PreflightRequest(deployment=hooks.deployment(auth=auth)), hooks.context).findings == ()


def test_a_wildcard_between_slashes_includes_no_part_at_all(hooks: Hooks) -> None:
    memory = hooks.azure
    memory.actions = [DATA_SCIENTIST]
    wanted = [f"{ML}/read", f"{ML}/write", f"{ML}/onlineEndpoints/write", f"{ML}/computes/a/write"]
    assert lacking(hooks.workspace, wanted) == [f"{ML}/write", f"{ML}/computes/a/write"]


def test_requests_with_a_token_of_entra_need_an_action(hooks: Hooks, memory: MemoryAzure) -> None:
    memory.actions = [{"actions": ["*"], "notActions": [f"{ML}/onlineEndpoints/score/action"]}]
    deployment = hooks.deployment(auth="aad_token")
    (found,) = lading_preflight(PreflightRequest(deployment=deployment), hooks.context).findings
    assert "onlineEndpoints/score/action" in found.message
    assert lading_preflight(PreflightRequest(deployment=hooks.deployment()), hooks.context).findings == ()


def test_the_preflight_compares_the_cluster_and_the_identity(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1))
    assert lading_preflight(PreflightRequest(deployment=hooks.deployment()), hooks.context).findings == ()
    (found,) = lading_preflight(PreflightRequest(deployment=on_a_cluster("aks")), hooks.context).findings
    assert (found.option, found.severity) == ("compute", FindingSeverity.ERROR)
    assert "cannot move it" in found.message
    other = Identity(type="user_assigned", user_assigned_identities=(UserIdentity(resource_id=ID),))
    (found,) = lading_preflight(PreflightRequest(deployment=hooks.deployment(identity=other)), hooks.context).findings
    assert found.option == "identity"
