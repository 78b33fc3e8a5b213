"""The connection to an Azure ML workspace of v2: its runs, models and online endpoints.

It uses no SDK of Azure ML, only REST.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lading import ConnectRequest, Context, Description, ModelReference, RegisterRequest, Run, TrackedRun, hookimpl

from .connection import AzureV2Connection, connect
from .options import AzureV2Options


@hookimpl
def lading_describe() -> Description:
    summary = "an Azure ML workspace: its runs, models and online endpoints"
    return Description(summary=summary, api=1, options=AzureV2Options)


@hookimpl
def lading_connect(request: ConnectRequest[AzureV2Options], context: Context) -> AzureV2Connection:
    return connect(request.name, request.options, context)


@hookimpl
def lading_register(request: RegisterRequest, context: Context) -> ModelReference:
    from .registering import register

    return register(request, context)


@hookimpl
def lading_track(request: Run, context: Context, artifacts: Sequence[Path]) -> TrackedRun:
    from lading_azureml.tracking import attach, track

    tracked = track(request, context)
    if artifacts:
        attach(request, artifacts, context)
    return tracked
