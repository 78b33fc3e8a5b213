"""A project that is deployed to devices of the loopback hub."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import yaml
from offline_iothub.client import IotHub, Record, content
from tests.conftest import Done, Shell

VARIABLE = "IOTHUB_CONNECTION"
QUICK = {"grace": 0.4, "timeout": 200}

SCRIPT = """\
def init():
    pass


def run(raw_data):
    return [1]
"""


@dataclass
class Project:
    """A shell with a manifest for the target `iot-edge`, and the hub."""

    shell: Shell
    hub: IotHub

    def write(self, model: int = 1, *, image: Mapping[str, Any] | None = None, **options: Any) -> None:
        """Write the manifest: a model that returns a number, and the block of the target."""
        block = {"hub": VARIABLE, "wait": QUICK, **options}
        manifest = {
            "version": 1,
            "name": "salary",
            "register": {"model": "m", "file": "model.txt"},
            "package": {"scoring_script": "score.py", "samples": [{"request": {"data": [[1]]}, "response": [1]}]},
            "image": {"plugin": "stamp", **(image or {})},
            "target": "edge",
            "targets": {"edge": {"plugin": "iot-edge", **block}},
        }
        self.shell.write("lading.yaml", yaml.safe_dump(manifest, sort_keys=False))
        self.shell.write("score.py", SCRIPT)
        self.shell.write("model.txt", str(model))

    def deploy(self, *argv: str, code: int | None = 0, **env: str) -> Done:
        return self.shell("deploy", *argv, code=code, **env)

    def modules(self, device: str = "pi") -> Record:
        """The desired modules of a device."""
        modules: Record = self.hub.agent(device)["desired"].get("modules", {})
        return modules

    def status(self) -> Record:
        row: Record = self.shell("status", "--json").json()["deployments"][0]
        return row

    @property
    def writes(self) -> list[str]:
        """The calls that changed the hub."""
        reads = ("/devices/query", "/testQueries")
        return [
            f"{call.method} {call.path}"
            for call in self.hub.calls
            if call.method != "GET" and not call.path.endswith(reads)
        ]

    def neighbours(self, *devices: str, **modules: str | Record) -> None:
        """Add modules of other owners to devices."""
        self.hub.apply(*devices, content=content(**modules))

    def started(self, device: str, module: str) -> str:
        """The time of the last start of a module on a device."""
        return str(self.hub.agent(device)["reported"]["modules"][module]["lastStartTimeUtc"])


def bound(port: int, image: str = "other:1", container_port: int = 80) -> Record:
    """A module that binds a port of its device."""
    options = {"HostConfig": {"PortBindings": {f"{container_port}/tcp": [{"HostPort": str(port)}]}}}
    settings = {"image": image, "createOptions": json.dumps(options)}
    return {"type": "docker", "status": "running", "restartPolicy": "always", "settings": settings}


@contextmanager
def refusing() -> Iterator[int]:
    """A port of loopback at which nothing listens, and which no other program gets."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@contextmanager
def answering(*answers: Any, port: int = 0) -> Iterator[int]:
    """A scoring server on loopback in place of a device's. The last response is repeated. A status is sent as it is."""
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            answer = left.pop(0) if len(left) > 1 else left[0]
            body = json.dumps(answer).encode()
            self.send_response(answer if isinstance(answer, HTTPStatus) else 200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()
