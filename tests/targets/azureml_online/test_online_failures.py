"""Requests that Azure refuses, operations that it does not show, and the objects that are left, in memory."""

from __future__ import annotations

from typing import Any

import pytest
from tests.plugins.wire import Answer, Sent
from tests.targets.azureml_online.memory_azure import MemoryAzure, error
from tests.targets.azureml_online.online_kit import Hooks, failed, id_of, name_of, ready, settled

from lading import Candidate, Done, Failed, OutcomeUnknown, Pending, StageFailed, Verdict
from lading_azureml_online.answers import lading_delete, lading_keys

UP, WRONG = Verdict(up=True), Verdict(up=False, reason="it answered wrongly")
ACTION = "Microsoft.MachineLearningServices/locations/mfeOperationsStatus/read"
DENIED = Answer({"error": {"code": "AuthorizationFailed", "message": "no authorization to perform action"}}, 403)


def others_get_requests(memory: MemoryAzure, *names: str) -> None:
    """A deployment of others appears, and gets half of the requests."""
    memory.deployments["salary"]["blue"] = {"name": "blue", "properties": {"provisioningState": "Succeeded"}}
    memory.endpoints["salary"]["properties"]["traffic"] = {**dict.fromkeys(names, 50), "blue": 50}
    memory.settle()


@pytest.mark.parametrize("path", ["/environments/", "/deployments/"])
def test_a_missing_right_keeps_its_hint_and_leaves_no_new_endpoint(
    hooks: Hooks, memory: MemoryAzure, path: str
) -> None:
    """The removal may end in another command."""
    memory.refusals[f"^PUT .*{path}"] = DENIED
    while isinstance(hooks.step(1), Pending) and not memory.like("DELETE", "/salary"):
        pass
    hooks.connect()
    with pytest.raises(StageFailed, match="no authorization to perform action") as refused:
        hooks.until_answer(1)
    assert refused.value.hint
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


def test_a_release_that_serves_ends_the_record_of_the_others(hooks: Hooks, memory: MemoryAzure) -> None:
    while name_of(1) not in hooks.names:
        hooks.step(1)
    memory.settle()
    ready(hooks.deploy(2))
    assert hooks.context.facts["begun"] == ""


def test_an_adopted_release_writes_no_record(hooks: Hooks) -> None:
    ready(hooks.deploy(1))
    hooks.context.facts.clear()
    ready(hooks.step(2, package=1))
    assert hooks.context.facts == {}


def test_a_candidate_that_another_command_has_deleted_is_gone(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1))
    hooks.until_answer(2)
    del memory.deployments["salary"][name_of(2)]
    step = failed(hooks.until_answer(2, verdict=UP))
    assert "another command has deleted" in step.reason
    assert step.gone


def test_an_endpoint_whose_requests_others_have_stopped_stays(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1))
    memory.endpoints["salary"]["properties"]["traffic"] = {}
    failed(hooks.deploy(2, verdict=WRONG))
    assert hooks.names == [name_of(1)]


LOCKED = error("ScopeLocked", "the scope is locked")


def lock(memory: MemoryAzure, path: str, at_once: bool) -> None:
    """Azure refuses the next deletion, at once or in its operation."""
    if at_once:
        memory.refusals[f"^DELETE .*{path}"] = Answer({"error": LOCKED}, 409)
    else:
        memory.errors[f"^DELETE .*{path}"] = LOCKED


def test_a_release_whose_deployment_is_deleted_is_gone(hooks: Hooks, memory: MemoryAzure) -> None:
    assert failed(hooks.deploy(1, verdict=WRONG)).gone
    ready(hooks.deploy(2))
    lock(memory, "/deployments/", True)
    assert not failed(hooks.deploy(3, verdict=WRONG)).gone


@pytest.mark.parametrize("at_once", [True, False])
def test_a_release_that_cannot_be_deleted_does_not_hide_its_cause(
    hooks: Hooks, memory: MemoryAzure, at_once: bool
) -> None:
    ready(hooks.deploy(1))
    lock(memory, "/deployments/", at_once)
    assert failed(hooks.deploy(2, verdict=WRONG)).reason == WRONG.reason
    assert "stays, and costs money" in hooks.context.warnings[-1]
    assert "the scope is locked" in hooks.context.warnings[-1]


