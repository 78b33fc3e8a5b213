"""Requests that Azure refuses, operations that it does not show, and the objects that are left, in memory."""

from __future__ import annotations

import pytest
from tests.plugins.wire import Answer
from tests.targets.azureml_online.memory_azure import MemoryAzure
from tests.targets.azureml_online.online_kit import Hooks, failed, name_of, ready

from lading import Pending, StageFailed, Verdict

UP, WRONG = Verdict(up=True), Verdict(up=False, reason="it answered wrongly")
DENIED = Answer({"error": {"code": "AuthorizationFailed", "message": "no authorization to perform action"}}, 403)


def others_get_requests(memory: MemoryAzure, *names: str) -> None:
    """A deployment of others appears, and gets half of the requests."""
    memory.deployments["salary"]["blue"] = {"name": "blue", "properties": {"provisioningState": "Succeeded"}}
    memory.endpoints["salary"]["properties"]["traffic"] = {**dict.fromkeys(names, 50), "blue": 50}
    memory.settle()


def test_a_refused_environment_leaves_no_new_endpoint(hooks: Hooks, memory: MemoryAzure) -> None:
    memory.refusals["^PUT .*/environments/"] = DENIED
    assert "registering the environment" in failed(hooks.until_answer(1)).reason
    assert memory.endpoints == {}


def test_requests_of_others_that_appear_later_remove_the_release(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1))
    while name_of(2) not in hooks.names:
        hooks.step(2)
    others_get_requests(memory, name_of(1))
    assert "deployment blue" in failed(hooks.until_answer(2)).reason
    assert hooks.names == ["blue", name_of(1)]
    assert hooks.traffic == {name_of(1): 50, "blue": 50}


def test_requests_of_others_at_a_new_endpoint_leave_the_endpoint(hooks: Hooks, memory: MemoryAzure) -> None:
    while name_of(1) not in hooks.names:
        hooks.step(1)
    others_get_requests(memory)
    assert "deployment blue" in failed(hooks.until_answer(1)).reason
    assert hooks.names == ["blue"]


@pytest.mark.parametrize("steps", range(1, 8))
def test_the_endpoint_of_an_abandoned_first_release_is_deleted(hooks: Hooks, memory: MemoryAzure, steps: int) -> None:
    for _ in range(steps):
        hooks.step(1)
    memory.settle()
    failed(hooks.deploy(2, verdict=WRONG))
    assert memory.endpoints == {}


def test_an_endpoint_that_another_store_has_made_stays(hooks: Hooks, memory: MemoryAzure) -> None:
    hooks.until_answer(1)
    hooks.context.facts.clear()
    failed(hooks.deploy(2, verdict=WRONG))
    assert hooks.names == [name_of(1)]


def test_an_endpoint_whose_requests_others_have_stopped_stays(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1))
    memory.endpoints["salary"]["properties"]["traffic"] = {}
    failed(hooks.deploy(2, verdict=WRONG))
    assert hooks.names == [name_of(1)]
