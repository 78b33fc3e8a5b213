"""A replica that is a container: the engine at `Settings.engine` pulls the image of the deployment and runs it.

`python -m offline_azure.v2.engine ENGINE LABEL` removes the containers with a label when standard input ends. The
emulator starts it beside the first container, so that no container outlives the emulator.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

import docker
import requests
from docker.errors import DockerException, NotFound

from ..serving import EVERY, Response
from .replicas import Replica, Routes, crashed, no_image, not_ready

FAILURES = (DockerException, requests.RequestException)
LABEL = f"offline-azure-{secrets.token_hex(8)}"


class ContainerReplica(Replica):
    """A container whose port is published on loopback."""

    def __init__(self, engine: str, image: str, routes: Routes, given: Mapping[str, str]) -> None:
        """Pull the image and create the container. Raises Failure if that fails."""
        _start_reaper(engine)
        self._api = _client(engine)
        self._routes = routes
        self._last_log = ""
        self._port = 0
        port = f"{routes.port}/tcp"
        try:
            self._pull(image)
            config = {
                "Image": image,
                "Env": [f"{name}={text}" for name, text in given.items()],
                "Labels": {LABEL: ""},
                "ExposedPorts": {port: {}},
                "HostConfig": {"PortBindings": {port: [{"HostIp": "127.0.0.1", "HostPort": ""}]}},
            }
            self._id = self._api.create_container_from_config(config)["Id"]
        except FAILURES as error:
            self._api.close()
            raise no_image(image, str(error)) from error

    def start(self) -> None:
        self._api.start(self._id)
        ports = self._api.inspect_container(self._id)["NetworkSettings"]["Ports"]
        self._port = int(ports[f"{self._routes.port}/tcp"][0]["HostPort"])

    def wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self._answers():
            if not self._api.inspect_container(self._id)["State"]["Running"]:
                raise crashed()
            if time.monotonic() > end:
                raise not_ready()
            time.sleep(EVERY)

    def ask(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Response:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self.seconds)
        try:
            connection.request(method, target, body, dict(headers))
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()

    def log(self) -> str:
        with contextlib.suppress(NotFound):
            text: bytes = self._api.logs(self._id)
            return text.decode(errors="replace")
        return self._last_log

    def stop(self) -> None:
        with contextlib.suppress(*FAILURES):
            self._last_log = self.log()
            self._api.remove_container(self._id, force=True)

    def _pull(self, image: str) -> None:
        for line in self._api.pull(image, stream=True, decode=True):
            if "error" in line:
                raise DockerException(line["error"])

    def _answers(self) -> bool:
        try:
            return self.ask("GET", self._routes.readiness, b"", {})[0] == 200
        except OSError:
            return False


def _client(engine: str) -> Any:
    return docker.APIClient(base_url=engine, version="auto", timeout=120)


@functools.cache
def _start_reaper(engine: str) -> subprocess.Popen[bytes]:
    """Start the program that removes what is left. The cache keeps its input open."""
    argv = [sys.executable, "-m", "offline_azure.v2.engine", engine, LABEL]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, start_new_session=True)


def _reap(engine: str, label: str) -> None:
    os.read(0, 1)
    with contextlib.suppress(*FAILURES):  # an engine that is gone has no containers
        client = _client(engine)
        for found in client.containers(all=True, filters={"label": label}):
            client.remove_container(found["Id"], force=True)


if __name__ == "__main__":
    _reap(*sys.argv[1:])
