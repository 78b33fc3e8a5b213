"""An image that an Azure ML workspace builds, on an IoT Edge device."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from offline_azure.client import Azure
from offline_azure.fixture import require_sdk
from tests.targets.iotedge.crossing import crossing
from tests.targets.iotedge.iotedge_kit import Project

pytestmark = pytest.mark.slow


def test_a_device_gets_the_image_that_the_workspace_built(project: Project, azure: Azure, tmp_path: Path) -> None:
    require_sdk()
    place = azure.workspace
    project.hub.add_device("pi")
    project.write(device="pi", registry={"address": "kept.azurecr.io", "username": "PULL_USER", "password": "PULL_KEY"})
    manifest = project.shell.folder / "lading.yaml"
    text = yaml.safe_load(manifest.read_text(encoding="utf-8"))
    text["image"] = {"plugin": "azureml-image"}
    where = {"subscription_id": place.subscription_id, "resource_group": place.resource_group}
    text["connections"] = {"azureml": {**where, "workspace": place.workspace, "experiment": "salexp"}}
    project.shell.write("lading.yaml", yaml.safe_dump(text))
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("".join(Path(each["SSL_CERT_FILE"]).read_text() for each in (azure.network, project.hub.network)))
    with crossing(project.hub.network["HTTPS_PROXY"], azure.network["HTTPS_PROXY"]) as proxy:
        proxies = dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"), proxy)
        trusted = dict.fromkeys(("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"), str(bundle))
        project.shell.env |= {
            **azure.environ,
            **proxies,
            **trusted,
            "PULL_USER": "device",
            "PULL_KEY": "canary-pull-key",
        }
        project.deploy()
        image = project.modules()["salary"]["settings"]["image"]
        assert re.fullmatch(r"\w+\.azurecr\.io/salary@sha256:[0-9a-f]{64}", image)
        (location,) = azure.state["images"]
        assert location.rsplit(":", 1)[0] == image.partition("@")[0]
        assert project.status()["state"] == "running"
        project.shell("delete")
    assert project.modules() == {}
