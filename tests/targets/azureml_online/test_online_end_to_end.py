"""The salary model on `managed-online`, with the real command line and the offline Azure."""

from __future__ import annotations

import json

import pytest
from tests.targets.azureml_online.online_project import Project

ENDPOINT = r"/onlineEndpoints/salary-svc$"
DEPLOYMENT = r"/deployments/r-[^/]+$"
RAISES = "def init():\n    raise ValueError('no such table')\n\ndef run(raw_data):\n    return 1\n"


def test_one_word_moves_a_package_from_local_to_azure(project: Project) -> None:
    project("deploy", target="local")
    project("deploy")
    local, online = project.row("status", target="local"), project.row("status")
    assert local["package"] == online["package"] != ""
    assert project.scores("local") == project.scores() == "[141760.56910569107]\n"
    (name,) = project.deployments
    assert project.endpoint["properties"]["traffic"] == {name.partition("/")[2]: 100}
    assert project.row("status")["state"] == "running"
    assert "salary-svc.southeastasia.inference.ml.azure.com" in project("uri").out
    before = len(project.azure.calls)
    project("deploy")
    asked = [f"{call.method} {call.path.rpartition('/')[2]}" for call in list(project.azure.calls)[before:]]
    assert len(asked) <= 6, asked
    assert [each for each in asked if not each.startswith("GET ")] == ["POST token"]
    state = project.azure.state
    (run,), (model,) = state["runs"].values(), state["v2"]["models"].values()
    assert ([*state["experiments"]], run["status"]) == (["salexp"], "Completed")
    assert model["properties"]["jobName"] == run["runId"]
    project("delete")
    assert (project.azure.state["v2"]["endpoints"], project.deployments) == ({}, [])


def plan_from_v1(project: Project, old: str, target: str, new: str = "") -> dict[str, tuple[str, str]]:
    """The fates of the settings of the block `old` of SDK v1 on `target`, for which `new` can be a block."""
    text = (project.shell.folder / "lading.yaml").read_text(encoding="utf-8")
    place = project.azure.workspace
    names = f"subscription_id: {place.subscription_id}, resource_group: {place.resource_group}"
    account = f"  old: {{plugin: azureml, {names}, workspace: {place.workspace}}}\n"
    project.shell.write("lading.yaml", text.replace("targets:\n", f"{account}targets:\n  {old}\n{new}"))
    origin = old.partition(":")[0]
    shown = json.loads(project("plan", "--from", origin, "--json", target=target).out)["settings"]
    return {setting["name"]: (setting["fate"], setting["detail"]) for setting in shown}


def test_a_plan_from_aci_names_the_instance_that_holds_the_container(project: Project) -> None:
    old = "aci: {plugin: aci, connection: old, cpu_cores: 3, memory_gb: 4, dns_name_label: salary}"
    found = plan_from_v1(project, old, "managed-online")
    line = "write `instance_type: Standard_F4s_v2`: Standard_DS2_v2 has 2 cores and 7 GiB; "
    assert found["cpu_cores"] == found["memory_gb"] == ("lossy", f"{line}Standard_F4s_v2 has 4 cores and 8 GiB")
    assert found["dns_name_label"][0] == "lossy"


def test_a_plan_from_aks_has_the_lines_for_a_cluster_of_v2(project: Project) -> None:
    old = (
        "aks: {plugin: aks, connection: old, cpu_cores: 0.5, memory_gb: null, scoring_timeout_ms: 9000, "
        "autoscale_enabled: true, autoscale_max_replicas: 4, namespace: pay}"
    )
    new = "  kubernetes-online: {compute: aks, request_settings: {request_timeout_ms: 9000}}\n"
    found = plan_from_v1(project, old, "kubernetes-online", new)
    assert found["cpu_cores"] == ("lossy", "write `resources: {requests: {cpu: 500m}}`")
    assert found["scoring_timeout_ms"] == ("mapped", "as request_settings.request_timeout_ms")
    line = "scale_settings: {type: target_utilization, min_instances: 1, max_instances: 4}"
    assert found["autoscale_enabled"] == ("lossy", f"write `{line}`")
    assert found["namespace"][0] == "lossy"
    assert "memory_gb" not in found  # null is like a missing option


@pytest.mark.slow
def test_a_script_that_fails_is_named_with_its_line(project: Project) -> None:
    project.script(RAISES)
    done = project("deploy", code=8)
    assert "ValueError: no such table" in done.err
    assert "score.py" in done.err
    assert "lading logs" not in done.err
    assert project.azure.state["v2"]["endpoints"] == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "words", "place", "code"),
    [
        ({"cores": 1}, "Not enough quota available for Standard_DS2_v2", "`instance_type`", 6),
        (
            {"no_capacity": ["Standard_DS2_v2"]},
            "the region has none of these instances",
            "targets.managed-online.instance_type",
            8,
        ),
    ],
)
def test_a_region_without_room_is_reported_at_the_instance_type(
    project: Project, settings: dict[str, object], words: str, place: str, code: int
) -> None:
    project.azure.settings(**settings)
    done = project("deploy", code=code)
    assert words in done.err
    assert place in done.err
    assert project.azure.state["v2"]["endpoints"] == {}


