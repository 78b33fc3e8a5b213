"""The environment for Azure: resolved before any call, with a suitable inference server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.plugins.bundle.test_bundle_addresses import write_wheel
from tests.targets.azureml.azureml_kit import CREATE, Cloud

from lading.engine.resolving import Choice, Conflict, Question, Resolver
from lading_azureml.servers import INSTALLS

pytestmark = pytest.mark.slow

OLDER = ("joblib==1.4.2", "numpy==1.26.4", "scikit-learn==1.5.2", "scipy==1.13.1", "threadpoolctl==3.5.0")
NEWER = "numpy==2.4.6"  # Microsoft's own limit is below 2.3.3
CONFLICTING = "environment: {conda: [scikit-learn], pip: [azureml-defaults==1.61.0, numpy==2.4.6]}"


def pip_part(cloud: Cloud) -> list[str]:
    """The pip requirements of the service."""
    assert cloud.service is not None
    request: Any = cloud.service["environmentImageRequest"]
    dependencies = request["environment"]["python"]["condaDependencies"]["dependencies"]
    return next(item["pip"] for item in dependencies if isinstance(item, dict))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("azure_emulator")  # which also needs a package index
def test_azureml_defaults_is_sent_with_compatible_requirements() -> None:
    found = Resolver().choose(Question(OLDER, "3.11", INSTALLS.platform), INSTALLS.adds)
    assert isinstance(found, Choice)
    assert found.added.startswith("azureml-defaults==1.")
    assert found.rejected == ()


@pytest.mark.usefixtures("azure_emulator")
def test_current_azureml_defaults_and_current_numpy_conflict() -> None:
    found = Resolver().choose(Question((NEWER,), "3.11", INSTALLS.platform), ("azureml-defaults~=1.61.0",))
    assert isinstance(found, Conflict)
    assert set(found.requirements) == {NEWER, "azureml-defaults~=1.61.0"}
    assert "numpy" in found.why
    assert "2.3.3" in found.why


def test_without_a_compatible_azureml_defaults_only_the_server_is_sent_and_the_plan_says_why(cloud: Cloud) -> None:
    cloud.reach_index()
    cloud.edit("{conda: [scikit-learn]}", f"{{conda: [scikit-learn], pip: [{NEWER}]}}")
    assert "azureml-inference-server-http>=1.0, known after train" in cloud("plan").out
    cloud.shell("package", "salary.yaml")
    before = files(cloud.shell.folder)
    planned = cloud("plan").out
    assert "~ targets.aci.environment: azureml-inference-server-http==" in planned
    assert f"because {NEWER}" in planned
    assert "azureml-defaults>=1.55 cannot be installed together: " in planned
    assert {name for name, content in files(cloud.shell.folder).items() if before.get(name) != content} == set()
    done = cloud("deploy")
    assert "resolving · for Python" in done.err
    assert "distributions that are installed here" not in done.err
    sent = [line.partition("==")[0] for line in pip_part(cloud)]
    assert "azureml-inference-server-http" in sent
    assert "azureml-defaults" not in sent
    assert cloud.scores() == "[141760.56910569107]\n"
    assert "resolving" not in cloud("deploy").err
    assert "resolving" not in cloud("deploy", "--force").err


def test_a_conflict_is_reported_at_its_line_before_any_call_to_azure(cloud: Cloud) -> None:
    cloud.reach_index()
    cloud.edit("environment: {conda: [scikit-learn]}", CONFLICTING)
    cloud.shell("package", "salary.yaml", "--json")
    asked = len(cloud.azure.calls)
    for command in ("deploy", "plan"):
        done = cloud(command, code=2)
        assert "salary.yaml:21:" in done.err
        assert "azureml-defaults==1.61.0" in done.err
        assert NEWER in done.err
        assert "numpy" in done.err.partition("requires")[2]
    effects = [call for call in list(cloud.azure.calls)[asked:] if call.method in ("PUT", "PATCH", "DELETE")]
    assert cloud.azure.state["models"] == {}
    assert [call for call in effects if "runs" not in call.path] == []
    assert cloud.azure.calls.like("POST", CREATE) == []


def test_a_wheel_of_this_machine_is_refused_at_its_line(cloud: Cloud) -> None:
    write_wheel(cloud.shell.folder)
    cloud.edit("{conda: [scikit-learn]}", "{conda: [scikit-learn], pip: [./thing-1.0-py3-none-any.whl]}")
    for command in ("plan", "deploy", "package", "plan", "deploy"):
        done = cloud.shell("package", "salary.yaml") if command == "package" else cloud(command, code=2)
        if command != "package":
            reason = "aci cannot install thing: a wheel of this machine does not get there"
            assert f"package.environment.pip.0: {reason}" in done.err
            assert "publish it, and name its URL or NAME==VERSION" in done.err
            assert "train: done" not in done.err
    assert cloud.azure.calls.like("POST", CREATE) == []


def test_offline_the_installed_distributions_are_compared_and_the_command_warns(cloud: Cloud) -> None:
    done = cloud("deploy")
    assert "was compared only with the distributions that are installed here, because neither uv nor pip" in done.err
    assert any(line.startswith("azureml-inference-server-http") for line in pip_part(cloud))
    assert cloud.scores() == "[141760.56910569107]\n"


def test_azure_refuses_an_environment_that_pip_refuses(cloud: Cloud) -> None:
    """The offline resolver does not know azureml-defaults. So the release begins, and Azure reports the conflict."""
    cloud.edit("environment: {conda: [scikit-learn]}", CONFLICTING)
    done = cloud("deploy", code=8)
    assert "building the image failed" in done.err
    assert "ERROR: ResolutionImpossible" in done.err
    assert "CondaEnvException: Pip failed" in done.err
