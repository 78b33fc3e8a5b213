"""Online endpoints of the offline Azure: their form, their operations, keys and tokens."""

from __future__ import annotations

from typing import Any

import pytest
from arm_client import Arm
from offline_azure.client import Azure

ENDPOINT = "/onlineEndpoints/salary"


def test_an_endpoint_is_created_changed_listed_and_deleted(arm: Arm) -> None:
    created = arm("PUT", ENDPOINT, {**arm.endpoint_body(), "tags": {"release": "1"}})
    assert (created.status, created.body["properties"]["provisioningState"]) == (201, "Creating")
    assert arm.ended(created)["status"] == "Succeeded"
    changed = arm.done("PUT", ENDPOINT, {**arm.endpoint_body(description="second"), "tags": {"release": "2"}})
    assert (changed.status, changed.body["tags"]) == (200, {"release": "1"})  # until the operation has ended
    record = arm("GET", ENDPOINT).body
    assert (record["tags"], record["properties"]["description"]) == ({"release": "2"}, "second")
    assert record["properties"]["provisioningState"] == "Succeeded"
    assert record["properties"]["scoringUri"] == "https://salary.southeastasia.inference.ml.azure.com/score"
    assert arm("GET", "/onlineEndpoints").body == {"value": [record]}
    arm.done("DELETE", ENDPOINT)
    assert [arm("GET", ENDPOINT).status, arm("DELETE", ENDPOINT).status] == [404, 204]


def test_an_operation_takes_the_polls_that_a_test_sets(arm: Arm) -> None:
    arm.azure.settings(polls=3, retry_after=7)
    created = arm("PUT", ENDPOINT, arm.endpoint_body())
    assert created.headers["Retry-After"] == "7"
    states = [arm.follow(created).body["status"] for _ in range(4)]
    assert states == ["InProgress", "InProgress", "InProgress", "Succeeded"]
    result = arm.follow(created, "Location")
    assert (result.status, result.body["name"]) == (200, "salary")


def test_a_query_of_the_resource_is_a_poll_too(arm: Arm) -> None:
    arm.azure.settings(polls=2)
    created = arm("PUT", ENDPOINT, arm.endpoint_body())
    for _ in range(2):
        assert arm("GET", ENDPOINT).body["properties"]["provisioningState"] == "Creating"
    assert arm("GET", ENDPOINT).status == 200  # the third one lets it end
    assert arm.ended(created)["status"] == "Succeeded"


def test_a_second_operation_at_an_endpoint_is_refused(arm: Arm) -> None:
    arm.azure.faults.stick(method="PUT", path=f"{ENDPOINT}$")
    created = arm("PUT", ENDPOINT, arm.endpoint_body())
    assert arm.follow(created).body["status"] == "InProgress"
    for method, body in (("PUT", arm.endpoint_body()), ("DELETE", None)):
        refused = arm(method, ENDPOINT, body)
        assert (refused.status, refused.body["error"]["code"]) == (409, "Conflict")
    assert arm.azure.release() == 1
    assert arm.ended(created)["status"] == "Succeeded"


def test_a_forced_failure_is_the_end_of_an_operation(arm: Arm) -> None:
    arm.azure.faults.fail_operation({"code": "InternalServerError", "message": "as the rule says"}, path=f"{ENDPOINT}$")
    state = arm.ended(arm("PUT", ENDPOINT, arm.endpoint_body()))
    assert (state["status"], state["error"]["message"]) == ("Failed", "as the rule says")
    assert arm("GET", ENDPOINT).body["properties"]["provisioningState"] == "Failed"


def test_a_name_is_unique_in_the_region(arm: Arm) -> None:
    arm.azure.settings(taken_names=["salary"])
    refused = arm("PUT", ENDPOINT, arm.endpoint_body())
    assert refused.status == 400
    assert "already an endpoint with this name" in refused.reasons


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"colour": "blue"}, "unknown field 'colour'"),
        ({"authMode": "Password"}, "authMode is 'Password'"),
        ({"authMode": None}, "lacks the field 'authMode'"),
        ({"traffic": {"blue": "100"}}, "blue is '100'"),
    ],
)
def test_a_body_of_another_form_fails_the_test(arm: Arm, properties: dict[str, Any], reason: str) -> None:
    assert arm("PUT", ENDPOINT, arm.endpoint_body(**properties)).status == 400
    (failure,) = arm.azure.calls.accept_failures()
    assert reason in failure


def test_a_call_without_a_version_or_with_an_unknown_route_fails_the_test(arm: Arm) -> None:
    assert arm("GET", ENDPOINT, version="").status == 400
    assert arm("GET", f"{ENDPOINT}/colour").status == 501
    first, second = arm.azure.calls.accept_failures()
    assert "no api-version" in first
    assert "does not know this route" in second


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"traffic": {"green": 100}}, "'green' does not exist"),
        ({"mirrorTraffic": {"green": 10}}, "'green' does not exist"),
        ({"compute": "other"}, "compute other was not found"),
    ],
)
def test_a_change_that_the_service_refuses(arm: Arm, properties: dict[str, Any], reason: str) -> None:
    arm.endpoint()
    refused = arm("PUT", ENDPOINT, arm.endpoint_body(**properties))
    assert refused.status == 400
    assert reason in refused.reasons


def test_a_client_without_a_role_is_refused_by_action(arm: Arm) -> None:
    action = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/write"
    arm.azure.settings(denied=[action])
    refused = arm("PUT", ENDPOINT, arm.endpoint_body())
    assert (refused.status, refused.body["error"]["code"]) == (403, "AuthorizationFailed")
    assert f"action '{action}'" in refused.reasons
    (granted,) = arm("GET", "/providers/Microsoft.Authorization/permissions").body["value"]
    assert (granted["actions"], granted["notActions"]) == (["*"], [action])


def test_keys_are_listed_and_regenerated(arm: Arm, azure: Azure) -> None:
    arm.endpoint()
    keys = arm("POST", f"{ENDPOINT}/listKeys").body
    assert {*keys} == {"primaryKey", "secondaryKey"}
    arm.done("POST", f"{ENDPOINT}/regenerateKeys", {"keyType": "Primary", "keyValue": "fresh-key-of-the-test"})
    rotated = arm("POST", f"{ENDPOINT}/listKeys").body
    assert rotated == {**keys, "primaryKey": "fresh-key-of-the-test"}
    assert {*keys.values(), *rotated.values()} <= {*azure.secrets}
    assert arm("POST", f"{ENDPOINT}/token").status == 400


def test_an_endpoint_with_tokens_has_no_keys(arm: Arm) -> None:
    arm.endpoint(authMode="AMLToken")
    token = arm("POST", f"{ENDPOINT}/token").body
    assert token["refreshAfterTimeUtc"] < token["expiryTimeUtc"]
    assert arm("POST", f"{ENDPOINT}/listKeys").status == 400
