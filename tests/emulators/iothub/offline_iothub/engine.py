"""The calls of an agent to a Docker engine, with edgeAgent's values."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, NotFound
from offline_azure.state import Record

NETWORK = "azure-iot-edge"
OWNER = {"net.azure-devices.edge.owner": "Microsoft.Azure.Devices.Edge.Agent"}
IMAGE_LABEL = "net.azure-devices.edge.original-image"
STOP_SECONDS = 10
FAILURES = (DockerException, requests.RequestException)
ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True)
class State:
    """The engine's state of a container."""

    running: bool
    status: str
    exit_code: int
    started: str
    exited: str
    image: str  # the name in the request
    image_hash: str


class Engine:
    """The engine at an address as in `DOCKER_HOST`. All methods raise FAILURES."""

    def __init__(self, address: str) -> None:
        self._api: Any = docker.APIClient(base_url=address, version="auto", timeout=120)

    @property
    def platform(self) -> Record:
        """The platform in edgeAgent's format."""
        version = self._api.version()
        return {"os": version["Os"], "architecture": ARCHITECTURES.get(version["Arch"], version["Arch"])}

    def pull(self, image: str, credentials: Record | None) -> None:
        for line in self._api.pull(image, stream=True, decode=True, auth_config=credentials):
            if "error" in line:
                raise DockerException(line["error"])

    def create(self, name: str, alias: str, image: str, options: Record, env: dict[str, str]) -> None:
        """Create a container like edgeAgent: with the create options, and the agent's image, labels and network."""
        own = dict(line.partition("=")[::2] for line in options.get("Env") or [])
        labels = {**options.get("Labels", {}), **OWNER, IMAGE_LABEL: image}
        variables = [f"{key}={value}" for key, value in {**env, **own}.items()]
        config = {**options, "Image": image, "Env": variables, "Labels": labels}
        if "NetworkingConfig" not in options and options.get("HostConfig", {}).get("NetworkMode") is None:
            self._ensure_network()
            config["NetworkingConfig"] = {"EndpointsConfig": {NETWORK: {"Aliases": [alias]}}}
        self._api.create_container_from_config(config, name)

    def start(self, name: str) -> None:
        self._api.start(name)

    def stop(self, name: str) -> None:
        self._api.stop(name, timeout=STOP_SECONDS)

    def remove(self, name: str) -> None:
        with contextlib.suppress(NotFound):
            self._api.remove_container(name, force=True)

    def remove_all(self, prefix: str) -> None:
        """Remove all containers whose names start with `prefix`."""
        for found in self._api.containers(all=True, filters={"name": f"^/{prefix}"}):
            self.remove(found["Id"])

    def state(self, name: str) -> State | None:
        """The state of a container. None if it does not exist."""
        try:
            found = self._api.inspect_container(name)
        except NotFound:
            return None
        state = found["State"]
        return State(
            state["Running"],
            state["Status"],
            state["ExitCode"],
            state["StartedAt"],
            state["FinishedAt"],
            found["Config"]["Labels"][IMAGE_LABEL],
            found["Image"],
        )

    def logs(self, name: str, tail: int) -> str:
        try:
            text: bytes = self._api.logs(name, tail=tail)
        except NotFound:
            return ""
        return text.decode(errors="replace")

    def close(self) -> None:
        self._api.close()

    def _ensure_network(self) -> None:
        if not any(network["Name"] == NETWORK for network in self._api.networks(names=[NETWORK])):
            with contextlib.suppress(APIError):  # another device was faster
                self._api.create_network(NETWORK, check_duplicate=True)


def words(error: Exception) -> str:
    """The text that edgeAgent reports for a failure."""
    if isinstance(error, APIError):
        return f"Docker API responded with status code={error.status_code}, response={error.explanation}"
    return str(error)
