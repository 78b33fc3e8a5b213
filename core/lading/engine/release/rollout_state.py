"""The record of a rollout: the step that runs, and the process that runs it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...model import Metrics, Release, RolloutState
from ...store.codec import from_json, to_json
from ...store.facts import Facts
from ...store.names import rollout_lock

if TYPE_CHECKING:
    from .service import Service

_STEP, _DETACHED = "rollout", "rollout detached"  # the names of facts
_SHORTEST_WAIT = 1.0  # seconds: a command that only asks for the holder takes the lock for a moment


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The step of a rollout that runs. `elapsed` has its seconds so far, and `before` the figures when it began.

    Both are None until the requests are shifted. `reason` says why the canary is being aborted. A time of day instead
    of `elapsed` would end a step early if the clock of the machine is set.
    """

    release: str
    step: int
    elapsed: float | None = None
    before: Metrics | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Detached:
    """The process that continues a rollout without its command, and the file of its messages."""

    pid: int
    log: str


def held(service: Service) -> AbstractContextManager[str | None]:
    """Hold the lock of a rollout. Raises Locked if another command rolls the service out."""
    session = service.session
    wait = max(_SHORTEST_WAIT, session.order.lock_wait)
    return session.store.lock(_lock(service), command=session.order.command, wait=wait)


def keep(service: Service, progress: Progress) -> None:
    """Record the step that runs."""
    _facts(service).put(_STEP, to_json(progress))


def kept(service: Service, canary: Release) -> Progress | None:
    """The last recorded step of a canary in the present block. None if its rollout has not begun."""
    text, rollout = _facts(service).get(_STEP), service.target.rollout
    known: Progress | None = from_json(Progress, text) if text else None
    if known is None or rollout is None or known.release != canary.id or known.step >= len(rollout.steps):
        return None
    return known


def keep_detached(service: Service, detached: Detached) -> None:
    """Record the process that continues the rollout."""
    _facts(service).put(_DETACHED, to_json(detached))


def state(service: Service, canary: Release) -> RolloutState | None:
    """The rollout of a canary: its step, and the process that runs it. None if none has begun."""
    progress, rollout = kept(service, canary), service.target.rollout
    if progress is None or rollout is None:
        return None
    found = RolloutState(release=canary.number, step=progress.step + 1, steps=len(rollout.steps))
    holder = service.session.store.holder(_lock(service))
    if holder is None:
        return found
    text = _facts(service).get(_DETACHED)
    detached: Detached | None = from_json(Detached, text) if text else None
    is_detached = detached is not None and detached.pid == holder.pid
    log = detached.log if detached and is_detached else ""
    return replace(found, pid=holder.pid, since=holder.started, detached=is_detached, log=log)


def runner(service: Service) -> int | None:
    """The id of the process that rolls the service out; None if no process does."""
    holder = service.session.store.holder(_lock(service))
    return holder and holder.pid


def abort_reason(service: Service) -> str:
    """Why the newest release was aborted, with the figures. Empty if it was not, or if a user did it."""
    newest = next(iter(service.releases), None)
    if newest is None or newest.state != "aborted" or not newest.reason:
        return ""
    return f"release {newest.number} was aborted: {newest.reason}"


def _lock(service: Service) -> str:
    return rollout_lock(service.target.service_name, service.target.name)


def _facts(service: Service) -> Facts:
    return Facts(service.session.store.reuse, service.target.service_name, service.target.name)
