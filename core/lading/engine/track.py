"""Trackers: the run, kept where people look at runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from . import keys

if TYPE_CHECKING:
    from ..model import Run, TrackedRun
    from .session import Session

TRACK_LIMIT = 600.0  # seconds to log one run


def track_run(session: Session, run: Run) -> None:
    """Log a run, as it stands, to every tracker in use that has not had it in this state, and record its page."""
    for name in lacking(session, run):
        tracked = _track(session, run, name)
        session.store.runs.add_tracked(run.id, tracked)
        session.store.reuse.put(_mark(run, name), "track", tracked.id)
        session.events.emit("progress", stage="train", detail=tracked.url or tracked.id, phase=f"logged to {name}")


def lacking(session: Session, run: Run | None) -> list[str]:
    """The trackers in use that have not had a run in the state that it is in."""
    names = session.accounts("track", session.manifest.track)
    return [name for name in names if run is None or session.store.reuse.get(_mark(run, name)) is None]


def _mark(run: Run, tracker: str) -> str:
    return keys.key("track", run=run.id, state=run.state, tracker=tracker)


def _track(session: Session, run: Run, name: str) -> TrackedRun:
    section = session.manifest.connections[name]
    plugin = session.plugin(section)
    end = session.end(TRACK_LIMIT)
    context = session.context(session.store.work("trackers", name), stage="train", connection=name, end=end)
    tracked = session.run_hook(f"tracker '{name}'", lambda: plugin.track(run, section.options, context), end=end)
    return replace(tracked, tracker=name)
