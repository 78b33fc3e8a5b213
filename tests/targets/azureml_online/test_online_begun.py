"""An endpoint that only unfinished releases have changed is deleted with the last of them. Any other one stays."""

from __future__ import annotations

import pytest
from tests.targets.azureml_online.memory_azure import MemoryAzure, error
from tests.targets.azureml_online.online_kit import Hooks, failed, id_of, name_of, ready

from lading import Verdict

WRONG = Verdict(up=False, reason="it answered wrongly")


def fail(memory: MemoryAzure) -> None:
    """The endpoint fails after an operation that no release has started."""
    memory.settle()
    memory.endpoints["salary"]["properties"]["provisioningState"] = "Failed"


def repair(hooks: Hooks, memory: MemoryAzure, release: int) -> None:
    """A release repairs the endpoint, and its command is killed before it creates a deployment."""
    hooks.step(release)
    assert hooks.names == []
    memory.settle()


@pytest.mark.parametrize("repairs", [[2], [2, 3]])
def test_an_endpoint_that_unfinished_releases_have_repaired_is_deleted(
    hooks: Hooks, memory: MemoryAzure, repairs: list[int]
) -> None:
    hooks.step(1)
    for release in repairs:
        fail(memory)
        repair(hooks, memory, release)
    failed(hooks.deploy(5, verdict=WRONG))
    assert memory.endpoints == {}


def test_a_repair_does_not_hide_that_a_release_has_served(hooks: Hooks, memory: MemoryAzure) -> None:
    """Others have deleted the release that served. Its clients still know the address and the keys."""
    ready(hooks.deploy(1))
    del memory.deployments["salary"][name_of(1)]
    memory.endpoints["salary"]["properties"]["traffic"] = {}
    fail(memory)
    failed(hooks.deploy(2, verdict=WRONG))
    assert memory.endpoints["salary"]["tags"]["lading.release-id"] == id_of(1)
    assert hooks.names == []


def test_a_repaired_endpoint_has_the_marks_of_the_release_that_serves_next(hooks: Hooks, memory: MemoryAzure) -> None:
    hooks.step(1)
    fail(memory)
    ready(hooks.deploy(2))
    assert memory.endpoints["salary"]["tags"]["lading.release-id"] == id_of(2)


def test_a_refused_repair_leaves_the_endpoint_of_a_release_that_served(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1))
    del memory.deployments["salary"][name_of(1)]
    memory.endpoints["salary"]["properties"]["traffic"] = {}
    fail(memory)
    memory.errors["^PUT .*/salary$"] = error("InternalServerError", "the repair failed")
    failed(hooks.until_answer(2))
    assert [*memory.endpoints] == ["salary"]
