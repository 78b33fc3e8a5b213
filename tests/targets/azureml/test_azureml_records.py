"""Runs and models in the workspace, and the workspace itself."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from azure_sdk import Sdk
from tests.targets.azureml.azureml_kit import Cloud

pytestmark = pytest.mark.slow


def only(things: dict[str, Any]) -> Any:
    (thing,) = things.values()
    return thing


def test_an_earlier_run_is_logged_and_its_model_registered_once(cloud: Cloud, tmp_path: Path) -> None:
    cloud("deploy", target="local")
    cloud("delete", target="local")
    assert cloud.azure.calls.like(".*", "") == []
    cloud("deploy")
    state = cloud.azure.state
    run, model = only(state["runs"]), only(state["models"])
    assert run["status"] == "Completed"
    names = {metric["name"] for metric in state["metrics"][run["runId"]]}
    assert {"intercept", "coef_x", "r2", "start", "end"} <= names
    assert run["tags"]["lading.run"] == run["runId"]
    assert (model["runId"], model["experimentName"]) == (run["runId"], "salexp")
    assert model["framework"] == "ScikitLearn"
    assert model["kvTags"] == {"key": "1"}
    assert json.loads(model["properties"]["lading.columns"]) == {"x": "int64"}
    assert json.loads(model["properties"]["lading.sample_input"]) == {"data": [[21]]}
    shown = cloud.shell("model", "show", "sal_model:1", "salary.yaml", "--json").json()
    assert {"registry": "azureml", "name": "sal_model", "version": "1"}.items() <= shown["references"][-1].items()
    assert model["properties"]["lading.sha256"] == shown["sha256"]
    assert cloud.shell("model", "list", "salary.yaml").out.rstrip().endswith("azureml=1")
    downloaded = Sdk(cloud.azure, tmp_path)(
        """
    listed = [[model.name, model.version] for model in Model.list(workspace)]
    say(listed=listed, file=Model(workspace, "sal_model", version=1).download(target_dir="there"))
    """
    )
    assert downloaded["listed"] == [["sal_model", 1]]
    assert hashlib.sha256((tmp_path / downloaded["file"]).read_bytes()).hexdigest() == shown["sha256"]
    cloud.forget()
    cloud("deploy")
    assert len(cloud.azure.state["models"]) == 1


def test_a_failed_training_is_logged_as_failed(cloud: Cloud) -> None:
    cloud.edit("  test_size: 0.25\n", "  test_size: 0.25\n  params: {fit_intercept: 3}\n")
    cloud.edit("target: local", "track: [azureml]\ntarget: local")
    cloud.shell.fails = True
    cloud.shell("train", "salary.yaml", code=2)
    run = only(cloud.azure.state["runs"])
    assert run["status"] == "Failed"


def test_the_config_file_of_the_portal_names_the_workspace(cloud: Cloud) -> None:
    place = cloud.azure.workspace
    parts = {"subscription_id": place.subscription_id, "resource_group": place.resource_group}
    file = cloud.shell.write("config.json", json.dumps({**parts, "workspace_name": place.workspace}))
    lines = cloud.manifest.read_text(encoding="utf-8").splitlines(keepends=True)
    start = lines.index("  azureml:\n") + 1
    lines[start : start + 5] = ["    config: config.json\n"]
    cloud.manifest.write_text("".join(lines), encoding="utf-8")
    assert "absent" in cloud("status").out
    file.write_text('{"subscription_id": "s"}', encoding="utf-8")
    assert "config.json names no workspace" in cloud("status", code=2).err


def test_the_first_command_that_needs_a_workspace_creates_it_if_the_manifest_says_so(cloud: Cloud) -> None:
    def workspaces() -> set[str]:
        return {item["name"] for item in cloud.azure.world["workspaces"].values()}

    right, group = cloud.azure.workspace.workspace, cloud.azure.workspace.resource_group
    cloud.edit(f"    workspace: {right}\n", "    workspace: fresh-one\n    create: true\n")
    cloud.edit(f"resource_group: {group}\n", "resource_group: gone\n")
    cloud.edit("target: local", "track: [azureml]\ntarget: local")
    assert "absent" in cloud("status").out
    assert "4 to create" in cloud("plan").out
    assert workspaces() == {right}
    done = cloud.shell("train", "salary.yaml", code=6)
    assert "no resource group gone in subscription" in done.err
    assert "`create_resource_group: true`" in done.err
    cloud.connect("create_resource_group: true")
    done = cloud.shell("train", "salary.yaml")
    assert "creating the workspace · fresh-one in southeastasia" in done.err
    assert "Warning" not in done.err
    assert workspaces() == {right, "fresh-one"}


def test_a_missing_sdk_names_the_extra(cloud: Cloud) -> None:
    cloud.shell.write("hidden/azureml/__init__.py", "")
    done = cloud("status", code=6, PYTHONPATH=str(cloud.shell.folder / "hidden"))
    assert "pip install 'lading[azureml]'" in done.err


def test_a_model_is_registered_without_a_run(cloud: Cloud) -> None:
    cloud.edit("register:\n", "register:\n  to: [azureml]\n")
    cloud.edit("request: {data: [[21]]}", 'request: {data: ["${YEARS}"]}')
    cloud.shell("register", "salary.yaml", YEARS="21")
    model = only(cloud.azure.state["models"])
    assert model["properties"]["lading.sample_input"] == '{"data": ["${YEARS}"]}'
    stored = cloud.shell.folder / ".lading" / "files"
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in stored.rglob("*") if path.is_file()}
    assert model["properties"]["lading.sha256"] in digests