@pytest.mark.slow
def test_a_name_of_other_customers_is_refused(project: Project) -> None:
    project.azure.settings(taken_names=["salary-svc"])
    assert "already an endpoint with this name" in project("deploy", code=3).err


def test_missing_actions_are_reported_before_the_training(project: Project) -> None:
    action = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/write"
    project.azure.settings(denied=[action])
    assert action in project("deploy", code=6).err
    assert not project.azure.calls.like("PUT", ".")


BASE = "environment: {image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04}"


@pytest.mark.slow
def test_azure_builds_the_environment_without_an_image_plugin(project: Project) -> None:
    project.write(BASE)
    lines = (project.shell.folder / "lading.yaml").read_text(encoding="utf-8").splitlines()
    project.shell.write("lading.yaml", "\n".join(line for line in lines if not line.startswith("image:")))
    project("deploy", target="local")
    project("deploy")
    assert project.row("status", target="local")["package"] == project.row("status")["package"] != ""
    assert project.scores("local") == project.scores() == "[141760.56910569107]\n"
    state = project.azure.state["v2"]
    assert {kind: len(state[kind]) for kind in ("environments", "codes", "models")} == {
        "environments": 1,
        "codes": 1,
        "models": 1,
    }
    changes = len(project.azure.calls.like("PUT", "."))
    project.forget()
    project("deploy")
    assert len(project.azure.calls.like("PUT", ".")) == changes
    assert list(project.images.iterdir()) == []
    assert project("logs").out != ""


@pytest.mark.slow
def test_a_failed_build_of_the_environment_is_shown_with_its_log(project: Project) -> None:
    project.write(BASE)
    error = {"code": "ImageBuildFailed", "message": "The image build failed: CondaEnvException: Pip failed"}
    log = "Step 7/15\nERROR: No matching distribution found for absent==1.0\nexit code 1\n"
    project.azure.faults.fail_operation(error, "BuildImage", log, method="PUT", path=DEPLOYMENT)
    done = project("deploy", code=8)
    assert "Azure cannot build the image" in done.err
    assert "The build log is under the storage account" in done.err
    assert "targets.managed-online.environment" in done.err
    assert "(the log: ERROR: No matching distribution found for absent==1.0)" in done.err
    assert "Step 7/15" in done.err
    assert project.azure.state["v2"]["endpoints"] == {}


@pytest.mark.slow
def test_a_build_log_that_may_not_be_read_is_left_out(project: Project) -> None:
    project.write(BASE)
    project.azure.settings(denied=["Microsoft.MachineLearningServices/workspaces/datastores/listSecrets/action"])
    error = {"code": "ImageBuildFailed", "message": "The image build failed: CondaEnvException: Pip failed"}
    project.azure.faults.fail_operation(error, "BuildImage", "Step 7/15\n", method="PUT", path=DEPLOYMENT)
    done = project("deploy", code=8)
    assert "The build log is under the storage account" in done.err
    assert "Step 7/15" not in done.err


@pytest.mark.slow
def test_a_rotated_key_is_another_one(project: Project) -> None:
    project("deploy")
    before = json.loads(project("keys", "--json", "--show").out)
    after = json.loads(project("keys", "--json", "--show", "--rotate", "primary").out)
    project.canaries.shown |= {*map(str, before.values()), *map(str, after.values())}
    assert before["primary"] != after["primary"]
    assert before["secondary"] == after["secondary"]
    assert project.scores() == "[141760.56910569107]\n"


@pytest.mark.slow
@pytest.mark.parametrize("auth", ["aml_token", "aad_token"])
def test_requests_carry_a_token(project: Project, auth: str) -> None:
    project.write(f"auth: {auth}")
    project("deploy")
    assert project.scores() == "[141760.56910569107]\n"


@pytest.mark.slow
def test_an_empty_store_adopts_the_release(project: Project) -> None:
    project("deploy")
    kept, changes = project.deployments, len(project.azure.calls.like("PUT", "."))
    project.forget()
    project("deploy")
    assert project.deployments == kept
    assert len(project.azure.calls.like("PUT", ".")) == changes


@pytest.mark.slow
def test_force_makes_a_new_deployment(project: Project) -> None:
    project("deploy")
    before = project.deployments
    project("deploy", "--force")
    assert len(project.deployments) == 1
    assert project.deployments != before


@pytest.mark.slow
def test_the_log_has_the_lines_of_the_server(project: Project) -> None:
    project("deploy")
    assert "POST /score" in project("logs").out


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["lost", "429", "503"])
@pytest.mark.parametrize("number", range(0, 24, 4))
def test_a_fault_at_a_request_leaves_one_release(project: Project, fault: str, number: int) -> None:
    """Counted from the sign-in on. The command is run again if it asks for that."""
    if fault == "lost":
        project.azure.faults.drop_after(skip=number)
    else:
        project.azure.faults.answer(int(fault), headers={"Retry-After": "0"}, skip=number)
    for _ in range(3):
        if project("deploy", code=None).code == 0:
            break
    assert project.row("status")["state"] == "running"
    assert project.scores() == "[141760.56910569107]\n"
    assert len(project.deployments) == 1
