"""What crosses the hook that deploys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .environments import Environment
from .imaging import Image
from .records import Deployment, Package


@dataclass(frozen=True)
class Verdict:
    """What the golden requests said of a candidate."""

    up: bool
    reason: str = ""


@dataclass(frozen=True)
class DeployRequest:
    """One step of a deploy. `verdict` is set once a `Candidate` has been asked; `tags` go on the thing created.

    `image` is the package as an image, for a target whose description asks for one. `environment` is what the target
    installs, for one whose options say so.
    """

    deployment: Deployment
    package: Package
    release: int
    tags: Mapping[str, str]
    verdict: Verdict | None = None
    image: Image | None = None
    environment: Environment | None = None


@dataclass(frozen=True)
class Pending:
    """Not there yet: call again after `retry_after` seconds."""

    phase: str
    detail: str = ""
    retry_after: float = 1.0


@dataclass(frozen=True)
class Candidate:
    """The new release answers at `uri` while the old one serves; call again with the verdict."""

    uri: str


@dataclass(frozen=True)
class Ready:
    """The new release serves."""


@dataclass(frozen=True)
class Failed:
    """The new release will not serve. `log` holds the last lines of its own log."""

    reason: str
    log: str = ""


DeployStep = Pending | Candidate | Ready | Failed
