"""An API server in memory, for tests of single steps without a cluster."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs

import httpx2

from lading_kubernetes.kinds import KINDS
from lading_kubernetes.patching import merged
from lading_kubernetes.rest import Cluster

KIND_OF = {kind.plural: name for name, kind in KINDS.items()}
START = datetime(2020, 1, 1, tzinfo=UTC)  # far from the clock of this machine


@dataclass
class FakeCluster:
    """Keeps objects by kind and name. `refused` gives a status and a message for a method and a kind, such as `Pod`
    or `Pod/log`.
    """

    objects: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    refused: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    logs: dict[bool, str] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    before: Callable[[str, str, str], None] = lambda method, kind, name: None
    """Called before each request, as another program that changes objects."""

    now: datetime = START
    version: int = 0

    def client(self) -> Cluster:
        http = httpx2.Client(base_url="https://api.example", transport=httpx2.MockTransport(self._reply))
        return Cluster(http, "models")

    def names(self) -> set[str]:
        return {f"{kind}/{name}" for kind, name in self.objects}

    def put(self, kind: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create or change an object, as server-side apply does."""
        self.version += 1
        old = self.objects.get((kind, name))
        first = {"creationTimestamp": self.now.isoformat(), "uid": str(self.version)}
        made: dict[str, Any] = merged(old or {"metadata": first, "status": {}}, body)
        made["metadata"] |= {"name": name, "resourceVersion": str(self.version), "generation": 1}
        self.objects[kind, name] = made
        return made

    def complete(self, name: str) -> None:
        """Let a Deployment have all its pods, ready."""
        deployment = self.objects["Deployment", name]
        count = deployment["spec"]["replicas"]
        counts = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), count)
        deployment["status"] = {"observedGeneration": 1, **counts}
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        ready = [{"type": "Ready", "status": "True"}]
        self.put("Pod", f"{name}-1", {"metadata": {"labels": labels}, "spec": {}, "status": {"conditions": ready}})

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def _reply(self, request: httpx2.Request) -> httpx2.Response:
        status, body = self._answer(request)
        headers = {"Date": format_datetime(self.now, usegmt=True)}
        if isinstance(body, str):
            return httpx2.Response(status, text=body, headers=headers)
        return httpx2.Response(status, json=body, headers=headers)

    def _answer(self, request: httpx2.Request) -> tuple[int, Any]:
        path, query = request.url.path, {k: v[0] for k, v in parse_qs(request.url.query.decode()).items()}
        if path == "/apis":
            versions = [f"{kind.group}/{version}" for kind in KINDS.values() for version in kind.versions]
            return 200, {"groups": [{"versions": [{"groupVersion": each} for each in versions]}]}
        plural, _, rest = path.partition("/namespaces/models/")[2].partition("/")
        kind, (name, _, part) = KIND_OF[plural], rest.partition("/")
        self.requests.append(f"{request.method} {kind}" + (" dryRun" if "dryRun" in query else ""))
        self.before(request.method, kind, name)
        if refusal := self.refused.get((request.method, f"{kind}/{part}" if part else kind)):
            return refusal[0], {"message": refusal[1]}
        if part == "log":
            return 200, self.logs.get("previous" in query, "")
        if request.method == "PATCH":
            applied = "apply-patch" in request.headers["content-type"]
            return self._patch(kind, name, json.loads(request.content), dry="dryRun" in query, applied=applied)
        if request.method == "DELETE":
            if kind == "Deployment":
                self.objects.pop(("Pod", f"{name}-1"), None)
            return (200, {}) if self.objects.pop((kind, name), None) else (404, {})
        if name:
            return (200, self.objects[kind, name]) if (kind, name) in self.objects else (404, {})
        return 200, self._page(self._matching(kind, query.get("labelSelector", "")), query)

    def _page(self, found: list[dict[str, Any]], query: dict[str, str]) -> dict[str, Any]:
        """The part of a list that a request asks for. `continue` is the number of the objects before."""
        begin, limit = int(query.get("continue") or 0), int(query["limit"])
        end = begin + limit
        return {"items": found[begin:end], "metadata": {"continue": str(end) if end < len(found) else ""}}

    def _patch(self, kind: str, name: str, body: dict[str, Any], *, dry: bool, applied: bool) -> tuple[int, Any]:
        known = self.objects.get((kind, name))
        if known is None and not applied:
            return 404, {"message": f"{name} not found"}
        wanted = body.setdefault("metadata", {}).pop("resourceVersion", None)
        if wanted and known and wanted != known["metadata"]["resourceVersion"]:
            return 409, {"message": "the object has been modified"}
        if dry:
            planned = deepcopy(known or {"metadata": {}})
            self._drop(planned)
            return 200, merged(planned, body)
        if known and applied:
            self._drop(known)
        return 200, self.put(kind, name, body)

    def _drop(self, known: dict[str, Any]) -> None:
        """Remove the fields that Lading has applied, so that an apply without them removes them."""
        known.pop("spec", None)
        marks = known["metadata"].get("annotations") or {}
        known["metadata"]["annotations"] = {name: mark for name, mark in marks.items() if "lading." not in name}

    def _matching(self, kind: str, selector: str) -> list[dict[str, Any]]:
        wanted = dict(pair.split("=") for pair in selector.split(",") if pair)
        found = [body for (each, _), body in self.objects.items() if each == kind]
        matching = [body for body in found if wanted.items() <= (body["metadata"].get("labels") or {}).items()]
        return [{name: part for name, part in body.items() if name != "kind"} for body in matching]  # as a real server
