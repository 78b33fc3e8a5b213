from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from offline_azure.client import Azure, Emulator
from offline_azure.fixture import require
from tests.conftest import ROOT
from tests.plugins.wire import connected
from tests.targets.azureml.azureml_kit import Heard
from tests.targets.azureml.canaries_kit import Canaries
from tests.targets.azureml.conftest import canaries  # noqa: F401 - a fixture of these tests, too
from tests.targets.azureml_online.memory_azure import MemoryAzure
from tests.targets.azureml_online.online_kit import CONDA, MODEL, Hooks
from tests.targets.azureml_online.online_project import Project


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> MemoryAzure:
    return connected(MemoryAzure(), monkeypatch)


@pytest.fixture
def hooks(memory: MemoryAzure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hooks:
    require("azure-identity")
    return Hooks(memory, tmp_path, monkeypatch)


@pytest.fixture
def built(hooks: Hooks, memory: MemoryAzure, tmp_path: Path) -> Hooks:
    """A package with a conda file, whose model is registered in the workspace."""
    hooks.request()
    (tmp_path / "package" / "conda.yml").write_text(yaml.safe_dump(CONDA), encoding="utf-8")
    memory.models[MODEL] = {"properties": {"properties": {"lading.sha256": "a" * 64}}}
    return hooks


@pytest.fixture
def project(azure: Azure, canaries: Canaries, install: Callable[[str], Path], tmp_path: Path) -> Project:  # noqa: F811
    """A project for `local` and `managed-online`, before any command."""
    require("azure-identity")
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    shutil.copy(ROOT / "data" / "sal.csv", folder)
    path = {"PATH": os.environ["PATH"], "PYTHONPATH": str(install("unpacked"))}
    shell = Heard(folder, {**azure.environ, **path}, seen=canaries.seen)
    return Project(shell, azure, canaries, tmp_path / "images")


@pytest.fixture(scope="class")
def workspace(azure_emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    """An empty workspace for a whole class. Its operations end at the first check."""
    require("azure-identity")
    azure = Azure(azure_emulator, tmp_path_factory.mktemp("home"))
    yield azure
    assert azure.calls.failures == []
