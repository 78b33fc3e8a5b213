"""A project that deploys to `local` and to `managed-online` in the offline Azure."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offline_azure.client import Azure
from tests.conftest import Done
from tests.targets.azureml.azureml_kit import Heard
from tests.targets.azureml.canaries_kit import Canaries

from lading import Json

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
register: {{model: sal_model}}
package:{script}
  environment: {{conda: [scikit-learn]}}
  samples:
    - {{request: {{data: [[21]]}}, response: [141760.56910569107]}}
image: {{plugin: unpacked, folder: "{images}"}}
connections:
  azureml-v2: {{subscription_id: {subscription}, resource_group: {group}, workspace: {workspace}, experiment: salexp}}
targets:
  local: {{port: 0}}
  managed-online: {{instance_type: Standard_DS2_v2{more}}}
"""


@dataclass
class Project:
    """A project with `lading` in it, signed in to the offline Azure."""

    shell: Heard
    azure: Azure
    canaries: Canaries
    images: Path

    def __post_init__(self) -> None:
        self.images.mkdir()
        self.azure.settings(images=str(self.images), retry_after=0)
        self.write()

    def write(self, more: str = "", script: str = "") -> None:
        """Write the manifest with `more` options of the target, and with a scoring script."""
        place = self.azure.workspace
        names = {"subscription": place.subscription_id, "group": place.resource_group, "workspace": place.workspace}
        own = script and f"\n  scoring_script: {script}"
        text = MANIFEST.format(images=self.images, more=more and f", {more}", script=own, **names)
        self.shell.write("lading.yaml", text)

    def __call__(
        self, command: str, *argv: str, code: int | None = 0, target: str = "managed-online", **env: str
    ) -> Done:
        return self.shell(command, "--target", target, *argv, code=code, **env)

    def script(self, text: str) -> None:
        """Give the package a scoring script."""
        self.shell.write("score.py", text)
        self.shell.fails = "raise" in text
        self.write(script="score.py")

    def row(self, command: str, *argv: str, **more: Any) -> dict[str, Json]:
        """The deployment in the JSON document of a command."""
        found: dict[str, Json] = json.loads(self(command, "--json", *argv, **more).out)["deployments"][0]
        return found

    @property
    def endpoint(self) -> dict[str, Any]:
        found: dict[str, Any] = self.azure.state["v2"]["endpoints"]["salary-svc"]
        return found

    @property
    def deployments(self) -> list[str]:
        return sorted(self.azure.state["v2"]["deployments"])

    def scores(self, target: str = "managed-online") -> str:
        return self("score", "-d", '{"data": [[21]]}', target=target).out

    def forget(self) -> None:
        """Empty the store, as on a new build machine."""
        shutil.rmtree(self.shell.folder / ".lading")
