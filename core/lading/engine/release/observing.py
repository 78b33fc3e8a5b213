"""What a target shows of a service that runs: its log and its figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from ... import model
from ...errors import BadInput, LadingError
from ...model import Capability
from .image import failed_build_log
from .log_text import with_originals
from .service import READ_LIMIT

if TYPE_CHECKING:
    from ...model import Logs, Metrics
    from ..session.context import HookContext
    from .service import Service

Result = TypeVar("Result")

METRICS_LIMIT = 5.0  # seconds for the figures of one service, so that a status of many services is quick


def read_log(
    service: Service,
    *,
    tail: int,
    cursor: str | None = None,
    since: datetime | None = None,
    release: int | None = None,
) -> Logs:
    """The last `tail` lines, or the lines after `cursor`. Raises BadInput if the target has no such log."""
    _require(service, Capability.LOGS, "has no logs to show")
    if since is not None:
        _require(service, Capability.LOGS_SINCE, "cannot show its log since a time: leave out --since")
    if release is not None:
        _require(service, Capability.RELEASE_LOGS, "has one log for all releases: leave out --release")
    deployment = service.deployment
    request = model.LogsRequest(deployment=deployment, tail=tail, cursor=cursor, since=since, release=release)
    found: Logs = _ask(service, "lading_logs", lambda context: service.plugin.logs(request, context))
    if not deployment.package_digest:
        return found
    package = service.session.store.packages.place(deployment.package_digest)
    text = with_originals(service.session, package, "\n".join(found.lines))
    return replace(found, lines=tuple(text.split("\n")) if found.lines else ())


def read_build_log(service: Service) -> Logs:
    """The whole log of the last image build: of the target, or of the image maker if that build failed.

    Raises BadInput if there is neither.
    """
    if not service.plugin.can(Capability.BUILD_LOGS):
        kept = failed_build_log(service.session)
        if kept:
            return model.Logs(lines=kept)
    _require(service, Capability.BUILD_LOGS, "builds no image itself, and the last image build has not failed")
    request = model.LogsRequest(deployment=service.deployment, build=True)
    return _ask(service, "lading_logs", lambda context: service.plugin.logs(request, context))


def read_metrics(service: Service) -> Metrics:
    """The figures of the releases that run. Raises BadInput if the target has none, and soon if it is silent."""
    _require(service, Capability.METRICS, "has no figures to show")
    deployment = service.deployment
    return _ask(
        service, "lading_metrics", lambda context: service.plugin.metrics(deployment, context), limit=METRICS_LIMIT
    )


def seen_metrics(service: Service) -> Metrics | str:
    """The figures of the releases that run, or the reason why they cannot be read. Empty if the target has none."""
    if not service.plugin.can(Capability.METRICS):
        return ""
    try:
        return read_metrics(service)
    except LadingError as error:
        return error.message


def _ask(
    service: Service, hook: str, question: Callable[[HookContext], Result], *, limit: float = READ_LIMIT
) -> Result:
    end = service.session.end(limit)
    context = service.context(end)
    return service.session.run_hook(service.plugin, hook, lambda: question(context), end=end)


def _require(service: Service, capability: Capability, what: str) -> None:
    if not service.plugin.can(capability):
        raise BadInput(f"the target '{service.target.name}' {what}")
