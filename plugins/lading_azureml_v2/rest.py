"""Requests to Azure Resource Manager, through azure-core.

A request is sent once. Failures that may pass are raised as Transient, and the engine waits for the time that Azure
requests. Only an expired token is renewed, once, because the rejected request had no effect.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from azure.core import PipelineClient
from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError, ServiceRequestError, ServiceResponseError
from azure.core.pipeline.policies import UserAgentPolicy
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest, HttpResponse

from lading import Context, Json, LadingError, Transient, __version__, retry_after
from lading_azureml.credentials import credential
from lading_azureml.explaining import explain
from lading_azureml.failures import Failure, causes, of_answer, of_page
from lading_azureml.options import WorkspaceOptions
from lading_azureml.port import Place
from lading_azureml.senders import is_page
from lading_azureml.text import clean

from .clouds import CLOUDS
from .wording import plain

_PERMISSIONS = "2022-04-01"
_CONNECT, _READ = 10, 60  # seconds
_BLOBS = "2021-08-06"  # the version of blob storage
_IN_PROGRESS_DELAY = 5.0  # seconds
_NO_ANSWER = (ServiceRequestError, ServiceResponseError, ConnectionError, TimeoutError)


@dataclass(frozen=True)
class Reply:
    """An accepted request: its status and its body. `operation` is the address of what it has started.

    `wait` is the time in seconds that Azure asks to wait. The body can hold keys.
    """

    status: int
    body: Json = field(repr=False)
    operation: str = ""
    wait: float | None = None


class Arm:
    """Resource Manager, signed in. It may be open longer than the command that opens it has for this."""

    def __init__(self, place: Place, options: WorkspaceOptions, context: Context) -> None:
        self.place = place
        self._cloud = CLOUDS[options.cloud]
        self._make = credential(options.auth, context)
        self._credential = self._make(self._cloud.authority)
        agent = UserAgentPolicy(f"lading/{__version__}")
        transport = RequestsTransport(connection_timeout=_CONNECT)
        self._client: Any = PipelineClient(f"https://{self._cloud.manager}", policies=[agent], transport=transport)

    def ask(
        self, what: str, method: str, path: str, version: str, body: Json = None, *, gone: bool = False, **query: str
    ) -> Reply:
        """The reply to a request. `what` names its purpose in messages. With `gone`, 404 is accepted too.

        Raises the LadingError that explains why it failed.
        """
        url = f"https://{self._cloud.manager}{path}"
        return self._ask(what, method, url, {"api-version": version, **query}, body, gone=gone)

    def pages(self, what: str, path: str, version: str) -> Iterator[Json]:
        """The items of a list, from all of its pages. There are none if the path does not exist."""
        query: dict[str, str] = {}
        while True:
            page = self.ask(what, "GET", path, version, gone=True, **query).body or {}
            yield from page.get("value") or ()
            if not page.get("nextLink"):
                return
            given = dict(parse_qsl(urlsplit(page["nextLink"]).query))
            query = {name: value for name, value in given.items() if name != "api-version"}

    def permissions(self, scope: str) -> tuple[Mapping[str, Json], ...]:
        """The actions that the sign-in may take on the resource with the id `scope`, as Azure lists them."""
        path = f"{scope}/providers/Microsoft.Authorization/permissions"
        return tuple(self.pages("reading the permissions", path, _PERMISSIONS))

    def follow(self, what: str, url: str) -> Reply:
        """The reply at an address that Azure has given. A token never goes to another host."""
        host = urlsplit(url)
        if (host.scheme, host.netloc) != ("https", self._cloud.manager):
            raise explain(Failure(None, "", "its address is not one of Azure", None), what, self.place)
        return self._ask(what, "GET", url, {}, None, gone=True)

    def ask_service(self, what: str, method: str, url: str, body: Json = None, *, gone: bool = False) -> Reply:
        """The reply of a service of the workspace, at an address that Resource Manager has given."""
        if urlsplit(url).scheme != "https":
            raise explain(Failure(None, "", f"{url} is not an https address", None), what, self.place)
        return self._ask(what, method, url, {}, body, gone=gone)

    def find_registry(self, what: str, name: str) -> Reply:
        """The place of a registry of Azure ML; 404 if this sign-in sees none of that name."""
        url = f"https://{self._cloud.registries}/registrymanagement/v1.0/registries/{name}/discovery"
        return self._ask(what, "GET", url, {"api-version": "v1.0"}, None, gone=True)

    def is_storage(self, url: str) -> bool:
        """Whether an address is one of a storage account in this cloud."""
        parts = urlsplit(url)
        return parts.scheme == "https" and parts.netloc.endswith(f".blob.{self._cloud.storage}")

    def get_public(self, what: str, url: str) -> Json:
        """The JSON at an address that needs no sign-in."""
        return _json(what, self._accepted(what, self._request(what, HttpRequest("GET", url))))

    def write_blob(self, what: str, url: str, content: bytes, headers: Mapping[str, str]) -> None:
        """PUT bytes at a signed address."""
        request = HttpRequest("PUT", url, headers={"x-ms-version": _BLOBS, **headers}, content=content)
        self._accepted(what, self._request(what, request))

    def read_blob(self, what: str, url: str) -> Iterator[bytes]:
        """The bytes at a signed address, in pieces. Raises FileNotFoundError if it has none."""
        response = self._request(what, HttpRequest("GET", url, headers={"x-ms-version": _BLOBS}), stream=True)
        if response.status_code == 404:
            response.close()
            raise FileNotFoundError(what)
        if response.status_code >= 300:
            response.read()
            self._accepted(what, response)
        try:
            yield from response.iter_bytes()
        except AzureError as error:
            raise explain(_unanswered(error), what, self.place) from None

    def scoring_token(self) -> AccessToken:
        """A token of Microsoft Entra for requests to endpoints."""
        return self._token("signing in", f"https://{self._cloud.scoring}/.default")

    def _ask(self, what: str, method: str, url: str, query: Mapping[str, str], body: Json, *, gone: bool) -> Reply:
        response = self._send(what, method, url, query, body)
        if response.status_code == 401:
            self._credential = self._make(self._cloud.authority)
            response = self._send(what, method, url, query, body)
        text = self._accepted(what, response, gone=gone)
        return Reply(
            response.status_code,
            _json(what, text) if response.status_code < 300 else None,
            response.headers.get("Azure-AsyncOperation") or "",
            retry_after(response.headers.get("Retry-After"), date=response.headers.get("Date")),
        )

    def _send(self, what: str, method: str, url: str, query: Mapping[str, str], body: Json) -> HttpResponse:
        token = self._token(what, f"https://{self._cloud.manager}/.default").token
        request = HttpRequest(method, url, params=dict(query), headers={"Authorization": f"Bearer {token}"}, json=body)
        return self._request(what, request)

    def _accepted(self, what: str, response: HttpResponse, *, gone: bool = False) -> str:
        """The text of a response. Raises the LadingError that explains a refusal, or a web page in its place."""
        text = response.text() or ""
        accepted = response.status_code < 300 or (gone and response.status_code == 404)
        if not accepted or is_page(text):
            raise _explained(_failure(response, text), what, self.place)
        return text

    def _request(self, what: str, request: HttpRequest, *, stream: bool = False) -> HttpResponse:
        try:
            return self._client.send_request(request, read_timeout=_READ, stream=stream)  # type: ignore[no-any-return]
        except AzureError as error:
            raise explain(_unanswered(error), what, self.place) from None

    def _token(self, what: str, scope: str) -> AccessToken:
        try:
            return self._credential.get_token(scope)
        except AzureError as error:
            lost = any(isinstance(cause, _NO_ANSWER) for cause in causes(error))
            failure = _unanswered(error) if lost else _unsigned(error)
            raise explain(failure, what, self.place) from None


def _json(what: str, text: str) -> Json:
    """The body of an accepted request. Raises Transient if it is cut off."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        raise Transient(f"{what}: Azure's answer is not JSON") from None


def _failure(response: HttpResponse, text: str) -> Failure:
    host = urlsplit(response.request.url).hostname or ""
    failure = of_answer(response.status_code, response.headers, text, host=host)
    return replace(failure, message=plain(failure.message))


def _explained(failure: Failure, what: str, place: Place) -> LadingError:
    """The failure of a request. Azure refuses a change while another one of the same endpoint is in progress."""
    if failure.status == 409 and "in progress" in failure.message:
        return Transient(f"{what}: {failure.message}", retry_after=_IN_PROGRESS_DELAY)
    return explain(failure, what, place)


def _unsigned(error: AzureError) -> Failure:
    """A failure of the sign-in. A web page in its place says nothing about the sign-in."""
    return of_page(error) or Failure(None, "", clean(str(error)), None, unsigned=True)


def _unanswered(error: AzureError) -> Failure:
    return Failure(None, "", clean(str(error.message)), None, answered=False)