@pytest.mark.parametrize("at_once", [True, False])
def test_an_endpoint_that_cannot_be_deleted_does_not_hide_the_cause(
    hooks: Hooks, memory: MemoryAzure, at_once: bool
) -> None:
    hooks.until_answer(1)
    lock(memory, "/salary$", at_once)
    assert failed(hooks.until_answer(1, verdict=WRONG)).reason == WRONG.reason
    assert "endpoint salary stays" in hooks.context.warnings[-1]
    assert "the scope is locked" in hooks.context.warnings[-1]


def leave(memory: MemoryAzure, *names: str) -> None:
    """Old deployments of ours get no requests."""
    tags = memory.deployments["salary"][name_of(1)]["tags"]
    for name in names:
        left = {"name": name, "tags": tags, "properties": {"provisioningState": "Succeeded"}}
        memory.deployments["salary"][name] = {**left, "systemData": {"createdAt": "2020-01-01T00:00:00Z"}}


@pytest.mark.parametrize("at_once", [True, False])
def test_leftovers_that_cannot_be_deleted_do_not_stop_a_deploy(
    hooks: Hooks, memory: MemoryAzure, monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    ready(hooks.deploy(1))
    leave(memory, "r-a", "r-b", "r-c")
    real = memory.answer_to

    def answer(sent: Sent) -> Answer:
        if sent.method == "DELETE" and not sent.path.endswith("r-b"):
            lock(memory, sent.path, at_once)
        return real(sent)

    monkeypatch.setattr(memory, "answer_to", answer)
    assert isinstance(hooks.until_answer(2), Candidate)
    assert hooks.names == [name_of(1), name_of(2), "r-a", "r-c"]
    first, second = hooks.context.warnings
    assert "deployment r-a without requests stays, and costs money" in first
    assert "deployment r-c without requests stays" in second
    assert "the scope is locked" in first


@pytest.mark.parametrize("at_once", [True, False])
def test_a_promotion_does_not_fail_for_a_deployment_that_cannot_be_deleted(
    hooks: Hooks, memory: MemoryAzure, at_once: bool
) -> None:
    ready(hooks.deploy(1))
    ready(hooks.deploy(2, beside=True))
    lock(memory, "/deployments/", at_once)
    assert hooks.shift((2, 100, 0)) == Done()
    assert hooks.shares == [(id_of(2), 100, 0)]
    (warning,) = hooks.context.warnings
    assert f"deployment {name_of(1)} without requests stays" in warning


def test_a_canary_that_cannot_be_deleted_is_not_aborted(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1))
    ready(hooks.deploy(2, beside=True))
    lock(memory, "/deployments/", True)
    step = hooks.shift((1, 100, 0))
    assert isinstance(step, Failed)
    assert f"the canary {name_of(2)} stays" in step.reason
    assert "the scope is locked" in hooks.context.warnings[-1]


def test_a_promoted_canary_that_cannot_be_deleted_is_not_a_canary(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1))
    ready(hooks.deploy(2, beside=True))
    hooks.shift((2, 100, 0))
    lock(memory, "/deployments/", True)
    ready(hooks.deploy(3))
    assert hooks.names == [name_of(2), name_of(3)]
    assert hooks.shares == [(id_of(3), 100, 0)]


