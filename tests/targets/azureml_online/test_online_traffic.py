"""A release beside the one that serves, and the shares of both, on a workspace in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.targets.azureml_online.memory_azure import MemoryAzure, error
from tests.targets.azureml_online.online_kit import Hooks, failed, id_of, name_of, ready, settled

from lading import BadInput, Candidate, Done, Failed, Refused, Verdict
from lading_azureml_online.managed import lading_deploy
from lading_azureml_online.options import Identity, UserIdentity
from lading_azureml_online.owning import HEADER

UP = Verdict(up=True)


@pytest.fixture
def canary(hooks: Hooks) -> Hooks:
    """Release 1 serves, and release 2 is beside it."""
    ready(hooks.deploy(1))
    assert isinstance(hooks.until_answer(2, beside=True), Candidate)
    ready(hooks.until_answer(2, beside=True, verdict=UP))
    return hooks


def test_a_release_beside_gets_no_requests(canary: Hooks) -> None:
    assert canary.traffic == {name_of(1): 100}
    assert canary.shares == [(id_of(1), 100, 0), (id_of(2), 0, 0)]
    shown = canary.status
    assert (shown.release_id, shown.detail) == (id_of(1), "")
    assert {each.release_id: each.headers for each in shown.releases}[id_of(2)] == {HEADER: name_of(2)}


def test_weights_and_copies_are_those_of_azure(canary: Hooks, memory: MemoryAzure) -> None:
    assert canary.shift((1, 70, 0), (2, 30, 0)) == Done()
    assert canary.traffic == {name_of(1): 70, name_of(2): 30}
    assert canary.shift((1, 0, 0), (2, 100, 0)) == Done()
    assert (canary.traffic, canary.status.release_id) == ({name_of(2): 100}, id_of(1))
    assert canary.shift((1, 100, 0), (2, 0, 20)) == Done()
    assert canary.traffic == {name_of(1): 100}
    assert memory.endpoints["salary"]["properties"]["mirrorTraffic"] == {name_of(2): 20}
    assert canary.shares == [(id_of(1), 100, 0), (id_of(2), 0, 20)]


@pytest.mark.parametrize("number", [1, 2])
def test_the_only_release_with_a_share_is_left(canary: Hooks, number: int) -> None:
    canary.shift((1, 70, 0), (2, 30, 0))
    assert canary.shift((number, 100, 0)) == Done()
    assert (canary.traffic, canary.names) == ({name_of(number): 100}, [name_of(number)])
    assert (canary.shares, canary.status.release_id) == ([(id_of(number), 100, 0)], id_of(number))


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        (((1, 50, 0), (9, 50, 0)), "does not serve"),
        (((1, 100, 0), (2, 0, 60)), "at most 50 %"),
        (((1, 50, 0), (2, 30, 0)), "do not add up to 100"),
    ],
)
def test_impossible_shares_change_nothing(
    canary: Hooks, memory: MemoryAzure, shares: tuple[tuple[int, int, int], ...], words: str
) -> None:
    memory.sent.clear()
    step = canary.shift(*shares)
    assert isinstance(step, Failed)
    assert words in step.reason
    assert {sent.method for sent in memory.sent} == {"GET"}


@pytest.mark.parametrize("known", [True, False])
def test_a_shift_keeps_the_identity_of_the_endpoint(canary: Hooks, memory: MemoryAzure, known: bool) -> None:
    """Without the variable of an identity, the option is left out of a command that only shifts."""
    given = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/pull"
    present = {"type": "UserAssigned", "userAssignedIdentities": {given.lower(): {}}}
    memory.endpoints["salary"]["identity"] = present
    options = {"identity": Identity(type="user_assigned", user_assigned_identities=(UserIdentity(resource_id=given),))}
    assert canary.shift((1, 70, 0), (2, 30, 0), **(options if known else {})) == Done()
    bodies = memory.like("PUT", "/onlineEndpoints/salary")
    assert bodies[-1].json["identity"] == present


def test_a_shift_takes_no_requests_from_others(canary: Hooks, memory: MemoryAzure) -> None:
    memory.deployments["salary"]["blue"] = {"name": "blue", "properties": {"provisioningState": "Succeeded"}}
    memory.endpoints["salary"]["properties"]["traffic"] = {name_of(1): 50, "blue": 50}
    step = canary.shift((1, 70, 0), (2, 30, 0))
    assert isinstance(step, Failed)
    assert "deployment blue of endpoint salary gets requests" in step.reason
    assert canary.traffic == {name_of(1): 50, "blue": 50}


def test_copies_for_others_count_as_their_requests(canary: Hooks, memory: MemoryAzure) -> None:
    memory.deployments["salary"]["blue"] = {"name": "blue", "properties": {"provisioningState": "Succeeded"}}
    memory.endpoints["salary"]["properties"]["mirrorTraffic"] = {"blue": 10}
    assert canary.status.changed == {"traffic": "changed: deployment blue gets requests"}
    assert "deployment blue" in str(canary.shift((1, 70, 0), (2, 30, 0)))
    with pytest.raises(Refused, match="deployment blue"):
        canary.until_answer(3)
    assert memory.endpoints["salary"]["properties"]["mirrorTraffic"] == {"blue": 10}


@pytest.mark.parametrize(
    ("shares", "options", "tags"),
    [
        (((1, 70, 0), (2, 30, 0)), {"tags": {"team": "b"}}, {"team": "a"}),
        (((2, 100, 0),), {"tags": {"team": "b"}}, {"team": "b"}),
        (((2, 100, 0),), {"tags": {"team": "${TEAM}"}}, {"team": "a"}),
        (((2, 100, 0),), {"description": "of ${TEAM}"}, {}),
    ],
)
def test_settings_change_with_a_promotion_if_their_variables_are_set(
    hooks: Hooks,
    memory: MemoryAzure,
    shares: tuple[tuple[int, int, int], ...],
    options: dict[str, Any],
    tags: dict[str, str],
) -> None:
    ready(hooks.deploy(1, tags={"team": "a"}))
    ready(hooks.deploy(2, beside=True))
    assert hooks.shift(*shares, **options) == Done()
    found = memory.endpoints["salary"]
    assert {name: value for name, value in found["tags"].items() if not name.startswith("lading.")} == tags
    assert "${" not in str(found["properties"].get("description"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tags": {"team": "${TEAM}"}}, "tags of endpoint salary stay"),
        ({"description": "of ${TEAM}"}, "description of endpoint salary stays"),
        ({"tags": {"team": "${TEAM}"}, "description": "of ${TEAM}"}, "tags and description of endpoint salary stay"),
    ],
)
def test_a_promotion_writes_the_access_even_if_a_variable_is_not_set(
    hooks: Hooks, memory: MemoryAzure, options: dict[str, Any], words: str
) -> None:
    ready(hooks.deploy(1, tags={"team": "a"}, description="prices"))
    ready(hooks.deploy(2, beside=True))
    assert hooks.shift((2, 100, 0), public_network_access="disabled", **options) == Done()
    found = memory.endpoints["salary"]
    assert found["properties"]["publicNetworkAccess"] == "Disabled"
    assert found["tags"].get("team") == ("a" if "tags" in options else None)
    assert found["properties"].get("description") == ("prices" if "description" in options else None)
    (warning,) = hooks.context.warnings
    assert warning.startswith(words)


@pytest.mark.parametrize("mode", [None, "Certificate"])
def test_an_endpoint_with_another_mode_of_signing_in_is_written(
    hooks: Hooks, memory: MemoryAzure, mode: str | None
) -> None:
    ready(hooks.deploy(1))
    memory.endpoints["salary"]["properties"]["authMode"] = mode
    assert isinstance(hooks.until_answer(2), Candidate)
    memory.endpoints["salary"]["properties"]["provisioningState"] = "Failed"
    assert isinstance(hooks.until_answer(2), Candidate)
    assert memory.endpoints["salary"]["properties"]["authMode"] == "Key"


def test_a_shift_does_not_change_the_way_of_signing_in(canary: Hooks, memory: MemoryAzure) -> None:
    memory.endpoints["salary"]["properties"]["authMode"] = "AADToken"
    step = canary.shift((1, 100, 0))
    assert isinstance(step, Failed)
    assert "another `auth` than the endpoint" in step.reason


def test_a_release_beside_leaves_the_settings_of_the_endpoint(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1))
    memory.sent.clear()
    ready(hooks.deploy(2, beside=True, public_network_access="disabled", tags={"team": "a"}, description="prices"))
    assert memory.like("PUT", "/onlineEndpoints/salary") == []


def test_a_repaired_endpoint_keeps_the_settings_of_the_stable_release(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1))
    memory.endpoints["salary"]["properties"]["provisioningState"] = "Failed"
    request = replace(
        hooks.request(2, beside=True, public_network_access="disabled"), stable=hooks.deployment(description="prices")
    )
    assert isinstance(settled(lambda: lading_deploy(request, hooks.context)), Candidate)
    properties = memory.endpoints["salary"]["properties"]
    assert (properties["description"], "publicNetworkAccess" in properties) == ("prices", False)


def test_a_canary_with_another_auth_is_refused_before_it_is_made(hooks: Hooks) -> None:
    ready(hooks.deploy(1))
    with pytest.raises(BadInput, match="has another `auth`") as refused:
        hooks.until_answer(2, beside=True, auth="aml_token")
    assert (refused.value.option, hooks.names) == ("auth", [name_of(1)])


def test_a_refused_release_beside_is_deleted(hooks: Hooks) -> None:
    ready(hooks.deploy(1))
    hooks.until_answer(2, beside=True)
    failed(hooks.until_answer(2, beside=True, verdict=Verdict(up=False, reason="wrong")))
    assert hooks.shares == [(id_of(1), 100, 0)]


def test_another_release_beside_is_deleted(canary: Hooks) -> None:
    canary.until_answer(3, beside=True)
    ready(canary.until_answer(3, beside=True, verdict=UP))
    assert canary.names == [name_of(1), name_of(3)]


def test_a_new_release_ends_a_canary(canary: Hooks) -> None:
    ready(canary.deploy(3))
    assert (canary.traffic, canary.names) == ({name_of(3): 100}, [name_of(3)])


def test_a_shift_that_azure_does_not_make_is_reported(canary: Hooks, memory: MemoryAzure) -> None:
    memory.errors["PUT .*onlineEndpoints/salary$"] = error("InternalServerError", "try later")
    step = canary.shift((1, 70, 0), (2, 30, 0))
    assert isinstance(step, Failed)
    assert "try later" in step.reason
