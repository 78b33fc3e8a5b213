"""The types of traffic: the shares of the requests of a service that its releases get."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Share:
    """The share of one release: `weight` percent of the requests, and copies of `shadow` percent of them.

    The answers of copies are compared with those of the stable release, and never returned.
    """

    release_id: str
    weight: int
    shadow: int = 0


@dataclass(frozen=True, kw_only=True)
class ReleaseWeight:
    """A release by its number in this store, and its percent of the requests. None if this store does not know it."""

    release: int | None
    weight: int


@dataclass(frozen=True, kw_only=True)
class RolloutState:
    """A rollout that has not ended: its canary, and its step, the `step`-th of `steps`.

    A process with this `pid` continues it, `since` a time in UTC. A `detached` one outlives its command, and writes to
    the file `log`. If no process does, `pid` is None, and the same `lading deploy` continues.
    """

    release: int
    step: int
    steps: int
    pid: int | None = None
    since: str = ""
    detached: bool = False
    log: str = ""

    def __str__(self) -> str:
        where = f"step {self.step} of {self.steps}"
        if self.pid is None:
            return f"the rollout stopped in {where}: `lading deploy` continues it"
        how = f"detached, log: {self.log}" if self.detached else "in another command"
        return f"the rollout is in {where}, since {self.since} (pid {self.pid}), {how}"


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """The releases that share the requests of a service, as its target reports them.

    `stable` is None if nothing serves, and `canary` if nothing serves beside it. The canary gets copies of `shadow`
    percent of the requests. `rollout` is set while a rollout of the canary has not ended.
    """

    stable: ReleaseWeight | None
    canary: ReleaseWeight | None = None
    shadow: int = 0
    rollout: RolloutState | None = None
