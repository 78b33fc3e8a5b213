"""A rollout: a canary takes over the requests step by step, as long as its figures are good."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn, TypeVar

from ...errors import BadInput, LadingError, NotSignedIn, NotUp, OutcomeUnknown, Refused, StageFailed, Transient
from ...model import Capability, Metrics, Release, Served, State
from .answers import golden_change
from .breaches import StepFigures, breach, differs, since
from .canaries import canary_of, ended_elsewhere, stable_of
from .observing import read_metrics
from .rollout_state import Progress, held, keep, kept
from .service import continued_after_sign_in
from .shifting import SHIFT_LIMIT, find_served
from .traffic import Split, abort, promote, require_served, set_share

if TYPE_CHECKING:
    from ...manifest.rollout import Rollout
    from .service import Service

Result = TypeVar("Result")

_SHORTEST_LOOK, _LONGEST_LOOK = 1.0, 30.0  # seconds between two looks at the figures
_LOOKS = 20  # in a step
_PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 0.0)  # seconds after each try to look at the canary
_UNREADY_LOOKS = 3  # in sequence: a canary of one worker is not ready while the worker is replaced
_ABORT_LIMIT = 3600.0  # seconds: until the canary is removed, it has its share of the requests, and nobody looks
_POLL_INTERVAL = 1.0  # seconds until the rollout notices that another command has ended its canary


def roll_out(service: Service, canary: Release, *, detach: bool = False) -> Release:
    """Shift the requests to a canary step by step, and promote it. With `detach`, only take the step that is next.

    The lock of the service is held for each shift, and not during a step. So other commands can end the canary.

    After an interrupt the same call continues at the step that ran, as it does after OutcomeUnknown, which is raised if
    the credentials are not accepted. Raises NotUp, after the canary is aborted, if its
    figures exceed a limit of the block or cannot be read, if it cannot answer or its share cannot be changed, or if
    another command has aborted it. Raises Refused if another command has changed its share, and Locked if another
    command rolls the service out.
    """
    with held(service), continued_after_sign_in():
        rollout, stable = service.target.rollout, stable_of(service)
        assert rollout is not None
        if stable is None:  # another command has deleted the service
            raise ended_elsewhere(service)
        return _Run(service, rollout, stable, canary).to_the_end(detach=detach)


@dataclass(frozen=True)
class _Run:
    """A rollout that runs: its block, and the two releases."""

    service: Service
    rollout: Rollout
    stable: Release
    canary: Release

    def to_the_end(self, *, detach: bool) -> Release:
        """Take step after step, until the canary is the stable release. With `detach`, only begin a step."""
        progress, reason = None, ""
        while True:
            with self.service.locked(wait=SHIFT_LIMIT):
                if self.ended():
                    return self.promoted_elsewhere()
                if reason:
                    self.give_up(reason)
                progress = self.following(progress) if progress else self.first()
                if self.rollout.steps[progress.step] == 100:
                    return self.moved(promote)
                progress = self.shifted(progress)
            if detach:
                return self.canary
            reason = self.watch(progress)

    def ended(self) -> bool:
        """Whether another command has ended the canary."""
        found = canary_of(self.service)
        return found is None or found.id != self.canary.id

    def promoted_elsewhere(self) -> Release:
        """The canary that another command has promoted. Raises NotUp if that command has removed it."""
        found = next(each for each in self.service.releases if each.id == self.canary.id)
        if found.state != "up":
            raise NotUp(
                f"the rollout of release {found.number} of {self.service.name} ended: another command made the release "
                f"{found.state}",
                hint="`lading history` shows the releases; `lading deploy` brings one up again",
            )
        self.service.emit("progress", phase="rollout", detail=f"another command has promoted release {found.number}")
        return found

    def first(self) -> Progress:
        """The step that an interrupted command was in. Otherwise the first step that does not take requests away."""
        self.judge_golden()
        known, steps = kept(self.service, self.canary), self.rollout.steps
        if known and known.reason:
            self.give_up(known.reason)
        weight = self.share().weight
        if known and (weight == steps[known.step] or (known.elapsed is None and weight < steps[known.step])):
            return known
        step = next(number for number, percent in enumerate(steps) if percent >= weight)
        return Progress(release=self.canary.id, step=step)

    def following(self, progress: Progress) -> Progress:
        """The next step. Raises Refused if another command has changed the share of the canary."""
        left, found = self.split(progress), self.share()
        if found != left:
            raise Refused(
                f"the rollout of release {self.canary.number} of {self.service.name} stopped: it gave the release "
                f"{left}, and another command gave it {found}",
                hint="`lading deploy` continues from there; `lading promote` or `lading abort` ends the canary",
            )
        return Progress(release=self.canary.id, step=progress.step + 1)

    def share(self) -> Split:
        """The share of the canary, as the target reports it. It is aborted if only the stable release serves."""
        status = self.service.status()
        found = find_served(status, self.canary.id)
        if found is None and status.state is State.RUNNING:
            self.give_up("it does not serve any more")
        found = found or require_served(self.service, self.canary)
        return Split(weight=found.weight, shadow=found.shadow)

    def split(self, progress: Progress) -> Split:
        """The share of the canary in a step. It gets copies too if the answers to them can be compared and counted."""
        weight, plugin = self.rollout.steps[progress.step], self.service.plugin
        compares = plugin.can(Capability.METRICS) and plugin.can(Capability.SHADOW)
        return Split(weight=weight, shadow=weight if self.rollout.max_difference is not None and compares else 0)

    def shifted(self, progress: Progress) -> Progress:
        """Give the canary its share of the step. The step begins when this is done, or did before an interrupt."""
        keep(self.service, progress)
        self.moved(lambda service: set_share(service, self.split(progress)))
        if progress.elapsed is None:
            before = self.metrics()
            if isinstance(before, str):
                self.give_up(before)
            progress = replace(progress, elapsed=0.0, before=before)
            keep(self.service, progress)
        return progress

    def moved(self, shift: Callable[[Service], Result]) -> Result:
        """Shift the requests. A canary whose share cannot be changed is aborted, because nobody would look at it.

        Raises BadInput if this command lacks a variable, and NotSignedIn: the same command continues then.
        """
        try:
            return shift(self.service)
        except (BadInput, NotSignedIn):
            raise
        except LadingError as error:
            if isinstance(error, OutcomeUnknown) and self.service.session.order.timeout is not None:
                raise  # the user has limited the time, and the same command continues
            self.give_up(f"its share cannot be changed: {error.message}")

    def watch(self, progress: Progress) -> str:
        """Look at the figures until the step is over. Returns why the canary must be aborted; empty if it need not."""
        assert progress.elapsed is not None
        service, rollout, started = self.service, self.rollout, time.monotonic() - progress.elapsed
        end, share = service.session.end(), f"{rollout.steps[progress.step]} % of the requests"
        look = min(max(_SHORTEST_LOOK, rollout.pause / _LOOKS), _LONGEST_LOOK)
        before, unready = progress.before or Metrics(releases=()), 0
        while not self.ended():
            served, found = self.served(), self.metrics()
            if isinstance(served, str) or isinstance(found, str):
                return served if isinstance(served, str) else str(found)
            unready = 0 if served.ready else unready + 1
            if unready == _UNREADY_LOOKS:
                return f"none of its replicas is ready, of {served.wanted}"
            figures = since(found, before, self.canary.id, self.stable.id)
            if reason := breach(rollout, figures):
                return reason
            elapsed = time.monotonic() - started
            progress, left = self.recorded(progress, elapsed), rollout.pause - elapsed
            rest = f"{_clock(left)} left" if left > 0 else "the step is over"
            state = "" if served.ready else " · not ready"
            service.emit("progress", phase="rollout", detail=f"{share} · {figures}{state} · {rest}")
            if left <= 0 and not unready:
                self.report_unjudged(share, figures)
                break
            self.wait(min(look, left) if left > 0 else look, share, end)
        return ""

    def recorded(self, progress: Progress, elapsed: float) -> Progress:
        """Record the seconds of the step a few times, for a command that continues it.

        A record that cannot be written only makes the step longer then, and the canary is still watched.
        """
        if elapsed - (progress.elapsed or 0.0) < self.rollout.pause / _LOOKS:
            return progress
        progress = replace(progress, elapsed=elapsed)
        with suppress(LadingError):
            keep(self.service, progress)
        return progress

    def report_unjudged(self, share: str, figures: StepFigures) -> None:
        """Warn that a step is over and its limits were not judged, because a release had too few requests."""
        limits = ", ".join(self.rollout.limits)
        if limits and figures.lacking and self.service.plugin.can(Capability.METRICS):
            detail = f"the step of {share} was not fully judged by {limits}: {figures.lacking}"
            self.service.emit("warning", detail=detail)

    def served(self) -> Served | str:
        """The canary as the target reports it, or the reason why a few tries could not find it."""
        return self.tried(lambda: require_served(self.service, self.canary), "it cannot be found")

    def metrics(self) -> Metrics | str:
        """The figures, or the reason why a few tries could not read them."""
        if not self.service.plugin.can(Capability.METRICS):
            return Metrics(releases=())
        return self.tried(lambda: read_metrics(self.service), "its figures cannot be read")

    def tried(self, look: Callable[[], Result], fault: str) -> Result | str:
        """The result of a look, or the reason why a few tries failed: a busy service does not answer at once.

        A canary that another command has ended is not looked for again. Raises NotSignedIn.
        """
        service, reason = self.service, ""
        for pause in _PAUSES:
            try:
                return look()
            except NotSignedIn:
                raise
            except (OutcomeUnknown, Refused, StageFailed, Transient) as error:
                reason = f"{fault}: {error.message}"
                service.emit("progress", phase="rollout", detail=reason)
                self.wait(pause, reason, service.session.end())
            if self.ended():
                break
        return reason

    def wait(self, seconds: float, state: str, end: float | None) -> None:
        """Wait until the next look, or until another command has ended the canary."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.ended():
            self.service.session.pause(min(_POLL_INTERVAL, left), f"the rollout of {self.service.name}", state, end)

    def judge_golden(self) -> None:
        """Abort a canary whose golden answers differ too much, before it gets a request."""
        change, limit = golden_change(self.stable, self.canary), self.rollout.max_difference
        if change is not None and limit is not None and (change.largest or 0.0) > limit:
            self.give_up(differs(change.largest or 0.0, limit, f"{change.compared} golden requests"))

    def give_up(self, reason: str) -> NoReturn:
        """Abort the canary, also if the target is busy for a while. The caller holds the lock.

        The reason is recorded first, so that the same command continues after an interrupt.
        """
        service, pause = self.service, _SHORTEST_LOOK
        known = kept(service, self.canary) or Progress(release=self.canary.id, step=0)
        keep(service, replace(known, reason=reason))
        end = service.session.end(_ABORT_LIMIT)
        while True:
            try:
                abort(service, reason)
                break
            except (OutcomeUnknown, Transient) as error:
                service.emit("progress", phase="rollout", detail=f"it cannot be aborted yet: {error.message}")
                service.session.pause(pause, f"the abort of release {self.canary.number}", error.message, end)
                pause = min(2 * pause, _LONGEST_LOOK)
        raise NotUp(
            f"the rollout of release {self.canary.number} of {self.service.name} is aborted: {reason}",
            hint=f"release {self.stable.number} serves all requests",
        )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
