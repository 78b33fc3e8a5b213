"""A model of a registry of Azure ML on `managed-online`, with the real command line and the offline Azure."""

from __future__ import annotations

import pytest
from tests.targets.azureml_online.online_project import Project

ENVIRONMENT = "environment: {image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04}"
WRITE = "Microsoft.MachineLearningServices/registries/assets/write"


def shared(project: Project, registry: str = "team") -> Project:
    """The project with a registry for its models."""
    project.write(ENVIRONMENT)
    text = (project.shell.folder / "lading.yaml").read_text(encoding="utf-8")
    project.shell.write("lading.yaml", text.replace("experiment: salexp", f"registry: {registry}"))
    return project


def test_a_deployment_has_the_model_of_the_registry(project: Project) -> None:
    project.azure.settings(polls=1)
    shared(project)("deploy")
    assert project.scores() == "[141760.56910569107]\n"
    ((key, model),) = project.azure.world["registries"]["team"]["models"].items()
    assert model["properties"]["properties"]["lading.version"] == "1"
    assert project.azure.state["v2"]["models"] == {}
    (deployment,) = project.azure.state["v2"]["deployments"].values()
    name, _, version = key.partition(":")
    assert deployment["properties"]["model"] == f"azureml://registries/team/models/{name}/versions/{version}"
    changes = len(project.azure.calls.like("PUT", "."))
    project.forget()
    project("deploy")
    assert len(project.azure.calls.like("PUT", ".")) == changes


@pytest.mark.slow
def test_a_registry_that_does_not_exist_is_reported_before_any_change(project: Project) -> None:
    done = shared(project, "absent")("deploy", code=6)
    assert "Azure has no registry absent" in done.err
    assert "`registry` of the connection azureml-v2" in done.err
    assert not project.azure.calls.like("PUT", ".")
    assert "az ml registry list" in done.err
    assert project.azure.state["v2"]["endpoints"] == {}


def test_a_missing_role_on_the_registry_is_reported_before_the_training(project: Project) -> None:
    models = "Microsoft.MachineLearningServices/workspaces/models/versions/write"  # not needed with a registry
    project.azure.settings(denied=[WRITE, models])
    done = shared(project)("deploy", code=6)
    assert f"lacks actions on registry team: {WRITE}" in done.err
    assert "AzureML Registry User" in done.err
    assert models not in done.err
    assert not project.azure.calls.like("PUT", ".")
