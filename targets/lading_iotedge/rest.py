"""The REST interface of an IoT hub, through azure-core. Only this module imports azure.

A call is tried once. Failures that may pass are raised as Transient, and the engine waits for the time that the hub
requests. Only an expired signature is renewed, once, because the rejected call had no effect.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import quote

from azure.core import PipelineClient
from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError
from azure.core.pipeline.policies import UserAgentPolicy
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest, HttpResponse

from lading import Context, Json, LadingError, __version__

from .failing import Reply, failure, sign_in, unreachable
from .port import AGENT, Configuration, Identity, Twin
from .signing import parse, value_of
from .text import clean

_API_VERSION = "2021-04-12"
_SCOPE = "https://iothubs.azure.net/.default"
_CONNECT, _READ = 10, 40  # seconds
_PAGE = 1000  # twins in one answer to a query
_MOST = 100  # the maximum of automatic deployments in a hub
_AGENT_LIMIT = 15  # seconds for a device to answer a request to its agent

_Answer = tuple[HttpResponse, Json]


def connect(hub: str, context: Context) -> RestHub:
    """Connect to the hub at a host name, or of the connection string in a variable. Raises BadInput for a wrong one."""
    if "." in hub:
        return RestHub(hub, lambda fresh: f"Bearer {_token(fresh)}", context.seconds_left)
    shared = parse(hub, value_of(hub, "hub", context))
    return RestHub(shared.host, lambda _fresh: shared.sign(), context.seconds_left)


@cache
def _credential() -> TokenCredential:
    from azure.identity import DefaultAzureCredential  # half of a command's imports, and not needed with a key

    return DefaultAzureCredential(exclude_interactive_browser_credential=True)


def _token(fresh: bool) -> str:
    if fresh:
        _credential.cache_clear()
    try:
        return _credential().get_token(_SCOPE).token
    except AzureError as error:
        raise sign_in(str(error.message)) from None


class RestHub:
    """A hub over HTTPS. It implements `port.Hub`. After `seconds_left`, nobody waits for its answers."""

    def __init__(self, host: str, authorize: Callable[[bool], str], seconds_left: float | None) -> None:
        self.name = host
        self._authorize = authorize
        self._end = math.inf if seconds_left is None else time.monotonic() + seconds_left
        transport = RequestsTransport(connection_timeout=_CONNECT)
        agent = UserAgentPolicy(f"lading/{__version__}")
        self._client: Any = PipelineClient(f"https://{host}", policies=[agent], transport=transport)

    def close(self) -> None:
        self._client.close()

    def identity(self, device: str) -> Identity | None:
        found = self._find(f"the device {device}", f"/devices/{_quoted(device)}")
        return None if found is None else _identity(found)

    def twin(self, device: str, module: str = "") -> Twin | None:
        path = f"/twins/{_quoted(device)}" + (f"/modules/{_quoted(module)}" if module else "")
        found = self._find(f"the twin of {f'{module} on ' if module else ''}{device}", path)
        return None if found is None else _twin(found)

    def apply(self, device: str, content: Mapping[str, Json]) -> None:
        path = f"/devices/{_quoted(device)}/applyConfigurationContent"
        self._ask(f"applying the content of {device}", "POST", path, {"modulesContent": content})

    def configurations(self) -> tuple[Configuration, ...]:
        _, found = self._ask("listing the automatic deployments", "GET", "/configurations", top=str(_MOST))
        return tuple(map(_configuration, found))

    def configuration(self, name: str) -> Configuration | None:
        found = self._find(f"the automatic deployment {name}", f"/configurations/{_quoted(name)}")
        return None if found is None else _configuration(found)

    def create(self, configuration: Mapping[str, Json]) -> None:
        self._ask(
            f"creating the automatic deployment {configuration['id']}",
            "PUT",
            f"/configurations/{_quoted(configuration['id'])}",
            configuration,
        )

    def delete(self, configuration: Configuration) -> None:
        headers = {"If-Match": f'"{configuration.etag}"'}
        self._ask(
            f"deleting the automatic deployment {configuration.id}",
            "DELETE",
            f"/configurations/{_quoted(configuration.id)}",
            headers=headers,
            gone=True,
        )

    def test(self, condition: str, queries: Mapping[str, str]) -> tuple[str, ...]:
        body = {"targetCondition": condition, "customMetricQueries": dict(queries)}
        _, found = self._ask("checking the target condition", "POST", "/configurations/testQueries", body)
        objections = (found.get("targetConditionError"), *(found.get("customMetricQueryErrors") or {}).values())
        return tuple(clean(str(words)) for words in objections if words)

    def query(self, text: str, *, limit: int | None = None) -> Iterator[Twin]:
        left, position = limit, ""
        while True:
            size = _PAGE if left is None else min(left, _PAGE)
            headers = {"x-ms-max-item-count": str(size)} | ({"x-ms-continuation": position} if position else {})
            response, found = self._ask(
                "querying the devices", "POST", "/devices/query", {"query": text}, headers=headers
            )
            yield from map(_twin, found if left is None else found[:left])
            left = None if left is None else left - len(found)
            position = response.headers.get("x-ms-continuation") or ""
            if not position or (left is not None and left <= 0):
                return

    def module_log(self, device: str, module: str, tail: int) -> tuple[str, ...]:
        item = {"id": f"^{module}$", "filter": {"tail": tail}}
        payload = {"schemaVersion": "1.0", "items": [item], "encoding": "none", "contentType": "text"}
        body = {
            "methodName": "GetModuleLogs",
            "payload": payload,
            "responseTimeoutInSeconds": _AGENT_LIMIT,
            "connectTimeoutInSeconds": _AGENT_LIMIT,
        }
        try:
            _, found = self._ask(
                f"reading the log of {module}",
                "POST",
                f"/twins/{_quoted(device)}/modules/{_quoted(AGENT)}/methods",
                body,
            )
        except LadingError:  # the log is only a help: an unreachable device must not hide the rest
            return ()
        items = found.get("payload") if found.get("status") == 200 else None
        return tuple(line for item in items or () for line in map(clean, str(item.get("payload")).splitlines()))

    def _find(self, what: str, path: str) -> Json:
        """The object at a path; None if there is none."""
        response, found = self._ask(f"reading {what}", "GET", path, gone=True)
        return None if response.status_code == 404 else found

    def _ask(
        self,
        what: str,
        method: str,
        path: str,
        body: Json = None,
        *,
        headers: Mapping[str, str] | None = None,
        gone: bool = False,
        **parameters: str,
    ) -> _Answer:
        """An answer and its JSON. `what` names the purpose of the call in messages.

        With `gone`, 404 is accepted as an answer. Raises the errors of `port.Hub`.
        """
        response = self._send(method, path, body, headers or {}, parameters, fresh=False)
        if response.status_code == 401:
            response = self._send(method, path, body, headers or {}, parameters, fresh=True)
        reply = _reply(response)
        if response.status_code < 300 and not reply.is_page:
            return response, response.json() if response.content else None
        if response.status_code == 404 and gone and not reply.is_page:
            return response, None
        raise failure(reply, what, self.name, self._left())

    def _send(
        self,
        method: str,
        path: str,
        body: Json,
        headers: Mapping[str, str],
        parameters: Mapping[str, str],
        *,
        fresh: bool,
    ) -> HttpResponse:
        request = HttpRequest(
            method,
            f"https://{self.name}{path}",
            params={"api-version": _API_VERSION, **parameters},
            headers={"Authorization": self._authorize(fresh), **headers},
            json=body,
        )
        try:
            response: HttpResponse = self._client.send_request(request, read_timeout=max(0.1, min(_READ, self._left())))
        except AzureError as error:
            raise unreachable(str(error.message), self.name) from None
        return response

    def _left(self) -> float:
        """Seconds until nobody waits any more."""
        return self._end - time.monotonic()


def _quoted(name: str) -> str:
    return quote(name, safe="$")


def _reply(response: HttpResponse) -> Reply:
    return Reply(response.status_code, response.headers, response.text() or "")


def _identity(found: Mapping[str, Json]) -> Identity:
    scopes = found.get("parentScopes") or [""]  # such as ms-azure-iot-edge://NAME-637291
    parent = str(scopes[0]).rpartition("://")[2].rpartition("-")[0]
    return Identity(edge=bool(found.get("capabilities", {}).get("iotEdge")), parent=clean(parent))


def _twin(found: Mapping[str, Json]) -> Twin:
    properties = found.get("properties") or {}
    desired, reported = properties.get("desired") or {}, properties.get("reported") or {}
    return Twin(
        device=found["deviceId"],
        desired=_own(desired),
        version=int(desired.get("$version", 0)),
        reported=_own(reported),
        tags=found.get("tags") or {},
        deployments=tuple(found.get("configurations") or ()),
        connected=found.get("connectionState") != "Disconnected",
        seen=clean(str(found.get("lastActivityTime") or "")),
        written=clean(str((desired.get("$metadata") or {}).get("$lastUpdated") or "")),
    )


def _own(properties: Mapping[str, Json]) -> Mapping[str, Json]:
    return {name: value for name, value in properties.items() if name not in ("$metadata", "$version")}


def _configuration(found: Mapping[str, Json]) -> Configuration:
    counts: dict[str, int] = {}
    for kind in ("systemMetrics", "metrics"):
        counts |= (found.get(kind) or {}).get("results") or {}
    return Configuration(
        found["id"],
        found["etag"],
        int(found["priority"]),
        found.get("labels") or {},
        counts,
        found.get("targetCondition") or "*",
        (found.get("content") or {}).get("modulesContent") or {},
    )
