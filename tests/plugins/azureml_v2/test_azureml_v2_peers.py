"""Microsoft's own SDKs read the runs and models that Lading has recorded in the offline Azure."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from azure_sdk import Sdk
from azure_sdk_v2 import SdkV2
from offline_azure.client import Azure
from offline_azure.fixture import require, require_sdk
from tests.conftest import ROOT
from tests.targets.azureml.azureml_kit import Heard

pytestmark = pytest.mark.slow

MANIFEST = """\
version: 1
name: salary-svc
train:
  plugin: sklearn
  data: sal.csv
  features: [x]
  label: y
  estimator: sklearn.linear_model.LinearRegression
  test_size: 0.25
  random_state: 10
track: [azureml-v2]
register: {{model: sal_model, description: a line, tags: {{data: Salary}}, to: [azureml-v2]}}
package: {{environment: {{conda: [scikit-learn]}}}}
connections:
  azureml-v2: {{subscription_id: "{subscription}", resource_group: {group}, workspace: {workspace}, experiment: salexp}}
targets:
  local: {{port: 0}}
"""


@pytest.fixture
def shell(azure: Azure, tmp_path: Path) -> Heard:
    """A project whose connection has an experiment."""
    require("azure-identity")
    folder = tmp_path / "salary"
    (folder / ".git").mkdir(parents=True)
    shutil.copy(ROOT / "data" / "sal.csv", folder)
    place = azure.workspace
    names = {"subscription": place.subscription_id, "group": place.resource_group, "workspace": place.workspace}
    (folder / "lading.yaml").write_text(MANIFEST.format(**names), encoding="utf-8")
    return Heard(folder, azure.environ)


@pytest.fixture
def project(azure: Azure, tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def test_the_sdk_of_v2_reads_the_run(azure: Azure, shell: Heard, project: Path) -> None:
    require("azure-ai-ml")
    shell("train")
    (run,) = azure.state["runs"]
    said = SdkV2(azure, project)(f"""
        run = client.jobs._runs_operations.get_run("{run}")
        say(status=run.status, tags=dict(run.tags), name=run.display_name)
    """)
    assert (said["status"], said["name"]) == ("Completed", "salary-svc")
    assert said["tags"]["lading.run"] == run


def test_the_sdk_of_v1_reads_metrics_and_files(azure: Azure, shell: Heard, project: Path) -> None:
    require_sdk()
    shell("train")
    (run,) = azure.state["runs"]
    said = Sdk(azure, project)(f"""
        from azureml.core import Run
        run = Run(Experiment(workspace, "salexp"), "{run}")
        say(metrics=run.get_metrics(), files=sorted(run.get_file_names()), url=run.get_portal_url())
    """)
    assert said["metrics"]["r2"] == pytest.approx(0.97, abs=0.05)
    assert {"intercept", "coef_x", "start", "end"} <= said["metrics"].keys()
    assert f"/runs/{run}?wsid=/subscriptions/" in said["url"]


def test_the_sdk_of_v2_reads_and_downloads_the_model(azure: Azure, shell: Heard, project: Path) -> None:
    require("azure-ai-ml")
    shell("register")
    shown = shell("model", "show", "sal_model:1", "--json").json()
    (run,) = azure.state["runs"]
    version = f"sha256-{shown['sha256'][:16]}"
    assert {"registry": "azureml-v2", "name": "sal_model", "version": version}.items() <= shown["references"][
        -1
    ].items()
    said = SdkV2(azure, project)(f"""
        model = client.models.get("sal_model", version="{version}")
        client.models.download("sal_model", version="{version}", download_path="there")
        files = [str(file) for file in Path("there").rglob("*") if file.is_file()]
        say(tags=dict(model.tags), properties=dict(model.properties), run=model.job_name, files=files)
    """)
    assert (said["tags"], said["run"]) == ({"data": "Salary"}, run)
    assert (said["properties"]["lading.version"], said["properties"]["lading.run"]) == ("1", run)
    (file,) = said["files"]
    assert hashlib.sha256((project / file).read_bytes()).hexdigest() == shown["sha256"]
    shutil.rmtree(shell.folder / ".lading")
    shell("register")
    assert [*azure.state["v2"]["models"]] == [f"sal_model:{version}"]
