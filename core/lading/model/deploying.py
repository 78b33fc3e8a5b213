"""The types of the hooks that deploy and delete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic

from .environments import Environment
from .imaging import Image
from .options import Json, OptionsT_co
from .records import Deployment, Package
from .traffic import Share


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The result of the golden requests to a candidate. `answered` is false if the candidate did not answer at all."""

    up: bool
    reason: str = ""
    answered: bool = True


@dataclass(frozen=True, kw_only=True)
class DeployRequest(Generic[OptionsT_co]):
    """One step of a deploy. `verdict` is set after the golden requests to a `Candidate`.

    Each object that the target creates gets the `tags`. `release` is its number in this store, for people. `release_id`
    is unique among all stores: the target builds the names of a release's objects from the service, the package's
    digest and this id.

    `image` is an image of the package, if the target's description asks for one. `environment` is the environment that
    the target installs, if its options say so. `metrics` are those of the run that trained the model.

    `stable` is the deployment of the release that is up, with the options that it was deployed with. It is None before
    the first release, or if these options cannot be restored, such as without one of their variables. A target that
    goes back to that release restores its objects with these options.

    `beside` is set only for a target with the capability `traffic`. The release is then brought up beside the stable
    one, which keeps all requests. Its objects are not changed by the options of the new one.

    With `force`, the target makes the objects of the release, even if the release that serves has the same content.
    """

    deployment: Deployment[OptionsT_co]
    package: Package
    release: int
    release_id: str
    tags: Mapping[str, str]
    verdict: Verdict | None = None
    image: Image | None = None
    environment: Environment | None = None
    metrics: Mapping[str, Json] = field(default_factory=dict)
    beside: bool = False
    stable: Deployment[OptionsT_co] | None = None
    force: bool = False


@dataclass(frozen=True, kw_only=True)
class ShiftRequest(Generic[OptionsT_co]):
    """One step towards exactly these `shares`. A release without a share is removed.

    `deployment` has the options of the release that is the stable one after the shift, and `canary` those of the
    release beside it. It is None if only one release keeps a share.
    """

    deployment: Deployment[OptionsT_co]
    shares: tuple[Share, ...]
    canary: Deployment[OptionsT_co] | None = None


@dataclass(frozen=True, kw_only=True)
class Pending:
    """Not finished: call again after `retry_after` seconds."""

    phase: str
    detail: str = ""
    retry_after: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """The new release answers at `uri` while the old one serves; call again with the verdict.

    If it refuses the connection, does not answer in time, or answers with 502, 503 or 504, it is not ready. The
    framework then calls again without a verdict, so that the target can report a crash, and asks again. It does so for
    `start_limit` seconds. With None, the framework chooses the limit.

    The requests carry `headers`. They choose the new release if `uri` is the public address.
    """

    uri: str
    start_limit: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Ready:
    """The new release serves."""


@dataclass(frozen=True, kw_only=True)
class Failed:
    """The new release will not serve, the deployment cannot be deleted, or its requests cannot be shifted.

    `log` holds the last lines of its log. `option` is the key of the target's block to change, with dots between its
    parts. The reason of a deploy is then reported at its line and column. `gone` says that nothing of the release is
    left, so `lading logs` cannot read its log.
    """

    reason: str
    log: str = ""
    option: str = ""
    gone: bool = False


@dataclass(frozen=True, kw_only=True)
class Done:
    """Nothing of the deployment is left, or each release has its share."""


@dataclass(frozen=True, kw_only=True)
class Ejected:
    """A release as files of its platform, which serve it without Lading.

    `files` has the text of each file by its path in a folder, with `/`. A secret is left out: the text has `${NAME}`,
    and NAME is a variable of the manifest or one of the `placeholders`, which have the meaning of each name. The
    `commands` apply the files. They run in the folder.
    """

    files: Mapping[str, str]
    commands: tuple[str, ...]
    placeholders: Mapping[str, str] = field(default_factory=dict)


DeployStep = Pending | Candidate | Ready | Failed
DeleteStep = Pending | Done | Failed
ShiftStep = Pending | Done | Failed
