"""Allow one training of a manifest at a time, end runs whose process died, and find the git commit of a run."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from ...errors import Locked
from ...model.description import Role
from ...store.names import train_lock
from .track import track_failure

if TYPE_CHECKING:
    from pathlib import Path

    from ..session.events import Emitter
    from ..session.session import Session

_GIT_SECONDS = 5.0
_CHANGED = ("1 ", "2 ", "u ", "? ")  # of lines about files; other lines are warnings


@contextmanager
def training(session: Session, emit: Emitter, *, wait: bool) -> Iterator[None]:
    """Hold the training lock of this manifest. The holder knows that unfinished runs will never end.

    Wait for another command's training until it ends or `--timeout` has passed, because its result can be reused.
    Without `wait`, train nothing and leave the other command alone.
    """
    name, command = train_lock(session.manifest.name), session.order.command
    with ExitStack() as stack:
        try:
            stack.enter_context(session.store.lock(name, command=command))
        except Locked as error:
            if wait:
                emit("progress", phase="waiting", detail=error.message)
                stack.enter_context(session.store.lock(name, command=command, wait=_wait_limit(session)))
                _end_dead_runs(session, emit)
        else:
            _end_dead_runs(session, emit)
        yield


def log_interrupted(session: Session, emit: Emitter) -> None:
    """Log the runs as interrupted to trackers that show them as running, when their tracker is in use."""
    in_use = set(session.accounts(Role.TRACK, session.manifest.track))
    for run in session.store.runs.interrupted(session.manifest.name) if in_use else ():
        if in_use & {tracked.tracker for tracked in run.tracked}:
            track_failure(session, run, emit)


def _wait_limit(session: Session) -> float:
    end = session.end()
    return math.inf if end is None else max(0.0, end - time.monotonic())


def _end_dead_runs(session: Session, emit: Emitter) -> None:
    for run in session.store.runs.running(session.manifest.name):
        session.store.runs.interrupt(run)
        emit("progress", phase="recorded as failed", detail=f"run {run.id}: its process died")


def git_state(folder: Path) -> dict[str, Any]:
    """The commit of a folder's repository, and whether its tree has changes. None for what git does not know."""
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return {"git_commit": None, "git_dirty": None}
    # without locks, because a training leaves the index of the user alone
    changes = _git(folder, "--no-optional-locks", "status", "--porcelain=v2")
    dirty = None if changes is None else any(line.startswith(_CHANGED) for line in changes)
    return {"git_commit": commit[-1], "git_dirty": dirty}


def _git(folder: Path, *arguments: str) -> tuple[str, ...] | None:
    """The last lines that git prints; None if it is not installed, fails or takes too long."""
    from ...base.process import Command, child_environment, run_command

    try:
        finished = run_command(Command(("git", *arguments), folder, child_environment()), timeout=_GIT_SECONDS)
    except OSError:
        return None
    return finished.tail if finished.code == 0 else None
