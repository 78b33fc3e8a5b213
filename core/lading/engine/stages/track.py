"""Trackers: log a run in the systems that show runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ...errors import LadingError
from ...model.description import Role
from ...model.metrics import EVALUATED
from ..session.session import ACCOUNT_LIMIT
from . import cache_keys as keys

if TYPE_CHECKING:
    from ...model import Json, Run, TrackedRun
    from ..session.events import Emitter
    from ..session.session import Session


def reach_trackers(session: Session) -> None:
    """Open the connections that a run will be logged to. If one fails now, no run is left unfinished."""
    for name in session.accounts(Role.TRACK, session.manifest.track):
        session.connection(name)


def track_run(session: Session, run: Run, emit: Emitter) -> None:
    """Log a run's current state to every tracker in use that does not have it yet, and record its page."""
    for name in lacking(session, run):
        tracked = _track(session, run, name, emit.stage)
        session.store.runs.add_tracked(run.id, tracked)
        session.store.reuse.put(_mark(session, run, name), "track", tracked.id)
        emit("progress", detail=tracked.id, phase=f"logged to {name}", url=tracked.url)


def track_failure(session: Session, failed: Run, emit: Emitter) -> None:
    """Log a failed run. A failing tracker must not hide why the training failed."""
    try:
        track_run(session, failed, emit)
    except LadingError as error:
        emit("warning", detail=f"the failed run is not logged: {error.message}")


def lacking(session: Session, run: Run | None) -> list[str]:
    """The trackers in use that do not have the run's current state."""
    names = session.accounts(Role.TRACK, session.manifest.track)
    return [name for name in names if run is None or session.store.reuse.get(_mark(session, run, name)) is None]


def _mark(session: Session, run: Run, tracker: str) -> str:
    evaluated = {name: value for name, value in run.metrics.items() if name.startswith(EVALUATED)}
    more: dict[str, Json] = {"evaluated": evaluated} if evaluated else {}
    plots = session.store.plots.of_run(run.id) if evaluated else ()
    more |= {"plots": {plot.name: session.store.digests.file(plot) for plot in plots}} if plots else {}
    account = keys.account(session, tracker)
    return keys.key("track", run=run.id, state=run.state, tracker=tracker, account=account, **more)


def _track(session: Session, run: Run, name: str, stage: str) -> TrackedRun:
    plugin, end = session.plugin(session.manifest.connections[name]), session.end(ACCOUNT_LIMIT)
    context = session.context(session.store.work("trackers", name), stage=stage, connection=name, end=end)
    plots = session.store.plots.of_run(run.id)
    tracked = session.run_hook(plugin, "lading_track", lambda: plugin.track(run, context, artifacts=plots), end=end)
    return replace(tracked, tracker=name)
