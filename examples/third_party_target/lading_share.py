"""The target `share`: copies each release to a folder, and names the current one in a file beside it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lading import (
    Capability,
    Context,
    DeleteStep,
    Deployment,
    DeployRequest,
    DeployStep,
    Description,
    Done,
    ManifestPath,
    NoScoringUri,
    Options,
    Pending,
    Ready,
    State,
    Status,
    hookimpl,
    lay_out,
)


@dataclass(frozen=True)
class ShareOptions(Options):
    folder: ManifestPath
    """The folder that other programs read. Each service gets a folder in it."""


@hookimpl
def lading_describe() -> Description:
    can = frozenset({Capability.STATUS, Capability.DELETE})
    return Description(summary="a folder that other programs read", api=1, options=ShareOptions, capabilities=can)


@hookimpl
def lading_deploy(request: DeployRequest[ShareOptions], context: Context) -> DeployStep:
    """Copy the release, then name it as the current one, then remove the others."""
    place = _place(request.deployment)
    release = place / request.release_id
    if not release.exists():
        context.intend(f"folder/{request.deployment.service}/{request.release_id}")
        draft = place / f"{request.release_id}.draft"
        shutil.rmtree(draft, ignore_errors=True)
        draft.parent.mkdir(parents=True, exist_ok=True)
        lay_out(request.package, draft)
        draft.rename(release)
        return Pending(phase="copied", retry_after=0)
    if _current(place) != request.tags:
        draft = place / "current.draft"
        draft.write_text(json.dumps(dict(request.tags)), encoding="utf-8")
        draft.replace(place / "current.json")
    for other in place.iterdir():
        if other.is_dir() and other != release:
            shutil.rmtree(other)
    return Ready()


@hookimpl
def lading_scoring_uri(deployment: Deployment[ShareOptions]) -> NoScoringUri:
    return NoScoringUri(reason=f"programs read it in {_place(deployment)}")


@hookimpl
def lading_status(deployment: Deployment[ShareOptions]) -> Status:
    tags = _current(_place(deployment))
    if not tags:
        return Status(state=State.ABSENT)
    return Status(
        state=State.RUNNING,
        package_digest=tags["lading.package"],
        model_sha256=tags["lading.model"],
        release_id=tags["lading.release-id"],
    )


@hookimpl
def lading_delete(deployment: Deployment[ShareOptions]) -> DeleteStep:
    place = _place(deployment)
    (place / "current.json").unlink(missing_ok=True)  # first, so that no program begins to read
    shutil.rmtree(place, ignore_errors=True)
    return Done()


def _place(deployment: Deployment[ShareOptions]) -> Path:
    return deployment.options.folder / deployment.service


def _current(place: Path) -> Mapping[str, str]:
    """The tags of the current release; empty if there is none."""
    try:
        tags: Mapping[str, str] = json.loads((place / "current.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return tags
