from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from offline_azure.client import Azure, Emulator
from offline_azure.fixture import require_sdk
from tests.conftest import ROOT
from tests.targets.azureml.azureml_kit import Cloud, Heard
from tests.targets.azureml.canaries_kit import Canaries
from tests.watching import command_lines

LOOK = 0.1  # seconds; the processes of these tests live longer


@pytest.fixture(autouse=True)
def canaries(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Canaries | None]:
    """After every test with the offline Azure: none of its credentials was shown, stored or passed on."""
    if "azure_emulator" not in request.fixturenames:
        yield None
        return
    emulator = request.getfixturevalue("azure_emulator")
    with command_lines(LOOK) as seen:
        canaries = Canaries(emulator, tmp_path, seen)
        yield canaries
    assert canaries.leaks() == []


@pytest.fixture
def cloud(azure: Azure, canaries: Canaries, tmp_path: Path) -> Cloud:
    """A new project, before any command."""
    require_sdk()
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    shutil.copy(ROOT / "data" / "sal.csv", folder)
    env = {**azure.environ, "PATH": os.environ["PATH"], "AZURE_SUBSCRIPTION_ID": azure.workspace.subscription_id}
    cloud = Cloud(Heard(folder, env, seen=canaries.seen), azure, canaries)
    text = (ROOT / "manifests" / "salary.yaml").read_text(encoding="utf-8").replace("../data/sal.csv", "sal.csv")
    place = azure.workspace
    text = text.replace("resource_group: mi2", f"resource_group: {place.resource_group}")
    cloud.shell.write("salary.yaml", text.replace("workspace: salary", f"workspace: {place.workspace}"))
    return cloud


@pytest.fixture(scope="class")
def workspace(azure_emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    """An empty workspace for a whole class."""
    require_sdk()
    azure = Azure(azure_emulator, tmp_path_factory.mktemp("home"))
    yield azure
    assert azure.calls.failures == []
