"""Azure is asked, not remembered: lists that lag, operations that are forgotten, deletes that fail."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.targets.azureml.azureml_kit import CREATE, SERVICE, Cloud
from tests.targets.azureml.memory_workspace import LOST, Scene, scene_in
from tests.targets.target_kit import id_of

from lading import (
    DeleteStep,
    DeployStep,
    Done,
    Failed,
    ModelReference,
    OutcomeUnknown,
    Pending,
    Ready,
    StageFailed,
    Transient,
)
from lading_azureml.port import Operation, RegisteredModel
from lading_azureml_services import aci, sent
from lading_azureml_services.answers import lading_delete
from lading_azureml_services.options import AciOptions

SHA = "a" * 64
LOCKED = {"code": "ScopeLocked", "message": "the scope is locked by 'keep'"}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return scene_in(tmp_path)


def step(scene: Scene, release: int = 1, digest: str = "d" * 64) -> DeployStep:
    return aci.lading_deploy(scene.request(AciOptions(), release, digest=digest), scene.context)


def finish(scene: Scene, release: int = 1, digest: str = "d" * 64) -> DeployStep:
    """The first answer that is not pending."""
    answers = (step(scene, release, digest) for _ in range(40))
    return next(answer for answer in answers if not isinstance(answer, Pending))


def delete(scene: Scene) -> DeleteStep:
    return lading_delete(scene.deployment(AciOptions()), scene.context)


def deployed(scene: Scene) -> Scene:
    step(scene)
    scene.workspace.settle("salary")
    assert step(scene) == Ready()
    scene.workspace.asked.clear()
    scene.workspace.looks.clear()
    return scene


def test_a_registered_model_is_read_by_its_id_while_lists_lag(scene: Scene) -> None:
    scene.workspace.unlisted = 9
    scene.workspace.refusals = {"create": LOST}
    with pytest.raises(Transient):
        step(scene)
    for _ in range(6):
        step(scene)
    assert scene.workspace.asked == ["create", "create"]
    assert scene.workspace.looks == ["models sal_model", "register sal_model", "model sal_model:1"]


def test_a_model_of_the_registry_is_read_by_the_id_that_the_store_keeps(scene: Scene) -> None:
    scene.workspace.models = [RegisteredModel("sal_model", number, SHA) for number in (1, 2)]
    scene.workspace.unlisted = 9
    request = scene.request(AciOptions())
    reference = ModelReference(registry="azureml", name="sal_model", version="2")
    other = ModelReference(registry="elsewhere", name="sal_model", version="1")
    model = replace(request.package.model, references=(other, reference))
    aci.lading_deploy(replace(request, package=replace(request.package, model=model)), scene.context)
    assert scene.workspace.looks == ["model sal_model:2"]
    assert scene.workspace.specs[0].image.models[0].version == 2


@pytest.mark.parametrize("found", [None, RegisteredModel("sal_model", 2, "b" * 64)], ids=["gone", "another model"])
def test_an_id_that_leads_to_another_model_is_not_used(scene: Scene, found: RegisteredModel | None) -> None:
    scene.workspace.models = [found] if found else []
    request = scene.request(AciOptions())
    reference = ModelReference(registry="azureml", name="sal_model", version="2")
    model = replace(request.package.model, references=(reference,))
    aci.lading_deploy(replace(request, package=replace(request.package, model=model)), scene.context)
    assert scene.workspace.looks == ["model sal_model:2", "models sal_model", "register sal_model"]


def test_a_model_whose_registration_was_not_answered_is_found_without_lists(scene: Scene) -> None:
    scene.workspace.lost, scene.workspace.unlisted = {"register"}, 9
    with pytest.raises(Transient):
        step(scene)
    step(scene)
    assert scene.workspace.looks.count("register sal_model") == 1
    assert scene.workspace.specs[0].image.models[0].id == "sal_model:1"


@pytest.mark.parametrize("state", ["failed", "unhealthy", "unschedulable", "unknown"])
def test_a_state_that_lags_does_not_undo_a_good_update(scene: Scene, state: str) -> None:
    deployed(scene)
    step(scene, 2, "e" * 64)
    scene.workspace.settle("salary")
    scene.workspace.stale = [replace(scene.workspace.services["salary"], state=state)] * 3
    assert [step(scene, 2, "e" * 64) for _ in range(4)][-1] == Ready()
    assert scene.workspace.asked == ["update"]


def test_a_release_that_lags_is_not_deployed_again(scene: Scene) -> None:
    deployed(scene)
    old = scene.workspace.services["salary"]
    step(scene, 2, "e" * 64)
    scene.workspace.settle("salary")
    scene.workspace.stale = [old] * 9
    assert finish(scene, 2, "e" * 64) == Ready()
    assert scene.workspace.asked == ["update"]


def test_a_service_that_lags_is_not_created_again(scene: Scene) -> None:
    step(scene)
    scene.workspace.settle("salary")
    scene.workspace.hidden = 9
    assert finish(scene) == Ready()
    assert scene.workspace.asked == ["create"]


def test_a_service_that_stays_unhealthy_has_failed(scene: Scene) -> None:
    step(scene)
    scene.workspace.settle("salary", "unhealthy", error={"message": "no memory"})
    assert finish(scene) == Failed(reason="health failed: no memory")


def test_an_update_that_another_writer_undoes_has_an_unknown_outcome(scene: Scene) -> None:
    deployed(scene)
    old = scene.workspace.services["salary"]
    step(scene, 2, "e" * 64)
    scene.workspace.settle("salary", tags=old.tags)
    with pytest.raises(OutcomeUnknown, match="has finished the update of salary, but the service shows release") as it:
        finish(scene, 2, "e" * 64)
    assert "another command may have changed it" in str(it.value.hint)
    assert scene.workspace.asked == ["update"]
    assert isinstance(step(scene, 2, "e" * 64), Pending)
    assert scene.workspace.asked == ["update", "update"]


@pytest.mark.parametrize("state", ["healthy", "failed"])
def test_the_service_is_read_if_azure_has_forgotten_the_operation(scene: Scene, state: str) -> None:
    step(scene)
    for _ in range(9):
        step(scene)
    scene.workspace.settle("salary", state)
    scene.workspace.forget_operations()
    assert isinstance(finish(scene), Ready if state == "healthy" else Failed)
    assert scene.workspace.asked.count("create") == 1


def test_a_forgotten_operation_does_not_repeat_an_update_that_lags(scene: Scene) -> None:
    deployed(scene)
    old = scene.workspace.services["salary"]
    step(scene, 2, "e" * 64)
    for _ in range(9):
        step(scene, 2, "e" * 64)
    scene.workspace.settle("salary")
    scene.workspace.forget_operations()
    scene.workspace.stale = [old] * 3
    assert finish(scene, 2, "e" * 64) == Ready()
    assert scene.workspace.asked == ["update"]


def test_a_delete_is_requested_once_and_its_operation_followed(scene: Scene) -> None:
    scene.service()
    scene.workspace.unread = True
    scene.workspace.operations["deletion"] = Operation("Running", "", {})
    steps = [delete(scene) for _ in range(20)]
    assert {type(each) for each in steps} == {Pending}
    scene.workspace.operations["deletion"] = Operation("Succeeded", "", {})
    assert isinstance(delete(scene), Pending)
    del scene.workspace.services["salary"]
    assert delete(scene) == Done()
    assert scene.workspace.asked == ["delete"]
    assert scene.context.intents == ["service/salary/delete"]


@pytest.mark.parametrize("state", ["Failed", "Cancelled"])
def test_a_delete_that_azure_does_not_finish_has_failed(scene: Scene, state: str) -> None:
    scene.service()
    scene.workspace.operations["deletion"] = Operation("Running", "", {})
    delete(scene)
    scene.workspace.settle("salary")
    scene.workspace.operations["deletion"] = Operation(state, "", LOCKED)
    assert delete(scene) == Failed(reason="Azure did not delete it: the scope is locked by 'keep' (ScopeLocked)")
    assert scene.workspace.asked == ["delete"]
    scene.workspace.operations["deletion"] = Operation("Running", "", {})
    assert isinstance(delete(scene), Pending)
    assert scene.workspace.asked == ["delete", "delete"]


@pytest.mark.parametrize("operation", ["Succeeded", None])
def test_a_delete_that_had_no_effect_has_failed(scene: Scene, operation: str | None) -> None:
    scene.service()
    scene.workspace.unread = True
    if operation:
        scene.workspace.operations["deletion"] = Operation(operation, "", {})
    found = next(each for each in (delete(scene) for _ in range(40)) if not isinstance(each, Pending))
    assert found == Failed(reason="Azure has accepted the delete, but the service is still healthy")
    assert scene.workspace.asked == ["delete"]


def test_a_delete_without_an_answer_is_requested_again_only_without_an_effect(scene: Scene) -> None:
    scene.service()
    scene.workspace.refusals = {"delete": LOST}
    with pytest.raises(Transient):
        delete(scene)
    while len(scene.workspace.asked) == 1:
        assert isinstance(delete(scene), Pending)
    assert scene.workspace.services["salary"].state == "deleting"
    assert isinstance(delete(scene), Pending)
    assert scene.workspace.asked == ["delete", "delete"]


def test_a_refused_delete_is_requested_again_by_the_next_command(scene: Scene) -> None:
    scene.service()
    scene.workspace.refusals = {"delete": StageFailed("locked")}
    with pytest.raises(StageFailed, match="locked"):
        delete(scene)
    assert isinstance(delete(scene), Pending)
    assert scene.workspace.asked == ["delete", "delete"]


def test_a_record_of_a_delete_does_not_count_for_a_deploy(scene: Scene) -> None:
    scene.service()
    delete(scene)
    assert sent.read(scene.context.work, id_of(1)) is None


@pytest.mark.slow
def test_lagging_answers_of_azure_change_nothing(cloud: Cloud) -> None:
    azure = cloud.azure
    azure.settings(lists_lag=50, reads_lag=4)
    azure.faults.drop_before(method="POST", path=CREATE)
    cloud("deploy")
    assert len(azure.state["models"]) == 1
    azure.faults.answer(404, {"code": "OperationNotFound", "statusCode": 404}, path="/operations/")
    cloud.edit("method: sklearn", "method: other")
    cloud("deploy")
    assert (cloud.count("POST", CREATE), cloud.count("PATCH", SERVICE)) == (1, 1)
    azure.faults.fail_operation(LOCKED, method="DELETE", path=SERVICE)
    done = cloud("delete", code=6)
    assert "could not be deleted: Azure did not delete it: the scope is locked by 'keep' (ScopeLocked)" in done.err
    assert cloud.scores() == "[141760.56910569107]\n"
    azure.settings(deletes_last=True)
    cloud("delete")
    assert len(azure.calls.like("DELETE", SERVICE)) == 2
    assert cloud.service is None
