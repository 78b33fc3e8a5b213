"""The steps of a deploy and a deletion, on a workspace in memory, and the requests that they send."""

from __future__ import annotations

import pytest
from tests.plugins.wire import Answer
from tests.targets.azureml_online.memory_azure import MemoryAzure, error
from tests.targets.azureml_online.online_kit import Hooks, failed, name_of, ready, settled

from lading import (
    BadInput,
    Candidate,
    DeleteStep,
    DeployStep,
    Done,
    Failed,
    Pending,
    Refused,
    StageFailed,
    State,
    Verdict,
)
from lading_azureml_online.answers import lading_delete
from lading_azureml_online.owning import HEADER

WRONG = Verdict(up=False, reason="golden request 1 of 1 was answered wrongly")
FOREIGN = {"name": "salary", "tags": {}, "properties": {"provisioningState": "Succeeded", "authMode": "Key"}}
NO_QUOTA = (
    'The request is invalid.: {"errors": {"VmSize": ["Not enough quota available for Standard_DS2_v2. Current usage/'
    'limit: 0/6."]}}'
)


def writes(memory: MemoryAzure) -> list[str]:
    """The requests that change something, by the last two parts of their path."""
    return [
        f"{sent.method} {'/'.join(sent.path.split('/')[-2:])}" for sent in memory.sent if sent.method in "PUT DELETE"
    ]


def test_a_first_release_gets_requests_only_after_its_golden_requests(hooks: Hooks, memory: MemoryAzure) -> None:
    found = hooks.until_answer()
    assert found == Candidate(
        uri="https://salary.westeurope.inference.ml.azure.com/score", headers={HEADER: name_of(1)}
    )
    assert hooks.traffic == {}
    assert hooks.status.state is State.FAILED
    ready(hooks.until_answer(verdict=Verdict(up=True)))
    assert hooks.traffic == {name_of(1): 100}
    (environment,) = memory.environments
    version = environment.rpartition("/")[2]
    assert writes(memory) == [
        "PUT onlineEndpoints/salary",
        f"PUT versions/{version}",
        f"PUT deployments/{name_of(1)}",
        "PUT onlineEndpoints/salary",
    ]


def test_the_old_release_gets_the_requests_until_the_new_one_is_accepted(hooks: Hooks) -> None:
    ready(hooks.deploy(1))
    assert isinstance(hooks.until_answer(2), Candidate)
    assert (hooks.traffic, hooks.names) == ({name_of(1): 100}, [name_of(1), name_of(2)])
    assert hooks.status.package_digest == hooks.request(1).package.digest
    ready(hooks.until_answer(2, verdict=Verdict(up=True)))
    assert (hooks.traffic, hooks.names) == ({name_of(2): 100}, [name_of(2)])
    shown = hooks.status
    assert (shown.state, shown.release_id) == (State.RUNNING, hooks.request(2).release_id)
    assert shown.package_digest == hooks.request(2).package.digest


def test_a_refused_release_is_deleted_and_the_old_one_continues(hooks: Hooks) -> None:
    ready(hooks.deploy(1))
    assert failed(hooks.deploy(2, verdict=WRONG)).reason == WRONG.reason
    assert (hooks.traffic, hooks.names) == ({name_of(1): 100}, [name_of(1)])


def test_a_refused_first_release_leaves_nothing(hooks: Hooks, memory: MemoryAzure) -> None:
    failed(hooks.deploy(1, verdict=WRONG))
    assert (memory.endpoints, hooks.names) == ({}, [])


def test_a_refused_release_is_removed_by_the_next_command_if_the_first_is_killed(hooks: Hooks) -> None:
    ready(hooks.deploy(1))
    hooks.until_answer(2)
    assert isinstance(hooks.step(2, verdict=WRONG), Pending)
    hooks.connect()
    assert failed(hooks.until_answer(2)).reason == WRONG.reason
    assert hooks.names == [name_of(1)]


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("steps", range(1, 9))
def test_a_killed_deploy_is_continued(hooks: Hooks, memory: MemoryAzure, steps: int, kept: bool) -> None:
    """With the folder of the deployment, and without it."""
    ready(hooks.deploy(1))
    for _ in range(steps):
        hooks.step(2)
    hooks.connect() if kept else hooks.forget()
    if not kept:
        memory.settle()  # nothing knows the operations: the resources are read
    ready(hooks.deploy(2))
    assert (hooks.traffic, hooks.names) == ({name_of(2): 100}, [name_of(2)])


