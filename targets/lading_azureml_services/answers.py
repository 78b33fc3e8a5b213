"""Answers that both targets share, on any compute of Azure."""

from __future__ import annotations

from lading import Context, DeleteStep, Deployment, Keys, Logs, LogsRequest, NoScoringUri, ScoringUri, Status, hookimpl


@hookimpl
def lading_scoring_uri(deployment: Deployment, context: Context) -> ScoringUri | NoScoringUri:
    from .asking import scoring_uri

    return scoring_uri(deployment, context)


@hookimpl
def lading_status(deployment: Deployment, context: Context) -> Status:
    from .asking import status

    return status(deployment, context)


@hookimpl
def lading_logs(request: LogsRequest, context: Context) -> Logs:
    from .asking import build_log, logs

    return build_log(request.deployment, context) if request.build else logs(request, context)


@hookimpl
def lading_keys(deployment: Deployment, context: Context, rotate: str | None) -> Keys:
    from .asking import keys

    return keys(deployment, context, rotate)


@hookimpl
def lading_delete(deployment: Deployment, context: Context) -> DeleteStep:
    from .deleting import delete

    return delete(deployment, context)
