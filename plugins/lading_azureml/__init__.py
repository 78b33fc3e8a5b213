"""An Azure ML workspace: the connection that its targets share, the tracker of runs, and the registry of models.

Nothing here imports azureml: `sdk` alone does, when a command talks to Azure.
"""

from __future__ import annotations

from typing import cast

from lading import ConnectRequest, Context, Description, ModelReference, RegisterRequest, Run, TrackedRun, hookimpl

from .connection import AzureConnection, connect
from .options import AzureOptions


@hookimpl
def lading_describe() -> Description:
    return Description(summary="an Azure ML workspace: its experiments, models and services", options=AzureOptions)


@hookimpl
def lading_connect(request: ConnectRequest, context: Context) -> AzureConnection:
    return connect(request.name, cast("AzureOptions", request.options), context)


@hookimpl
def lading_register(request: RegisterRequest, context: Context) -> ModelReference:
    from .registering import register

    return register(request, context)


@hookimpl
def lading_track(request: Run, context: Context) -> TrackedRun:
    from .tracking import track

    return track(request, context)