@pytest.mark.parametrize("number", range(1, 16))
def test_a_lost_reply_makes_nothing_twice(hooks: Hooks, memory: MemoryAzure, number: int) -> None:
    memory.checks = 1
    ready(hooks.deploy(1))
    memory.sent.clear()
    memory.lost = number
    ready(settled_deploy(hooks, memory))
    assert len(memory.sent) >= number, "the deploy has fewer requests"
    assert (list(memory.endpoints), hooks.names) == (["salary"], [name_of(2)])
    puts = {sent.path: sent.body for sent in memory.sent if sent.method == "PUT" and "/deployments/" in sent.path}
    assert len(puts) == 1


def settled_deploy(hooks: Hooks, memory: MemoryAzure) -> DeployStep:
    """A deploy of the second release. An operation whose address was lost ends meanwhile."""
    found = settled(lambda: _step(hooks, memory, None))
    return settled(lambda: _step(hooks, memory, Verdict(up=True))) if isinstance(found, Candidate) else found


def _step(hooks: Hooks, memory: MemoryAzure, verdict: Verdict | None) -> DeployStep:
    memory.settle()
    return hooks.step(2, verdict=verdict)


@pytest.mark.parametrize("number", range(1, 9))
def test_a_lost_reply_does_not_stop_a_deletion(hooks: Hooks, memory: MemoryAzure, number: int) -> None:
    ready(hooks.deploy(1))
    memory.sent.clear()
    memory.lost = number

    def step() -> DeleteStep:
        memory.settle()
        return lading_delete(hooks.deployment(), hooks.context)

    assert settled(step) == Done()
    assert memory.endpoints == {}


@pytest.mark.parametrize(
    ("found", "option", "words"),
    [
        (error("OutOfCapacity", "no capacity"), "instance_type", "the region has none of these instances"),
        (error("OutOfQuota", "not enough quota"), "instance_type", "the quota for these instances is used up"),
        (error("ResourceNotReady", "User container has crashed"), "", "the container has ended"),
        (error("ResourceNotReady", "it is not ready in time"), "readiness_probe", "health check"),
        (error("ResourceNotReady", "the liveness probe failed"), "liveness_probe", "health check"),
        (error("BadArgument", "Unable to download user container image"), "identity", "AcrPull"),
        (error("BadRequest", "something else"), "", "creating the deployment failed: something else (BadRequest)"),
    ],
)
def test_a_failed_operation_names_the_cause_and_the_option(
    hooks: Hooks, memory: MemoryAzure, found: dict[str, str], option: str, words: str
) -> None:
    memory.errors["deployments/"] = found
    memory.logs["InferenceServer"] = "Traceback\nValueError: no model\n"
    step = failed(hooks.deploy(1))
    assert words in step.reason
    assert found["message"] in step.reason
    assert (step.option, step.log) == (option, "Traceback\nValueError: no model")
    assert memory.endpoints == {}


def test_a_refused_request_names_the_quota_in_words(hooks: Hooks, memory: MemoryAzure) -> None:
    details = [{"code": "InferencingClientCreateDeploymentFailed", "message": NO_QUOTA.partition(": ")[2]}]
    body = {"error": {"code": "BadRequest", "message": "The request is invalid.", "details": details}}
    memory.refusals["^PUT .*/deployments/"] = Answer(body, 400)
    with pytest.raises(StageFailed, match="Not enough quota available for Standard_DS2_v2") as refused:
        hooks.deploy(1)
    assert "{" not in refused.value.message
    assert refused.value.hint == (
        "ask for more under Quotas in the Azure portal, or ask for less in the target's block (`instance_type`)"
    )
    assert memory.endpoints == {}


