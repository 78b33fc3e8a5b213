"""Deploy with a canary: bring a release up beside the stable one, and give it a share of the requests."""

from __future__ import annotations

from ...errors import BadInput
from ...model import Release
from ..stages.stage import DEPLOY
from .adopting import has_stable
from .answers import golden_change
from .canaries import ANOTHER, has_inputs, refused, stable_of
from .deploy import Deployed, ensure_up, served
from .desired import Wanted, inputs
from .moves import has_moved
from .service import Service
from .traffic import Split, set_share


def deploy_beside(
    service: Service, desired: Wanted, canary: Release | None, split: Split | None, *, force: bool
) -> Deployed:
    """Shift requests to the canary, or bring one up. The caller holds the lock of the service.

    If nothing serves yet, the release gets all requests. Raises Refused if another canary is up, or if the release
    that is up does not serve.
    """
    if canary is not None:
        return _shifted(service, desired, canary, split)
    if not has_stable(service, desired):
        return ensure_up(service, desired, force=force)
    return _as_canary(service, desired, split, force=force)


def _as_canary(service: Service, desired: Wanted, split: Split | None, *, force: bool) -> Deployed:
    stage_inputs = inputs(service, desired.package)
    found = None if force else served(service, desired, stage_inputs)
    if found is not None:
        if split is not None:
            detail = f"release {found.release.number} is this release already: it is not a canary"
            service.emit("warning", detail=detail)
        return found
    if has_moved(service):
        if split is None:
            service.emit("warning", detail="the block moves the service, so the new release gets all requests at once")
            return ensure_up(service, desired, force=force)
        raise BadInput(
            f"the block moves {service.name}, and a canary stands at the place of the stable release",
            hint="deploy without a canary, or deploy to the old place",
        )
    from ..session.gates import pass_gates
    from .bring_up import bring_up

    pass_gates(service.session, DEPLOY.name, target=service.target.name, made=desired.package)
    canary = bring_up(service, desired._replace(beside=True, force=force), stage_inputs)
    return _with_share(service, canary, split, reused=False)


def _shifted(service: Service, desired: Wanted, canary: Release, split: Split | None) -> Deployed:
    """The canary with another share. Raises Refused if it is not the desired release."""
    if not has_inputs(service, canary, desired.package):
        raise refused(service, canary, f", and {ANOTHER}")
    if split is None and service.target.rollout is None:
        raise refused(service, canary)
    return _with_share(service, canary, split, reused=True)


def _with_share(service: Service, canary: Release, split: Split | None, *, reused: bool) -> Deployed:
    """A canary with the share that the command names. Without one, a rollout follows."""
    golden = None if reused and split else golden_change(stable_of(service), canary)
    shares = set_share(service, split) if split else None
    return Deployed(service.target.name, canary, service.scoring_uri(), reused=reused, traffic=shares, golden=golden)
