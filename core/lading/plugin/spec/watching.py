"""The hooks that watch a command: trackers, observers and gates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .marks import hookspec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ...model import Context, Event, GateRequest, Run, TrackedRun


@hookspec(firstresult=True)
def lading_track(request: Run, context: Context, artifacts: Sequence[Path]) -> TrackedRun | None:
    """Keep a run in a tracker. Called at its start and at its end with the whole run; idempotent.

    `artifacts` are files of the run, each with another name: the plots of its evaluation. A tracker that cannot keep
    files leaves the argument out.

    Example:
        >>> @hookimpl
        ... def lading_track(request, context, artifacts):
        ...     page = context.connection.upsert(request.id, metrics=request.metrics)
        ...     for file in artifacts:
        ...         page.attach(file.name, file.read_bytes())
        ...     return TrackedRun(tracker="acme", id=page.id, url=page.url)

    Returns:
        The id there and the page to open.

    History:
        since api 1
    """


@hookspec
def lading_observe(event: Event, options: Any, context: Context) -> None:
    """Receive an event. An observer that fails is reported, and changes nothing else.

    Example:
        >>> @hookimpl
        ... def lading_observe(event):
        ...     if event.kind == "release.up":
        ...         ring_the_bell(event.service)

    Returns:
        Nothing.

    History:
        since api 1
    """


@hookspec
def lading_gate(request: GateRequest, context: Context) -> None:
    """Check a stage before it starts. Raise `lading.Refused` to stop it.

    A gate sees the run and the model that come next, the release that serves, and the plan. On a first deploy no
    release serves: `request.previous` is None, and the gate must decide then too.

    Example:
        >>> @hookimpl
        ... def lading_gate(request):
        ...     if request.stage == "deploy" and request.previous:
        ...         new, serving = request.metrics.get("r2"), request.previous.metrics.get("r2")
        ...         if serving is not None and (new is None or new < serving):
        ...             raise Refused(f"r2 {new} is worse than {serving} of the release that serves")

    Returns:
        Nothing.

    History:
        since api 1
    """
