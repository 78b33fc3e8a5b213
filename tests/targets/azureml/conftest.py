from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from offline_azure.client import Azure
from tests.conftest import ROOT, Shell

sys.path.insert(0, str(Path(__file__).parent))  # for azureml_kit

from azureml_kit import Cloud


@pytest.fixture
def cloud(azure: Azure, tmp_path: Path) -> Iterator[Cloud]:
    """The project; at the end no credential may have been seen."""
    pytest.importorskip("azureml.core", reason="the azureml SDK is not installed, or has no release for this python")
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    shutil.copy(ROOT / "data" / "sal.csv", folder)
    env = {**azure.environ, "PATH": os.environ["PATH"], "AZURE_SUBSCRIPTION_ID": azure.workspace.subscription_id}
    cloud = Cloud(Shell(folder, env), azure)
    text = (ROOT / "manifests" / "salary.yaml").read_text(encoding="utf-8").replace("../data/sal.csv", "sal.csv")
    place = azure.workspace
    text = text.replace("resource_group: mi2", f"resource_group: {place.resource_group}")
    cloud.shell.write("salary.yaml", text.replace("workspace: salary", f"workspace: {place.workspace}"))
    yield cloud
    assert cloud.leaks() == []
