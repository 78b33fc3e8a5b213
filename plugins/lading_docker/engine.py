"""The container engine, through the docker SDK. Only this module imports the SDK."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, BinaryIO

import docker
import requests
import urllib3
from docker.errors import APIError, DockerException, ImageNotFound, NotFound, StreamParseError

from lading import Json, LadingError

from .address import DEFAULT_NETWORKS, unreachable
from .failures import failure

_TIMEOUT = 600  # seconds without output from the engine, because an installation may be silent for minutes
_ESCAPES = re.compile("\x1b\\[[0-9;]*[A-Za-z]")  # pip colours its output
_NOISE = ("--->", "Removing intermediate container")
_LOST = (
    DockerException,
    StreamParseError,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    HTTPException,
    OSError,
)


_ROTATED = {"json-file": {"max-size": "4m", "max-file": "2"}, "k8s-file": {"max-size": "4m"}}
"""The options that bound a log, by the driver. These drivers of Docker and Podman have no limit by themselves."""

_PODMAN_INFO = "/v4.0.0/libpod/info"  # Docker's API of Podman leaves out the driver of logs


@dataclass(frozen=True)
class Built:
    """An image in the engine."""

    id: str
    platform: str
    labels: Mapping[str, str]


class Engine:
    """The engine at DOCKER_HOST or at the default address.

    All methods raise Transient if the engine does not respond, its disk is full or a registry refuses. They raise
    StageFailed if the engine reports another error.
    """

    def __init__(self) -> None:
        with asking("the container engine"):
            self.api: Any = docker.from_env(timeout=_TIMEOUT).api

    def find(self, image: str, *, step: str = "") -> Built | None:
        """An image by its name or id. None if it does not exist. An error names the `step` that needs it."""
        with asking(step or f"the image {image}"):
            try:
                described = self.api.inspect_image(image)
            except ImageNotFound:
                return None
        platform = "/".join(filter(None, (described["Os"], described["Architecture"], described.get("Variant"))))
        return Built(described["Id"], platform, (described.get("Config") or {}).get("Labels") or {})

    def pull(self, image: str, platform: str | None = None) -> Iterator[str]:
        """Pull an image. Yields the lines that the engine reports."""
        named = ":" in image.rpartition("/")[2] and "@" not in image
        name, _, tag = image.rpartition(":") if named else (image, "", "")
        yield from self._lines(
            f"pulling {image}",
            lambda: self.api.pull(name, tag=tag or None, platform=platform, stream=True, decode=True),
        )

    def build(
        self, context: BinaryIO, tag: str, arguments: Mapping[str, str], platform: str | None, *, cached: bool = True
    ) -> Iterator[str]:
        """Build a tar with a Dockerfile. Yields the engine's lines. Without `cached`, every step runs."""
        yield from self._lines(
            "building the image",
            lambda: self.api.build(
                fileobj=context,
                custom_context=True,
                tag=tag,
                buildargs=dict(arguments),
                platform=platform,
                nocache=not cached,
                rm=True,
                forcerm=True,
                decode=True,
            ),
        )

    def container(self, name: str) -> Json:
        """The engine's description of a container. None if it does not exist."""
        with asking(f"the container {name}"):
            try:
                return self.api.inspect_container(name)
            except NotFound:
                return None

    def labelled(self, label: str) -> list[str]:
        """The ids of all containers with a label, including stopped ones."""
        with asking("the containers"):
            return [container["Id"] for container in self.api.containers(all=True, filters={"label": [label]})]

    def networks(self) -> tuple[str, ...]:
        """The names of the networks."""
        with asking("the networks of the engine"):
            return tuple(network["Name"] for network in self.api.networks())

    def has_bridge(self) -> bool:
        """Whether containers have a network by default. With `--bridge=none` they have none."""
        return any(name in DEFAULT_NETWORKS for name in self.networks())

    def log_bound(self) -> Json:
        """The settings of a container for a log that is rotated. None if the engine's own way may do that already."""
        with asking("the engine's facts"):
            driver = self.api.info().get("LoggingDriver") or self._driver_of_podman()
        return {"type": driver, "config": _ROTATED[driver]} if driver in _ROTATED else None

    def _driver_of_podman(self) -> str:
        """Podman's driver of logs, from its own API; empty for another engine."""
        answer = self.api.get(f"{self.api.base_url}{_PODMAN_INFO}")
        return str(answer.json()["host"].get("logDriver", "")) if answer.ok else ""

    def processors(self) -> int:
        """The number of processors of the engine's machine."""
        with asking("the container engine"):
            return int(self.api.info()["NCPU"])

    def events(self, until: int, filters: Json) -> tuple[Json, ...]:
        """The events up to a time, oldest first."""
        with asking("the events of the engine"):
            return tuple(self.api.events(since=0, until=until, filters=filters, decode=True))

    def version(self) -> Json:
        """The engine's description of itself."""
        with asking("the container engine"):
            return self.api.version()

    def platform(self) -> str:
        """The platform of the engine, such as `linux/amd64`."""
        described = self.version()
        return f"{described['Os']}/{described['Arch']}"

    def push(self, name: str, credentials: Mapping[str, str] | None) -> Iterator[str]:
        """Push a tag. Yields the lines that the engine reports."""
        repository, _, tag = name.rpartition(":")
        sign_in = dict(credentials) if credentials else None
        yield from self._lines(
            f"pushing {name}",
            lambda: self.api.push(repository, tag=tag, stream=True, decode=True, auth_config=sign_in),
        )

    def registry_has(self, reference: str, credentials: Mapping[str, str] | None) -> bool:
        """Whether the registry has an image, by its digest. The engine asks it, because it knows how to reach it.

        False also if the engine cannot ask, as Podman, or if the registry refuses: the push then shows the reason.
        """
        with asking(f"the image {reference}"):
            try:
                self.api.inspect_distribution(reference, auth_config=dict(credentials) if credentials else None)
            except APIError:
                return False
        return True

    def _lines(self, what: str, start: Any) -> Iterator[str]:
        with asking(what):
            for event in start():
                if "error" in event:
                    raise failure(what, str(event["error"]))
                words = _ESCAPES.sub("", event.get("stream") or _layer(event))
                yield from (line for line in map(str.strip, words.splitlines()) if line and not line.startswith(_NOISE))


def _layer(event: Mapping[str, Any]) -> str:
    """The status of a layer in a pull or push. Progress in bytes is left out."""
    status = event.get("status", "")
    return "" if event.get("progressDetail") else " ".join(filter(None, (event.get("id"), status)))


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Convert errors of the SDK to Lading errors."""
    try:
        yield
    except LadingError:
        raise
    except APIError as error:
        raise failure(what, str(error.explanation or error)) from error
    except _LOST as error:
        raise unreachable(what) from error
