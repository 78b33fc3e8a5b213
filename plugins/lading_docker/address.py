"""The address of the container engine, its default networks, and the error if it does not respond."""

from __future__ import annotations

import os

from lading import Transient

_USUAL = "unix:///var/run/docker.sock"

DEFAULT_NETWORKS = ("bridge", "podman")
"""The network of a container that names none: of Docker, and of Podman."""


def place() -> str:
    """The address of the engine."""
    return os.environ.get("DOCKER_HOST") or _USUAL


def unreachable(what: str) -> Transient:
    """The error for a call without a response."""
    return Transient(
        f"{what}: no container engine answers at {place()}",
        hint="start Docker or Podman, or set DOCKER_HOST to its address",
    )
