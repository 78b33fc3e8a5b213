"""MLflow: a connection, the tracker of runs and the registry of models on its server.

Only `server.py` imports mlflow, when a command uses the connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import (
    ConnectRequest,
    Context,
    Description,
    ModelReference,
    PluginError,
    RegisterRequest,
    Run,
    TrackedRun,
    hookimpl,
)

from .options import MlflowOptions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .port import Server


@hookimpl
def lading_describe() -> Description:
    return Description(summary="an MLflow server: logs runs, registers models", api=1, options=MlflowOptions)


@hookimpl
def lading_connect(request: ConnectRequest[MlflowOptions], context: Context) -> Server:
    """Connect to the server, and find or create the experiment.

    Raises BadInput for a credential that is not set, Transient if the server does not answer, and StageFailed if it
    refuses.
    """
    try:
        from .server import connect
    except ImportError as error:
        missing = f"the plugin 'mlflow' needs {error.name or 'mlflow-skinny'}"
        raise PluginError(missing, hint="pip install 'lading[mlflow]'") from error
    context.progress("connecting", request.options.tracking_uri)
    return connect(request.options, context)


@hookimpl
def lading_track(request: Run, context: Context, artifacts: Sequence[Path]) -> TrackedRun:
    """Log a run and its files, in the run with our id in its tags or in a new one."""
    from .tracking import attach, track

    tracked = track(context.connection, request)
    if artifacts:
        attach(context.connection, tracked.id, artifacts, context.warn)
    return tracked


@hookimpl
def lading_register(request: RegisterRequest, context: Context) -> ModelReference:
    """Register a model, or find the version that has its sha256 in its tags."""
    from .registry import register

    return register(context.connection, request, context.work)
