"""Where the container engine listens, and the failure of a call that it does not answer."""

from __future__ import annotations

import os

from lading import Transient

_USUAL = "unix:///var/run/docker.sock"


def place() -> str:
    """The address of the engine."""
    return os.environ.get("DOCKER_HOST") or _USUAL


def unreachable(what: str) -> Transient:
    """The failure of a call that got no answer."""
    return Transient(
        f"{what}: no container engine answers at {place()}",
        hint="start Docker or Podman, or say where it is with DOCKER_HOST",
    )