def test_a_failed_switch_leaves_the_old_release(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1))
    hooks.until_answer(2)
    memory.errors["PUT .*onlineEndpoints/salary$"] = error("InternalServerError", "try later")
    memory.endpoints["salary"]["properties"]["traffic"] = {name_of(1): 100}
    step = hooks.until_answer(2, verdict=Verdict(up=True))
    assert isinstance(step, Failed)
    assert "try later" in step.reason


REFUSED = Answer({"error": {"code": "ScopeLocked", "message": "the scope is locked"}}, 409)
UP = Verdict(up=True)


def test_a_switch_that_azure_refuses_removes_the_new_release(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1))
    hooks.until_answer(2)
    memory.refusals["^PUT .*onlineEndpoints/salary$"] = REFUSED
    with pytest.raises(StageFailed, match="the scope is locked"):
        hooks.until_answer(2, verdict=UP)
    assert (hooks.traffic, hooks.names) == ({name_of(1): 100}, [name_of(1)])


def test_a_new_release_stays_up_if_the_old_one_cannot_be_deleted(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1))
    memory.refusals["^DELETE .*/deployments/"] = REFUSED
    ready(hooks.deploy(2))
    assert (hooks.traffic, hooks.names) == ({name_of(2): 100}, [name_of(1), name_of(2)])
    assert f"deployment {name_of(1)} without requests stays, and costs money" in hooks.context.warnings[-1]


@pytest.mark.parametrize("reply", [Answer({}), Answer({"error": {"code": "AuthorizationFailed", "message": ""}}, 403)])
def test_an_operation_that_azure_does_not_show_ends_with_its_resource(
    hooks: Hooks, memory: MemoryAzure, reply: Answer
) -> None:
    assert isinstance(hooks.step(1), Pending)
    memory.settle()
    memory.refusals["^GET /operations/"] = reply
    assert isinstance(hooks.until_answer(1), Candidate)


def test_leftovers_of_earlier_deploys_are_deleted_before_a_release(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1))
    tags = memory.deployments["salary"][name_of(1)]["tags"]
    for name, created in (("r-old", "2020-01-01T00:00:00Z"), ("r-new", "2999-01-01T00:00:00Z")):
        left = {"name": name, "tags": tags, "properties": {"provisioningState": "Succeeded"}}
        memory.deployments["salary"][name] = {**left, "systemData": {"createdAt": created}}
    hooks.until_answer(2)
    assert hooks.names == sorted(["r-new", name_of(1), name_of(2)])


def test_an_endpoint_on_another_kind_of_compute_is_refused(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1))
    memory.endpoints["salary"]["properties"]["compute"] = "/computes/aks"
    memory.sent.clear()
    with pytest.raises(BadInput, match="endpoint salary is on /computes/aks, and Azure cannot move it"):
        hooks.step(2)
    assert writes(memory) == []


def test_a_name_that_the_region_has_already_is_refused(hooks: Hooks, memory: MemoryAzure) -> None:
    words = "There is already an endpoint with this name, Endpoint name needs to be unique within a region."
    details = [{"code": "InferencingClientCallFailed", "message": f'{{"errors": {{"": ["{words}"]}}}}'}]
    body = {"error": {"code": "BadRequest", "message": "The request is invalid.", "details": details}}
    memory.refusals["^PUT .*onlineEndpoints/salary$"] = Answer(body, 400)
    with pytest.raises(Refused, match="already an endpoint with this name") as caught:
        hooks.deploy(1)
    assert "service_name" in (caught.value.hint or "")


@pytest.mark.parametrize("tags", [{}, {"lading.service": "salary", "lading.target": "other"}])
def test_an_endpoint_of_others_is_refused_and_never_changed(
    hooks: Hooks, memory: MemoryAzure, tags: dict[str, str]
) -> None:
    memory.endpoints["salary"] = {**FOREIGN, "tags": tags}
    with pytest.raises(Refused, match="it is left alone"):
        hooks.step(1)
    with pytest.raises(Refused, match="it is left alone"):
        lading_delete(hooks.deployment(), hooks.context)
    assert hooks.status.state is State.UNKNOWN
    assert writes(memory) == []


