"""Plans, checks before a deploy, and lists of `aci` and `aks`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.targets.azureml.azureml_kit import SERVICE, Cloud
from tests.targets.azureml.memory_workspace import LOST, Scene, ServiceT, scene_in

from lading import (
    BadInput,
    DeployStep,
    FindingSeverity,
    Json,
    Listed,
    Pending,
    PlanEffect,
    PlanFinding,
    PlanRequest,
    PreflightRequest,
    Ready,
    StageFailed,
    State,
    TargetFinding,
    Transient,
    UpRelease,
)
from lading_azureml.port import Compute, NoAdminUser, Operation
from lading_azureml_services import aci, aks
from lading_azureml_services.kind import KEEPS_KEYS
from lading_azureml_services.options import AciOptions, AksOptions, Provision


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return scene_in(tmp_path)


def plan(
    scene: Scene, options: ServiceT, new: dict[str, Json], up: dict[str, Json] | None, rotated: tuple[str, ...] = ()
) -> tuple[PlanFinding, ...]:
    deployment = replace(scene.deployment(options), written=new)
    release = UpRelease(service="salary", release=1, written=up, rotated=rotated) if up is not None else None
    target = aci if isinstance(options, AciOptions) else aks
    request: PlanRequest = PlanRequest(deployment=deployment, up=release)
    found: tuple[PlanFinding, ...] = target.lading_plan(request).findings
    return found


ACI_GAP = PlanFinding(
    message="Azure replaces the container in place: the service does not answer until the new one is up",
    effect=PlanEffect.GAP,
)
IN_PLACE = PlanFinding(
    message="cpu_cores cannot change in place",
    effect=PlanEffect.REFUSED,
    option="cpu_cores",
    hint="give the block another service_name, or `recreate: true`: then the old service is deleted first, "
    "and nothing answers until the new one is up",
)
AKS_GAP = PlanFinding(
    message="one container serves: the service may not answer while Azure replaces it",
    effect=PlanEffect.GAP,
    hint="`num_replicas: 2`, or autoscale_min_replicas, keeps one container up",
)


def test_a_first_release_has_no_effect_on_another(scene: Scene) -> None:
    assert plan(scene, AciOptions(cpu_cores=1), {"cpu_cores": 1}, None) == ()
    assert plan(scene, AksOptions(), {}, None) == ()


def test_a_new_release_on_aci_has_a_gap(scene: Scene) -> None:
    assert plan(scene, AciOptions(cpu_cores=1), {"cpu_cores": 1}, {"cpu_cores": 1.0}) == (ACI_GAP,)


@pytest.mark.parametrize("old", [{}, {"cpu_cores": 2}])
def test_an_option_that_cannot_change_is_named_with_the_two_ways(scene: Scene, old: dict[str, Json]) -> None:
    assert plan(scene, AciOptions(cpu_cores=1), {"cpu_cores": 1}, old) == (IN_PLACE,)


def test_each_changed_option_is_named(scene: Scene) -> None:
    found = plan(scene, AciOptions(), {}, {"location": "oslo", "primary_key": "FIRST", "description": "x"})
    assert [finding.option for finding in found] == ["location", "primary_key"]
    (moved,) = plan(scene, AksOptions(compute_target_name="b"), {"compute_target_name": "b"}, {})
    assert moved.message == "compute_target_name cannot change in place"


def test_a_changed_value_of_a_variable_is_a_change_of_its_option(scene: Scene) -> None:
    written: dict[str, Json] = {"cpu_cores": "${CORES}", "location": "${REGION}"}
    options = AciOptions(cpu_cores=1, location="oslo")
    assert plan(scene, options, written, written, ("CORES", "CORE")) == (IN_PLACE,)
    assert plan(scene, options, written, written, ("CORE",)) == (ACI_GAP,)


@pytest.mark.parametrize("name", ["primary_key", "secondary_key"])
def test_a_changed_value_of_a_key_is_refused(scene: Scene, name: str) -> None:
    written: dict[str, Json] = {"primary_key": "FIRST", "secondary_key": "SECOND"}
    changed = written[name]
    options = AciOptions(primary_key="FIRST", secondary_key="SECOND")
    (found,) = plan(scene, options, written, written, (changed, "OTHER"))
    assert found == PlanFinding(
        message=f"the value of {name} has changed, and Azure keeps the keys of a service",
        effect=PlanEffect.REFUSED,
        option=name,
        hint=KEEPS_KEYS,
    )
    (again,) = plan(scene, replace(options, recreate=True), written, written, (changed,))
    assert (again.effect, again.option) == (PlanEffect.GAP, name)
    assert plan(scene, options, written, written, ("OTHER",)) == (ACI_GAP,)


def test_a_service_that_is_created_again_states_its_gap(scene: Scene) -> None:
    (found,) = plan(scene, AciOptions(cpu_cores=1, recreate=True), {"cpu_cores": 1, "recreate": True}, {})
    assert found == PlanFinding(
        message="the service is deleted and created again, because cpu_cores cannot change in place: nothing answers "
        "until the new one is up, and its address and its keys may change",
        effect=PlanEffect.GAP,
        option="cpu_cores",
    )


@pytest.mark.parametrize(
    ("options", "gap"),
    [
        (AksOptions(), True),
        (AksOptions(num_replicas=1), True),
        (AksOptions(num_replicas=2), False),
        (AksOptions(autoscale_enabled=True), True),
        (AksOptions(autoscale_enabled=True, autoscale_min_replicas=2), False),
    ],
)
def test_one_replica_on_aks_has_a_gap(scene: Scene, options: AksOptions, gap: bool) -> None:
    assert plan(scene, options, {}, {}) == ((AKS_GAP,) if gap else ())


def check(scene: Scene, options: ServiceT, service: str = "salary") -> tuple[TargetFinding, ...]:
    target = aci if isinstance(options, AciOptions) else aks
    request: PreflightRequest = PreflightRequest(deployment=scene.deployment(options, service))
    found: tuple[TargetFinding, ...] = target.lading_preflight(request, scene.context).findings
    assert (scene.workspace.asked, scene.workspace.made, scene.context.intents) == ([], [], [])
    return found


def test_a_deploy_without_a_known_problem_has_no_finding(scene: Scene) -> None:
    assert check(scene, AciOptions(primary_key="FIRST")) == ()
    scene.service()
    assert check(scene, AciOptions()) == ()
    scene.workspace.services.clear()
    assert check(scene, AksOptions(provision=Provision())) == ()


def test_problems_of_the_name_are_found(scene: Scene) -> None:
    (bad,) = check(scene, AciOptions(), "Salary_1")
    assert (bad.option, "cannot be the name of a service on Azure ML" in bad.message) == ("service_name", True)
    scene.service(tags={})
    (foreign,) = check(scene, AciOptions())
    assert (foreign.option, "it is not Lading's" in foreign.message) == ("service_name", True)
    assert foreign.severity is FindingSeverity.ERROR


def test_a_service_of_another_kind_is_found(scene: Scene) -> None:
    scene.service(kind="AKS")
    (found,) = check(scene, AciOptions())
    assert found.message == "the service salary is on AKS, and cannot become one on ACI in place"
    assert "recreate: true" in str(found.hint)
    assert check(scene, AciOptions(recreate=True)) == ()


@pytest.mark.parametrize(
    ("compute", "message"),
    [
        (None, "workspace w has no cluster aks"),
        (Compute(name="aks", kind="AmlCompute", state="succeeded"), "compute aks is of kind AmlCompute, not AKS"),
        (Compute(name="aks", kind="AKS", state="failed", error="no quota"), "cluster aks is failed: no quota"),
    ],
)
def test_a_cluster_that_cannot_serve_is_found(scene: Scene, compute: Compute | None, message: str) -> None:
    if compute:
        scene.workspace.computes["aks"] = compute
    (found,) = check(scene, AksOptions())
    assert (found.option, found.message) == ("compute_target_name", message)


def test_a_cluster_that_is_not_ready_yet_is_no_problem(scene: Scene) -> None:
    scene.workspace.computes["aks"] = Compute(name="aks", kind="AKS", state="creating")
    assert check(scene, AksOptions()) == ()


def test_a_registry_without_an_admin_user_is_found(scene: Scene) -> None:
    scene.workspace.registry = NoAdminUser("salary9", "w")
    (found,) = check(scene, AciOptions())
    assert (
        found.message == "container registry salary9 of workspace w has no admin user, so no image in it can be found"
    )
    assert "az acr update --name salary9" in str(found.hint)


def test_a_registry_whose_keys_may_not_be_read_is_no_problem(scene: Scene) -> None:
    scene.workspace.registry = StageFailed("listKeys is not allowed")
    assert check(scene, AciOptions()) == ()


def test_an_unset_variable_is_found_at_its_option(scene: Scene) -> None:
    with pytest.raises(BadInput, match="THIRD is not set"):
        check(scene, AciOptions(primary_key="THIRD"))


def test_a_workspace_that_does_not_answer_is_reported(scene: Scene) -> None:
    scene.workspace.registry = LOST
    with pytest.raises(Transient):
        check(scene, AciOptions())


def test_a_list_has_all_services_of_lading_on_that_compute(scene: Scene) -> None:
    tags = {
        "lading.service": "other",
        "lading.target": "b",
        "lading.package": "p",
        "lading.model": "m",
        "lading.release": "7",
        "lading.release-id": "r7",
    }
    made = datetime(2026, 1, 2, tzinfo=UTC)
    service = scene.service()
    scene.workspace.services = {
        "one": replace(service, name="one", tags=tags, state="failed", created=made),
        "two": replace(service, name="two", tags={}),
        "three": replace(service, name="three", kind="AKS"),
        "four": replace(service, name="four", tags={"lading.target": "t", "lading.release": "x"}, scoring_uri=None),
    }
    assert aci.lading_list(scene.context).objects == (
        Listed(
            name="one",
            service="other",
            target="b",
            state=State.FAILED,
            release=7,
            release_id="r7",
            package_digest="p",
            model_sha256="m",
            uri="https://salary.example/score",
            created=made,
        ),
        Listed(name="four", service="", target="t", state=State.RUNNING),
    )
    assert [found.name for found in aks.lading_list(scene.context).objects] == ["three"]


def step(scene: Scene, options: AciOptions, release: int = 2) -> DeployStep:
    return aci.lading_deploy(scene.request(options, release), scene.context)


def test_recreate_deletes_the_service_once_and_creates_it_again(scene: Scene) -> None:
    step(scene, AciOptions(), 1)
    scene.workspace.settle("salary")
    scene.workspace.operations["deletion"] = Operation("Running", "", {})
    new = AciOptions(cpu_cores=2, recreate=True)
    deleting = step(scene, new)
    assert isinstance(deleting, Pending)
    assert deleting.phase == "deleting"
    for _ in range(3):
        assert isinstance(step(scene, new), Pending)
    del scene.workspace.services["salary"]
    assert step(scene, new) == Pending(phase="creating the service", retry_after=0.5)
    scene.workspace.settle("salary")
    assert step(scene, new) == Ready()
    assert scene.workspace.asked == ["create", "delete", "create"]
    assert step(scene, replace(new, recreate=False), 3) == Ready()


def test_a_service_that_azure_does_not_delete_is_not_created_again(scene: Scene) -> None:
    step(scene, AciOptions(), 1)
    scene.workspace.settle("salary")
    scene.workspace.operations["deletion"] = Operation("Running", "", {})
    new = AciOptions(cpu_cores=2, recreate=True)
    step(scene, new)
    scene.workspace.settle("salary")
    scene.workspace.operations["deletion"] = Operation("Failed", "", {"code": "ScopeLocked", "message": "locked"})
    with pytest.raises(
        StageFailed, match=r"salary is not created again: Azure did not delete it: locked \(ScopeLocked"
    ):
        step(scene, new)
    assert scene.workspace.asked == ["create", "delete"]


@pytest.mark.slow
def test_a_plan_names_the_option_and_recreate_replaces_the_service(cloud: Cloud) -> None:
    cloud("deploy")
    listed = cloud.shell("list", "salary.yaml", "--target", "aci").out
    assert "salary-svc" in listed
    cloud.edit("    memory_gb: 1\n    tags", "    memory_gb: 2\n    tags")
    assert "refused: salary.yaml:" in cloud("plan").out
    planned = cloud("plan").out
    assert "memory_gb cannot change in place" in planned
    assert "give the block another service_name, or `recreate: true`" in planned
    assert "recreate: true" in cloud("deploy", code=3).err
    cloud.edit("    memory_gb: 2\n    tags", "    memory_gb: 2\n    recreate: true\n    tags")
    assert "the service is deleted and created again" in cloud("plan").out
    cloud("deploy")
    assert len(cloud.azure.calls.like("DELETE", SERVICE)) == 1
    assert cloud.scores() == "[141760.56910569107]\n"
