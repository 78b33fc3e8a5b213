"""The autoscale setting of a deployment is deleted after Azure has accepted the deletion of the deployment."""

from __future__ import annotations

import pytest
from tests.plugins.wire import Answer
from tests.targets.azureml_online.memory_azure import MemoryAzure
from tests.targets.azureml_online.online_kit import Hooks, name_of, ready, settled
from tests.targets.azureml_online.test_online_autoscale import LIMITS, refuse, setting, touched

from lading import DeleteStep, Done, StageFailed
from lading_azureml_online.answers import lading_delete


def test_a_release_without_the_option_deletes_the_setting_of_the_former_one(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1, autoscale=LIMITS))
    hooks.connect()
    ready(hooks.deploy(2, instance_count=3))
    assert (memory.autoscale, touched(memory).count("DELETE")) == ({}, 1)
    assert memory.deployments["salary"][name_of(2)]["sku"]["capacity"] == 3


def test_an_endpoint_is_deleted_with_the_settings(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1, autoscale=LIMITS))
    assert isinstance(settled(lambda: lading_delete(hooks.deployment(), hooks.context)), Done)
    assert (memory.autoscale, memory.endpoints) == ({}, {})


def test_a_setting_that_stays_does_not_keep_its_deployment(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1, autoscale=LIMITS))
    memory.keeps_autoscale, memory.checks = True, 4
    ready(hooks.deploy(2))
    (warning,) = hooks.context.warnings
    assert f"autoscale setting salary-{name_of(1)} stays" in warning
    assert "locked" in warning
    assert (hooks.names, len(memory.autoscale)) == ([name_of(2)], 1)


def refuse_deletion(memory: MemoryAzure, path: str) -> None:
    body = {"error": {"code": "ScopeLocked", "message": "the scope is locked by 'keep'"}}
    memory.refusals[f"^DELETE .*{path}$"] = Answer(body, 409)


def test_a_deployment_that_azure_does_not_delete_keeps_its_setting(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1, autoscale=LIMITS))
    refuse_deletion(memory, name_of(1))
    ready(hooks.deploy(2, autoscale=LIMITS))
    assert (hooks.names, len(memory.autoscale)) == ([name_of(1), name_of(2)], 2)


def test_an_endpoint_that_azure_does_not_delete_keeps_its_settings(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1, autoscale=LIMITS))
    refuse_deletion(memory, "/onlineEndpoints/salary")
    with pytest.raises(StageFailed, match="locked"):
        lading_delete(hooks.deployment(), hooks.context)
    assert setting(memory)


@pytest.mark.parametrize("number", range(2, 7))
def test_a_deletion_that_is_killed_leaves_no_setting(hooks: Hooks, memory: MemoryAzure, number: int) -> None:
    ready(hooks.deploy(1, autoscale=LIMITS))
    hooks.connect()
    memory.lost = number

    def step() -> DeleteStep:
        found = lading_delete(hooks.deployment(), hooks.context)
        memory.settle()
        return found

    assert isinstance(settled(step), Done)
    assert (memory.autoscale, memory.endpoints) == ({}, {})


def test_a_setting_of_another_deployment_stays(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1, autoscale=LIMITS))
    setting(memory)["properties"]["targetResourceUri"] = "/subscriptions/s-1/elsewhere"
    assert isinstance(settled(lambda: lading_delete(hooks.deployment(), hooks.context)), Done)
    assert (len(memory.autoscale), hooks.context.warnings) == (1, [])


def test_a_setting_that_was_never_written_is_not_named(hooks: Hooks, memory: MemoryAzure) -> None:
    for method in ("PUT", "DELETE"):
        refuse(memory, method)
    with pytest.raises(StageFailed, match="autoscaleSettings/write"):
        hooks.until_answer(1, autoscale=LIMITS)
    assert hooks.context.warnings == []
