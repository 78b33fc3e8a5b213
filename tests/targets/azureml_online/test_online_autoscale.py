"""The option `autoscale`: each release has its own setting of Azure Monitor, which is deleted with its deployment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.plugins.wire import Answer
from tests.targets.azureml_online.memory_azure import PLACE, MemoryAzure
from tests.targets.azureml_online.online_kit import Hooks, failed, id_of, name_of, ready, settled
from tests.targets.azureml_online.online_project import Project
from tests.targets.target_kit import problem

from lading import Candidate, Done, PreflightRequest, StageFailed, Verdict
from lading_azureml_online.answers import lading_delete, lading_preflight
from lading_azureml_online.autoscale import Autoscale
from lading_azureml_online.managed import lading_status
from lading_azureml_online.options import ManagedOptions
from lading_azureml_online.preflight import SCALING

LIMITS = Autoscale(min=2, max=5)
WIDER = Autoscale(min=2, max=9)
SETTINGS = "/autoscaleSettings/"


def setting(memory: MemoryAzure, release: int = 1) -> dict[str, Any]:
    found: dict[str, Any] = memory.autoscale[f"salary-{name_of(release)}"]
    return found


def touched(memory: MemoryAzure) -> list[str]:
    """The requests for settings, without their names."""
    return [sent.method for sent in memory.sent if SETTINGS in sent.path]


def test_the_setting_is_for_the_deployment_of_the_release(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1, autoscale=LIMITS))
    found, path = setting(memory), f"{PLACE}/onlineEndpoints/salary/deployments/{name_of(1)}"
    (profile,) = found["properties"]["profiles"]
    assert found["location"] == "westeurope"
    assert (found["tags"]["lading.service"], found["tags"]["lading.release-id"]) == ("salary", id_of(1))
    assert (found["properties"]["enabled"], found["properties"]["targetResourceUri"]) == (True, path)
    assert profile["capacity"] == {"minimum": "2", "maximum": "5", "default": "2"}
    more, fewer = profile["rules"]
    assert more["metricTrigger"] == {
        "metricName": "CpuUtilizationPercentage",
        "metricResourceUri": path,
        "timeGrain": "PT1M",
        "statistic": "Average",
        "timeWindow": "PT5M",
        "timeAggregation": "Average",
        "operator": "GreaterThan",
        "threshold": 70,
    }
    assert more["scaleAction"] == {"direction": "Increase", "type": "ChangeCount", "value": "1", "cooldown": "PT5M"}
    assert (fewer["metricTrigger"]["operator"], fewer["metricTrigger"]["threshold"]) == ("LessThan", 35)
    assert fewer["scaleAction"]["direction"] == "Decrease"
    assert memory.deployments["salary"][name_of(1)]["sku"]["capacity"] == 2


def test_the_setting_exists_before_the_release_gets_requests(hooks: Hooks, memory: MemoryAzure) -> None:
    assert isinstance(hooks.until_answer(1, autoscale=LIMITS), Candidate)
    assert setting(memory)
    failed(hooks.until_answer(1, verdict=Verdict(up=False, reason="wrong"), autoscale=LIMITS))
    assert (memory.autoscale, memory.endpoints) == ({}, {})


def test_the_next_release_has_its_own_setting_and_as_many_instances(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1, autoscale=LIMITS))
    memory.deployments["salary"][name_of(1)]["sku"]["capacity"] = 4  # Azure Monitor has added two
    ready(hooks.deploy(2, autoscale=LIMITS))
    assert [*memory.autoscale] == [f"salary-{name_of(2)}"]
    assert memory.deployments["salary"][name_of(2)]["sku"]["capacity"] == 4
    ready(hooks.deploy(3, autoscale=Autoscale(min=1, max=3)))
    assert memory.deployments["salary"][name_of(3)]["sku"]["capacity"] == 3


def test_a_deploy_without_the_option_makes_no_request_for_it(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1))
    ready(hooks.deploy(2))
    assert hooks.status.changed == {}
    assert isinstance(settled(lambda: lading_delete(hooks.deployment(), hooks.context)), Done)
    assert touched(memory) == []


def test_the_same_setting_is_not_written_again(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1, autoscale=LIMITS))
    shown = setting(memory)["properties"]["profiles"][0]["rules"][0]
    shown["metricTrigger"] |= {"threshold": 70.0, "dividePerInstance": False, "metricNamespace": None}
    setting(memory)["location"] = "West Europe"
    hooks.connect()
    ready(hooks.deploy(2, package=1, autoscale=LIMITS))
    assert (hooks.names, touched(memory)) == ([name_of(1)], ["GET"])


def test_other_limits_change_the_setting_in_place(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1, autoscale=LIMITS))
    hooks.connect()
    assert lading_status(hooks.deployment(autoscale=WIDER), hooks.context).changed == {}
    ready(hooks.deploy(2, package=1, autoscale=WIDER))
    assert hooks.names == [name_of(1)]
    assert setting(memory)["properties"]["profiles"][0]["capacity"]["maximum"] == "9"


@pytest.mark.parametrize(
    ("words", "change"),
    [
        ("changed", {"enabled": False}),
        ("changed", {"profiles": []}),
        ("changed", {"profiles": {}}),
        ("removed", None),
    ],
)
def test_a_setting_that_others_change_is_shown_and_repaired(
    hooks: Hooks, memory: MemoryAzure, words: str, change: dict[str, Any] | None
) -> None:
    ready(hooks.deploy(1, autoscale=LIMITS))
    memory.autoscale.clear() if change is None else setting(memory)["properties"].update(change)
    deployment = hooks.deployment(autoscale=LIMITS)
    assert lading_status(deployment, hooks.context).changed == {"autoscale": f"{words} in Azure Monitor"}
    ready(hooks.deploy(2, package=1, autoscale=LIMITS))
    assert (lading_status(deployment, hooks.context).changed, hooks.names) == ({}, [name_of(1)])


@pytest.mark.parametrize("tags", [None, {}, {"lading.options": "other"}, {"lading.service": "salary"}])
def test_a_setting_without_our_tags_is_written_again(
    hooks: Hooks, memory: MemoryAzure, tags: dict[str, str] | None
) -> None:
    ready(hooks.deploy(1, autoscale=LIMITS))
    wanted = setting(memory)["tags"]
    if tags is None:
        del setting(memory)["tags"]
    else:
        setting(memory)["tags"] = tags
    ready(hooks.deploy(2, package=1, autoscale=LIMITS))
    assert setting(memory)["tags"] == wanted


def test_the_number_of_instances_is_not_compared(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1, autoscale=LIMITS))
    memory.deployments["salary"][name_of(1)]["sku"]["capacity"] = 4
    assert lading_status(hooks.deployment(autoscale=LIMITS), hooks.context).changed == {}


def refuse(memory: MemoryAzure, method: str) -> None:
    action = f"Microsoft.Insights/autoscaleSettings/{ {'GET': 'read', 'PUT': 'write', 'DELETE': 'delete'}[method] }"
    body = {"error": {"code": "AuthorizationFailed", "message": f"no authorization to perform action '{action}'"}}
    memory.refusals[f"^{method} .*{SETTINGS}"] = Answer(body, 403)


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_missing_right_is_named_and_the_old_release_serves(hooks: Hooks, memory: MemoryAzure, method: str) -> None:
    ready(hooks.deploy(1))
    refuse(memory, method)
    with pytest.raises(StageFailed, match=r"lacks the action .*/autoscaleSettings/") as refused:
        hooks.until_answer(2, autoscale=LIMITS)
    assert "resource group mi2" in str(refused.value.hint)
    assert (hooks.names, hooks.traffic, memory.autoscale) == ([name_of(1)], {name_of(1): 100}, {})


def test_a_subscription_without_azure_monitor_is_named(hooks: Hooks, memory: MemoryAzure) -> None:
    message = "The subscription 's-1' is not registered to use microsoft.insights."
    body = {"error": {"code": "MissingSubscriptionRegistration", "message": message}}
    for method in ("GET", "DELETE"):
        memory.refusals[f"^{method} .*{SETTINGS}"] = Answer(body, 409)
    with pytest.raises(StageFailed, match=r"not registered to use Microsoft\.Insights") as refused:
        hooks.until_answer(1, autoscale=LIMITS)
    assert "az provider register --namespace Microsoft.Insights" in str(refused.value.hint)
    assert (memory.endpoints, hooks.context.warnings) == ({}, [])


def test_a_refused_change_of_the_limits_leaves_the_release(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1, autoscale=LIMITS))
    refuse(memory, "PUT")
    with pytest.raises(StageFailed, match="autoscaleSettings/write"):
        hooks.deploy(2, package=1, autoscale=WIDER)
    assert (hooks.names, hooks.traffic) == ([name_of(1)], {name_of(1): 100})


def test_status_does_without_the_right_to_read_the_setting(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1, autoscale=LIMITS))
    refuse(memory, "GET")
    assert lading_status(hooks.deployment(autoscale=LIMITS), hooks.context).changed == {}


@pytest.mark.parametrize("number", range(1, 40, 2))
def test_a_lost_reply_leaves_one_setting(hooks: Hooks, memory: MemoryAzure, number: int) -> None:
    ready(hooks.deploy(1, autoscale=LIMITS))
    hooks.connect()
    memory.checks, memory.lost = 1, number

    def step(verdict: Verdict | None = None) -> Any:
        found = hooks.step(2, verdict=verdict, autoscale=LIMITS)
        memory.settle()  # after the step: the retry of a lost deletion meets a deployment that Azure is deleting
        return found

    assert isinstance(settled(step), Candidate)
    ready(settled(lambda: step(Verdict(up=True))))
    assert [*memory.autoscale] == [f"salary-{name_of(2)}"]


def test_a_canary_begins_with_the_lowest_number(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1, autoscale=LIMITS))
    memory.deployments["salary"][name_of(1)]["sku"]["capacity"] = 4
    ready(hooks.deploy(2, beside=True, autoscale=LIMITS))
    assert memory.deployments["salary"][name_of(2)]["sku"]["capacity"] == 2
    assert len(memory.autoscale) == 2
    assert isinstance(hooks.shift((1, 100, 0), autoscale=LIMITS), Done)
    assert [*memory.autoscale] == [f"salary-{name_of(1)}"]


def test_the_preflight_names_the_actions_on_the_resource_group(hooks: Hooks, memory: MemoryAzure) -> None:
    memory.group_actions = [{"actions": ["*"], "notActions": ["Microsoft.Insights/*"]}]
    assert lading_preflight(PreflightRequest(deployment=hooks.deployment()), hooks.context).findings == ()
    deployment = hooks.deployment(autoscale=LIMITS)
    (found,) = lading_preflight(PreflightRequest(deployment=deployment), hooks.context).findings
    assert (found.option, found.message.partition(": ")[2]) == ("autoscale", ", ".join(SCALING))
    assert "resource group mi2" in found.message


@pytest.mark.parametrize(
    "block",
    [
        "autoscale: {min: 3, max: 2}",
        "autoscale: {min: 0, max: 2}",
        "autoscale: {min: 1}",
        "autoscale: {min: 1, max: 2, cpu: 100}",
        "autoscale: {min: 1, max: 2}, instance_count: 2",
    ],
)
def test_a_broken_rule_is_reported_at_its_option(tmp_path: Path, block: str) -> None:
    assert "autoscale" in problem(tmp_path, ManagedOptions, f"instance_type: Standard_DS2_v2, {block}")


@pytest.mark.slow
def test_a_release_scales_with_its_load_until_it_is_deleted(project: Project) -> None:
    project.write("autoscale: {min: 1, max: 3, cpu: 60}")
    project("deploy")
    (first,) = project.azure.world["autoscale"].values()
    assert first["properties"]["targetResourceUri"].endswith(project.deployments[0].partition("/")[2])
    project.write("autoscale: {min: 1, max: 3, cpu: 60}, app_insights_enabled: true")
    project("deploy")
    (second,) = project.azure.world["autoscale"].values()
    assert second["name"] != first["name"]
    project.write("autoscale: {min: 2, max: 4, cpu: 60}, app_insights_enabled: true")
    before = project.deployments
    project("deploy")
    (third,) = project.azure.world["autoscale"].values()
    assert (third["name"], project.deployments) == (second["name"], before)
    assert third["properties"]["profiles"][0]["capacity"]["maximum"] == "4"
    project("delete")
    assert (project.azure.world["autoscale"], project.deployments) == ({}, [])


@pytest.mark.slow
def test_a_missing_role_for_azure_monitor_ends_a_deploy(project: Project) -> None:
    project.write("autoscale: {min: 1, max: 3}")
    project.azure.settings(denied_on_group=["Microsoft.Insights/autoscaleSettings/write"])
    done = project("deploy", code=None)
    assert done.code != 0
    assert "Microsoft.Insights/autoscaleSettings/write" in done.err
    assert "targets.managed-online.autoscale" in done.err
    project.azure.settings(denied_on_group=[], unregistered=["Microsoft.Insights"])
    done = project("deploy", code=6)
    assert "az provider register --namespace Microsoft.Insights" in done.err
    assert (project.azure.world["autoscale"], project.azure.state["v2"]["endpoints"]) == ({}, {})
