"""Trackers: the run, kept where people look at runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ...errors import LadingError
from ..session.session import ACCOUNT_LIMIT
from . import cache_keys as keys

if TYPE_CHECKING:
    from ...model import Run, TrackedRun
    from ..session.session import Session


def reach_trackers(session: Session) -> None:
    """Open the connections that a run will be logged to: where one fails, there is no run yet to be left behind."""
    for name in session.accounts("track", session.manifest.track):
        session.connection(name)


def track_run(session: Session, run: Run) -> None:
    """Log a run, as it stands, to every tracker in use that has not had it in this state, and record its page."""
    for name in lacking(session, run):
        tracked = _track(session, run, name)
        session.store.runs.add_tracked(run.id, tracked)
        session.store.reuse.put(_mark(run, name), "track", tracked.id)
        session.events.emit("progress", stage="train", detail=tracked.id, phase=f"logged to {name}", url=tracked.url)


def track_failure(session: Session, failed: Run) -> None:
    """Log a failed run; a tracker that fails as well must not hide why the training did."""
    try:
        track_run(session, failed)
    except LadingError as error:
        session.events.emit("warning", stage="train", detail=f"the failed run is not logged: {error.message}")


def lacking(session: Session, run: Run | None) -> list[str]:
    """The trackers in use that have not had a run in the state that it is in."""
    names = session.accounts("track", session.manifest.track)
    return [name for name in names if run is None or session.store.reuse.get(_mark(run, name)) is None]


def _mark(run: Run, tracker: str) -> str:
    return keys.key("track", run=run.id, state=run.state, tracker=tracker)


def _track(session: Session, run: Run, name: str) -> TrackedRun:
    plugin, end = session.plugin(session.manifest.connections[name]), session.end(ACCOUNT_LIMIT)
    context = session.context(session.store.work("trackers", name), stage="train", connection=name, end=end)
    tracked = session.run_hook(plugin, "lading_track", lambda: plugin.track(run, context), end=end)
    return replace(tracked, tracker=name)
