"""Autoscale settings of the offline Azure: strict forms, rights, and one setting for a deployment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from arm_client import Arm, Reply

BLUE = "/onlineEndpoints/salary/deployments/blue"
CAPACITY = {"minimum": "1", "maximum": "3", "default": "1"}
Ask = Callable[..., Reply]


@pytest.fixture
def ask(arm: Arm, tmp_path: Path) -> Ask:
    """Calls a setting of the deployment `blue`."""
    arm.endpoint()
    arm.done("PUT", BLUE, arm.deployment_body(arm.image(tmp_path / "images", "blue")))
    return lambda method, body=None, name="blue": arm.monitor(method, f"/autoscaleSettings/{name}", body)


def setting(arm: Arm, target: str = BLUE, capacity: dict[str, str] = CAPACITY, **more: Any) -> dict[str, Any]:
    profile = {"name": "lading", "capacity": capacity, "rules": []}
    properties = {"enabled": True, "targetResourceUri": arm.id_of(target), "profiles": [profile], **more}
    return {"location": arm.location, "tags": {"team": "a"}, "properties": properties}


def test_a_setting_is_written_read_and_deleted(arm: Arm, ask: Ask) -> None:
    assert ask("GET").status == 404
    assert [ask("PUT", setting(arm)).status, ask("PUT", setting(arm)).status] == [201, 200]
    shown = ask("GET").body
    assert (shown["name"], shown["tags"]) == ("blue", {"team": "a"})
    assert shown["properties"]["profiles"] == setting(arm)["properties"]["profiles"]
    assert [ask("DELETE").status, ask("DELETE").status] == [200, 204]


def test_a_setting_outlives_its_deployment(arm: Arm, ask: Ask) -> None:
    ask("PUT", setting(arm))
    arm.done("DELETE", BLUE)
    assert ask("GET").status == 200


def test_a_deployment_has_one_setting(arm: Arm, ask: Ask) -> None:
    ask("PUT", setting(arm))
    refused = ask("PUT", setting(arm), name="other")
    assert (refused.status, "has an autoscale setting already" in refused.body["error"]["message"]) == (409, True)


def test_a_setting_needs_a_managed_deployment_and_limits_in_order(arm: Arm, ask: Ask) -> None:
    assert ask("PUT", setting(arm, target=f"{BLUE}-2")).status == 400
    assert ask("PUT", setting(arm, capacity={**CAPACITY, "default": "4"})).status == 400


def test_an_unknown_field_is_refused(arm: Arm, ask: Ask) -> None:
    assert ask("PUT", setting(arm, scale=1)).status == 400
    assert len(arm.azure.calls.accept_failures()) == 1


@pytest.mark.parametrize(("method", "action"), [("GET", "read"), ("PUT", "write"), ("DELETE", "delete")])
def test_each_call_needs_its_action(arm: Arm, ask: Ask, method: str, action: str) -> None:
    arm.azure.settings(denied=[f"Microsoft.Insights/autoscaleSettings/{action}"])
    refused = ask(method, setting(arm) if method == "PUT" else None)
    assert (refused.status, f"autoscaleSettings/{action}" in refused.body["error"]["message"]) == (403, True)


def test_a_subscription_must_have_the_provider(arm: Arm, ask: Ask) -> None:
    arm.azure.settings(unregistered=["Microsoft.Insights"])
    refused = ask("PUT", setting(arm))
    assert (refused.status, refused.body["error"]["code"]) == (409, "MissingSubscriptionRegistration")
