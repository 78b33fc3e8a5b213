"""One training of a manifest at a time, and the end of runs whose process died."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from ...errors import Locked
from ...store.names import train_lock
from .track import track_failure

if TYPE_CHECKING:
    from ..session.session import Session


@contextmanager
def training(session: Session, *, wait: bool) -> Iterator[None]:
    """Hold the training of this manifest; whoever holds it knows that runs which have not ended never will.

    Another command's training is waited for, for its result can be used: until it ends, or `--timeout` has passed.
    Without `wait` nothing is trained, and whoever does is left alone.
    """
    name, command = train_lock(session.manifest.name), session.order.command
    with ExitStack() as stack:
        try:
            stack.enter_context(session.store.lock(name, command=command))
        except Locked as error:
            if wait:
                session.events.emit("progress", stage="train", phase="waiting", detail=error.message)
                stack.enter_context(session.store.lock(name, command=command, wait=_patience(session)))
                _end_dead_runs(session)
        else:
            _end_dead_runs(session)
        yield


def tell_trackers(session: Session) -> None:
    """Log the interrupted runs as such where they were logged as running, once their tracker is in use."""
    in_use = set(session.accounts("track", session.manifest.track))
    for run in session.store.runs.interrupted(session.manifest.name) if in_use else ():
        if in_use & {tracked.tracker for tracked in run.tracked}:
            track_failure(session, run)


def _patience(session: Session) -> float:
    end = session.end()
    return math.inf if end is None else max(0.0, end - time.monotonic())


def _end_dead_runs(session: Session) -> None:
    for run in session.store.runs.running(session.manifest.name):
        session.store.runs.interrupt(run)
        session.events.emit(
            "progress", stage="train", phase="recorded as failed", detail=f"run {run.id}: its process died"
        )
