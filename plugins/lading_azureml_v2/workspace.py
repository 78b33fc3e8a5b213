"""An open workspace: its online endpoints, their deployments, environments and models.

Each method sends one request; a list takes one for each page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from lading import Json, StageFailed
from lading_azureml.port import NotAllowed
from lading_azureml.text import clean_lines

from .resources import Endpoint, EndpointKeys, OnlineDeployment, Operation, Started
from .rest import Arm, Reply
from .runs import Runs
from .services import Services

# The versions that Microsoft's SDK uses.
_WORKSPACES = "2024-10-01-preview"
_ENDPOINTS = "2022-02-01-preview"
_DEPLOYMENTS = "2023-04-01-preview"
_CODES = "2023-04-01"
_MODELS = "2023-08-01-preview"

_ANONYMOUS = "CliV2AnonymousEnvironment"
"""The environment whose versions the studio does not list."""

_ARTIFACTS = "workspaceartifactstore"
"""The datastore that has the files of runs and the uploaded ones."""


class Workspace:
    """A workspace. `location` is its region, and `id` its path in Resource Manager.

    Its services other than Resource Manager are asked only when a run or a model is recorded.
    """

    def __init__(self, arm: Arm, path: str, found: Json) -> None:
        self._arm = arm
        self.id = path
        self.location = str(found["location"])
        self.services = Services(arm, path, str(found["properties"].get("discoveryUrl") or ""))
        self.runs = Runs(self.services)

    def endpoint(self, name: str) -> Endpoint | None:
        """The endpoint of that name, with any owner; None if the workspace has none."""
        reply = self._arm.ask(f"reading endpoint {name}", "GET", self._endpoint(name), _ENDPOINTS, gone=True)
        return Endpoint.read(reply.body) if reply.status != 404 else None

    def endpoints(self) -> Iterator[Endpoint]:
        """All endpoints of the workspace, with any owner."""
        yield from map(
            Endpoint.read, self._arm.pages("listing the endpoints", f"{self.id}/onlineEndpoints", _ENDPOINTS)
        )

    def put_endpoint(self, name: str, body: Json) -> Started:
        """Request an endpoint, or a change of it, without waiting."""
        what = f"writing endpoint {name}"
        return _started(self._arm.ask(what, "PUT", self._endpoint(name), _ENDPOINTS, body))

    def delete_endpoint(self, name: str) -> Started:
        """Request the deletion of an endpoint with its deployments, without waiting."""
        what = f"deleting endpoint {name}"
        return _started(self._arm.ask(what, "DELETE", self._endpoint(name), _ENDPOINTS, gone=True))

    def deployments(self, endpoint: str) -> tuple[OnlineDeployment, ...]:
        """All deployments of an endpoint; none if it does not exist."""
        what, path = f"listing the deployments of {endpoint}", f"{self._endpoint(endpoint)}/deployments"
        return tuple(map(OnlineDeployment.read, self._arm.pages(what, path, _DEPLOYMENTS)))

    def put_deployment(self, endpoint: str, name: str, body: Json) -> Started:
        """Request a deployment, without waiting."""
        what = f"creating deployment {name} of {endpoint}"
        return _started(self._arm.ask(what, "PUT", self._deployment(endpoint, name), _DEPLOYMENTS, body))

    def delete_deployment(self, endpoint: str, name: str) -> Started:
        """Request the deletion of a deployment, without waiting."""
        what = f"deleting deployment {name} of {endpoint}"
        return _started(self._arm.ask(what, "DELETE", self._deployment(endpoint, name), _DEPLOYMENTS, gone=True))

    def code(self, name: str) -> Json:
        """The properties of the code asset of that name; None if the workspace has none."""
        reply = self._arm.ask("reading the code asset", "GET", self.code_id(name), _CODES, gone=True)
        return reply.body["properties"] if reply.status != 404 else None

    def code_container(self, name: str) -> tuple[str, str]:
        """The address of a container for the files of a code asset, and a signature to write to it."""
        what, path = "creating a container for the code", f"{self.code_id(name)}/startPendingUpload"
        body = {"pendingUploadType": "TemporaryBlobReference"}
        found = self._arm.ask(what, "POST", path, _CODES, body).body["blobReferenceForConsumption"]
        return str(found["blobUri"]).rstrip("/"), str(found["credential"]["sasUri"]).partition("?")[2]

    def put_code(self, name: str, body: Json) -> None:
        """Register a code asset, whose files are uploaded."""
        self._arm.ask("registering the code asset", "PUT", self.code_id(name), _CODES, body)

    def code_id(self, name: str) -> str:
        """The path of the only version of a code asset."""
        return f"{self.id}/codes/{name}/versions/1"

    def model_id(self, name: str, version: str) -> str:
        """The path of a version of a model."""
        return self._model(name, version)

    def put_environment(self, version: str, body: Json) -> None:
        """Register an environment in a version that depends on its content."""
        self._arm.ask("registering the environment", "PUT", self.environment_id(version), _DEPLOYMENTS, body)

    def environment_id(self, version: str) -> str:
        """The path of a version of an environment."""
        return f"{self.id}/environments/{_ANONYMOUS}/versions/{version}"

    def model(self, name: str, version: str) -> Json:
        """The properties of a version of a model; None if the workspace has none of that name."""
        what = f"reading model {name}:{version}"
        reply = self._arm.ask(what, "GET", self._model(name, version), _MODELS, gone=True)
        return reply.body["properties"] if reply.status != 404 else None

    def put_model(self, name: str, version: str, body: Json) -> None:
        """Register a version of a model, whose files are uploaded."""
        self._arm.ask(f"registering model {name}", "PUT", self._model(name, version), _MODELS, body)

    def has_data(self, name: str, version: str) -> bool:
        """Whether the workspace has a version of a data asset, with any content."""
        what = f"reading data asset {name}:{version}"
        return self._arm.ask(what, "GET", self.data_id(name, version), _DEPLOYMENTS, gone=True).status != 404

    def put_data(self, name: str, version: str, body: Json) -> None:
        """Register a version of a data asset."""
        self._arm.ask(f"registering data asset {name}", "PUT", self.data_id(name, version), _DEPLOYMENTS, body)

    def data_id(self, name: str, version: str) -> str:
        """The path of a version of a data asset."""
        return f"{self.id}/data/{quote(name, safe='')}/versions/{version}"

    def file_uri(self, path: str) -> str:
        """The address of an uploaded file or folder, for assets of the workspace."""
        place = self._arm.place
        return (
            f"azureml://subscriptions/{place.subscription_id}/resourcegroups/{place.resource_group}"
            f"/workspaces/{place.workspace}/datastores/{_ARTIFACTS}/paths/{path}"
        )

    def keys(self, endpoint: Endpoint) -> EndpointKeys:
        """The keys of an endpoint, or a token for it."""
        what, path = f"reading the keys of {endpoint.name}", self._endpoint(endpoint.name)
        if endpoint.auth == "key":
            found = self._arm.ask(what, "POST", f"{path}/listKeys", _ENDPOINTS).body
            return EndpointKeys(primary=found["primaryKey"], secondary=found.get("secondaryKey"))
        if endpoint.auth == "aadtoken":
            token = self._arm.scoring_token()
            return EndpointKeys(primary=token.token, expires=_time(token.expires_on))
        found = self._arm.ask(what, "POST", f"{path}/token", _ENDPOINTS).body
        return EndpointKeys(primary=found["accessToken"], expires=_time(found["expiryTimeUtc"]))

    def replace_key(self, endpoint: str, which: str, value: str) -> Started:
        """Request that the `primary` or the `secondary` key becomes `value`, without waiting."""
        body = {"keyType": which.capitalize(), "keyValue": value}
        what, path = f"rotating the {which} key of {endpoint}", f"{self._endpoint(endpoint)}/regenerateKeys"
        return _started(self._arm.ask(what, "POST", path, _ENDPOINTS, body))

    def log(self, endpoint: str, deployment: str, container: str, tail: int) -> tuple[str, ...]:
        """The last lines of a container of a deployment: `InferenceServer` or `StorageInitializer`."""
        body = {"tail": tail, "containerType": container}
        path = f"{self._deployment(endpoint, deployment)}/getLogs"
        found = self._arm.ask(f"reading the log of {deployment}", "POST", path, _DEPLOYMENTS, body).body
        return clean_lines(str((found or {}).get("content") or ""))

    def operation(self, url: str) -> Operation | None:
        """An operation; None if Azure does not show it.

        Its address lies outside the workspace, so the role of the sign-in may exclude it.
        """
        try:
            reply = self._arm.follow("reading an operation", url)
        except NotAllowed:
            return None
        known = reply.status != 404 and isinstance(reply.body, dict) and reply.body.get("status")
        return Operation.read(reply.body, reply.wait) if known else None

    def permissions(self) -> tuple[Mapping[str, Json], ...]:
        """The actions that the sign-in may take on the workspace, as Azure lists them."""
        return self._arm.permissions(self.id)

    def _model(self, name: str, version: str) -> str:
        return f"{self.id}/models/{quote(name, safe='')}/versions/{version}"

    def _endpoint(self, name: str) -> str:
        return f"{self.id}/onlineEndpoints/{quote(name, safe='')}"

    def _deployment(self, endpoint: str, name: str) -> str:
        return f"{self._endpoint(endpoint)}/deployments/{quote(name, safe='')}"


def open_workspace(arm: Arm) -> Workspace:
    """Read the workspace. Raises StageFailed if it does not exist."""
    place = arm.place
    names = (quote(name, safe="") for name in (place.subscription_id, place.resource_group, place.workspace))
    path = "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.MachineLearningServices/workspaces/{}".format(
        *names
    )
    reply = arm.ask("opening the workspace", "GET", path, _WORKSPACES, gone=True)
    if reply.status == 404:
        raise StageFailed(
            f"no workspace {place.workspace} in resource group {place.resource_group} of subscription "
            f"{place.subscription_id}",
            hint="check the names of the connection; `az ml workspace list -o table` shows the workspaces",
        )
    return Workspace(arm, path, reply.body)


def _started(reply: Reply) -> Started:
    return Started(url=reply.operation, wait=reply.wait)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
