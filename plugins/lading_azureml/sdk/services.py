"""The services of a workspace.

No call here waits. The SDK's `wait_for_deployment`, `delete` and `regen_key` wait without a limit and print on stdout.
So each operation is read once per call, through the SDK's own client of the model management service.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from azureml.core import Model
from azureml.core.webservice import AciWebservice, AksWebservice, Webservice
from azureml.exceptions import WebserviceException

from lading import KeyNotReadable

from ..port import NotAllowed, Operation, Service, ServiceKeys, ServiceSpec
from ..text import clean, clean_json, clean_lines
from .images import inference_config
from .models import Models

_KINDS = {"ACI": AciWebservice, "AKS": AksWebservice}


class Services(Models):
    def find_service(self, name: str) -> Service | None:
        found = self._call(f"reading service {name}", lambda: Webservice._get(self._workspace, name))
        return None if found is None else _service(found)

    def all_services(self) -> Sequence[Service]:
        found, more = self._page(None)
        read: set[str] = set()
        while more is not None and more not in read:  # a server that repeats a page would be read for ever
            read.add(more)
            page, more = self._page(more)
            found += page
        return found

    def _page(self, token: str | None) -> tuple[list[Service], str | None]:
        """A page of the list of services, and the token of the next one."""
        params = {"expand": True, **({"$skipToken": token} if token else {})}
        page = self._call("listing the services", lambda: self._mms("GET", "/services", params=params)).json()
        return [_service(each) for each in page.get("value") or ()], _skip_token(page.get("nextLink"))

    def create_service(self, spec: ServiceSpec) -> str | None:
        def create() -> str | None:
            configuration = _KINDS[spec.kind].deploy_configuration(**spec.settings, tags=dict(spec.tags))
            try:
                service = Model.deploy(
                    self._workspace,
                    spec.name,
                    [self._model(model.id) for model in spec.image.models],
                    inference_config(spec.image),
                    configuration,
                )
            except WebserviceException as error:
                if "WebserviceNotFound" in str(error.message):  # created but not visible yet
                    return None
                raise
            return _operation_id(service)

        return self._call(f"creating service {spec.name}", create)

    def update_service(self, spec: ServiceSpec) -> str | None:
        def update() -> str | None:
            service = Webservice(self._workspace, spec.name)
            service.update(
                models=[self._model(model.id) for model in spec.image.models],
                inference_config=inference_config(spec.image),
                tags=dict(spec.tags),
                **spec.settings,
            )
            return _operation_id(service)

        return self._call(f"updating service {spec.name}", update)

    def delete_service(self, name: str) -> str | None:
        answer = self._call(f"deleting service {name}", lambda: self._mms_or_none("DELETE", f"/services/{name}"))
        return _last_part(answer.headers.get("Operation-Location")) if answer is not None else None

    def operation(self, operation_id: str, offset: int) -> Operation | None:
        path, params = f"/operations/{operation_id}", {"offset": offset}
        answer = self._call("reading the operation", lambda: self._mms_or_none("GET", path, params))
        if answer is None:
            return None
        found = answer.json()
        details = found.get("operationDetails") or {}
        log = found.get("streamingOperationLog") or ""
        return Operation(
            state=str(found.get("state")),
            part=str(details.get("subOperationType") or ""),
            error=clean_json(found.get("error") or {}),
            lines=tuple(clean(record.rpartition("|")[2]) for record in log.split("#") if record.strip()),
            length=len(log),
            log_url=found.get("operationLog"),
        )

    def build_log(self, url: str) -> Sequence[str]:
        import requests

        answer = self._call("reading the log of the image build", lambda: requests.get(url, timeout=30))
        return clean_lines(answer.text) if answer.ok else ()

    def service_log(self, name: str, tail: int) -> Sequence[str]:
        params = {"tail": tail, "init": False}
        answer = self._call(
            f"reading the log of {name}", lambda: self._mms("GET", f"/services/{name}/logs", params=params).json()
        )
        return clean_lines(answer.get("content") or "")

    def service_keys(self, service: Service) -> ServiceKeys | None:
        """Raises KeyNotReadable if the sign-in lacks the action for it."""
        if service.auth == "none":
            return None
        try:
            return self._keys(service)
        except NotAllowed as error:
            raise KeyNotReadable(error.message, hint=error.hint) from error

    def _keys(self, service: Service) -> ServiceKeys:
        what, path = f"reading the keys of {service.name}", f"/services/{service.name}"
        if service.auth == "token":
            token = self._call(what, lambda: self._mms("POST", f"{path}/token").json())
            return ServiceKeys(token["accessToken"], expires=datetime.fromtimestamp(token["expiryOn"], UTC))
        keys = self._call(what, lambda: self._mms("POST", f"{path}/listkeys").json())
        return ServiceKeys(keys["primaryKey"], keys["secondaryKey"])

    def rotate_key(self, service: Service, which: str) -> str | None:
        body = {"keyType": which.capitalize(), "keyValue": None}
        path = f"/services/{service.name}/regenerateKeys"
        answer = self._call(f"rotating the {which} key", lambda: self._mms("POST", path, body))
        return _last_part(answer.headers.get("Operation-Location"))


def _service(found: Mapping[str, Any]) -> Service:
    auth = "token" if found.get("aadAuthEnabled") else "key" if found.get("authEnabled") else "none"
    return Service(
        name=str(found.get("name")),
        kind=str(found.get("computeType")),
        state=str(found.get("state") or "unknown").lower(),
        error=clean_json(found.get("error") or {}),
        tags=found.get("kvTags") or {},
        scoring_uri=found.get("scoringUri"),
        auth=auth,
        created=_instant(found.get("createdTime")),
        updated=_instant(found.get("updatedTime")),
    )


def _instant(text: str | None) -> datetime | None:
    """A time of Azure, which is in UTC; None if it cannot be read."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _skip_token(link: str | None) -> str | None:
    """The token of the next page in the address of it."""
    values = parse_qs(urlsplit(link or "").query)
    return next((found[0] for name, found in values.items() if name.lower() == "$skiptoken"), None)


def _operation_id(service: Any) -> str | None:
    return _last_part(service._operation_endpoint)


def _last_part(url: str | None) -> str | None:
    return url.rstrip("/").rpartition("/")[2] if url else None
