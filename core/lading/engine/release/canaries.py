"""The canary of a service according to the store, and the failures of commands that it stops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import BadInput, NotUp, Refused
from ...model import Capability
from ...store.origin import mark
from .desired import inputs
from .secrets import rotated

if TYPE_CHECKING:
    from ...manifest import Section
    from ...model import Package, Release
    from ..session.session import Session
    from .service import Service

END_IT = "`lading promote` or `lading abort` first"
ANOTHER = "the manifest asks for another release"


def canary_of(service: Service) -> Release | None:
    """The canary according to the store."""
    return service.session.store.releases.canary(service.target.service_name, service.target.name)


def stable_of(service: Service) -> Release | None:
    """The release that is up according to the store."""
    return service.session.store.releases.current(service.target.service_name, service.target.name)


def has_inputs(service: Service, release: Release, package: Package) -> bool:
    """Whether a canary, or another release, is the desired one: it has this package and the options of the block."""
    key = service.session.store.reuse.get(mark(release))
    return key == inputs(service, package).key and not rotated(service, release)


def ended_elsewhere(service: Service) -> NotUp:
    """The failure of a rollout whose canary another command has ended."""
    return NotUp(
        f"the rollout of {service.name} ended: another command has ended its canary",
        hint="`lading history` shows the releases; `lading deploy` brings one up again",
    )


def refuse_beside_canary(service: Service) -> None:
    """Raise Refused if a canary is up: only its end, or a change of its share, may follow."""
    if canary := canary_of(service):
        raise refused(service, canary)


def refused(service: Service, canary: Release, why: str = "") -> Refused:
    """The refusal of a command that cannot run beside a canary."""
    return Refused(f"release {canary.number} of {service.name} is a canary{why}", hint=END_IT)


def require_traffic(session: Session, target: Section, option: str, *, shadow: bool = False) -> None:
    """Raise BadInput, at the line of the block, if a target cannot serve two releases. `option` is what needs it.

    With `shadow`, the target must also copy requests to the canary.
    """
    plugin = session.plugin(target)
    if not plugin.can(Capability.TRAFFIC):
        path = (*target.path, option) if option in session.draft().block(target.path) else target.path
        able = "the target cannot serve two releases at once (capability `traffic`)"
        hint = f"leave out {option}, or deploy to another target"
        raise BadInput(session.at_line(path, f"{able}, and {option} needs it"), hint=hint)
    if shadow and not plugin.can(Capability.SHADOW):
        able = "the target cannot copy requests to a canary (capability `shadow`)"
        hint = "`--canary N` gives it a share of the requests"
        raise BadInput(session.at_line(target.path, f"{able}, and {option} needs it"), hint=hint)