@pytest.fixture
def hidden(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> Hooks:
    """Azure does not show operations to this sign-in. Their resources show the result."""
    real = hooks.azure._answer

    def answer(sent: Sent) -> Answer:
        if sent.path.startswith("/operations/"):
            hooks.azure.settle()
            return DENIED
        return real(sent)

    monkeypatch.setattr(hooks.azure, "_answer", answer)
    return hooks


@pytest.mark.parametrize("path", ["/salary$", "/deployments/"])
def test_a_hidden_failure_of_a_first_release_ends_it(hidden: Hooks, memory: MemoryAzure, path: str) -> None:
    memory.errors[f"^PUT .*{path}"] = LOCKED
    assert f"the sign-in may lack the action {ACTION}" in failed(hidden.deploy(1)).reason
    assert memory.endpoints == {}


def test_an_endpoint_is_repaired_once_if_its_failure_is_hidden(hidden: Hooks, memory: MemoryAzure) -> None:
    ready(hidden.deploy(1))
    memory.endpoints["salary"]["properties"]["provisioningState"] = "Failed"
    memory.errors["^PUT .*/salary$"] = LOCKED
    memory.sent.clear()
    assert f"the sign-in may lack the action {ACTION}" in failed(hidden.deploy(2)).reason
    assert len(memory.like("PUT", "/onlineEndpoints/salary")) == 1


def deleted(memory: MemoryAzure) -> list[str]:
    """The names in the requests that delete."""
    return [sent.path.rpartition("/")[2] for sent in memory.sent if sent.method == "DELETE"]


def test_a_hidden_refusal_of_a_deletion_is_reported_once(hidden: Hooks, memory: MemoryAzure) -> None:
    ready(hidden.deploy(1))
    memory.errors["^DELETE"] = LOCKED
    memory.sent.clear()
    assert failed(hidden.deploy(2, verdict=WRONG)).reason == WRONG.reason
    (warning,) = hidden.context.warnings
    assert ACTION in warning
    assert deleted(memory) == [name_of(2)]
    memory.sent.clear()
    memory.deployments["salary"][name_of(2)]["properties"]["provisioningState"] = "Succeeded"
    memory.errors["^DELETE"] = LOCKED
    step = settled(lambda: lading_delete(hidden.deployment(), hidden.context))
    assert isinstance(step, Failed)
    assert ACTION in step.reason
    assert deleted(memory) == ["salary"]


def test_a_hidden_failure_of_a_shift_is_reported(
    hidden: Hooks, memory: MemoryAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready(hidden.deploy(1))
    ready(hidden.deploy(2, beside=True))
    before = dict(hidden.traffic)
    memory.errors["^PUT .*/salary$"] = LOCKED
    memory.sent.clear()
    operation_keeps = memory._put

    def put(*args: Any) -> Answer:
        answer = operation_keeps(*args)
        memory.endpoints["salary"]["properties"]["traffic"] = before
        return answer

    monkeypatch.setattr(memory, "_put", put)
    step = hidden.shift((1, 70, 0), (2, 30, 0))
    assert isinstance(step, Failed)
    assert ACTION in step.reason
    assert len(memory.like("PUT", "/onlineEndpoints/salary")) == 1


def test_a_hidden_failure_of_a_promotion_keeps_the_old_deployment(hidden: Hooks, memory: MemoryAzure) -> None:
    """The endpoint is failed then, and shows the requested traffic."""
    ready(hidden.deploy(1))
    ready(hidden.deploy(2, beside=True))
    memory.errors["^PUT .*/salary$"] = LOCKED
    step = hidden.shift((2, 100, 0))
    assert isinstance(step, Failed)
    assert ACTION in step.reason
    assert (hidden.traffic, hidden.names) == ({name_of(2): 100}, [name_of(1), name_of(2)])
    memory.sent.clear()
    assert hidden.shift((2, 100, 0)) == Done()
    assert len(memory.like("PUT", "/onlineEndpoints/salary")) == 1
    assert hidden.names == [name_of(2)]


@pytest.mark.parametrize("keeps", [True, False])
def test_a_hidden_rotation_is_unknown_only_if_the_key_is_the_old_one(
    hidden: Hooks, memory: MemoryAzure, monkeypatch: pytest.MonkeyPatch, keeps: bool
) -> None:
    ready(hidden.deploy(1))
    memory.keeps_keys = keeps
    memory.endpoints["salary"]["properties"]["provisioningState"] = "Updating"

    def end(_seconds: float) -> None:
        memory.endpoints["salary"]["properties"]["provisioningState"] = "Succeeded"

    monkeypatch.setattr("time.sleep", end)
    if keeps:
        with pytest.raises(OutcomeUnknown, match=f"primary key is rotated: the sign-in may lack the action {ACTION}"):
            lading_keys(hidden.deployment(), hidden.context, "primary")
    else:
        rotated = lading_keys(hidden.deployment(), hidden.context, "primary").primary
        assert rotated is not None
        assert rotated.reveal() == memory.keys["primaryKey"]
    assert memory.endpoints["salary"]["properties"]["provisioningState"] == "Succeeded"


def test_an_interrupted_wait_for_a_hidden_rotation_is_unknown(
    hidden: Hooks, memory: MemoryAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready(hidden.deploy(1))
    memory.endpoints["salary"]["properties"]["provisioningState"] = "Updating"
    monkeypatch.setattr("time.sleep", lambda _seconds: setattr(hidden.context, "cancel_after", 0))
    with pytest.raises(OutcomeUnknown, match="the new key is not ready yet"):
        lading_keys(hidden.deployment(), hidden.context, "primary")
