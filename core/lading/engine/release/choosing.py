"""Deploy to one target: in place of the release that serves, or beside it as a canary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import BadInput
from ..stages.train import TRAIN
from .canaries import ANOTHER, canary_of, ended_elsewhere, has_inputs, refused, require_traffic
from .deploy import ensure_up, wanted
from .service import Service

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...errors import Refused
    from ...manifest import Section
    from ...model import Package, Release
    from ..session.session import Session
    from .deploy import Deployed
    from .traffic import Split


def foresee(session: Session, split: Split | None, *, trains: bool, detach: bool = False) -> None:
    """Raise the failure of a deploy that its canary excludes, before the first stage works.

    That is a target that cannot serve two releases, or a canary that is up on each chosen target. Its share can change,
    but with `trains` not if the deploy would train another model. With `detach`, that is also a target without a
    rollout.
    """
    for target in session.targets:
        if split is not None:
            require_traffic(session, target, "--shadow" if split.shadow else "--canary", shadow=split.shadow > 0)
        if detach and target.rollout is None:
            message = session.at_line(target.path, "the block has no rollout, and --detach needs one")
            raise BadInput(message, hint="add `rollout: {steps: [5, 25, 100], pause: 10m}` to the block")
    is_other = trains and any(map(canary_of, _services(session))) and TRAIN.works(session)
    _raise_if_all(session, lambda service, canary: _why_not(service, canary, split, is_other=is_other))


def admit(session: Session, package: Package, split: Split | None) -> None:
    """Raise Refused if each chosen target has a canary of another package. Its model is in no other registry yet."""
    _raise_if_all(
        session,
        lambda service, canary: _why_not(service, canary, split, is_other=not has_inputs(service, canary, package)),
    )


def _why_not(service: Service, canary: Release, split: Split | None, *, is_other: bool) -> Refused | None:
    if is_other:
        return refused(service, canary, f", and {ANOTHER}")
    return refused(service, canary) if split is None and service.target.rollout is None else None


def _raise_if_all(session: Session, why_not: Callable[[Service, Release], Refused | None]) -> None:
    """Raise the first failure if every target has one. Otherwise the deploy to each target decides."""
    found = [(service, canary_of(service)) for service in _services(session)]
    failures = [why_not(service, canary) if canary else None for service, canary in found]
    if failures and failures[0] is not None and all(failures):
        raise failures[0]


def _services(session: Session) -> list[Service]:
    return [Service(session, target) for target in session.targets]


def deploy(
    session: Session,
    target: Section,
    package: Package,
    *,
    force: bool = False,
    split: Split | None = None,
    detach: bool = False,
    rollout_of: str | None = None,
) -> Deployed:
    """Deploy a package to a target, or find that it already serves. Raises Locked if another command deploys it.

    With a `split`, the release becomes a canary with that share. If nothing serves yet, the release gets all requests.
    After an interrupt the same call continues. Raises Refused if another canary is up. With `detach`, a rollout ends
    after its first step, and another process must continue it. It names the release in `rollout_of`. Raises NotUp if
    that release is not the canary any more.
    """
    service = Service(session, target)
    with service.locked():
        canary = canary_of(service)
        if rollout_of and (canary is None or canary.id != rollout_of):
            raise ended_elsewhere(service)
        desired = wanted(session, package, force=force)
        if canary is None and split is None and target.rollout is None:
            return ensure_up(service, desired, force=force)
        from .beside import deploy_beside  # most deploys have no canary

        done = deploy_beside(service, desired, canary, split, force=force)
    if split is not None or done.release.state != "canary":
        return done
    from .rollout import roll_out

    return done._replace(release=roll_out(service, done.release, detach=detach), reused=False)
