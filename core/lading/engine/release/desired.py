"""The desired release of a service: what it serves, what it depends on, and where the store keeps its cache key."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..stages import cache_keys as keys

if TYPE_CHECKING:
    from ...model import GoldenRequest, Package, Release
    from .service import Service


class Wanted(NamedTuple):
    """What a release is to serve. `samples` are its golden requests, `record` the same with references as written;
    `restores` is the number of the earlier release that it brings back.
    """

    package: Package
    samples: tuple[GoldenRequest, ...]
    record: tuple[GoldenRequest, ...]
    restores: int | None = None


def inputs(service: Service, package: Package | None) -> keys.Inputs:
    """What a release depends on; without its package where that is not known yet."""
    upstream = {"package": package.digest} if package else {}
    made_from = keys.section_inputs(service.session, service.target, service=service.target.service_name, **upstream)
    image = service.image
    return made_from if image is None else keys.within(made_from, "image", keys.section_inputs(service.session, image))


def mark(release: Release) -> str:
    """Under which the store remembers the key that a release was made from."""
    return keys.key("release", service=release.service, target=release.target, number=release.number)
