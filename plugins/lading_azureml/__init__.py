"""An Azure ML workspace: the connection that its targets share, the tracker of runs, and the registry of models.

Only `sdk` imports azureml, when a command connects to Azure.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lading import ConnectRequest, Context, Description, ModelReference, RegisterRequest, Run, TrackedRun, hookimpl

from .connection import AzureConnection, connect
from .options import AzureOptions


@hookimpl
def lading_describe() -> Description:
    return Description(
        summary="an Azure ML workspace: its experiments, models and services", api=1, options=AzureOptions
    )


@hookimpl
def lading_connect(request: ConnectRequest[AzureOptions], context: Context) -> AzureConnection:
    return connect(request.name, request.options, context)


@hookimpl
def lading_register(request: RegisterRequest, context: Context) -> ModelReference:
    from .registering import register

    return register(request, context)


@hookimpl
def lading_track(request: Run, context: Context, artifacts: Sequence[Path]) -> TrackedRun:
    from .tracking import attach, track

    tracked = track(request, context)
    if artifacts:
        attach(request, artifacts, context)
    return tracked
