"""An image that a workspace of Azure ML builds, on a device of IoT Edge."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from crossing import crossing
from iotedge_kit import Yard
from offline_azure.client import Azure
from offline_azure.fixture import require_sdk

pytestmark = pytest.mark.slow


def test_a_device_is_told_the_image_that_the_workspace_built(yard: Yard, azure: Azure, tmp_path: Path) -> None:
    require_sdk()
    place = azure.workspace
    yard.hub.add_device("pi")
    yard.write(device="pi", registry={"address": "kept.azurecr.io", "username": "PULL_USER", "password": "PULL_KEY"})
    manifest = yard.shell.folder / "lading.yaml"
    text = yaml.safe_load(manifest.read_text(encoding="utf-8"))
    text["image"] = {"plugin": "azureml-image"}
    where = {"subscription_id": place.subscription_id, "resource_group": place.resource_group}
    text["connections"] = {"azureml": {**where, "workspace": place.workspace, "experiment": "salexp"}}
    yard.shell.write("lading.yaml", yaml.safe_dump(text))
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("".join(Path(each["SSL_CERT_FILE"]).read_text() for each in (azure.network, yard.hub.network)))
    with crossing(yard.hub.network["HTTPS_PROXY"], azure.network["HTTPS_PROXY"]) as proxy:
        proxies = dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"), proxy)
        trusted = dict.fromkeys(("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"), str(bundle))
        yard.shell.env |= {**azure.environ, **proxies, **trusted, "PULL_USER": "device", "PULL_KEY": "canary-pull-key"}
        yard.deploy()
        image = yard.modules()["salary"]["settings"]["image"]
        assert re.fullmatch(r"\w+\.azurecr\.io/salary@sha256:[0-9a-f]{64}", image)
        (location,) = azure.state["images"]
        assert location.rsplit(":", 1)[0] == image.partition("@")[0]
        assert yard.status()["state"] == "running"
        yard.shell("delete")
    assert yard.modules() == {}
