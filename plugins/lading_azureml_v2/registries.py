"""A registry of Azure ML: models that several workspaces use. It is reached by its own service, not by a workspace."""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import quote

from lading import BadInput, Interrupted, Json, StageFailed, model_files
from lading_azureml.port import NotAllowed

from .blobs import upload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lading import Context, ModelVersion, RegisterRequest

    from .rest import Arm, Reply

_VERSION = "2021-10-01-dataplanepreview"  # the one that Microsoft's SDK uses
_SERVICE = "mferp/managementfrontend"
_OPTION = "registry"
_POLL_INTERVAL = 5.0  # seconds between two checks, if Azure asks for no other time
_SHORTEST, _LONGEST_WAIT = 1.0, 30.0  # seconds between two checks, whatever Azure asks for
_SLICE = 0.5  # seconds until an interrupted wait ends
_LONGEST = 1800.0  # seconds until a version is copied to all regions of a registry
_ENDED = {"Succeeded", "Failed", "Canceled"}


class Registry:
    """A registry with its models. It is asked only when a model is registered."""

    def __init__(self, arm: Arm, name: str) -> None:
        self._arm = arm
        self.name = name

    def model(self, name: str, version: str) -> Json:
        """The properties of a version of a model; None if the registry has none of that name, or has failed to
        create it.
        """
        found = self._read(name, version)[0]
        return None if found is None or _state(found) in _ENDED - {"Succeeded"} else found

    def model_id(self, name: str, version: str) -> str:
        """The id of a version of a model, for the deployments of every workspace."""
        return f"azureml://registries/{self.name}/models/{name}/versions/{version}"

    def add_files(self, model: RegisterRequest | ModelVersion, version: str) -> str:
        """Upload the files of a version of a model. Returns the address of the model.

        An interrupted upload begins again, at the same place. Raises Taken if the version exists.
        """
        what = f"uploading model {model.name} to registry {self.name}"
        body = {"assetId": self.model_id(model.name, version), "temporaryDataReferenceType": "TemporaryBlobReference"}
        found = self._ask(what, "PUT", _path("tempdatarefs", model.name, version), body).body
        place, _, signature = str(found["blobReferenceForConsumption"]["credential"]["sasUri"]).partition("?")
        for name, file in model_files(model.file, model.file_name).items():
            upload(self._arm, what, f"{place}/{quote(name)}?{signature}", file)
        return f"{place}/{quote(model.file_name)}"

    def put_model(self, name: str, version: str, body: Json) -> None:
        """Request a version of a model, whose files are uploaded, without waiting."""
        what = f"registering model {name} in registry {self.name}"
        self._ask(what, "PUT", _path("models", name, version), body)

    def wait_for(self, name: str, version: str, context: Context) -> None:
        """Wait until a version is ready. Raises StageFailed if it fails, or is not ready after half an hour."""
        end = time.monotonic() + _LONGEST
        while True:
            found, wait = self._read(name, version)
            state = "not there yet" if found is None else _state(found)
            if state == "Succeeded":
                return
            if state in _ENDED or time.monotonic() >= end:
                hint = "run the command again: it continues"
                raise StageFailed(f"model {name}:{version} of registry {self.name} is {state.lower()}", hint=hint)
            if context.cancelled:
                raise Interrupted(f"the copy of model {name} to registry {self.name} was interrupted")
            context.progress("registering", f"{name} in registry {self.name} is {state.lower()}")
            _sleep(min(_interval(wait), end - time.monotonic()), context)

    def permissions(self) -> tuple[Mapping[str, Json], ...]:
        """The actions that the sign-in may take on the registry, as Azure lists them."""
        return self._arm.permissions(self._found[1])

    def _read(self, name: str, version: str) -> tuple[Json, float | None]:
        """The properties of a version, None if it does not exist, and the time in seconds that Azure asks to wait."""
        what = f"reading model {name}:{version} of registry {self.name}"
        reply = self._ask(what, "GET", _path("models", name, version), gone=True)
        return (None if reply.status == 404 else reply.body["properties"]), reply.wait

    def _ask(self, what: str, method: str, path: str, body: Json = None, *, gone: bool = False) -> Reply:
        service, place = self._found
        url = f"{service}/{_SERVICE}{place}/{path}?api-version={_VERSION}"
        try:
            return self._arm.ask_service(what, method, url, body, gone=gone)
        except NotAllowed as error:
            raise self._refused(error) from error

    @cached_property
    def _found(self) -> tuple[str, str]:
        """The address of the service of the registry, and its path there. Raises BadInput if it does not exist."""
        name = quote(self.name, safe="")
        try:
            reply = self._arm.find_registry(f"opening registry {self.name}", name)
        except NotAllowed as error:
            raise self._refused(error) from error
        if reply.status == 404:
            hint = "check the name; `az ml registry list -o table` shows the registries"
            raise BadInput(f"Azure has no registry {self.name} that this sign-in can see", option=_OPTION, hint=hint)
        found = reply.body
        group = f"/subscriptions/{found['subscriptionId']}/resourceGroups/{found['resourceGroup']}"
        service = str(found["primaryRegionResourceProviderUri"]).rstrip("/")
        return service, f"{group}/providers/Microsoft.MachineLearningServices/registries/{name}"

    def _refused(self, error: NotAllowed) -> NotAllowed:
        role = f"this sign-in needs a role such as AzureML Registry User on registry {self.name}"
        return NotAllowed(error.message, hint=role)


def _interval(asked: float | None) -> float:
    """The seconds until the next check of a version, if Azure asks for `asked`."""
    return min(max(_POLL_INTERVAL if asked is None else asked, _SHORTEST), _LONGEST_WAIT)


def _sleep(seconds: float, context: Context) -> None:
    """Wait, at most until the command is interrupted."""
    end = time.monotonic() + seconds
    while not context.cancelled and (rest := end - time.monotonic()) > 0:
        time.sleep(min(rest, _SLICE))


def _path(kind: str, name: str, version: str) -> str:
    return f"{kind}/{quote(name, safe='')}/versions/{version}"


def _state(found: Json) -> str:
    """The state of a version. A service that shows none has created it."""
    return str(found.get("provisioningState") or "Succeeded")