def test_a_deployment_of_others_keeps_its_requests(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1))
    memory.deployments["salary"]["blue"] = {"name": "blue", "properties": {"provisioningState": "Succeeded"}}
    memory.endpoints["salary"]["properties"]["traffic"] = {name_of(1): 50, "blue": 50}
    memory.sent.clear()
    assert hooks.status.changed == {"traffic": "changed: deployment blue gets requests"}
    with pytest.raises(Refused, match="deployment blue"):
        hooks.step(2)
    step = lading_delete(hooks.deployment(), hooks.context)
    assert isinstance(step, Failed)
    assert "blue" in step.reason
    assert writes(memory) == []


def test_an_empty_store_adopts_a_release_with_the_same_content(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1, env={"MODE": "a"}))
    hooks.forget()
    ready(hooks.step(7, package=1, env={"MODE": "a"}))
    assert (writes(memory), hooks.names) == ([], [name_of(1)])


def test_force_makes_a_new_deployment_of_the_same_content(hooks: Hooks) -> None:
    ready(hooks.deploy(1))
    ready(hooks.deploy(2, package=1, force=True))
    assert name_of(1) not in hooks.names


@pytest.mark.parametrize("changed", [{"env": {"MODE": "b"}}, {"instance_count": 2}, {"auth": "aml_token"}])
def test_other_content_is_not_adopted(hooks: Hooks, changed: dict[str, object]) -> None:
    ready(hooks.deploy(1, env={"MODE": "a"}))
    hooks.forget()
    assert isinstance(hooks.until_answer(7, package=1, **{"env": {"MODE": "a"}, **changed}), Candidate)
    assert len(hooks.names) == 2


def test_a_changed_number_of_instances_is_shown_and_repaired(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1))
    memory.deployments["salary"][name_of(1)]["sku"]["capacity"] = 4
    assert hooks.status.changed == {"instance_count": "changed to 4"}
    ready(hooks.deploy(2, package=1))
    assert hooks.status.changed == {}


def test_a_failed_endpoint_is_repaired(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1))
    memory.endpoints["salary"]["properties"]["provisioningState"] = "Failed"
    ready(hooks.deploy(2))
    assert hooks.status.state is State.RUNNING


def test_a_deletion_that_azure_refuses_leaves_the_endpoint(hooks: Hooks, memory: MemoryAzure) -> None:
    ready(hooks.deploy(1))
    memory.errors["DELETE"] = error("ScopeLocked", "the workspace has a lock")
    step = settled(lambda: lading_delete(hooks.deployment(), hooks.context))
    assert isinstance(step, Failed)
    assert "the workspace has a lock" in step.reason
    memory.endpoints["salary"]["properties"]["provisioningState"] = "Succeeded"
    assert settled(lambda: lading_delete(hooks.deployment(), hooks.context)) == Done()


def test_a_name_that_azure_does_not_accept_is_bad_input(hooks: Hooks) -> None:
    from lading_azureml_online.naming import check_name

    for name in ("ab", "1st", "a_b", "a" * 33, "ab-"):
        with pytest.raises(BadInput, match="cannot be the name of an endpoint"):
            check_name(name)


def test_a_workspace_that_does_not_exist_is_named(hooks: Hooks, memory: MemoryAzure) -> None:
    memory.refusals["^GET .*/workspaces/salary$"] = Answer(
        {"error": {"code": "ResourceNotFound", "message": "no"}}, 404
    )
    with pytest.raises(StageFailed, match="no workspace salary in resource group mi2"):
        hooks.connect()


def test_a_token_goes_to_no_other_host(hooks: Hooks, memory: MemoryAzure) -> None:
    """The folder of a deployment could be planted."""
    hooks.step(1)
    file = hooks.context.work / "operations.json"
    file.write_text(file.read_text().replace("https://management.azure.com/", "https://evil.example/"))
    with pytest.raises(StageFailed, match="not one of Azure"):
        hooks.step(1)
    assert {sent.host for sent in memory.sent} == {"management.azure.com"}
