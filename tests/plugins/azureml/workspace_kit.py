"""A workspace through the real SDK of Azure ML, with a recorded network instead of Azure."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path
from typing import Any

from azure.core.credentials import AccessToken
from tests.hook_kit import SHA, a_version
from tests.plugins.azureml.memory_kit import PLACE
from tests.plugins.wire import Sent, Wire

from lading import Package
from lading_azureml.port import Image, RegisteredModel, Service, ServiceSpec

SCOPE = "/subscriptions/s-1/resourceGroups/mi2/providers/Microsoft.MachineLearningServices/workspaces/salary"
MANAGEMENT = f"/modelmanagement/v1.0{SCOPE}"
HISTORY = f"/history/v1.0{SCOPE}"
API = "https://westeurope.api.example"
SERVICES = ("api", "experimentation", "history", "hyperdrive", "modelmanagement", "pipelines", "studio")


def _part(value: Any) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def sign_in_of(sent: Sent) -> int:
    """The sign-in that gave the token of a request."""
    part = sent.headers["authorization"].split(".")[1]
    return int(json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))["sign_in"])


class Tokens:
    """A credential. `signed_in` counts the sign-ins."""

    def __init__(self) -> None:
        self.signed_in = 0

    def sign_in(self, authority: str) -> Tokens:
        assert authority == "https://login.microsoftonline.com"
        self.signed_in += 1
        return self

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        claims = {"aud": scopes[0], "sign_in": self.signed_in}
        return AccessToken(f"{_part({'alg': 'none'})}.{_part(claims)}.", int(time.time()) + 3600)


def describe(wire: Wire, **properties: str) -> None:
    """Answer the requests for the workspace and the addresses of its services."""
    found = {"workspaceId": "w-1", "discoveryUrl": f"{API}/discovery", **properties}
    wire.answer("GET", SCOPE, {"id": SCOPE, "name": PLACE.workspace, "location": "westeurope", "properties": found})
    wire.answer("GET", "/discovery", dict.fromkeys(SERVICES, API))


def a_service(auth: str = "key", name: str = "price") -> Service:
    return Service(name=name, kind="ACI", state="healthy", error={}, tags={}, scoring_uri=None, auth=auth)


def a_package(folder: Path) -> Package:
    """A package with a script, an environment and a model."""
    (folder / "package" / "azureml-app").mkdir(parents=True)
    (folder / "package" / "azureml-app" / "score.py").write_text("def init(): ...\n", encoding="utf-8")
    (folder / "package" / "conda.yml").write_text(
        "name: a\ndependencies:\n- python=3.11\n- pip:\n  - scikit-learn==1.7.2\n", encoding="utf-8"
    )
    model = a_version(folder / "5f")
    model.file.write_bytes(b"never loaded")
    return Package(
        digest="dd",
        folder=folder / "package",
        scoring_script="score.py",
        model=model,
        python="3.11",
        requirements=("scikit-learn==1.7.2",),
    )


def an_image(folder: Path, **fields: Any) -> Image:
    package = a_package(folder)
    given: dict[str, Any] = {
        "name": "price",
        "source": package.folder / "azureml-app",
        "script": "score.py",
        "conda": package.folder / "conda.yml",
        "server": "azureml-defaults>=1.55",
        "models": (RegisteredModel("rate", 3, SHA),),
    }
    return Image(**{**given, **fields})


def a_spec(folder: Path, **settings: Any) -> ServiceSpec:
    return ServiceSpec(name="price", kind="ACI", image=an_image(folder), tags={"a": "b"}, settings=settings)
