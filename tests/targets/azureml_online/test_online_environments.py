"""A release whose environment Azure builds: the package's conda file on a base image, with its script and its model."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.plugins.wire import Answer
from tests.targets.azureml_online.memory_azure import PLACE, MemoryAzure, error
from tests.targets.azureml_online.online_kit import (
    BASE,
    CONDA,
    MODEL,
    Hooks,
    digest_of,
    failed,
    name_of,
    ready,
    settled,
)
from tests.targets.target_kit import problem

from lading import (
    BadInput,
    Candidate,
    DeployStep,
    Environment,
    FindingSeverity,
    ModelPart,
    PreflightRequest,
    StageFailed,
)
from lading_azureml_online.answers import lading_preflight
from lading_azureml_online.environments import environment
from lading_azureml_online.managed import lading_deploy
from lading_azureml_online.options import ManagedOptions
from lading_azureml_online.preflight import RECORDING, REGISTERING, SCRIPT

CODE = f"{PLACE}/codes/{uuid.UUID(digest_of(1)[:32])}/versions/1"


def test_azure_gets_the_conda_file_the_script_and_the_model(built: Hooks, memory: MemoryAzure) -> None:
    ready(built.deploy(1, environment=BASE))
    ((path, sent),) = memory.environments.items()
    conda = yaml.safe_load(sent["properties"].pop("condaFile"))
    assert conda == {
        **CONDA,
        "dependencies": ["python=3.11", {"pip": ["scikit-learn==1.7.2", "azureml-inference-server-http>=1.0"]}],
    }
    assert sent["properties"] == {"image": BASE.image, "osType": "Linux", "isAnonymous": True, "isArchived": False}
    properties = memory.deployments["salary"][name_of(1)]["properties"]
    assert properties["environmentId"] == path
    assert properties["codeConfiguration"] == {"codeId": CODE, "scoringScript": "score.py"}
    assert properties["model"] == MODEL
    assert list(memory.blobs) == ["/code/azureml-app/score.py"]
    assert memory.codes[CODE]["properties"]["codeUri"] == "https://account.blob.core.windows.net/code/azureml-app"


def test_the_same_content_is_registered_under_the_same_name(built: Hooks, memory: MemoryAzure) -> None:
    ready(built.deploy(1, environment=BASE))
    before = list(memory.codes), list(memory.environments)
    memory.blobs.clear()
    ready(built.deploy(2, package=1, environment=BASE, instance_type="Standard_DS3_v2"))
    assert built.names == [f"r-{digest_of(1)[:8]}-{2:08x}"]
    assert memory.blobs == {}
    assert (list(memory.codes), list(memory.environments)) == before


@pytest.mark.parametrize("properties", [{}, {"properties": {"lading.package": digest_of(2)}}])
def test_a_script_of_another_content_is_not_used(built: Hooks, memory: MemoryAzure, properties: dict[str, Any]) -> None:
    memory.codes[CODE] = {"properties": properties}
    with pytest.raises(StageFailed, match=f"code asset {CODE.split('/')[-3]} has another content") as refused:
        built.until_answer(1, environment=BASE)
    assert refused.value.hint
    assert built.names == []


@pytest.mark.parametrize("number", range(1, 14))
def test_a_lost_reply_makes_no_second_script(built: Hooks, memory: MemoryAzure, number: int) -> None:
    memory.checks, memory.lost = 1, number

    def step() -> DeployStep:
        memory.settle()  # nothing knows an operation whose address was lost
        return built.step(1, environment=BASE)

    assert isinstance(settled(step), Candidate)
    assert len(memory.sent) >= number, "the deploy has fewer requests"
    assert (built.names, list(memory.codes)) == ([name_of(1)], [CODE])
    assert list(memory.blobs) == ["/code/azureml-app/score.py"]


def test_the_server_is_the_one_that_fits_the_pins(built: Hooks) -> None:
    request = built.request(environment=BASE)
    chosen = Environment(requirements=(), added="azureml-defaults>=1.55")
    text = environment(replace(request, environment=chosen))["properties"]["condaFile"]
    assert yaml.safe_load(text)["dependencies"][1]["pip"][-1] == "azureml-defaults>=1.55"
    text = environment(replace(request, environment=replace(chosen, added="")))["properties"]["condaFile"]
    assert yaml.safe_load(text) == CONDA


def test_a_conda_file_without_pip_gets_the_server(built: Hooks, tmp_path: Path) -> None:
    (tmp_path / "package" / "conda.yml").write_text("dependencies: [python=3.11]\n", encoding="utf-8")
    text = environment(built.request(environment=BASE))["properties"]["condaFile"]
    server = "azureml-inference-server-http>=1.0"
    assert yaml.safe_load(text)["dependencies"] == ["python=3.11", "pip", {"pip": [server]}]


def test_an_empty_folder_adopts_the_release(built: Hooks) -> None:
    ready(built.deploy(1, environment=BASE))
    built.forget()
    ready(built.deploy(2, package=1, environment=BASE))
    assert built.names == [name_of(1)]


def test_a_failed_build_is_reported_at_the_environment(built: Hooks, memory: MemoryAzure) -> None:
    where = "The build log is under the storage account 'a' in the container 'b' at the path 'c'."
    memory.errors["/deployments/"] = error("ImageBuildFailed", f"The image build failed: CondaEnvException. {where}")
    found = failed(built.deploy(1, environment=BASE))
    assert found.option == "environment"
    assert "Azure cannot build the image" in found.reason
    assert where in found.reason


def test_several_models_need_an_image(built: Hooks) -> None:
    request = built.request(environment=BASE)
    part = ModelPart(name="m", version=1, sha256="b" * 64, file_name="m.joblib", framework="f", framework_version="1")
    package = replace(request.package, model=replace(request.package.model, parts=(part,)))
    with pytest.raises(BadInput, match="one model") as refused:
        lading_deploy(replace(request, package=package), built.context)
    assert refused.value.option == "environment"


@pytest.mark.parametrize(
    ("values", "needed"), [({}, True), ({"environment": None}, True), ({"environment": {"image": "x"}}, False)]
)
def test_only_a_block_without_an_environment_needs_an_image(values: dict[str, Any], needed: bool) -> None:
    assert ManagedOptions.needs_image(values) is needed


def test_only_a_built_environment_installs_the_pins() -> None:
    assert ManagedOptions(instance_type="Standard_DS2_v2").installs is None
    found = ManagedOptions(instance_type="Standard_DS2_v2", environment=BASE).installs
    assert found is not None
    assert found.platform == "linux/amd64"


def test_the_preflight_names_the_actions_for_the_script_and_the_model(hooks: Hooks, memory: MemoryAzure) -> None:
    memory.actions = [{"actions": ["*"], "notActions": [*SCRIPT, *REGISTERING]}]
    deployment = hooks.deployment(environment=BASE)
    (found,) = lading_preflight(PreflightRequest(deployment=deployment), hooks.context).findings
    assert found.severity is FindingSeverity.ERROR
    assert found.message.endswith(", ".join((*REGISTERING, *SCRIPT)))


def test_a_missing_action_for_runs_is_a_warning(hooks: Hooks, memory: MemoryAzure) -> None:
    """A deploy registers a model without a run."""
    memory.actions = [{"actions": ["*"], "notActions": [*RECORDING]}]
    deployment = hooks.deployment(environment=BASE)
    (found,) = lading_preflight(PreflightRequest(deployment=deployment), hooks.context).findings
    assert found.severity is FindingSeverity.WARNING
    assert found.message.endswith(", ".join(RECORDING))


def test_a_refused_upload_is_explained(built: Hooks, memory: MemoryAzure) -> None:
    message = "this request is not authorized"
    memory.refusals["startPendingUpload"] = Answer({"error": {"code": "AuthorizationFailed", "message": message}}, 403)
    with pytest.raises(StageFailed, match=f"creating a container for the code.*{message}"):
        built.until_answer(1, environment=BASE)
    assert memory.endpoints == {}


def test_a_registry_that_goes_away_removes_the_endpoint_that_was_made(
    built: Hooks, memory: MemoryAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_given: Any) -> Any:
        raise BadInput("Azure has no registry team", option="registry", hint="check the name")

    monkeypatch.setattr("lading_azureml_online.deploying.uploaded", refuse)
    with pytest.raises(StageFailed, match="no registry team") as refused:
        built.until_answer(1, environment=BASE)
    assert refused.value.hint == "check the name"
    assert memory.endpoints == {}


@pytest.mark.parametrize("block", ["environment: {}", "environment: {image: ''}", "environment: {image: x, build: y}"])
def test_a_broken_rule_is_reported_at_its_option(tmp_path: Path, block: str) -> None:
    assert "environment" in problem(tmp_path, ManagedOptions, f"instance_type: Standard_DS2_v2, {block}")
