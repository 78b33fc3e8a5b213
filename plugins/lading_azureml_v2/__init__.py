"""The connection to an Azure ML workspace for the endpoints of Azure ML v2. It uses no SDK of Azure ML, only REST."""

from __future__ import annotations

from lading import ConnectRequest, Context, Description, hookimpl
from lading_azureml.options import WorkspaceOptions

from .connection import AzureV2Connection, connect


@hookimpl
def lading_describe() -> Description:
    return Description(summary="an Azure ML workspace: its online endpoints", api=1, options=WorkspaceOptions)


@hookimpl
def lading_connect(request: ConnectRequest[WorkspaceOptions], context: Context) -> AzureV2Connection:
    return connect(request.name, request.options, context)
