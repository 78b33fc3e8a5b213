"""A proxy for an MLflow server that loses replies or refuses, and a direct view of the server's content."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import urllib.request
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.waiting import LIMIT

REPLACED = {"host", "connection", "transfer-encoding", "content-length"}  # the headers of the proxy's own request


@dataclass
class Rule:
    """The effect on requests whose path contains `part`. `answer` is a status, or None to forward and lose the reply.

    A rule applies `times` times.
    """

    part: str
    answer: int | None
    times: int = 1


@dataclass
class Front:
    """Forwards requests to the server at `port`. `seen` has each as `POST /path`."""

    port: int
    rules: list[Rule] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def made(self, what: str) -> int:
        """The number of requests to create an object."""
        return sum(line.endswith(f"{what}/create") for line in self.seen)

    def rule(self, path: str) -> Rule | None:
        for rule in self.rules:
            if rule.part in path and rule.times > 0:
                rule.times -= 1
                return rule
        return None

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(front: Front) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            front.seen.append(f"{self.command} {self.path.partition('?')[0]}")
            front.headers.append(self.headers.get("authorization", ""))
            body = self.body()
            rule = front.rule(self.path)
            if rule is not None and rule.answer is not None:
                self.reply(rule.answer, "text/plain", f"so said the front to {front.headers[-1]}".encode())
                return
            headers = {k: v for k, v in self.headers.items() if k.lower() not in REPLACED}
            server = http.client.HTTPConnection("127.0.0.1", front.port, timeout=LIMIT)
            with contextlib.closing(server):
                server.request(self.command, self.path, body, headers)
                answer = server.getresponse()
                content = answer.read()
            if rule is None:
                self.reply(answer.status, answer.headers.get("content-type", "text/plain"), content)
            self.close_connection = True  # after a rule, without a reply

        def body(self) -> bytes:
            if "chunked" not in self.headers.get("transfer-encoding", ""):
                return self.rfile.read(int(self.headers.get("content-length", 0)))
            return b"".join(iter(self.chunk, b""))  # requests sends an empty file like this

        def chunk(self) -> bytes:
            content = self.rfile.read(int(self.rfile.readline(), 16))
            self.rfile.readline()
            return content

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815 - the names are http.server's

        def reply(self, status: int, kind: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@dataclass(frozen=True)
class Observed:
    """The server's own interface, without its client."""

    uri: str

    def runs(self, service_run: str) -> list[dict[str, Any]]:
        """The runs with the id of one of ours, complete, with their lists as dictionaries."""
        found = self._ask("experiments/search", {"max_results": 1000})["experiments"]
        wanted = {
            "experiment_ids": [experiment["experiment_id"] for experiment in found],
            "filter": f"tags.`lading.run` = '{service_run}'",
        }
        return [_unfolded(run) for run in self._ask("runs/search", wanted).get("runs", [])]

    def versions(self, model: str) -> list[dict[str, Any]]:
        """The versions of a model."""
        answer = self._ask(f"model-versions/search?filter=name%3D%27{model}%27")
        return [{**version, "tags": _pairs(version.get("tags"))} for version in answer.get("model_versions", [])]

    def artifact(self, source: str, name: str) -> bytes:
        """A file below the source of a model version."""
        path = source.removeprefix("mlflow-artifacts:/")
        address = f"{self.uri}/api/2.0/mlflow-artifacts/artifacts/{path}/{name}"
        with urllib.request.urlopen(address, timeout=LIMIT) as answer:
            return bytes(answer.read())

    def artifacts(self, run: str, folder: str) -> list[str]:
        """The names of the artifacts in a folder of a run."""
        answer = self._ask(f"artifacts/list?run_id={run}&path={folder}")
        return [each["path"].rpartition("/")[2] for each in answer.get("files", [])]

    def _ask(self, what: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.uri}/api/2.0/mlflow/{what}", data)
        request.add_header("content-type", "application/json")
        with urllib.request.urlopen(request, timeout=LIMIT) as answer:
            return json.load(answer)


def _unfolded(run: dict[str, Any]) -> dict[str, Any]:
    return {**run["info"], **{name: _pairs(run["data"].get(name)) for name in ("params", "metrics", "tags")}}


def _pairs(items: list[dict[str, Any]] | None) -> dict[str, Any]:
    return {item["key"]: item["value"] for item in items or ()}
