"""The container engine, through the docker SDK: the one module that imports it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound

from lading import Json, LadingError, StageFailed, Transient

from .address import unreachable

_TIMEOUT = 600  # seconds without a byte from the engine: installing what a model needs may say nothing for minutes
_REFUSED = ("toomanyrequests", "denied", "unauthorized", "manifest unknown", "not found", "no such host", "timeout")
_ESCAPES = re.compile("\x1b\\[[0-9;]*[A-Za-z]")  # pip colours what it says
_NOISE = ("--->", "Removing intermediate container")
_FULL = "no space left on device"


@dataclass(frozen=True)
class Built:
    """An image on the engine."""

    id: str
    platform: str
    labels: Mapping[str, str]


class Engine:
    """The engine at DOCKER_HOST, or at the usual place.

    Every method raises Transient where the engine is gone, its disk is full or a registry refuses, and StageFailed
    where it says no.
    """

    def __init__(self) -> None:
        with asking("the container engine"):
            self.api: Any = docker.from_env(timeout=_TIMEOUT).api

    def find(self, image: str) -> Built | None:
        """An image by its name or id; None where there is none."""
        with asking(f"the image {image}"):
            try:
                told = self.api.inspect_image(image)
            except ImageNotFound:
                return None
        platform = "/".join(filter(None, (told["Os"], told["Architecture"], told.get("Variant"))))
        return Built(told["Id"], platform, (told.get("Config") or {}).get("Labels") or {})

    def pull(self, image: str, platform: str | None = None) -> Iterator[str]:
        """Pull an image, line by line of what the engine says."""
        named = ":" in image.rpartition("/")[2] and "@" not in image
        name, _, tag = image.rpartition(":") if named else (image, "", "")
        yield from self._lines(
            f"pulling {image}",
            lambda: self.api.pull(name, tag=tag or None, platform=platform, stream=True, decode=True),
        )

    def build(self, context: BinaryIO, tag: str, arguments: Mapping[str, str], platform: str | None) -> Iterator[str]:
        """Build a tar with a Dockerfile, step by step."""
        yield from self._lines(
            "building the image",
            lambda: self.api.build(
                fileobj=context,
                custom_context=True,
                tag=tag,
                buildargs=dict(arguments),
                platform=platform,
                rm=True,
                forcerm=True,
                decode=True,
            ),
        )

    def container(self, name: str) -> Json:
        """What the engine says of a container; None where there is none."""
        with asking(f"the container {name}"):
            try:
                return self.api.inspect_container(name)
            except NotFound:
                return None

    def push(self, name: str, credentials: Mapping[str, str] | None) -> Iterator[str]:
        """Push a tag, line by line."""
        repository, _, tag = name.rpartition(":")
        sign_in = dict(credentials) if credentials else None
        yield from self._lines(
            f"pushing {name}",
            lambda: self.api.push(repository, tag=tag, stream=True, decode=True, auth_config=sign_in),
        )

    def _lines(self, what: str, start: Any) -> Iterator[str]:
        with asking(what):
            for event in start():
                if "error" in event:
                    raise failure(what, str(event["error"]))
                words = _ESCAPES.sub("", event.get("stream") or _layer(event))
                yield from (line for line in map(str.strip, words.splitlines()) if line and not line.startswith(_NOISE))


def _layer(event: Mapping[str, Any]) -> str:
    """What a pull or push says of a layer; not how many bytes of it have come so far."""
    status = event.get("status", "")
    return "" if event.get("progressDetail") else " ".join(filter(None, (event.get("id"), status)))


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Put what the SDK raises into our words."""
    try:
        yield
    except LadingError:
        raise
    except APIError as error:
        raise failure(what, str(error.explanation or error)) from error
    except (DockerException, requests.RequestException, OSError) as error:
        raise unreachable(what) from error


def failure(what: str, said: str) -> LadingError:
    """What the engine refused, as the failure that it is: one that may pass, or one that will not."""
    words, known = " ".join(said.split()), said.lower()
    if _FULL in known:
        free = "`docker system prune` frees what nobody uses"
        return Transient(f"{what}: the engine's disk is full: {words}", hint=free)
    if what.startswith(("pulling", "pushing")) and any(word in known for word in _REFUSED):
        return Transient(f"{what}: {words}", hint="`docker login` signs in; a limit of requests passes with time")
    return StageFailed(f"{what}: {words}")
