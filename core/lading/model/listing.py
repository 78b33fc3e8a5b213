"""The types of the hook that lists Lading's objects on a platform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic

from .options import OptionsT_co
from .records import Deployment, Shown, State


@dataclass(frozen=True, kw_only=True)
class ListRequest(Generic[OptionsT_co]):
    """The platform to list: that of the target block of `deployment`."""

    deployment: Deployment[OptionsT_co]


@dataclass(frozen=True, kw_only=True)
class Listed(Shown):
    """An object on a platform that has Lading's tags. A field that the tags do not fill is None or empty.

    `name` is its name on the platform, such as that of a container. `service`, `target`, `release_id`, `package_digest`
    and `model_sha256` come from its tags. `owner` is the folder of the store that made it, or one in that folder.
    """

    name: str
    service: str
    target: str
    state: State
    release: int | None = None
    release_id: str | None = None
    package_digest: str | None = None
    model_sha256: str | None = None
    uri: str | None = None
    owner: str = ""
    created: datetime | None = None

    @classmethod
    def from_tags(
        cls,
        tags: Mapping[str, str],
        *,
        name: str,
        state: State,
        uri: str | None = None,
        created: datetime | None = None,
    ) -> Listed:
        """An object with Lading's tags, as a release wrote them. A release number that is not one is left out."""
        release = tags.get("lading.release", "")
        return cls(
            name=name,
            service=tags.get("lading.service", ""),
            target=tags.get("lading.target", ""),
            state=state,
            release=int(release) if release.isascii() and release.isdigit() else None,
            release_id=tags.get("lading.release-id"),
            package_digest=tags.get("lading.package"),
            model_sha256=tags.get("lading.model"),
            uri=uri,
            created=created,
        )


@dataclass(frozen=True, kw_only=True)
class Listing:
    """All objects with Lading's tags on a platform, of all services and stores."""

    objects: tuple[Listed, ...] = ()
