"""Each step of a deploy to Azure ML, in a workspace in memory: the calls, and the calls that are not repeated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from unittest.mock import ANY

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.targets.azureml.memory_workspace import LOST, Scene, scene_in
from tests.targets.target_kit import id_of

from lading import BadInput, DeployStep, Failed, Pending, Ready, Refused, StageFailed, Transient
from lading_azureml.port import Compute, Image, Operation, OverQuota, RegisteredModel, ServiceSpec, Taken
from lading_azureml_services import aci, aks, sent
from lading_azureml_services.answers import lading_delete
from lading_azureml_services.options import AciOptions, AksOptions, Provision
from lading_azureml_services.sent import Sent

CREATING = Pending(phase="creating the service", retry_after=0.5)
UPDATING = Pending(phase="updating the service", retry_after=0.5)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return scene_in(tmp_path)


def step(scene: Scene, options: AciOptions | None = None, release: int = 1, digest: str = "d" * 64) -> DeployStep:
    return aci.lading_deploy(scene.request(options or AciOptions(), release, digest=digest), scene.context)


def finish(scene: Scene, release: int = 1) -> DeployStep:
    """The first answer that is not pending."""
    return next(
        answer for answer in (step(scene, release=release) for _ in range(40)) if not isinstance(answer, Pending)
    )


def deployed(scene: Scene, options: AciOptions | None = None) -> Scene:
    """The scene with release 1 up."""
    assert step(scene, options) == CREATING
    scene.workspace.settle("salary")
    assert step(scene, options) == Ready()
    scene.workspace.asked.clear()
    return scene


def test_a_first_deploy_creates_waits_and_is_ready(scene: Scene) -> None:
    assert step(scene) == CREATING
    assert step(scene) == Pending(phase="creating the service", detail="", retry_after=0.5)
    scene.workspace.settle("salary", "transitioning")
    assert step(scene) == Pending(phase="health", detail="transitioning", retry_after=0.75)
    scene.workspace.settle("salary")
    assert step(scene) == Ready()
    assert scene.workspace.asked == ["create"]
    assert scene.context.intents == ["model/sal_model/" + "a" * 64, "service/salary/create"]
    assert [phase for phase, _ in scene.context.shown] == ["registering", "validating"]


def test_the_request_for_a_service_contains_the_whole_package(scene: Scene, tmp_path: Path) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("FROM scratch\n", encoding="utf-8")
    options = AciOptions(cpu_cores=0.5, tags={"team": "ml"}, dockerfile=dockerfile, primary_key="FIRST")
    step(scene, options)
    whole, fixed = aci.ACI.digests(options)
    package = tmp_path / "package"
    assert scene.workspace.specs == [
        ServiceSpec(
            name="salary",
            kind="ACI",
            image=Image(
                name="salary",
                source=package / "azureml-app",
                script="score.py",
                conda=package / "conda.yml",
                server="azureml-inference-server-http>=1.0",
                models=(RegisteredModel(name="sal_model", version=1, sha256="a" * 64),),
                dockerfile="FROM scratch\n",
            ),
            tags={
                "team": "ml",
                "lading.service": "salary",
                "lading.target": "t",
                "lading.package": "d" * 64,
                "lading.model": "a" * 64,
                "lading.release": "1",
                "lading.release-id": id_of(1),
                "lading.options": whole,
                "lading.fixed": fixed,
                "lading.keys": ANY,
            },
            settings={"cpu_cores": 0.5, "primary_key": "k1", "auth_enabled": True},
        )
    ]


def test_a_model_in_the_workspace_is_not_uploaded_again(scene: Scene) -> None:
    scene.workspace.models = [RegisteredModel(name="sal_model", version=7, sha256="a" * 64)]
    step(scene)
    assert scene.workspace.specs[0].image.models[0].version == 7
    assert scene.context.intents == ["service/salary/create"]


def test_a_service_in_the_desired_state_is_not_changed(scene: Scene) -> None:
    deployed(scene)
    sent.forget(scene.context.work)
    assert step(scene, release=2) == Ready()
    assert scene.workspace.asked == []


@pytest.mark.parametrize(
    ("options", "digest"),
    [(AciOptions(), "e" * 64), (AciOptions(description="new"), "d" * 64)],
    ids=["another package", "another option"],
)
def test_a_change_updates_the_service_in_place(scene: Scene, options: AciOptions, digest: str) -> None:
    deployed(scene)
    assert step(scene, options, release=2, digest=digest) == UPDATING
    scene.workspace.settle("salary")
    assert step(scene, options, release=2, digest=digest) == Ready()
    assert scene.workspace.asked == ["update"]
    assert scene.context.intents[-1] == "service/salary/update"


def test_an_update_leaves_out_the_options_that_cannot_change(scene: Scene) -> None:
    options = AciOptions(cpu_cores=2, memory_gb=4, primary_key="FIRST", enable_app_insights=True)
    deployed(scene, options)
    step(scene, options, release=2, digest="e" * 64)
    created, updated = (spec.settings for spec in scene.workspace.specs)
    assert set(created) - set(updated) == {"cpu_cores", "memory_gb", "primary_key"}
    assert updated == {"enable_app_insights": True, "auth_enabled": True}


@pytest.mark.parametrize(
    "options",
    [AciOptions(cpu_cores=2), AciOptions(dns_name_label="sal"), AciOptions(primary_key="FIRST")],
    ids=["cpu_cores", "dns_name_label", "primary_key"],
)
def test_a_change_that_azure_cannot_make_is_refused_before_any_call(scene: Scene, options: AciOptions) -> None:
    deployed(scene)
    with pytest.raises(Refused, match="cannot change salary in place") as caught:
        step(scene, options, release=2)
    assert caught.value.hint is not None
    assert "recreate: true" in caught.value.hint
    assert scene.workspace.asked == []


def test_a_service_of_another_kind_is_not_converted(scene: Scene) -> None:
    scene.service(kind="AKS")
    with pytest.raises(Refused, match="an existing AKS service keeps its kind"):
        step(scene)


def test_a_release_that_restores_an_unhealthy_service_requests_it_once(scene: Scene) -> None:
    deployed(scene)
    scene.workspace.settle("salary", "unhealthy")
    assert step(scene, release=2) == UPDATING
    scene.workspace.settle("salary", "unhealthy", error={"message": "no memory"})
    assert finish(scene, release=2) == Failed(reason="health failed: no memory")
    assert scene.workspace.asked == ["update", "log"]


def test_the_requests_of_a_failed_release_are_forgotten(scene: Scene) -> None:
    step(scene)
    scene.workspace.settle("salary", "failed")
    assert isinstance(finish(scene), Failed)
    assert sent.read(scene.context.work, id_of(1)) is None
    assert step(scene) == UPDATING


def test_a_lost_response_is_found_by_a_query(scene: Scene) -> None:
    scene.workspace.lost, scene.workspace.hidden = {"create"}, 3
    with pytest.raises(Transient):
        step(scene)
    phases = [answer.phase for answer in (step(scene) for _ in range(4)) if isinstance(answer, Pending)]
    assert phases == ["looking for salary"] * 3 + ["waiting for Azure"]
    scene.workspace.settle("salary")
    assert step(scene) == Ready()
    assert scene.workspace.asked == ["create"]


def test_a_service_that_stays_invisible_is_requested_again(scene: Scene) -> None:
    scene.workspace.refusals = {"create": LOST}
    with pytest.raises(Transient):
        step(scene)
    for _ in range(5):
        assert isinstance(answer := step(scene), Pending)
        assert answer.phase == "looking for salary"
    assert step(scene) == CREATING
    assert scene.workspace.asked == ["create", "create"]


def test_the_name_of_an_invisible_service_of_this_release_is_accepted(scene: Scene) -> None:
    step(scene)
    sent.forget(scene.context.work)
    scene.workspace.hidden = 1
    assert step(scene) == CREATING
    assert sent.read(scene.context.work, id_of(1)) == Sent(release=id_of(1))
    assert scene.workspace.asked == ["create"]


def test_a_name_taken_by_an_invisible_service_of_another_owner_is_a_failure(scene: Scene) -> None:
    scene.workspace.refusals = {"create": Taken("the name is taken")}
    with pytest.raises(Taken):
        step(scene)


def test_an_update_in_conflict_does_not_count_as_an_earlier_one(scene: Scene) -> None:
    deployed(scene)
    scene.workspace.refusals = {"update": Taken("it is being changed")}
    with pytest.raises(Taken):
        step(scene, release=2, digest="e" * 64)


def test_a_call_that_azure_refused_is_repeated_by_the_next_command(scene: Scene) -> None:
    scene.workspace.refusals = {"create": StageFailed("not allowed")}
    with pytest.raises(StageFailed, match="not allowed"):
        step(scene)
    assert step(scene) == CREATING
    assert scene.workspace.asked == ["create", "create"]


@pytest.mark.parametrize(
    ("tags", "owner"),
    [
        ({}, "is not Lading's"),
        ({"lading.target": "prod"}, "belongs to the target 'prod' of Lading"),
        ({"lading.target": "t", "lading.service": "other"}, "belongs to the target 't' of Lading"),
    ],
)
def test_a_service_of_another_owner_is_not_changed(scene: Scene, tags: dict[str, str], owner: str) -> None:
    scene.service(tags=tags)
    said = f"a service salary is in workspace w already, and it {owner}: it is left alone"
    with pytest.raises(StageFailed) as caught:
        step(scene)
    assert caught.value.message == said
    with pytest.raises(StageFailed) as caught:
        lading_delete(scene.deployment(AciOptions()), scene.context)
    assert caught.value.message == said
    assert scene.workspace.asked == []


@pytest.mark.parametrize("name", ["ab", "a" * 33, "Salary", "2salary", "salary_svc", "salary-", "-salary", "saläry"])
def test_a_name_that_azure_does_not_allow_is_bad_input(scene: Scene, name: str) -> None:
    with pytest.raises(BadInput, match="cannot be the name of a service on Azure ML"):
        aci.lading_deploy(scene.request(AciOptions(), service=name), scene.context)
    assert scene.workspace.asked == []


@pytest.mark.parametrize("name", ["abc", "a" * 32, "s-2"])
def test_names_at_the_limits_are_accepted(scene: Scene, name: str) -> None:
    assert aci.lading_deploy(scene.request(AciOptions(), service=name), scene.context) == CREATING


@pytest.mark.parametrize(
    ("part", "phase"),
    [
        ("", "validating"),
        ("BuildEnvironment", "building the image"),
        ("BuildImage", "building the image"),
        ("DeployService", "creating the service"),
        ("SomethingNew", "creating the service"),
    ],
)
def test_the_phase_is_azures_current_operation(scene: Scene, part: str, phase: str) -> None:
    step(scene)
    scene.workspace.operations["operation-1"] = Operation(state="NotStarted", part=part, error={})
    assert step(scene) == Pending(phase=phase, detail="", retry_after=0.5)


def test_the_detail_is_the_last_line_of_the_log_and_each_line_is_read_once(scene: Scene) -> None:
    step(scene)
    for lines, last in ((("one",), "one"), (("one", "two"), "two"), (("one", "two"), "two")):
        scene.workspace.operations["operation-1"] = Operation("Running", "BuildImage", {}, lines)
        assert isinstance(answer := step(scene), Pending)
        assert answer.detail == last
    kept = sent.read(scene.context.work, id_of(1))
    assert kept is not None
    assert (kept.lines, kept.offset) == (("one", "two"), 8)


@pytest.mark.parametrize(("looks", "pause"), [(0, 0.5), (1, 0.75), (5, 3.796875), (6, 5), (1750, 5), (10**9, 5)])
def test_the_waiting_time_grows_to_five_seconds(scene: Scene, looks: int, pause: float) -> None:
    step(scene)
    Sent(release=id_of(1), operation="operation-1", looks=looks).write(scene.context.work)
    assert step(scene) == Pending(phase="creating the service", detail="", retry_after=pause)


@pytest.mark.parametrize(
    ("operation", "error", "expected"),
    [
        (("Failed", "DeployService"), {"message": "no memory"}, "creating the service failed: no memory"),
        (("Cancelled", "BuildImage"), {"message": "by hand"}, "building the image failed: by hand"),
        (("Failed", ""), {"message": "bad name"}, "validating failed: bad name"),
        (("Failed", "DeployService"), {}, "creating the service failed: the service is failed"),
    ],
)
def test_a_failed_operation_names_its_phase(
    scene: Scene, operation: tuple[str, str], error: dict[str, str], expected: str
) -> None:
    step(scene)
    scene.workspace.services["salary"] = replace(scene.workspace.services["salary"], state="failed")
    state, part = operation
    scene.workspace.operations["operation-1"] = Operation(state=state, part=part, error=error)
    assert step(scene) == Failed(reason=expected)


@pytest.mark.parametrize(
    ("error", "expected"),
    [({"code": "QuotaExceeded", "message": "0 cores left"}, "0 cores left"), ({"message": "the Quota is 4"}, "is 4")],
)
def test_an_exceeded_quota_does_not_fail_the_release(scene: Scene, error: dict[str, str], expected: str) -> None:
    step(scene)
    scene.workspace.operations["operation-1"] = Operation(state="Failed", part="DeployService", error=error)
    with pytest.raises(OverQuota, match=expected) as caught:
        step(scene)
    assert "salary: creating the service failed, a quota is used up" in caught.value.message
    assert sent.read(scene.context.work, id_of(1)) is None


def test_a_failed_build_shows_its_own_log(scene: Scene) -> None:
    step(scene)
    scene.workspace.build_logs["https://log"] = tuple(f"step {number}" for number in range(50))
    scene.workspace.service_logs["salary"] = ("not this one",)
    scene.workspace.operations["operation-1"] = Operation(
        state="Failed", part="BuildImage", error={"message": "no pip"}, log_url="https://log"
    )
    whole = "`lading logs --build` shows the whole log of the build"
    log = "\n".join([*(f"step {number}" for number in range(20, 50)), whole])
    assert step(scene) == Failed(reason="building the image failed: no pip", log=log)


def test_a_build_without_a_log_shows_the_error_of_the_operation(scene: Scene) -> None:
    step(scene)
    scene.workspace.operations["operation-1"] = Operation("Running", "BuildImage", {}, ("solving",))
    step(scene)
    scene.workspace.operations["operation-1"] = Operation("Failed", "BuildImage", {"message": "no pip"})
    assert step(scene) == Failed(reason="building the image failed: no pip", log="solving")


def test_an_unreadable_log_does_not_hide_the_failure(scene: Scene) -> None:
    step(scene)
    scene.workspace.refusals = {"log": LOST}
    scene.workspace.settle("salary", "failed", error={"message": "it ended"})
    assert finish(scene) == Failed(reason="health failed: it ended")


def test_a_failure_names_the_position_in_the_script(scene: Scene) -> None:
    step(scene)
    log = ('File "/var/azureml-app/azureml-app/score.py", line 2, in init', "ValueError: no model")
    scene.workspace.service_logs["salary"] = log
    scene.workspace.settle("salary", "unhealthy", error={"message": "it ended"})
    reason = "health failed: it ended (score.py:2: ValueError: no model)"
    assert finish(scene) == Failed(reason=reason, log="\n".join(log))


@pytest.mark.parametrize(
    ("uri", "auth", "warns"),
    [
        ("http://salary.example/score", "key", True),
        ("http://salary.example/score", "token", True),
        ("http://salary.example/score", "none", False),
        ("https://salary.example/score", "key", False),
        (None, "key", False),
    ],
)
def test_a_key_over_plain_http_causes_a_warning(scene: Scene, uri: str | None, auth: str, warns: bool) -> None:
    step(scene)
    scene.workspace.settle("salary", scoring_uri=uri, auth=auth)
    assert step(scene) == Ready()
    warning = "salary uses plain HTTP: its key can be read in transit"
    assert scene.context.warnings == ([warning] if warns else [])


def test_the_record_of_another_release_is_ignored(scene: Scene) -> None:
    Sent(release=id_of(1), operation="gone").write(scene.context.work)
    assert step(scene, release=2) == CREATING


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"release": 1, "lines": null}', '{"release": 1, "more": 2}'])
def test_an_unreadable_record_is_ignored(scene: Scene, text: str) -> None:
    (scene.context.work / "sent.json").write_text(text, encoding="utf-8")
    assert step(scene) == CREATING


@settings(max_examples=30)
@given(st.lists(st.tuples(st.lists(st.text(max_size=5), max_size=9), st.integers(0, 99)), max_size=6))
def test_a_record_keeps_the_last_lines_and_counts_the_rest(tmp_path: Path, looks: list[tuple[list[str], int]]) -> None:
    record = Sent(release=id_of(1), operation="o")
    for lines, length in looks:
        record = record.looked(tuple(lines), length)
    assert record.looks == len(looks)
    assert record.offset == sum(length for _, length in looks)
    assert record.lines == tuple(line for lines, _ in looks for line in lines)[-20:]
    record.write(tmp_path)
    assert sent.read(tmp_path, id_of(1)) == record


AKS_ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/c"


def aks_step(scene: Scene, options: AksOptions | None = None) -> DeployStep:
    return aks.lading_deploy(scene.request(options or AksOptions()), scene.context)


@pytest.mark.parametrize(
    ("options", "phase", "made"),
    [
        (AksOptions(attach=AKS_ID), "attaching the cluster", AKS_ID),
        (AksOptions(provision=Provision()), "creating the cluster", {}),
        (
            AksOptions(provision=Provision(agent_count=3, vm_size="D3")),
            "creating the cluster",
            {"agent_count": 3, "vm_size": "D3"},
        ),
    ],
)
def test_a_cluster_is_created_once_and_the_deploy_waits_for_it(
    scene: Scene, options: AksOptions, phase: str, made: object
) -> None:
    assert aks_step(scene, options) == Pending(phase=phase, detail="aks", retry_after=10.0)
    waiting = Pending(phase="waiting for the cluster", detail="aks is creating", retry_after=10.0)
    assert aks_step(scene, options) == waiting
    assert scene.workspace.made == [("aks", made)]
    assert scene.context.intents == ["compute/aks"]
    scene.workspace.computes["aks"] = Compute(name="aks", kind="AKS", state="succeeded")
    assert aks_step(scene, options) == CREATING
    assert scene.workspace.specs[0].settings["compute_target_name"] == "aks"


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (None, "workspace w has no cluster aks"),
        (Compute(name="aks", kind="AmlCompute", state="succeeded"), "compute aks is of kind AmlCompute, not AKS"),
        (Compute(name="aks", kind="AKS", state="failed", error="no quota"), "cluster aks is failed: no quota"),
        (Compute(name="aks", kind="AKS", state="canceled"), "cluster aks is canceled: Azure does not say why"),
    ],
)
def test_a_cluster_that_cannot_serve_is_a_failure(scene: Scene, found: Compute | None, message: str) -> None:
    if found is not None:
        scene.workspace.computes["aks"] = found
    with pytest.raises(StageFailed, match=message) as caught:
        aks_step(scene)
    assert caught.value.hint is not None
    assert "compute_target_name" in caught.value.hint
    assert (scene.workspace.asked, scene.workspace.made) == ([], [])


def test_an_existing_service_needs_no_check_of_its_cluster(scene: Scene) -> None:
    scene.workspace.computes["aks"] = Compute(name="aks", kind="AKS", state="succeeded")
    aks_step(scene)
    scene.workspace.settle("salary")
    scene.workspace.computes.clear()
    assert aks_step(scene) == Ready()
