"""Plain calls of Resource Manager and of online endpoints, through the emulator's proxy."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from offline_azure.client import Azure
from tests.waiting import LIMIT

VERSION = "2023-04-01-preview"
MONITOR_VERSION = "2022-10-01"
ROUTE = {"path": "/", "port": 5001}
SERVER = """\
import json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

if os.environ.get("CRASH"):
    sys.exit("the model says no")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.reply(200, {})

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.reply(int(os.environ.get("STATUS", "200")), {"by": os.environ["NAME"]})

    def reply(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


HTTPServer((os.environ.get("HOST", "127.0.0.1"), int(sys.argv[1])), Handler).serve_forever()
"""


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Message
    body: Any

    @property
    def reasons(self) -> str:
        """The message of an error with its details."""
        error = self.body["error"]
        return "\n".join([error["message"], *(detail["message"] for detail in error["details"])])


class Arm:
    """A signed-in client of the test's workspace, which asks again until an operation has ended."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self._token = azure.token()
        place = azure.workspace
        self.location = place.location
        self._scope = (
            f"/subscriptions/{place.subscription_id}/resourceGroups/{place.resource_group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{place.workspace}"
        )

    def monitor(self, method: str, path: str, body: Any = None) -> Reply:
        """A call of Azure Monitor, below its provider in the resource group."""
        group = self._scope.partition("/Microsoft.MachineLearningServices")[0]
        url = f"https://management.azure.com{group}/Microsoft.Insights{path}?api-version={MONITOR_VERSION}"
        return self._ask(method, url, body)

    def __call__(self, method: str, path: str, body: Any = None, *, version: str = VERSION) -> Reply:
        """A call below the workspace."""
        return self._ask(method, f"https://management.azure.com{self._scope}{path}?api-version={version}", body)

    def done(self, method: str, path: str, body: Any = None) -> Reply:
        """A call whose operation must succeed. Returns the reply to the call."""
        reply = self(method, path, body)
        assert reply.status < 300, reply.body
        ended = self.ended(reply)
        assert ended["status"] == "Succeeded", ended
        return reply

    def ended(self, reply: Reply) -> dict[str, Any]:
        """The last state of the operation that a call started."""
        while True:
            state: dict[str, Any] = self.follow(reply).body
            if state["status"] != "InProgress":
                return state

    def follow(self, reply: Reply, header: str = "Azure-AsyncOperation") -> Reply:
        return self._ask("GET", reply.headers[header])

    def id_of(self, path: str) -> str:
        return self._scope + path

    def endpoint(self, name: str = "salary", **properties: Any) -> Any:
        """Create or change an endpoint. Returns its record."""
        self.done("PUT", f"/onlineEndpoints/{name}", self.endpoint_body(**properties))
        return self("GET", f"/onlineEndpoints/{name}").body

    def endpoint_body(self, **properties: Any) -> dict[str, Any]:
        properties = {"authMode": "Key", **properties}
        return {"location": self.location, "identity": {"type": "SystemAssigned"}, "properties": properties}

    def image(self, folder: Path, name: str, **env: str) -> str:
        """Write an unpacked image whose server answers with a name, and register it. Returns the environment's id."""
        digest = name.encode().hex().ljust(64, "0")
        (folder / digest).mkdir(parents=True, exist_ok=True)
        config = {"entrypoint": ["{python}", "-c", SERVER, "{port}"], "env": {"NAME": name, **env}}
        (folder / digest / "image.json").write_text(json.dumps(config), encoding="utf-8")
        self.azure.settings(images=str(folder))
        return self.environment(f"registry.example/{name}@sha256:{digest}", digest[:32])

    def environment(self, image: str, version: str) -> str:
        path = f"/environments/CliV2AnonymousEnvironment/versions/{version}"
        routes = {"livenessRoute": ROUTE, "readinessRoute": ROUTE, "scoringRoute": {"path": "/score", "port": 5001}}
        properties = {"image": image, "inferenceConfig": routes, "osType": "Linux", "isAnonymous": True}
        reply = self("PUT", path, {"properties": properties})
        assert reply.status in (200, 201), reply.body
        return str(reply.body["id"])

    def deployment_body(self, environment: str, **properties: Any) -> dict[str, Any]:
        settings = {"instanceType": "Standard_DS2_v2", "endpointComputeType": "Managed", "environmentId": environment}
        sku = {"name": "Default", "capacity": 1}
        return {"location": self.location, "sku": sku, "properties": {**settings, **properties}}

    def score(self, key: str, deployment: str | None = None, *, endpoint: str = "salary") -> Reply:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        if deployment is not None:
            headers["azureml-model-deployment"] = deployment
        url = f"https://{endpoint}.{self.location}.inference.ml.azure.com/score"
        return self._ask("POST", url, {"data": [[21]]}, headers)

    def _ask(self, method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
        parts, proxy = urlsplit(url), urlsplit(self.azure.network["HTTPS_PROXY"])
        trusted = ssl.create_default_context(cafile=self.azure.network["SSL_CERT_FILE"])
        connection = http.client.HTTPSConnection(str(proxy.hostname), proxy.port, context=trusted, timeout=LIMIT)
        connection.set_tunnel(str(parts.hostname), 443)
        own = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, f"{parts.path}?{parts.query}", content, dict(headers or own))
            response = connection.getresponse()
            text = response.read().decode()
            is_json = response.getheader("Content-Type", "").startswith("application/json") or text[:1] == "{"
            return Reply(response.status, response.headers, json.loads(text) if is_json and text else text)
        finally:
            connection.close()
