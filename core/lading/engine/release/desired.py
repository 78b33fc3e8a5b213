"""The desired release of a service: its package, its inputs, and the place of its cache key in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..stages import cache_keys as keys
from ..stages.package import PACKAGE
from ..stages.stage import DEPLOY

if TYPE_CHECKING:
    from ...model import GoldenRequest, Package
    from .service import Service


class Wanted(NamedTuple):
    """The desired state of a release.

    `samples` are its golden requests. `record` has the same requests with references as written. `restores` is the
    number of an earlier release that it restores. With `recording`, the responses of `samples` are not known: the
    release's answers are recorded as its golden requests. With `beside`, the release becomes a canary. With `force`, it
    is made even if the release that serves has the same content.
    """

    package: Package
    samples: tuple[GoldenRequest, ...]
    record: tuple[GoldenRequest, ...]
    restores: int | None = None
    recording: bool = False
    beside: bool = False
    force: bool = False


def inputs(service: Service, package: Package | None) -> keys.Inputs:
    """The inputs of a release. The package is left out if it is not known yet."""
    upstream = {PACKAGE.name: package.digest} if package else {}
    session, target, image = service.session, service.target, service.image
    stage_inputs = keys.section_inputs(session, DEPLOY.name, target, service=target.service_name, **upstream)
    if image is None:
        return stage_inputs
    return keys.within(stage_inputs, "image", keys.section_inputs(session, image.role, image))
