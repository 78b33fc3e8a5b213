"""Shift the requests of a service between its releases, and verify that the target did so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import LadingError, StageFailed
from ...model import Done, Failed, Served, Share, ShiftRequest, ShiftStep, State, Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...model import Deployment
    from .service import Service

SHIFT_LIMIT = 900.0  # seconds: on a cluster, the replicas of a removed release answer their open requests first


def find_served(status: Status, release_id: str) -> Served | None:
    """A release among those that a target serves."""
    return next((one for one in status.releases if one.release_id == release_id), None)


def shift(service: Service, shares: tuple[Share, ...], canary: Deployment | None = None) -> None:
    """Call `lading_shift` until the target has these shares, and its own status confirms it.

    The service has the options of the stable release, and `canary` is the deployment of one that keeps a share.
    The intent is in the journal first. It stays open after an interrupt, so that the same command continues. Raises
    StageFailed if the target cannot shift, and Unverified if its status shows other shares.
    """
    session, target = service.session, service.target
    journal, where = session.store.journal, (target.service_name, target.name)
    end = session.end(SHIFT_LIMIT)
    context = service.context(end, journal=lambda name: _ignore(journal.intend(*where, name)))
    request = ShiftRequest(deployment=service.deployment, shares=shares, canary=canary)
    what = f"the shift of {service.name}"
    journal.intend(*where, f"shift/{_text(shares)}")

    def step() -> ShiftStep:
        return session.run_hook(service.plugin, "lading_shift", lambda: service.plugin.shift(request, context), end=end)

    while not isinstance(taken := step(), Done):
        if isinstance(taken, Failed):
            journal.settle_all(*where, "failed")
            raise _not_shifted(service, taken)
        context.progress(taken.phase, taken.detail)
        session.pause(taken.retry_after, what, taken.phase, end)
    _verify(service, shares, service.settled_status(context, what, end))


def _ignore(_number: int) -> None:
    """Journal entries of a shift are settled together."""


def _text(shares: Iterable[Share]) -> str:
    """Shares in words, for the journal and for messages."""
    return ",".join(
        f"{share.release_id}:{share.weight}" + (f"+{share.shadow}" * bool(share.shadow)) for share in shares
    )


def _verify(service: Service, shares: tuple[Share, ...], status: Status) -> None:
    """Believe `Done` only if the target's own status shows exactly these shares."""
    shown = [Share(release_id=each.release_id, weight=each.weight, shadow=each.shadow) for each in status.releases]
    if status.state is not State.RUNNING:
        raise service.unverified(
            f"the requests of {service.name} are not shifted",
            f"returned Done, and its status is {status.state}: {status.detail}".rstrip(": "),
        )
    if sorted(shown, key=_text_of) != sorted(shares, key=_text_of):
        raise service.unverified(
            f"the requests of {service.name} are not shifted",
            f"returned Done for the shares {_text(shares)}, and its status shows {_text(shown) or 'none'}",
        )


def _text_of(share: Share) -> str:
    return _text((share,))


def _not_shifted(service: Service, step: Failed) -> LadingError:
    log = f"\n{step.log}" if step.log else ""
    return StageFailed(
        f"the requests of {service.name} could not be shifted: {step.reason}{log}",
        hint="`lading traffic` shows the shares; the same command tries again",
    )
