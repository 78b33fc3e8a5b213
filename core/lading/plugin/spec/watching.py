"""What looks on: trackers, observers and gates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .marks import hookspec

if TYPE_CHECKING:
    from ...model import Context, Event, GateRequest, Run, TrackedRun


@hookspec(firstresult=True)
def lading_track(request: Run, context: Context) -> TrackedRun | None:
    """Keep a run where people look at runs. Called at its start and at its end with the whole run; idempotent.

    Example:
        >>> @hookimpl
        ... def lading_track(request, context):
        ...     page = context.connection.upsert(request.id, metrics=request.metrics)
        ...     return TrackedRun(tracker="harbour", id=page.id, url=page.url)

    Returns:
        The id there and the page to open.

    History:
        since api 1
    """


@hookspec
def lading_observe(event: Event, options: Any, context: Context) -> None:
    """Be told what happens. An observer that fails is reported, and changes nothing else.

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
    """Be asked before a stage. Raise `lading.Refused` to stop it.

    Example:
        >>> @hookimpl
        ... def lading_gate(request):
        ...     if request.target == "production" and is_friday():
        ...         raise Refused("no deploy to production on a Friday")

    Returns:
        Nothing.

    History:
        since api 1
    """
