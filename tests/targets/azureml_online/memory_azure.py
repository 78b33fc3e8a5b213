"""A workspace in memory, below the library requests: endpoints, deployments and operations that take a few checks."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from requests.exceptions import ConnectionError as NoConnection
from tests.plugins.wire import Answer, Sent, Wire

from lading import Json

GROUP = "/subscriptions/s-1/resourceGroups/mi2"
PLACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/salary"
AUTOSCALE = f"{GROUP}/providers/Microsoft.Insights/autoscaleSettings/"
CONTAINER = "https://account.blob.core.windows.net/code"
OPERATIONS = "https://management.azure.com/operations/"
STORES = {"workspaceartifactstore": "azureml", "workspaceblobstore": "code"}
"""The container of each datastore."""
_ENDPOINT = re.compile(rf"{PLACE}/onlineEndpoints/([^/]+)")
_DEPLOYMENT = re.compile(rf"{PLACE}/onlineEndpoints/([^/]+)/deployments/([^/]+)")
_MISSING = Answer({"error": {"code": "NotFound", "message": "it does not exist"}}, 404)


@dataclass
class Operation:
    """A running operation: the checks that are left, the record and the state that it will have."""

    record: Json
    checks: int
    error: Json = None
    deletes: tuple[dict[str, Json], str] | None = None

    def check(self) -> Answer:
        self.checks -= 1
        if self.checks > 0:
            return Answer({"status": "InProgress"}, headers={"Retry-After": "0"})
        if self.error:
            self.record["properties"]["provisioningState"] = "Failed"
            return Answer({"status": "Failed", "error": self.error})
        if self.deletes is not None:
            self.deletes[0].pop(self.deletes[1], None)
        self.record["properties"]["provisioningState"] = "Succeeded"
        return Answer({"status": "Succeeded"})


@dataclass
class MemoryAzure(Wire):
    """`errors` are those of the next operations, by a pattern of their path. `refusals` are answers to requests.

    `lost` is the number of the request whose reply is lost after its effect. `drops` is a property that is not kept.
    """

    endpoints: dict[str, Json] = field(default_factory=dict)
    deployments: dict[str, dict[str, Json]] = field(default_factory=dict)
    environments: dict[str, Json] = field(default_factory=dict)
    data: dict[str, Json] = field(default_factory=dict)
    autoscale: dict[str, Json] = field(default_factory=dict)
    codes: dict[str, Json] = field(default_factory=dict)
    models: dict[str, Json] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=lambda: {"primaryKey": "first", "secondaryKey": "second"})
    logs: dict[str, str] = field(default_factory=lambda: {"InferenceServer": "up\n", "StorageInitializer": ""})
    group_actions: Json = field(default_factory=lambda: [{"actions": ["*"], "notActions": []}])
    actions: Json = field(default_factory=lambda: [{"actions": ["*"], "notActions": []}])
    errors: dict[str, Json] = field(default_factory=dict)
    stores: dict[str, Json] = field(default_factory=lambda: {name: _store(name) for name in STORES})
    secrets: Json = field(default_factory=lambda: {"secretsType": "Sas", "sasToken": "sig=r"})
    refusals: dict[str, Answer] = field(default_factory=dict)
    keeps_keys: bool = False
    keeps_autoscale: bool = False
    checks: int = 2
    lost: int = 0
    drops: str = ""

    def answer_to(self, sent: Sent) -> Answer:
        refusal = next((each for each in self.refusals if re.search(each, sent.line)), None)
        if refusal is not None:
            return self.refusals.pop(refusal)
        answer = self._stored(sent) if sent.host == urlsplit(CONTAINER).netloc else self._answer(sent)
        if len(self.sent) == self.lost:
            return Answer(error=lambda: NoConnection("the connection was closed"))
        return answer

    def settle(self) -> None:
        """Let all operations end."""
        for operation in self.operations:
            while operation.checks > 0:
                operation.check()

    def _answer(self, sent: Sent) -> Answer:
        if sent.path.startswith("/operations/"):
            return self.operations[int(sent.path.rpartition("/")[2])].check()
        if sent.path == PLACE:
            return Answer({"location": "westeurope", "properties": {}})
        if "/versions/" in sent.path:
            return self._asset(sent)
        if sent.path.endswith("/permissions"):
            is_group = sent.path.startswith(f"{GROUP}/providers/Microsoft.Authorization/")
            return Answer({"value": self.group_actions if is_group else self.actions})
        if sent.method == "POST":
            return self._posted(sent)
        if sent.path.endswith("/deployments"):
            return Answer({"value": list(self.deployments.get(_name(sent), {}).values())})
        if sent.path.endswith("/onlineEndpoints"):
            return Answer({"value": list(self.endpoints.values())})
        return self._resource(sent)

    def _stored(self, sent: Sent) -> Answer:
        if sent.method == "GET":
            return Answer(self.blobs[sent.path]) if sent.path in self.blobs else _MISSING
        self.blobs[sent.path] = sent.body
        return Answer(status=201)

    def _asset(self, sent: Sent) -> Answer:
        if sent.method == "POST":
            signed = {"blobUri": CONTAINER, "credential": {"credentialType": "SAS", "sasUri": f"{CONTAINER}?sig=w"}}
            return Answer({"blobReferenceForConsumption": signed})
        assets: dict[str, Json] = getattr(self, sent.path.removeprefix(PLACE).split("/")[1])
        if sent.method == "PUT":
            assets[sent.path] = sent.json
        return Answer(assets[sent.path]) if sent.path in assets else _MISSING

    def _setting(self, sent: Sent) -> Answer:
        name = sent.path.removeprefix(AUTOSCALE)
        if sent.method == "PUT":
            self.autoscale[name] = sent.json
        if sent.method == "DELETE" and self.keeps_autoscale:
            return Answer({"error": {"code": "ScopeLocked", "message": "the scope is locked by 'keep'"}}, 409)
        if sent.method == "DELETE":
            return Answer(status=204 if self.autoscale.pop(name, None) is None else 200)
        return Answer(self.autoscale[name]) if name in self.autoscale else _MISSING

    def _resource(self, sent: Sent) -> Answer:
        if sent.path.startswith(AUTOSCALE):
            return self._setting(sent)
        if "/datastores/" in sent.path:
            return Answer({"properties": self.stores[sent.path.rpartition("/")[2]]})
        found = _DEPLOYMENT.fullmatch(sent.path)
        table, name = (self.deployments.setdefault(found[1], {}), found[2]) if found else (self.endpoints, _name(sent))
        if sent.method == "PUT":
            return self._put(table, name, sent)
        if name not in table:
            return _MISSING
        if sent.method == "DELETE":
            table[name]["properties"]["provisioningState"] = "Deleting"
            return self._begin(sent, Operation(table[name], self.checks, deletes=(table, name)))
        return Answer(table[name])

    def _put(self, table: dict[str, Json], name: str, sent: Sent) -> Answer:
        state = "Updating" if name in table else "Creating"
        record = json.loads(sent.body) | {"name": name}
        record["properties"] |= {"provisioningState": state}
        made = {"createdAt": datetime.now(UTC).isoformat()}
        record["systemData"] = table[name]["systemData"] if name in table else made
        record["properties"].pop(self.drops, None)
        if table is self.endpoints:
            record["properties"]["scoringUri"] = f"https://{name}.westeurope.inference.ml.azure.com/score"
        table[name] = record
        return self._begin(sent, Operation(record, self.checks), 201)

    def _begin(self, sent: Sent, operation: Operation, status: int = 202) -> Answer:
        fails = next((each for each in self.errors if re.search(each, sent.line)), None)
        operation.error = self.errors.pop(fails) if fails else None
        self.operations.append(operation)
        headers = {"Azure-AsyncOperation": f"{OPERATIONS}{len(self.operations) - 1}", "Retry-After": "0"}
        return Answer(operation.record, status, headers)

    def _posted(self, sent: Sent) -> Answer:
        action = sent.path.rpartition("/")[2]
        if action == "listSecrets":
            return Answer(self.secrets)
        if action == "getLogs":
            return Answer({"content": self.logs[sent.json["containerType"]]})
        if action == "regenerateKeys":
            if not self.keeps_keys:
                self.keys[f"{sent.json['keyType'].lower()}Key"] = sent.json["keyValue"]
            return self._begin(sent, Operation({"properties": {}}, self.checks))
        if action == "token":
            return Answer({"accessToken": "t-1", "expiryTimeUtc": 1767322800})
        return Answer(self.keys)


def _store(name: str) -> Json:
    return {"accountName": "account", "containerName": STORES[name], "endpoint": "core.windows.net"}


def _name(sent: Sent) -> str:
    found = _ENDPOINT.match(sent.path)
    assert found, sent.path
    return found[1]


def error(code: str, message: str) -> dict[str, Any]:
    return {"code": code, "message": message, "details": []}
