"""Answers that all kinds of online endpoints share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import hookimpl

from .options import OnlineOptions

if TYPE_CHECKING:
    from lading import (
        Context,
        DeleteStep,
        Deployment,
        Keys,
        Logs,
        LogsRequest,
        NoScoringUri,
        PlanFindings,
        PlanRequest,
        PreflightRequest,
        ScoringUri,
        TargetFindings,
    )


@hookimpl
def lading_scoring_uri(deployment: Deployment[OnlineOptions], context: Context) -> ScoringUri | NoScoringUri:
    from .asking import scoring_uri

    return scoring_uri(deployment, context)


@hookimpl
def lading_logs(request: LogsRequest[OnlineOptions], context: Context) -> Logs:
    from .logs import read_log

    return read_log(request, context)


@hookimpl
def lading_keys(deployment: Deployment[OnlineOptions], context: Context, rotate: str | None) -> Keys:
    from .keys import keys

    return keys(deployment, context, rotate)


@hookimpl
def lading_delete(deployment: Deployment[OnlineOptions], context: Context) -> DeleteStep:
    from .removing import delete

    return delete(deployment, context)


@hookimpl
def lading_preflight(request: PreflightRequest[OnlineOptions], context: Context) -> TargetFindings:
    from .preflight import findings

    return findings(request, context)


@hookimpl
def lading_plan(request: PlanRequest[OnlineOptions]) -> PlanFindings:
    from .planning import findings

    return findings(request)
