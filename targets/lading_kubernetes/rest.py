"""Requests to an API server."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx2
from lightkube.core.exceptions import ConfigError

from lading import Json, StageFailed, Transient

from .failing import failure, unanswered, unreachable, unsendable
from .kinds import KINDS, collection
from .kubeconfig import aks_connection, connection, kubeconfigs, unusable
from .receiving import LARGEST, Reply, receive

if TYPE_CHECKING:
    from .options import KubernetesOptions

MANAGER = "lading"
"""The field manager of all objects."""

_PAGE = 500  # objects in one reply
_TIMEOUT = 30.0  # seconds for one request
_SHORTEST = 0.5  # seconds for a request at the end of a hook
_SHARE = 0.8  # of the time that is left: the hook needs the rest to report a silent server
_REVIEWS = "authorization.k8s.io/v1"
_ID = "x-request-id"  # a header of each answer of the scoring server, and of none of the API server


class Cluster:
    """One namespace of a cluster, for one step. Objects are JSON, as the server gives them."""

    def __init__(self, http: httpx2.Client, namespace: str, seconds_left: float | None = None) -> None:
        self._http = http
        self._end = None if seconds_left is None else time.monotonic() + seconds_left
        self.namespace = namespace
        self.server = str(http.base_url).rstrip("/")
        self.now = datetime.now(UTC)
        """The time of the server at its last reply. The clock of this machine may differ."""

    def get(self, kind: str, name: str) -> Json | None:
        """An object; None if it does not exist."""
        return self._json("GET", self._place(kind, name), f"reading {kind} {name}", absent=(404,))

    def list(self, kind: str, labels: str = "", fields: str = "") -> list[Json]:
        """All objects that match a selector, page by page. Empty if the cluster does not know the kind."""
        found: list[Json] = []
        more = ""
        if not self.knows(kind):
            return found
        while True:
            query = {"limit": str(_PAGE), "labelSelector": labels, "fieldSelector": fields, "continue": more}
            page = self._json("GET", self._place(kind), f"listing {kind}", absent=(404,), params=query) or {}
            found += page.get("items") or ()
            more = (page.get("metadata") or {}).get("continue") or ""
            if not more:
                return found

    def apply(self, body: Json, *, dry_run: bool = False) -> Json:
        """Create or change an object by server-side apply. It must be ours, because fields of others are taken over.

        A dry run only checks it. With a `resourceVersion`, raises Conflict if the object has changed since.
        """
        kind, name = body["kind"], body["metadata"]["name"]
        whole = {"apiVersion": self.api_version(kind), **body}
        return self._json(
            "PATCH",
            self._place(kind, name),
            f"applying {kind} {name}",
            params={"fieldManager": MANAGER, "force": "true", **({"dryRun": "All"} if dry_run else {})},
            json=whole,
            headers={"Content-Type": "application/apply-patch+yaml"},
        )

    def annotate(self, kind: str, name: str, annotations: Mapping[str, str]) -> None:
        """Set annotations of an object, if it still exists."""
        body = {"metadata": {"annotations": dict(annotations)}}
        headers = {"Content-Type": "application/merge-patch+json"}
        path = self._place(kind, name)
        self._json("PATCH", path, f"annotating {kind} {name}", absent=(404,), json=body, headers=headers)

    def scale(self, name: str, replicas: int) -> None:
        """Set the number of pods of a Deployment, if it still exists."""
        headers = {"Content-Type": "application/merge-patch+json"}
        self._json(
            "PATCH",
            self._place("Deployment", name),
            f"scaling Deployment {name}",
            absent=(404,),
            params={"fieldManager": MANAGER},
            json={"spec": {"replicas": replicas}},
            headers=headers,
        )

    def delete(self, kind: str, name: str) -> None:
        """Delete an object with its dependants, if it exists."""
        body = {"propagationPolicy": "Background"}
        self._json("DELETE", self._place(kind, name), f"deleting {kind} {name}", absent=(404,), json=body)

    def review(self, kind: str, **spec: Json) -> Json:
        """The answer to a question about the rights of the account. `kind` is such as `SelfSubjectRulesReview`."""
        body = {"apiVersion": _REVIEWS, "kind": kind, "spec": spec}
        return self._json("POST", f"/apis/{_REVIEWS}/{kind.lower()}s", "reading the rights", json=body)["status"]

    def log(self, pod: str, **query: str) -> str:
        """The log of a pod; empty if it has none yet."""
        reply = self._send("GET", f"{self._place('Pod', pod)}/log", params=query)
        if reply.status in (400, 404):  # the container has not started, or nothing came before it
            return ""
        self._check(reply, f"the log of {pod}")
        return reply.text

    def proxy(self, kind: str, name: str, path: str = "/score") -> str:
        """The address of a pod or a Service, with its port, through the API server."""
        return f"{self.server}{self._place(kind, name)}/proxy{path}"

    def ask(
        self, uri: str, body: bytes | None, headers: Mapping[str, str], timeout: float, *, largest: int = LARGEST
    ) -> Reply:
        """Send a request to a pod through the API server. `timeout` is in seconds, for the whole answer.

        Raises Transient if no pod answers, and StageFailed if the account lacks the right.
        """
        method, end = "GET" if body is None else "POST", time.monotonic() + self._limit(timeout)
        reply = self._send(method, uri, content=body, headers=headers, timeout=timeout, largest=largest, end=end)
        if not reply.is_success and _ID not in reply.headers:
            raise unanswered(reply.status, reply.headers, reply.text, self.server)
        return reply

    def api_version(self, kind: str) -> str:
        """The newest version of a kind that this server has, such as `apps/v1`."""
        group, versions = KINDS[kind][:2]
        if not group:
            return versions[0]
        known = versions if len(versions) == 1 else [each for each in versions if f"{group}/{each}" in self._versions]
        if not known:
            raise StageFailed(f"the cluster does not know {kind} of {group}")
        return f"{group}/{known[0]}"

    def knows(self, kind: str) -> bool:
        group, versions = KINDS[kind][:2]
        return len(versions) == 1 or any(f"{group}/{each}" in self._versions for each in versions)

    @cached_property
    def _versions(self) -> frozenset[str]:
        groups = self._json("GET", "/apis", "reading the API versions")["groups"]
        return frozenset(version["groupVersion"] for group in groups for version in group["versions"])

    def _place(self, kind: str, name: str = "") -> str:
        path = collection(self.api_version(kind), self.namespace, kind)
        return f"{path}/{name}" if name else path

    def _json(self, method: str, path: str, what: str, *, absent: Sequence[int] = (), **arguments: Any) -> Json:
        """The reply; None if its status is in `absent`. Raises BadInput if the namespace does not exist."""
        reply = self._send(method, path, **arguments)
        if reply.status in absent and "namespaces " not in reply.text:
            return None
        self._check(reply, what)
        try:
            return reply.json()
        except ValueError as error:
            hint = "a proxy before the cluster may ask for a sign-in"
            raise Transient(f"{what}: {self.server} does not answer with JSON", hint=hint) from error

    def _send(self, method: str, path: str, **arguments: Any) -> Reply:
        try:
            reply = receive(self._http, method, path, **{**arguments, "timeout": self._limit(**arguments)})
        except (ConfigError, OSError) as error:  # a file of the kubeconfig is read with the first request
            raise unusable(error) from error
        except (httpx2.LocalProtocolError, UnicodeEncodeError):  # the error quotes the token or the key
            raise unsendable(self.server) from None
        except httpx2.HTTPError as error:
            raise unreachable(error, self.server) from error
        self.now = _date(reply) or self.now
        return reply

    def _limit(self, timeout: float = _TIMEOUT, **_: Any) -> float:
        """The seconds for a request. A silent server must not hold a hook beyond the end of its time."""
        if self._end is None:
            return timeout
        return min(timeout, max(_SHORTEST, _SHARE * (self._end - time.monotonic())))

    def _check(self, reply: Reply, what: str) -> None:
        if not reply.is_success:
            raise failure(reply.status, reply.headers, reply.text, what, self.server)


def _date(reply: Reply) -> datetime | None:
    """The time of a reply; None if it has none. Without a time zone it is in UTC."""
    with suppress(KeyError, TypeError, ValueError, OverflowError):
        found = parsedate_to_datetime(reply.headers["Date"])
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None


@contextmanager
def connect(options: KubernetesOptions, seconds_left: float | None = None) -> Iterator[Cluster]:
    """The namespace of a cluster, for one step. Raises BadInput if the kubeconfig has no such context."""
    aks = options.aks_cluster
    settings, usual = aks_connection(aks) if aks else connection(options.context, kubeconfigs())
    with httpx2.Client(**{**settings, "timeout": _TIMEOUT, "follow_redirects": False}) as http:
        yield Cluster(http, options.namespace or usual, seconds_left)
